"""AWS understands the roles' policies, in every combination of the inputs that change them.

IAM accepts an unknown action, a resource on which the action never acts, and a condition that is never met. Such a
statement allows nothing, and no error says so.
"""

import json
from collections import Counter
from typing import Any

import pytest

from tests.terraform.lint import Statement, faults, gaps

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("every_policy")]

SNAPSHOT = "arn:aws:ec2:*::snapshot/*"
VOLUME = "arn:aws:ec2:*:111122223333:volume/*"
OWNED = {"StringEquals": {"aws:ResourceTag/ebs-backup:Policy": "ebs-backup"}}
ON_CREATION = {"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}}


@pytest.fixture(scope="module")
def policies(planned: dict[str, list[Any]]) -> list[list[Statement]]:
    return [json.loads(policy["policy"])["Statement"] for policy in planned["aws_iam_role_policy"]]


def test_actions_resources_and_condition_keys_fit(policies: list[list[Statement]]) -> None:
    assert {fault for policy in policies for statement in policy for fault in faults(statement)} == set()


def test_action_is_allowed_on_every_resource_it_needs(policies: list[list[Statement]]) -> None:
    assert {gap for policy in policies for gap in gaps(policy)} == set()


def test_every_combination_gives_another_run_policy(planned: dict[str, list[Any]]) -> None:
    policies = [policy["policy"] for policy in planned["aws_iam_role_policy"] if policy["name"] == "ebs-backup"]
    assert len(set(policies)) == len(policies) == 2**5


def test_state_machine_adds_two_roles(planned: dict[str, list[Any]]) -> None:
    assert Counter(policy["name"] for policy in planned["aws_iam_role_policy"]) == {
        "ebs-backup": 2**5,
        "ebs-backup-state-machine": 2**4,
        "ebs-backup-schedule": 2**4,
    }


@pytest.mark.parametrize(
    ("action", "resource", "condition", "fault"),
    [
        ("ec2:DeleteSnapshots", SNAPSHOT, {}, "ec2:DeleteSnapshots is no action"),
        ("ebs:DeleteSnapshot", SNAPSHOT, {}, "ebs:DeleteSnapshot is no action"),
        ("ec3:DeleteSnapshot", SNAPSHOT, {}, "ec3:DeleteSnapshot is no action"),
        ("ec2:DeleteSnapshot", VOLUME, {}, f"ec2:DeleteSnapshot never acts on {VOLUME}"),
        ("ec2:DescribeVolumes", VOLUME, {}, f"ec2:DescribeVolumes never acts on {VOLUME}"),
        ("ec2:DeleteSnapshot", "*", {}, "ec2:DeleteSnapshot can be narrowed to resources"),
        (
            "ec2:CreateSnapshot",
            SNAPSHOT,
            OWNED,
            f"ec2:CreateSnapshot on {SNAPSHOT} never knows aws:ResourceTag/${{TagKey}}",
        ),
        (
            "ec2:DeleteSnapshot",
            SNAPSHOT,
            ON_CREATION,
            f"ec2:DeleteSnapshot on {SNAPSHOT} never knows ec2:CreateAction",
        ),
    ],
)
def test_fault_in_a_statement_is_found(action: str, resource: str, condition: dict[str, Any], fault: str) -> None:
    assert list(faults({"Action": [action], "Resource": resource, "Condition": condition})) == [fault]


def test_missing_resource_of_an_action_is_found() -> None:
    assert list(gaps([{"Action": ["ec2:CreateSnapshot"], "Resource": VOLUME}])) == [
        "ec2:CreateSnapshot is not allowed on any snapshot"
    ]
