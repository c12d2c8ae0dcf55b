"""The queue of a region's actions: hands out the next one whose time has come and for which there is a request left.

Knows who goes first, pacing and the deadline, and nothing of what the actions do.
"""

import heapq
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from ebs_backup.apply.pacing import TokenBucket
from ebs_backup.aws.clock import Clock
from ebs_backup.model.limits import Limit
from ebs_backup.model.values import CREATING, Action, Problem
from ebs_backup.plan.announcements import Announcements

# What a task is about.
Work = Action | Announcements


class Priority(Enum):
    """The lines of those who wait; the value of each is the operations that can carry out what stands in it."""

    SET = ("CreateSnapshots",)  # goes by one operation only, and brings further work: its tags
    SINGLE = ("CreateSnapshot",)  # goes by one operation only, too
    EITHER = CREATING  # takes whichever operation the others leave: then both creating ones end at the same moment
    TAGS = ("CreateTags",)  # can wait until the snapshots are made; announcements go by it too
    DELETION = ("DeleteSnapshot",)  # can wait for all the others


# Where several can go at the same moment, the lowest number goes first, by the operation that is named here.
_PLACES = {Priority.SET: 1, Priority.SINGLE: 2, Priority.EITHER: 3, Priority.TAGS: 4, Priority.DELETION: 5}
_PREFERRED = {priority: priority.value[0] for priority in Priority} | {Priority.EITHER: "CreateSnapshot"}


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice of what goes next: the first of a line, by one of its operations, from a moment of the clock on."""

    ready_at: float
    bucket_is_full: bool
    priority: Priority
    operation: str

    @property
    def rank(self) -> tuple[float, bool, int, bool]:
        """The order of choices: the smallest goes next.

        The soonest goes first. Several at the same moment go by whether the bucket is full, since what would refill a
        full one is lost; then by priority; then by the preferred operation.
        """
        second_choice = self.operation != _PREFERRED[self.priority]
        return self.ready_at, not self.bucket_is_full, _PLACES[self.priority], second_choice


@dataclass(order=True, slots=True)
class Task:
    """An action on its way: not before when, by which operation, at which attempt, and what went wrong with it last."""

    not_before: float
    sequence: int
    action: Work = field(compare=False)
    operation: str = field(default="", compare=False)
    taken_at: float = field(default=0.0, compare=False)
    attempt: int = field(default=1, compare=False)
    lost_at: float | None = field(default=None, compare=False)
    problem: Problem | None = field(default=None, compare=False)


class WorkQueue:
    """Tasks in a line for each priority, and a bucket for each operation; for any number of threads.

    `_changed` guards all the queue holds, and tells those who wait that something changed. The lines are in order.
    """

    def __init__(self, clock: Clock, deadline: float, limits: Mapping[str, Limit]) -> None:
        self._clock = clock
        self._deadline = deadline
        self._changed = threading.Condition()
        self._lines: dict[Priority, list[Task]] = {priority: [] for priority in Priority}
        self._buckets = {operation: TokenBucket(limit, clock.now()) for operation, limit in limits.items()}
        self._sequence = 0
        self._running = 0

    def put(self, actions: Iterable[Work], *, lost_at: float | None = None) -> None:
        """Add actions that may start at once; `lost_at` is when an answer was lost that may be about them."""
        with self._changed:
            for action in actions:
                self._sequence += 1
                heapq.heappush(self._line(action), Task(0.0, self._sequence, action, lost_at=lost_at))
            self._changed.notify_all()

    def next(self) -> Task | None:
        """Take the next task, waiting for it if need be; None when there is no more or no more time.

        It says by which operation. Whoever takes a task says `done` when it is through with it: it may have put
        further ones.
        """
        with self._changed:
            while True:
                now = self._clock.now()
                choice = min(self._choices(now), key=lambda choice: choice.rank, default=None)
                if choice is None and self._running:
                    self._clock.wait(self._changed, None)
                elif choice is None or choice.ready_at >= self._deadline:
                    return None
                elif choice.ready_at > now:
                    self._clock.wait(self._changed, choice.ready_at - now)
                else:
                    return self._take(choice, now)

    def done(self) -> None:
        """Say that a task taken is through."""
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def again(self, task: Task, after: float, *, token_spent: bool = True) -> None:
        """Put a task back, to be taken again after some seconds."""
        with self._changed:
            if not token_spent:
                self._buckets[task.operation].put_back()
            task.not_before = self._clock.now() + after
            heapq.heappush(self._line(task.action), task)
            self._changed.notify_all()

    def throttled(self, task: Task) -> None:
        """Put a task back that EC2 throttled, and slow its operation down."""
        with self._changed:
            self._buckets[task.operation].throttled(self._clock.now(), task.taken_at)
        self.again(task, 0.0)

    def accepted(self, operation: str, *, token_spent: bool = True) -> None:
        """Learn that an operation's task went through, with or without the request it had a token for."""
        with self._changed:
            if token_spent:
                self._buckets[operation].accepted()
            else:
                self._buckets[operation].put_back()

    def coming(self, operation: str, count: int) -> list[Work]:
        """Return the actions that come next and may go by an operation, without taking them."""
        with self._changed:
            lines = self._lines_by(operation)
            return [task.action for line in lines for task in heapq.nsmallest(count, line)][:count]

    def drain(self, *operations: str) -> list[Task]:
        """Take all tasks at once that may go by one of the operations, in order."""
        with self._changed:
            lines = self._lines_by(*operations)
            tasks = [task for line in lines for task in sorted(line)]
            for line in lines:
                line.clear()
            return tasks

    def _choices(self, now: float) -> Iterator[Choice]:
        for priority, line in self._lines.items():
            for operation in self._operations(priority, len(line), now):
                bucket = self._buckets[operation]
                ready_at = max(now, line[0].not_before, bucket.ready_at(now))
                yield Choice(ready_at, bucket.is_full(now), priority, operation)

    def _operations(self, priority: Priority, count: int, now: float) -> tuple[str, ...]:
        """Return the operations to choose from: the preferred one alone while its bucket has enough for the line."""
        if not count:
            return ()
        preferred = _PREFERRED[priority]
        return (preferred,) if self._buckets[preferred].tokens(now) >= count else priority.value

    def _take(self, choice: Choice, now: float) -> Task:
        self._buckets[choice.operation].take(now)
        self._running += 1
        task = heapq.heappop(self._lines[choice.priority])
        task.operation, task.taken_at = choice.operation, now
        return task

    def _line(self, action: Work) -> list[Task]:
        return self._lines[Priority(action.operations)]

    def _lines_by(self, *operations: str) -> list[list[Task]]:
        return [line for priority, line in self._lines.items() if not set(operations).isdisjoint(priority.value)]
