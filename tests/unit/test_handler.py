"""The whole function, against the simulated EC2."""

import json
import logging
from typing import Any

import pytest

from ebs_backup import handler
from ebs_backup.aws import s3
from ebs_backup.aws.s3 import StoreError
from ebs_backup.handler import lambda_handler
from ebs_backup.model.deployment import DeploymentError
from ebs_backup.model.request import RequestError
from ebs_backup.model.time_budget import RESERVE
from ebs_backup.report import publish
from ebs_backup.report.document import RunFailed
from ebs_backup.report.region import RegionResult
from ebs_backup.runs import visit
from sandbox.ec2 import Ec2Error as Refusal
from sandbox.ec2 import Fault, Request, Simulator
from tests.unit.builders import RUN
from tests.unit.conftest import Connect, SimulatedTime
from tests.unit.estates import add_instance, add_snapshots, add_volumes
from tests.unit.state_machine import Bucket, Killed

TICK = {"source": "aws.events", "detail-type": "Scheduled Event", "time": RUN, "detail": {}}


class Context:
    """Lambda's context, with time enough."""

    aws_request_id = "request-1"
    remaining_millis = 900_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_millis


class Function:
    """The function as deployed with a policy."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._environment = monkeypatch
        self.context = Context()
        self.deploy()

    def deploy(self, **deployment: object) -> None:
        self._environment.setenv("POLICY", json.dumps({"name": "nightly"} | deployment))

    def invoke(self, event: object = TICK) -> dict[str, Any]:
        return lambda_handler(event, self.context)


@pytest.fixture
def function(connect: Connect, clock: SimulatedTime, monkeypatch: pytest.MonkeyPatch) -> Function:  # noqa: ARG001
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr(handler, "Clock", lambda: clock)
    return Function(monkeypatch)


def _snapshots(ec2: Simulator, region: str) -> list[str]:
    return sorted(s.volume_id for s in ec2.regions[region].snapshots.values() if s.tags.get("ebs-backup:Policy"))


def test_tick_backs_up_every_volume_of_every_enabled_region(function: Function, ec2: Simulator) -> None:
    add_volumes(ec2, 2, "eu-west-1", "vol-a")
    add_instance(ec2, "i-1", "vol-b1", "vol-b2", region="us-east-1")

    made = function.invoke()

    assert made["status"] == "completed"
    assert made["totals"]["created"] == 4
    assert len(made["regions"]) == len([r for r in ec2.regions.values() if r.opt_in_status != "not-opted-in"])
    assert _snapshots(ec2, "us-east-1") == ["vol-b1", "vol-b2"]


def test_region_enabled_since_the_last_run_is_visited(function: Function, ec2: Simulator) -> None:
    add_instance(ec2, "i-1", "vol-1", region="ap-east-1")
    function.invoke()
    ec2.regions["ap-east-1"].opt_in_status = "opted-in"

    ec2.clock.advance(24 * 3600)
    function.invoke(TICK | {"time": "2026-11-24T03:00:00Z"})

    assert _snapshots(ec2, "ap-east-1") == ["vol-1"]


def test_named_regions_are_visited_without_asking_for_more(function: Function, ec2: Simulator) -> None:
    function.deploy(regions=["eu-west-2"])
    add_volumes(ec2, 1, "eu-west-1")
    add_volumes(ec2, 1, "eu-west-2")
    ec2.inject(Fault("DescribeRegions", code="UnauthorizedOperation", times=None))

    assert list(function.invoke()["regions"]) == ["eu-west-2"]
    assert _snapshots(ec2, "eu-west-1") == []


def test_run_fails_after_all_others_when_a_region_is_denied(function: Function, ec2: Simulator) -> None:
    add_volumes(ec2, 1)
    ec2.regions["us-east-1"].denied = True

    with pytest.raises(RunFailed, match=r"1 of 17 regions could not be read\n- us-east-1: Describe.*service control"):
        function.invoke()

    assert _snapshots(ec2, "eu-west-1") == ["vol-0000"]


def test_run_completes_when_an_expected_region_is_denied(function: Function, ec2: Simulator) -> None:
    function.deploy(expected_denied_regions=["us-east-1"])
    ec2.regions["us-east-1"].denied = True

    made = function.invoke()

    assert (made["status"], made["regions"]["us-east-1"]["status"]) == ("completed", "denied")


def test_run_fails_with_a_summary_when_a_volume_fails(function: Function, ec2: Simulator) -> None:
    add_volumes(ec2, 3)
    ec2.inject(Fault("CreateSnapshot", resource="vol-0001", code="CustomerKeyHasBeenRevoked", message="no key"))

    with pytest.raises(RunFailed) as failed:
        function.invoke()

    assert str(failed.value).splitlines() == [
        f"run {RUN} of nightly: 1 of 3 volumes have no snapshot of this run",
        "- eu-west-1: vol-0001: CreateSnapshot: CustomerKeyHasBeenRevoked: no key",
    ]


def test_retry_of_a_failed_run_does_only_what_is_missing(function: Function, ec2: Simulator) -> None:
    add_volumes(ec2, 3)
    ec2.inject(Fault("CreateSnapshot", resource="vol-0001", code="CustomerKeyHasBeenRevoked"))
    with pytest.raises(RunFailed):
        function.invoke()
    ec2.clock.advance(60)

    retried = function.invoke()

    assert (retried["totals"]["created"], retried["totals"]["already_there"]) == (1, 2)


def test_run_fails_with_what_is_left_when_time_runs_out(function: Function, ec2: Simulator) -> None:
    add_volumes(ec2, 300)
    function.context.remaining_millis = 31_000

    with pytest.raises(RunFailed, match=r"- eu-west-1: vol-.*: out of time"):
        function.invoke()

    function.context.remaining_millis = 900_000
    assert function.invoke()["status"] == "completed"


def test_run_ends_in_time_when_a_region_does_not_answer(
    function: Function, ec2: Simulator, clock: SimulatedTime
) -> None:
    add_volumes(ec2, 1)
    ec2.inject(Fault("DescribeVolumes", "us-east-1", lost="reset", latency=25, times=None))
    function.context.remaining_millis = 60_000
    start = clock.now()

    with pytest.raises(RunFailed, match=r"us-east-1: DescribeVolumes: ConnectionClosedError"):
        function.invoke()

    assert clock.now() - start < 60


def test_backup_is_made_when_coverage_cannot_be_measured(function: Function, ec2: Simulator) -> None:
    add_volumes(ec2, 1)
    ec2.hooks.append(_refuse_to_tell_of_all_snapshots)

    with pytest.raises(RunFailed, match=r"eu-west-1: DescribeSnapshots: UnauthorizedOperation"):
        function.invoke()

    assert _snapshots(ec2, "eu-west-1") == ["vol-0000"]


def _refuse_to_tell_of_all_snapshots(request: Request) -> None:
    asked = [each["Name"] for each in request.parameters.get("Filters", ())]
    if request.action == "DescribeSnapshots" and "start-time" in asked:
        raise Refusal("UnauthorizedOperation", "no")


def test_backup_is_made_when_the_history_cannot_be_read(function: Function, ec2: Simulator) -> None:
    add_volumes(ec2, 1)
    old = add_snapshots(ec2, "vol-0000", days=5)
    function.deploy(retention={"daily": 1})
    ec2.hooks.append(_refuse_to_tell_of_the_history)

    with pytest.raises(RunFailed, match=r"1 of 17 regions could not be visited to the end(.|\n)*UnauthorizedOperation"):
        function.invoke()

    assert _snapshots(ec2, "eu-west-1") == ["vol-0000"] * 6
    assert set(old) <= ec2.regions["eu-west-1"].snapshots.keys()


def _asks_for_the_history(request: Request) -> bool:
    asked = [each["Name"] for each in request.parameters.get("Filters", ())]
    return (request.action, request.region.name, asked) == ("DescribeSnapshots", "eu-west-1", ["tag:ebs-backup:Policy"])


def _refuse_to_tell_of_the_history(request: Request) -> None:
    if _asks_for_the_history(request):
        raise Refusal("UnauthorizedOperation", "no")


def test_history_is_read_only_when_all_snapshots_are_made(function: Function, ec2: Simulator) -> None:
    add_volumes(ec2, 300)
    function.deploy(retention={"daily": 1}, multi_volume_snapshots=False)
    function.context.remaining_millis = round((RESERVE + 20) * 1000)
    histories: list[int] = []

    def note(request: Request) -> None:
        if _asks_for_the_history(request):
            histories.append(len(_snapshots(ec2, "eu-west-1")))

    ec2.hooks.append(note)
    with pytest.raises(RunFailed, match="out of time"):
        function.invoke()
    assert histories == []
    function.context.remaining_millis = 900_000
    function.invoke()

    assert histories == [300]


def test_dry_run_plans_the_same_and_changes_nothing(function: Function, ec2: Simulator) -> None:
    add_instance(ec2, "i-1", "vol-1", "vol-2")
    add_instance(ec2, "i-2", "vol-3")

    made = function.invoke({"dry_run": True})

    assert made["regions"]["eu-west-1"]["planned"] == {"CreateSnapshots": 1, "CreateSnapshot": 1}
    assert _snapshots(ec2, "eu-west-1") == []
    assert function.invoke({"run_id": "now"})["totals"]["created"] == 3


@pytest.mark.parametrize(
    ("event", "expires"),
    [
        (TICK, True),
        (TICK | {"time": "1970-01-01T00:00:00Z"}, False),
        ({}, False),
        ({"run_id": RUN}, False),
        ({"expire": False}, False),
        ({"expire": True}, True),
    ],
)
def test_run_expires_only_as_scheduled_or_asked(
    function: Function, ec2: Simulator, event: dict[str, object], expires: bool, caplog: pytest.LogCaptureFixture
) -> None:
    add_volumes(ec2, 1)
    add_snapshots(ec2, "vol-0000", days=5, terms="keep 1 last")  # of which 3 were announced long ago
    function.deploy(retention={"last": 1})
    before = set(ec2.regions["eu-west-1"].snapshots)

    with caplog.at_level(logging.INFO):
        made = function.invoke(event)

    gone = before - ec2.regions["eu-west-1"].snapshots.keys()
    announced = [s for s in ec2.regions["eu-west-1"].snapshots.values() if "ebs-backup:DeleteAfter" in s.tags]
    assert (made["totals"]["created"], len(gone)) == (1, 3 if expires else 0)
    assert len(announced) == (1 if expires else 3)
    assert ("run_expires_nothing" in [record.message for record in caplog.records]) != expires


@pytest.mark.parametrize("event", [{"dry_run": True}, {"dry_run": True, "expire": True}])
def test_dry_run_shows_what_a_scheduled_run_would_expire(
    function: Function, ec2: Simulator, event: dict[str, object]
) -> None:
    add_volumes(ec2, 1)
    add_snapshots(ec2, "vol-0000", days=5, terms="keep 1 last")
    function.deploy(retention={"last": 1})

    planned = function.invoke(event)["regions"]["eu-west-1"]["planned"]

    assert planned == {"CreateSnapshot": 1, "announce": 1, "DeleteSnapshot": 3}


def test_runs_by_hand_push_out_no_snapshot(function: Function, ec2: Simulator) -> None:
    add_volumes(ec2, 3)
    add_snapshots(ec2, "vol-0000", days=3, kept=3)
    function.deploy(retention={"last": 3})
    before = dict(ec2.regions["eu-west-1"].snapshots)

    for n in range(5):
        function.invoke({"run_id": f"by-hand-{n}", "expire": n % 2 == 0})
        ec2.clock.advance(3600)

    assert before.items() <= ec2.regions["eu-west-1"].snapshots.items()


def test_manual_call_can_be_narrowed_to_regions(function: Function, ec2: Simulator) -> None:
    add_volumes(ec2, 1, "eu-west-1")
    add_volumes(ec2, 1, "eu-west-2")

    function.invoke({"regions": ["eu-west-2"]})

    assert (_snapshots(ec2, "eu-west-1"), _snapshots(ec2, "eu-west-2")) == ([], ["vol-0000"])


def test_unexpected_error_in_a_region_stops_no_other(
    function: Function, ec2: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_volumes(ec2, 1)
    observe = visit.observe_world  # type: ignore[attr-defined] # a name of the module's own

    def broken(region: Any, *rest: Any) -> Any:
        if region.name == "us-east-1":
            raise KeyError("VolumeId")
        return observe(region, *rest)

    monkeypatch.setattr(visit, "observe_world", broken)

    with pytest.raises(RunFailed, match=r"us-east-1: .*KeyError: 'VolumeId'"):
        function.invoke()

    assert _snapshots(ec2, "eu-west-1") == ["vol-0000"]


def test_run_fails_when_regions_cannot_be_listed(function: Function, ec2: Simulator) -> None:
    ec2.inject(Fault("DescribeRegions", code="UnauthorizedOperation", times=None))

    with pytest.raises(RunFailed, match=r"cannot look up the account's regions \(`regions` can name them\)"):
        function.invoke()


def test_report_is_stored_unless_it_was_a_dry_run(
    function: Function, ec2: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket()
    monkeypatch.setattr(s3, "_client", lambda: bucket)
    function.deploy(report_bucket="reports", report_prefix="nightly/reports/")
    add_volumes(ec2, 1)

    function.invoke({"dry_run": True})
    made = function.invoke()

    (key,) = [key for key in bucket.objects if key.endswith(".created-1.deleted-0.json")]
    assert key.startswith("nightly/reports/2026/11/23/2026-11-23T030000Z.2026-11-23T030005Z-")
    assert bucket.json(key) == json.loads(json.dumps(made))


def test_run_fails_when_its_report_cannot_be_stored(
    function: Function, ec2: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> str:
        raise StoreError("r1.json could not be stored in reports: AccessDenied")

    monkeypatch.setattr(publish, "store", closed)
    function.deploy(report_bucket="reports")
    add_volumes(ec2, 1)

    with pytest.raises(
        RunFailed,
        match=r"the one volume has its snapshot\n- the report could not be stored: r1.json could not be stored",
    ):
        function.invoke()

    assert _snapshots(ec2, "eu-west-1") == ["vol-0000"]


def test_metrics_are_printed_a_document_a_line(
    function: Function, ec2: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    add_volumes(ec2, 2)

    function.invoke()

    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [document.get("Region") for document in documents] == [None, "eu-west-1"]
    assert all(document["SnapshotsCreateStarted"] == 2 and "_aws" in document for document in documents)


def test_run_of_some_regions_that_changes_nothing_leaves_nothing(
    function: Function, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "store", lambda *_: pytest.fail("stored"))
    function.deploy(report_bucket="reports")

    function.invoke({"regions": ["eu-west-1"]})

    assert capsys.readouterr().out == ""


def test_coverage_counts_recovery_points_of_any_maker(function: Function, ec2: Simulator) -> None:
    ids = add_volumes(ec2, 3)
    add_snapshots(ec2, ids[0], days=1)
    add_snapshots(ec2, ids[1], days=1, tags={"aws:backup:source-resource": "x"})
    add_snapshots(ec2, ids[2], days=9)
    ec2.regions["eu-west-1"].remove("snap-vol-0002-001")
    for day in range(1, 8):
        ec2.regions["eu-west-1"].remove(f"snap-vol-0002-{day:03}")

    made = function.invoke()

    assert made["coverage"] == {"objective_hours": 26.0, "selected": 3, "covered": 2, "percent": 66.6}
    assert made["recovery_points_by"] == {"this deployment": 2, "AWS Backup": 1}
    (uncovered,) = made["regions"]["eu-west-1"]["uncovered"]
    assert (uncovered["volume_id"], uncovered["newest_snapshot_id"]) == ("vol-0002", "snap-vol-0002-008")
    assert uncovered["reason"] == "its next snapshot was started by this run"
    assert made["status"] == "completed"


@pytest.mark.parametrize(
    ("deployment", "event", "error"),
    [
        ({"nmae": "x"}, TICK, DeploymentError),
        ({}, {"dryrun": True}, RequestError),
        ({}, TICK | {"dry_run": True, "regions": ["us-east-1"]}, RequestError),
        ({}, TICK | {"time": "2026-11-24T03:00:00Z"}, RequestError),
        ({}, {"run_id": "2026-11-24T03:00:00Z"}, RequestError),
        ({}, TICK | {"step": "visit"}, RequestError),
    ],
)
def test_bad_input_is_refused_before_the_first_call(
    function: Function, ec2: Simulator, deployment: dict[str, object], event: object, error: type[Exception]
) -> None:
    function.deploy(**deployment)

    with pytest.raises(error):
        function.invoke(event)

    assert not ec2.calls


def test_report_is_plain_json(function: Function, ec2: Simulator) -> None:
    add_volumes(ec2, 1)

    made = function.invoke()

    assert json.loads(json.dumps(made))["totals"] == made["totals"]


def test_home_region_is_visited_first(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    started: list[str] = []

    def fake_visit(_: visit.Visitor, name: str) -> RegionResult:
        started.append(name)
        return RegionResult(region=name)

    monkeypatch.setattr(visit.Visitor, "visit", fake_visit)

    report = function.invoke()

    assert started[0] == "us-west-2"
    assert list(report["regions"]) == sorted(report["regions"])


# --- deletions are on record before they take place ---


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    made = Bucket()
    monkeypatch.setattr(s3, "_client", lambda: made)
    return made


def _with_due_snapshots(function: Function, ec2: Simulator) -> list[str]:
    function.deploy(
        regions=["eu-west-1"], retention={"last": 2}, report_bucket="reports", report_prefix="nightly/reports/"
    )
    return add_snapshots(ec2, "vol-gone", days=4)[2:]


def _on_record(bucket: Bucket) -> list[str]:
    lines = [line for key, text in bucket.objects.items() if key.endswith(".jsonl") for line in text.splitlines()]
    return sorted(c["snapshot_id"] for line in lines if (c := json.loads(line))["change"] == "about_to_delete")


def test_crash_while_deleting_leaves_the_deletions_on_record(
    function: Function, ec2: Simulator, bucket: Bucket
) -> None:
    due = _with_due_snapshots(function, ec2)
    bucket.dies_after = r"\.changes\.jsonl$"

    with pytest.raises(Killed):
        function.invoke()

    assert _on_record(bucket) == due
    assert set(due) <= ec2.regions["eu-west-1"].snapshots.keys()


def test_nothing_is_deleted_that_could_not_be_recorded(function: Function, ec2: Simulator, bucket: Bucket) -> None:
    due = _with_due_snapshots(function, ec2)
    bucket.closed.add("PutObject")

    with pytest.raises(RunFailed, match="not deleted, since this could not be recorded first"):
        function.invoke()

    assert set(due) <= ec2.regions["eu-west-1"].snapshots.keys()


def test_deletions_are_on_record_twice(function: Function, ec2: Simulator, bucket: Bucket) -> None:
    due = _with_due_snapshots(function, ec2)

    made = function.invoke()

    assert made["totals"]["deleted"] == 2
    assert _on_record(bucket) == due
    assert sum(b'"change": "deleted"' in text for text in bucket.objects.values()) == 1
