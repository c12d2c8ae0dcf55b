"""What docs/permissions.md says of the roles, and of the person who applies, is so."""

import json
from typing import Any, Final

import pytest

from sandbox import Sandbox
from sandbox.access import Decision
from sandbox.ec2.model import ACCOUNT
from sandbox.terraform import Terraform
from tests.docs.markdown import ROOT, codes, fences, rows, section
from tests.terraform import lint
from tools.quickstart import LOCAL

PAGE = (ROOT / "docs" / "permissions.md").read_text("utf-8")
RUN = section(PAGE, "A run")
[POLICY] = fences(section(PAGE, "The person who applies"), "json")
STATEMENTS: list[dict[str, Any]] = json.loads(POLICY)["Statement"]

# For an upgrade, or for tags of objects: nothing in the test asks for it.
UNUSED: Final = {"lambda:UpdateFunctionCode", "s3:PutObjectTagging", "sqs:SetQueueAttributes"}
OWN_NAMES: Final = {"AlarmName": ["ebs-backup-no-run"], "RoleNameWithPath": ["ebs-backup"], "RuleName": ["ebs-backup"]}

TAGGED: Final = f'{LOCAL}\n\n  memory_size = 1024\n  tags        = {{ Project = "x" }}\n'


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
def test_table_has_every_statement_and_action(granted: list[dict[str, set[str]]]) -> None:
    described = {codes(sid)[0]: set(codes(actions)) for sid, actions, *_ in _table()}
    sids = {sid for policy in granted for sid in policy}

    assert described == {sid: set().union(*(policy.get(sid, set()) for policy in granted)) for sid in sids}


@pytest.mark.terraform
@pytest.mark.xdist_group("every_policy")
def test_table_says_when_a_statement_is_granted(granted: list[dict[str, set[str]]]) -> None:
    described = {codes(row[0])[0]: row[-1] for row in _table()}
    where = {sid: tuple(sid in policy for policy in granted) for sid in described}

    assert {sid for sid, when in described.items() if when == "always"} == {sid for sid in where if all(where[sid])}
    assert (
        len(set(described.values())) == len(set(where.values())) == len({(described[sid], where[sid]) for sid in where})
    )


@pytest.fixture(scope="module")
def decisions() -> list[Decision]:
    """Apply, change and destroy the quickstart as a role with the page's policy alone; return what IAM decided."""
    with Sandbox() as aws:
        with Terraform(ROOT / "examples" / "quickstart", _as_person(aws), within=ROOT) as terraform:
            main = terraform.directory / "main.tf"
            plain = main.read_text("utf-8")
            terraform.init()
            for configuration in (plain, plain.replace(LOCAL, TAGGED), plain):
                main.write_text(configuration, "utf-8")
                terraform.apply()
            terraform.destroy()
        return aws.decisions


def _as_person(aws: Sandbox) -> dict[str, str]:
    iam, name = aws.client("iam"), "person-who-applies"
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]
    iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=POLICY.replace("111122223333", ACCOUNT))
    given = aws.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="apply")["Credentials"]
    return aws.environment() | {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }


@pytest.mark.terraform
@pytest.mark.xdist_group("rights")
def test_person_applies_with_the_policy_and_no_more(decisions: list[Decision]) -> None:
    used = {decision.action for decision in decisions if "person-who-applies" in decision.principal}
    allowed = {action for statement in STATEMENTS for action in statement["Action"]}

    assert [decision for decision in decisions if not decision.allowed] == []
    assert allowed - used == UNUSED


def test_policy_is_one_that_aws_understands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lint, "NAMES", lint.NAMES | OWN_NAMES)
    reading, *writing = STATEMENTS

    assert [fault for fault in lint.faults(reading) if "no action" in fault] == []
    assert [fault for statement in writing for fault in lint.faults(statement)] == []


def _table() -> list[list[str]]:
    return [row for row in rows(RUN) if len(row) > 2]
