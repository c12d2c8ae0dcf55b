"""Builders of what the simulated EC2 holds."""

from dataclasses import replace
from datetime import timedelta

from sandbox.ec2 import Attachment, Instance, Simulator, Snapshot, Volume
from tests.unit.builders import REGION, ZONE

SKIP = {"ebs-backup:Skip": "true"}
ANNOUNCED = "2026-11-01T03:00:00Z"


def add_instance(
    ec2: Simulator, instance_id: str, *volume_ids: str, region: str = REGION, skipped: tuple[str, ...] = ()
) -> None:
    """Add an instance with volumes, the first of them at its root device."""
    zone = f"{region}a"
    ec2.regions[region].add(Instance(instance_id, zone, root_device="/dev/xvda"))
    for volume_id, letter in zip(volume_ids, "abcdefghijklmnopqrstuvwxyz", strict=False):
        place = Attachment(instance_id, f"/dev/xvd{letter}")
        tags = SKIP if volume_id in skipped else {"Name": f"{volume_id} of {instance_id}"}
        ec2.regions[region].add(Volume(volume_id, zone, tags=tags, attachments=(place,)))


def add_volumes(ec2: Simulator, count: int, region: str = REGION, prefix: str = "vol-") -> list[str]:
    """Add instances of one volume each and return the volumes' ids."""
    ids = [f"{prefix}{n:04}" for n in range(count)]
    for n, volume_id in enumerate(ids):
        add_instance(ec2, f"i-{region}-{n:04}", volume_id, region=region)
    return ids


def detached(volume_id: str) -> Volume:
    """Return a volume that is attached to nothing."""
    return Volume(volume_id, ZONE)


def add_snapshots(
    ec2: Simulator, volume_id: str, days: int, *, kept: int = 2, terms: str = "keep 2 last", **changes: object
) -> list[str]:
    """Add one completed snapshot of ours a day, the newest a day old, and return their ids, newest first.

    All but the newest ones, which are kept, were announced long ago, so that they may go.
    """
    ids = [f"snap-{volume_id}-{day:03}" for day in range(1, days + 1)]
    for day, snapshot_id in enumerate(ids, start=1):
        taken = ec2.clock.now() - timedelta(days=day)
        run_id = f"{taken:%Y-%m-%dT%H:%M:%SZ}"
        words = {"Policy": "nightly", "RunId": run_id, "Region": REGION, "VolumeId": volume_id}
        words |= {"DeleteAfter": ANNOUNCED} if day > kept else {}
        tags = {f"ebs-backup:{word}": value for word, value in words.items()}
        made = Snapshot(
            snapshot_id, volume_id, taken, taken, tags=tags, description=f"{volume_id} | nightly, run {run_id}, {terms}"
        )
        ec2.regions[REGION].add(replace(made, **changes))  # type: ignore[arg-type]
    return ids
