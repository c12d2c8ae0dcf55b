import json
from collections import Counter
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebs_backup.model.reader import read
from ebs_backup.model.values import Outcome, Plan, Problem, Status
from ebs_backup.report.region import RegionPart, RegionResult, combined, region_part
from ebs_backup.report.schema import MAX_LISTED, RegionReport, Totals
from tests.unit.reports import (
    BRAKED,
    CLOSED,
    DENIED,
    EMPTY,
    EXPIRING,
    GOES,
    NOTHING_SELECTED,
    ONE,
    PLANNED,
    UNREAD,
    VARIED,
    lacking,
    without_any,
)

FAULT = Problem("DescribeVolumes", "InternalError", "try again")
TIMED_OUT = Problem("", "Sandbox.Timedout", "Task timed out after 900.00 seconds")


def _part(result: RegionResult) -> RegionPart:
    return region_part(result, listed=10)


def _report(result: RegionResult) -> RegionReport:
    return _part(result).report


def _outcomes(status: Status, count: int, operation: str = "CreateSnapshot", **more: Any) -> list[Outcome]:
    return [Outcome(status, f"vol-{status}-{n}", operation, **more) for n in range(count)]


# --- one round ---


def test_region_report_begins_with_counts_and_status() -> None:
    made = _report(replace(VARIED, coverages=(lacking("vol-3"), without_any("vol-4"))))

    fields = list(asdict(made))
    assert fields[: len(asdict(Totals()))] == list(asdict(Totals()))
    assert fields.index("status") < fields.index("duration_seconds") < fields.index("problems")
    assert (made.covered, made.oldest_recovery_point_hours) == (0, 49.2)
    assert [each.volume_id for each in made.uncovered] == ["vol-3", "vol-4"]


def test_problems_that_fail_the_run_come_first() -> None:
    assert [(p.volume_id, p.status) for p in _report(VARIED).problems] == [
        ("vol-3", "failed"),
        ("vol-4", "unfinished"),
        ("vol-1", "failed"),
        ("vol-2", "set_refused"),
        ("vol-8", "skipped"),
        ("vol-1", "kept"),
    ]


def test_expected_denial_is_a_problem_that_fails_nothing() -> None:
    outcomes = [*_outcomes(Status.FAILED, 1, problem=DENIED), *_outcomes(Status.UNFINISHED, 1)]

    part = _part(RegionResult(region="r", plan=Plan("r", 2), outcomes=outcomes, denial_expected=True))

    assert [(p.status, "Allow the operation" in p.remedy) for p in part.report.problems] == [
        ("unfinished", False),
        ("denied", True),
    ]
    assert [p.status for p in part.failing_problems] == ["unfinished"]


def test_region_problem_is_the_first_of_those_listed() -> None:
    failed = _outcomes(Status.FAILED, MAX_LISTED + 5, problem=FAULT)
    report = _report(RegionResult(region="r", plan=Plan("r", 30), outcomes=failed, problem=DENIED))

    assert (len(report.problems), report.problems[0].code) == (MAX_LISTED, "UnauthorizedOperation")
    assert (report.problem, report.problems_not_listed) == (report.problems[0], 6)


@pytest.mark.parametrize(
    ("result", "curable"),
    [
        (ONE, False),
        (RegionResult(region="r", problem=FAULT), True),
        (UNREAD, False),
        (CLOSED, False),
        (BRAKED, False),
        (RegionResult(region="r", plan=Plan("r", 1), outcomes=_outcomes(Status.UNFINISHED, 1)), True),
        (RegionResult(region="r", plan=Plan("r", 1), outcomes=_outcomes(Status.FAILED, 1, problem=FAULT)), True),
        (RegionResult(region="r", plan=Plan("r", 1), outcomes=_outcomes(Status.FAILED, 1, problem=DENIED)), False),
        (RegionResult(region="r", plan=Plan("r", 1), outcomes=_outcomes(Status.KEPT, 1, problem=FAULT)), False),
    ],
    ids=["all done", "fault", "denied", "denied as expected", "brake", "out of time", "failed", "forbidden", "kept"],
)
def test_region_is_curable_unless_denied_or_held_by_the_brake(result: RegionResult, curable: bool) -> None:
    assert _part(result).curable == curable


@pytest.mark.parametrize(
    "result",
    [
        VARIED,
        EMPTY,
        UNREAD,
        CLOSED,
        BRAKED,
        EXPIRING,
        replace(PLANNED, dry_run=True),
        replace(ONE, coverages=(lacking("vol-1"),)),
    ],
)
def test_part_is_read_back_from_json_as_it_was(result: RegionResult) -> None:
    part = _part(result)

    assert read(RegionPart, json.loads(json.dumps(asdict(part))), "part") == part


def test_part_of_very_many_volumes_stays_small() -> None:
    failed = _outcomes(Status.FAILED, 10_000, problem=replace(FAULT, message="x" * 5000))
    skipped = [Outcome(Status.SKIPPED, f"vol-{n}", "CreateSnapshot", reason=f"reason {n}") for n in range(1000)]
    coverages = [lacking(f"vol-{n}", hours=24 + n % 50 / 100) for n in range(20_000)]

    part = _part(RegionResult(region="r", plan=Plan("r", 0), outcomes=[*failed, *skipped], coverages=coverages))

    assert len(json.dumps(asdict(part))) < 30_000


def test_announcements_are_listed_by_the_time_that_they_name() -> None:
    made = _report(EXPIRING)

    assert [(each.snapshot_id, each.delete_after[:10]) for each in made.announcements] == [
        ("snap-b", "2026-11-25"),
        ("snap-a", "2026-11-26"),
    ]
    assert (made.announced, made.waiting, made.withdrawn, made.deleted, made.kept) == (1, 1, 1, 1, 2)
    assert made.announced_by_day == {"2026-11-25": 1, "2026-11-26": 1}
    assert made.kept_because == {"held by tag ebs-backup:Hold": 1, "in the archive tier": 1}
    assert made.before_deployment == 1


