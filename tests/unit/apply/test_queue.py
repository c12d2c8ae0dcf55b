from datetime import UTC, datetime

import pytest

from ebs_backup.apply.queue import WorkQueue
from ebs_backup.model.limits import PUBLISHED, Limit
from ebs_backup.model.values import Action, Create, Delete, Tag
from sandbox.ec2 import Clock, Simulator
from tests.unit.builders import volume
from tests.unit.conftest import SimulatedTime

SET = Create((volume("vol-1", "i-1"), volume("vol-2", "i-1")), "", instance_id="i-1")
SINGLE = Create((volume("vol-3", "i-3"),), "")
ALONE = Create((volume("vol-4", "i-4"),), "", instance_id="i-4")
TAG = Tag("snap-1", "vol-1", {}, "")
DELETE = Delete("snap-2", "vol-1", "")


@pytest.fixture
def clock() -> SimulatedTime:
    return SimulatedTime(Simulator(Clock(stopped_at=datetime(2026, 11, 23, 3, tzinfo=UTC))))


def _queue(clock: SimulatedTime, *actions: Action, **limits: Limit) -> WorkQueue:
    queue = WorkQueue(clock, clock.now() + 3600, {**PUBLISHED, **limits})
    queue.put(actions)
    return queue


def _taken(queue: WorkQueue, count: int) -> list[str]:
    tasks = [queue.next() for _ in range(count)]
    return [task.operation for task in tasks if task]


def test_sets_go_first_then_volumes_then_tags_then_deletions(clock: SimulatedTime) -> None:
    few = dict.fromkeys(PUBLISHED, Limit(1, 0.001))
    queue = _queue(clock, DELETE, TAG, SINGLE, SET, **few)

    assert _taken(queue, 4) == ["CreateSnapshots", "CreateSnapshot", "CreateTags", "DeleteSnapshot"]


def test_no_bucket_stays_full_while_work_waits_for_it(clock: SimulatedTime) -> None:
    queue = _queue(clock, *[SET] * 3, *[SINGLE] * 3, *[TAG] * 3)

    first = _taken(queue, 3)
    then = _taken(queue, 2)
    clock.sleep(1)
    later = _taken(queue, 3)

    assert first == ["CreateSnapshots", "CreateSnapshot", "CreateTags"]
    assert then == ["CreateSnapshots", "CreateSnapshots"]
    assert later == ["CreateSnapshot", "CreateTags", "CreateSnapshot"]


def test_lone_volumes_go_by_one_call_while_its_bucket_suffices(clock: SimulatedTime) -> None:
    assert set(_taken(_queue(clock, *[ALONE] * 50), 50)) == {"CreateSnapshot"}


def test_lone_volumes_go_by_both_calls_when_one_runs_short(clock: SimulatedTime) -> None:
    taken = _taken(_queue(clock, *[ALONE] * 190), 190)

    assert clock.now() == datetime(2026, 11, 23, 3, tzinfo=UTC).timestamp()
    assert min(taken.count("CreateSnapshot"), taken.count("CreateSnapshots")) > 90


def test_drain_takes_all_that_may_go_by_an_operation(clock: SimulatedTime) -> None:
    queue = _queue(clock, SET, SINGLE, ALONE, TAG)

    assert [task.action for task in queue.drain("CreateSnapshot")] == [SINGLE, ALONE]
    assert [task.action for task in queue.drain(*PUBLISHED)] == [SET, TAG]
