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


def limit_cpu(process: subprocess.Popen[bytes], share: float, period: float = PERIOD) -> None:
    """Let a process have its share of a core, until it ends."""
    quota = period * share
    spendable, ends, stopped = quota, time.monotonic() + period, False
    with suppress(OSError):  # from the clock of a process that has just ended
        while process.poll() is None:
            left, rest = spendable - _spent(process.pid), ends - time.monotonic()
            if rest <= 0:
                # A new period: what is left of the last one is lost, what was overdrawn is not forgiven.
                spendable, ends = spendable - max(0.0, left) + quota, ends + period
            elif stopped != (left <= 0):
                stopped = not stopped
                process.send_signal(signal.SIGSTOP if stopped else signal.SIGCONT)
            else:
                time.sleep(rest if stopped else max(_SHORTEST_NAP, min(rest, left)))


def _spent(pid: int) -> float:
    """Return the processor seconds of all threads of a process: its clock's number is made of its id on Linux."""
    return time.clock_gettime((~pid << 3) | 2)
