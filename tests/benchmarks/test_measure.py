"""A measurement says what became of the estate and what it took."""

import subprocess
import sys

import pytest

from benchmarks.contestants import TITLES
from benchmarks.measure import ROOT, Case, measure
from benchmarks.render import bound


@pytest.mark.parametrize("memory_mib", [None, 512])
def test_function_backs_up_the_tiny_estate_with_and_without_tls(memory_mib: int | None) -> None:
    m = measure(Case(estate="tiny", contestant="function", factor=3, memory_mib=memory_mib))

    assert (m.missing, m.doubled, m.wrongly_failed, m.throttled, m.error) == (0, 0, 0, 0, None)
    assert bound(m).both_buckets < m.started < m.over < m.whole
    assert 0 < m.first_page < m.whole
    assert 20 < m.memory_mib < 500
    assert 0.1 < m.cpu_seconds < 30
    assert 0 < m.endpoint_cpu_share < 1


def test_early_end_of_a_contestant_is_a_result() -> None:
    m = measure(Case(estate="faulty", contestant="recipe", factor=8))

    assert m.error
    assert "SnapshotCreationPerVolumeRateExceeded" in m.error
    assert m.missing > 0


def test_quick_benchmark_runs_and_writes_nothing() -> None:
    before = (ROOT / "benchmarks" / "results.json").read_bytes()
    command = [sys.executable, "-m", "benchmarks", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)

    ours, threads = done.stdout.splitlines()
    assert TITLES["function"] in ours
    assert TITLES["threads"] in threads
    assert "0 missing, 0 doubled" in ours
    assert (ROOT / "benchmarks" / "results.json").read_bytes() == before
