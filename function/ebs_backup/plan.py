"""The plan: what one run does in one region, as a value.

A pure function of the observed world, the policy and the run. What is already there needs nothing, so that a retry,
a duplicate event and a run resumed after a crash are the same case: plan again.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from .model import Create, Delete, Plan, Snapshot, Tag, Verdict, Volume, World
from .policy import Policy
from .retention import by_volume, judge_orphan
from .selection import select
from .tags import PENDING, completing_tags, policy_tag, run_tag, tag_key

# CreateSnapshots refuses a longer list, and a list that names the root volume:
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceSpecification.html
MAX_EXCLUDED_DATA_VOLUMES = 40

# Up to so many deletions are no catastrophe, whatever their share: the last snapshots of a region that is given up.
FEW_DELETIONS = 20


@dataclass(frozen=True, slots=True)
class InstanceSet:
    """The volumes of one instance that are to be snapshotted together, and its others, which are not."""

    instance_id: str
    volumes: tuple[Volume, ...]
    others: tuple[Volume, ...]


def plan(world: World, policy: Policy, run_id: str, at: datetime) -> Plan:
    """Return what is still to be done in the world's region for this run, which began at that time."""
    selection = select(policy, world.volumes)
    done = snapshots_of_run(world.snapshots, policy, run_id)
    own, verdicts = _verdicts(world, policy, run_id, at)
    deletes = tuple(Delete(v.snapshot.id, v.snapshot.volume_id, ", ".join(v.reasons)) for v in verdicts if not v.keep)
    brake = _brake(policy, verdicts)
    return Plan(
        region=world.region,
        selected=len(selection.selected),
        actions=(
            *_creates(world, policy, run_id),
            *_completions(world, policy, but={delete.snapshot_id for delete in deletes}),
            *(() if brake else deletes),
        ),
        already_there={v.id: done[v.id].id for v in selection.selected if v.id in done},
        skipped=selection.skipped,
        verdicts=(*own, *verdicts),
        brake=brake,
    )


def instance_sets(world: World, policy: Policy, run_id: str) -> tuple[InstanceSet, ...]:
    """Return the sets of this run, largest first: instances with more than one volume still to snapshot.

    A multi-attach volume belongs to no set, or it would be snapshotted once for each of its instances.
    """
    if not policy.multi_volume_snapshots:
        return ()
    todo = {volume.id for volume in _todo(world, policy, run_id)}
    attached: dict[str, list[Volume]] = defaultdict(list)
    for volume in world.volumes:
        for instance_id in volume.instance_ids:
            attached[instance_id].append(volume)
    sets = [_instance_set(instance_id, volumes, todo) for instance_id, volumes in attached.items()]
    return tuple(sorted((s for s in sets if len(s.volumes) > 1), key=lambda s: (-len(s.volumes), s.instance_id)))


def snapshots_of_run(snapshots: Iterable[Snapshot], policy: Policy, run_id: str) -> Mapping[str, Snapshot]:
    """Return volume id -> this run's snapshot; one that ended in `error` is none."""
    made = _made_by_run(snapshots, policy, run_id)
    return {s.volume_id: s for s in sorted(made, key=lambda s: s.id, reverse=True)}


def _made_by_run(snapshots: Iterable[Snapshot], policy: Policy, run_id: str) -> list[Snapshot]:
    marks = {policy_tag(policy), run_tag(policy, run_id)}
    return [s for s in snapshots if s.state != "error" and marks <= s.tags.items()]


def completion(policy: Policy, snapshot: Snapshot, volume: Volume | None) -> Tag:
    """Return the action that gives a set's snapshot the tags of its own volume."""
    reason = "a set is created with common tags only"
    return Tag(snapshot.id, snapshot.volume_id, completing_tags(policy, snapshot, volume), reason)


def one_by_one(volumes: Iterable[Volume], reason: str) -> tuple[Create, ...]:
    """Return a create for each volume by itself, where they should have made a set."""
    return tuple(Create((volume,), reason, apart=True) for volume in volumes)


def _todo(world: World, policy: Policy, run_id: str) -> tuple[Volume, ...]:
    done = snapshots_of_run(world.snapshots, policy, run_id)
    return tuple(volume for volume in select(policy, world.volumes).selected if volume.id not in done)


def _instance_set(instance_id: str, volumes: list[Volume], todo: set[str]) -> InstanceSet:
    together = [v for v in volumes if v.id in todo and v.sole_instance_id == instance_id]
    others = [v for v in volumes if v not in together]
    return InstanceSet(instance_id, tuple(sorted(together, key=lambda v: v.id)), tuple(others))


def _creates(world: World, policy: Policy, run_id: str) -> tuple[Create, ...]:
    creates: list[Create] = []
    for each in instance_sets(world, policy, run_id):
        obstacle = _obstacle(each, world.root_devices)
        creates += one_by_one(each.volumes, obstacle) if obstacle else [_create_set(each, world.root_devices)]
    planned = {volume.id for create in creates for volume in create.volumes}
    alone = _alone(world) if policy.multi_volume_snapshots else {}
    singles = [volume for volume in _todo(world, policy, run_id) if volume.id not in planned]
    reason = "no snapshot of this run yet"
    return (*creates, *(Create((volume,), reason, instance_id=alone.get(volume.id)) for volume in singles))


