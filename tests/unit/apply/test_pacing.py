import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebs_backup.apply.pacing import FASTER, SPARE, TokenBucket
from ebs_backup.model.limits import Limit


def _spend(bucket: TokenBucket, until: float) -> int:
    """Take every token as it falls due and return how many there were."""
    now, taken = 0.0, 0
    while (now := bucket.ready_at(now)) <= until:
        bucket.take(now)
        taken += 1
    return taken


def test_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    assert _spend(TokenBucket(Limit(100, 5), now=0.0), until=60.0) == 100 - SPARE + 5 * 60


def test_bucket_of_one_gives_one() -> None:
    assert _spend(TokenBucket(Limit(1, 1), now=0.0), until=3.0) == 1 + 3


def test_requests_refused_together_slow_the_bucket_once() -> None:
    bucket = TokenBucket(Limit(100, 5), now=0.0)

    for _ in range(4):
        bucket.throttled(1.0, taken_at=0.9)

    assert bucket.ready_at(1.0) == 1.0 + 1 / 2.5


@given(st.integers(1, 100), st.floats(0.5, 50), st.floats(0, 1000))
def test_bucket_never_gives_more_than_its_burst_and_rate(capacity: int, rate: float, until: float) -> None:
    assert _spend(TokenBucket(Limit(capacity, rate), now=0.0), until) <= capacity + rate * until + 1e-6


def test_token_put_back_can_be_spent() -> None:
    bucket = TokenBucket(Limit(1, 0.001), now=0.0)
    bucket.take(0.0)
    bucket.put_back()

    assert bucket.ready_at(0.0) == 0.0


def test_bucket_never_stops_however_long_it_is_throttled() -> None:
    bucket = TokenBucket(Limit(100, 5), now=0.0)
    for _ in range(100):
        bucket.throttled(0.0, taken_at=0.0)

    assert bucket.ready_at(0.0) < 15


def test_refusals_in_a_row_lengthen_the_wait_alone() -> None:
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


def test_bucket_recovers_its_rate_while_ec2_takes_requests() -> None:
    bucket = TokenBucket(Limit(1, 5), now=0.0)
    bucket.throttled(0.0, taken_at=0.0)
    for _ in range(100):
        bucket.accepted()

    assert bucket.ready_at(0.0) == 1 / 5
