"""The limit is the least time in which the buckets give out all requests, and what cannot be avoided besides."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.limit import limit

LOOK_FOR_REGIONS, PAGE, CHANGE = 0.200, 0.200, 0.150
CALLS = LOOK_FOR_REGIONS + PAGE + CHANGE


def test_what_fits_the_bursts_takes_three_calls() -> None:
    assert limit({"here": [1] * 200}).both_buckets == pytest.approx(CALLS)


def test_one_volume_a_call_waits_for_one_bucket() -> None:
    assert limit({"here": [1] * 1000}).one_by_one == pytest.approx(CALLS + 900 / 5)


def test_one_instance_a_call_waits_for_one_bucket_but_asks_it_for_less() -> None:
    assert limit({"here": [1] * 300 + [2] * 300}).by_instance == pytest.approx(CALLS + 500 / 5)


def test_both_buckets_share_the_calls_where_enough_volumes_are_alone() -> None:
    assert limit({"here": [1] * 300 + [2] * 300}).both_buckets == pytest.approx(CALLS + 200 / 5)


def test_sets_cannot_go_through_the_other_bucket() -> None:
    assert limit({"here": [1] * 10 + [2] * 300}).both_buckets == pytest.approx(CALLS + 200 / 5)


def test_each_thousand_volumes_are_a_page_more() -> None:
    assert limit({"here": [128] * 8}).both_buckets == pytest.approx(CALLS + PAGE)


def test_it_is_that_of_the_slowest_region() -> None:
    assert limit({"here": [1] * 500, "there": [1] * 900, "elsewhere": [1]}) == limit({"there": [1] * 900})


def test_all_is_done_when_each_snapshot_of_a_set_has_its_tags() -> None:
    assert limit({"here": [4] * 100}).complete == pytest.approx(CALLS + CHANGE + 300 / 10)


def test_without_sets_all_is_done_with_the_last_snapshot() -> None:
    without = limit({"here": [1] * 900})

    assert without.complete == without.both_buckets


@given(st.lists(st.integers(1, 24), min_size=1, max_size=900))
def test_the_buckets_give_out_all_requests_just_in_time(counts: list[int]) -> None:
    """Not a single token sooner would they have."""
    sets = sum(count > 1 for count in counts)

    def enough(seconds: float) -> bool:
        each = math.floor(100 + 5 * seconds + 1e-6)
        return sets <= each and len(counts) <= 2 * each

    waiting = limit({"here": counts}).both_buckets - LOOK_FOR_REGIONS - PAGE * math.ceil(sum(counts) / 1000) - CHANGE

    assert enough(waiting)
    assert waiting < 1e-6 or not enough(waiting - 0.2)


@given(st.lists(st.integers(1, 24), min_size=1, max_size=900))
def test_more_freedom_is_never_slower_and_more_to_do_never_faster(counts: list[int]) -> None:
    found = limit({"here": counts})

    assert found.both_buckets <= found.by_instance <= found.one_by_one
    assert found.both_buckets <= found.complete
