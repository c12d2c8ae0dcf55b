"""What the actions work on: one account's regions and settings, and one request to them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.ec2.errors import Ec2Error
from sandbox.ec2.geography import ALWAYS_ENABLED, OPT_IN
from sandbox.ec2.limits import Quotas
from sandbox.ec2.model import ACCOUNT, EVERYONE, LONG_AGO, Instance, Region, Snapshot, Volume

Parameters = Mapping[str, Any]
"""A call's parameters under the names and with the types that boto3 gives them."""
Answer = dict[str, Any]


def regions() -> dict[str, Region]:
    """Make every commercial region; those that must be asked for are not enabled."""
    enabled = {name: Region(name) for name in ALWAYS_ENABLED}
    return enabled | {name: Region(name, "not-opted-in") for name in OPT_IN}


def public_snapshots() -> list[Snapshot]:
    """Make snapshots that other accounts share with everyone: of many thousands, enough to be noticed."""
    return [
        Snapshot(f"snap-public{n}", "vol-ffffffff", LONG_AGO, LONG_AGO, owner=owner, shared_with=frozenset({EVERYONE}))
        for n, owner in enumerate(("210987654321", "310987654321", "410987654321"))
    ]


@dataclass(slots=True)
class World:
    """An account's EC2 in all regions; the public snapshots of others are the same everywhere.

    `pending_seconds` is how long a snapshot stays pending, `visible_after_seconds` how long EC2's eventual
    consistency hides a new one from DescribeSnapshots.
    """

    account: str = ACCOUNT
    regions: dict[str, Region] = field(default_factory=regions)
    public_snapshots: list[Snapshot] = field(default_factory=public_snapshots)
    quotas: Quotas = field(default_factory=Quotas)
    pending_seconds: float = 1.0
    visible_after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Request:
    """One call: who wants what, where and when.

    `snapshots_fail` is a fault that lies in wait: the snapshots this call creates end in the state `error`.
    """

    action: str
    parameters: Parameters
    region: Region
    principal: str
    at: datetime
    snapshots_fail: bool = False

    def after(self, seconds: float) -> datetime:
        """Tell the time some seconds after the request."""
        return self.at + timedelta(seconds=seconds)

    def existing_snapshots(self) -> Iterator[Snapshot]:
        """Go through the snapshots that are there at the time of the request."""
        return (s for s in list(self.region.snapshots.values()) if s.exists(self.at))

    def visible_snapshots(self) -> Iterator[Snapshot]:
        """Go through the snapshots that describe calls show by now."""
        return (snapshot for snapshot in self.existing_snapshots() if snapshot.visible_from <= self.at)

    def volume(self, volume_id: str) -> Volume:
        """Find a volume, or refuse as EC2 does."""
        if found := self.region.volumes.get(_well_formed(volume_id, "vol-", "InvalidVolumeID.Malformed")):
            return found
        raise Ec2Error("InvalidVolume.NotFound", f"The volume '{volume_id}' does not exist.")

    def instance(self, instance_id: str) -> Instance:
        """Find an instance, or refuse as EC2 does."""
        if found := self.region.instances.get(_well_formed(instance_id, "i-", "InvalidInstanceID.Malformed")):
            return found
        raise Ec2Error("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")

    def snapshot(self, snapshot_id: str, account: str) -> Snapshot:
        """Find a snapshot that an account may see, or refuse as EC2 does."""
        if (found := self.any_snapshot(snapshot_id)).restorable_by(account):
            return found
        raise _no_snapshot(snapshot_id)

    def any_snapshot(self, snapshot_id: str) -> Snapshot:
        """Find a snapshot whoever may see it, or refuse as EC2 does."""
        found = self.region.snapshots.get(_well_formed(snapshot_id, "snap-", "InvalidSnapshotID.Malformed"))
        if found and found.exists(self.at):
            return found
        raise _no_snapshot(snapshot_id)

    def visible_snapshot(self, snapshot_id: str) -> Snapshot:
        """Find a snapshot that describe calls show by now, or refuse as EC2 does."""
        if (found := self.any_snapshot(snapshot_id)).visible_from <= self.at:
            return found
        raise _no_snapshot(snapshot_id)


def _no_snapshot(snapshot_id: str) -> Ec2Error:
    return Ec2Error("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")


def _well_formed(resource_id: str, prefix: str, code: str) -> str:
    """Check an id's kind; any word may follow the prefix here, so that estates can use names people read."""
    if not resource_id.startswith(prefix):
        raise Ec2Error(code, f'Invalid id: "{resource_id}" (expecting "{prefix}...")')
    return resource_id
