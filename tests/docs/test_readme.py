"""What the README says of the module is so."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from ebs_backup.apply.pacing import SPARE
from ebs_backup.aws.ec2 import PAGE_SIZE
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.limits import PUBLISHED, Limit
from ebs_backup.model.tags import tag_key
from ebs_backup.model.time_budget import RESERVE
from ebs_backup.plan.selection import OPT_OUT_TAG
from sandbox.terraform import Terraform
from tests.docs.markdown import ROOT, codes, commands, fences, rows, section
from tools.inputs_outputs import declarations

README = (ROOT / "README.md").read_text("utf-8")
POLICY = Deployment(name="ebs-backup")
HISTORY = 22  # snapshots of each volume: what the policy that the page shows comes to keep
GENERATED = r"<!-- (retention: \w+|inputs|outputs|demo) -->.*?<!-- /(retention|inputs|outputs|demo) -->"


def test_the_first_thing_to_copy_is_the_quickstart_to_the_byte() -> None:
    quickstart = (ROOT / "examples" / "quickstart" / "main.tf").read_text("utf-8")

    assert fences(README, "hcl")[0] == quickstart


def test_it_says_what_is_deleted_before_it_says_what_is_done() -> None:
    assert README.index("\n## What it deletes\n") < README.index("\n## What it does\n")


def test_what_is_written_by_hand_is_read_in_a_few_minutes() -> None:
    by_hand = re.sub(GENERATED, "", README.replace(fences(README, "hcl")[0], ""), flags=re.DOTALL)

    assert len(by_hand.splitlines()) < 250


def test_numbers_of_limits_follow_from_the_rates() -> None:
    limits = " ".join(section(README, "Limits").split())
    creates, tags, deletes = (PUBLISHED[call] for call in ("CreateSnapshots", "CreateTags", "DeleteSnapshot"))

    alone = _seconds(creates, 1000 / 2)
    in_sets = max(_seconds(creates, 1000 / 2), _seconds(tags, 1000))
    assert 80 <= alone <= in_sets <= 95, "a minute and a half"
    assert "take a minute and a half" in limits
    assert f"deleting as many snapshots takes {_seconds(deletes, 1000) / 60:.0f} minutes more" in limits


def test_the_size_at_which_to_change_the_engine_is_worked_out_from_the_rates_and_the_reserve() -> None:
    engine = " ".join(section(README, "Large regions: the engine").split())
    time = 900 - RESERVE
    creates, tags, deletes = (PUBLISHED[call] for call in ("CreateSnapshot", "CreateTags", "DeleteSnapshot"))
    most = {call: PUBLISHED[call].burst - SPARE + PUBLISHED[call].rate * time for call in PUBLISHED}
    sizes = {
        "8,700": min(2 * most["CreateSnapshot"], most["CreateTags"]),
        "4,400": most["CreateSnapshot"],
        # The volumes whose creation, or tags, whose history's reading, and as many deletions take just that time.
        "2,700": next(
            n
            for n in range(10_000)
            if max(_seconds(creates, n / 2), _seconds(tags, n)) + n * HISTORY / PAGE_SIZE + _seconds(deletes, n) > time
        ),
    }

    assert {size: int(number // 100 * 100) for size, number in sizes.items()} == {
        size: int(size.replace(",", "")) for size in sizes
    }
    assert all(f"**{size}**" in engine for size in sizes)
    assert f"in whose last {RESERVE} seconds it starts nothing" in engine
    assert f"CreateTags allows 98 + {tags.rate}/s \u00d7 {time} s = {most['CreateTags']:,.0f} requests" in engine
    assert f"calls 2 \u00d7 (98 + {creates.rate}/s \u00d7 {time} s) = {2 * most['CreateSnapshot']:,.0f})" in engine
    assert f"{HISTORY} snapshots of each volume at an estimated second for every {PAGE_SIZE:,}" in engine


def _seconds(limit: Limit, requests: float) -> float:
    """Return how long so many requests take."""
    return max(0.0, requests - (limit.burst - SPARE)) / limit.rate


def test_the_cost_of_step_functions_is_that_of_its_transitions() -> None:
    cost = " ".join(section(README, "Cost").split())
    [price] = re.findall(r"\[\$(0\.0000\d+) for one\]", cost)
    a_run = 3 + 3 * 17

    assert f"so {a_run} for 17 regions that need one round each, ${a_run * float(price):.4f} a run" in cost
    assert f"${a_run * float(price) * 30:.2f} a month" in cost


def test_the_cost_of_lambda_is_reckoned_from_its_price_and_the_defaults() -> None:
    cost = " ".join(section(README, "Cost").split())
    variables = declarations((ROOT / "variables.tf").read_text("utf-8"))
    default = {variable.name: variable.attributes.get("default", "").strip('"') for variable in variables}
    gb_seconds = int(default["timeout"]) * int(default["memory_size"]) / 1024
    [price] = re.findall(r"\[\$(0\.0000\d+)\]", cost)

    assert f"{gb_seconds:.0f} GB-seconds of {default['architecture']} at {default['memory_size']} MB" in cost
    assert f"${gb_seconds * float(price):.3f} at" in cost
    assert f"${gb_seconds * float(price) * 30:.2f} a month" in cost


def test_the_costs_of_both_engines_side_by_side_are_those_of_their_parts() -> None:
    cost = " ".join(section(README, "Cost").split())
    [gb_second] = re.findall(r"\[\$(0\.0000\d+)\]", cost)
    [transition] = re.findall(r"\[\$(0\.0000\d+) for one\]", cost)
    [gb_seconds] = re.findall(r"takes \[(\d+) GB-seconds\]\(docs/performance\.md\)", cost)
    alone = int(gb_seconds) * float(gb_second)

    assert f"about ${alone:.4f}." in cost
    assert (
        f"twice as many, ${2 * alone:.4f}; with the 54 transitions that is ${2 * alone + 54 * float(transition):.4f}."
        in cost
    )
    page = (ROOT / "docs" / "performance.md").read_text("utf-8")
    [measured] = re.findall(
        r"<!-- benchmark: sizes skewed -->.*?\| 512 MB [^\n]*\*\*this module\*\*[^\n]* \| ([\d.]+) \| [^|]+ \|\n",
        page,
        re.S,
    )
    assert int(gb_seconds) == pytest.approx(float(measured), rel=0.25)


def test_the_brake_and_the_tag_that_opts_out_are_those_of_the_code() -> None:
    assert f"more than {POLICY.max_deletions_per_run:,} snapshots in a region, or more than half" in README
    assert POLICY.max_deletions_percent == 50
    assert f"`{tag_key(POLICY, OPT_OUT_TAG)}` = `true`" in README


def test_flags_of_the_preview_exist() -> None:
    previews = [words for words in commands(README) if "ebs_backup" in words]
    told = {word for words in previews for word in words if word.startswith("--")} | {"--json"}
    said = subprocess.run(
        [sys.executable, "-m", "ebs_backup", "plan", "--help"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "function")},
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert len(previews) == 1
    assert [flag for flag in told if flag not in said] == []


# --- permissions ---


@pytest.fixture(scope="module")
def granted() -> list[dict[str, set[str]]]:
    """Return statement -> actions, for each policy that the module can come to."""
    with Terraform(ROOT / "tests" / "terraform" / "every_policy", {}, within=ROOT) as terraform:
        terraform.init()
        lines = terraform.run("test", "-json", "-verbose").stdout.splitlines()
    [plan] = (line["test_plan"] for line in map(json.loads, lines) if line["type"] == "test_plan")
    policies: list[Any] = [json.loads(text) for text in plan["output_changes"]["policies"]["after"]]
    return [{each["Sid"]: set(each["Action"]) for each in policy["Statement"]} for policy in policies]


@pytest.mark.terraform
@pytest.mark.xdist_group("every_policy")
def test_the_table_of_permissions_has_every_statement_and_action_and_no_other(
    granted: list[dict[str, set[str]]],
) -> None:
    told = {codes(sid)[0]: set(codes(actions)) for sid, actions, *_ in rows(section(README, "Permissions"))}
    sids = {sid for policy in granted for sid in policy}

    assert told == {sid: set().union(*(policy.get(sid, set()) for policy in granted)) for sid in sids}


@pytest.mark.terraform
@pytest.mark.xdist_group("every_policy")
def test_the_table_of_permissions_tells_which_are_granted_together_and_which_always(
    granted: list[dict[str, set[str]]],
) -> None:
    told = {codes(row[0])[0]: row[-1] for row in rows(section(README, "Permissions"))}
    where = {sid: tuple(sid in policy for policy in granted) for sid in told}

    assert {sid for sid, when in told.items() if when == "always"} == {sid for sid in told if all(where[sid])}
    assert len(set(told.values())) == len(set(where.values())) == len({(told[sid], where[sid]) for sid in told})