def test_announcement_that_failed_is_none() -> None:
    refused = replace(EXPIRING.outcomes[2], status=Status.FAILED, problem=FAULT)
    made = _report(replace(EXPIRING, outcomes=(refused,)))

    assert [each.snapshot_id for each in made.announcements] == ["snap-b"]
    assert (made.announced, made.failed_by_operation) == (0, {"CreateTags": 1})


def test_brake_leaves_waiting_what_was_announced_before() -> None:
    assert EXPIRING.plan is not None
    held = replace(EXPIRING, plan=replace(EXPIRING.plan, actions=(), brake="slip"), outcomes=())

    assert (_report(held).waiting, _report(held).announced) == (2, 0)


def test_volumes_in_use_are_counted_selected_or_not() -> None:
    assert [_report(result).in_use for result in (VARIED, NOTHING_SELECTED, EMPTY)] == [6, 2, 0]


# --- several rounds ---


def test_snapshot_announced_by_an_earlier_round_counts_once() -> None:
    assert EXPIRING.plan is not None
    goes = [replace(v, delete_after=GOES) for v in EXPIRING.plan.verdicts if v.snapshot.id in ("snap-a", "snap-b")]
    second = RegionResult(region="eu-north-1", plan=Plan("eu-north-1", 1, verdicts=tuple(goes)))

    both = combined(_part(EXPIRING), _part(second)).report

    assert (both.announced, both.waiting, len(both.announcements)) == (1, 1, 2)


counts = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 5))
few = st.integers(0, 9)
region_reports = st.builds(
    RegionReport,
    selected=few,
    created=few,
    already_there=few,
    tagged=few,
    announced=few,
    waiting=few,
    withdrawn=few,
    deleted=few,
    changes=st.lists(st.sampled_from(["x.changes.jsonl"]), max_size=2).map(tuple),
    failed=few,
    unfinished=few,
    deletion_brake=st.none() | st.just("would delete 30 of 40 snapshots"),
    duration_seconds=st.integers(0, 900_000).map(lambda milliseconds: milliseconds / 1000),
    api_calls=counts,
    throttled_calls=counts,
    one_by_one_because=counts,
    deleted_because=counts,
    problems=st.lists(st.sampled_from(_report(VARIED).problems), max_size=MAX_LISTED).map(tuple),
)
read_rounds = st.builds(
    RegionPart, region=st.just("r"), report=region_reports, was_read=st.just(value=True), failures=few, measured=few
)
crashes = st.just(_part(RegionResult(region="r", problem=TIMED_OUT)))
rounds = read_rounds | crashes


@given(rounds, rounds, rounds)
def test_rounds_combine_in_any_grouping(first: RegionPart, second: RegionPart, third: RegionPart) -> None:
    assert combined(combined(first, second), third) == combined(first, combined(second, third))


@given(read_rounds, read_rounds)
def test_work_adds_up_and_the_rest_is_as_found_last(earlier: RegionPart, later: RegionPart) -> None:
    both = combined(earlier, later)

    assert both.report.created == earlier.report.created + later.report.created
    assert both.report.api_calls == Counter(earlier.report.api_calls) + Counter(later.report.api_calls)
    last = ("selected", "failed", "unfinished", "deletion_brake", "problems", "problems_not_listed")
    assert [getattr(both.report, name) for name in last] == [getattr(later.report, name) for name in last]
    assert (both.failures, both.measured) == (later.failures, later.measured)


@given(read_rounds, crashes)
def test_crash_leaves_what_was_known_before(earlier: RegionPart, crash: RegionPart) -> None:
    both = combined(earlier, crash)

    assert (both.report.selected, both.report.already_there) == (earlier.report.selected, earlier.report.already_there)
    assert (both.report.status, both.failures, both.measured) == ("failed", earlier.failures, earlier.measured)
    assert both.report.problems[0].code == "Sandbox.Timedout"


def test_earlier_crash_leaves_no_trace_in_a_region_read_at_last() -> None:
    crash = _part(RegionResult(region="r", problem=TIMED_OUT))

    assert combined(crash, replace(_part(ONE), region="r")).report.status == "completed"


fates = st.lists(st.sampled_from(["created", "untold", "found", "failed", "unfinished"]), min_size=8, max_size=8)


@given(st.lists(fates, min_size=1, max_size=6))
def test_every_volume_counts_once_however_many_rounds_it_takes(
    attempts: list[list[str]],
) -> None:
    done: dict[int, str] = {}
    reports = []
    for attempt in attempts:
        fate = {n: what for n, what in enumerate(attempt) if n not in done}
        plan = Plan("r", 8, already_there={f"vol-{n}": "snap" for n in done})
        statuses = {
            "created": Status.CREATED,
            "found": Status.ALREADY_THERE,
            "failed": Status.FAILED,
            "unfinished": Status.UNFINISHED,
            "untold": Status.UNFINISHED,  # EC2 made it, and the answer was lost at the deadline
        }
        outcomes = [Outcome(statuses[what], f"vol-{n}", "CreateSnapshot") for n, what in fate.items()]
        reports.append(_part(RegionResult(region="r", plan=plan, outcomes=outcomes)))
        done |= {n: what for n, what in fate.items() if what in ("created", "untold", "found")}

    so_far = reports[0]
    for report in reports[1:]:
        so_far = combined(so_far, report)

    sums = so_far.report
    assert sums.selected == sums.created + sums.already_there + sums.failed + sums.unfinished == 8
    assert sums.created == list(done.values()).count("created")
