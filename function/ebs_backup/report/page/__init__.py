"""The run report as one page that a manager can read: what is covered, what is not, and what to do about it.

Made of the report alone, so that the page of a stored report can be made again. It summarises; the JSON has it all.
Knows nothing of runs, of EC2, or of where pages are kept.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from ebs_backup.plan.coverage import Coverage
from ebs_backup.report.findings import assessment, findings, headline
from ebs_backup.report.keys import LAST_RUNS, EarlierAttempt, EarlierRun, earlier_runs, in_a_key, is_better
from ebs_backup.report.schema import Report
from ebs_backup.report.words import GAP, age, counted, duration, number, share

from .charts import bar, tick
from .markup import Markup, code, element, foreign, join, whole
from .sections import MAX_NAME, SECTIONS, Row, fact, facts, legend, section, table
from .style import STYLE

# Nothing but this very style sheet and an empty icon: no script, no image, no request, and no style attribute.
_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; img-src data:; base-uri 'none'; form-action 'none'"
)
_BADGES = {"good": "All is well", "bad": "Needs attention", "unknown": "Nothing to judge"}

_REGION = re.compile(r"\b([a-z]{2,4}(?:-[a-z]{1,12}){1,3}-[0-9]{1,2})\b")
_RUNS = {
    "good": "completed, every volume covered",
    "warn": "completed, some not covered",
    "bad": "failed",
    "unknown": "no volume selected",
}


def page(report: Report, history: Sequence[EarlierAttempt], *, json_name: str | None = None) -> str:
    """Return the page of a report; it shows the attempts before it too, oldest first, and links the JSON beside it."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_CONTENT_SECURITY_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="robots", content="noindex"),
        element("meta", name="referrer", content="no-referrer"),
        element("link", rel="icon", href="data:,"),
        element("title", f"EBS backup {report.deployment[:MAX_NAME]}: {headline(report)}"),
        element("style", Markup(STYLE)),
    )
    sections = [make(report) for make in SECTIONS]
    main = element(
        "main",
        _header(report),
        _coverage(report, history),
        *_attempts(report, history),
        *(each for each in sections if each),
    )
    body = element("body", main, _footer(report, json_name))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _header(report: Report) -> Markup:
    judged = assessment(report)
    badges = [element("span", _BADGES[judged], class_=f"badge {judged}")]
    if report.dry_run:
        badges.append(element("span", "Dry run: nothing was changed", class_="badge unknown"))
    items = [element("li", element("a", *_unbroken(each.text), href=f"#{each.section}")) for each in findings(report)]
    return element(
        "header",
        element("p", *badges, class_="badges"),
        element("h1", headline(report)),
        element("ul", *items, class_="findings") if items else "",
        element("p", *_what_ran(report), class_="muted"),
    )


def _unbroken(text: str) -> Iterable[str]:
    """Yield the parts of a text; no line ends in the name of a region."""
    return (whole(part) if n % 2 else part for n, part in enumerate(_REGION.split(text)))


def _what_ran(report: Report) -> Iterable[str]:
    started = datetime.fromisoformat(report.started_at).astimezone(UTC)
    yield "EBS backup "
    yield foreign(report.deployment, MAX_NAME)
    yield f": run of {started.day} {started:%B %Y, %H:%M} UTC, "
    yield f"{counted(len(report.regions), 'region')} in {duration(report.duration_seconds)}."


# --- coverage, now and in the last runs ---


def _coverage(report: Report, history: Sequence[EarlierAttempt]) -> Markup:
    coverage, ages = report.coverage, report.recovery_point_age
    # What chosen regions came to is no run to compare with whole ones.
    runs = () if report.chosen_regions else earlier_runs(history)
    strip = [_strip(report, runs)] if runs else []
    if not coverage.selected:
        return section("coverage", "Coverage", element("p", "There is nothing to cover."), *strip)
    return section(
        "coverage",
        "Coverage",
        _share_covered(coverage),
        facts(
            fact("Objective", age(coverage.objective_hours)),
            fact("Oldest recovery point", _age(ages.max_hours)),
            fact("Median age", _age(ages.median_hours)),
        ),
        *strip,
    )


