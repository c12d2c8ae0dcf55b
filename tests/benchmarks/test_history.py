"""A history is what the module itself would have left, had it run every day."""

import json
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.estates import BEGINNING, ESTATES, HOME
from benchmarks.history import History, kept
from ebs_backup.model.deployment import Deployment, parse_deployment
from ebs_backup.model.origin import Origin, origin_in
from ebs_backup.model.tags import creation_tags
from ebs_backup.model.values import Attachment, Create, Snapshot, Volume
from ebs_backup.plan.retention import judge
from sandbox.ec2 import Simulator

DAY = timedelta(days=1)
ESTATE = ESTATES["history"]


def _policy() -> Deployment:
    return parse_deployment(json.dumps(ESTATE.policy))


def _staying(days: Collection[date]) -> set[date]:
    """Let the module judge snapshots of these days, and return the days of those that stay."""
    snapshots = [
        Snapshot(f"snap-{day}", "vol-1", datetime.combine(day, time(3), UTC), "completed", 100) for day in days
    ]
    return {v.snapshot.started_at.date() for v in judge(snapshots, _policy().retention) if v.keep}


@settings(max_examples=30)
@given(st.dates(date(2024, 1, 1), date(2030, 1, 1)))
def test_history_keeps_the_days_that_the_module_keeps(newest: date) -> None:
    assert kept(newest) == _staying([newest - n * DAY for n in range(3 * 366)])


def test_history_is_what_daily_runs_leave() -> None:
    today = BEGINNING.date()
    there: set[date] = set()
    for day in (today - n * DAY for n in range(3 * 366, 0, -1)):
        there = _staying(there) | {day}  # a run judges what was there before it

    assert set(ESTATE.history.days) == there
    assert ESTATE.history.due == there - _staying(there)


@given(st.dates(date(2024, 1, 1), date(2030, 1, 1)))
def test_history_holds_yesterdays_snapshot_on_any_day(today: date) -> None:
    history = History.left_by_yesterdays_run(today)

    assert today - DAY in set(history.days) - history.due
    assert history.due < set(history.days)


def test_run_may_delete_a_snapshot_of_each_volume() -> None:
    assert len(ESTATE.history.days) == 22
    assert ESTATE.due == 2000


@pytest.mark.parametrize("number", [0, 7, 1999])
def test_snapshots_bear_the_tags_that_the_module_gives(number: int) -> None:
    ec2 = Simulator()
    ESTATE.fill(ec2)
    region = ec2.regions[HOME]
    held = list(region.volumes.values())[number]
    (place,) = held.attachments
    volume = Volume(
        id=held.id,
        availability_zone=held.zone,
        type=held.type,
        size_gib=held.size,
        iops=held.iops,
        throughput_mibps=held.throughput,
        attachments=(Attachment(place.instance_id, place.device),),
        tags=held.tags,
    )
    snapshots = region.snapshots_of(held.id)

    assert [s.started.date() for s in snapshots] == list(ESTATE.history.days)
    for s in snapshots:
        run_id = s.tags["ebs-backup:RunId"]
        given = creation_tags(_policy(), Create((volume,), ""), HOME, run_id)
        assert {key: value for key, value in s.tags.items() if not key.endswith(":DeleteAfter")} == given
        assert origin_in(s.description) == Origin(_policy().name, run_id, _policy().terms.words)
        assert s.state(BEGINNING) == "completed"
