"""The sections of the report's page below its head: uncovered volumes, problems, regions, ages, and what was done.

Each is made of the report and left out where there is nothing to tell.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from urllib.parse import quote

from ebs_backup.model.deployment import NO_RETENTION
from ebs_backup.model.retention import in_words
from ebs_backup.plan.coverage import VolumeCoverage
from ebs_backup.report.findings import uncovered
from ebs_backup.report.schema import AnnouncedSnapshot, RegionReport, Report, ReportedProblem, Totals, added
from ebs_backup.report.words import age, counted, number

from .charts import bar
from .markup import Markup, code, element, foreign, join, whole

MAX_UNCOVERED = 100
MAX_CODES = 25
MAX_EXAMPLES = 5
MAX_REASONS = 10
MAX_ANNOUNCED = 10
MAX_DAYS = 10
MAX_BRAKE = 1000
MAX_LINKS = 50
MAX_NAME = 80

# The status of a region, and of a problem, that was denied as the deployment expects it: nothing is to be done.
EXPECTED = "denied"

Row = Sequence[Markup | str]

_TOTALS = {
    "selected": "Volumes selected",
    "created": "Snapshots created",
    "already_there": "Already there",
    "tagged": "Tagged afterwards",
    "announced": "Deletions announced",
    "waiting": "Announced before",
    "withdrawn": "Announcements withdrawn",
    "deleted": "Snapshots deleted",
    "kept": "Kept though due",
    "skipped": "Volumes skipped",
    "failed": "Failed",
    "unfinished": "Not finished",
}
_PLANNED = {
    "CreateSnapshots": "Crash-consistent sets to create",
    "CreateSnapshot": "Single snapshots to create",
    "CreateTags": "Snapshots to tag",
    "announce": "Deletions to announce",
    "withdraw": "Announcements to withdraw",
    "DeleteSnapshot": "Snapshots to delete",
}
_REASONS = {
    "skipped_because": "Volumes skipped",
    "one_by_one_because": "Snapshots taken one by one, not as a crash-consistent set",
    "announced_because": "Snapshots announced for deletion",
    "deleted_because": "Snapshots deleted",
    "kept_because": "Snapshots kept though due",
}
_ENDINGS = {
    "failed": "failed",
    "not_read": "not read",
    "unfinished": "not finished",
    "set_refused": "done one by one instead",
    "kept": "kept",
    "skipped": "skipped",
}


def section(id_: str, title: str, *content: str) -> Markup:
    """Return a section with its heading."""
    return element("section", element("h2", title, id=id_), *content, aria_labelledby=id_)


def facts(*content: Markup) -> Markup:
    """Return facts beside one another."""
    return element("dl", *content, class_="facts")


def fact(name: str, value: str, class_: str | None = None) -> Markup:
    """Return a value and what it is."""
    return element("div", element("dt", name), element("dd", value), class_=class_)


# --- volumes that are not covered ---


def _uncovered(report: Report) -> Markup | None:
    missing = uncovered(report)
    listed = [(name, entry) for name, region in report.regions.items() for entry in region.uncovered]
    if not missing:
        return None
    listed.sort(key=lambda each: (each[1].newest_snapshot_id is not None, -each[1].age_hours, each[1].volume_id))
    shown = listed[:MAX_UNCOVERED]
    return section(
        "uncovered",
        "Volumes that are not covered",
        table(
            f"{number(len(shown))} of {counted(missing, 'volume')}, the oldest recovery point first",
            {"Volume": "first", "Newest recovery point, why, and what to do": None},
            [_uncovered_row(region, entry) for region, entry in shown],
            "prose",
        ),
    )


def _uncovered_row(region: str, entry: VolumeCoverage) -> Row:
    name = [element("div", foreign(entry.name, MAX_NAME))] if entry.name else []
    why = element("div", foreign(entry.reason)), element("div", foreign(entry.remedy), class_="muted")
    return join([code(entry.volume_id), *name, _where(region)]), join([element("div", *_newest(entry)), *why])


def _newest(entry: VolumeCoverage) -> Iterator[Markup | str]:
    hours, snapshot_id, by = age(entry.age_hours), entry.newest_snapshot_id, entry.newest_by
    yield element("span", f"{hours} old" if snapshot_id else f"No recovery point in {hours}", class_="text-bad")
    if snapshot_id:
        yield join([": ", code(snapshot_id), " by ", foreign(by or "", MAX_NAME)])


def _where(region: str) -> Markup:
    return element("div", whole(region), class_="small muted")


# --- problems ---


def _problems(report: Report) -> Markup | None:
    by_code: dict[str, list[tuple[str, ReportedProblem]]] = defaultdict(list)
    for name, region in sorted(report.regions.items(), key=lambda item: item[1].status != "failed"):
        for problem in region.problems:
            if problem.status != EXPECTED:
                by_code[problem.code].append((name, problem))
    unlisted = sum(region.problems_not_listed for region in report.regions.values() if region.status != EXPECTED)
    if not by_code:
        return None
    codes = sorted(by_code, key=lambda c: not any(_fails(report, *each) for each in by_code[c]))
    unlisted += sum(len(by_code[c]) for c in codes[MAX_CODES:])
    return section(
        "problems",
        "Problems, and what to do about them",
        *(_problem(error_code, by_code[error_code]) for error_code in codes[:MAX_CODES]),
        element("p", f"{counted(unlisted, 'further problem')} not listed here.", class_="muted") if unlisted else "",
    )


def _fails(report: Report, region: str, problem: ReportedProblem) -> bool:
    return report.regions[region].status == "failed" and problem.status in ("failed", "unfinished", "not_read")


def _problem(error_code: str, occurrences: Sequence[tuple[str, ReportedProblem]]) -> Markup:
    title = code(error_code) if error_code else "Out of time"
    rows = [_occurrence(region, problem) for region, problem in occurrences[:MAX_EXAMPLES]]
    regions = len({region for region, _ in occurrences})
    first = f", the first {number(len(rows))}" if len(rows) < len(occurrences) else ""
    caption = f"{counted(len(occurrences), 'occurrence')} in {counted(regions, 'region')}{first}"
    return element(
        "article",
        element("h3", title),
        element("p", occurrences[0][1].remedy),
        table(caption, {"Where": "first", "What": None}, rows, "prose"),
    )


def _occurrence(region: str, problem: ReportedProblem) -> Row:
    about = problem.snapshot_id or problem.volume_id
    operation = f"{problem.operation}: " if problem.operation else ""
    return (
        join([code(about) if about else "the whole region", _where(region)]),
        join([f"{operation}{_ENDINGS[problem.status]}", element("div", foreign(problem.message), class_="muted")]),
    )


# --- regions ---


def _regions(report: Report) -> Markup | None:
    busy = {name: region for name, region in report.regions.items() if not _is_quiet(region)}
    quiet = [name for name in report.regions if name not in busy]
    if not report.regions:
        return None
    order = sorted(busy, key=lambda name: (-busy[name].selected, name))
    rows = [(whole(name), _region_bar(busy[name])) for name in order]
    return section(
        "regions",
        "Regions",
        legend({"good": "covered", "bad": "not covered", "warn": "failed in this run", "unknown": "not read"}),
        table("A region's bar is all of its volumes", {"Region": "name", "Volumes": None}, rows) if rows else "",
        element("p", "Nothing to back up in ", *_listed(quiet), ".", class_="muted") if quiet else "",
    )


def _is_quiet(region: RegionReport) -> bool:
    work = tuple(count.name for count in fields(Totals) if count.name != "already_there")
    return not (region.problem or region.deletion_brake or any(getattr(region, count) for count in work))


def _region_bar(region: RegionReport) -> Markup:
    selected, covered = region.selected, region.covered
    failures, expected = region.failed + region.unfinished, region.status == EXPECTED
    if region.problem:
        words = "denied, as expected" if expected else "not read: nothing is known of its volumes"
        return join([bar([("unknown", 1)], 1), element("div", words, class_="small muted")])
    parts = [f"{number(covered)} of {number(selected)} covered"]
    parts += [
        f"{number(count)} {k}"
        for k in ("created", "announced", "deleted", "kept", "skipped")
        if (count := getattr(region, k))
    ]
    parts += [f"{number(failures)} denied, as expected"] if failures and expected else []
    failures = 0 if expected else failures
    bars = [bar([("good", covered), ("bad", selected - covered)], selected)]
    bars += [bar([("warn", failures)], max(selected, failures))] if failures else []
    bad = [", ", element("span", f"{number(failures)} failed", class_="text-warn")] if failures else []
    return join([element("div", *bars, class_="bars"), element("div", ", ".join(parts), *bad, class_="small muted")])


def _listed(names: Sequence[str]) -> Iterator[Markup | str]:
    for n, name in enumerate(names):
        yield ", " if n else ""
        yield whole(name)


def legend(kinds: Mapping[str, str]) -> Markup:
    """Return what the colours of a chart mean."""
    items = (element("li", bar([(kind, 1)], 1), words) for kind, words in kinds.items())
    return element("ul", *items, class_="legend small muted")


# --- recovery points ---


def _recovery_points(report: Report) -> Markup | None:
    ages, objective = report.recovery_point_age, report.coverage.objective_hours
    if not report.coverage.selected:
        return None
    lows = [0.0, *(each.up_to_hours or 0.0 for each in ages.histogram)]
    rows = [
        (_class_name(low, each.up_to_hours), _class_colour(low, each.up_to_hours, objective), each.volumes)
        for low, each in zip(lows, ages.histogram, strict=False)
    ]
    rows.append(("no snapshot", "warn", ages.never))
    makers = [(foreign(maker, MAX_NAME), "good", count) for maker, count in _most(report.recovery_points_by)]
    return section(
        "ages",
        "Recovery points",
        element(
            "div",
            _bars(f"Volumes by the age of their newest completed snapshot (objective: {age(objective)})", "Age", rows),
            _bars("Volumes by who made that snapshot", "Made by", makers) if makers else "",
            class_="pair",
        ),
    )


def _class_name(low: float, high: float | None) -> str:
    return f"over {age(low)}" if high is None else f"up to {age(high)}"


def _class_colour(low: float, high: float | None, objective: float) -> str:
    if high is not None and high <= objective:
        return "good"
    return "bad" if low >= objective else "warn"


def _bars(caption: str, first: str, rows: Sequence[tuple[str, str, int]]) -> Markup:
    most = max((count for _, _, count in rows), default=0)
    return table(
        caption,
        {first: "name", "Bar": "bars", "Volumes": "count"},
        [(name, bar([(colour, count)], most), number(count)) for name, colour, count in rows],
    )


# --- what was done ---


def _done(report: Report) -> Markup:
    """Return the run's counts, and the reasons for what it did and for what it left alone."""
    regions = report.regions.values()
    because = {title: added(getattr(each, key) for each in regions) for key, title in _REASONS.items()}
    return section(
        "done",
        "What this run would do" if report.dry_run else "What this run did",
        _planned(report)
        if report.dry_run
        else facts(*(_total(count.name, getattr(report.totals, count.name)) for count in fields(Totals))),
        element("p", f"Retention: {report.retention}.", class_="muted"),
        *_changes(report),
        *(_reasons(title, reasons) for title, reasons in because.items() if reasons),
    )


