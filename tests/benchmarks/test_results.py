"""Results come back as they were written, and the page shows just them."""

import struct
from typing import Any

import pytest

from benchmarks.contestants import OURS
from benchmarks.measure import ROOT, Measurement
from benchmarks.plan import plan
from benchmarks.render import PAGE, aims, estate, filled, gigabyte_seconds, ranked, sizes
from benchmarks.results import PATH, Machine, Results, read, results
from tests.benchmarks.measurements import measurement

FOUND = read(PATH.read_text("utf-8"))
MACHINE = Machine(date="2026-11-23", processor="Z80", cores=1, python="3.13.0", boto3="1.44.5")


def _found(*measurements: Measurement) -> Results:
    return results(MACHINE, measurements)


# --- the page ---


def test_the_page_has_the_tables_of_the_results() -> None:
    page = PAGE.read_text("utf-8")

    assert filled(page, FOUND) == page, "out of date: make bench"


def test_the_page_leaves_out_nothing_that_was_planned_but_what_can_not_be_installed() -> None:
    wanted = {case for case in plan() if case.contestant != "custodian"}

    assert wanted <= FOUND.measurements.keys() <= set(plan())


@pytest.mark.parametrize("name", ["performance", "performance-lambda"])
def test_its_pictures_are_there(name: str) -> None:
    picture = (ROOT / "docs" / f"{name}.png").read_bytes()
    width, height = struct.unpack(">II", picture[16:24])

    assert picture.startswith(b"\x89PNG")
    assert min(width, height) > 300


def test_a_block_is_made_anew_and_the_rest_is_left_alone() -> None:
    page = "Before.\n<!-- benchmark: machine -->\nold\n<!-- /benchmark -->\nAfter.\n"

    assert filled(page, _found()) == (
        "Before.\n<!-- benchmark: machine -->\n\n2026-11-23, 1 cores of Z80, Python 3.13.0, boto3 1.44.5\n\n"
        "<!-- /benchmark -->\nAfter.\n"
    )


def test_what_the_page_concludes_of_memory_sizes_is_so() -> None:
    ours = {(c.estate, c.memory_mib): m for c, m in FOUND.measurements.items() if c.memory_mib and c.contestant == OURS}
    free = {case: 1 - m.memory_mib / (m.case.memory_mib or 1) for case, m in ours.items()}

    assert all(share > 0.3 for (_, size), share in free.items() if size != 128)
    assert free["small", 128] < 0.2
    for estate_ in ("small", "skewed"):
        slow, fast = ours[estate_, 256], ours[estate_, 512]
        assert fast.whole < 0.7 * slow.whole
        assert gigabyte_seconds(fast) == pytest.approx(gigabyte_seconds(slow), rel=0.35)
    assert gigabyte_seconds(ours["small", 1769]) > 1.1 * gigabyte_seconds(ours["small", 512])


# --- the results ---


def test_what_is_written_is_read_back() -> None:
    found = _found(
        measurement(), measurement("faulty", "recipe", 8, error="ClientError"), measurement(function_mib=128)
    )

    assert read(found.text()) == found


# --- the tables ---


def test_the_fastest_that_left_nothing_out_comes_first() -> None:
    found = [
        measurement(contestant="threads", started=1, missing=1),
        measurement(contestant="recipe", started=30),
        measurement(contestant="function", started=2),
        measurement(contestant="adaptive", started=3, doubled=1),
    ]

    assert [m.case.contestant for m in ranked(found)] == ["function", "recipe", "threads", "adaptive"]


def test_of_one_measured_at_several_timescales_the_slowest_scale_is_compared() -> None:
    found = [measurement(factor=8, started=1), measurement(factor=4, started=2)]

    assert [m.case.factor for m in ranked(found)] == [4]


@pytest.mark.parametrize(
    ("flaw", "verdict"),
    [
        ({}, "reached"),
        ({"started": 0.55 + 3.1}, "missed"),
        ({"over": 0.7 + 3.1}, "missed"),
        ({"throttled": 20}, "missed"),
        ({"missing": 1}, "missed"),
        ({"doubled": 1}, "missed"),
    ],
)
def test_the_aim_is_reached_only_in_all_its_parts(flaw: dict[str, Any], verdict: str) -> None:
    assert aims(_found(measurement(**flaw))).splitlines()[-1].endswith(f"| {verdict} |")


@pytest.mark.parametrize(("started", "verdict"), [(83.95 * 1.09, "reached"), (83.95 * 1.11, "missed")])
def test_where_the_limit_is_long_the_aim_is_a_ratio(started: float, verdict: str) -> None:
    m = measurement("medium", factor=4, started=started, over=130)

    assert aims(_found(m)).splitlines()[-1].endswith(f"| {verdict} |")


def test_a_contestant_that_ended_early_is_said_to_have() -> None:
    table = estate(_found(measurement("faulty", "recipe", 8, error="ClientError: x", missing=620)), "faulty")

    assert table.splitlines()[-1].startswith("| sequential recipe, ended by an error | 2.0 s |")


def test_a_function_is_billed_for_its_memory_as_long_as_it_runs() -> None:
    m = measurement(function_mib=512, whole=10)

    assert gigabyte_seconds(m) == pytest.approx(5)
    assert "| 512 MB | 29% | **this module** | 0.50 s | 1.0 s | 2.5 s | 10.0 s | 5.0 | 90 MiB |" in sizes(
        _found(m), "small"
    )
