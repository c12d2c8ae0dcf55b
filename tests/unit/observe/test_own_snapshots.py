from dataclasses import replace

import pytest

from ebs_backup.aws.ec2 import Region
from ebs_backup.observe.own_snapshots import own_snapshots
from sandbox.ec2 import Simulator
from tests.unit.builders import REGION, deployment
from tests.unit.estates import add_snapshots


def test_complete_snapshot_keeps_only_the_tags_of_its_origin(ec2: Simulator, region: Region) -> None:
    _add_tags(ec2, add_snapshots(ec2, "vol-1", days=1)[0], {"Owner": "somebody", "ebs-backup:Device": "/dev/sdf"})

    (seen,) = own_snapshots(region, deployment())

    assert seen.tags.keys() == {f"ebs-backup:{word}" for word in ("Policy", "RunId", "Region", "VolumeId")}


@pytest.mark.parametrize("volume_id", ["pending", "vol-other"])
def test_incomplete_snapshot_keeps_all_its_tags(ec2: Simulator, region: Region, volume_id: str) -> None:
    _add_tags(ec2, add_snapshots(ec2, "vol-1", days=1)[0], {"Owner": "x", "ebs-backup:VolumeId": volume_id})

    (seen,) = own_snapshots(region, deployment())

    assert seen.tags["Owner"] == "x"


def test_snapshot_with_two_of_the_tags_comes_once(ec2: Simulator, region: Region) -> None:
    ids = add_snapshots(ec2, "vol-1", days=3)

    seen = own_snapshots(region, deployment(), ("ebs-backup:RunId", "r1"), ("ebs-backup:VolumeId", "vol-1"))

    assert sorted(snapshot.id for snapshot in seen) == ids


def _add_tags(ec2: Simulator, snapshot_id: str, tags: dict[str, str]) -> None:
    snapshot = ec2.regions[REGION].snapshots[snapshot_id]
    ec2.regions[REGION].add(replace(snapshot, tags={**snapshot.tags, **tags}))
