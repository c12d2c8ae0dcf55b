"""The history: what a retention depends on in one region."""

from ebs_backup.aws.ec2 import Region
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.tags import tag_key
from ebs_backup.model.values import History, World
from ebs_backup.observe.own_snapshots import own_snapshots
from ebs_backup.plan.retention import by_volume


def observe_history(region: Region, deployment: Deployment, world: World) -> History:
    """Read what a retention depends on; raise Ec2Error if any part of it cannot be read."""
    snapshots = own_snapshots(region, deployment)
    in_use = frozenset(volume.id for volume in world.volumes)
    if deployment.orphan_retention_days is None:
        return History(region.name, snapshots, in_use)
    absent = [id_ for id_ in by_volume(snapshots, tag_key(deployment, "VolumeId")) if id_ not in in_use]
    return History(region.name, snapshots, in_use | region.existing_volume_ids(absent))
