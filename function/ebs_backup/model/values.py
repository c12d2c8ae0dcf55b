"""The words of the job as values: what a region holds, what is to be done, what came of it.

Knows nothing of AWS calls, of the clock or of the environment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ebs_backup.model.origin import Origin


@dataclass(frozen=True, slots=True)
class Attachment:
    """Where a volume is attached; both are None for attachments that an AWS service manages."""

    instance_id: str | None
    device: str | None


@dataclass(frozen=True, slots=True)
class Volume:
    """An EBS volume in use, with what a restore needs once it is gone."""

    id: str
    availability_zone: str
    type: str
    size_gib: int
    iops: int | None = None
    throughput_mibps: int | None = None
    attachments: tuple[Attachment, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None

    @property
    def instance_ids(self) -> tuple[str, ...]:
        """The instances it is attached to: several for a multi-attach volume, none for a managed one."""
        return tuple(a.instance_id for a in self.attachments if a.instance_id)

    @property
    def sole_instance_id(self) -> str | None:
        """The one instance it is attached to, or None if there is not exactly one attachment."""
        return self.attachments[0].instance_id if len(self.attachments) == 1 else None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot; its origin is what its description says of its making."""

    id: str
    volume_id: str
    started_at: datetime
    state: str
    size_gib: int
    tags: Mapping[str, str] = field(default_factory=dict)
    storage_tier: str = "standard"
    origin: Origin | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class World:
    """The content of one region, as far as the new snapshots depend on it.

    `volumes` are those in use; `snapshots` those of the run, and those that still lack the tags of their own volume.
    """

    region: str
    volumes: tuple[Volume, ...]
    snapshots: tuple[Snapshot, ...]
    root_devices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """All snapshots of the deployment in one region, and the volumes that exist there, as far as it matters.

    `newest` says of volumes that are gone when their newest snapshot was started, whoever made it.
    """

    region: str
    snapshots: tuple[Snapshot, ...]
    volume_ids: frozenset[str] = frozenset()
    newest: Mapping[str, datetime] = field(default_factory=dict)


CREATING = ("CreateSnapshot", "CreateSnapshots")


@dataclass(frozen=True, slots=True)
class Create:
    """Snapshot one volume, or several of one instance as one crash-consistent set.

    A single volume can have an instance id too: then it can be snapshotted as a set of one. `boot_volume_id` is the
    instance's boot volume if it is to be left out.
    """

    volumes: tuple[Volume, ...]
    reason: str
    instead_of_set: bool = False  # a single volume of an instance whose volumes should have made a set
    instance_id: str | None = None
    boot_volume_id: str | None = None
    exclude_data_volume_ids: tuple[str, ...] = ()

    @property
    def is_set(self) -> bool:
        """True if its volumes are to be snapshotted together."""
        return len(self.volumes) > 1

    @property
    def operations(self) -> tuple[str, ...]:
        """The EC2 operations each of which can carry it out, the first one by preference."""
        single, together = CREATING
        if self.is_set:
            return (together,)
        return CREATING if self.instance_id else (single,)

    @property
    def operation(self) -> str:
        """The EC2 operation that is to carry it out."""
        return self.operations[0]


@dataclass(frozen=True, slots=True)
class Tag:
    """Give a snapshot the tags that could not be part of its creation."""

    snapshot_id: str
    volume_id: str
    tags: Mapping[str, str]
    reason: str

    operation = "CreateTags"
    operations = (operation,)


@dataclass(frozen=True, slots=True)
class Announce:
    """Mark a snapshot with the time after which it may be deleted; None withdraws the mark."""

    snapshot_id: str
    volume_id: str
    reason: str
    delete_after: datetime | None

    operation = "CreateTags"
    operations = (operation,)


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a snapshot that was announced, and that no rule of the retention keeps."""

    snapshot_id: str
    volume_id: str
    reason: str

    operation = "DeleteSnapshot"
    operations = (operation,)


Action = Create | Tag | Announce | Delete


@dataclass(frozen=True, slots=True)
class Skip:
    """A volume that is left alone, and why."""

    volume_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement on a snapshot: it stays or is due, and why; one that is due goes after a time, if announced."""

    snapshot: Snapshot
    keep: bool
    reasons: tuple[str, ...]
    delete_after: datetime | None = None
    gone: bool = False  # due only since its volume no longer exists


@dataclass(frozen=True, slots=True)
class Plan:
    """The work of one run in one region; without any actions when the world is already as it should be.

    Its deletions come second: `verdicts` are those on every snapshot of the deployment, where there is a retention;
    `brake` says why none of those that may go is deleted in this run.
    """

    region: str
    selected: int
    actions: tuple[Action, ...] = ()
    already_there: Mapping[str, str] = field(default_factory=dict)
    skipped: tuple[Skip, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    brake: str | None = None


class Status(StrEnum):
    """How an action ended for a volume."""

    CREATED = "created"
    ALREADY_THERE = "already_there"
    TAGGED = "tagged"
    DELETED = "deleted"
    ANNOUNCED = "announced"
    WITHDRAWN = "withdrawn"
    KEPT = "kept"  # a snapshot that was to be deleted, and must not or cannot be
    SKIPPED = "skipped"
    SET_REFUSED = "set_refused"  # EC2 would not make the set; the volume is tried by itself
    FAILED = "failed"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as a person needs it: which operation, which code, which words."""

    operation: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one action for one volume."""

    status: Status
    volume_id: str
    operation: str
    snapshot_id: str | None = None
    reason: str = ""
    problem: Problem | None = None
    started_at: datetime | None = None  # of a snapshot that was created
