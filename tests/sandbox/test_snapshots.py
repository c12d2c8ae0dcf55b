from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.ec2 import Attachment, Quotas, Simulator, Volume
from tests.sandbox.worlds import HERE, ME, NOW, add_instance, add_snapshot, add_volume, client, ids, refused, tags

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client


def test_new_snapshot_is_pending_and_completed_later(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator, size=100)
    created = ec2.create_snapshot(VolumeId="vol-1", Description="nightly", TagSpecifications=tags(Name="a"))
    assert (created["State"], created["VolumeSize"], created["OwnerId"]) == ("pending", 100, ME)
    assert created["StartTime"] == NOW
    assert created["Tags"] == [{"Key": "Name", "Value": "a"}]
    simulator.clock.advance(0.5)
    (pending,) = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert (pending["State"], pending["Progress"]) == ("pending", "50%")
    simulator.clock.advance(0.5)
    (done,) = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert (done["State"], done["Progress"]) == ("completed", "100%")


def test_snapshot_inherits_its_volumes_encryption_and_key(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator, encrypted=True, kms_key_id="arn:aws:kms:eu-west-1:123456789012:key/1")
    assert ec2.create_snapshot(VolumeId="vol-1")["Encrypted"]
    (snapshot,) = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    assert snapshot["KmsKeyId"] == "arn:aws:kms:eu-west-1:123456789012:key/1"


def test_every_snapshot_has_an_id_of_its_own(simulator: Simulator, ec2: "EC2Client") -> None:
    for n in range(20):
        add_volume(simulator, f"vol-{n}")
    made = {ec2.create_snapshot(VolumeId=f"vol-{n}")["SnapshotId"] for n in range(20)}
    assert len(made) == 20


@pytest.mark.parametrize("state", ["creating", "deleting", "error"])
def test_snapshot_is_refused_when_the_volume_is_not_ready(simulator: Simulator, ec2: "EC2Client", state: str) -> None:
    add_volume(simulator, lifecycle=state)
    with refused("IncorrectState"):
        ec2.create_snapshot(VolumeId="vol-1")
    with refused("InvalidVolume.NotFound"):
        ec2.create_snapshot(VolumeId="vol-gone")


def test_fifteen_seconds_must_lie_between_two_snapshots_of_a_volume(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator, "vol-1")
    add_volume(simulator, "vol-2")
    ec2.create_snapshot(VolumeId="vol-1")
    simulator.clock.advance(14.9)
    with refused("SnapshotCreationPerVolumeRateExceeded"):
        ec2.create_snapshot(VolumeId="vol-1")
    ec2.create_snapshot(VolumeId="vol-2")
    simulator.clock.advance(0.1)
    ec2.create_snapshot(VolumeId="vol-1")


@pytest.mark.parametrize(("kind", "most"), [("gp3", 5), ("st1", 1), ("sc1", 1)])
def test_volume_has_few_snapshots_pending_at_once(simulator: Simulator, ec2: "EC2Client", kind: str, most: int) -> None:
    simulator.pending_seconds = 3600
    add_volume(simulator, type=kind)
    for _ in range(most):
        ec2.create_snapshot(VolumeId="vol-1")
        simulator.clock.advance(15)
    with refused("ConcurrentSnapshotLimitExceeded"):
        ec2.create_snapshot(VolumeId="vol-1")


def test_snapshots_in_error_count_as_pending_ones(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator)
    for n in range(5):
        add_snapshot(simulator, f"snap-{n}", fails=True)
    with refused("ConcurrentSnapshotLimitExceeded"):
        ec2.create_snapshot(VolumeId="vol-1")


def test_region_holds_only_so_many_snapshots(simulator: Simulator, ec2: "EC2Client") -> None:
    simulator.quotas = Quotas(snapshots=2)
    add_volume(simulator)
    add_snapshot(simulator, "snap-1")
    add_snapshot(simulator, "snap-theirs", owner="999999999999")
    ec2.create_snapshot(VolumeId="vol-1")
    simulator.clock.advance(15)
    with refused("SnapshotLimitExceeded"):
        ec2.create_snapshot(VolumeId="vol-1")


