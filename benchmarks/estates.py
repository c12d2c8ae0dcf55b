"""The estates that are backed up: how many volumes are where, and what goes wrong; the same at every run.

Knows the simulator that it fills. Of the contestants it knows only the module's settings.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

from benchmarks.history import POLICY, RETENTION, History
from benchmarks.limit import CREATES, Bucket, Work
from sandbox.ec2 import Attachment, Fault, Instance, Region, Simulator, Volume
from sandbox.ec2.geography import ALWAYS_ENABLED

TIMES: Final = "\N{MULTIPLICATION SIGN}"

HOME: Final = "us-east-1"
BEGINNING: Final = datetime(2026, 11, 18, 3, tzinfo=UTC)
"""When every measurement takes place, by its own clock: which earlier snapshots fall due depends on the day."""
REGIONS: Final = (HOME, *(name for name in ALWAYS_ENABLED if name != HOME))

VOLUMES_PER_INSTANCE: Final[Mapping[int, float]] = {
    1: 0.60, 2: 0.22, 3: 0.08, 4: 0.04, 6: 0.03, 8: 0.015, 12: 0.01, 24: 0.005,
}  # fmt: skip
"""Which share of the instances has how many volumes, about two on average: an assumption, no survey."""
_INSTANCES_PER_VOLUME: Final = 1032 / 2000


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong in an estate.

    Of the instances, one in `lost_one_in` loses the answer to the first call that snapshots it or its first volume,
    after EC2 has done the work, in turns as HTTP 500 and as a reset connection. `refused` regions have a volume that
    EC2 never snapshots, alone or in a set. Another tool has emptied the home region's CreateSnapshot bucket and goes on
    to take `taken_per_second` tokens from it. New snapshots stay out of describe calls for `visible_after` seconds.
    """

    denied_region: str | None = None
    lost_one_in: int = 0
    refused: tuple[str, ...] = ()
    taken_per_second: float = 0.0
    visible_after: float = 0.0

    def leaves(self, region: str) -> Bucket:
        """Say what the other tool leaves of the CreateSnapshot bucket."""
        if region != HOME or not self.taken_per_second:
            return CREATES
        return Bucket(0, CREATES.per_second - self.taken_per_second)


@dataclass(frozen=True, slots=True)
class Estate:
    """What an account holds: of each region, the number of volumes of each of its instances; of each volume, a history.

    Where there is a history there is a retention, and a brake that lets through what is due.
    """

    name: str
    title: str
    instances: Mapping[str, tuple[int, ...]]
    trouble: Trouble = field(default_factory=Trouble)
    history: History = field(default_factory=History)

    @property
    def volumes(self) -> int:
        """The number of volumes."""
        return sum(map(sum, self.instances.values()))

    @property
    def due(self) -> int:
        """The number of earlier snapshots that are to be deleted."""
        return self.volumes * len(self.history.due)

    @property
    def policy(self) -> Mapping[str, Any]:
        """The module's policy for this estate, where it is not the default."""
        if not self.due:
            return {"name": POLICY}
        return {"name": POLICY, "retention": RETENTION}

    def works(self) -> Iterator[Work]:
        """Say what there is to do in each region."""
        for region, counts in self.instances.items():
            days, due = len(self.history.days), len(self.history.due)
            volumes, single = sum(counts), self.trouble.leaves(region)
            yield Work(instances=counts, earlier=volumes * days, due=volumes * due, single=single)

    def instance_ids(self, region: str) -> list[tuple[str, list[str]]]:
        """Return the region's instances, each with its volumes, the root volume first; ids look like EC2's."""
        random = Random(f"{self.name} {region}")  # noqa: S311 - names, no secrets
        return [
            (f"i-0{random.getrandbits(64):016x}", [f"vol-0{random.getrandbits(64):016x}" for _ in range(count)])
            for count in self.instances[region]
        ]

    def refused_volume(self, region: str) -> str | None:
        """Name the volume that EC2 never snapshots, if the region has one: the last of its first instance."""
        return self.instance_ids(region)[0][1][-1] if region in self.trouble.refused else None

    def expected(self) -> frozenset[str]:
        """Name the volumes that can have a snapshot."""
        return frozenset(
            volume_id
            for region in self.instances
            if region != self.trouble.denied_region
            for _, volume_ids in self.instance_ids(region)
            for volume_id in volume_ids
            if volume_id != self.refused_volume(region)
        )

    def fill(self, ec2: Simulator) -> None:
        """Put everything into a simulator, with the troubles that lie in wait."""
        for name, region in ec2.regions.items():
            region.opt_in_status = "opt-in-not-required" if name in self.instances else "not-opted-in"
        for name in self.instances:
            region = ec2.regions[name]
            region.denied = name == self.trouble.denied_region
            for instance_id, volume_ids in self.instance_ids(name):
                _launch(region, instance_id, volume_ids)
            for volume in region.volumes.values():
                region.add(*self.history.snapshots(volume, name))
            for fault in self._faults(name):
                ec2.inject(fault)
        ec2.visible_after_seconds = self.trouble.visible_after

    def _faults(self, region: str) -> Iterator[Fault]:
        for n, (instance_id, volume_ids) in enumerate(self.instance_ids(region)):
            if (refused := self.refused_volume(region)) in volume_ids:
                yield from _creating(region, instance_id, refused, code="OperationNotPermitted", times=None)
            elif self.trouble.lost_one_in and n % self.trouble.lost_one_in == 1:
                lost = "error" if n // self.trouble.lost_one_in % 2 else "reset"
                yield from _creating(region, instance_id, volume_ids[0], lost=lost)


