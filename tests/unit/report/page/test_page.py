"""What the page of a report says, and that nothing in a report can break it; tests/page opens it in a browser."""

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from ebs_backup.plan.coverage import AgeClass
from ebs_backup.report.keys import EarlierAttempt
from ebs_backup.report.page import page
from ebs_backup.report.page.sections import MAX_ANNOUNCED, MAX_CODES, MAX_UNCOVERED
from ebs_backup.report.schema import AnnouncedSnapshot, Report
from tests.unit.builders import AT, RUN
from tests.unit.reports import (
    BRAKE,
    BRAKED,
    CLOSED,
    EMPTY,
    EXPIRING,
    HOSTILE_NAME,
    HUGE_REGION,
    ONE,
    PLANNED,
    UNREAD,
    VARIED,
    hostile,
    huge,
    lacking,
    reported,
    run_before,
    without_any,
)

VOID = ("meta", "link")
UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Parsed(HTMLParser):
    """A page taken apart: its elements, and the text of those that hold the ones a test looks for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open, "elements left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(self._open), data))

    def within(self, tag: str) -> str:
        return " ".join(text for path, text in self.texts if tag in path)

    @property
    def text(self) -> str:
        return "".join(text for path, text in self.texts if "style" not in path).replace("\u00a0", " ")


def _parsed(report: Report, *history: EarlierAttempt) -> Parsed:
    return Parsed(page(report, history))


TWO_REGIONS = {"eu-west-1": [lacking("vol-1"), without_any("vol-2")]}

ALL = {
    "nothing at all": reported(),
    "no volume": reported(EMPTY),
    "one volume": reported(ONE),
    "one volume, not covered": reported(ONE, uncovered={"eu-west-1": [lacking("vol-1")]}),
    "all that can happen": reported(VARIED, EMPTY, UNREAD, CLOSED, BRAKED, uncovered=TWO_REGIONS),
    "a dry run": reported(PLANNED, EMPTY, dry_run=True),
    "deletions": reported(EXPIRING),
    "hostile": hostile(),
    "huge": huge(),
}
each = pytest.mark.parametrize("report", ALL.values(), ids=ALL.keys())


# --- any page ---


@each
def test_every_page_is_well_formed_and_small(report: Report) -> None:
    text = page(report, [run_before(n) for n in range(1, 20)])

    assert text.startswith("<!doctype html>")
    assert len(text.encode()) < 1_000_000
    assert Parsed(text).elements[0] == ("html", {"lang": "en"})


@each
def test_every_page_is_accessible_in_its_structure(report: Report) -> None:
    parsed = _parsed(report)
    tags = Counter(tag for tag, _ in parsed.elements)
    levels = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch(r"h\d", tag)]
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]

    assert tags["h1"] == tags["main"] == tags["title"] == 1
    assert all(deeper <= level + 1 for level, deeper in pairwise(levels))
    assert tags["caption"] == tags["table"]
    assert all(attributes.get("scope") for tag, attributes in parsed.elements if tag == "th")
    assert all(attributes.get("aria-hidden") == "true" for tag, attributes in parsed.elements if tag == "svg")
    assert len(set(ids)) == len(ids)


@each
def test_links_within_a_page_lead_somewhere(report: Report) -> None:
    elements = _parsed(report).elements
    ids = {attributes.get("id") for _, attributes in elements}

    assert {a["href"] for tag, a in elements if tag == "a"} <= {f"#{id_}" for id_ in ids}
    assert {a["aria-labelledby"] for tag, a in elements if tag == "section"} <= ids


@each
def test_page_takes_nothing_from_anywhere_and_runs_nothing(report: Report) -> None:
    text = page(report, [])
    parsed = Parsed(text)
    digest = base64.b64encode(hashlib.sha256(parsed.within("style").encode()).digest()).decode()
    (deployment,) = [a["content"] or "" for _, a in parsed.elements if a.get("http-equiv") == "Content-Security-Policy"]

    assert deployment.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert not {"script", "img", "iframe", "form", "base"} & {tag for tag, _ in parsed.elements}
    assert not {name for _, a in parsed.elements for name in a if name.startswith("on") or name in ("src", "style")}
    assert "url(" not in parsed.within("style")
    assert "@import" not in parsed.within("style")


@each
def test_page_holds_no_invisible_or_direction_changing_mark(report: Report) -> None:
    assert UNSEEN.findall(page(report, [])) == []


# --- what it says first ---


@pytest.mark.parametrize(
    ("report", "badge", "headline"),
    [
        (reported(ONE), "All is well", "The one selected volume is covered"),
        (reported(ONE, CLOSED), "All is well", "The one selected volume is covered"),
        (reported(EMPTY), "Nothing to judge", "No volume is selected"),
        (
            reported(ONE, uncovered={"eu-west-1": [lacking("vol-1")]}),
            "Needs attention",
            "The one selected volume is not covered",
        ),
        (
            reported(VARIED, uncovered={"eu-west-1": [lacking("vol-3")]}),
            "Needs attention",
            "1 of 5 volumes is not covered",
        ),
        (reported(VARIED, uncovered=TWO_REGIONS), "Needs attention", "2 of 5 volumes are not covered"),
        (
            reported(VARIED, uncovered={"eu-west-1": [lacking(f"vol-{n}") for n in range(5)]}),
            "Needs attention",
            "None of the 5 volumes is covered",
        ),
        (reported(VARIED), "Needs attention", "All 5 volumes are covered, but the run did not do all of its work"),
        (reported(ONE, UNREAD), "Needs attention", "1 region could not be read"),
        (reported(UNREAD), "Needs attention", "1 region could not be read"),
    ],
)
def test_badge_and_a_headline_say_how_it_stands(report: Report, badge: str, headline: str) -> None:
    parsed = _parsed(report)

    assert parsed.within("h1") == headline
    assert parsed.within("span").startswith(badge)
    assert headline in parsed.within("title")


def test_findings_are_listed_with_links_to_more() -> None:
    parsed = _parsed(reported(VARIED, UNREAD, BRAKED, uncovered=TWO_REGIONS))
    links = [a["href"] for tag, a in parsed.elements if tag == "a"]

    assert links == ["#uncovered", "#problems", "#problems", "#problems", "#deletions"]
    assert (
        "2 volumes have no completed snapshot of the last 26 h."
        "Nothing is known of the volumes in us-east-1, which could not be read."
        "2 snapshots could not be created."
        "1 snapshot could not be deleted."
        f"The deletion brake held in us-east-2: {BRAKE}."
    ) in parsed.text.replace("\u00a0", " ")


def test_only_some_of_many_unread_regions_are_named() -> None:
    results = [type(UNREAD)(region=f"r-{n}", problem=UNREAD.problem) for n in range(9)]

    assert "in r-0, r-1, r-2, r-3, r-4 and 4 more regions, which" in _parsed(reported(*results)).text


def test_region_that_is_denied_as_expected_needs_no_attention() -> None:
    parsed = _parsed(reported(ONE, CLOSED))

    assert not [a for tag, a in parsed.elements if tag == "a"]
    assert "denied, as expected" in parsed.text
    assert "Problems" not in parsed.text


def test_dry_run_says_that_it_changed_nothing_and_what_it_would_do() -> None:
    text = _parsed(ALL["a dry run"]).text

    assert "Dry run: nothing was changed" in text
    assert "What this run would do" in text
    assert "Crash-consistent sets to create1" in text
    assert f"The deletion brake would hold in eu-west-1: {BRAKE}." in text


# --- the sections ---


def test_hundred_percent_is_only_claimed_when_no_volume_is_missing() -> None:
    plan = type(VARIED.plan)("eu-west-1", 20_000)  # type: ignore[misc]
    result = type(ONE)(region="eu-west-1", plan=plan)

    assert "99.9 %" in _parsed(reported(result, uncovered={"eu-west-1": [lacking("vol-1")]})).text
    assert "100 %" in _parsed(reported(result)).text


def test_uncovered_volume_has_name_age_reason_and_remedy() -> None:
    text = _parsed(reported(VARIED, uncovered=TWO_REGIONS)).text

    assert (
        "vol-1orders-dbeu-west-12.1 days old: snap-old by this deployment"
        "CreateSnapshot refused: CustomerKeyHasBeenRevokedEnable the key again."
    ) in text
    assert "vol-2orders-dbeu-west-1No recovery point in 30 h" in text
    assert text.index("vol-2orders") < text.index("vol-1orders"), "without any snapshot comes first"


def test_each_problem_is_shown_once_with_its_remedy() -> None:
    parsed = _parsed(reported(VARIED, UNREAD))
    problems = parsed.text.partition("Problems, and what to do about them")[2]

    assert "2 occurrences in 1 region" in problems
    assert "Enable the key again: without it" in problems
    assert "Out of time" in problems
    assert "the whole regionus-east-1DescribeVolumes: not readexplicit deny in a service control policy" in problems
    assert problems.index("CustomerKeyHasBeenRevoked") < problems.index("InvalidSnapshot.InUse"), "what fails the run"


def test_problems_beyond_what_a_page_holds_are_counted() -> None:
    text = _parsed(huge()).text
    listed = 34 * 20
    codes = 20

    assert codes <= MAX_CODES
    assert f"{34 * HUGE_REGION - listed:,} further problems not listed here" in text
    assert f"{MAX_UNCOVERED} of {34 * HUGE_REGION:,} volumes" in text


def test_busy_region_has_a_bar_and_idle_ones_are_named() -> None:
    text = _parsed(reported(VARIED, EMPTY, UNREAD, uncovered=TWO_REGIONS)).text

    assert "eu-west-13 of 5 covered, 2 created, 1 deleted, 1 kept, 2 skipped, 3 failed" in text
    assert "us-east-1not read: nothing is known of its volumes" in text
    assert "Nothing to back up in sa-east-1." in text


def test_region_bar_is_full_whatever_other_regions_have() -> None:
    few, many = (type(ONE)(region=f"eu-west-{n}", plan=type(VARIED.plan)(f"eu-west-{n}", n)) for n in (1, 100))  # type: ignore[misc]
    rects = [a for tag, a in _parsed(reported(few, many)).elements if tag == "rect" and a["class"] == "good"]

    assert [a["width"] for a in rects[2:4]] == ["1000.0", "1000.0"], "after the coverage and the legend"


def test_expected_denials_of_calls_are_no_problems() -> None:
    made = reported(VARIED)
    (name, region), *_ = made.regions.items()
    problems = tuple(replace(each, status="denied") for each in region.problems)
    text = _parsed(replace(made, regions={name: replace(region, status="denied", problems=problems)})).text

    assert "Problems, and what to do about them" not in text
    assert "3 denied, as expected" in text


def test_recovery_points_are_shown_by_age_and_by_who_made_them() -> None:
    text = _parsed(reported(VARIED, uncovered=TWO_REGIONS)).text

    assert "(objective: 26 h)" in text
    assert "up to 1 h3" in text
    assert "up to 4 days1" in text
    assert "no snapshot1" in text
    assert "over 7 days0" in text
    assert "this deployment4" in text


def test_ages_beyond_the_objective_look_different_from_those_within() -> None:
    made = reported(ONE)
    classes = tuple(AgeClass(bound, volumes=1) for bound in (24, 26, 48, 96, None))
    made = replace(
        made,
        coverage=replace(made.coverage, objective_hours=30.0),
        recovery_point_age=replace(made.recovery_point_age, histogram=classes),
    )
    fills = [a["class"] for tag, a in _parsed(made).elements if tag == "rect" and a["class"] != "track"]

    assert fills[-6:] == ["good", "good", "warn", "bad", "bad", "good"], "the last is who made them"


def test_work_and_skips_are_counted_by_reason() -> None:
    text = _parsed(reported(VARIED, BRAKED)).text.partition("What this run did")[2]

    assert "Volumes skipped" in text
    assert "opted out by tag Skip1" in text
    assert "kept by no rule1" in text
    assert "EC2 refuses to delete it: InvalidSnapshot.InUse1" in text
    assert "one by one: EC2 refused the set of i-1: Odd1" in text
    assert "Retention: keep every snapshot." in text


def test_reasons_beyond_the_most_frequent_are_summed_up() -> None:
    assert "other reasons340" in _parsed(huge()).text, "20 reasons in each of 34 regions, of which 10 are shown"


# --- what will be deleted ---


def test_what_will_be_deleted_is_shown_with_time_reason_and_remedy() -> None:
    text = _parsed(reported(EXPIRING)).text.partition("What will be deleted")[2]

    assert "To keep one for ever, give it the tag ebs-backup:Hold, with any value." in text
    assert "2026-11-2512026-11-261" in text.replace("Snapshots", "")
    soonest = "snap-bof vol-1 in eu-north-1, taken 2026-11-23 03:00 UTC2026-11-25 03:00 UTCkept by no rule"
    assert f"{soonest}snap-a" in text
    assert "Made before this deployment existed, and kept by no rule: 1 snapshot." in text
    assert "snap-d" not in text, "it is gone"
    assert "held by tag ebs-backup:Hold1" in text
    assert "in the archive tier1" in text


def test_dry_run_shows_what_it_would_announce() -> None:
    text = _parsed(reported(EXPIRING, dry_run=True)).text

    assert "2026-11-26 03:00 UTC" in text.partition("What will be deleted")[2]
    assert "Deletions to announce1Announcements to withdraw1Snapshots to delete1" in text


def test_brake_is_shown_in_full_with_the_code_that_confirms() -> None:
    text = _parsed(reported(ONE, BRAKED)).text.partition("What will be deleted")[2]

    assert f"Held back by the deletion brakeus-east-2: {BRAKE}" in text


def test_run_by_hand_says_that_it_expired_nothing() -> None:
    by_hand = replace(reported(ONE), expires=False, retention="keep 7 daily")

    assert "This run by hand announced and deleted nothing" in _parsed(by_hand).text
    assert "This run by hand" not in _parsed(replace(by_hand, retention="keep every snapshot")).text


def test_page_shows_only_the_next_of_very_many_announcements() -> None:
    goes = [AnnouncedSnapshot(f"snap-{n}", "vol-1", f"{AT:%FT%TZ}", f"{AT:%FT%TZ}", HOSTILE_NAME) for n in range(20)]
    made = reported(ONE)
    regions = {f"r-{n}": replace(made.regions["eu-west-1"], announcements=tuple(goes)) for n in range(34)}

    text = page(replace(made, regions=regions), [])

    assert f"The first {MAX_ANNOUNCED} of 680 snapshots" in text
    assert len(text.encode()) < 1_000_000


# --- the attempts at this run ---


def test_attempts_at_a_run_are_shown_together_and_added_up() -> None:
    parsed = _parsed(reported(VARIED), run_before(1), run_before(0, "failed", 0.0, of_chosen_regions=True))
    text = parsed.text.partition("The attempts at this run")[2]

    assert "2 attempts, each with a report of its own" in text
    assert "2026-11-23T03:00:04Z, of chosen regionsfailed412this onefailed21all together613" in text
    links = [a["href"] or "" for tag, a in parsed.elements if tag == "a"]
    assert [link for link in links if "0123abcd" in link] == [f"../../../{run_before(0, 'failed').path}.html"]


def test_first_attempt_is_shown_as_the_only_one() -> None:
    assert "The attempts at this run" not in _parsed(reported(VARIED), run_before(1)).text


def test_completed_attempt_is_what_became_of_a_run_that_failed_later() -> None:
    parsed = _parsed(reported(VARIED), run_before(1), run_before(0))

    assert "2 of 2 completed with every volume covered" in parsed.text


def test_run_of_chosen_regions_is_not_compared_with_whole_ones() -> None:
    assert "The last" not in _parsed(replace(reported(ONE), chosen_regions=True), run_before(1)).text


# --- the last runs ---


def test_last_runs_are_shown_with_this_one_as_the_last() -> None:
    parsed = _parsed(reported(ONE), run_before(3, percent=None), run_before(2, "failed", 80.5), run_before(1))

    assert "2 of 4 completed with every volume covered, since 2026-11-20T03:00:00Z." in parsed.text
    assert [a["title"] for tag, a in parsed.elements if tag == "li" and "title" in a] == [
        "2026-11-20T03:00:00Z: completed, no volume selected",
        "2026-11-21T03:00:00Z: failed, 80.5\u00a0% covered",
        "2026-11-22T03:00:00Z: completed, 100\u00a0% covered",
        f"{RUN}: completed, 100\u00a0% covered",
    ]


def test_retried_run_is_shown_once_among_thirty_at_most() -> None:
    history = [run_before(n % 22 + 1, run_id=f"r{n // 2}") for n in range(100)]
    ticks = [
        a
        for tag, a in _parsed(reported(ONE), *history, run_before(0, "failed", 0.0)).elements
        if a.get("class") == "tick"
    ]

    assert len(ticks) == 30
    assert "The last" not in _parsed(reported(ONE)).text, "without a run before it there is nothing to compare"


# --- whence it comes ---


def test_json_is_linked_by_its_name_whatever_is_in_it() -> None:
    text = page(reported(ONE), [], json_name=f"{RUN}.completed.100.0.json")

    assert 'href="./2026-11-23T03%3A00%3A00Z.completed.100.0.json"' in text
    assert "report as JSON" not in page(reported(ONE), [])


def test_hostile_text_is_shown_as_the_text_it_is() -> None:
    text = _parsed(hostile(), replace(run_before(1), run_id=HOSTILE_NAME)).text

    assert (
        '<script>alert("1")</script><img src=x onerror=alert(2)>\'"&amp;[U+202E]gnp.exe[U+2066][U+0000][U+001B][31m'
        in text
    )
    assert "\u05e9\u05dc\u05d5\u05dd" in text