def test_number_of_pending_snapshots_can_be_limited(simulator: Simulator, ec2: "EC2Client") -> None:
    simulator.quotas = Quotas(pending=1)
    add_instance(simulator, "i-1", xvda="vol-1", sdf="vol-2")
    with refused("PendingSnapshotLimitExceeded"):
        ec2.create_snapshots(InstanceSpecification={"InstanceId": "i-1"})
    ec2.create_snapshot(VolumeId="vol-1")
    with refused("PendingSnapshotLimitExceeded"):
        ec2.create_snapshot(VolumeId="vol-2")
    simulator.clock.advance(1)
    ec2.create_snapshot(VolumeId="vol-2")


def test_description_has_at_most_255_characters(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator)
    with refused("InvalidParameterValue"):
        ec2.create_snapshot(VolumeId="vol-1", Description="x" * 256)
    ec2.create_snapshot(VolumeId="vol-1", Description="x" * 255)


def test_local_zone_volume_keeps_all_its_snapshots_in_one_place(simulator: Simulator) -> None:
    ec2 = client(simulator, "us-west-2")
    simulator.regions["us-west-2"].add(Volume("vol-1", "us-west-2-lax-1a"), Volume("vol-2", "us-west-2a"))
    ec2.create_snapshot(VolumeId="vol-1", Location="local")
    simulator.clock.advance(15)
    with refused("InvalidParameterCombination"):
        ec2.create_snapshot(VolumeId="vol-1")
    ec2.create_snapshot(VolumeId="vol-1", Location="local")
    with refused("InvalidParameterValue"):
        ec2.create_snapshot(VolumeId="vol-2", Location="local")


def test_outpost_snapshot_goes_to_its_outpost_or_the_region(simulator: Simulator, ec2: "EC2Client") -> None:
    outpost = "arn:aws:outposts:eu-west-1:123456789012:outpost/op-1"
    add_volume(simulator, outpost_arn=outpost)
    assert "OutpostArn" not in ec2.create_snapshot(VolumeId="vol-1")
    simulator.clock.advance(15)
    assert ec2.create_snapshot(VolumeId="vol-1", OutpostArn=outpost)["OutpostArn"] == outpost
    simulator.clock.advance(15)
    with refused("InvalidParameterValue"):
        ec2.create_snapshot(VolumeId="vol-1", OutpostArn=f"{outpost}2")


def test_set_holds_all_volumes_of_an_instance_at_one_time(simulator: Simulator, ec2: "EC2Client") -> None:
    add_instance(simulator, "i-1", xvda="vol-root", sdf="vol-data")
    add_volume(simulator, "vol-loose")
    made = ec2.create_snapshots(InstanceSpecification={"InstanceId": "i-1"}, TagSpecifications=tags(Run="1"))
    snapshots = made["Snapshots"]
    assert ids("VolumeId", snapshots) == ["vol-data", "vol-root"]
    assert {snapshot["StartTime"] for snapshot in snapshots} == {NOW}
    assert all(snapshot["Tags"] == [{"Key": "Run", "Value": "1"}] for snapshot in snapshots)


def test_set_can_copy_each_volumes_own_tags(simulator: Simulator, ec2: "EC2Client") -> None:
    add_instance(simulator, "i-1", xvda="vol-root", sdf="vol-data")
    add_volume(
        simulator,
        "vol-data",
        tags={"Name": "data", "Run": "old", "aws:cloudformation:stack-name": "s"},
        attachments=(Attachment("i-1", "/dev/sdf"),),
    )
    made = ec2.create_snapshots(
        InstanceSpecification={"InstanceId": "i-1"}, TagSpecifications=tags(Run="1"), CopyTagsFromSource="volume"
    )
    by_volume = {s["VolumeId"]: {t["Key"]: t["Value"] for t in s["Tags"]} for s in made["Snapshots"]}
    assert by_volume == {"vol-data": {"Name": "data", "Run": "1"}, "vol-root": {"Name": "vol-root", "Run": "1"}}


