"""The actions that make, change and remove snapshots, under the rules by which EC2 refuses them.

Where the exact answer of AWS could not be found in its documentation, the function says that it is not
verified.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sandbox.ec2 import tags
from sandbox.ec2.errors import Ec2Error
from sandbox.ec2.model import EVERYONE, Snapshot, Volume, new_id
from sandbox.ec2.views import created_view
from sandbox.ec2.world import Answer, Parameters, Request, World

LONGEST_DESCRIPTION: Final = 255
MOST_VOLUMES: Final = 128
MOST_EXCLUDED: Final = 40
VOLUME_OF_COPIES: Final = "vol-ffffffff"


def create_snapshot(world: World, request: Request) -> Answer:
    """Start a snapshot of one volume."""
    volume = request.volume(request.parameters["VolumeId"])
    (snapshot,) = _started(world, request, [volume], tags.specified(request.parameters))
    return created_view(snapshot)


def create_snapshots(world: World, request: Request) -> Answer:
    """Start a crash-consistent set of snapshots of one instance's volumes.

    All or nothing: what forbids the snapshot of one volume refuses the set, and if one snapshot fails later all do. All
    get the same tags; CopyTagsFromSource adds those of each volume that are not AWS's own (not verified: a tag of the
    call wins over one of the volume, and more than fifty together refuse the set).
    """
    volumes = included_volumes(request)
    copies = request.parameters.get("CopyTagsFromSource")
    if copies not in (None, "volume"):
        raise Ec2Error("InvalidParameterValue", f"Value ( {copies} ) for parameter CopyTagsFromSource is invalid.")
    specified = tags.specified(request.parameters)
    snapshots = _started(world, request, volumes, specified, copy_tags=copies == "volume")
    return {"Snapshots": [created_view(snapshot) for snapshot in snapshots]}


def included_volumes(request: Request) -> list[Volume]:
    """List the volumes of a CreateSnapshots call.

    The root volume cannot be among ExcludeDataVolumeIds, which take at most 40; a set has at most 128
    volumes. The codes of these refusals are not verified.
    """
    specification = request.parameters["InstanceSpecification"]
    instance = request.instance(specification["InstanceId"])
    attached = {volume.id: volume for volume in request.region.volumes_of(instance.id)}
    roots = {v.id for v in attached.values() if (instance.id, instance.root_device) in _places(v)}
    excluded = specification.get("ExcludeDataVolumeIds", ())
    _check_exclusions(excluded, roots, attached)
    left_out = {*excluded, *(roots if specification.get("ExcludeBootVolume") else ())}
    included = [volume for volume in attached.values() if volume.id not in left_out]
    if not 1 <= len(included) <= MOST_VOLUMES:
        message = f"A set takes 1 to {MOST_VOLUMES} volumes, not the {len(included)} of {instance.id}."
        raise Ec2Error("InvalidParameterValue", message)
    return included


def _places(volume: Volume) -> set[tuple[str | None, str | None]]:
    return {(attachment.instance_id, attachment.device) for attachment in volume.attachments}


def _check_exclusions(excluded: Sequence[str], roots: set[str], attached: Mapping[str, Volume]) -> None:
    if len(excluded) > MOST_EXCLUDED:
        message = f"You can exclude up to {MOST_EXCLUDED} data volumes per request."
        raise Ec2Error("InvalidParameterValue", message)
    for volume_id in excluded:
        if volume_id in roots:
            raise Ec2Error("InvalidParameterValue", f"{volume_id} is the root volume; use ExcludeBootVolume.")
        if volume_id not in attached:
            raise Ec2Error("InvalidParameterValue", f"{volume_id} is not attached to the instance.")


def _started(
    world: World,
    request: Request,
    volumes: Iterable[Volume],
    specified: dict[str, str],
    *,
    copy_tags: bool = False,
) -> list[Snapshot]:
    """Start snapshots of all volumes, or of none."""
    chosen = list(volumes)
    description = _described(request.parameters)
    locations = {volume.id: _location(request.parameters, volume) for volume in chosen}
    _check_quotas(world, request, len(chosen))
    for volume in chosen:
        _check_volume(world, request, volume, locations[volume.id])
    snapshots = [
        replace(
            _snapshot_of(world, request, volume),
            description=description,
            tags=tags.within_limit(_copied(volume) | specified if copy_tags else specified),
            local_zone=locations[volume.id],
        )
        for volume in chosen
    ]
    request.region.add(*snapshots)
    return snapshots


def _snapshot_of(world: World, request: Request, volume: Volume) -> Snapshot:
    return Snapshot(
        id=new_id("snap"),
        volume_id=volume.id,
        started=request.at,
        completes=request.after(world.pending_seconds),
        size=volume.size,
        owner=world.account,
        encrypted=volume.encrypted,
        kms_key_id=volume.kms_key_id,
        fails=request.snapshots_fail,
        outpost_arn=request.parameters.get("OutpostArn"),
        visible_from=request.after(world.visible_after_seconds),
    )


def _copied(volume: Volume) -> dict[str, str]:
    return {key: value for key, value in volume.tags.items() if not tags.reserved(key)}


def _described(parameters: Parameters) -> str:
    description: str = parameters.get("Description", "")
    if len(description) > LONGEST_DESCRIPTION:
        message = f"Value for parameter description is invalid. Length exceeds maximum of {LONGEST_DESCRIPTION}."
        raise Ec2Error("InvalidParameterValue", message)
    return description


def _location(parameters: Parameters, volume: Volume) -> str | None:
    """Name the Local Zone that a snapshot is kept in, None for the region.

    Location is for volumes in Local Zones only, OutpostArn for volumes on that Outpost; the codes are not
    verified.
    """
    location, outpost = parameters.get("Location"), parameters.get("OutpostArn")
    if location and not volume.in_local_zone:
        raise Ec2Error("InvalidParameterValue", "Location is only supported for volumes in Local Zones.")
    if outpost and outpost != volume.outpost_arn:
        raise Ec2Error("InvalidParameterValue", f"The volume {volume.id} is not on the Outpost {outpost}.")
    return volume.zone if location == "local" else None


def _check_quotas(world: World, request: Request, more: int) -> None:
    """Refuse what would exceed the region's quotas.

    Deleted snapshots count no longer, pending ones count against both.
    """
    quotas = world.quotas
    if len(request.region.snapshots) + more > quotas.snapshots:
        own = sum(snapshot.owner == world.account for snapshot in request.existing_snapshots())
        if own + more > quotas.snapshots:
            raise Ec2Error("SnapshotLimitExceeded", "Maximum allowed snapshots exceeded for account.")
    if quotas.pending is not None:
        pending = sum(s.state(request.at) == "pending" for s in request.existing_snapshots())
        if pending + more > quotas.pending:
            raise Ec2Error("PendingSnapshotLimitExceeded", "Pending snapshots limit exceeded.")


def _check_volume(world: World, request: Request, volume: Volume, location: str | None) -> None:
    """Refuse a snapshot that the volume's state or its latest snapshots forbid.

    At least 15 seconds must lie between two snapshots of a volume (not verified: also once the first is completed).
    Snapshots in `error` count as concurrent. After one in the Local Zone all must be there, after one in the region all
    in the region (code not verified).
    """
    if volume.state not in ("available", "in-use"):
        message = f"The volume '{volume.id}' is not in a state that can be snapshotted: {volume.state}."
        raise Ec2Error("IncorrectState", message)
    earlier = [s for s in request.region.snapshots_of(volume.id) if s.exists(request.at) and not s.is_copy]
    if earlier:
        _check_pace(world, request, volume, earlier)
        if earlier[-1].local_zone != location:
            message = f"The latest snapshot of {volume.id} is not in the same place: local or regional."
            raise Ec2Error("InvalidParameterCombination", message)


def _check_pace(world: World, request: Request, volume: Volume, earlier: list[Snapshot]) -> None:
    quotas = world.quotas
    if (request.at - earlier[-1].started).total_seconds() < quotas.seconds_between_snapshots:
        message = (
            "The maximum per volume CreateSnapshot request rate has been exceeded. "
            "Use an increasing or variable sleep interval between requests."
        )
        raise Ec2Error("SnapshotCreationPerVolumeRateExceeded", message)
    unfinished = sum(s.state(request.at) != "completed" for s in earlier)
    if unfinished >= quotas.concurrent_for(volume.type):
        message = f"Maximum allowed in-progress snapshots for a single volume exceeded: {volume.id}."
        raise Ec2Error("ConcurrentSnapshotLimitExceeded", message)


def copy_snapshot(world: World, request: Request) -> Answer:
    """Start a copy from another region, or from the same one.

    The copy's volume id is arbitrary and it inherits no tags; one of an encrypted snapshot is encrypted, with
    the destination's default key unless another is named.
    """
    asked = request.parameters
    source_region = world.regions.get(asked["SourceRegion"])
    if source_region is None:
        raise Ec2Error("InvalidParameterValue", f"Invalid source region: {asked['SourceRegion']}")
    source = replace(request, region=source_region).snapshot(asked["SourceSnapshotId"], world.account)
    if source.state(request.at) != "completed":
        raise Ec2Error("IncorrectState", f"The snapshot '{source.id}' is not completed.")
    _check_quotas(world, request, 1)
    _check_copies(world, request)
    copy = _copy_of(world, request, source)
    request.region.add(copy)
    return {"SnapshotId": copy.id, "Tags": tags.listed(copy.tags)}


def _check_copies(world: World, request: Request) -> None:
    running = sum(s.is_copy and s.state(request.at) == "pending" for s in request.existing_snapshots())
    if running >= world.quotas.copies:
        raise Ec2Error("ResourceLimitExceeded", "Too many snapshot copies in progress.")


def _copy_of(world: World, request: Request, source: Snapshot) -> Snapshot:
    key = request.parameters.get("KmsKeyId")
    encrypted = source.encrypted or key is not None or bool(request.parameters.get("Encrypted"))
    default_key = f"arn:aws:kms:{request.region.name}:{world.account}:alias/aws/ebs"
    return Snapshot(
        id=new_id("snap"),
        volume_id=VOLUME_OF_COPIES,
        started=request.at,
        completes=request.after(world.pending_seconds),
        size=source.size,
        owner=world.account,
        description=_described(request.parameters),
        encrypted=encrypted,
        kms_key_id=(key or default_key) if encrypted else None,
        tags=tags.specified(request.parameters),
        fails=request.snapshots_fail,
        is_copy=True,
        visible_from=request.after(world.visible_after_seconds),
    )


def delete_snapshot(world: World, request: Request) -> Answer:
    """Remove a snapshot, unless an image, a lock, AWS Backup or another owner holds it.

    One that is pending goes only when it would have completed. The codes for a locked and for a foreign one
    are not verified.
    """
    snapshot = request.snapshot(request.parameters["SnapshotId"], world.account)
    _check_deletable(world, snapshot)
    if snapshot.state(request.at) == "pending":
        request.region.add(replace(snapshot, gone_from=snapshot.completes))
    else:
        request.region.remove(snapshot.id)
    return {}


def _check_deletable(world: World, snapshot: Snapshot) -> None:
    if snapshot.owner != world.account:
        raise Ec2Error("AuthFailure", f"Not authorized for snapshot {snapshot.id}")
    if snapshot.image_id:
        message = f"The snapshot {snapshot.id} is currently in use by {snapshot.image_id}"
        raise Ec2Error("InvalidSnapshot.InUse", message)
    if snapshot.managed_by_backup:
        message = "This snapshot is managed by the AWS Backup service and cannot be deleted via EC2 APIs."
        raise Ec2Error("InvalidParameterValue", message)
    if snapshot.locked:
        raise Ec2Error("OperationNotPermitted", f"The snapshot {snapshot.id} is locked and cannot be deleted.")


def describe_snapshot_attribute(world: World, request: Request) -> Answer:
    """Tell with whom a snapshot is shared."""
    snapshot = request.snapshot(request.parameters["SnapshotId"], world.account)
    _check_attribute(request.parameters)
    shared = sorted(snapshot.shared_with)
    permissions = [{"Group": who} if who == EVERYONE else {"UserId": who} for who in shared]
    return {"SnapshotId": snapshot.id, "CreateVolumePermissions": permissions}


def modify_snapshot_attribute(world: World, request: Request) -> Answer:
    """Share a snapshot with accounts or everyone, or stop sharing it."""
    snapshot = request.snapshot(request.parameters["SnapshotId"], world.account)
    _check_attribute(request.parameters)
    added, removed = _permission_changes(request.parameters)
    request.region.add(replace(snapshot, shared_with=snapshot.shared_with - removed | added))
    return {}


def _check_attribute(parameters: Parameters) -> None:
    if parameters.get("Attribute", "createVolumePermission") != "createVolumePermission":
        raise Ec2Error("InvalidParameterValue", f"The attribute {parameters['Attribute']} is not simulated.")


def _permission_changes(parameters: Parameters) -> tuple[set[str], set[str]]:
    """Read whom a call adds and removes, in either of the two forms that EC2 takes."""
    change = parameters.get("CreateVolumePermission", {})
    added, removed = _grantees(change.get("Add", ())), _grantees(change.get("Remove", ()))
    named = {*parameters.get("UserIds", ()), *parameters.get("GroupNames", ())}
    if parameters.get("OperationType") == "remove":
        return added, removed | named
    return added | named, removed


def _grantees(permissions: Iterable[Mapping[str, Any]]) -> set[str]:
    return {p.get("UserId") or p["Group"] for p in permissions}
