from ebs_backup.aws.ec2 import Region
from ebs_backup.observe.history import observe_history
from ebs_backup.observe.world import observe_world
from sandbox.ec2 import Simulator
from tests.unit.builders import REGION, RUN, deployment
from tests.unit.estates import add_instance, add_snapshots, detached


def test_detached_volumes_are_asked_for_only_if_it_matters(ec2: Simulator, region: Region) -> None:
    add_snapshots(ec2, "vol-detached", days=2)
    add_snapshots(ec2, "vol-gone", days=2)
    ec2.regions[REGION].add(detached("vol-detached"))
    add_instance(ec2, "i-1", "vol-1")
    world = observe_world(region, deployment(), RUN)

    history = observe_history(region, deployment(), world)
    with_orphans = observe_history(region, deployment(orphan_retention_days=30), world)

    assert len(history.snapshots) == len(with_orphans.snapshots) == 4
    assert history.volume_ids == {"vol-1"}
    assert with_orphans.volume_ids == {"vol-1", "vol-detached"}
