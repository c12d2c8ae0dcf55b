"""The history: what a retention depends on in one region."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from ebs_backup.aws.ec2 import Region, chunks
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.tags import delete_after
from ebs_backup.model.values import History, World
from ebs_backup.observe.own_snapshots import own_snapshots
from ebs_backup.plan.retention import by_volume


def observe_history(region: Region, deployment: Deployment, world: World) -> History:
    """Read what a retention depends on; raise Ec2Error if any part of it cannot be read.

    A volume counts as gone if EC2 leaves it out of the answer to a question for it. Where snapshots of it may be
    deleted for that, EC2 is also asked for the volume by its id, and must say that there is none.
    """
    snapshots = own_snapshots(region, deployment)
    present = frozenset(volume.id for volume in world.volumes)
    if deployment.orphan_retention_days is not None:
        volumes = by_volume(snapshots)
        present |= region.existing_volume_ids([volume_id for volume_id in volumes if volume_id not in present])
        announced = [id_ for id_, some in volumes.items() if any(delete_after(deployment, s) for s in some)]
        gone = [id_ for id_ in announced if id_ not in present and region.is_gone(id_)]
        present |= set(announced) - set(gone)
        return History(region.name, snapshots, present, _newest(region, gone))
    return History(region.name, snapshots, present)


def _newest(region: Region, volume_ids: Sequence[str]) -> Mapping[str, datetime]:
    """Return volume id -> start of its newest snapshot, whoever made it: a tag could hide one of ours."""
    found: dict[str, datetime] = {}
    for some in chunks(volume_ids):
        for s in region.each_snapshot({"volume-id": some}):
            if s.state != "error":
                found[s.volume_id] = max(s.started_at, found.get(s.volume_id, s.started_at))
    return found
