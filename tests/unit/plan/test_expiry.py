"""What a run deletes, by the whole history of a region, and what holds it back."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.retention import Retention
from ebs_backup.model.values import Create, Delete, History, Plan, Snapshot
from ebs_backup.plan.expiry import FEW_DELETIONS, with_expiry
from tests.unit.builders import AT, REGION, RUN, deployment, snapshot, volume


def expired(snapshots: tuple[Snapshot, ...], by: Deployment, *volume_ids: str) -> Plan:
    """Return a plan's deletions, where these volumes exist."""
    return with_expiry(Plan(REGION, 0), History(REGION, snapshots, frozenset(volume_ids)), by, RUN, AT)


DAILY = Retention(daily=2)


def _history(volume_id: str, days: int, **words: str) -> tuple[Snapshot, ...]:
    """Return a snapshot a day, the last one a day old."""
    return tuple(
        snapshot(f"snap-{volume_id}-{day:03}", volume_id, started=AT - timedelta(days=day), RunId=f"r{day}", **words)
        for day in range(1, days + 1)
    )


def _deleted(made: Plan) -> list[str]:
    return [action.snapshot_id for action in made.actions if isinstance(action, Delete)]


def test_snapshot_is_deleted_when_no_rule_keeps_it() -> None:
    made = expired(_history("vol-1", 4), deployment(retention=DAILY), "vol-1")

    assert _deleted(made) == ["snap-vol-1-003", "snap-vol-1-004"]
    assert [(v.snapshot.id, v.reasons) for v in made.verdicts if v.keep] == [
        ("snap-vol-1-001", ("newest", "daily 1 of 2")),
        ("snap-vol-1-002", ("daily 2 of 2",)),
    ]


def test_plan_keeps_its_own_snapshots_and_deletes_last() -> None:
    create = Create((volume("vol-1", "i-1"),), "no snapshot of this run yet")
    history = History(REGION, _history("vol-1", 3))

    made = with_expiry(Plan(REGION, 1, (create,)), history, deployment(retention=DAILY), RUN, AT)

    assert [action.operation for action in made.actions] == ["CreateSnapshot", "DeleteSnapshot"]
    assert made.selected == 1


@pytest.mark.parametrize(
    "words", [{"Policy": "weekly"}, {"Region": "us-east-1"}], ids=["of another deployment", "copied from elsewhere"]
)
def test_foreign_snapshots_get_no_verdict(words: dict[str, str]) -> None:
    made = expired(_history("vol-1", 9, **words), deployment(retention=DAILY))

    assert (made.verdicts, made.actions) == ((), ())


def test_archived_snapshot_stays() -> None:
    history = tuple(replace(s, storage_tier="archive") for s in _history("vol-1", 4))

    made = expired(history, deployment(retention=DAILY))

    assert _deleted(made) == []
    assert made.verdicts[-1].reasons == ("in the archive tier",)


def test_copy_within_the_region_gets_no_verdict() -> None:
    copies = tuple(replace(s, volume_id="vol-ffffffff") for s in _history("vol-1", 9))

    assert expired(copies, deployment(retention=DAILY)).verdicts == ()


def test_orphans_last_snapshots_go_after_the_given_days() -> None:
    lost = tuple(replace(s, started_at=s.started_at - timedelta(days=29)) for s in _history("vol-1", 2))

    assert _deleted(expired(lost, deployment(retention=DAILY))) == []
    assert _deleted(expired(lost, deployment(retention=DAILY, orphan_retention_days=31))) == []
    assert len(_deleted(expired(lost, deployment(retention=DAILY, orphan_retention_days=30)))) == 2
    assert _deleted(expired(lost, deployment(retention=DAILY, orphan_retention_days=30), "vol-1")) == []


# --- the brake ---


def _of_many_volumes(volumes: int, days: int) -> tuple[Snapshot, ...]:
    return tuple(s for n in range(volumes) for s in _history(f"vol-{n}", days))


def test_brake_holds_above_max_deletions_per_run() -> None:
    braked = expired(_of_many_volumes(30, 5), deployment(retention=DAILY, max_deletions_per_run=89))
    fine = expired(
        _of_many_volumes(30, 5), deployment(retention=DAILY, max_deletions_per_run=90, max_deletions_percent=60)
    )

    assert braked.brake == "would delete 90 of 150 snapshots, more than max_deletions_per_run = 89"
    assert _deleted(braked) == []
    assert (fine.brake, len(_deleted(fine))) == (None, 90)


def test_brake_holds_above_max_deletions_percent() -> None:
    braked = expired(_of_many_volumes(30, 5), deployment(retention=DAILY, max_deletions_percent=59))

    assert braked.brake == "would delete 90 of 150 snapshots, more than max_deletions_percent = 59"


def test_percentage_brake_ignores_a_few_deletions() -> None:
    few = expired(_of_many_volumes(2, 12), deployment(retention=DAILY))
    more = expired(_of_many_volumes(3, 9), deployment(retention=DAILY))

    assert (few.brake, len(_deleted(few))) == (None, 20)
    assert more.brake == "would delete 21 of 27 snapshots, more than max_deletions_percent = 50"


def test_brake_ignores_snapshots_in_error() -> None:
    broken = tuple(replace(s, state="error") for s in _of_many_volumes(30, 2))

    made = expired(broken, deployment(retention=DAILY))

    assert (made.brake, len(_deleted(made))) == (None, 60)


@given(st.integers(1, 30), st.integers(0, 12), st.sets(st.integers(0, 29)), st.integers(1, 90), st.integers(1, 100))
def test_due_deletions_do_not_depend_on_own_completions(
    volumes: int, days: int, completed: set[int], most: int, percent: int
) -> None:
    """Or an attempt that goes on with a run would delete more, and the brake would judge it anew."""
    by = deployment(retention=DAILY, max_deletions_per_run=most, max_deletions_percent=percent)
    before = _of_many_volumes(volumes, days)
    ids = sorted({s.volume_id for s in before})
    own = [snapshot(f"own-{i}", i, "completed" if n in completed else "pending") for n, i in enumerate(ids)]

    first, again = expired(before, by), expired((*before, *own), by)

    assert _deleted(again) == _deleted(first)
    assert all(v.keep for v in again.verdicts if v.snapshot.id.startswith("own-"))


@given(st.integers(0, 40), st.integers(0, 12), st.integers(1, 200), st.integers(1, 100))
def test_plan_deletes_everything_due_or_nothing(volumes: int, days: int, most: int, percent: int) -> None:
    by = deployment(retention=DAILY, max_deletions_per_run=most, max_deletions_percent=percent)

    made = expired(_of_many_volumes(volumes, days), by)

    may_go = [v.snapshot.id for v in made.verdicts if not v.keep]
    assert _deleted(made) == ([] if made.brake else may_go)
    assert len(_deleted(made)) <= most
    assert len(_deleted(made)) <= max(FEW_DELETIONS, len(made.verdicts) * percent / 100)
