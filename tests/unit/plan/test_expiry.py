"""What a run announces and deletes, by the whole history of a region, and what holds it back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.origin import Origin
from ebs_backup.model.retention import Retention
from ebs_backup.model.values import Announce, Create, Delete, History, Plan, Snapshot
from ebs_backup.plan.expiry import BEFORE_DEPLOYMENT, with_expiry
from tests.unit.builders import AT, REGION, RUN, deployment, snapshot, volume

DAILY = Retention(daily=2)
DELAY = timedelta(days=3)
LONG_AGO = f"{AT - timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}"
TO_COME = f"{AT + timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}"


def expired(snapshots: tuple[Snapshot, ...], by: Deployment, *volume_ids: str, run_id: str = RUN) -> Plan:
    """Return what a run announces and deletes, where these volumes exist."""
    return with_expiry(Plan(REGION, 0), History(REGION, snapshots, frozenset(volume_ids)), by, run_id, AT)


def nightly(days: int, volume_id: str = "vol-1", terms: str = "keep 2 daily", **words: str) -> tuple[Snapshot, ...]:
    """Return a snapshot a day, the last one a day old."""
    times = [AT - timedelta(days=day) for day in range(1, days + 1)]
    return tuple(
        snapshot(f"{volume_id}-{n:03}", volume_id, started=at, terms=terms, RunId=f"{at:%Y-%m-%dT03:00:00Z}", **words)
        for n, at in enumerate(times, start=1)
    )


def announced(made: Plan) -> dict[str, datetime | None]:
    return {a.snapshot_id: a.delete_after for a in made.actions if isinstance(a, Announce)}


def deleted(made: Plan) -> list[str]:
    return [action.snapshot_id for action in made.actions if isinstance(action, Delete)]


# --- two looks and time ---


def test_snapshot_that_no_rule_keeps_is_announced_first() -> None:
    made = expired(nightly(4), deployment(retention=DAILY))

    at = AT.replace(microsecond=0) + DELAY
    assert (announced(made), deleted(made)) == ({"vol-1-003": at, "vol-1-004": at}, [])


def test_announced_snapshot_goes_once_its_time_has_come() -> None:
    made = expired(nightly(4, DeleteAfter=LONG_AGO), deployment(retention=DAILY))

    assert (deleted(made), announced(made)) == (["vol-1-003", "vol-1-004"], {"vol-1-001": None, "vol-1-002": None})


def test_announced_snapshot_stays_until_its_time() -> None:
    made = expired((*nightly(2), *nightly(4, DeleteAfter=TO_COME)[2:]), deployment(retention=DAILY))

    assert made.actions == ()


@pytest.mark.parametrize("tag", ["", "soon", "2026-11-01", "1"], ids=["withdrawn", "a word", "a day", "a number"])
def test_mark_that_is_no_time_announces_nothing(tag: str) -> None:
    made = expired(nightly(3, DeleteAfter=tag), deployment(retention=DAILY))

    assert (list(announced(made)), deleted(made)) == (["vol-1-003"], [])


def test_announcement_of_long_ago_is_made_anew() -> None:
    stale = f"{AT - timedelta(days=36):%Y-%m-%dT%H:%M:%SZ}"

    made = expired((*nightly(2), *nightly(4, DeleteAfter=stale)[2:]), deployment(retention=DAILY))

    assert (deleted(made), list(announced(made))) == ([], ["vol-1-003", "vol-1-004"])


def test_delay_is_as_long_as_the_deployment_says() -> None:
    made = expired(nightly(3), deployment(retention=DAILY, deletion_delay_days=14))

    assert announced(made) == {"vol-1-003": AT.replace(microsecond=0) + timedelta(days=14)}


def test_snapshot_in_error_waits_for_one_run_only() -> None:
    broken = tuple(replace(s, state="error") for s in nightly(1))

    first = expired(broken, deployment(retention=DAILY))
    (mark,) = announced(first).values()
    assert (mark, deleted(first)) == (AT.replace(microsecond=0), [])


def test_expiry_comes_after_the_backups_of_a_plan() -> None:
    create = Create((volume("vol-1", "i-1"),), "no snapshot of this run yet")

    made = with_expiry(Plan(REGION, 1, (create,)), History(REGION, nightly(3)), deployment(retention=DAILY), RUN, AT)

    assert [action.operation for action in made.actions] == ["CreateSnapshot", "CreateTags"]


# --- what is due ---


@pytest.mark.parametrize("tag", ["", "true", "auditors, until 2031"])
def test_held_snapshot_stays(tag: str) -> None:
    made = expired(nightly(4, Hold=tag, DeleteAfter=LONG_AGO), deployment(retention=DAILY))

    assert deleted(made) == []
    assert made.verdicts[-1].reasons == ("held by tag ebs-backup:Hold",)


def test_archived_snapshot_stays() -> None:
    history = tuple(replace(s, storage_tier="archive") for s in nightly(4, DeleteAfter=LONG_AGO))

    made = expired(history, deployment(retention=DAILY))

    assert deleted(made) == []
    assert made.verdicts[-1].reasons == ("in the archive tier",)


def test_snapshot_completed_since_the_run_began_does_not_count() -> None:
    late = replace(nightly(1)[0], completed_at=AT + timedelta(minutes=1))
    made = expired((late, *nightly(3)[1:]), deployment(retention=DAILY))

    assert announced(made) == {}


@pytest.mark.parametrize("completed", [False, True])
def test_own_snapshots_of_the_run_push_nothing_out(*, completed: bool) -> None:
    own = snapshot("own", "vol-1", "completed" if completed else "pending")

    made = expired((own, *nightly(3)), deployment(retention=DAILY))

    assert list(announced(made)) == ["vol-1-003"]


def test_runs_by_hand_push_no_scheduled_snapshot_out() -> None:
    by_hand = [
        snapshot(f"hand-{n}", "vol-1", started=AT - timedelta(minutes=n), terms="keep 3 last", RunId=f"by-hand-{n}")
        for n in range(4)
    ]

    made = expired(
        (*by_hand, *nightly(3, terms="keep 3 last")), deployment(retention=Retention(last=3)), run_id="by-hand-9"
    )

    assert list(announced(made)) == ["hand-3"]


# --- volumes that are gone ---


def _gone(by: Deployment, newest_at: datetime | None = None, **words: str) -> Plan:
    """Return what becomes of a volume's history that exists no more, and whose newest snapshot was made then."""
    newest = {"vol-1": newest_at} if newest_at else {}
    history = History(REGION, nightly(2, terms=by.terms.words, **words), frozenset(), newest)
    return with_expiry(Plan(REGION, 0), history, by, RUN, AT)