def test_set_leaves_out_the_volumes_it_is_told_to(simulator: Simulator, ec2: "EC2Client") -> None:
    add_instance(simulator, "i-1", xvda="vol-root", sdf="vol-data", sdg="vol-log")
    made = ec2.create_snapshots(
        InstanceSpecification={"InstanceId": "i-1", "ExcludeBootVolume": True, "ExcludeDataVolumeIds": ["vol-log"]}
    )
    assert ids("VolumeId", made["Snapshots"]) == ["vol-data"]


@pytest.mark.parametrize(
    "excluded",
    [["vol-root"], ["vol-elsewhere"], [f"vol-{n}" for n in range(41)]],
    ids=["the root volume", "a volume of another instance", "more than forty"],
)
def test_set_refuses_exclusions_that_ec2_refuses(simulator: Simulator, ec2: "EC2Client", excluded: list[str]) -> None:
    add_instance(simulator, "i-1", xvda="vol-root", sdf="vol-data")
    add_volume(simulator, "vol-elsewhere")
    with refused("InvalidParameterValue"):
        ec2.create_snapshots(InstanceSpecification={"InstanceId": "i-1", "ExcludeDataVolumeIds": excluded})
    assert not simulator.regions[HERE].snapshots


def test_set_is_all_or_nothing(simulator: Simulator, ec2: "EC2Client") -> None:
    add_instance(simulator, "i-1", xvda="vol-root", sdf="vol-data")
    ec2.create_snapshot(VolumeId="vol-data")
    with refused("SnapshotCreationPerVolumeRateExceeded"):
        ec2.create_snapshots(InstanceSpecification={"InstanceId": "i-1"})
    assert len(simulator.regions[HERE].snapshots) == 1


def test_set_takes_at_most_128_volumes(simulator: Simulator, ec2: "EC2Client") -> None:
    add_instance(simulator, "i-1", **{f"xvd{n}": f"vol-{n}" for n in range(129)})
    with refused("InvalidParameterValue"):
        ec2.create_snapshots(InstanceSpecification={"InstanceId": "i-1"})
    simulator.regions[HERE].remove("vol-0")
    assert len(ec2.create_snapshots(InstanceSpecification={"InstanceId": "i-1"})["Snapshots"]) == 128


def test_set_is_refused_without_a_known_instance_or_a_volume(simulator: Simulator, ec2: "EC2Client") -> None:
    add_instance(simulator, "i-1")
    with refused("InvalidParameterValue"):
        ec2.create_snapshots(InstanceSpecification={"InstanceId": "i-1"})
    with refused("InvalidInstanceID.NotFound"):
        ec2.create_snapshots(InstanceSpecification={"InstanceId": "i-gone"})


def test_multi_attach_volume_is_in_the_set_of_each_instance(simulator: Simulator, ec2: "EC2Client") -> None:
    add_instance(simulator, "i-1", xvda="vol-1")
    add_instance(simulator, "i-2", xvda="vol-2")
    both = (Attachment("i-1", "/dev/sdf"), Attachment("i-2", "/dev/sdf"))
    add_volume(simulator, "vol-shared", type="io2", multi_attach=True, attachments=both)
    for instance in ("i-1", "i-2"):
        made = ec2.create_snapshots(InstanceSpecification={"InstanceId": instance})
        assert "vol-shared" in ids("VolumeId", made["Snapshots"])
        simulator.clock.advance(15)


def test_copy_has_an_arbitrary_volume_id_and_its_own_tags(simulator: Simulator) -> None:
    add_volume(simulator)
    add_snapshot(simulator, tags={"Name": "source"}, encrypted=True, kms_key_id="arn:aws:kms:eu-west-1::key/1")
    there = client(simulator, "us-east-1")
    copied = there.copy_snapshot(SourceRegion=HERE, SourceSnapshotId="snap-1", TagSpecifications=tags(Source="snap-1"))[
        "SnapshotId"
    ]
    (copy,) = there.describe_snapshots(SnapshotIds=[copied])["Snapshots"]
    assert copy["VolumeId"] == "vol-ffffffff"
    assert copy["Tags"] == [{"Key": "Source", "Value": "snap-1"}]
    assert copy["State"] == "pending"
    assert copy["KmsKeyId"].startswith("arn:aws:kms:us-east-1:")