def _changes(report: Report) -> Iterator[Markup]:
    """Yield links to what names each snapshot that was created, announced, withdrawn or deleted."""
    names = [(name, file) for name, region in report.regions.items() for file in region.changes]
    if names:
        links = [join([", " if n else "", _link(*each)]) for n, each in enumerate(names[:MAX_LINKS])]
        more = f" and {counted(len(names) - MAX_LINKS, 'more file')}" if len(names) > MAX_LINKS else ""
        yield element("p", "Snapshot by snapshot, as JSON Lines: ", *links, more, ".")


def _link(region: str, file: str) -> Markup:
    return element("a", region, href=f"./{quote(file)}", type="text/plain", class_="whole")


def _total(count: str, value: int) -> Markup:
    wrong = value and count in ("failed", "unfinished")
    return fact(_TOTALS[count], number(value), "wrong" if wrong else _faint(value))


def _planned(report: Report) -> Markup:
    planned = added(region.planned for region in report.regions.values())
    return facts(*(fact(words, number(planned[key]), _faint(planned[key])) for key, words in _PLANNED.items()))


def _faint(value: int) -> str | None:
    return None if value else "zero"


def _reasons(title: str, reasons: Mapping[str, int]) -> Markup:
    shown = _most(reasons, MAX_REASONS)
    rest = sum(reasons.values()) - sum(count for _, count in shown)
    rows: list[Row] = [(foreign(reason), number(count)) for reason, count in shown]
    return table(
        title, {"Because": None, "Number": "count"}, [*rows, *([("other reasons", number(rest))] if rest else [])]
    )