ORPHANS = deployment(retention=DAILY, orphan_retention_days=30)


def test_orphans_history_stays_without_a_limit() -> None:
    assert announced(_gone(deployment(retention=DAILY))) == {}


def test_orphans_history_is_announced_for_as_long_as_orphans_stay() -> None:
    assert set(announced(_gone(ORPHANS)).values()) == {AT.replace(microsecond=0) + timedelta(days=30)}


def test_volume_that_is_back_keeps_its_history() -> None:
    history = nightly(2, terms=ORPHANS.terms.words, DeleteAfter=LONG_AGO)

    assert announced(expired(history, ORPHANS, "vol-1")) == {"vol-1-001": None, "vol-1-002": None}


@pytest.mark.parametrize(("days", "goes"), [(29, False), (30, True)])
def test_age_of_an_orphan_counts_the_newest_of_all_its_snapshots(days: int, *, goes: bool) -> None:
    made = _gone(ORPHANS, AT - timedelta(days=days), DeleteAfter=LONG_AGO)

    assert bool(deleted(made)) == goes


def test_orphan_of_unknown_age_stays() -> None:
    assert deleted(_gone(ORPHANS, DeleteAfter=LONG_AGO)) == []


# --- whose a snapshot is ---


FOREIGN: dict[str, Callable[[Snapshot], Snapshot]] = {
    "tags alone": lambda s: replace(s, origin=None),
    "of another deployment": lambda s: replace(s, origin=Origin("weekly", s.tags["ebs-backup:RunId"], "keep 2 daily")),
    "of another run than its tag says": lambda s: replace(s, origin=Origin("nightly", "x", "keep 2 daily")),
    "a copy": lambda s: replace(s, volume_id="vol-ffffffff"),
    "a copy made while tags were pending": lambda s: _tagged(replace(s, volume_id="vol-ffffffff"), VolumeId="pending"),
    "of another volume than its tag says": lambda s: replace(s, volume_id="vol-2"),
    "copied from another region": lambda s: _tagged(s, Region="us-east-1"),
    "of another owner by tag": lambda s: _tagged(s, Policy="weekly"),
}


