import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebs_backup.apply.pacing import FASTER, SPARE, TokenBucket
from ebs_backup.aws.clock import SystemClock
from ebs_backup.model.limits import Limit


def _spend(bucket: TokenBucket, until: float) -> int:
    """Take every token as it falls due and return how many there were."""
    now, taken = 0.0, 0
    while (now := bucket.ready_at(now)) <= until:
        bucket.take(now)
        taken += 1
    return taken


def test_the_burst_but_for_a_few_is_there_at_once_and_then_tokens_come_at_the_rate() -> None:
    assert _spend(TokenBucket(Limit(100, 5), now=0.0), until=60.0) == 100 - SPARE + 5 * 60


def test_of_a_bucket_of_one_there_is_one() -> None:
    assert _spend(TokenBucket(Limit(1, 1), now=0.0), until=3.0) == 1 + 3


def test_requests_that_were_refused_together_slow_an_operation_down_once() -> None:
    bucket = TokenBucket(Limit(100, 5), now=0.0)

    for _ in range(4):
        bucket.throttled(1.0, taken_at=0.9)

    assert bucket.ready_at(1.0) == 1.0 + 1 / 2.5


@given(st.integers(1, 100), st.floats(0.5, 50), st.floats(0, 1000))
def test_a_bucket_never_gives_more_than_its_burst_and_its_rate(capacity: int, rate: float, until: float) -> None:
    assert _spend(TokenBucket(Limit(capacity, rate), now=0.0), until) <= capacity + rate * until + 1e-6


def test_a_token_that_was_put_back_can_be_spent() -> None:
    bucket = TokenBucket(Limit(1, 0.001), now=0.0)
    bucket.take(0.0)
    bucket.put_back()

    assert bucket.ready_at(0.0) == 0.0


def test_a_throttled_bucket_is_empty_and_refills_at_half_the_rate() -> None:
    bucket = TokenBucket(Limit(100, 5), now=0.0)

    bucket.throttled(0.0, taken_at=0.0)

    assert bucket.ready_at(0.0) == 1 / 2.5


def test_a_bucket_that_is_throttled_for_long_never_stops_altogether() -> None:
    bucket = TokenBucket(Limit(100, 5), now=0.0)
    for _ in range(100):
        bucket.throttled(0.0, taken_at=0.0)

    assert bucket.ready_at(0.0) < 15


def test_refusals_in_a_row_make_the_wait_longer_and_the_rate_no_lower() -> None:
    bucket, now = TokenBucket(Limit(100, 5), now=0.0), 0.0
    waits = []
    for _ in range(4):
        bucket.throttled(now, taken_at=now)
        waits.append(bucket.ready_at(now) - now)
        now = bucket.ready_at(now)
    bucket.take(now)
    bucket.accepted()

    assert waits == pytest.approx([1 / 2.5, 2 / 2.5, 4 / 2.5, 8 / 2.5])
    assert bucket.ready_at(now) - now == pytest.approx(1 / (2.5 * FASTER))


def test_a_bucket_comes_back_to_its_full_rate_while_ec2_takes_its_requests() -> None:
    bucket = TokenBucket(Limit(1, 5), now=0.0)
    bucket.throttled(0.0, taken_at=0.0)
    for _ in range(100):
        bucket.accepted()

    assert bucket.ready_at(0.0) == 1 / 5


def test_the_real_clock_moves_on_while_one_waits() -> None:
    clock, condition = SystemClock(), threading.Condition()
    start, began = clock.now(), time.monotonic()

    clock.sleep(0.01)
    with condition:
        clock.wait(condition, 0.01)

    assert clock.now() - start >= 0.02
    assert time.monotonic() - began >= 0.02
    assert abs(clock.utc() - datetime.now(UTC)) < timedelta(seconds=5)