# --- what will be deleted ---


def _deletions(report: Report) -> Markup | None:
    """Return which snapshots a later run deletes, when and why, how to keep one, and what holds them back."""
    regions = report.regions.items()
    brakes = [
        element("li", whole(name), ": ", foreign(r.deletion_brake, MAX_BRAKE))
        for name, r in regions
        if r.deletion_brake
    ]
    listed = sorted(((name, a) for name, r in regions for a in r.announcements), key=lambda each: each[1].delete_after)
    # Runs by hand expire nothing unless they are asked to.
    idle = not report.expires and report.retention != in_words(NO_RETENTION)
    if not (brakes or listed or idle or _earlier(report)):
        return None
    return section(
        "deletions",
        "What will be deleted",
        *(
            [element("h3", "Held back by the deletion brake"), element("ul", *brakes, class_="findings")]
            if brakes
            else []
        ),
        *(_announced(report, listed) if listed else ()),
        element("p", f"Made before this deployment existed, and kept by no rule: {_earlier(report)}.")
        if _earlier(report)
        else "",
        element("p", "This run by hand announced and deleted nothing: it was not asked to.") if idle else "",
    )


def _announced(report: Report, listed: Sequence[tuple[str, AnnouncedSnapshot]]) -> Iterator[Markup]:
    all_of_them = len(listed) + sum(region.announcements_not_listed for region in report.regions.values())
    yield element(
        "p",
        "A run after the time deletes a snapshot, if no rule keeps it by then. To keep one for ever, give it the tag ",
        code(report.hold_tag),
        ", with any value.",
    )
    days = sorted(added(region.announced_by_day for region in report.regions.values()).items())
    yield table(
        f"{counted(all_of_them, 'snapshot')} by the day of that time",
        {"Day (UTC)": None, "Snapshots": "count"},
        [(day, number(count)) for day, count in days[:MAX_DAYS]],
    )
    shown = listed[:MAX_ANNOUNCED]
    yield table(
        f"The first {number(len(shown))} of {counted(all_of_them, 'snapshot')}",
        {"Snapshot": "first", "Goes after, and why": None},
        [_announced_row(region, each) for region, each in shown],
        "prose",
    )


