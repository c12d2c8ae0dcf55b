"""What an account holds in EC2: regions with volumes, instances and snapshots, as values.

A change replaces a value by another, so whoever read one never sees it half changed. Rules and wording of the
API are not here.
"""

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

ACCOUNT: Final = "123456789012"
EVERYONE: Final = "all"
"""The group that a public snapshot is shared with."""
LONG_AGO: Final = datetime(2026, 1, 1, tzinfo=UTC)
_ZONE: Final = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d+[a-z]")


def new_id(prefix: str) -> str:
    """Make an id in the form of EC2's: a prefix and seventeen hexadecimal digits."""
    return f"{prefix}-0{uuid4().hex[:16]}"


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where a volume is attached.

    One that AWS manages for a service has neither instance nor device but names the owning service.
    """

    instance_id: str | None
    device: str | None
    state: str = "attached"
    since: datetime = LONG_AGO
    delete_on_termination: bool = False
    owning_service: str | None = None


@dataclass(frozen=True, slots=True)
class Volume:
    """An EBS volume."""

    id: str
    zone: str
    size: int = 8
    type: str = "gp3"
    iops: int | None = None
    throughput: int | None = None
    encrypted: bool = False
    kms_key_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    attachments: tuple[Attachment, ...] = ()
    multi_attach: bool = False
    outpost_arn: str | None = None
    managed_by: str | None = None
    lifecycle: str | None = None
    created: datetime = LONG_AGO

    @property
    def state(self) -> str:
        """Name the state: `lifecycle` where the world sets it, otherwise what the attachments imply."""
        return self.lifecycle or ("in-use" if self.attachments else "available")

    @property
    def in_local_zone(self) -> bool:
        """Tell whether the zone is a Local Zone: its name is longer, as in `us-west-2-lax-1a`."""
        return _ZONE.fullmatch(self.zone) is None


@dataclass(frozen=True, slots=True)
class Instance:
    """An EC2 instance."""

    id: str
    zone: str
    state: str = "running"
    root_device: str = "/dev/xvda"
    type: str = "t3.micro"
    tags: Mapping[str, str] = field(default_factory=dict)
    launched: datetime = LONG_AGO


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An EBS snapshot."""

    id: str
    volume_id: str
    started: datetime
    completes: datetime
    size: int = 8
    owner: str = ACCOUNT
    owner_alias: str | None = None
    description: str = ""
    encrypted: bool = False
    kms_key_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    fails: bool = False
    tier: str = "standard"
    local_zone: str | None = None
    outpost_arn: str | None = None
    is_copy: bool = False
    image_id: str | None = None
    locked: bool = False
    managed_by_backup: bool = False
    shared_with: frozenset[str] = frozenset()
    visible_from: datetime = LONG_AGO
    gone_from: datetime | None = None

    def state(self, now: datetime) -> str:
        """Name the state at this time."""
        if now < self.completes:
            return "pending"
        return "error" if self.fails else "completed"

    def progress(self, now: datetime) -> str:
        """Say how much is stored; a snapshot that is not completed never says 100 %."""
        if now >= self.completes:
            return "0%" if self.fails else "100%"
        share = (now - self.started) / (self.completes - self.started)
        return f"{min(99, int(100 * share))}%"

    def exists(self, now: datetime) -> bool:
        """Tell whether it is still there: one deleted while pending stays until it would have completed."""
        return self.gone_from is None or now < self.gone_from

    def restorable_by(self, account: str) -> bool:
        """Tell whether an account may see it and create volumes from it."""
        return self.owner == account or not self.shared_with.isdisjoint((account, EVERYONE))


Resource = Volume | Instance | Snapshot


class Region:
    """One region's resources: read them through the three mappings, change them by `add` and `remove`."""

    def __init__(self, name: str, opt_in_status: str = "opt-in-not-required") -> None:
        self.name = name
        self.opt_in_status = opt_in_status
        self.denied = False
        """Whether a service control policy of the organisation denies this region."""
        self.lock = threading.RLock()
        self._volumes: dict[str, Volume] = {}
        self._instances: dict[str, Instance] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._volumes_of: dict[str, set[str]] = {}
        self._snapshots_of: dict[str, set[str]] = {}

    @property
    def volumes(self) -> Mapping[str, Volume]:
        """The volumes by id."""
        return self._volumes

    @property
    def instances(self) -> Mapping[str, Instance]:
        """The instances by id."""
        return self._instances

    @property
    def snapshots(self) -> Mapping[str, Snapshot]:
        """The snapshots by id, foreign ones among them."""
        return self._snapshots

    def add(self, *resources: Resource) -> None:
        """Put resources in, each replacing the one that has its id."""
        with self.lock:
            for resource in resources:
                self.remove(resource.id)
                self._insert(resource)

    def _insert(self, resource: Resource) -> None:
        if isinstance(resource, Volume):
            self._volumes[resource.id] = resource
            for instance_id in _instances_of(resource):
                self._volumes_of.setdefault(instance_id, set()).add(resource.id)
        elif isinstance(resource, Snapshot):
            self._snapshots[resource.id] = resource
            self._snapshots_of.setdefault(resource.volume_id, set()).add(resource.id)
        else:
            self._instances[resource.id] = resource

    def remove(self, resource_id: str) -> None:
        """Take a resource out; one that is not there needs nothing."""
        with self.lock:
            if volume := self._volumes.pop(resource_id, None):
                for instance_id in _instances_of(volume):
                    self._volumes_of[instance_id].discard(volume.id)
            elif snapshot := self._snapshots.pop(resource_id, None):
                self._snapshots_of[snapshot.volume_id].discard(snapshot.id)
            else:
                self._instances.pop(resource_id, None)

    def find(self, resource_id: str) -> Resource | None:
        """Look a resource of any kind up."""
        return self._volumes.get(resource_id) or self._snapshots.get(resource_id) or self._instances.get(resource_id)

    def volumes_of(self, instance_id: str) -> list[Volume]:
        """List the volumes attached to an instance."""
        return [self._volumes[i] for i in sorted(self._volumes_of.get(instance_id, ()))]

    def snapshots_of(self, volume_id: str) -> list[Snapshot]:
        """List the snapshots of a volume, oldest first."""
        found = (self._snapshots[i] for i in self._snapshots_of.get(volume_id, ()))
        return sorted(found, key=lambda snapshot: snapshot.started)


def _instances_of(volume: Volume) -> Iterator[str]:
    return (a.instance_id for a in volume.attachments if a.instance_id)
