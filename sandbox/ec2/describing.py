"""The describe actions: which resources a caller sees, and in pages of which size."""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from sandbox.ec2 import filters
from sandbox.ec2.errors import Ec2Error
from sandbox.ec2.model import Instance, Region, Resource, Snapshot
from sandbox.ec2.views import region_view, reservation_view, snapshot_view, volume_view
from sandbox.ec2.world import Answer, Parameters, Request, World

SMALLEST_PAGE: Final = 5
LARGEST_PAGE: Final = 1000

R = TypeVar("R", bound=Resource)


def describe_regions(world: World, request: Request) -> Answer:
    """List regions: the enabled ones, unless all are asked for or some are named."""
    asked = request.parameters
    names = asked.get("RegionNames", ())
    if unknown := [name for name in names if name not in world.regions]:
        raise Ec2Error("InvalidParameterValue", f"Invalid values found for regionName: {', '.join(unknown)}")
    everywhere = asked.get("AllRegions") or names
    matches = filters.matching(asked.get("Filters", ()), filters.REGION)
    found = [
        region
        for region in world.regions.values()
        if (everywhere or region.opt_in_status != "not-opted-in")
        and (not names or region.name in names)
        and matches(region)
    ]
    return {"Regions": [region_view(region) for region in found]}


def describe_volumes(_: World, request: Request) -> Answer:
    """List volumes."""
    ids = request.parameters.get("VolumeIds", ())
    candidates = [request.volume(i) for i in ids] or list(request.region.volumes.values())
    matches = filters.matching_tags(request.parameters.get("Filters", ()), filters.VOLUME)
    page, token = _page(candidates, matches, request, ids)
    return {"Volumes": [volume_view(volume) for volume in page], "NextToken": token}


def describe_instances(_: World, request: Request) -> Answer:
    """List instances, each in a reservation of its own."""
    ids = request.parameters.get("InstanceIds", ())
    candidates = [request.instance(i) for i in ids] or list(request.region.instances.values())
    known = filters.of_instances(request.region)
    matches = filters.matching_tags(request.parameters.get("Filters", ()), known)
    page, token = _page(candidates, matches, request, ids)
    return {"Reservations": [_reservation(request.region, instance) for instance in page], "NextToken": token}


def _reservation(region: Region, instance: Instance) -> Answer:
    return reservation_view(instance, region.volumes_of(instance.id))


def describe_snapshots(world: World, request: Request) -> Answer:
    """List the snapshots a caller may restore.

    Without OwnerIds that includes every public snapshot of other accounts. A snapshot that exists but may not
    be seen is left out even when it is asked for by its id; an id that does not exist, or not yet visibly, is an error.
    """
    ids = request.parameters.get("SnapshotIds", ())
    candidates = [request.visible_snapshot(i) for i in ids] or [*request.visible_snapshots(), *world.public_snapshots]
    known = filters.of_snapshots(request.at)
    passes = filters.matching_tags(request.parameters.get("Filters", ()), known)
    owned = _owner_test(request.parameters, world.account)

    def matches(snapshot: Snapshot) -> bool:
        return snapshot.restorable_by(world.account) and owned(snapshot) and passes(snapshot)

    page, token = _page(candidates, matches, request, ids)
    return {"Snapshots": [snapshot_view(s, request.at) for s in page], "NextToken": token}


def _owner_test(asked: Parameters, account: str) -> Callable[[Snapshot], bool]:
    owners = {account if owner == "self" else owner for owner in asked.get("OwnerIds", ())}
    restorers = {account if user == "self" else user for user in asked.get("RestorableByUserIds", ())}

    def accepted(snapshot: Snapshot) -> bool:
        by_owner = not owners or snapshot.owner in owners or snapshot.owner_alias in owners
        return by_owner and (not restorers or any(map(snapshot.restorable_by, restorers)))

    return accepted


def _page(
    candidates: Iterable[R], matches: Callable[[R], bool], request: Request, ids: Sequence[str]
) -> tuple[list[R], str | None]:
    """Cut a page out of the matching resources, in the order of their ids.

    MaxResults must be at least 5, counts as 1000 above that, and cannot go with ids. A token stays good when
    resources come and go between two pages.
    """
    size, token = request.parameters.get("MaxResults"), request.parameters.get("NextToken")
    if size is not None and ids:
        message = "The parameter maxResults cannot be used with resource ids in the same request"
        raise Ec2Error("InvalidParameterCombination", message)
    if size is not None and size < SMALLEST_PAGE:
        message = f"Value ( {size} ) for parameter maxResults is invalid. It must be at least {SMALLEST_PAGE}."
        raise Ec2Error("InvalidParameterValue", message)
    after = _opened(token, request.action) if token else ""
    found = sorted((c for c in candidates if c.id > after and matches(c)), key=lambda c: c.id)
    if size is None and not token:
        return found, None
    page = found[: min(size or LARGEST_PAGE, LARGEST_PAGE)]
    return page, _sealed(page[-1].id, request.action) if len(page) < len(found) else None


def _sealed(last_id: str, action: str) -> str:
    return base64.urlsafe_b64encode(f"{action}/{last_id}".encode()).decode()


def _opened(token: str, action: str) -> str:
    try:
        made_for, _, last_id = base64.urlsafe_b64decode(token).decode().partition("/")
    except (binascii.Error, UnicodeDecodeError):
        made_for = last_id = ""
    if made_for != action or not last_id:
        raise Ec2Error("InvalidPaginationToken", "The specified pagination token is not valid or is expired.")
    return last_id
