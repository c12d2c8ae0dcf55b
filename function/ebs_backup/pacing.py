"""Time: the clock the engine goes by, and EC2's request buckets as it knows them."""

import threading
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the engine needs of time, so that tests can bring their own."""

    def now(self) -> float:
        """Return seconds on a clock that never goes back."""

    def utc(self) -> datetime:
        """Return the date and time."""

    def sleep(self, seconds: float) -> None:
        """Let seconds pass."""

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        """Let seconds pass, or fewer if the condition (held by the caller) is notified."""


class SystemClock:
    """The real one."""

    def now(self) -> float:
        """Return seconds on a clock that never goes back."""
        return time.monotonic()

    def utc(self) -> datetime:
        """Return the date and time."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Let seconds pass."""
        time.sleep(seconds)

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        """Let seconds pass, or fewer if the condition (held by the caller) is notified."""
        condition.wait(seconds)


class TokenBucket:
    """One of EC2's request buckets: a burst, refilled at a rate; halved while EC2 says that others draw on it too.

    EC2 meters each of CreateSnapshot, CreateSnapshots and DeleteSnapshot by itself, per account and region: 100
    requests, refilled at 5 a second; CreateTags at 10:
    https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
    """

    def __init__(self, capacity: float, rate: float, now: float) -> None:
        self._capacity = self._tokens = capacity
        self._full_rate = self._rate = rate
        self._filled_at = now

    def ready_at(self, now: float) -> float:
        """Return when the next token will be there, in the clock's seconds."""
        self._refill(now)
        return now if self._tokens >= 1 else now + (1 - self._tokens) / self._rate

    def take(self, now: float) -> None:
        """Spend a token."""
        self._refill(now)
        self._tokens -= 1

    def put_back(self) -> None:
        """Return a token that was not spent on a request after all."""
        self._tokens = min(self._capacity, self._tokens + 1)

    def throttled(self, now: float) -> None:
        """Learn that EC2's bucket is empty: start from none, at half the rate."""
        self._refill(now)
        self._tokens = min(self._tokens, 0.0)
        self._rate = max(self._rate / 2, self._full_rate / 16)

    def accepted(self) -> None:
        """Learn that EC2 took a request: come back to the full rate, little by little."""
        self._rate = min(self._full_rate, self._rate * 1.1)

    def _refill(self, now: float) -> None:
        self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
