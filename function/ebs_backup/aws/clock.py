"""The clock that everything goes by which waits or has a deadline, so that tests can bring their own."""

import threading
import time
from datetime import UTC, datetime


class Clock:
    """The system's clock."""

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
