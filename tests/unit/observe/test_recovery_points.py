from dataclasses import replace

from ebs_backup.aws.ec2 import Region
from ebs_backup.observe.recovery_points import observe_recovery_points
from sandbox.ec2 import Simulator
from tests.unit.builders import REGION, deployment
from tests.unit.estates import add_snapshots, add_volumes


def test_older_days_are_read_only_for_volumes_without_a_recent_one(ec2: Simulator, region: Region) -> None:
    add_volumes(ec2, 2)
    recent, old = (add_snapshots(ec2, volume_id, days=9) for volume_id in ("vol-0000", "vol-0001"))
    for snapshot_id in old[:7]:
        ec2.regions[REGION].remove(snapshot_id)

    points = observe_recovery_points(region, deployment(), region.volumes(), ec2.clock.now())

    assert sorted(point.id for point in points) == [recent[0], old[7]]
    assert region.calls["DescribeSnapshots"] == 2


def test_older_snapshot_is_read_where_the_recent_one_is_archived(ec2: Simulator, region: Region) -> None:
    (volume_id,) = add_volumes(ec2, 1)
    newest, *_ = add_snapshots(ec2, volume_id, days=9)
    ec2.regions[REGION].add(replace(ec2.regions[REGION].snapshots[newest], tier="archive"))
    for day in range(2, 9):
        ec2.regions[REGION].remove(f"snap-{volume_id}-{day:03}")

    found = observe_recovery_points(region, deployment(), region.volumes(), ec2.clock.now())

    assert sorted(s.id for s in found) == [newest, f"snap-{volume_id}-009"]


def test_nothing_is_read_without_volumes(ec2: Simulator, region: Region) -> None:
    assert observe_recovery_points(region, deployment(), (), ec2.clock.now()) == ()
    assert not region.calls
