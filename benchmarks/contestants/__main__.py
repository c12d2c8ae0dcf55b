"""Runs one contestant in this process and says what it cost.

    python -m benchmarks.contestants recipe

prints one line of JSON at the end. Needs nothing but the contestant's own packages, to run in their environment.
"""

import importlib
import json
import re
import sys
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.timescale import Timescale


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What a contestant took; times are seconds of the timescale, the processor's seconds are the machine's.

    `imported_at` is when its packages were there, `ended_at` when it was through. `failed` are the volumes that it says
    it has no snapshot of, `error` what ended it early.
    """

    imported_at: float
    ended_at: float
    cpu_seconds: float
    memory_mib: float
    failed: Collection[str]
    error: str | None


def main(name: str) -> None:
    """Run a contestant."""
    timescale = Timescale.from_environment()
    contestant = importlib.import_module(f"benchmarks.contestants.{name}")
    timescale.hurry()
    imported_at = timescale.now()
    failed: Collection[str] = ()
    error = None
    try:
        failed = contestant.back_up(timescale)
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"
    effort = Effort(
        imported_at=imported_at,
        ended_at=timescale.now(),
        cpu_seconds=time.process_time(),
        memory_mib=_peak_memory_kib() / 1024,
        failed=sorted(failed),
        error=error,
    )
    print(json.dumps(asdict(effort)), flush=True)


def _peak_memory_kib() -> int:
    """Return the most memory that this process ever had, not counting that of the one it was started from."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])


if __name__ == "__main__":
    main(sys.argv[1])
