"""A run step by step: the deployed function behind a state machine, against the simulated EC2."""

import json
import logging
import math
import re
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebs_backup import handler
from ebs_backup.aws import s3
from ebs_backup.handler import lambda_handler
from ebs_backup.model.request import RequestError
from ebs_backup.model.time_budget import RESERVE
from ebs_backup.model.values import Problem
from ebs_backup.report.document import RunFailed
from ebs_backup.report.region import RegionPart, RegionResult, region_part
from ebs_backup.report.schema import RegionReport, Totals
from ebs_backup.runs.records import REPEATED, NextRound
from ebs_backup.runs.rounds import MAX_STALLED, PAUSE, REFILLED, following
from sandbox.ec2 import Clock, Fault, Rate, Request, Simulator
from tests.unit.builders import RUN
from tests.unit.conftest import Connect, SimulatedTime
from tests.unit.estates import add_instance, add_snapshots, add_volumes
from tests.unit.state_machine import Bucket, ExecutionFailed, Json, Killed, StateMachine
from tools.simulated import connected

TICK = {"source": "aws.events", "detail-type": "Scheduled Event", "time": RUN, "detail": {}}
OPERATIONS = ("CreateSnapshot", "CreateSnapshots", "CreateTags", "DeleteSnapshot")
REGIONS = ["eu-west-1", "eu-west-2", "us-east-1"]
POLICY = {
    "name": "nightly",
    "regions": REGIONS,
    "report_bucket": "reports",
    "report_prefix": "nightly/reports/",
    "rounds_prefix": "nightly/rounds/",
    # A tenth of EC2's, so that a tenth of the volumes takes several rounds.
    "request_bursts": dict.fromkeys(OPERATIONS, 10),
    "request_rates": dict.fromkeys(OPERATIONS, 0.5),
}
MAX_ROUNDS = 7
RETENTION = {"retention": {"last": 2}}