def _alone(world: World) -> Mapping[str, str]:
    """Return volume id -> instance id of the volumes that are the only one of their instance."""
    count = Counter(instance_id for volume in world.volumes for instance_id in volume.instance_ids)
    instance_of = {volume.id: volume.sole_instance_id for volume in world.volumes}
    return {volume_id: i for volume_id, i in instance_of.items() if i and count[i] == 1}


def _obstacle(each: InstanceSet, root_devices: Mapping[str, str]) -> str | None:
    """Return why the volumes of a set must go one by one, if they must."""
    if each.others and each.instance_id not in root_devices:
        return f"one by one: the root device of {each.instance_id} is unknown"
    _, data = _excluded(each, root_devices)
    if len(data) > MAX_EXCLUDED_DATA_VOLUMES:
        return f"one by one: {each.instance_id} has {len(data)} other volumes, more than a set can exclude"
    return None


def _create_set(each: InstanceSet, root_devices: Mapping[str, str]) -> Create:
    boot, data = _excluded(each, root_devices)
    return Create(
        volumes=each.volumes,
        reason=f"{len(each.volumes)} volumes of {each.instance_id}, crash-consistent",
        instance_id=each.instance_id,
        exclude_boot_volume=boot,
        exclude_data_volume_ids=data,
    )


def _excluded(each: InstanceSet, root_devices: Mapping[str, str]) -> tuple[bool, tuple[str, ...]]:
    """Return whether a set leaves out the boot volume, and which data volumes."""
    root = (each.instance_id, root_devices.get(each.instance_id))
    boot = {v.id for v in each.others if root in [(a.instance_id, a.device) for a in v.attachments]}
    return bool(boot), tuple(sorted(v.id for v in each.others if v.id not in boot))


def _completions(world: World, policy: Policy, *, but: Collection[str]) -> tuple[Tag, ...]:
    if not policy.multi_volume_snapshots:
        return ()  # without sets the role may tag nothing that is there already
    volumes = {volume.id: volume for volume in world.volumes}
    marks = {policy_tag(policy), (tag_key(policy, "Region"), world.region)}
    return tuple(
        completion(policy, snapshot, volumes.get(snapshot.volume_id))
        for snapshot in sorted(world.snapshots, key=lambda s: s.id)
        if marks <= snapshot.tags.items()
        and _lacks_tags(policy, snapshot, volumes)
        and snapshot.state != "error"
        and snapshot.id not in but
    )


def _lacks_tags(policy: Policy, snapshot: Snapshot, volumes: Mapping[str, Volume]) -> bool:
    """Tell whether a snapshot has not the tags of its own volume.

    Those of a set have them to come. One can also bear another volume's, if its volume was attached to an instance
    just before the only one there was snapshotted as a set of one. A copy is of no volume that exists.
    """
    tagged = snapshot.tags.get(tag_key(policy, "VolumeId"))
    return tagged == PENDING or (tagged != snapshot.volume_id and snapshot.volume_id in volumes)


def _verdicts(
    world: World, policy: Policy, run_id: str, at: datetime
) -> tuple[tuple[Verdict, ...], tuple[Verdict, ...]]:
    """Judge every snapshot of this deployment, first the run's own, and no other, if there is a retention at all.

    A copy that somebody made, tags and all, is not the deployment's: it comes from another region, or EC2 does not
    know it as a snapshot of the volume that its tag names.

    The run's own snapshots stay, and count for nothing yet: what is due is what was due when the run began, however
    many attempts it takes and whichever of its snapshots are completed by then. Or the brake would judge each anew.
    """
    if not policy.retention.rules:
        return (), ()
    exists = {volume.id for volume in world.volumes} | world.other_volume_ids
    marks = {policy_tag(policy), (tag_key(policy, "Region"), world.region)}
    key = tag_key(policy, "VolumeId")
    owned = [s for s in world.snapshots if marks <= s.tags.items() and s.tags.get(key) in (s.volume_id, PENDING)]
    ours = {s.id: s for s in _made_by_run(owned, policy, run_id)}
    others = [s for s in owned if s.id not in ours]
    verdicts: list[Verdict] = []
    for volume_id, snapshots in by_volume(others, key).items():
        days = None if volume_id in exists else policy.orphan_retention_days
        verdicts += judge_orphan(snapshots, policy.retention, days=days, at=at)
    own = tuple(Verdict(s, keep=True, reasons=("of this run",)) for s in ours.values())
    return own, tuple(_spare_archived(verdict) for verdict in verdicts)


def _spare_archived(verdict: Verdict) -> Verdict:
    """Keep what is archived: EC2 bills at least 90 days of it, and only who archived it knows since when.

    https://docs.aws.amazon.com/ebs/latest/userguide/snapshot-archive-pricing.html
    """
    if verdict.keep or verdict.snapshot.storage_tier == "standard":
        return verdict
    return replace(verdict, keep=True, reasons=(f"in the {verdict.snapshot.storage_tier} tier",))


def _brake(policy: Policy, verdicts: Collection[Verdict]) -> str | None:
    """Return why a run must not delete so many snapshots at once, if so; from one in error nothing can be restored."""
    deletions = sum(not verdict.keep and verdict.snapshot.state != "error" for verdict in verdicts)
    would = f"would delete {deletions} of {len(verdicts)} snapshots, more than"
    if deletions > policy.max_deletions_per_run:
        return f"{would} max_deletions_per_run = {policy.max_deletions_per_run}"
    if deletions > FEW_DELETIONS and deletions * 100 > len(verdicts) * policy.max_deletions_percent:
        return f"{would} max_deletions_percent = {policy.max_deletions_percent}"
    return None
