"""Builders of the function's values, with what a test does not care about filled in."""

from datetime import UTC, datetime

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.origin import Origin
from ebs_backup.model.values import Attachment, Snapshot, Volume, World

RUN = "2026-11-23T03:00:00Z"
REGION = "eu-west-1"
ZONE = "eu-west-1a"
AT = datetime(2026, 11, 23, 3, 0, 1, tzinfo=UTC)


def deployment(**changes: object) -> Deployment:
    """Return the policy of a deployment named nightly."""
    return Deployment(name="nightly", **changes)  # type: ignore[arg-type]


def volume(
    volume_id: str, *instance_ids: str | None, device: str | None = "/dev/xvdf", tags: dict[str, str] | None = None
) -> Volume:
    """Return a volume attached to the instances (None: managed by a service)."""
    attachments = tuple(Attachment(instance_id, device if instance_id else None) for instance_id in instance_ids)
    return Volume(volume_id, ZONE, "gp3", 8, 3000, 125, attachments, tags or {})


def snapshot(
    snapshot_id: str,
    volume_id: str,
    state: str = "completed",
    started: datetime = AT,
    terms: str = "keep 2 daily",
    **words: str,
) -> Snapshot:
    """Return a snapshot of this deployment's run; words are tags under the prefix, such as RunId."""
    tags = {"Policy": "nightly", "RunId": RUN, "Region": REGION, "VolumeId": volume_id} | words
    return Snapshot(
        snapshot_id,
        volume_id,
        started,
        state,
        8,
        {f"ebs-backup:{k}": v for k, v in tags.items()},
        origin=Origin(tags["Policy"], tags["RunId"], terms),
    )


def world(*volumes: Volume, snapshots: tuple[Snapshot, ...] = (), **root_devices: str) -> World:
    """Return a region's world; root devices by instance id with `_` for `-`."""
    roots = {instance_id.replace("_", "-"): device for instance_id, device in root_devices.items()}
    return World(REGION, volumes, snapshots, roots)
