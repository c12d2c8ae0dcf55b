"""The limit is the least time in which the buckets give out all requests, and what cannot be avoided besides."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.limit import Bucket, Limit, Work, limit

LOOK_FOR_REGIONS, PAGE, CHANGE = 0.200, 0.200, 0.150
CALLS = LOOK_FOR_REGIONS + PAGE + CHANGE


def _of(*instances: int) -> Limit:
    return limit([Work(instances=instances)])


def test_small_estate_takes_three_calls() -> None:
    assert _of(*[1] * 200).both_buckets == pytest.approx(CALLS)


def test_single_volumes_wait_for_one_bucket() -> None:
    assert _of(*[1] * 1000).one_by_one == pytest.approx(CALLS + 900 / 5)


def test_sets_wait_for_one_bucket_with_fewer_calls() -> None:
    assert _of(*[1] * 300, *[2] * 300).by_instance == pytest.approx(CALLS + 500 / 5)


def test_both_buckets_share_calls_when_volumes_are_alone() -> None:
    assert _of(*[1] * 300, *[2] * 300).both_buckets == pytest.approx(CALLS + 200 / 5)


def test_sets_cannot_go_through_the_other_bucket() -> None:
    assert _of(*[1] * 10, *[2] * 300).both_buckets == pytest.approx(CALLS + 200 / 5)


def test_each_thousand_volumes_add_a_page() -> None:
    assert _of(*[128] * 8).both_buckets == pytest.approx(CALLS + PAGE)


def test_limit_uses_what_another_tool_leaves() -> None:
    work = Work(instances=[1] * 30 + [2] * 176, single=Bucket(0, 2))

    # After 15.2 s the one has given out 100 + 76 requests and the other 30: 100 + 5 t + 2 t = 206, in whole requests.
    assert limit([work]).both_buckets == pytest.approx(CALLS + 15.2)


def test_deletions_overlap_once_the_history_is_read() -> None:
    found = limit([Work(instances=[1] * 500, earlier=11_000, due=500)])

    assert found.both_buckets == _of(*[1] * 500).both_buckets
    assert found.complete == pytest.approx(LOOK_FOR_REGIONS + 11 * PAGE + CHANGE + 400 / 5)


def test_few_deletions_do_not_move_the_limit() -> None:
    assert limit([Work(instances=[1] * 900, earlier=900, due=100)]).complete == _of(*[1] * 900).complete


def test_limit_is_that_of_the_slowest_region() -> None:
    assert limit([Work(instances=[1] * n) for n in (500, 900, 1)]) == _of(*[1] * 900)


def test_end_comes_when_each_snapshot_of_a_set_has_tags() -> None:
    assert _of(*[4] * 100).complete == pytest.approx(CALLS + CHANGE + 300 / 10)


def test_end_comes_with_the_last_snapshot_without_sets() -> None:
    without = _of(*[1] * 900)

    assert without.complete == without.both_buckets


@given(st.lists(st.integers(1, 24), min_size=1, max_size=900))
def test_buckets_give_out_all_requests_just_in_time(counts: list[int]) -> None:
    """Not a single token sooner would they have."""
    sets = sum(count > 1 for count in counts)

    def enough(seconds: float) -> bool:
        each = math.floor(100 + 5 * seconds + 1e-6)
        return sets <= each and len(counts) <= 2 * each

    waiting = _of(*counts).both_buckets - LOOK_FOR_REGIONS - PAGE * math.ceil(sum(counts) / 1000) - CHANGE

    assert enough(waiting)
    assert waiting < 1e-6 or not enough(waiting - 0.2)


@given(st.lists(st.integers(1, 24), min_size=1, max_size=900))
def test_more_freedom_is_never_slower_and_more_to_do_never_faster(counts: list[int]) -> None:
    found = _of(*counts)

    assert found.both_buckets <= found.by_instance <= found.one_by_one
    assert found.both_buckets <= found.complete
