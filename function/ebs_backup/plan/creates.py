"""The plan: what one run makes in one region, as a value; what it deletes afterwards is `expiry`'s.

A pure function of the observed world, the deployment and the run. What is already there needs nothing, so that a retry,
a duplicate event and a run resumed after a crash are the same case: plan again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.origin import scheduled_time
from ebs_backup.model.tags import PENDING, completing_tags, run_tag, tag_key
from ebs_backup.model.values import Create, Plan, Snapshot, Tag, Volume, World
from ebs_backup.plan.ownership import is_own
from ebs_backup.plan.selection import select

# CreateSnapshots refuses a longer list, and a list that names the root volume:
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceSpecification.html
MAX_EXCLUDED_DATA_VOLUMES = 40

NOT_YET = "no snapshot of this run yet"


@dataclass(frozen=True, slots=True)
class InstanceSet:
    """The volumes of one instance that are to be snapshotted together, if only one, and its others, which are not."""

    instance_id: str
    volumes: tuple[Volume, ...]
    others: tuple[Volume, ...]


def plan(world: World, deployment: Deployment, run_id: str) -> Plan:
    """Return what this run has still to make in the world's region."""
    selection = select(deployment, world.volumes)
    done = snapshots_of_run(world.snapshots, deployment, run_id)
    return Plan(
        region=world.region,
        selected=len(selection.selected),
        actions=(*_creates(world, deployment, run_id), *_completions(world, deployment)),
        already_there={v.id: done[v.id].id for v in selection.selected if v.id in done},
        skipped=selection.skipped,
    )


def instance_sets(world: World, deployment: Deployment, run_id: str) -> tuple[InstanceSet, ...]:
    """Return the sets of this run, largest first: instances with a volume still to snapshot.

    A multi-attach volume belongs to no set, or it would be snapshotted once for each of its instances.
    """
    if not deployment.multi_volume_snapshots:
        return ()
    todo = {volume.id for volume in _todo(world, deployment, run_id)}
    attached: dict[str, list[Volume]] = defaultdict(list)
    for volume in world.volumes:
        for instance_id in volume.instance_ids:
            attached[instance_id].append(volume)
    sets = [_instance_set(instance_id, volumes, todo) for instance_id, volumes in attached.items()]
    return tuple(sorted((s for s in sets if s.volumes), key=lambda s: (-len(s.volumes), s.instance_id)))


def snapshots_of_run(snapshots: Iterable[Snapshot], deployment: Deployment, run_id: str) -> Mapping[str, Snapshot]:
    """Return volume id -> this run's snapshot; one that ended in `error` is none."""
    made = made_by_run(snapshots, deployment, run_id)
    return {s.volume_id: s for s in sorted(made, key=lambda s: s.id, reverse=True)}


def made_by_run(snapshots: Iterable[Snapshot], deployment: Deployment, run_id: str) -> list[Snapshot]:
    """Return the snapshots of this run; one that ended in `error` is none.

    Neither is one that was started before the time of a scheduled run: somebody gave the id to another run too early.
    """
    mark, begun = run_tag(deployment, run_id), scheduled_time(run_id)
    made = [s for s in snapshots if mark in s.tags.items() and s.state != "error" and is_own(s, deployment)]
    return [s for s in made if begun is None or s.started_at >= begun]


def completion(deployment: Deployment, snapshot: Snapshot, volume: Volume | None) -> Tag:
    """Return the action that gives a set's snapshot the tags of its own volume."""
    reason = "a set is created with common tags only"
    return Tag(snapshot.id, snapshot.volume_id, completing_tags(deployment, snapshot, volume), reason)


def one_by_one(volumes: Iterable[Volume], reason: str) -> tuple[Create, ...]:
    """Return a create for each volume by itself, where they should have made a set."""
    return tuple(Create((volume,), reason, instead_of_set=True) for volume in volumes)


def _todo(world: World, deployment: Deployment, run_id: str) -> tuple[Volume, ...]:
    done = snapshots_of_run(world.snapshots, deployment, run_id)
    return tuple(volume for volume in select(deployment, world.volumes).selected if volume.id not in done)


def _instance_set(instance_id: str, volumes: list[Volume], todo: set[str]) -> InstanceSet:
    together = [v for v in volumes if v.id in todo and v.sole_instance_id == instance_id]
    others = [v for v in volumes if v not in together]
    return InstanceSet(instance_id, tuple(sorted(together, key=lambda v: v.id)), tuple(others))


def _creates(world: World, deployment: Deployment, run_id: str) -> tuple[Create, ...]:
    sets = instance_sets(world, deployment, run_id)
    creates = [create for each in sets for create in _creates_of(each, world.root_devices)]
    planned = {volume.id for create in creates for volume in create.volumes}
    rest = [volume for volume in _todo(world, deployment, run_id) if volume.id not in planned]
    return (*creates, *(Create((volume,), NOT_YET) for volume in rest))


def _creates_of(each: InstanceSet, root_devices: Mapping[str, str]) -> tuple[Create, ...]:
    single = len(each.volumes) == 1
    if obstacle := _obstacle(each, root_devices):
        return (Create(each.volumes, NOT_YET),) if single else one_by_one(each.volumes, obstacle)
    reason = NOT_YET if single else f"{len(each.volumes)} volumes of {each.instance_id}, crash-consistent"
    boot, data = _excluded(each, root_devices)
    return (
        Create(each.volumes, reason, instance_id=each.instance_id, boot_volume_id=boot, exclude_data_volume_ids=data),
    )


def _obstacle(each: InstanceSet, root_devices: Mapping[str, str]) -> str | None:
    if each.others and each.instance_id not in root_devices:
        return f"one by one: the root device of {each.instance_id} is unknown"
    _, data = _excluded(each, root_devices)
    if len(data) > MAX_EXCLUDED_DATA_VOLUMES:
        return f"one by one: {each.instance_id} has {len(data)} other volumes, more than a set can exclude"
    return None


def _excluded(each: InstanceSet, root_devices: Mapping[str, str]) -> tuple[str | None, tuple[str, ...]]:
    root = (each.instance_id, root_devices.get(each.instance_id))
    boot = next((v.id for v in each.others if root in [(a.instance_id, a.device) for a in v.attachments]), None)
    return boot, tuple(sorted(v.id for v in each.others if v.id != boot))


def _completions(world: World, deployment: Deployment) -> tuple[Tag, ...]:
    if not deployment.multi_volume_snapshots:
        return ()  # without sets the role may tag nothing that is there already
    volumes = {volume.id: volume for volume in world.volumes}
    here = (tag_key(deployment, "Region"), world.region)
    own = [s for s in world.snapshots if is_own(s, deployment) and here in s.tags.items() and s.state != "error"]
    return tuple(
        completion(deployment, snapshot, volumes.get(snapshot.volume_id))
        for snapshot in sorted(own, key=lambda s: s.id)
        if _lacks_tags(deployment, snapshot, volumes)
    )


def _lacks_tags(deployment: Deployment, snapshot: Snapshot, volumes: Mapping[str, Volume]) -> bool:
    """Tell whether a snapshot has not the tags of its own volume.

    Those of a set have them to come. One can also bear another volume's, if its volume was attached to an instance
    just before the only one there was snapshotted as a set of one.
    """
    tagged = snapshot.tags.get(tag_key(deployment, "VolumeId"))
    return tagged == PENDING or (tagged != snapshot.volume_id and snapshot.volume_id in volumes)
