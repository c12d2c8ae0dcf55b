"""What earlier runs of a deployment, one a day, have left of each volume, and which of that falls due with today's run.

Works out by itself which days a retention keeps: whoever is measured is held against that.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Final, Self

from sandbox.ec2 import Snapshot, Volume

RETENTION: Final[Mapping[str, int]] = {"daily": 7, "weekly": 4, "monthly": 12, "yearly": 3}
POLICY: Final = "benchmark"
"""The deployment's name, which its snapshots are tagged with."""

_PERIODS: Final[Mapping[str, Callable[[date], Hashable]]] = {
    "daily": lambda day: day,
    "weekly": lambda day: day.isocalendar()[:2],
    "monthly": lambda day: (day.year, day.month),
    "yearly": lambda day: day.year,
}
_TERMS: Final = f"keep {', '.join(f'{count} {rule}' for rule, count in RETENTION.items())}"
_MARK, _LONG_AGO = "ebs-backup:DeleteAfter", "2020-01-01T03:00:00Z"
_DAY: Final = timedelta(days=1)
_DAYS: Final = 3 * 366
_HOUR: Final = time(3, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class History:
    """The days on which snapshots of each volume were made that are still there, and which of these may go now."""

    days: tuple[date, ...] = ()
    due: frozenset[date] = frozenset()

    @classmethod
    def left_by_yesterdays_run(cls, today: date) -> Self:
        """Work out what the retention left: a run judges what was there before it, and its own snapshots stay."""
        yesterday = today - _DAY
        days = kept(yesterday - _DAY) | {yesterday}
        return cls(tuple(sorted(days)), days - kept(yesterday))

    def snapshots(self, volume: Volume, region: str) -> Iterator[Snapshot]:
        """Make a volume's snapshots, completed and tagged as the module does it; those that are due are announced."""
        random = Random(volume.id)  # noqa: S311 - names, no secrets
        for day in self.days:
            at = datetime.combine(day, _HOUR)
            run_id = f"{at:%Y-%m-%dT%H:%M:%SZ}"
            tags = _tags(volume, region, run_id) | ({_MARK: _LONG_AGO} if day in self.due else {})
            yield Snapshot(
                id=f"snap-0{random.getrandbits(64):016x}",
                volume_id=volume.id,
                started=at + timedelta(seconds=random.uniform(0, 90)),
                completes=at + timedelta(hours=1),
                size=volume.size,
                description=f"{volume.id} | {POLICY}, run {run_id}, {_TERMS}",
                tags=tags,
            )


def kept(newest: date) -> frozenset[date]:
    """Return the days whose snapshots the retention keeps, with one on every day up to the newest."""
    oldest_first = [newest - n * _DAY for n in reversed(range(_DAYS))]
    return frozenset(
        day
        for rule, count in RETENTION.items()
        for day in list({_PERIODS[rule](day): day for day in oldest_first}.values())[-count:]
    )


def _tags(volume: Volume, region: str, run_id: str) -> dict[str, str]:
    (place,) = volume.attachments
    ours = {
        "Policy": POLICY,
        "RunId": run_id,
        "Region": region,
        "VolumeId": volume.id,
        "InstanceId": place.instance_id,
        "Device": place.device,
        "AvailabilityZone": volume.zone,
        "VolumeType": volume.type,
        "Size": volume.size,
        "Iops": volume.iops,
        "Throughput": volume.throughput,
    }
    name = f"{volume.tags['Name']} {volume.id} {place.device} of {place.instance_id} at {run_id}"
    return {**volume.tags, **{f"ebs-backup:{word}": str(value) for word, value in ours.items()}, "Name": name}