def _creating(region: str, instance_id: str, volume_id: str, **what: object) -> Iterator[Fault]:
    """Make a fault befall both ways to snapshot a volume."""
    yield Fault("CreateSnapshot", region, volume_id, **what)  # type: ignore[arg-type]
    yield Fault("CreateSnapshots", region, instance_id, **what)  # type: ignore[arg-type]


def _launch(region: Region, instance_id: str, volume_ids: list[str]) -> None:
    zone = f"{region.name}a"
    name = f"app-{instance_id[-4:]}"
    region.add(Instance(instance_id, zone, root_device=_device(0), tags={"Name": name}))
    for n, volume_id in enumerate(volume_ids):
        tags = {"Name": f"{name}-{n}", "Environment": "production", "Team": "platform", "CostCenter": "4711"}
        place = Attachment(instance_id, _device(n))
        region.add(Volume(volume_id, zone, size=100, iops=3000, throughput=125, tags=tags, attachments=(place,)))


def _device(n: int) -> str:
    return f"/dev/xvd{chr(ord('a') + n)}"


def _instances(volumes: int, seed: str) -> tuple[int, ...]:
    """Spread volumes over instances: drawn from the distribution, then changed one by one until the sums are right."""
    random = Random(seed)  # noqa: S311 - an estate, no secret
    shares = VOLUMES_PER_INSTANCE
    count = max(1, round(volumes * _INSTANCES_PER_VOLUME))
    drawn = random.choices(list(shares), list(shares.values()), k=count)
    while (missing := volumes - sum(drawn)) != 0:
        chosen = random.randrange(count)
        drawn[chosen] += 1 if missing > 0 else -(drawn[chosen] > 1)
    return tuple(drawn)


def _skewed(volumes: int, regions: int) -> list[int]:
    """Divide volumes among regions so that the second has half as many as the first, the third a third, and so on."""
    whole = sum(1 / rank for rank in range(1, regions + 1))
    sizes = [round(volumes / whole / rank) for rank in range(1, regions + 1)]
    sizes[-1] += volumes - sum(sizes)
    return sizes


def _estate(name: str, title: str, sizes: list[int], trouble: Trouble | None = None) -> Estate:
    regions = zip(REGIONS, sizes, strict=False)
    spread = {region: _instances(size, f"{name} {region}") for region, size in regions}
    return Estate(name, title, spread, trouble or Trouble())


_MEDIUM: Final = _estate("medium", "one region, 2,000 volumes", [2000])
_LEFT: Final = History.left_by_yesterdays_run(BEGINNING.date())

ESTATES: Final[Mapping[str, Estate]] = {
    estate.name: estate
    for estate in (
        _estate("tiny", f"2 regions {TIMES} 6 volumes", [6, 6]),
        _estate("small", f"17 regions {TIMES} 10 volumes", [10] * 17),
        _estate("skewed", "3,000 volumes, skewed over 17 regions", _skewed(3000, 17)),
        _estate("large", "one region, 4,000 volumes", [4000]),
        _MEDIUM,
        replace(
            _MEDIUM,
            name="history",
            title=f"{_MEDIUM.title} with {len(_LEFT.days)} earlier snapshots each",
            history=_LEFT,
        ),
        _estate(
            "faulty",
            "640 volumes in 17 regions, with faults",
            [400] + [15] * 16,
            Trouble(
                denied_region="sa-east-1",
                lost_one_in=12,
                refused=("eu-west-1", "us-west-2"),
                taken_per_second=3.0,
                visible_after=2.0,
            ),
        ),
    )
}
