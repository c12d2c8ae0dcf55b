import json
import tracemalloc
from datetime import UTC, datetime

from ebs_backup.model.values import Create, Outcome, Plan, Status
from ebs_backup.report.changes import Change, changes, lines
from tests.unit.builders import AT, volume
from tests.unit.reports import EXPIRING, GOES

STARTED = "2026-11-23T03:00:01+00:00"


def test_each_change_is_named_with_start_volume_and_reason() -> None:
    assert EXPIRING.plan is not None
    before = "kept by no rule, made before this deployment existed"
    assert list(changes(EXPIRING.plan, EXPIRING.outcomes)) == [
        Change("created", "snap-n", "vol-1", STARTED, ""),
        Change("withdrawn", "snap-w", "vol-1", STARTED, "daily 1 of 7"),
        Change("announced", "snap-a", "vol-1", STARTED, before, GOES.isoformat()),
        Change("deleted", "snap-d", "vol-1", STARTED, "kept by no rule"),
    ]


def test_created_snapshot_has_the_reason_of_its_create() -> None:
    plan = Plan("r", 2, (Create((volume("vol-1"), volume("vol-2")), "2 volumes of i-1, crash-consistent"),))
    outcome = Outcome(Status.CREATED, "vol-2", "CreateSnapshots", "snap-2", started_at=AT)

    assert [each.reason for each in changes(plan, [outcome])] == ["2 volumes of i-1, crash-consistent"]


def test_what_changed_nothing_is_no_change() -> None:
    still = [s for s in Status if s not in (Status.CREATED, Status.ANNOUNCED, Status.WITHDRAWN, Status.DELETED)]

    assert list(changes(Plan("r", 1), [Outcome(status, "vol-1", "x", "snap-1") for status in still])) == []


def test_each_line_says_by_itself_what_was_done_where() -> None:
    some = [Change("deleted", f"snap-{n}", "vol-1", STARTED, 'a "reason"\n') for n in range(3)]

    read = [json.loads(line) for line in lines("r1", "eu-west-1", some).splitlines()]

    assert [(each["run_id"], each["region"], each["snapshot_id"]) for each in read] == [
        ("r1", "eu-west-1", "snap-0"),
        ("r1", "eu-west-1", "snap-1"),
        ("r1", "eu-west-1", "snap-2"),
    ]


def test_changes_of_a_large_region_fit_into_little_memory() -> None:
    outcomes = [
        Outcome(Status.CREATED, f"vol-{n:017x}", "CreateSnapshot", f"snap-{n:017x}", started_at=datetime.now(UTC))
        for n in range(10_000)
    ]
    tracemalloc.start()
    text = lines("r1", "eu-west-1", tuple(changes(Plan("r", 10_000), outcomes)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(text) < 3_000_000
    assert peak < 10_000_000
