"""Time that passes faster: minutes of an estate's backup take seconds, in every process of a measurement alike.

Knows the standard library only, since it also runs in the environments of others.
"""

import json
import os
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

_VARIABLE: Final = "BENCHMARK_TIMESCALE"


@dataclass(frozen=True, slots=True)
class Timescale:
    """A clock that runs `factor` times as fast as the machine's, from the same origin in all processes.

    It reads the machine's monotonic clock, which on Linux and macOS all processes share.
    """

    factor: float
    origin: float
    utc_origin: float

    @classmethod
    def starting_now(cls, factor: float, at: datetime | None = None) -> Self:
        """Start a clock, at a date and time that need not be the real one."""
        return cls(factor, time.monotonic(), at.timestamp() if at else time.time())

    @classmethod
    def from_environment(cls) -> Self:
        """Read the clock that the process was started with."""
        return cls(**json.loads(os.environ[_VARIABLE]))

    def environment(self) -> dict[str, str]:
        """Return what hands the clock on to a process."""
        return {_VARIABLE: json.dumps(asdict(self))}

    def now(self) -> float:
        """Return seconds since the origin."""
        return (time.monotonic() - self.origin) * self.factor

    def utc(self) -> datetime:
        """Return the date and time."""
        return datetime.fromtimestamp(self.utc_origin, UTC) + timedelta(seconds=self.now())

    def real(self, seconds: float) -> float:
        """Return how many of the machine's seconds some seconds are."""
        return seconds / self.factor

    def sleep(self, seconds: float) -> None:
        """Let seconds pass."""
        _SLEEP(self.real(seconds))

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        """Let seconds pass, or fewer if the condition (held by the caller) is notified."""
        condition.wait(None if seconds is None else self.real(seconds))

    def hurry(self) -> None:
        """Make the sleeps of code that does not know of this clock shorter, in this process."""
        setattr(time, _SLEEP.__name__, self.sleep)


_SLEEP: Final = time.sleep
