"""What docs/safety.md says of alarms is complete, and its service control policy does what the page says."""

import json
from typing import Final

import pytest

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.tags import DELETE_AFTER_TAG, HOLD_TAG, creation_tags, tag_key
from ebs_backup.model.values import Attachment, Create, Volume
from sandbox.iam import Context, Need, Verdict, evaluate
from tests.docs.markdown import ROOT, codes, fences, rows, section
from tests.terraform import lint

PAGE = (ROOT / "docs" / "safety.md").read_text("utf-8")
[TEXT] = fences(PAGE, "json")
POLICY = json.loads(TEXT)
STATEMENTS = {statement["Sid"]: statement for statement in POLICY["Statement"]}

LARGEST_POLICY = 5_120  # https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
SNAPSHOT: Final = "arn:aws:ec2:eu-west-1::snapshot/snap-1"
ROLE: Final = "arn:aws:iam::111122223333:role/{}"
OURS: Final[Context] = {"aws:ResourceTag/ebs-backup:Policy": "ebs-backup"}


def _is_denied(role: str, action: str, resource: str, context: Context) -> bool:
    need = Need(action, resource, {"aws:PrincipalArn": ROLE.format(role), **context})
    return evaluate([POLICY], need) is Verdict.DENIED


def test_policy_reserves_every_tag_that_the_module_writes() -> None:
    deployment = Deployment(name="ebs-backup")
    volume = Volume("vol-1", "eu-west-1a", "gp3", 8, 3000, 125, (Attachment("i-1", "/dev/xvda"),))
    written = creation_tags(deployment, Create((volume,), ""), "eu-west-1", "run").keys() - {"Name"}

    reserved = STATEMENTS["ReserveTags"]["Condition"]["ForAnyValue:StringEquals"]["aws:TagKeys"]

    assert set(reserved) == {*written, tag_key(deployment, DELETE_AFTER_TAG)}
    assert STATEMENTS["KeepHolds"]["Condition"]["ForAnyValue:StringEquals"]["aws:TagKeys"] == tag_key(
        deployment, HOLD_TAG
    )


@pytest.mark.parametrize("action", ["ec2:CreateTags", "ec2:DeleteTags"])
@pytest.mark.parametrize("keys", [["ebs-backup:Policy"], ["Project", "ebs-backup:DeleteAfter"]])
def test_policy_leaves_tags_to_the_run_role(action: str, keys: list[str]) -> None:
    context: Context = {"aws:TagKeys": keys, **OURS}

    assert _is_denied("developer", action, SNAPSHOT, context)
    assert not _is_denied("ebs-backup", action, SNAPSHOT, context)


def test_policy_lets_everybody_tag_and_hold() -> None:
    for keys in (["Project"], ["ebs-backup:Hold"], ["ebs-backup:Hold", "Project"]):
        assert not _is_denied("developer", "ec2:CreateTags", SNAPSHOT, {"aws:TagKeys": keys, **OURS})
    assert not _is_denied("developer", "ec2:DeleteTags", SNAPSHOT, {"aws:TagKeys": ["Project"], **OURS})


def test_policy_lets_one_role_end_a_hold() -> None:
    context: Context = {"aws:TagKeys": ["ebs-backup:Hold"], **OURS}

    assert not _is_denied("backup-admin", "ec2:DeleteTags", SNAPSHOT, context)
    assert _is_denied("developer", "ec2:DeleteTags", SNAPSHOT, context)
    assert _is_denied("ebs-backup", "ec2:DeleteTags", SNAPSHOT, context)


def test_policy_denies_taking_all_tags_away() -> None:
    assert _is_denied("backup-admin", "ec2:DeleteTags", SNAPSHOT, OURS)
    assert not _is_denied("developer", "ec2:DeleteTags", SNAPSHOT, {})


def test_policy_leaves_volumes_alone() -> None:
    volume = "arn:aws:ec2:eu-west-1:111122223333:volume/vol-1"

    assert not _is_denied("developer", "ec2:CreateTags", volume, {"aws:TagKeys": ["ebs-backup:Skip"]})


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:PassRole", ROLE.format("ebs-backup")),
        ("iam:CreateRole", ROLE.format("ebs-backup")),
        ("iam:UpdateAssumeRolePolicy", ROLE.format("ebs-backup")),
        ("lambda:UpdateFunctionCode", "arn:aws:lambda:eu-west-1:111122223333:function:ebs-backup"),
    ],
)
def test_policy_leaves_role_and_function_to_terraform(action: str, resource: str) -> None:
    assert _is_denied("developer", action, resource, {})
    assert not _is_denied("terraform", action, resource, {})


def test_policy_names_actions_that_exist() -> None:
    listed = [each for statement in STATEMENTS.values() for each in _listed(statement["Action"])]

    assert [fault for fault in lint.faults({"Action": listed, "Resource": "*"}) if "no action" in fault] == []


def test_policy_fits_into_one_of_an_organization() -> None:
    assert len(TEXT) <= LARGEST_POLICY


def test_every_alarm_is_judged() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text("utf-8")
    judged = [code for row in rows(section(PAGE, "What each alarm sees")) for code in codes(row[0])]

    assert set(judged) == {code for row in rows(section(operations, "Who gets an alarm")) for code in codes(row[0])}


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]
