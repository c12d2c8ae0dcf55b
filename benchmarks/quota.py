"""A share of one processor core for a process, as Lambda gives it by memory size.

A process is stopped by a signal once it has spent its quota of a period, and goes on in the next one; what it overdrew
counts against that. Works on any Linux, for anybody.
"""

import signal
import subprocess
import time
from contextlib import suppress
from typing import Final

MIB_PER_CORE: Final = 1769
"""The memory size at which a function has the equivalent of one core:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
PERIOD: Final = 0.020
"""Seconds; Lambda's own period is not documented."""
_SHORTEST_NAP: Final = 0.0002


class Quota:
    """What a process may still spend, by the times at which it is looked at; all in seconds."""

    def __init__(self, share: float, period: float, now: float) -> None:
        self._quota, self._period = period * share, period
        self._spendable, self._ends = self._quota, now + period

    def look(self, now: float, spent: float) -> tuple[bool, float]:
        """Tell whether a process that has spent so much by now may run, and how long it need not be looked at."""
        while now >= self._ends:
            # A new period: what is left of the last one is lost, what was overdrawn is not forgiven.
            self._spendable += self._quota - max(0.0, self._spendable - spent)
            self._ends += self._period
        left, rest = self._spendable - spent, self._ends - now
        return (True, max(_SHORTEST_NAP, min(rest, left))) if left > 0 else (False, rest)


def limit_cpu(process: subprocess.Popen[bytes], share: float, period: float = PERIOD) -> None:
    """Let a process have its share of a core, until it ends."""
    quota, running = Quota(share, period, time.monotonic()), True
    with suppress(OSError):  # from the clock of a process that has just ended
        while process.poll() is None:
            may_run, nap = quota.look(time.monotonic(), _spent(process.pid))
            if may_run != running:
                running = may_run
                process.send_signal(signal.SIGCONT if may_run else signal.SIGSTOP)
            time.sleep(nap)


def _spent(pid: int) -> float:
    """Return the processor seconds of all threads of a process: its clock's number is made of its id on Linux."""
    return time.clock_gettime((~pid << 3) | 2)
