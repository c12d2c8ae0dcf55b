"""Expiry over years of runs: missed, repeated, killed and by hand, while volumes come and go and regions fail.

Each run sees the region as it is and does what its plan says, or only the first part of it. Laws hold at every step.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.retention import Retention
from ebs_backup.model.tags import announcing_tags, delete_after
from ebs_backup.model.values import Announce, Delete, History, Plan, Snapshot
from ebs_backup.plan.expiry import with_expiry
from tests.unit.builders import REGION, deployment, snapshot

DOCUMENTED = {"daily": 7, "weekly": 4, "monthly": 12, "yearly": 3}
DELAY = timedelta(days=3)
START = datetime(2024, 1, 1, 3, tzinfo=UTC)
SLIPS: Mapping[str, Mapping[str, int]] = {
    "monthly = 1": {"monthly": 1},
    "monthly = 2": {"monthly": 2},
    "monthly gone": {"monthly": 0},
    "daily = 1": {"daily": 1},
    "daily gone": {"daily": 0},
    "daily = 1, weekly = 1": {"daily": 1, "weekly": 1},
    "weekly gone": {"weekly": 0},
    "yearly gone": {"yearly": 0},
    "monthly and yearly gone": {"monthly": 0, "yearly": 0},
}


@dataclass
class Region:
    """A region's snapshots over time, and what is remembered of announcements to hold deletions against."""

    by: Deployment
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    announced_at: dict[str, datetime] = field(default_factory=dict)
    deleted: list[Snapshot] = field(default_factory=list)
    brakes: list[str] = field(default_factory=list)
    count: int = 0

    def run(self, run_id: str, at: datetime, volumes: list[str], *, expires: bool = True, steps: int = 10**9) -> None:
        """Make a run that began at that time, killed after some actions."""
        made = {s.volume_id for s in self.snapshots.values() if s.origin and s.origin.run_id == run_id}
        for volume_id in volumes:
            if volume_id not in made:
                self._create(volume_id, run_id, at)
        if expires:
            now = tuple(replace(s, state=_state(s, at + timedelta(minutes=9))) for s in self.snapshots.values())
            plan = with_expiry(Plan(REGION, 0), History(REGION, now, frozenset(volumes)), self.by, run_id, at)
            self.brakes += [plan.brake] if plan.brake else []
            for action in plan.actions[:steps]:
                self._apply(action, at)

    def _create(self, volume_id: str, run_id: str, at: datetime) -> None:
        self.count += 1
        new = snapshot(f"s{self.count}", volume_id, started=at, terms=self.by.terms.words, RunId=run_id)
        self.snapshots[new.id] = replace(new, completed_at=at + timedelta(minutes=self.count % 90))

    def _apply(self, action: object, at: datetime) -> None:
        if isinstance(action, Announce):
            marked = self.snapshots[action.snapshot_id]
            tags = {**marked.tags, **announcing_tags(self.by, action.delete_after)}
            self.snapshots[marked.id] = replace(marked, tags=tags)
            self.announced_at[marked.id] = at
        elif isinstance(action, Delete):
            gone = self.snapshots.pop(action.snapshot_id)
            assert self.announced_at[gone.id] + DELAY <= at, "sooner than announced"
            assert (delete_after(self.by, gone) or at) <= at
            assert "ebs-backup:Hold" not in gone.tags
            self.deleted.append(gone)

    def of(self, volume_id: str) -> list[Snapshot]:
        return [s for s in self.snapshots.values() if s.volume_id == volume_id]


def _state(s: Snapshot, at: datetime) -> str:
    return "completed" if s.completed_at and s.completed_at <= at else "pending"


