import json
from collections import Counter
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebs_backup.model.reader import read
from ebs_backup.model.values import Outcome, Plan, Problem, Status
from ebs_backup.report.region import (
    MAX_LISTED,
    RegionCoverage,
    RegionReport,
    RegionResult,
    Standing,
    Work,
    combined,
    region_report,
    told,
)
from tests.unit.reports import BRAKED, CLOSED, DENIED, EMPTY, ONE, PLANNED, UNREAD, VARIED, lacking, without_any

FAULT = Problem("DescribeVolumes", "InternalError", "try again")
CRASH = RegionReport(region="r", problem=Problem("", "Sandbox.Timedout", "Task timed out after 900.00 seconds"))


def _report(result: RegionResult) -> RegionReport:
    return region_report(result, listed=10)


def _outcomes(status: Status, count: int, operation: str = "CreateSnapshot", **more: Any) -> list[Outcome]:
    return [Outcome(status, f"vol-{status}-{n}", operation, **more) for n in range(count)]


# --- one round ---


def test_all_that_is_told_of_a_region_is_told_in_this_order() -> None:
    made = told(_report(replace(VARIED, covers=(lacking("vol-3"), without_any("vol-4")))))

    listed = {key: made.pop(key) for key in ("problems", "uncovered")}
    assert list(made.items()) == [
        ("status", "failed"),
        ("duration_seconds", 12.346),
        ("api_calls", {"DescribeVolumes": 1, "CreateSnapshot": 4}),
        ("throttled_calls", {"CreateSnapshot": 2}),
        ("selected", 5),
        ("created", 2),
        ("already_there", 1),
        ("tagged", 1),
        ("deleted", 1),
        ("kept", 1),
        ("skipped", 2),
        ("failed", 2),
        ("unfinished", 1),
        ("failed_by_operation", {"CreateSnapshot": 1, "CreateSnapshots": 1, "DeleteSnapshot": 1}),
        ("skipped_because", {"opted out by tag Skip": 1, "deleted during the run": 1}),
        ("apart_because", {"one by one: EC2 refused the set of i-1: Odd": 1}),
        ("deleted_because", {"kept by no rule": 1}),
        ("kept_because", {"EC2 refuses to delete it: InvalidSnapshot.InUse": 1}),
        ("deletion_brake", None),
        ("covered", 0),
        ("uncovered_not_listed", 0),
        ("recovery_points_by", {"this deployment": 1}),
        ("oldest_recovery_point_hours", 49.2),
        ("problems_not_listed", 0),
    ]
    assert [(p["volume_id"], p["status"]) for p in listed["problems"]] == [
        ("vol-3", "failed"),
        ("vol-4", "unfinished"),
        ("vol-1", "failed"),
        ("vol-2", "set_refused"),
        ("vol-8", "skipped"),
        ("vol-1", "kept"),
    ]
    assert [each["volume_id"] for each in listed["uncovered"]] == ["vol-3", "vol-4"]


def test_what_keeps_the_region_from_being_read_is_the_first_of_its_problems_and_takes_a_place_among_them() -> None:
    failed = _outcomes(Status.FAILED, MAX_LISTED + 5, problem=FAULT)
    report = _report(RegionResult(region="r", plan=Plan("r", 30), outcomes=failed, problem=DENIED))

    problems = told(report)["problems"]

    assert (len(problems), problems[0]["code"]) == (MAX_LISTED, "UnauthorizedOperation")
    assert told(report)["problems_not_listed"] == 6


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
def test_another_attempt_may_mend_what_is_neither_forbidden_nor_held_back(result: RegionResult, curable: bool) -> None:
    assert _report(result).curable == curable


@pytest.mark.parametrize(
    "result",
    [VARIED, EMPTY, UNREAD, CLOSED, BRAKED, replace(PLANNED, dry_run=True), replace(ONE, covers=(lacking("vol-1"),))],
)
def test_a_report_is_plain_json_and_read_back_as_it_was(result: RegionResult) -> None:
    report = _report(result)

    assert read(RegionReport, json.loads(json.dumps(asdict(report))), "report") == report


def test_a_report_of_very_many_volumes_stays_small() -> None:
    failed = _outcomes(Status.FAILED, 10_000, problem=replace(FAULT, message="x" * 5000))
    skipped = [Outcome(Status.SKIPPED, f"vol-{n}", "CreateSnapshot", reason=f"reason {n}") for n in range(1000)]
    covers = [lacking(f"vol-{n}", hours=24 + n % 50 / 100) for n in range(20_000)]

    report = _report(RegionResult(region="r", plan=Plan("r", 0), outcomes=[*failed, *skipped], covers=covers))

    assert len(json.dumps(asdict(report))) < 25_000


# --- several rounds ---

counts = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 5))
works = st.builds(
    Work,
    duration_seconds=st.integers(0, 900_000).map(lambda milliseconds: milliseconds / 1000),
    api_calls=counts,
    throttled_calls=counts,
    created=st.integers(0, 9),
    tagged=st.integers(0, 9),
    deleted=st.integers(0, 9),
    apart_because=counts,
    deleted_because=counts,
)
standings = st.builds(
    Standing,
    selected=st.integers(0, 9),
    already_there=st.integers(0, 9),
    failed=st.integers(0, 9),
    unfinished=st.integers(0, 9),
    deletion_brake=st.none() | st.just("would delete 30 of 40 snapshots"),
    coverage=st.builds(RegionCoverage, measured=st.integers(0, 9)),
)
read_rounds = st.builds(RegionReport, region=st.just("r"), work=works, standing=standings)
crashes = st.just(CRASH)
rounds = read_rounds | crashes


@given(rounds, rounds, rounds)
def test_it_makes_no_difference_which_rounds_are_combined_first(
    first: RegionReport, second: RegionReport, third: RegionReport
) -> None:
    assert combined(combined(first, second), third) == combined(first, combined(second, third))


@given(read_rounds, read_rounds)
def test_what_was_done_adds_up_and_how_things_stand_is_as_it_was_found_last(
    earlier: RegionReport, later: RegionReport
) -> None:
    both = combined(earlier, later)

    assert both.work.created == earlier.work.created + later.work.created
    assert both.work.api_calls == Counter(earlier.work.api_calls) + Counter(later.work.api_calls)
    assert replace(both.known, already_there=0) == replace(later.known, already_there=0)


@given(read_rounds, crashes)
def test_after_a_crash_what_was_known_before_still_stands(earlier: RegionReport, crash: RegionReport) -> None:
    both = combined(earlier, crash)

    assert both.standing == earlier.standing
    assert both.status == "failed"
    assert told(both)["problems"][0]["code"] == "Sandbox.Timedout"


def test_a_region_that_could_be_read_in_the_end_has_no_trace_of_an_earlier_crash() -> None:
    assert combined(CRASH, replace(_report(ONE), region="r")).status == "completed"


fates = st.lists(st.sampled_from(["created", "untold", "found", "failed", "unfinished"]), min_size=8, max_size=8)


@given(st.lists(fates, min_size=1, max_size=6))
def test_every_selected_volume_is_counted_once_however_many_rounds_and_lost_reports_it_takes(
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
        reports.append(_report(RegionResult(region="r", plan=plan, outcomes=outcomes)))
        done |= {n: what for n, what in fate.items() if what in ("created", "untold", "found")}

    so_far = reports[0]
    for report in reports[1:]:
        so_far = combined(so_far, report)

    sums = told(so_far)
    assert sums["selected"] == sums["created"] + sums["already_there"] + sums["failed"] + sums["unfinished"] == 8
    assert sums["created"] == list(done.values()).count("created")
