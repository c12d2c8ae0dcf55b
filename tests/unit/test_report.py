import json
import logging

import pytest

from ebs_backup.model import Create, Outcome, Plan, Problem, Skip, Status, Tag
from ebs_backup.report import MAX_ACTIONS, MAX_LISTED, RegionResult, Run, log_report, report, summary
from tests.unit.builders import RUN, volume

DENIED = Problem("DescribeVolumes", "UnauthorizedOperation", "explicit deny in a service control policy")
REFUSED = Problem("CreateSnapshot", "CustomerKeyHasBeenRevoked", "the key is gone")


def _run(*results: RegionResult, dry_run: bool = False) -> Run:
    return Run(
        policy="nightly",
        run_id=RUN,
        dry_run=dry_run,
        started_at="2026-11-23T03:00:01+00:00",
        duration_seconds=1.23456,
        results=results,
    )


GOOD = RegionResult(
    region="eu-west-1",
    plan=Plan("eu-west-1", 3, already_there={"vol-0": "snap-0"}, skipped=(Skip("vol-9", "opted out"),)),
    outcomes=(
        Outcome(Status.CREATED, "vol-1", "CreateSnapshot", "snap-1"),
        Outcome(Status.SET_REFUSED, "vol-2", "CreateSnapshots", problem=Problem("CreateSnapshots", "X", "no")),
        Outcome(Status.CREATED, "vol-2", "CreateSnapshot", "snap-2", "one by one: EC2 refused the set of i-1: X"),
    ),
    duration_seconds=1.0,
    api_calls={"DescribeVolumes": 1},
)
BAD = RegionResult(
    region="eu-west-2",
    plan=Plan("eu-west-2", 3),
    outcomes=(
        Outcome(Status.FAILED, "vol-3", "CreateSnapshot", problem=REFUSED),
        Outcome(Status.UNFINISHED, "vol-4", "CreateSnapshot", reason="out of time"),
        Outcome(Status.CREATED, "vol-5", "CreateSnapshots", "snap-5"),
        Outcome(Status.FAILED, "vol-5", "CreateTags", "snap-5", problem=Problem("CreateTags", "Y", "not now")),
    ),
)
UNREAD = RegionResult(region="us-east-1", problem=DENIED)


def test_a_run_in_which_all_is_well_completes() -> None:
    made = report(_run(GOOD))

    assert made["status"] == "completed"
    assert made["totals"] == {
        "selected": 3,
        "created": 2,
        "already_there": 1,
        "tagged": 0,
        "skipped": 1,
        "failed": 0,
        "unfinished": 0,
    }
    assert made["regions"]["eu-west-1"]["skipped_because"] == {"opted out": 1}


def test_a_set_that_was_refused_is_told_of_without_failing_the_run() -> None:
    region = report(_run(GOOD))["regions"]["eu-west-1"]

    assert region["apart_because"] == {"one by one: EC2 refused the set of i-1: X": 1}
    assert region["problems"] == [
        {"volume_id": "vol-2", "status": "set_refused", "operation": "CreateSnapshots", "code": "X", "message": "no"}
    ]


def test_what_failed_and_what_is_unfinished_is_listed_with_its_code() -> None:
    region = report(_run(BAD))["regions"]["eu-west-2"]

    assert (region["status"], region["failed"], region["unfinished"]) == ("failed", 2, 1)
    assert [(p["volume_id"], p["code"]) for p in region["problems"]] == [
        ("vol-3", "CustomerKeyHasBeenRevoked"),
        ("vol-4", ""),
        ("vol-5", "Y"),
    ]


def test_the_summary_says_how_many_volumes_lack_a_snapshot_and_why() -> None:
    assert summary(_run(GOOD, BAD, UNREAD)).splitlines() == [
        f"run {RUN} of nightly: 2 of 6 volumes have no snapshot of this run, 1 of 3 regions could not be read",
        "- us-east-1: DescribeVolumes: UnauthorizedOperation: explicit deny in a service control policy",
        "- eu-west-2: vol-3: CreateSnapshot: CustomerKeyHasBeenRevoked: the key is gone",
        "- eu-west-2: vol-4: out of time",
        "- eu-west-2: vol-5: CreateTags: Y: not now",
    ]


@pytest.mark.parametrize(
    ("problem", "status"),
    [(DENIED, "denied"), (Problem("DescribeVolumes", "InternalError", ""), "failed")],
)
def test_in_a_region_expected_to_be_denied_a_denial_fails_no_run_but_anything_else_does(
    problem: Problem, status: str
) -> None:
    result = RegionResult(region="us-east-1", problem=problem, denial_expected=True)

    assert result.status == status
    assert _run(result).failed == (status == "failed")


def test_a_region_in_which_only_creating_is_denied_can_be_expected_too() -> None:
    outcomes = (Outcome(Status.FAILED, "vol-1", "CreateSnapshot", problem=DENIED),)

    assert RegionResult(region="r", outcomes=outcomes, denial_expected=True).status == "denied"
    assert RegionResult(region="r", outcomes=outcomes).status == "failed"


def test_the_report_of_a_catastrophe_stays_small_and_says_what_it_leaves_out() -> None:
    long = Problem("CreateSnapshot", "InternalError", "x" * 5000)
    outcomes = [Outcome(Status.FAILED, f"vol-{n:05}", "CreateSnapshot", problem=long) for n in range(10_000)]
    results = [RegionResult(region=f"region-{n}", plan=Plan("", 10_000), outcomes=outcomes) for n in range(36)]

    made = report(_run(*results))

    assert made["totals"]["failed"] == 360_000
    assert made["regions"]["region-0"]["problems_not_listed"] == 10_000 - MAX_LISTED
    assert len(json.dumps(made)) < 500_000
    assert all(len(json.dumps(region)) < 20_000 for region in made["regions"].values())
    assert len(summary(_run(*results))) < 10_000


def test_a_dry_run_reports_what_it_would_do_and_why() -> None:
    actions = tuple(Create((volume(f"vol-{n}"),), "no snapshot of this run yet") for n in range(MAX_ACTIONS + 2))
    region = report(_run(RegionResult(region="r", plan=Plan("r", 2, actions)), dry_run=True))["regions"]["r"]

    assert region["planned"] == {"CreateSnapshot": MAX_ACTIONS + 2}
    assert region["actions"][0] == {
        "operation": "CreateSnapshot",
        "reason": "no snapshot of this run yet",
        "volume_ids": ["vol-0"],
    }
    assert region["actions_not_listed"] == 2


def test_each_region_and_the_run_are_logged_as_events_with_their_data(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        log_report(_run(GOOD, UNREAD))

    assert [(r.levelname, r.message) for r in caplog.records] == [
        ("INFO", "region_completed"),
        ("ERROR", "region_completed"),
        ("ERROR", "run_completed"),
    ]
    assert caplog.records[0].__dict__["report"]["created"] == 2


def test_each_planned_action_of_a_dry_run_is_logged_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    actions = (Create((volume("vol-1"),), "why"), Tag("snap-2", "vol-2", {}, "why"))

    with caplog.at_level(logging.INFO):
        log_report(_run(RegionResult(region="r", plan=Plan("r", 2, actions)), dry_run=True))

    planned = [r.__dict__["action"] for r in caplog.records if r.message == "action_planned"]
    assert [(a["operation"], a["volume_ids"]) for a in planned] == [
        ("CreateSnapshot", ["vol-1"]),
        ("CreateTags", ["vol-2"]),
    ]
