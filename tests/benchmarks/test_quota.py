"""A process is kept to its share of a core, whatever it does."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.quota import PERIOD, Quota, limit_cpu

SHARE = 0.25
QUOTA = SHARE * PERIOD
# By how much the watcher may oversleep, in seconds, and on how many cores the process may be at once.
LATENESS = st.floats(0, 2 * PERIOD)
CORES = st.integers(1, 4)

BUSY = """
import threading, time
end = time.monotonic() + 1
def work():
    while time.monotonic() < end: pass
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(time.process_time())
"""


@given(st.lists(st.tuples(LATENESS, CORES), min_size=1, max_size=200))
def test_busy_process_gets_at_most_its_share(
    looks: list[tuple[float, int]],
) -> None:
    quota, now, spent, overdrawn = Quota(SHARE, PERIOD, now=0.0), 0.0, 0.0, 0.0
    for late, cores in looks:
        may_run, nap = quota.look(now, spent)
        if may_run:
            spent += cores * (nap + late)
            overdrawn = cores * (nap + late)
        now += nap + late

    assert spent <= SHARE * now + QUOTA + overdrawn + 1e-9


@given(CORES)
def test_busy_process_gets_all_of_its_share_when_watched(cores: int) -> None:
    quota, now, spent = Quota(SHARE, PERIOD, now=0.0), 0.0, 0.0
    while now < 100 * PERIOD:
        may_run, nap = quota.look(now, spent)
        spent += cores * nap if may_run else 0
        now += nap

    assert spent >= SHARE * 100 * PERIOD * 0.99


def test_unused_share_of_a_period_is_lost() -> None:
    quota = Quota(SHARE, PERIOD, now=0.0)

    may_run, nap = quota.look(now=10 * PERIOD, spent=0.0)

    assert may_run
    assert nap == pytest.approx(QUOTA)


def test_overdraft_counts_against_later_periods() -> None:
    quota = Quota(SHARE, PERIOD, now=0.0)

    assert [quota.look(number * PERIOD, spent=3.5 * QUOTA)[0] for number in range(5)] == [
        False,
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_threads_of_a_process_together_are_stopped_in_time(share: float) -> None:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", BUSY], stdout=subprocess.PIPE)
    limit_cpu(process, share)
    said, _ = process.communicate()

    # Unlimited it takes a core at the least: that tells them apart, however late the watcher wakes.
    assert 0 < float(said) < 0.6


def test_idle_process_ends_when_it_is_through() -> None:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "raise SystemExit(3)"])
    limit_cpu(process, 0.5)

    assert process.wait() == 3
