"""The simulator's time, which a test can stop and move; everything that waits or ages asks here."""

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """The machine's clock plus what a test advanced it by, or a stopped clock that only a test moves."""

    def __init__(self, stopped_at: datetime | None = None) -> None:
        self._stopped_at = stopped_at
        self._advanced = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Tell the time."""
        return (self._stopped_at or datetime.now(UTC)) + self._advanced

    def advance(self, seconds: float) -> None:
        """Move time forward at once."""
        with self._lock:
            self._advanced += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """Let time pass: really, or by advancing a stopped clock."""
        if self._stopped_at is None:
            time.sleep(seconds)
        else:
            self.advance(seconds)
