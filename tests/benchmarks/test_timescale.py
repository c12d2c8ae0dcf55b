"""Scaled time passes faster, and the same in every process."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.timescale import Timescale


def test_clock_runs_as_fast_as_asked() -> None:
    clock = Timescale.starting_now(100)
    before, began, after = time.monotonic(), clock.now(), time.monotonic()
    clock.sleep(5)
    earliest, passed, latest = time.monotonic(), clock.now() - began, time.monotonic()

    assert 100 * (earliest - after) <= passed <= 100 * (latest - before)
    assert passed >= 5


def test_date_moves_with_the_clock() -> None:
    clock = Timescale.starting_now(3600)
    began = clock.utc()
    clock.sleep(60)

    assert (clock.utc() - began).total_seconds() >= 60


def test_clock_can_begin_at_another_date() -> None:
    begins = datetime(2026, 11, 18, 3, tzinfo=UTC)

    assert timedelta() <= Timescale.starting_now(10, begins).utc() - begins < timedelta(minutes=10)


def test_another_process_is_given_the_same_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Timescale.starting_now(7)
    for name, value in clock.environment().items():
        monkeypatch.setenv(name, value)

    assert Timescale.from_environment() == clock


def test_condition_wait_is_scaled() -> None:
    condition = threading.Condition()
    began = time.monotonic()
    with condition:
        Timescale.starting_now(1000).wait(condition, 60)

    assert 0.06 <= time.monotonic() - began < 60


def test_sleep_is_scaled_in_unaware_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", time.sleep)  # to be put back
    Timescale.starting_now(1000).hurry()
    began = time.monotonic()
    time.sleep(60)

    assert 0.06 <= time.monotonic() - began < 60
