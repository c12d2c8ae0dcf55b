"""A process is kept to its share of a core, whatever it does."""

import subprocess
import sys

import pytest

from benchmarks.quota import PERIOD, limit_cpu

BUSY = """
import threading, time
end = time.monotonic() + 1.5
def work():
    while time.monotonic() < end: pass
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(time.process_time() / 1.5)
"""


@pytest.mark.parametrize(("share", "period"), [(0.1, PERIOD), (0.4, PERIOD), (0.4, PERIOD / 4)])
def test_a_busy_process_gets_its_share_and_no_more(share: float, period: float) -> None:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", BUSY], stdout=subprocess.PIPE)
    limit_cpu(process, share, period)
    said, _ = process.communicate()

    # What else runs on the machine can take from it.
    assert 0.5 * share < float(said) < 1.15 * share


def test_an_idle_process_ends_when_it_is_through() -> None:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "raise SystemExit(3)"])
    limit_cpu(process, 0.5)

    assert process.wait() == 3
