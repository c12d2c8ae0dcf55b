from typing import TYPE_CHECKING

import pytest

from sandbox.ec2 import Simulator
from tests.sandbox.worlds import HERE, add_instance, add_snapshot, add_volume, refused, tags

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client


def test_create_tags_adds_tags_and_replaces_same_keys(simulator: Simulator, ec2: "EC2Client") -> None:
    add_instance(simulator, "i-1", xvda="vol-1")
    add_snapshot(simulator, tags={"Name": "old", "Team": "shop"})
    ec2.create_tags(Resources=["snap-1", "vol-1", "i-1"], Tags=[{"Key": "Name", "Value": "new"}])
    here = simulator.regions[HERE]
    assert here.snapshots["snap-1"].tags == {"Name": "new", "Team": "shop"}
    assert here.volumes["vol-1"].tags == {"Name": "new"}
    assert here.instances["i-1"].tags == {"Name": "new"}
    assert [volume.id for volume in here.volumes_of("i-1")] == ["vol-1"]


@pytest.mark.parametrize(
    ("resource", "code"),
    [
        ("snap-gone", "InvalidSnapshot.NotFound"),
        ("vol-gone", "InvalidVolume.NotFound"),
        ("i-gone", "InvalidInstanceID.NotFound"),
        ("what", "InvalidID"),
    ],
)
def test_no_tag_is_added_if_one_resource_does_not_exist(
    simulator: Simulator, ec2: "EC2Client", resource: str, code: str
) -> None:
    add_snapshot(simulator)
    with refused(code):
        ec2.create_tags(Resources=["snap-1", resource], Tags=[{"Key": "Name", "Value": "new"}])
    assert simulator.regions[HERE].snapshots["snap-1"].tags == {}


def test_tags_are_deleted_by_key_or_by_key_and_value(simulator: Simulator, ec2: "EC2Client") -> None:
    add_snapshot(simulator, tags={"A": "1", "B": "2", "C": "", "aws:x": "3"})

    def left() -> object:
        return simulator.regions[HERE].snapshots["snap-1"].tags

    ec2.delete_tags(Resources=["snap-1"], Tags=[{"Key": "A"}, {"Key": "B", "Value": "other"}])
    assert left() == {"B": "2", "C": "", "aws:x": "3"}
    ec2.delete_tags(Resources=["snap-1"], Tags=[{"Key": "C", "Value": ""}])
    assert left() == {"B": "2", "aws:x": "3"}
    ec2.delete_tags(Resources=["snap-1"])
    assert left() == {"aws:x": "3"}


def test_resource_has_at_most_fifty_tags_and_aws_own_do_not_count(simulator: Simulator, ec2: "EC2Client") -> None:
    add_snapshot(simulator, tags={f"k{n}": "" for n in range(49)} | {"aws:x": ""})
    ec2.create_tags(Resources=["snap-1"], Tags=[{"Key": "k49", "Value": ""}, {"Key": "k0", "Value": "new"}])
    with refused("TagLimitExceeded"):
        ec2.create_tags(Resources=["snap-1"], Tags=[{"Key": "k50", "Value": ""}])


def test_snapshot_is_not_created_with_more_than_fifty_tags(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator)
    with refused("TagLimitExceeded"):
        ec2.create_snapshot(VolumeId="vol-1", TagSpecifications=tags(**{f"k{n}": "" for n in range(51)}))
    ec2.create_snapshot(VolumeId="vol-1", TagSpecifications=tags(**{f"k{n}": "" for n in range(50)}))


@pytest.mark.parametrize("key", ["aws:x", "AWS:x", "aWs:", "", "k" * 129])
def test_bad_key_is_refused_at_creation_and_afterwards(simulator: Simulator, ec2: "EC2Client", key: str) -> None:
    add_volume(simulator)
    with refused("InvalidParameterValue"):
        ec2.create_snapshot(VolumeId="vol-1", TagSpecifications=tags(**{key: "x"}))
    with refused("InvalidParameterValue"):
        ec2.create_tags(Resources=["vol-1"], Tags=[{"Key": key, "Value": "x"}])


def test_keys_have_128_characters_and_values_256(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator)
    ec2.create_tags(Resources=["vol-1"], Tags=[{"Key": "ü" * 128, "Value": "ü" * 256}])
    with refused("InvalidParameterValue"):
        ec2.create_tags(Resources=["vol-1"], Tags=[{"Key": "k", "Value": "v" * 257}])


def test_same_key_twice_is_refused(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator)
    with refused("InvalidParameterValue"):
        ec2.create_tags(Resources=["vol-1"], Tags=[{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}])


def test_creating_call_can_tag_only_its_snapshot(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator)
    with refused("InvalidParameterValue"):
        ec2.create_snapshot(
            VolumeId="vol-1",
            TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": "k", "Value": "v"}]}],
        )