def _tagged(s: Snapshot, **words: str) -> Snapshot:
    return replace(s, tags={**s.tags, **{f"ebs-backup:{word}": value for word, value in words.items()}})


@pytest.mark.parametrize("change", FOREIGN.values(), ids=FOREIGN)
def test_snapshot_of_others_is_not_even_judged(change: Callable[[Snapshot], Snapshot]) -> None:
    foreign = tuple(map(change, nightly(9, DeleteAfter=LONG_AGO)))

    made = expired(foreign, deployment(retention=DAILY))

    assert (made.verdicts, made.actions) == ((), ())


def test_what_an_earlier_deployment_of_the_name_left_is_said() -> None:
    made = expired(nightly(3), deployment(retention=DAILY, created_at=AT - timedelta(days=2, hours=12)))

    assert list(announced(made)) == ["vol-1-003"]
    assert made.verdicts[-1].reasons == ("kept by no rule", BEFORE_DEPLOYMENT)


# --- the brake ---


def test_tighter_terms_let_nothing_go_until_they_are_confirmed() -> None:
    history = nightly(30, terms="keep 21 last; schedule 12345678")
    tighter = deployment(retention=Retention(last=1))

    held = expired(history, tighter)
    assert held.actions == ()
    assert held.brake == (
        '29 snapshots are due under "keep 1 last", which may keep less than "keep 21 last; schedule 12345678", '
        f'under which snapshots were made; to let them go, set confirmed_retention = "{tighter.terms.code}"'
    )
    confirmed = expired(history, replace(tighter, confirmed_retention=tighter.terms.code))
    assert (confirmed.brake, len(announced(confirmed))) == (None, 29)
    wrongly = expired(history, replace(tighter, confirmed_retention="00000000"))
    assert wrongly.actions == ()


def test_first_retention_on_a_history_waits_for_confirmation() -> None:
    assert expired(nightly(9, terms="keep every snapshot"), deployment(retention=DAILY)).brake


def test_brake_is_quiet_while_nothing_is_due() -> None:
    assert expired(nightly(2, terms="keep 21 last"), deployment(retention=DAILY)).brake is None


def test_looser_terms_need_no_confirmation() -> None:
    made = expired(nightly(9, terms="keep 1 daily"), deployment(retention=DAILY))

    assert (made.brake, len(announced(made))) == (None, 7)


def test_unknown_terms_are_taken_for_tighter() -> None:
    assert expired(nightly(9, terms="keep 5 fortnightly"), deployment(retention=DAILY)).brake


def test_brake_withdraws_what_was_announced_before() -> None:
    history = nightly(9, terms="keep 21 last", DeleteAfter=LONG_AGO)

    made = expired(history, deployment(retention=DAILY))

    assert (deleted(made), set(announced(made).values())) == ([], {None})


def test_brake_does_not_hold_snapshots_in_error() -> None:
    broken = replace(
        snapshot("broken", "vol-1", "error", started=AT - timedelta(days=1)), origin=Origin("nightly", RUN, "x")
    )

    made = expired((broken, *nightly(9, terms="keep 21 last")), deployment(retention=DAILY))

    assert made.brake
    assert list(announced(made)) == ["broken"]
