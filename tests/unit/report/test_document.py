import json
import logging
from dataclasses import asdict, replace

import pytest

from ebs_backup.model.codes import meaning
from ebs_backup.model.request import Request
from ebs_backup.model.values import Create, Outcome, Plan, Problem, Skip, Status, Tag, Verdict
from ebs_backup.report.document import Run, log_region, log_round, log_run, report, summary
from ebs_backup.report.region import RegionResult, region_part
from ebs_backup.report.schema import MAX_LISTED, PlannedAction, ReportedProblem, Totals
from ebs_backup.runs.backup import MAX_ACTIONS
from tests.unit.builders import AT, RUN, deployment, snapshot, volume

DENIED = Problem("DescribeVolumes", "UnauthorizedOperation", "explicit deny in a service control policy")
REFUSED = Problem("CreateSnapshot", "CustomerKeyHasBeenRevoked", "the key is gone")


def _run(*results: RegionResult) -> Run:
    return Run(
        deployment=deployment(),
        request=Request(RUN),
        started_at=AT,
        duration_seconds=1.23456,
        regions=[region_part(result, listed=MAX_ACTIONS // len(results)) for result in results],
    )


IN_USE = Problem("DeleteSnapshot", "InvalidSnapshot.InUse", "in use by ami-1")

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


def test_run_without_failures_completes() -> None:
    made = report(_run(GOOD))

    assert made.status == "completed"
    assert made.totals == Totals(selected=3, created=2, already_there=1, skipped=1)
    assert made.regions["eu-west-1"].skipped_because == {"opted out": 1}


def test_refused_set_is_reported_without_failing_the_run() -> None:
    region = report(_run(GOOD)).regions["eu-west-1"]

    assert region.one_by_one_because == {"one by one: EC2 refused the set of i-1: X": 1}
    assert region.problems == (
        ReportedProblem("vol-2", None, "set_refused", "CreateSnapshots", "X", "no", meaning("X").remedy),
    )


def test_failures_are_listed_with_their_codes() -> None:
    region = report(_run(BAD)).regions["eu-west-2"]

    assert (region.status, region.failed, region.unfinished) == ("failed", 2, 1)
    assert [(p.volume_id, p.code) for p in region.problems] == [
        ("vol-3", "CustomerKeyHasBeenRevoked"),
        ("vol-4", ""),
        ("vol-5", "Y"),
    ]


def test_summary_says_how_many_volumes_lack_a_snapshot_and_why() -> None:
    assert summary(_run(GOOD, BAD, UNREAD)).splitlines() == [
        f"run {RUN} of nightly: 2 of 6 volumes have no snapshot of this run, 1 of 3 regions could not be read",
        "- us-east-1: DescribeVolumes: UnauthorizedOperation: explicit deny in a service control policy",
        "- eu-west-2: vol-3: CreateSnapshot: CustomerKeyHasBeenRevoked: the key is gone",
        "- eu-west-2: vol-4: out of time",
        "- eu-west-2: snap-5: CreateTags: Y: not now",
    ]


@pytest.mark.parametrize(
    ("results", "head"),
    [
        ((UNREAD, GOOD), "all 3 volumes have their snapshot, 1 of 2 regions could not be read"),
        ((UNREAD,), "1 of 1 regions could not be read"),
        ((UNREAD, BAD, GOOD), "2 of 6 volumes have no snapshot of this run, 1 of 3 regions could not be read"),
    ],
)
def test_summary_begins_with_what_is_there(results: tuple[RegionResult, ...], head: str) -> None:
    assert summary(_run(*results)).splitlines()[0] == f"run {RUN} of nightly: {head}"


def test_summary_of_a_dry_run_claims_no_snapshots() -> None:
    run = _run(UNREAD, GOOD)
    run = replace(run, request=replace(run.request, dry_run=True))

    assert "nightly: dry run: 3 volumes selected, 1 of 2 regions could not be read" in summary(run)


def test_brake_is_told_in_full_before_all_that_failed() -> None:
    words = "x" * 1000
    braked = [RegionResult(region=f"b-{n}", plan=Plan("b", 1, brake=words)) for n in range(3)]

    lines = summary(_run(*[replace(UNREAD, region=f"r-{n}") for n in range(MAX_LISTED)], *braked)).splitlines()

    assert lines[1] == f"- b-0: deletion brake: {words}"


def test_summary_tells_regions_not_read_from_those_cut_short() -> None:
    unmeasured = replace(GOOD, region="eu-west-3", problem=Problem("DescribeSnapshots", "", "out of time"))

    head, *lines = summary(_run(unmeasured, UNREAD)).splitlines()

    assert head.endswith(", 1 of 2 regions could not be read, 1 of 2 regions could not be visited to the end")
    assert lines == [
        "- eu-west-3: out of time",
        "- us-east-1: DescribeVolumes: UnauthorizedOperation: explicit deny in a service control policy",
    ]


@pytest.mark.parametrize(
    ("problem", "status"),
    [(DENIED, "denied"), (Problem("DescribeVolumes", "InternalError", ""), "failed")],
)
def test_expected_denial_fails_no_run_but_another_error_does(problem: Problem, status: str) -> None:
    run = _run(RegionResult(region="us-east-1", problem=problem, denial_expected=True))

    assert run.regions[0].report.status == status
    assert run.failed == (status == "failed")


def test_denial_of_creates_alone_can_be_expected() -> None:
    outcomes = (Outcome(Status.FAILED, "vol-1", "CreateSnapshot", problem=DENIED),)

    expected = RegionResult(region="r", plan=Plan("r", 1), outcomes=outcomes, denial_expected=True)

    assert _run(expected).regions[0].report.status == "denied"
    assert _run(replace(expected, denial_expected=False)).regions[0].report.status == "failed"


def test_report_of_a_catastrophe_stays_small() -> None:
    long = Problem("CreateSnapshot", "InternalError", "x" * 5000)
    outcomes = [Outcome(Status.FAILED, f"vol-{n:05}", "CreateSnapshot", problem=long) for n in range(10_000)]
    results = [RegionResult(region=f"region-{n}", plan=Plan("", 10_000), outcomes=outcomes) for n in range(36)]

    made = report(_run(*results))

    assert made.totals.failed == 360_000
    assert made.regions["region-0"].problems_not_listed == 10_000 - MAX_LISTED
    assert len(json.dumps(asdict(made))) < 600_000
    assert all(len(json.dumps(asdict(region))) < 20_000 for region in made.regions.values())
    assert len(summary(_run(*results))) < 10_000


def test_dry_run_reports_what_it_would_do_and_why() -> None:
    actions = tuple(Create((volume(f"vol-{n}"),), "no snapshot of this run yet") for n in range(MAX_ACTIONS + 2))
    region = report(_run(RegionResult(region="r", plan=Plan("r", 2, actions), dry_run=True))).regions["r"]

    assert region.planned == {"CreateSnapshot": MAX_ACTIONS + 2}
    assert region.actions[0] == PlannedAction("CreateSnapshot", "no snapshot of this run yet", ("vol-0",))
    assert region.actions_not_listed == 2


def test_deleted_and_kept_snapshots_count_by_reason() -> None:
    outcomes = (
        Outcome(Status.DELETED, "vol-1", "DeleteSnapshot", "snap-1", "kept by no rule"),
        Outcome(Status.KEPT, "vol-2", "DeleteSnapshot", "snap-2", "EC2 refuses to delete it: X", IN_USE),
    )
    made = report(_run(RegionResult(region="r", plan=Plan("r", 0), outcomes=outcomes)))

    assert (made.status, made.totals.deleted, made.totals.kept) == ("completed", 1, 1)
    assert made.regions["r"].kept_because == {"EC2 refuses to delete it: X": 1}


def test_deletion_brake_fails_the_run_and_says_what_it_stopped() -> None:
    result = RegionResult(region="r", plan=Plan("r", 1, brake="would delete 30 of 40 snapshots, more than x = 50"))

    assert report(_run(result)).regions["r"].deletion_brake == "would delete 30 of 40 snapshots, more than x = 50"
    assert summary(_run(result)).splitlines() == [
        f"run {RUN} of nightly: the one volume has its snapshot, the deletion brake held in 1 of 1 regions",
        "- r: deletion brake: would delete 30 of 40 snapshots, more than x = 50",
    ]
    assert _run(result).failed


def test_deletion_brake_fails_no_dry_run() -> None:
    result = RegionResult(region="r", plan=Plan("r", 1, brake="would delete too many"), dry_run=True)

    assert report(_run(result)).regions["r"].deletion_brake == "would delete too many"
    assert not _run(result).failed


def test_dry_run_shows_each_snapshot_with_its_verdict() -> None:
    verdicts = (
        Verdict(snapshot("snap-2", "vol-1"), keep=True, reasons=("newest", "daily 1 of 7")),
        Verdict(snapshot("snap-1", "vol-1"), keep=False, reasons=("kept by no rule",)),
    )
    region = report(_run(RegionResult(region="r", plan=Plan("r", 1, verdicts=verdicts), dry_run=True))).regions["r"]

    assert [(v.snapshot_id, v.keep, v.reasons) for v in region.verdicts] == [
        ("snap-2", True, ("newest", "daily 1 of 7")),
        ("snap-1", False, ("kept by no rule",)),
    ]


def test_each_region_and_the_run_are_logged_with_their_data(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        run = _run(GOOD, UNREAD)
        for region in run.regions:
            log_region(region)
        log_run(report(run))

    assert [(r.levelname, r.message) for r in caplog.records] == [
        ("INFO", "region_completed"),
        ("ERROR", "region_completed"),
        ("ERROR", "run_completed"),
    ]
    assert caplog.records[0].__dict__["report"]["created"] == 2
    assert "regions" not in caplog.records[2].__dict__["report"]


def test_round_is_logged_with_its_number_without_the_plan(caplog: pytest.LogCaptureFixture) -> None:
    actions = (Create((volume("vol-1"),), "why"),)
    planned = RegionResult(region="r", plan=Plan("r", 1, actions), dry_run=True)

    with caplog.at_level(logging.INFO):
        log_round(_run(planned).regions[0], 3)

    (logged,) = (r.__dict__ for r in caplog.records)
    assert (logged["message"], logged["region"], logged["round"]) == ("round_completed", "r", 3)
    assert logged["report"]["planned"] == {"CreateSnapshot": 1}
    assert not {"actions", "verdicts"} & logged["report"].keys()


def test_each_planned_action_is_logged_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    actions = (Create((volume("vol-1"),), "why"), Tag("snap-2", "vol-2", {}, "why"))

    with caplog.at_level(logging.INFO):
        log_region(*_run(RegionResult(region="r", plan=Plan("r", 2, actions), dry_run=True)).regions)

    planned = [r.__dict__["action"] for r in caplog.records if r.message == "action_planned"]
    assert [(a["operation"], a["volume_ids"]) for a in planned] == [
        ("CreateSnapshot", ("vol-1",)),
        ("CreateTags", ("vol-2",)),
    ]


def test_log_event_of_a_region_leaves_remedies_to_the_report(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        log_region(*_run(BAD).regions)

    (logged,) = (r.__dict__["report"] for r in caplog.records)
    assert [problem["code"] for problem in logged["problems"]] == ["CustomerKeyHasBeenRevoked", "", "Y"]
    assert "remedy" not in str(logged["problems"])