def _share_covered(coverage: Coverage) -> Markup:
    selected, covered = coverage.selected, coverage.covered
    words = f"{number(covered)} of {counted(selected, 'selected volume')} {'has' if covered == 1 else 'have'}"
    return element(
        "div",
        element("p", share(covered, selected), class_=f"big {'good' if covered == selected else 'bad'}"),
        element(
            "div",
            bar([("good", covered), ("bad", selected - covered)], selected),
            element("p", f"{words} a completed snapshot of the last {age(coverage.objective_hours)}, whoever made it."),
            class_="stack",
        ),
        class_="coverage",
    )


def _age(hours: float | None) -> str:
    return "none" if hours is None else age(hours)


def _strip(report: Report, history: Sequence[EarlierRun]) -> Markup:
    this = EarlierRun(report.run_id, report.status, report.coverage.percent)
    same = [run for run in history if in_a_key(run.run_id) == in_a_key(this.run_id)]
    best = next((run for run in same if is_better(run.status, this.status)), this)
    runs = [*(run for run in history if run not in same), best][-LAST_RUNS:]
    good = sum(_colour(run) == "good" for run in runs)
    return element(
        "div",
        element("h3", f"The last {counted(len(runs), 'run')}, up to this one"),
        element("ol", *map(_run, runs), class_="strip"),
        legend({kind: words for kind, words in _RUNS.items() if any(_colour(run) == kind for run in runs)}),
        element(
            "p",
            f"{number(good)} of {number(len(runs))} completed with every volume covered, since ",
            foreign(runs[0].run_id),
            ". The height is the share of volumes that were covered.",
            class_="small muted",
        ),
        class_="stack",
    )


def _run(run: EarlierRun) -> Markup:
    percent = run.covered_percent
    coverage = "no volume selected" if percent is None else f"{percent:g}{GAP}% covered"
    words = f"{run.run_id}: {run.status}, {coverage}"
    hidden = element("span", foreign(words), class_="hidden")
    return element("li", hidden, tick(_colour(run), 100 if percent is None else percent), title=words)


def _colour(run: EarlierRun) -> str:
    if run.status == "failed":
        return "bad"
    if run.covered_percent is None:
        return "unknown"
    return "good" if run.covered_percent == 100 else "warn"  # noqa: PLR2004 - a percentage


# --- the attempts at this run ---


def _attempts(report: Report, history: Sequence[EarlierAttempt]) -> Iterable[Markup]:
    """Yield what all attempts at this run did, where there were others before this one: none replaces another."""
    earlier = [each for each in history if in_a_key(each.run_id) == in_a_key(report.run_id)]
    if not earlier:
        return
    totals = report.totals
    rows: list[Row] = [(_link(each), *_attempted(each.status, each.created, each.deleted)) for each in earlier]
    rows.append(("this one", *_attempted(report.status, totals.created, totals.deleted)))
    created, deleted = (
        sum(e.created for e in earlier) + totals.created,
        sum(e.deleted for e in earlier) + totals.deleted,
    )
    rows.append(("all together", *_attempted("", created, deleted)))
    yield section(
        "attempts",
        "The attempts at this run",
        table(
            f"{counted(len(earlier) + 1, 'attempt')}, each with a report of its own",
            {"Began": None, "How it ended": None, "Created": "count", "Deleted": "count"},
            rows,
        ),
    )


def _link(each: EarlierAttempt) -> Markup:
    link = element("a", foreign(each.started_at), href=f"../../../{quote(each.path)}.html")
    return join([link, ", of chosen regions"]) if each.of_chosen_regions else link


def _attempted(status: str, created: int, deleted: int) -> tuple[str, str, str]:
    return status, number(created), number(deleted)


# --- whence it comes ---


def _footer(report: Report, json_name: str | None) -> Markup:
    regions = report.regions.values()
    calls = sum(sum(region.api_calls.values()) for region in regions)
    throttled = sum(sum(region.throttled_calls.values()) for region in regions)
    href = f"./{quote(json_name)}" if json_name else ""
    link = element("a", "The whole report as JSON", href=href, type="application/json") if json_name else ""
    return element(
        "footer",
        element("p", "Run ", code(report.run_id), f", report schema {report.schema}. ", link),
        element("p", f"{counted(calls, 'EC2 call')}, {number(throttled)} of them throttled by EC2."),
        element(
            "p",
            "A volume is covered if a completed snapshot of it, whoever made it, is no older than the objective; "
            "a new volume has as long from its creation.",
        ),
    )
