"""The queue of a region's actions: hands out the next one whose time has come and whose bucket has a token.

Knows pacing and the deadline, and nothing of what the actions do.
"""

import heapq
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from .model import Action, Problem
from .pacing import Clock, TokenBucket

# Requests that an API's bucket holds, and requests a second that refill it (see TokenBucket).
BUCKETS = {
    "CreateSnapshot": (100, 5),
    "CreateSnapshots": (100, 5),
    "CreateTags": (100, 10),
    "DeleteSnapshot": (100, 5),
}


@dataclass(order=True, slots=True)
class Task:
    """An action on its way: not before when, at which attempt, and what went wrong with it last."""

    not_before: float
    sequence: int
    action: Action = field(compare=False)
    attempt: int = field(default=1, compare=False)
    lost_at: float | None = field(default=None, compare=False)
    problem: Problem | None = field(default=None, compare=False)


class WorkQueue:
    """Tasks by EC2 operation, each operation with its bucket; for any number of threads."""

    def __init__(self, clock: Clock, deadline: float) -> None:
        self._clock = clock
        self._deadline = deadline
        self._changed = threading.Condition()
        self._tasks: dict[str, list[Task]] = {operation: [] for operation in BUCKETS}
        self._buckets = {operation: TokenBucket(*size, clock.now()) for operation, size in BUCKETS.items()}
        self._sequence = 0
        self._running = 0

    def put(self, actions: Iterable[Action], *, lost_at: float | None = None) -> None:
        """Add actions that may start at once; `lost_at` is when an answer was lost that may be about them."""
        with self._changed:
            for action in actions:
                self._sequence += 1
                heapq.heappush(self._tasks[action.operation], Task(0.0, self._sequence, action, lost_at=lost_at))
            self._changed.notify_all()

    def next(self) -> Task | None:
        """Take the next task, waiting for it if need be; None when there is no more or no more time.

        Whoever takes a task says `done` when it is through with it: it may have put further ones.
        """
        with self._changed:
            while True:
                now = self._clock.now()
                ready_at, operation = self._soonest(now)
                if operation is None and self._running:
                    self._clock.wait(self._changed, None)
                elif operation is None or ready_at >= self._deadline:
                    return None
                elif ready_at > now:
                    self._clock.wait(self._changed, ready_at - now)
                else:
                    self._buckets[operation].take(now)
                    self._running += 1
                    return heapq.heappop(self._tasks[operation])

    def done(self) -> None:
        """Say that a task taken is through."""
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def again(self, task: Task, after: float, *, token_spent: bool = True) -> None:
        """Put a task back, to be taken again after some seconds."""
        with self._changed:
            if not token_spent:
                self._buckets[task.action.operation].put_back()
            task.not_before = self._clock.now() + after
            heapq.heappush(self._tasks[task.action.operation], task)
            self._changed.notify_all()

    def throttled(self, task: Task) -> None:
        """Put a task back that EC2 throttled, and slow its operation down."""
        with self._changed:
            self._buckets[task.action.operation].throttled(self._clock.now())
        self.again(task, 0.0)

    def accepted(self, operation: str, *, token_spent: bool = True) -> None:
        """Learn that an operation's task went through, with or without the request it had a token for."""
        with self._changed:
            if token_spent:
                self._buckets[operation].accepted()
            else:
                self._buckets[operation].put_back()

    def coming(self, operation: str, count: int) -> list[Action]:
        """Return the actions that come next, without taking them."""
        with self._changed:
            return [task.action for task in heapq.nsmallest(count, self._tasks[operation])]

    def drain(self, *operations: str) -> list[Task]:
        """Take all tasks of the operations at once, in order."""
        with self._changed:
            tasks = [task for operation in operations for task in sorted(self._tasks[operation])]
            for operation in operations:
                self._tasks[operation].clear()
            return tasks

    def _soonest(self, now: float) -> tuple[float, str | None]:
        ready = [
            (max(now, tasks[0].not_before, self._buckets[operation].ready_at(now)), operation)
            for operation, tasks in self._tasks.items()
            if tasks
        ]
        return min(ready, default=(now, None))
