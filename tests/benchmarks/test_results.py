"""Results come back as they were written, and the page shows just them."""

import struct
from typing import Any

import pytest

from benchmarks.contestants import OURS
from benchmarks.estates import ESTATES
from benchmarks.limit import DELETES
from benchmarks.measure import ROOT, Measurement
from benchmarks.plan import plan
from benchmarks.render import PAGE, aims, bound, estate, filled, gigabyte_seconds, machine, ranked, sizes
from benchmarks.results import PATH, Machine, Results, read, results
from tests.benchmarks.measurements import measurement

FOUND = read(PATH.read_text("utf-8"))
MACHINE = Machine(processor="Z80", cores=1, python="3.13.0", boto3="1.44.5")


def _found(*measurements: Measurement) -> Results:
    return results(MACHINE, measurements)


# --- the page ---


def test_page_has_the_tables_of_the_results() -> None:
    page = PAGE.read_text("utf-8")

    assert filled(page, FOUND) == page, "out of date: make bench"


def test_page_shows_all_planned_and_installable_contestants() -> None:
    wanted = {case for case in plan() if case.contestant != "custodian"}

    assert wanted <= FOUND.measurements.keys() <= set(plan())


@pytest.mark.parametrize("name", ["performance", "performance-lambda"])
def test_page_has_its_pictures(name: str) -> None:
    picture = (ROOT / "docs" / f"{name}.png").read_bytes()
    width, height = struct.unpack(">II", picture[16:24])

    assert picture.startswith(b"\x89PNG")
    assert min(width, height) > 300


def test_render_replaces_only_its_blocks() -> None:
    page = "Before.\n<!-- benchmark: machine -->\nold\n<!-- /benchmark -->\nAfter.\n"

    assert filled(page, _found(measurement())) == (
        "Before.\n<!-- benchmark: machine -->\n\n2026-11-23, 1 cores of Z80, Python 3.13.0, boto3 1.44.5\n\n"
        "<!-- /benchmark -->\nAfter.\n"
    )


def test_page_has_first_and_last_date_of_measurement() -> None:
    dates = ["2026-11-24", "2026-11-21", "2026-11-23"]
    found = _found(*(measurement(factor=n, date=date) for n, date in enumerate(dates, 1)))

    assert machine(found).startswith("2026-11-21 to 2026-11-24, 1 cores")


# --- what the page concludes ---


def _of_size(estate: str, size: int) -> Measurement:
    (found,) = (m for m in FOUND.sized(estate) if m.case.memory_mib == size and m.case.contestant == OURS)
    return found


def test_128_mb_leave_too_little_for_the_runtime() -> None:
    assert _of_size("small", 128).memory_mib > 0.8 * 128
    assert _of_size("skewed", 256).memory_mib > 128


@pytest.mark.parametrize("estate", ["small", "skewed", "history"])
def test_256_mb_hold_the_function_with_room(estate: str) -> None:
    assert _of_size(estate, 256).memory_mib < 0.75 * 256


def test_128_mb_save_nothing_and_double_the_time() -> None:
    least, next_ = _of_size("small", 128), _of_size("small", 256)

    assert least.whole > 2 * next_.whole
    assert gigabyte_seconds(least) > gigabyte_seconds(next_)


@pytest.mark.parametrize("estate", ["small", "skewed"])
def test_512_mb_halve_the_time_for_a_third_more_cost(estate: str) -> None:
    slow, fast = _of_size(estate, 256), _of_size(estate, 512)

    assert 1 / 2 <= fast.whole / slow.whole <= 2 / 3
    assert 1 <= gigabyte_seconds(fast) / gigabyte_seconds(slow) <= 4 / 3


def test_1769_mb_cost_more_than_512_mb_and_gain_seconds() -> None:
    default, core = _of_size("small", 512), _of_size("small", 1769)

    assert gigabyte_seconds(core) > gigabyte_seconds(default)
    assert core.whole < default.whole < core.whole + 20


def test_512_mb_cost_half_more_in_a_run_that_waits() -> None:
    (core,) = FOUND.of("history")

    assert 0.5 * core.whole > 1.5 * gigabyte_seconds(_of_size("history", 256))


@pytest.mark.parametrize("size", [None, 256])
def test_invocation_deletes_exactly_what_is_due(size: int | None) -> None:
    (m,) = (m for c, m in FOUND.measurements.items() if (c.estate, c.memory_mib) == ("history", size))

    assert (m.deleted, m.wrongly_deleted, m.missing) == (ESTATES["history"].due, 0, 0)
    assert m.whole < 900


def test_run_with_a_history_ends_late_only_by_deletions() -> None:
    (m,) = FOUND.of("history")

    assert "missed: all done |" in aims(_found(m))
    assert m.over > bound(m).both_buckets + DELETES.drained(ESTATES["history"].due)


def test_only_the_deletion_time_misses_its_aim() -> None:
    assert [line for line in aims(FOUND).splitlines() if "missed" in line] == [
        line for line in aims(FOUND).splitlines() if ESTATES["history"].title in line
    ]


