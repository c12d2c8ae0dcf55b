"""The queue of a region's actions: hands out the next one whose time has come and for which there is a request left.

Knows pacing and the deadline, and nothing of what the actions do.
"""

import heapq
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ebs_backup.apply.pacing import TokenBucket
from ebs_backup.aws.clock import Clock
from ebs_backup.model.limits import Limit
from ebs_backup.model.values import Action, Problem

# Which operations can carry out an action, in the order of who goes first. What has no choice comes before what has:
# then both creating operations end at the same moment. Sets bring further work, their tags; these and deletions can
# wait until the snapshots are made, but for one rule: no bucket stays full, since nothing refills a full one.
_LINES = (
    ("CreateSnapshots",),
    ("CreateSnapshot",),
    ("CreateSnapshot", "CreateSnapshots"),
    ("CreateTags",),
    ("DeleteSnapshot",),
)


@dataclass(order=True, slots=True)
class Task:
    """An action on its way: not before when, by which operation, at which attempt, and what went wrong with it last."""

    not_before: float
    sequence: int
    action: Action = field(compare=False)
    operation: str = field(default="", compare=False)
    taken_at: float = field(default=0.0, compare=False)
    attempt: int = field(default=1, compare=False)
    lost_at: float | None = field(default=None, compare=False)
    problem: Problem | None = field(default=None, compare=False)


class WorkQueue:
    """Tasks in a line for each choice of operations, each operation with its bucket; for any number of threads."""

    def __init__(self, clock: Clock, deadline: float, limits: Mapping[str, Limit]) -> None:
        self._clock = clock
        self._deadline = deadline
        self._changed = threading.Condition()
        self._lines: dict[tuple[str, ...], list[Task]] = {operations: [] for operations in _LINES}
        self._buckets = {operation: TokenBucket(limit, clock.now()) for operation, limit in limits.items()}
        self._sequence = 0
        self._running = 0

    def put(self, actions: Iterable[Action], *, lost_at: float | None = None) -> None:
        """Add actions that may start at once; `lost_at` is when an answer was lost that may be about them."""
        with self._changed:
            for action in actions:
                self._sequence += 1
                heapq.heappush(self._lines[action.operations], Task(0.0, self._sequence, action, lost_at=lost_at))
            self._changed.notify_all()

    def next(self) -> Task | None:
        """Take the next task, waiting for it if need be; None when there is no more or no more time.

        It says by which operation. Whoever takes a task says `done` when it is through with it: it may have put
        further ones.
        """
        with self._changed:
            while True:
                now = self._clock.now()
                ready_at, operations, operation = self._soonest(now)
                if operation is None and self._running:
                    self._clock.wait(self._changed, None)
                elif operation is None or ready_at >= self._deadline:
                    return None
                elif ready_at > now:
                    self._clock.wait(self._changed, ready_at - now)
                else:
                    return self._take(operations, operation, now)

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
            heapq.heappush(self._lines[task.action.operations], task)
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

    def coming(self, operation: str, count: int) -> list[Action]:
        """Return the actions that come next and may go by an operation, without taking them."""
        with self._changed:
            lines = [tasks for operations, tasks in self._lines.items() if operation in operations]
            return [task.action for tasks in lines for task in heapq.nsmallest(count, tasks)][:count]

    def drain(self, *operations: str) -> list[Task]:
        """Take all tasks at once that may go by one of the operations, in order."""
        with self._changed:
            lines = [tasks for choice, tasks in self._lines.items() if not set(choice).isdisjoint(operations)]
            tasks = [task for line in lines for task in sorted(line)]
            for line in lines:
                line.clear()
            return tasks

    def _soonest(self, now: float) -> tuple[float, tuple[str, ...], str | None]:
        """Return when the next task can go, in which line it stands, and by which operation it goes."""
        choices = [
            (max(now, tasks[0].not_before, self._buckets[operation].ready_at(now)), operations, operation)
            for operations, tasks in self._lines.items()
            for operation in self._ways(operations, len(tasks), now)
        ]
        # Of equals the first: the lines are in their order.
        return min(choices, key=lambda c: (c[0], not self._buckets[c[2]].is_full(now)), default=(now, (), None))

    def _ways(self, operations: tuple[str, ...], count: int, now: float) -> tuple[str, ...]:
        """Return the operations to choose from: not more than one while its bucket has enough for the whole line."""
        if not count:
            return ()
        enough = self._buckets[operations[0]].tokens(now) >= count
        return operations[:1] if enough else operations

    def _take(self, operations: tuple[str, ...], operation: str, now: float) -> Task:
        self._buckets[operation].take(now)
        self._running += 1
        task = heapq.heappop(self._lines[operations])
        task.operation, task.taken_at = operation, now
        return task
