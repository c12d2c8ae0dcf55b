from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from sandbox.ec2 import Fault, Request, Simulator, attach
from tests.sandbox.worlds import HERE, NOW, add_volume, add_volumes, client, refused

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client


def test_fault_refuses_before_the_work_as_often_as_given(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator)
    simulator.inject(Fault("CreateSnapshot", code="InternalError", times=2))
    for _ in range(2):
        with refused("InternalError"):
            ec2.create_snapshot(VolumeId="vol-1")
    assert not simulator.regions[HERE].snapshots
    ec2.create_snapshot(VolumeId="vol-1")


def test_fault_befalls_only_its_action_region_and_resource(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volumes(simulator, 2)
    simulator.inject(Fault("CreateSnapshot", region=HERE, resource="vol-0001", code="IncorrectState", times=None))
    ec2.create_snapshot(VolumeId="vol-0000")
    ec2.describe_volumes(VolumeIds=["vol-0001"])
    client(simulator, "us-east-1").describe_volumes()
    for _ in range(3):
        with refused("IncorrectState"):
            ec2.create_snapshot(VolumeId="vol-0001")
    simulator.faults.clear()
    ec2.create_snapshot(VolumeId="vol-0001")


def test_faults_happen_one_at_a_time_in_order(simulator: Simulator, ec2: "EC2Client") -> None:
    simulator.inject(Fault(code="Unavailable"))
    simulator.inject(Fault(code="AuthFailure"))
    for code in ("Unavailable", "AuthFailure"):
        with refused(code):
            ec2.describe_regions()
    ec2.describe_regions()


def test_answer_can_get_lost_after_the_work_is_done(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volumes(simulator, 2)
    simulator.inject(Fault("CreateSnapshot", lost="error"))
    simulator.inject(Fault("CreateSnapshot", lost="reset"))
    with refused("InternalError"):
        ec2.create_snapshot(VolumeId="vol-0000")
    with pytest.raises(ConnectionClosedError):
        ec2.create_snapshot(VolumeId="vol-0001")
    assert {s.volume_id for s in simulator.regions[HERE].snapshots.values()} == {"vol-0000", "vol-0001"}


def test_retry_meets_the_rule_of_fifteen_seconds(simulator: Simulator) -> None:
    add_volume(simulator)
    simulator.inject(Fault("CreateSnapshot", lost="reset"))
    session = boto3.Session("key", "secret", region_name=HERE)
    attach(session, simulator)
    retrying = session.client("ec2", config=Config(retries={"total_max_attempts": 2, "mode": "standard"}))
    with refused("SnapshotCreationPerVolumeRateExceeded"):
        retrying.create_snapshot(VolumeId="vol-1")
    assert [call.outcome for call in simulator.calls] == ["AnswerLost", "SnapshotCreationPerVolumeRateExceeded"]


def test_latency_passes_on_the_simulators_clock(simulator: Simulator, ec2: "EC2Client") -> None:
    simulator.inject(Fault("DescribeRegions", latency=2.5))
    ec2.describe_regions()
    assert (simulator.clock.now() - NOW).total_seconds() == 2.5


def test_snapshots_can_be_made_to_end_in_error(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator)
    simulator.inject(Fault("CreateSnapshot", snapshots_fail=True))
    ec2.create_snapshot(VolumeId="vol-1")
    simulator.clock.advance(1)
    assert [s["State"] for s in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]] == ["error"]


def test_hook_can_change_the_world_in_the_middle_of_a_run(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator)

    def delete_the_volume(request: Request) -> None:
        if request.action == "CreateSnapshot":
            request.region.remove("vol-1")

    simulator.hooks.append(delete_the_volume)
    assert ec2.describe_volumes()["Volumes"]
    with refused("InvalidVolume.NotFound"):
        ec2.create_snapshot(VolumeId="vol-1")


def test_every_call_is_kept_with_its_outcome(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator)
    ec2.create_snapshot(VolumeId="vol-1")
    with refused("InvalidVolume.NotFound"):
        ec2.create_snapshot(VolumeId="vol-gone")
    kept = [(c.at, c.region, c.action, c.outcome, c.principal, c.parameters["VolumeId"]) for c in simulator.calls]
    assert kept == [
        (NOW, HERE, "CreateSnapshot", "OK", "administrator", "vol-1"),
        (NOW, HERE, "CreateSnapshot", "InvalidVolume.NotFound", "administrator", "vol-gone"),
    ]