def test_only_a_completed_snapshot_of_a_known_region_can_be_copied(simulator: Simulator) -> None:
    add_snapshot(simulator, "snap-pending", completes=NOW + timedelta(minutes=1))
    there = client(simulator, "us-east-1")
    with refused("IncorrectState"):
        there.copy_snapshot(SourceRegion=HERE, SourceSnapshotId="snap-pending")
    with refused("InvalidSnapshot.NotFound"):
        there.copy_snapshot(SourceRegion=HERE, SourceSnapshotId="snap-gone")
    with refused("InvalidParameterValue"):
        there.copy_snapshot(SourceRegion="eu-nowhere-1", SourceSnapshotId="snap-pending")


def test_twenty_copies_run_at_once_into_a_region(simulator: Simulator) -> None:
    add_snapshot(simulator)
    there = client(simulator, "us-east-1")
    for _ in range(20):
        there.copy_snapshot(SourceRegion=HERE, SourceSnapshotId="snap-1")
    with refused("ResourceLimitExceeded"):
        there.copy_snapshot(SourceRegion=HERE, SourceSnapshotId="snap-1")
    simulator.clock.advance(1)
    there.copy_snapshot(SourceRegion=HERE, SourceSnapshotId="snap-1")


def test_deleted_snapshot_is_gone(simulator: Simulator, ec2: "EC2Client") -> None:
    add_snapshot(simulator)
    ec2.delete_snapshot(SnapshotId="snap-1")
    assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []
    with refused("InvalidSnapshot.NotFound"):
        ec2.delete_snapshot(SnapshotId="snap-1")


def test_pending_snapshot_goes_only_when_it_would_have_completed(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator)
    created = ec2.create_snapshot(VolumeId="vol-1")["SnapshotId"]
    ec2.delete_snapshot(SnapshotId=created)
    assert ec2.describe_snapshots(SnapshotIds=[created])["Snapshots"][0]["State"] == "pending"
    simulator.clock.advance(1)
    with refused("InvalidSnapshot.NotFound"):
        ec2.describe_snapshots(SnapshotIds=[created])


@pytest.mark.parametrize(
    ("details", "code"),
    [
        ({"image_id": "ami-1"}, "InvalidSnapshot.InUse"),
        ({"locked": True}, "OperationNotPermitted"),
        ({"managed_by_backup": True}, "InvalidParameterValue"),
        ({"owner": "999999999999"}, "InvalidSnapshot.NotFound"),
        ({"owner": "999999999999", "shared_with": frozenset({"all"})}, "AuthFailure"),
    ],
    ids=["behind an image", "locked", "AWS Backup's", "of another account", "of another account, public"],
)
def test_snapshot_is_not_deleted_while_something_holds_it(
    simulator: Simulator, ec2: "EC2Client", details: dict[str, Any], code: str
) -> None:
    add_snapshot(simulator, **details)
    with refused(code):
        ec2.delete_snapshot(SnapshotId="snap-1")
    assert "snap-1" in simulator.regions[HERE].snapshots


def test_snapshot_is_shared_with_accounts_and_with_everyone(simulator: Simulator, ec2: "EC2Client") -> None:
    add_snapshot(simulator)
    change = {"Add": [{"UserId": "999999999999"}, {"Group": "all"}]}
    ec2.modify_snapshot_attribute(SnapshotId="snap-1", CreateVolumePermission=change)  # type: ignore[arg-type]

    def shared() -> list[dict[str, str]]:
        shown = ec2.describe_snapshot_attribute(SnapshotId="snap-1", Attribute="createVolumePermission")
        return shown["CreateVolumePermissions"]  # type: ignore[return-value]

    assert shared() == [{"UserId": "999999999999"}, {"Group": "all"}]
    ec2.modify_snapshot_attribute(SnapshotId="snap-1", OperationType="remove", GroupNames=["all"])
    assert shared() == [{"UserId": "999999999999"}]


def test_dry_run_does_nothing(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator)
    with pytest.raises(Exception, match="DryRunOperation") as caught:
        ec2.create_snapshot(VolumeId="vol-1", DryRun=True)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412  # type: ignore[attr-defined]
    assert not simulator.regions[HERE].snapshots
