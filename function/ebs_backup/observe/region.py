"""The first step: read what a run depends on in one region, with as few calls as it takes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

from ebs_backup.aws.ec2 import MAX_FILTER_VALUES, Region, chunks
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.tags import PENDING, ownership_tag, run_tag, tag_key
from ebs_backup.model.values import History, Snapshot, Volume, World
from ebs_backup.plan.coverage import newest
from ebs_backup.plan.creates import instance_sets
from ebs_backup.plan.retention import by_volume

_STATES: Mapping[str, Sequence[str]] = {"status": ["completed", "pending"]}


def observe(region: Region, deployment: Deployment, run_id: str) -> World:
    """Read what new snapshots depend on; raise Ec2Error if any part cannot be read: half a world makes a wrong plan.

    Of the snapshots these are the run's own, and those of a set, of whatever run, that lack their own volume's tags.
    """
    marks = run_tag(deployment, run_id), (tag_key(deployment, "VolumeId"), PENDING)
    filters = [_owned(deployment) | {f"tag:{key}": [value]} for key, value in marks]
    with ThreadPoolExecutor(1, thread_name_prefix=region.name) as beside:  # what does not wait for another can go along
        volumes = beside.submit(region.volumes)
        snapshots = _lean(deployment, chain.from_iterable(map(region.each_snapshot, filters)))
        world = World(region.name, volumes.result(), snapshots)
    partial = [s.instance_id for s in instance_sets(world, deployment, run_id) if s.others]
    return replace(world, root_devices=region.root_devices(partial))


def observe_history(region: Region, deployment: Deployment, world: World) -> History:
    """Read what a retention depends on; raise Ec2Error if any part of it cannot be read."""
    snapshots = _lean(deployment, region.each_snapshot(_owned(deployment)))
    in_use = frozenset(volume.id for volume in world.volumes)
    if deployment.orphan_retention_days is None:
        return History(region.name, snapshots, in_use)
    absent = [id_ for id_ in by_volume(snapshots, tag_key(deployment, "VolumeId")) if id_ not in in_use]
    return History(region.name, snapshots, in_use | region.existing_volume_ids(absent))


def recovery_points(
    region: Region, deployment: Deployment, volumes: Iterable[Volume], at: datetime
) -> tuple[Snapshot, ...]:
    """Read the newest completed and the newest pending snapshot of each volume, whoever made them.

    Those of the days that the objective reaches back to; of older ones only those of the few volumes that have none
    in that time. EC2 filters by whole days with a wildcard:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html
    """
    ids = [volume.id for volume in volumes]
    reach = min(math.ceil(deployment.recovery_point_objective_hours / 24) + 1, MAX_FILTER_VALUES - 1)  # and tomorrow
    days = [f"{at - timedelta(days=day):%Y-%m-%dT}*" for day in range(-1, reach)]
    recent = newest(region.each_snapshot({**_STATES, "start-time": days})) if ids else {}
    without = [volume_id for volume_id in ids if (volume_id, "completed") not in recent]
    older = (s for some in chunks(without) for s in region.each_snapshot({**_STATES, "volume-id": some}))
    return tuple({**recent, **newest(older)}.values())


def _owned(deployment: Deployment) -> dict[str, list[str]]:
    key, value = ownership_tag(deployment)
    return {f"tag:{key}": [value]}


def _lean(deployment: Deployment, snapshots: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
    """Return each snapshot once; of one that has its own tags, with only those that say whose it is.

    A region can hold 100,000 snapshots, and a function as little as 128 MB.
    """
    key = tag_key(deployment, "VolumeId")
    needed = {tag_key(deployment, word) for word in ("Policy", "RunId", "Region")} | {key}
    found: dict[str, Snapshot] = {}
    for s in snapshots:
        complete = s.tags.get(key) == s.volume_id
        found[s.id] = replace(s, tags={k: v for k, v in s.tags.items() if k in needed}) if complete else s
    return tuple(found.values())