class Deployment:
    """The function as deployed for Step Functions, its state machine and its bucket."""

    def __init__(self, ec2: Simulator, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws_request_id = "request-1"
        self.seconds = 900.0
        self.bucket = bucket
        self.machine = StateMachine(self.invoke, ec2)
        self.deaths: dict[str, list[float]] = {}  # region -> after how many creating calls its visits die, one by one
        self._region, self._left = "", math.inf
        self._environment = monkeypatch
        ec2.hooks.append(self._live)
        self.deploy()

    def deploy(self, **deployment: object) -> None:
        self._environment.setenv("POLICY", json.dumps(POLICY | deployment))

    def get_remaining_time_in_millis(self) -> int:
        return round(self.seconds * 1000)

    def invoke(self, payload: Json) -> Json:
        self._region, self._left = payload.get("region", ""), math.inf
        if deaths := self.deaths.get(self._region):
            self._left = deaths.pop(0)
        return lambda_handler(payload, self)

    def _live(self, request: Request) -> None:
        if request.action.startswith("Create"):
            self._left -= 1
        if self._left < 0:
            raise Killed

    def execute(self, event: object = TICK, name: str = "execution-1") -> Json:
        return self.machine.execute(event, name)

    def begin(self, event: object = TICK, name: str = "execution-1") -> Json:
        return self.invoke({"step": "begin", "event": event, "execution": name})

    @property
    def reports(self) -> list[Json]:
        keys = [key for key in self.bucket.objects if key.startswith("nightly/reports/") and key.endswith(".json")]
        return [self.bucket.json(key) for key in keys]


@pytest.fixture
def deployment(
    connect: Connect,  # noqa: ARG001
    ec2: Simulator,
    clock: SimulatedTime,
    monkeypatch: pytest.MonkeyPatch,
) -> Deployment:
    return _deployed(ec2, clock, monkeypatch)


def _deployed(ec2: Simulator, clock: SimulatedTime, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    bucket = Bucket()
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr(handler, "Clock", lambda: clock)
    monkeypatch.setattr(s3, "_client", lambda: bucket)
    return Deployment(ec2, bucket, monkeypatch)


def _snapshots(ec2: Simulator, region: str) -> Counter[str]:
    of_run = [s for s in ec2.regions[region].snapshots.values() if s.tags.get("ebs-backup:RunId") == RUN]
    return Counter(snapshot.volume_id for snapshot in of_run)


def _told(caplog: pytest.LogCaptureFixture) -> dict[str, Json]:
    """Return what was logged of each region in the end and of the run, but for the time that it took."""
    ends = [r.__dict__ for r in caplog.records if r.message in ("region_completed", "run_completed")]
    return {each.get("region", "run"): each["report"] | {"duration_seconds": None} for each in ends}


def _stored(execution: str = "execution-1") -> str:
    return f"nightly/rounds/{RUN}/{execution}/eu-west-1.json"


def _visit(**changes: object) -> Json:
    run = {"run_id": RUN, "execution": "execution-1", "dry_run": False}
    return {"step": "visit", "run": run, "region": "eu-west-1", "round": 1, "stalled": 0, "retries": 0, **changes}


def _finish(*regions: str, **changes: object) -> Json:
    visits = [{"region": region, "rounds": 1} for region in regions]
    return {"step": "finish", "run": _visit()["run"], "visits": visits, **changes}


# --- a whole execution ---


def test_run_of_one_round_a_region_ends_with_one_report(deployment: Deployment, ec2: Simulator) -> None:
    add_volumes(ec2, 3, "eu-west-1")
    add_instance(ec2, "i-1", "vol-a", "vol-b", region="us-east-1")

    ended = deployment.execute()

    assert ended["status"] == "completed"
    assert (ended["totals"]["selected"], ended["totals"]["created"]) == (5, 5)
    assert deployment.machine.rounds == dict.fromkeys(REGIONS, 1)
    assert deployment.bucket.json(f"{ended['report']}.json")["totals"] == ended["totals"]
    assert f"{ended['report']}.html" in deployment.bucket.objects


def test_report_is_the_one_that_a_single_invocation_makes(
    deployment: Deployment, ec2: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    _add_all_sorts(ec2)
    deployment.deploy(**RETENTION)

    with caplog.at_level(logging.INFO):
        deployment.execute({"dry_run": True, "run_id": "x"})
        stepwise = _told(caplog)
        caplog.clear()
        deployment.invoke({"dry_run": True, "run_id": "x"})

    assert len(stepwise) == len(REGIONS) + 1
    assert stepwise == _told(caplog)


def test_estate_beyond_one_invocation_is_done_round_by_round(deployment: Deployment, ec2: Simulator) -> None:
    ids = add_volumes(ec2, 70, "eu-west-1")
    add_volumes(ec2, 2, "eu-west-2")
    deployment.seconds = RESERVE + 15

    ended = deployment.execute()

    assert deployment.machine.rounds["eu-west-1"] > 1
    assert deployment.machine.rounds["eu-west-2"] == 1
    assert _snapshots(ec2, "eu-west-1") == Counter(ids)
    assert (ended["totals"]["created"], ended["totals"]["already_there"], ended["totals"]["unfinished"]) == (72, 0, 0)


@pytest.mark.parametrize("seconds", [2, 5, 9])
def test_totals_are_the_same_however_many_rounds_it_takes(deployment: Deployment, ec2: Simulator, seconds: int) -> None:
    _add_all_sorts(ec2)
    deployment.deploy(**RETENTION)
    deployment.seconds = RESERVE + seconds

    ended = deployment.execute()

    assert deployment.machine.rounds["eu-west-1"] > 1
    assert ended["totals"] == {
        "selected": 44,
        "created": 44,
        "already_there": 0,
        "tagged": 16,
        "announced": 0,
        "waiting": 0,
        "withdrawn": 0,
        "deleted": 2,
        "kept": 1,
        "skipped": 1,
        "failed": 0,
        "unfinished": 0,
    }
    (report,) = deployment.reports
    assert report["regions"]["eu-west-1"]["deleted_because"] == {"kept by no rule": 2}
    assert report["coverage"]["selected"] == 44


def _let_follow(deployment: Deployment, follows: NextRound) -> None:
    """Record that some rounds were made, which found nothing, and what is to follow."""
    record = {"ended_at": "2026-11-23T03:00:00Z", "follows": asdict(follows), "part": asdict(_part())}
    deployment.bucket.objects[_stored()] = json.dumps(record).encode()


def _add_all_sorts(ec2: Simulator) -> None:
    """Add single volumes, sets, one that is left alone, and old snapshots, one of which must not be deleted."""
    ec2.pending_seconds = 86_400.0
    add_volumes(ec2, 28)
    for n in range(4):
        add_instance(ec2, f"i-{n}", *(f"vol-{n}{letter}" for letter in "abc"))
    add_instance(ec2, "i-four", "vol-1", "vol-2", "vol-3", "vol-4")
    add_instance(ec2, "i-out", "vol-out", skipped=("vol-out",))
    add_snapshots(ec2, "vol-0000", days=4)
    add_snapshots(ec2, "vol-0001", days=3, shared_with=frozenset({"111122223333"}))


def test_region_that_fails_fails_the_execution_after_the_others(deployment: Deployment, ec2: Simulator) -> None:
    add_volumes(ec2, 2, "eu-west-1")
    ec2.regions["us-east-1"].denied = True

    with pytest.raises(ExecutionFailed, match=r"RunFailed.*1 of 3 regions could not be read.*us-east-1: Describe"):
        deployment.execute()

    (report,) = deployment.reports
    assert {name: region["status"] for name, region in report["regions"].items()} == {
        "eu-west-1": "completed",
        "eu-west-2": "completed",
        "us-east-1": "failed",
    }
    assert deployment.machine.rounds["us-east-1"] == 1  # a denial is not asked twice


def test_denial_that_was_expected_fails_nothing(deployment: Deployment, ec2: Simulator) -> None:
    deployment.deploy(expected_denied_regions=["us-east-1"])
    ec2.regions["us-east-1"].denied = True

    assert deployment.execute()["status"] == "completed"
    assert deployment.machine.rounds["us-east-1"] == 1


def test_failure_is_tried_in_two_further_rounds_and_reported(deployment: Deployment, ec2: Simulator) -> None:
    add_volumes(ec2, 3, "eu-west-1")
    ec2.inject(Fault("CreateSnapshot", resource="vol-0001", code="CustomerKeyHasBeenRevoked", times=None))

    with pytest.raises(
        ExecutionFailed, match=r"1 of 3 volumes have no snapshot of this run.*CustomerKeyHasBeenRevoked"
    ):
        deployment.execute()

    assert deployment.machine.rounds["eu-west-1"] == 3
    (report,) = deployment.reports
    assert [report["totals"][count] for count in ("created", "already_there", "failed")] == [2, 0, 1]


def test_failure_that_passes_is_mended_by_a_further_round(deployment: Deployment, ec2: Simulator) -> None:
    ids = add_volumes(ec2, 3, "eu-west-1")
    ec2.inject(Fault("CreateSnapshot", resource="vol-0001", code="CustomerKeyHasBeenRevoked"))

    ended = deployment.execute()

    assert deployment.machine.rounds["eu-west-1"] == 2
    assert (ended["status"], ended["totals"]["created"], ended["totals"]["failed"]) == ("completed", 3, 0)
    assert _snapshots(ec2, "eu-west-1") == Counter(ids)


def test_throttled_region_takes_more_rounds_and_completes(deployment: Deployment, ec2: Simulator) -> None:
    ids = add_volumes(ec2, 60, "eu-west-1")
    for action in ("CreateSnapshot", "CreateSnapshots"):
        ec2.limits.rates[action] = Rate(5, 1)  # others use up the rest
    deployment.seconds = RESERVE + 10

    ended = deployment.execute()

    assert deployment.machine.rounds["eu-west-1"] > 1
    assert _snapshots(ec2, "eu-west-1") == Counter(ids)
    assert (ended["status"], ended["totals"]["created"]) == ("completed", 60)
    (report,) = deployment.reports
    assert sum(report["regions"]["eu-west-1"]["throttled_calls"].values()) > 0


def test_region_without_progress_is_given_up_and_reported(deployment: Deployment, ec2: Simulator) -> None:
    add_volumes(ec2, 5, "eu-west-1")
    add_volumes(ec2, 5, "eu-west-2")
    for action in ("CreateSnapshot", "CreateSnapshots"):
        ec2.inject(Fault(action, "eu-west-1", code="RequestLimitExceeded", times=None))

    with pytest.raises(ExecutionFailed, match="5 of 10 volumes have no snapshot of this run"):
        deployment.execute()

    assert deployment.machine.rounds == {"eu-west-1": MAX_STALLED, "eu-west-2": 1, "us-east-1": 1}


def test_region_given_up_is_measured_as_by_one_invocation(
    deployment: Deployment, ec2: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    for volume_id in add_volumes(ec2, 5, "eu-west-1")[:2]:
        add_snapshots(ec2, volume_id, days=1)
    for action in ("CreateSnapshot", "CreateSnapshots"):
        ec2.inject(Fault(action, "eu-west-1", code="RequestLimitExceeded", times=None))

    with pytest.raises(ExecutionFailed) as failed:
        deployment.execute()
    stepwise = _measured(capsys)
    with pytest.raises(RunFailed):
        deployment.invoke({"run_id": "another"})

    assert stepwise == _measured(capsys) == (5, 3, 40.0)
    assert "could not be" not in str(failed.value)
    (report, _) = deployment.reports
    assert all(problem["volume_id"] for problem in report["regions"]["eu-west-1"]["problems"])


@pytest.mark.parametrize(
    ("number", "stalled", "measured"),
    [(2, MAX_STALLED - 1, 5), (MAX_ROUNDS, 0, 5), (MAX_ROUNDS - 1, MAX_STALLED - 2, 0)],
    ids=["stalled", "rounds used up", "another is sure to follow"],
)
def test_round_that_may_be_the_last_measures_coverage(
    deployment: Deployment, ec2: Simulator, number: int, stalled: int, measured: int
) -> None:
    deployment.deploy(max_rounds=MAX_ROUNDS)
    add_volumes(ec2, 5, "eu-west-1")
    deployment.begin()
    _let_follow(deployment, NextRound(again=True, wait_seconds=0, round=number, stalled=stalled))
    deployment.seconds = RESERVE

    follows = deployment.invoke(_visit(round=number, stalled=stalled))

    assert follows["again"] == (measured == 0)
    part = deployment.bucket.json(_stored())["part"]
    assert (part["report"]["unfinished"], part["measured"]) == (5, measured)


def _measured(capsys: pytest.CaptureFixture[str]) -> tuple[int, int, float]:
    """Return what the metrics that were just printed say of the account."""
    whole = json.loads(capsys.readouterr().out.splitlines()[0])
    return whole["ResourcesTargeted"], whole["UncoveredVolumes"], whole["CoveragePercent"]


def test_coverage_is_measured_once_when_nothing_is_unfinished(deployment: Deployment, ec2: Simulator) -> None:
    asked: list[Request] = []
    ec2.hooks.append(asked.append)
    add_volumes(ec2, 50, "eu-west-1")
    deployment.seconds = RESERVE + 10

    deployment.execute()

    measuring = [r for r in asked if "start-time" in str(r.parameters.get("Filters"))]
    assert deployment.machine.rounds["eu-west-1"] > 1
    assert len([r for r in measuring if r.region.name == "eu-west-1"]) == 1
    (report,) = deployment.reports
    assert report["coverage"]["selected"] == 50


# --- crashes and repetitions ---


@pytest.mark.parametrize("deaths", [[0], [1], [3, 3], [19], [math.inf, 0], [math.inf, 3, 3], [7, math.inf, 7]])
def test_round_that_crashes_is_made_again_and_doubles_nothing(
    deployment: Deployment, ec2: Simulator, deaths: list[float]
) -> None:
    ids = add_volumes(ec2, 50, "eu-west-1")
    deployment.seconds = RESERVE + 5
    deployment.deaths = {"eu-west-1": deaths}

    ended = deployment.execute()

    assert _snapshots(ec2, "eu-west-1") == Counter(ids)
    assert ended["status"] == "completed"
    totals = ended["totals"]
    assert totals["created"] + totals["already_there"] == totals["selected"] == 50
    assert not deaths


def test_round_whose_answer_was_lost_is_made_again_and_counts_once(deployment: Deployment, ec2: Simulator) -> None:
    ids = add_volumes(ec2, 40, "eu-west-1")
    begun = deployment.begin()
    deployment.invoke(_visit(run=begun["run"]))  # whose answer got lost

    totals = _rest(deployment, begun, retries=1)["totals"]

    assert _snapshots(ec2, "eu-west-1") == Counter(ids)
    assert (totals["created"], totals["already_there"], totals["selected"]) == (40, 0, 40)


def test_two_executions_of_one_run_each_report_their_own_work(deployment: Deployment, ec2: Simulator) -> None:
    ids = add_volumes(ec2, 20, "eu-west-1")
    names = ("execution-1", "execution-2")
    first, second = (deployment.begin(name=name) for name in names)
    deployment.seconds = RESERVE + 3
    deployment.invoke(_visit(run=first["run"]))  # which leaves much unfinished
    ec2.clock.advance(20)
    deployment.seconds = 900

    totals = [_rest(deployment, second)["totals"], _rest(deployment, first, retries=1)["totals"]]

    assert _snapshots(ec2, "eu-west-1") == Counter(ids)
    assert [each["created"] + each["already_there"] for each in totals] == [20, 20]
    assert sum(each["created"] for each in totals) == 20
    assert [each["unfinished"] for each in totals] == [0, 0]


def _rest(deployment: Deployment, begun: Json, **visit: int) -> Json:
    """Make a round in every region of a run that has begun, and finish it."""
    for region in begun["regions"]:
        deployment.invoke(_visit(run=begun["run"], region=region, **visit))
    visits = [{"region": region, "rounds": 1} for region in begun["regions"]]
    return deployment.invoke({"step": "finish", "run": begun["run"], "visits": visits})


def test_later_round_made_again_forgets_nothing(deployment: Deployment, ec2: Simulator) -> None:
    add_volumes(ec2, 50, "eu-west-1")
    deployment.seconds = RESERVE + 10
    deployment.begin()
    first = deployment.invoke(_visit())
    deployment.invoke(_visit(round=2, stalled=first["stalled"]))
    ec2.clock.advance(60)
    deployment.seconds = 900

    deployment.invoke(_visit(round=2, stalled=first["stalled"], retries=1))

    report = deployment.bucket.json(_stored())["part"]["report"]
    assert (report["created"], report["already_there"]) == (50, 0)


def test_region_whose_rounds_crash_fails_with_what_it_had_done(deployment: Deployment, ec2: Simulator) -> None:
    add_volumes(ec2, 70, "eu-west-1")
    add_volumes(ec2, 2, "eu-west-2")
    deployment.seconds = RESERVE + 10
    deployment.deaths = {"eu-west-1": [math.inf, 3, 0, 0]}

    with pytest.raises(ExecutionFailed, match=r"eu-west-1: Sandbox.Timedout: Task timed out"):
        deployment.execute()

    (report,) = deployment.reports
    region = report["regions"]["eu-west-1"]
    (first, *_) = region["problems"]
    assert (region["status"], first["status"], first["code"]) == ("failed", "not_read", "Sandbox.Timedout")
    assert (first["message"], first["volume_id"]) == ("Task timed out", None)
    assert 0 < region["created"] < 70
    assert region["selected"] == 70
    assert report["regions"]["eu-west-2"]["created"] == 2


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (
            '{"errorType": "Runtime.ExitError", "errorMessage": "RequestId: 1 Error: Runtime exited"}',
            "RequestId: 1 Error",
        ),
        ("The function is in a state of Pending", "The function is in a state of Pending"),
        ('["no", "object"]', r'\["no", "object"\]'),
        (None, "\n"),
    ],
)
def test_cause_of_a_crash_is_reported_whatever_its_form(
    deployment: Deployment, cause: str | None, message: str
) -> None:
    begun = deployment.begin()
    error = {"Error": "Lambda.Unknown"} | ({"Cause": cause} if cause else {})
    visits = [{"region": name, "error": error} for name in begun["regions"]]

    with pytest.raises(RunFailed, match=f"eu-west-1: Lambda.Unknown(: )?{message}"):
        deployment.invoke({"step": "finish", "run": begun["run"], "visits": visits})


def test_second_execution_of_the_same_run_finds_everything_there(deployment: Deployment, ec2: Simulator) -> None:
    ids = add_volumes(ec2, 5, "eu-west-1")
    deployment.execute()
    ec2.clock.advance(60)

    again = deployment.execute(name="execution-2")

    assert (again["totals"]["created"], again["totals"]["already_there"]) == (0, 5)
    assert _snapshots(ec2, "eu-west-1") == Counter(ids)


@pytest.mark.parametrize(
    ("answer", "message"), [("NoSuchKey", "its rounds left no report"), ("AccessDenied", ".* could not be read from")]
)
def test_region_whose_report_is_gone_fails(deployment: Deployment, ec2: Simulator, answer: str, message: str) -> None:
    deployment.bucket.missing = answer
    add_volumes(ec2, 1, "eu-west-1")
    begun = deployment.begin()
    visits = [{"region": name, "rounds": 1} for name in begun["regions"]]

    with pytest.raises(RunFailed, match=f"eu-west-1: StoreError: {message}"):
        deployment.invoke({"step": "finish", "run": begun["run"], "visits": visits})


def test_backups_are_made_when_no_record_can_be_read(deployment: Deployment, ec2: Simulator) -> None:
    ids = _add_due(ec2)
    deployment.deploy(**RETENTION)
    deployment.bucket.closed.add("GetObject")

    with pytest.raises(
        ExecutionFailed, match=r"UnreadableRunError.*run must be one that has begun: nightly/rounds/.*AccessD"
    ):
        deployment.execute()

    assert _snapshots(ec2, "eu-west-1") == Counter(ids)
    assert _expired(ec2) == []


def test_backups_are_made_when_nothing_can_be_recorded(deployment: Deployment, ec2: Simulator) -> None:
    ids = _add_due(ec2)
    deployment.deploy(**RETENTION)
    deployment.bucket.closed.add("PutObject")

    with pytest.raises(ExecutionFailed, match=r"UnreadableRunError.*run must be one that has begun: nightly/rounds/"):
        deployment.execute()

    assert _snapshots(ec2, "eu-west-1") == Counter(ids)
    assert _expired(ec2) == []


def test_dry_run_stays_one_when_no_record_can_be_read(deployment: Deployment, ec2: Simulator) -> None:
    _add_due(ec2)
    deployment.bucket.closed.add("GetObject")

    with pytest.raises(ExecutionFailed, match="UnreadableRunError"):
        deployment.execute({"dry_run": True})

    assert not [call for call in ec2.calls if not call.action.startswith("Describe")]


# --- less than a whole run ---


def test_dry_run_takes_one_round_and_changes_nothing(
    deployment: Deployment, ec2: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    add_volumes(ec2, 2, "eu-west-1")

    ended = deployment.execute({"dry_run": True})

    assert (ended["report"], ended["status"], ended["totals"]["selected"]) == (None, "completed", 2)
    assert deployment.machine.rounds == dict.fromkeys(REGIONS, 1)
    assert not [call for call in ec2.calls if not call.action.startswith("Describe")]
    assert deployment.reports == []
    (document,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert document["ResourcesTargeted"] == 2


def test_dry_run_logs_each_action_and_each_verdict_once(
    deployment: Deployment, ec2: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    deployment.deploy(**RETENTION)
    add_volumes(ec2, 2, "eu-west-1")
    add_snapshots(ec2, "vol-0000", days=4)

    with caplog.at_level(logging.INFO):
        deployment.execute({"dry_run": True})

    logged = Counter(record.message for record in caplog.records)
    assert (logged["action_planned"], logged["snapshot_judged"]) == (2 + 2, 4)


def test_run_of_some_regions_says_only_what_it_did(
    deployment: Deployment, ec2: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    add_volumes(ec2, 1, "eu-west-1")
    add_volumes(ec2, 1, "eu-west-2")

    ended = deployment.execute({"regions": ["eu-west-2"]})

    assert ended["totals"]["created"] == 1
    assert [(report["chosen_regions"], list(report["regions"])) for report in deployment.reports] == [
        (True, ["eu-west-2"])
    ]
    assert json.loads(capsys.readouterr().out)["SnapshotsCreateStarted"] == 1


def test_manual_run_without_a_name_takes_that_of_its_execution(deployment: Deployment) -> None:
    named = [deployment.begin(event, "execution-7")["run"]["run_id"] for event in ({}, {"run_id": "mine"}, TICK)]

    assert named == ["execution-7", "mine", RUN]


def test_metrics_of_the_whole_run_are_sent_once(
    deployment: Deployment, ec2: Simulator, clock: SimulatedTime, capsys: pytest.CaptureFixture[str]
) -> None:
    add_volumes(ec2, 50, "eu-west-1")
    deployment.seconds = RESERVE + 10
    start = clock.now()

    deployment.execute()

    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [document.get("Region") for document in documents] == [None, "eu-west-1"]
    assert documents[0]["SnapshotsCreateStarted"] == 50
    assert documents[0]["RunDuration"] == pytest.approx(clock.now() - start, abs=0.01)


def test_each_round_and_in_the_end_each_region_is_logged(
    deployment: Deployment, ec2: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    add_volumes(ec2, 50, "eu-west-1")
    deployment.seconds = RESERVE + 10

    with caplog.at_level(logging.INFO):
        deployment.execute()

    events = [(r.message, r.__dict__.get("region")) for r in caplog.records]
    rounds = [r.__dict__["round"] for r in caplog.records if r.message == "round_completed" and r.region == "eu-west-1"]  # type: ignore[attr-defined]
    assert rounds == list(range(1, deployment.machine.rounds["eu-west-1"] + 1))
    assert [each for each in events if each[0] == "region_completed"] == [
        ("region_completed", name) for name in REGIONS
    ]
    assert [message for message, _ in events][-2:] == ["run_completed", "report_stored"]


# --- what goes between the steps ---


def test_answers_stay_small_whatever_the_estate(deployment: Deployment, ec2: Simulator) -> None:
    deployment.deploy(regions=[])
    add_volumes(ec2, 50, "eu-west-1")
    deployment.seconds = RESERVE + 10
    ec2.regions["us-east-1"].denied = True

    with pytest.raises(ExecutionFailed):
        deployment.execute()
    ec2.regions["us-east-1"].denied = False
    ec2.clock.advance(60)
    deployment.execute(name="execution-2")

    regions = len(deployment.machine.rounds)
    assert regions == 17
    assert max(len(json.dumps(answer)) for answer in deployment.machine.answers) < 1000 + 100 * regions


def test_step_is_refused_where_the_engine_is_lambda(deployment: Deployment) -> None:
    deployment.deploy(rounds_prefix="")

    with pytest.raises(RequestError, match="step must be left out unless engine is step_functions; got: 'visit'"):
        deployment.invoke(_visit())


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"step": "rest"}, "step must be among begin, visit, finish; got: 'rest'"),
        ({"step": None}, "step must be among begin, visit, finish; got: None"),
        ({"step": "begin", "event": {}}, "begin must have a value for: execution"),
        ({"step": "begin", "event": {}, "execution": 7}, "begin.execution must be a string; got: 7"),
        ({"step": "begin", "event": {"dryrun": True}, "execution": "e"}, "payload keys must be among .*; got: dryrun"),
        *(
            (
                {"step": "begin", "event": {}, "execution": name},
                "begin.execution must be 1 to 80 letters, digits, - or _",
            )
            for name in ("", "e" * 81, "..", "a/b", "../../other-run/its-execution", "a.b", "a b", "a\n", "é", "a:b")
        ),
        ({"step": "begin", "event": {}, "execution": "-e"}, "run_id must be 1 to 80 letters"),
        ({"step": "begin", "event": _visit(), "execution": "e"}, "payload keys must be among .*; got: region, retries"),
        ({"step": "begin", "event": TICK | {"dry_run": True}, "execution": "e"}, "keys of a scheduled event must be"),
        (_visit(rounds=1), "visit keys must be among step, run, region, round, stalled, retries; got: rounds"),
        (_visit(round="1"), "visit.round must be a whole number; got: '1'"),
        (_visit(round=True), "visit.round must be a whole number; got: True"),
        (_visit(round=0), "visit.round must be 1 or more; got: 0"),
        (_visit(stalled=-1), "visit.stalled must be 0 or more; got: -1"),
        (_visit(retries=-1), "visit.retries must be 0 or more; got: -1"),
        (_visit(run=None), "visit.run must be an object; got: None"),
        *(
            (_visit(run=_visit()["run"] | {"run_id": run_id}), "run_id must be 1 to 80 letters")
            for run_id in ("", "x" * 81, "../other", "a/b", ".", "é")
        ),
        *(
            (_visit(run=_visit()["run"] | {"execution": name}), "execution must be 1 to 80 letters, digits, - or _")
            for name in ("", "e" * 81, "..", "a/b", "../../other-run/its-execution")
        ),
        *(
            (step(run=_visit()["run"] | {key: value}), "run keys must be among run_id, execution, dry_run; got: " + key)
            for step in (_visit, _finish)
            for key, value in {
                "started_at": "2020-01-01T00:00:00Z",
                "regions": 1,
                "narrowed": True,
                "expires": True,
            }.items()
        ),
        (
            _finish(visits=[{"region": "eu-west-1", "round": 1}]),
            r"finish.visits\[0\] keys must be among region, rounds, error; got: round",
        ),
    ],
)
def test_other_payload_is_refused_by_key_rule_and_value(
    deployment: Deployment, ec2: Simulator, payload: Json, message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        deployment.invoke(payload)

    assert not ec2.calls


# --- what follows a round ---


def _part(*, unfinished: int = 0, curable: bool = False, created: int = 0, **changes: Any) -> RegionPart:
    report = RegionReport(unfinished=unfinished, created=created)
    return RegionPart(region="r", report=report, was_read=True, failures_curable=curable, **changes)


def _unread(code: str) -> RegionPart:
    return region_part(RegionResult(region="r", problem=Problem("DescribeVolumes", code, "no")), listed=0)


def _follows(part: RegionPart, number: int = 1, stalled: int = 0) -> tuple[bool, int, int, int]:
    found = following(part, part, number, stalled, MAX_ROUNDS)
    return found.again, found.wait_seconds, found.round, found.stalled


def test_round_out_of_time_is_followed_once_ec2s_bucket_is_full() -> None:
    assert _follows(_part(unfinished=5, created=3), stalled=2) == (True, REFILLED, 2, 0)


@pytest.mark.parametrize(("stalled", "follows"), [(0, (True, PAUSE)), (1, (True, 2 * PAUSE)), (2, (False, 0))])
@pytest.mark.parametrize("part", [_part(unfinished=5), _part(curable=True, created=3)])
def test_stalled_rounds_pause_longer_and_end_with_the_third(
    part: RegionPart, stalled: int, follows: tuple[bool, int]
) -> None:
    assert _follows(part, stalled=stalled)[:2] == follows


@pytest.mark.parametrize(
    "part",
    [
        _part(created=3),
        _part(unfinished=5, dry_run=True),
        _unread("UnauthorizedOperation"),
        RegionPart(region="r", report=RegionReport(deletion_brake="would delete 30 of 40 snapshots"), was_read=True),
    ],
    ids=["done", "dry run", "denied", "braked"],
)
def test_no_round_follows_where_nothing_would_change(part: RegionPart) -> None:
    assert _follows(part)[:2] == (False, 0)


def test_region_that_could_not_be_read_for_a_fault_is_read_again() -> None:
    assert _follows(_unread("InternalError"))[0]


parts = st.builds(_part, unfinished=st.integers(0, 2), curable=st.booleans(), created=st.integers(0, 2))


@given(st.lists(parts, min_size=MAX_ROUNDS, max_size=MAX_ROUNDS))
def test_rounds_end_whatever_they_come_to(rounds: list[RegionPart]) -> None:
    number, stalled, made = 1, 0, 0
    for part in rounds:
        follows = following(part, part, number, stalled, MAX_ROUNDS)
        made += 1
        if not follows.again:
            break
        number, stalled = follows.round, follows.stalled

    assert not follows.again
    assert made <= MAX_ROUNDS


def test_last_answer_has_every_count_of_the_report(deployment: Deployment) -> None:
    assert deployment.execute()["totals"] == asdict(Totals())


def test_answers_hold_nothing_of_a_single_volume(deployment: Deployment, ec2: Simulator) -> None:
    add_volumes(ec2, 3, "eu-west-1")

    deployment.execute()

    assert "vol-" not in json.dumps(deployment.machine.answers)


# --- what Begin records ---


def _record(name: str, execution: str = "execution-1") -> str:
    return f"nightly/rounds/{RUN}/{execution}/{name}.json"


def test_begin_records_what_the_run_is(deployment: Deployment) -> None:
    answer = deployment.begin()

    assert answer == {"run": {"run_id": RUN, "execution": "execution-1", "dry_run": False}, "regions": REGIONS}
    assert deployment.bucket.json(_record("run")) == {
        "run_id": RUN,
        "execution": "execution-1",
        "started_at": "2026-11-23T03:00:05+00:00",
        "regions": REGIONS,
        "narrowed": False,
        "dry_run": False,
        "expires": True,
    }


@pytest.mark.parametrize(
    ("event", "expires"),
    [({}, False), ({"expire": True}, True), (TICK, True), (TICK | {"time": "1970-01-01T00:00:00Z"}, False)],
)
def test_rounds_expire_only_what_the_run_may(
    deployment: Deployment, ec2: Simulator, event: Json, expires: bool
) -> None:
    _add_due(ec2)
    deployment.deploy(**RETENTION)

    deployment.execute(event)

    assert bool(_expired(ec2)) == expires


@pytest.mark.parametrize("key", ["run.json", "eu-west-1.json", "us-east-1.json"])
def test_invocation_killed_after_its_put_is_made_again(deployment: Deployment, ec2: Simulator, key: str) -> None:
    ids = add_volumes(ec2, 3, "eu-west-1")
    deployment.bucket.dies_after = key

    ended = deployment.execute()

    assert not deployment.bucket.dies_after
    assert (ended["status"], ended["totals"]["created"]) == ("completed", 3)
    assert _snapshots(ec2, "eu-west-1") == Counter(ids)
    assert [name for name in deployment.bucket.objects if name.endswith("/run.json")] == [_record("run")]
    assert deployment.bucket.json(_record("run"))["started_at"] == "2026-11-23T03:00:05+00:00"


def test_begin_made_again_answers_the_same(deployment: Deployment, ec2: Simulator) -> None:
    deployment.deploy(regions=[])
    first = deployment.begin()
    recorded = dict(deployment.bucket.objects)
    ec2.clock.advance(3600)
    ec2.regions["ap-east-1"].opt_in_status = "opted-in"

    assert deployment.begin() == first
    assert deployment.bucket.objects == recorded


@pytest.mark.parametrize("event", [{"dry_run": True}, {"expire": True}, {"regions": ["eu-west-1"]}, TICK])
def test_begin_in_the_name_of_another_run_fails(deployment: Deployment, ec2: Simulator, event: Json) -> None:
    deployment.begin({"run_id": RUN})
    recorded = dict(deployment.bucket.objects)

    with pytest.raises(RequestError, match=f"execution must be of one run; execution-1 has begun {RUN} with another"):
        deployment.begin(event if event is TICK else event | {"run_id": RUN})

    assert deployment.bucket.objects == recorded
    assert not ec2.calls


def test_begin_long_before_the_execution_fails_it(deployment: Deployment, ec2: Simulator) -> None:
    deployment.begin()
    ec2.clock.advance(REPEATED.total_seconds() + 1)

    with pytest.raises(ExecutionFailed, match="execution must not begin again; execution-1 began at 2026-11-23T03:00"):
        deployment.execute()

    assert deployment.machine.answers == []


# --- forged payloads ---


def _add_due(ec2: Simulator) -> list[str]:
    """Add volumes of which snapshots are due, and were announced long ago; return the volumes' ids."""
    ids = add_volumes(ec2, 2, "eu-west-1")
    for volume_id in ids:
        add_snapshots(ec2, volume_id, days=5)
    return ids


def _expired(ec2: Simulator) -> list[str]:
    """Return the calls that announced, withdrew or deleted anything."""
    return [
        call.action
        for call in ec2.calls
        if call.action == "DeleteSnapshot" or (call.action == "CreateTags" and "DeleteAfter" in str(call.parameters))
    ]


@pytest.mark.parametrize("step", [_visit(), _visit(round=2), _finish(*REGIONS), _finish()])
@pytest.mark.parametrize("run", [{"run_id": "2026-11-23T02:00:00Z"}, {"execution": "execution-2"}, {"dry_run": True}])
def test_step_of_a_run_that_never_began_is_refused(
    deployment: Deployment, ec2: Simulator, step: Json, run: Json
) -> None:
    deployment.bucket.missing = "NoSuchKey"
    deployment.begin()
    recorded = dict(deployment.bucket.objects)

    with pytest.raises(RequestError, match="run must be one that has begun; got: "):
        deployment.invoke(step | {"run": step["run"] | run})

    assert deployment.bucket.objects == recorded
    assert not ec2.calls


def test_visit_of_a_run_that_s3_does_not_know_expires_nothing(deployment: Deployment, ec2: Simulator) -> None:
    _add_due(ec2)
    deployment.deploy(**RETENTION)

    with pytest.raises(RequestError, match=r"run must be one that has begun: .* could not be read"):
        deployment.invoke(_visit())

    assert _expired(ec2) == []
    assert all(key.endswith(".changes.jsonl") for key in deployment.bucket.objects)


@pytest.mark.parametrize("changes", [{"run": {"run_id": "2026-11-24T03:00:00Z"}}, {"region": "Ireland"}])
def test_visit_without_a_record_obeys_the_rules_of_a_run_by_hand(
    deployment: Deployment, ec2: Simulator, changes: Json
) -> None:
    with pytest.raises(RequestError, match=r"must not be a time to come|must be a region name"):
        deployment.invoke(_visit(**changes | {"run": _visit()["run"] | changes.get("run", {})}))

    assert not ec2.calls


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1", "sa-east-1", "Ireland", "run", "../run", ""])
def test_visit_of_a_region_that_is_none_of_the_runs_is_refused(
    deployment: Deployment, ec2: Simulator, region: str
) -> None:
    deployment.begin({"regions": ["eu-west-2"], "run_id": RUN})

    with pytest.raises(RequestError, match="region must be among the run's eu-west-2; got: "):
        deployment.invoke(_visit(region=region))

    assert not ec2.calls


def test_region_excluded_since_the_run_began_is_not_visited(deployment: Deployment, ec2: Simulator) -> None:
    deployment.begin()
    deployment.deploy(exclude_regions=["eu-west-1"])

    with pytest.raises(RequestError, match="regions must be within the deployment's regions; got: eu-west-1"):
        deployment.invoke(_visit())

    assert not ec2.calls


def test_deployment_made_a_dry_run_since_the_run_began_is_one(deployment: Deployment, ec2: Simulator) -> None:
    _add_due(ec2)
    deployment.begin()
    deployment.deploy(dry_run=True, **RETENTION)

    deployment.invoke(_visit())

    assert not [call for call in ec2.calls if not call.action.startswith("Describe")]


@pytest.mark.parametrize(
    "forged",
    [
        {"round": 1, "stalled": 1},
        {"round": 1, "retries": 1},
        {"round": 2},
        {"round": 3, "stalled": 0},
        {"round": 4, "stalled": 1},
        {"round": 4, "stalled": 1, "retries": 1},
        {"round": 2, "stalled": MAX_STALLED, "retries": 1},
        {"round": 10**9, "stalled": 1},
    ],
)
def test_round_out_of_turn_is_refused(deployment: Deployment, ec2: Simulator, forged: Json) -> None:
    deployment.begin()
    _let_follow(deployment, NextRound(again=True, wait_seconds=0, round=3, stalled=1))
    recorded = dict(deployment.bucket.objects)

    with pytest.raises(RequestError, match=r"round must be the next one, [13] with [01] stalled; got: "):
        deployment.invoke(_visit(**forged))

    assert deployment.bucket.objects == recorded
    assert not ec2.calls


@pytest.mark.parametrize("number", [1, 2, 3])
def test_round_after_the_end_is_refused(deployment: Deployment, ec2: Simulator, number: int) -> None:
    deployment.begin()
    deployment.invoke(_visit())
    made = len(ec2.calls)

    with pytest.raises(RequestError, match=r"round must be the next one, .*; got: "):
        deployment.invoke(_visit(round=number, stalled=1))

    assert len(ec2.calls) == made


def test_first_round_made_anew_replaces_no_record(deployment: Deployment, ec2: Simulator) -> None:
    add_volumes(ec2, 3, "eu-west-1")
    deployment.begin()
    deployment.invoke(_visit())
    recorded = deployment.bucket.objects[_stored()]
    made = _snapshots(ec2, "eu-west-1")

    with pytest.raises(s3.StoreError, match=r"eu-west-1.json is in reports already"):
        deployment.invoke(_visit())

    assert (deployment.bucket.objects[_stored()], _snapshots(ec2, "eu-west-1")) == (recorded, made)


def test_lost_answer_of_the_last_round_is_the_record(deployment: Deployment, ec2: Simulator) -> None:
    add_volumes(ec2, 3, "eu-west-1")
    deployment.begin()
    follows = deployment.invoke(_visit())
    recorded, made = dict(deployment.bucket.objects), len(ec2.calls)
    ec2.clock.advance(6 * 3600)

    assert deployment.invoke(_visit(retries=1)) == follows

    assert (deployment.bucket.objects, len(ec2.calls)) == (recorded, made)


def test_record_that_cannot_be_read_is_not_replaced(deployment: Deployment, ec2: Simulator) -> None:
    add_volumes(ec2, 3, "eu-west-1")
    deployment.begin()
    deployment.invoke(_visit())
    recorded = dict(deployment.bucket.objects)
    deployment.bucket.hidden = _record("eu-west-1")

    with pytest.raises(s3.StoreError, match=r"eu-west-1.json is in reports already, and could not be read"):
        deployment.invoke(_visit())

    assert deployment.bucket.objects == recorded


@pytest.mark.parametrize("visited", [[], ["eu-west-1"], ["eu-west-1", "us-east-1"]])
def test_finish_before_all_visits_fails(
    deployment: Deployment, ec2: Simulator, visited: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    deployment.bucket.missing = "NoSuchKey"
    add_volumes(ec2, 1, "eu-west-1")
    deployment.begin()
    for region in visited:
        deployment.invoke(_visit(region=region))

    with pytest.raises(RunFailed, match=f"{3 - len(visited)} of 3 regions could not be read"):
        deployment.invoke(_finish(*REGIONS))

    assert [report["status"] for report in deployment.reports] == ["failed"]
    assert json.loads(capsys.readouterr().out.splitlines()[0])["RunFailed"] == 1


@pytest.mark.parametrize("rounds", [None, 0, 1, 2])
def test_finish_before_the_last_round_fails(deployment: Deployment, ec2: Simulator, rounds: int | None) -> None:
    add_volumes(ec2, 50, "eu-west-1")
    deployment.begin()
    for region in REGIONS[1:]:
        deployment.invoke(_visit(region=region))
    deployment.seconds = RESERVE + 10
    assert deployment.invoke(_visit())["again"]
    visits = [{"region": region, "rounds": rounds if region == "eu-west-1" else 1} for region in REGIONS]

    with pytest.raises(RunFailed, match="eu-west-1: RequestError: its rounds are not at their end"):
        deployment.invoke(_finish(visits=visits))

    assert [report["status"] for report in deployment.reports] == ["failed"]


@pytest.mark.parametrize(
    "regions", [(), REGIONS[:2], (*REGIONS, "eu-west-1"), ("eu-west-1",) * 3, (*REGIONS[:2], "sa-east-1"), ("run",) * 3]
)
def test_finish_of_other_regions_than_the_runs_is_refused(deployment: Deployment, regions: tuple[str, ...]) -> None:
    deployment.begin()
    for region in REGIONS:
        deployment.invoke(_visit(region=region))

    with pytest.raises(RequestError, match="visits must be of the run's regions eu-west-1, eu-west-2, us-east-1; got"):
        deployment.invoke(_finish(*regions))

    assert deployment.reports == []


def test_finish_made_again_later_is_no_news(
    deployment: Deployment, ec2: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    add_volumes(ec2, 1, "eu-west-1")
    deployment.execute()
    first = capsys.readouterr().out
    ec2.clock.advance(6 * 3600)

    deployment.invoke(_finish(*REGIONS))

    assert capsys.readouterr().out == first


@pytest.mark.parametrize("step", [_visit(), _finish(*REGIONS)])
def test_step_of_a_run_of_long_ago_is_refused(deployment: Deployment, ec2: Simulator, step: Json) -> None:
    deployment.deploy(max_run_seconds=46_080)
    deployment.begin()
    ec2.clock.advance(46_081)

    with pytest.raises(RequestError, match="run must have begun in the last 12:48:00; it began at 2026-11-23T03:00:05"):
        deployment.invoke(step)

    assert not ec2.calls


def test_record_of_a_run_to_come_lets_nothing_go_early(deployment: Deployment, ec2: Simulator) -> None:
    deployment.begin()
    (key,) = [key for key in deployment.bucket.objects if key.endswith("/run.json")]
    forged = deployment.bucket.objects[key].replace(b"2026-11-23T03:00:05", b"2026-12-23T03:00:05")
    assert forged != deployment.bucket.objects[key]
    deployment.bucket.objects[key] = forged

    with pytest.raises(RequestError, match="it began at 2026-12-23"):
        deployment.invoke(_visit())

    assert not ec2.calls


@pytest.mark.parametrize("record", [b"", b"{}", b"[]", b"\xff", b'{"run_id": "x"}'])
def test_record_that_makes_no_sense_is_not_believed(deployment: Deployment, record: bytes) -> None:
    deployment.begin()
    deployment.bucket.objects[_record("run")] = record

    with pytest.raises(RequestError, match=r"run must be one that has begun: .*could not be read"):
        deployment.invoke(_finish(*REGIONS))


def test_record_of_another_run_is_not_believed(deployment: Deployment) -> None:
    deployment.begin(name="execution-2")
    deployment.bucket.objects[_record("run")] = deployment.bucket.objects[_record("run", "execution-2")]

    with pytest.raises(RequestError, match="run must be one that has begun; got"):
        deployment.invoke(_visit())


# What an invocation says, true and forged: few values each, so that they meet.
_ids = st.sampled_from(["execution-1", "mine", RUN, "1970-01-01T00:00:00Z", "2026-11-24T03:00:00Z", "..", "a/b"])
_executions = st.sampled_from(["execution-1", "execution-2", "../x"])
_regions = st.sampled_from([*REGIONS, "sa-east-1", "run"])
_odd: st.SearchStrategy[Any] = st.sampled_from(["x", None, 7, {"started_at": "2020-01-01T00:00:00Z"}, []])
_events = st.one_of(
    st.fixed_dictionaries({}, optional={"run_id": _ids, "dry_run": st.booleans(), "regions": st.just(REGIONS[:1])}),
    st.sampled_from([TICK | {"time": "1970-01-01T00:00:00Z"}, TICK | {"dry_run": True}, TICK | {"detail": {"a": 1}}]),
)
_runs = st.fixed_dictionaries(
    {"run_id": _ids, "execution": _executions, "dry_run": st.booleans()},
    optional={"started_at": st.just("2020-01-01T00:00:00Z"), "expires": st.just(True), "regions": st.just(1)},
)
_honest_runs = st.fixed_dictionaries(
    {"run_id": st.just("execution-1"), "execution": st.just("execution-1"), "dry_run": st.just(value=False)}
)
_errors = st.sampled_from([None, {"Error": "UnauthorizedOperation", "Cause": "{}"}])
_visited = st.fixed_dictionaries({"region": _regions, "rounds": st.integers(0, 2)}, optional={"error": _errors})
_all_visited = st.just([{"region": region, "rounds": 1} for region in REGIONS])
_payloads = st.one_of(
    _events,
    st.fixed_dictionaries({"step": st.just("begin"), "event": _events, "execution": _executions}),
    st.just({"step": "begin", "event": {}, "execution": "execution-1"}),
    st.fixed_dictionaries(
        {
            "step": st.just("visit"),
            "run": _honest_runs | _runs | _odd,
            "region": _regions,
            "round": st.integers(0, 2),
            "stalled": st.integers(0, 2),
            "retries": st.integers(0, 1),
        }
    ),
    st.fixed_dictionaries(
        {
            "step": st.just("finish"),
            "run": _honest_runs | _runs | _odd,
            "visits": _all_visited | st.lists(_visited, max_size=4),
        }
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_payloads, min_size=1, max_size=12), st.sampled_from(["AccessDenied", "NoSuchKey"]))
def test_no_forged_payload_expires_or_gives_the_all_clear(
    session: boto3.Session, payloads: list[Json], missing: str
) -> None:
    ec2 = Simulator(Clock(stopped_at=datetime(2026, 11, 23, 3, 0, 5, tzinfo=UTC)))
    _add_due(ec2)
    with pytest.MonkeyPatch.context() as monkeypatch, connected(ec2, session):
        deployment = _deployed(ec2, SimulatedTime(ec2), monkeypatch)
        deployment.deploy(**RETENTION)
        deployment.bucket.missing = missing
        for payload in payloads:
            before = {key for key in deployment.bucket.objects if ".completed." in key}
            recorded = set(deployment.bucket.objects)
            with suppress(RequestError, RunFailed, s3.StoreError):
                deployment.invoke(payload)
            for key in {key for key in deployment.bucket.objects if ".completed." in key} - before:
                assert "step" not in payload or _was_made(payload["run"], recorded), key

    assert _expired(ec2) == []
    assert all(_is_in_its_place(key) for key in deployment.bucket.objects)


def _was_made(run: Json, recorded: set[str]) -> bool:
    """Tell whether Begin and a round of each region have left their records."""
    folder = f"nightly/rounds/{run['run_id']}/{run['execution']}/"
    return {f"{folder}{name}.json" for name in ("run", *REGIONS)} <= recorded


def _is_in_its_place(key: str) -> bool:
    return bool(
        re.fullmatch(r"nightly/(rounds/[\w:-]+/[\w-]+/[a-z0-9-]+|reports/\d+/\d+/\d+/[\w.-]+)\.(json|jsonl|html)", key)
    )


# --- evidence ---


def _changed(deployment: Deployment) -> list[str]:
    """Return the ids of the snapshots that the stored changes name, one for each time."""
    texts = [text for key, text in deployment.bucket.objects.items() if key.endswith(".changes.jsonl")]
    return [json.loads(line)["snapshot_id"] for text in texts for line in text.splitlines()]


def test_rounds_name_every_snapshot_once(deployment: Deployment, ec2: Simulator) -> None:
    deployment.seconds = RESERVE + 40
    add_volumes(ec2, 60, "eu-west-1")

    deployment.execute()

    assert deployment.machine.rounds["eu-west-1"] > 1
    assert sorted(_changed(deployment)) == sorted(ec2.regions["eu-west-1"].snapshots)
    (report,) = deployment.reports
    files = report["regions"]["eu-west-1"]["changes"]
    assert len(set(files)) == deployment.machine.rounds["eu-west-1"]


def test_region_that_crashes_leaves_what_its_rounds_changed(deployment: Deployment, ec2: Simulator) -> None:
    deployment.seconds = RESERVE + 40
    deployment.deaths = {"eu-west-1": [math.inf, 2, 2, 2]}
    add_volumes(ec2, 120, "eu-west-1")

    with pytest.raises(ExecutionFailed):
        deployment.execute()

    (report,) = deployment.reports
    assert len(report["regions"]["eu-west-1"]["changes"]) == 1
    assert len(_changed(deployment)) == report["totals"]["created"] > 0


def test_last_step_made_again_leaves_one_report(deployment: Deployment, ec2: Simulator) -> None:
    add_volumes(ec2, 1, "eu-west-1")
    finishing: list[Json] = []
    invoke = deployment.machine._function

    def keep(payload: Json) -> Json:
        finishing.append(payload)
        return invoke(payload)

    deployment.machine._function = keep
    deployment.execute()
    before = dict(deployment.bucket.objects)
    ec2.clock.advance(60)

    again = deployment.invoke(finishing[-1])

    assert finishing[-1]["step"] == "finish"
    assert f"{again['report']}.json" in before
    assert deployment.bucket.objects == before


def test_two_executions_of_one_run_leave_a_report_each(deployment: Deployment, ec2: Simulator) -> None:
    add_volumes(ec2, 2, "eu-west-1")

    deployment.execute(name="execution-1")
    deployment.execute(name="execution-2")

    assert sorted(report["totals"]["created"] for report in deployment.reports) == [0, 2]
    assert sorted(_changed(deployment)) == sorted(ec2.regions["eu-west-1"].snapshots)