def _id(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def lived(by: Deployment, days: int, rng: random.Random) -> Region:
    """Return a region after so many days in which all sorts of things went wrong, but nobody slipped."""
    region, volumes = Region(by), ["vol-1", "vol-2"]
    for day in range(days):
        at = START + timedelta(days=day, seconds=rng.randrange(600))
        fate = rng.random()
        if fate < 0.1:
            continue  # no run, or a region that could not be read
        if rng.random() < 0.02:
            volumes = sorted({"vol-1", *rng.sample(["vol-2", "vol-3", "vol-4"], 2)})
        steps = rng.randrange(3) if fate < 0.2 else 10**9
        region.run(_id(START + timedelta(days=day)), at, volumes, steps=steps)
        if fate < 0.3:  # again: a retry, another round, a duplicate event
            region.run(_id(START + timedelta(days=day)), at + timedelta(minutes=3), volumes)
        if rng.random() < 0.05:
            region.run(f"by-hand-{day}", at + timedelta(hours=6), volumes, expires=False)
    return region


@pytest.mark.parametrize("seed", range(2))
def test_normal_days_never_pull_the_brake_and_expire_what_is_due(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a history, no secret
    region = lived(deployment(retention=Retention(**DOCUMENTED)), 2 * 365, rng)

    assert region.brakes == []
    assert 20 <= len(region.of("vol-1")) <= 50
    assert len(region.deleted) > 500


@pytest.fixture(scope="module")
def documented() -> Region:
    return lived(deployment(retention=Retention(**DOCUMENTED)), 500, random.Random(7))  # noqa: S311 - as above


@pytest.mark.parametrize("slip", SLIPS.values(), ids=SLIPS)
def test_slip_deletes_nothing_until_it_is_confirmed(documented: Region, slip: Mapping[str, int]) -> None:
    wrong = deployment(retention=Retention(**{**DOCUMENTED, **slip}))
    region = Region(wrong, dict(documented.snapshots), dict(documented.announced_at), count=documented.count)

    for day in range(500, 560):
        region.run(_id(START + timedelta(days=day)), START + timedelta(days=day), ["vol-1", "vol-2"])

    assert region.deleted == []
    assert all(wrong.terms.code in brake for brake in region.brakes)

    region.by = replace(wrong, confirmed_retention=wrong.terms.code)
    for day in range(560, 565):
        region.run(_id(START + timedelta(days=day)), START + timedelta(days=day), ["vol-1", "vol-2"])
    assert region.deleted


@pytest.mark.parametrize("slip", SLIPS.values(), ids=SLIPS)
def test_slip_that_is_mended_has_cost_nothing(documented: Region, slip: Mapping[str, int]) -> None:
    slipped, spared = (
        Region(documented.by, dict(documented.snapshots), dict(documented.announced_at), count=documented.count)
        for _ in range(2)
    )
    for day in range(500, 520):
        wrong = Retention(**{**DOCUMENTED, **(slip if day < 510 else {})})
        slipped.by = replace(documented.by, retention=wrong)
        for region in (slipped, spared):
            region.run(_id(START + timedelta(days=day)), START + timedelta(days=day), ["vol-1", "vol-2"])

    assert spared.snapshots.keys() <= slipped.snapshots.keys()


@given(st.integers(1, 5000), st.sampled_from(sorted(SLIPS)))
def test_size_of_an_estate_is_no_matter_to_the_brake(volumes: int, slip: str) -> None:
    """Each snapshot names its terms, so that one volume's history decides as much as that of thousands."""
    wrong = deployment(retention=Retention(**{**DOCUMENTED, **SLIPS[slip]}))
    right = deployment(retention=Retention(**DOCUMENTED)).terms.words
    times = [START - timedelta(days=30 * month) for month in range(20)] + [START - timedelta(days=d) for d in range(10)]
    few = tuple(
        snapshot(f"s-{v}-{n}", f"vol-{v}", started=at, terms=right, RunId=_id(at))
        for v in {1, volumes, volumes // 2}
        for n, at in enumerate(times)
    )

    made = with_expiry(Plan(REGION, 0), History(REGION, few), wrong, _id(START), START + timedelta(minutes=1))

    assert (made.actions, bool(made.brake)) == ((), True)