# --- the results ---


def test_results_are_read_back_as_written() -> None:
    found = _found(
        measurement(), measurement("faulty", "recipe", 8, error="ClientError"), measurement(function_mib=128)
    )

    assert read(found.text()) == found


# --- the tables ---


def test_fastest_that_left_nothing_out_comes_first() -> None:
    found = [
        measurement(contestant="threads", started=1, missing=1),
        measurement(contestant="recipe", started=30),
        measurement(contestant="function", started=2),
        measurement(contestant="adaptive", started=3, doubled=1),
    ]

    assert [m.case.contestant for m in ranked(found)] == ["function", "recipe", "threads", "adaptive"]


def test_comparison_takes_the_slowest_timescale() -> None:
    found = [measurement(factor=8, started=1), measurement(factor=4, started=2)]

    assert [m.case.factor for m in ranked(found)] == [4]


@pytest.mark.parametrize(
    ("flaw", "verdict"),
    [
        ({}, "reached"),
        ({"started": 0.55 + 3.1}, "missed: last snapshot started"),
        ({"over": 0.7 + 3.1}, "missed: all done"),
        ({"throttled": 20}, "missed: throttled"),
        ({"missing": 1}, "missed: snapshots"),
        ({"doubled": 1}, "missed: snapshots"),
        ({"started": 4, "over": 4}, "missed: last snapshot started, all done"),
    ],
)
def test_aim_is_reached_only_in_all_its_parts(flaw: dict[str, Any], verdict: str) -> None:
    assert aims(_found(measurement(**flaw))).splitlines()[-1].endswith(f"| {verdict} |")


@pytest.mark.parametrize(
    ("flaw", "verdict"),
    [
        ({}, "reached"),
        ({"deleted": 1999}, "missed: deletions"),
        ({"wrongly_deleted": 1}, "missed: deletions"),
        ({"over": 389.15 * 1.11}, "missed: all done"),
    ],
)
def test_aim_demands_exactly_the_due_deletions(flaw: dict[str, Any], verdict: str) -> None:
    m = measurement("history", **({"deleted": 2000} | flaw))

    assert aims(_found(m)).splitlines()[-1].endswith(f"| {verdict} |")


@pytest.mark.parametrize(
    ("flaw", "verdict"),
    [
        ({"started": 15.75 + 2.9, "over": 100}, "reached; all done not judged"),
        ({"started": 15.75 + 3.1}, "missed: last snapshot started"),
    ],
)
def test_aim_ignores_time_when_faults_are_injected(flaw: dict[str, Any], verdict: str) -> None:
    assert aims(_found(measurement("faulty", **flaw))).splitlines()[-1].endswith(f"| {verdict} |")


@pytest.mark.parametrize(
    ("started", "verdict"), [(83.95 * 1.09, "reached"), (83.95 * 1.11, "missed: last snapshot started")]
)
def test_aim_is_a_ratio_when_the_limit_is_long(started: float, verdict: str) -> None:
    m = measurement("medium", factor=4, started=started, over=130)

    assert aims(_found(m)).splitlines()[-1].endswith(f"| {verdict} |")


def test_page_says_when_a_contestant_ended_early() -> None:
    table = estate(_found(measurement("faulty", "recipe", 8, error="ClientError: x", missing=620)), "faulty")

    assert table.splitlines()[-1].startswith("| sequential recipe, ended by an error | 2.0 s |")


def test_page_counts_deletions_where_some_are_due() -> None:
    table = estate(_found(measurement("history", deleted=1999, wrongly_deleted=1)), "history")

    assert "and 2,000 earlier ones are deleted." in table
    assert table.splitlines()[-1].endswith("| 1,999 of 2,000 | 1 |")
    assert "deleted" not in estate(_found(measurement("medium")), "medium")


def test_page_counts_what_a_function_leaves_undone() -> None:
    m = measurement("history", function_mib=256, missing=7, deleted=1500)

    assert "| **this module**, 7 snapshots and 500 deletions left for its next attempt |" in sizes(_found(m), "history")


def test_table_is_empty_without_measurements() -> None:
    assert all(f(_found(measurement()), "history").endswith("|") for f in (estate, sizes))
    assert read(_found().text()) == _found()


def test_new_measurements_replace_only_the_same_case() -> None:
    old = [measurement(contestant=name, started=1) for name in ("recipe", "threads")]
    new = measurement(contestant="threads", started=2)
    both = [new.case, measurement("tiny").case, old[0].case]

    assert list(_found(*old).with_new([new]).in_order(both).measurements.values()) == [new, old[0]]


def test_function_is_billed_for_its_memory_as_long_as_it_runs() -> None:
    m = measurement(function_mib=512, whole=10)

    assert gigabyte_seconds(m) == pytest.approx(5)
    assert "| 512 MB | 29% | **this module** | 0.50 s | 1.0 s | 2.5 s | 10.0 s | 5.0 | 90 MiB |" in sizes(
        _found(m), "small"
    )