def _announced_row(region: str, each: AnnouncedSnapshot) -> Row:
    taken = ["of ", foreign(each.volume_id), " in ", whole(region), f", taken {_minute(each.started_at)}"]
    return (
        join([code(each.snapshot_id), element("div", *taken, class_="small muted")]),
        join([_minute(each.delete_after), element("div", foreign(each.reason), class_="muted")]),
    )


def _minute(time: str) -> str:
    return f"{datetime.fromisoformat(time).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _earlier(report: Report) -> str:
    """Return how many snapshots that are due an earlier deployment of the same name made; nothing if none."""
    count = sum(region.before_deployment for region in report.regions.values())
    return counted(count, "snapshot") if count else ""


# --- common ---


def _most(counts: Mapping[str, int], most: int | None = None) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]


def table(caption: str, columns: Mapping[str, str | None], rows: Sequence[Row], class_: str | None = None) -> Markup:
    """Return a table; each column has a heading and, where its cells need it, a class."""
    classes = list(columns.values())
    head = element("tr", *(element("th", title, scope="col", class_=class_) for title, class_ in columns.items()))
    return element(
        "table",
        element("caption", caption),
        element("thead", head),
        element("tbody", *(_row(row, classes) for row in rows)),
        class_=class_,
    )


def _row(row: Row, classes: Sequence[str | None]) -> Markup:
    cells = (element("td", cell, class_=class_) for cell, class_ in zip(row[1:], classes[1:], strict=True))
    return element("tr", element("th", row[0], scope="row", class_=classes[0]), *cells)


SECTIONS: Sequence[Callable[[Report], Markup | None]] = (
    _uncovered,
    _problems,
    _regions,
    _recovery_points,
    _deletions,
    _done,
)
