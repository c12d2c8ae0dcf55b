"""The costs of README.md and docs/cost.md follow from prices, defaults and measurements."""

import re
from collections import Counter
from math import prod

import pytest

from tests.docs.markdown import ROOT, rows, section
from tools.inputs_outputs import declarations

README = (ROOT / "README.md").read_text("utf-8")
PAGE = (ROOT / "docs" / "cost.md").read_text("utf-8")
LAMBDA, STEPS = (" ".join(section(PAGE, title).split()) for title in ("Lambda", "Step Functions"))
PERFORMANCE = (ROOT / "docs" / "performance.md").read_text("utf-8")

DOLLARS_A_GB = 0.05
DAILY_GIB = 0.02 * 500 * 50
TRANSITIONS = 3 + 3 * 17


def _price(text: str) -> float:
    [price] = re.findall(r"\[\$(0\.0000\d+)\]", text)
    return float(price)


@pytest.mark.parametrize("row", rows(section(PAGE, "Snapshots")), ids=lambda row: row[0])
def test_snapshots_cost_what_they_store(row: list[str]) -> None:
    _, days, stored, dollars = row
    gib = 500 * 50 + int(days) * DAILY_GIB

    assert stored == f"25,000 + {days} \u00d7 {DAILY_GIB:.0f} = {gib:,.0f} GiB"
    assert dollars == f"${gib * DOLLARS_A_GB:,.0f}"


def test_snapshots_of_months_and_years_cost_what_they_store() -> None:
    for _, stored, dollars in rows(section(PAGE, "Snapshots of months and years")):
        terms = stored.partition("=")[0].replace(",", "").split("+")
        gib = sum(prod(int(factor) for factor in term.split("\u00d7")) for term in terms)

        assert stored.endswith(f"= {gib:,} GiB")
        assert dollars == f"${gib * DOLLARS_A_GB:,.0f}"


def test_readme_has_the_same_costs() -> None:
    cost = section(README, "Cost")

    low, high = (row[2] for row in rows(section(PAGE, "Snapshots of months and years")))

    assert [row[1] for row in rows(cost)][:3] == [row[3] for row in rows(section(PAGE, "Snapshots"))]
    assert rows(cost)[3][1] == f"{low} to {high}"
    assert f"${30 * DAILY_GIB * DOLLARS_A_GB:.0f} more each month" in cost


def test_lambda_costs_follow_from_the_defaults() -> None:
    variables = declarations((ROOT / "variables.tf").read_text("utf-8"))
    default = {variable.name: variable.attributes.get("default", "").strip('"') for variable in variables}
    gb_seconds = int(default["timeout"]) * int(default["memory_size"]) / 1024

    assert f"{gb_seconds:.0f} GB-seconds of {default['architecture']} at {default['memory_size']} MB" in LAMBDA
    assert f"costs ${gb_seconds * _price(LAMBDA):.3f}" in LAMBDA
    assert f"${gb_seconds * _price(LAMBDA) * 30:.2f} a month" in LAMBDA


def test_step_functions_costs_follow_from_transitions() -> None:
    a_run = TRANSITIONS * _price(STEPS)

    assert f"That is {TRANSITIONS} for 17 regions" in STEPS
    assert f"a run costs ${a_run:.4f}" in STEPS
    assert f"one run a day ${a_run * 30:.2f} a month" in STEPS


def test_engines_side_by_side_are_sums_of_their_parts() -> None:
    [alone, rounds] = rows(section(PAGE, "Step Functions"))
    [gb_seconds] = re.findall(r"\[(\d+)\]", alone[1])
    measured = re.findall(r"\| 512 MB [^\n]*\*\*this module\*\*[^\n]* \| ([\d.]+) \| [^|]+ \|\n", PERFORMANCE)
    dollars = int(gb_seconds) * _price(LAMBDA)

    assert int(gb_seconds) == pytest.approx(float(measured[-1]), rel=0.25)
    assert alone[3] == f"${dollars:.4f}"
    assert rounds[1].startswith(f"{2 * int(gb_seconds)}, estimated")
    assert rounds[3] == f"${2 * dollars + TRANSITIONS * _price(STEPS):.4f}"


def test_alarms_are_as_many_as_the_module_has() -> None:
    source = (ROOT / "alerts.tf").read_text("utf-8").partition("faults = {")[2].partition("alarm_actions")[0]
    conditions = Counter(re.findall(r"^    [a-z-]+ += (.*)\{$", source, re.M))
    [row] = [row for row in rows(PAGE) if "alarms" in row[0]]
    with_lambda, with_steps = (conditions[f"{word}local.has_state_machine ? null : "] for word in ("", "!"))
    fewest, more = 1 + conditions[""] + with_lambda, with_steps - with_lambda

    assert row[0] == f"{fewest} alarms, 1 more with retention, {more} more with the state machine"
    assert row[1].startswith(f"${fewest / 10:.2f} to ${(fewest + 1 + more) / 10:.2f};")
