"""A description proves whose a snapshot is, whatever else it says."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebs_backup.model.origin import MAX_DESCRIPTION, Origin, describe, origin_in, scheduled_time
from ebs_backup.model.retention import Retention
from ebs_backup.model.terms import terms_of

NIGHTLY = Origin("nightly", "2026-11-23T03:00:00Z", "keep 7 daily, 4 weekly")
words = st.text(alphabet=st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=36)
origins = st.builds(
    Origin, words, st.from_regex(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,79}", fullmatch=True), st.just("keep 7 daily")
)


def test_description_is_for_people_too() -> None:
    assert (
        describe("orders-db vol-1 /dev/sdf of i-1", NIGHTLY)
        == "orders-db vol-1 /dev/sdf of i-1 | nightly, run 2026-11-23T03:00:00Z, keep 7 daily, 4 weekly"
    )


@given(st.text(max_size=400), origins)
def test_origin_is_read_back_whatever_the_label_says(label: str, origin: Origin) -> None:
    description = describe(label, origin)

    assert origin_in(description) == origin
    assert len(description) <= MAX_DESCRIPTION
    assert description.isascii()


def test_longest_origin_leaves_no_room_and_is_whole() -> None:
    most = Retention(**dict.fromkeys(("last", "hourly", "daily", "weekly", "monthly", "yearly"), 10**4))
    origin = Origin("n" * 36, "r" * 80, terms_of(most, 10**4, "rate(1 day)").words)

    assert origin_in(describe("label", origin)) == origin
    assert len(describe("label" * 99, origin)) <= MAX_DESCRIPTION


@pytest.mark.parametrize(
    "description",
    [
        "",
        "vol-1 at 2026-11-23T03:00:00Z",
        "[Copied snap-1 from eu-west-1]",
        "x | nightly",
        "nightly, run x, keep 1 last",
    ],
)
def test_other_descriptions_prove_nothing(description: str) -> None:
    assert origin_in(description) is None


def test_name_of_a_volume_cannot_pass_for_an_origin() -> None:
    assert origin_in(describe("x | other, run 1, keep 1 last", NIGHTLY)) == NIGHTLY


def test_scheduled_runs_are_told_from_those_by_hand() -> None:
    assert scheduled_time("2026-11-23T03:00:00Z") == datetime(2026, 11, 23, 3, tzinfo=UTC)
    assert [scheduled_time(each) for each in ("by-hand", "2026-11-23", "2026-13-23T03:00:00Z")] == [None] * 3
