"""The state machine as deployed, with the deployed function behind it, each with its own role.

The tests switch the quickstart to `engine = "step_functions"` and back at the end.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ebs_backup.model.time_budget import RESERVE
from sandbox.backends import Execution
from sandbox.ec2 import Fault
from tests.e2e.conftest import BUCKET, DENIED, HOME, Deployment
from tests.unit.estates import add_volumes

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("state machine")]

OTHER = "us-east-1"
ROLE = "ebs-backup-state-machine"
"""The role of the state machine."""
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:ebs-backup"
SETTINGS = f'engine  = "step_functions"\n  regions = ["{HOME}", "{OTHER}", "{DENIED}"]\n'
# In the last seconds of an invocation nothing new starts: this leaves four.
SHORT, LONG = ceil(RESERVE) + 4, 900

DENIAL = "UnauthorizedOperation|AccessDenied"
# (role, statement, action): what a run of the state machine needs, once started, besides what any run needs.
GRANTS = [
    (ROLE, "Visit", "lambda:InvokeFunction"),
    (ROLE, "ReportFailedRuns", "sqs:SendMessage"),
    ("ebs-backup", "KeepRounds", "s3:GetObject"),
    ("ebs-backup", "KeepRounds", "s3:PutObject"),
]


@pytest.fixture(scope="module")
def deployed(quickstart: Deployment) -> Iterator[Deployment]:
    """The quickstart with a state machine."""
    main = _main(quickstart)
    before = main.read_text()
    main.write_text(before.replace('source = "../.."\n', f'source = "../.."\n\n  {SETTINGS}'))
    quickstart.terraform.apply()
    yield quickstart
    main.write_text(before)
    quickstart.terraform.apply()


def _main(deployment: Deployment) -> Path:
    return deployment.terraform.directory / "main.tf"


@pytest.fixture
def all_open(deployed: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no region be denied."""
    monkeypatch.setattr(deployed.aws.ec2.regions[DENIED], "denied", False)


def _tick(deployment: Deployment, at: str) -> Execution:
    execution = deployment.tick(at).execution
    assert execution is not None
    return execution


def _start(deployment: Deployment, **payload: object) -> dict[str, Any]:
    """Start an execution by hand and return how it ended."""
    steps = deployment.aws.client("stepfunctions")
    arn = steps.start_execution(stateMachineArn=MACHINE, input=json.dumps(payload))["executionArn"]
    while (execution := steps.describe_execution(executionArn=arn))["status"] == "RUNNING":
        time.sleep(0.05)
    return dict(execution)


def _in_use(deployment: Deployment, *regions: str) -> Counter[str]:
    volumes = (v for region in regions for v in deployment.aws.ec2.regions[region].volumes.values())
    return Counter(v.id for v in volumes if v.state == "in-use" and v.tags.get("ebs-backup:Skip") != "true")


def _made(deployment: Deployment, run_id: str) -> Counter[str]:
    return Counter(snapshot.volume_id for _, snapshot in deployment.snapshots(run_id))


def _timeout(deployment: Deployment, seconds: int) -> None:
    deployment.aws.client("lambda").update_function_configuration(FunctionName="ebs-backup", Timeout=seconds)


def _report(deployment: Deployment, run_id: str) -> Any:
    """Return the one report of a run."""
    [key] = [key for key in deployment.reports(run_id) if key.endswith(".json")]
    return json.loads(deployment.aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read())


def _rounds(deployment: Deployment, execution: str) -> dict[str, int]:
    """Return region -> rounds, from the input of the last step."""
    history = deployment.aws.client("stepfunctions").get_execution_history(executionArn=execution)["events"]
    entered = [event["stateEnteredEventDetails"] for event in history if "stateEnteredEventDetails" in event]
    [finish] = [json.loads(details["input"]) for details in entered if details["name"] == "Finish"]
    return {visit["region"]: visit["rounds"] for visit in finish["visits"]}


def test_plan_is_empty_after_switching_to_a_state_machine(deployed: Deployment) -> None:
    assert not deployed.terraform.changes_pending()
    with pytest.raises(ClientError, match="ResourceNotFoundException"):  # no statement is left
        deployed.aws.client("lambda").get_policy(FunctionName="ebs-backup")


@pytest.mark.usefixtures("all_open")
def test_throttled_region_takes_more_rounds_alone(deployed: Deployment, later: str) -> None:
    for action in ("CreateSnapshot", "CreateSnapshots"):
        deployed.aws.ec2.inject(Fault(action, HOME, code="RequestLimitExceeded", status=503, times=6))
    _timeout(deployed, SHORT)

    execution = _tick(deployed, later)

    _timeout(deployed, LONG)
    assert execution.status == "SUCCEEDED"
    assert _made(deployed, later) == _in_use(deployed, HOME, OTHER)
    rounds = _rounds(deployed, execution.arn)
    assert rounds[HOME] > 1
    assert (rounds[OTHER], rounds[DENIED]) == (1, 1)
    report = _report(deployed, later)
    assert (report["status"], report["totals"]["created"]) == ("completed", sum(_made(deployed, later).values()))
    assert report["totals"]["unfinished"] == report["totals"]["failed"] == 0
    assert json.loads(execution.output)["totals"] == report["totals"]
    assert len(execution.output) < 1000


@pytest.fixture
def many_volumes(deployed: Deployment) -> Iterator[Counter[str]]:
    """More volumes, for as long as a test lasts, than EC2 lets through in one short invocation."""
    region = deployed.aws.ec2.regions[DENIED]
    ids = add_volumes(deployed.aws.ec2, 300, DENIED)
    yield Counter(ids)
    region.add(*(replace(region.volumes[volume_id], attachments=()) for volume_id in ids))


@pytest.mark.usefixtures("all_open")
def test_large_region_is_complete_after_several_rounds(
    deployed: Deployment, many_volumes: Counter[str], later: str
) -> None:
    _timeout(deployed, SHORT)

    ended = _start(deployed, regions=[DENIED], run_id=later)

    _timeout(deployed, LONG)
    assert ended["status"] == "SUCCEEDED"
    assert _rounds(deployed, ended["executionArn"])[DENIED] > 1
    assert many_volumes <= _made(deployed, later) == _in_use(deployed, DENIED)


@pytest.mark.usefixtures("all_open")
def test_duplicate_event_changes_nothing(deployed: Deployment, later: str) -> None:
    _tick(deployed, later)
    before = deployed.snapshots()

    assert _tick(deployed, later).status == "SUCCEEDED"

    assert deployed.snapshots() == before


def test_execution_fails_when_a_region_is_denied(deployed: Deployment, later: str) -> None:
    deployed.messages("failed_runs_queue_url")

    execution = _tick(deployed, later)

    assert (execution.status, execution.error) == ("FAILED", "RunFailed")
    assert f"- {DENIED}: DescribeSnapshots: Una" in execution.cause
    assert _made(deployed, later) == _in_use(deployed, HOME, OTHER)
    assert _report(deployed, later)["regions"][DENIED]["status"] == "failed"
    [record] = deployed.messages("failed_runs_queue_url")
    assert record["requestPayload"]["time"] == later
    assert record["requestContext"]["executionArn"] == execution.arn
    assert record["responsePayload"]["errorType"] == "RunFailed"
    assert record["responsePayload"]["errorMessage"] == execution.cause


def test_manual_run_id_defaults_to_the_executions_name(deployed: Deployment, later: str) -> None:
    named = _start(deployed, regions=[OTHER], run_id=later)
    unnamed = _start(deployed, regions=[OTHER], dry_run=True)

    assert named["status"] == unnamed["status"] == "SUCCEEDED"
    assert _made(deployed, later) == _in_use(deployed, OTHER)
    assert _made(deployed, unnamed["name"]) == Counter()


# --- least privilege ---


def _shortcomings(deployment: Deployment, run_id: str) -> set[str]:
    """Make a small run that fails, for its one region is denied, and say what of it is not as it should be."""
    deployment.messages("failed_runs_queue_url")
    ended = _start(deployment, regions=[DENIED], run_id=run_id)
    checks = {
        "the run did not come to its end": ended["error"] == "RunFailed",
        "what the region said is lost": "DescribeSnapshots: UnauthorizedOperation" in ended["cause"],
        "the failed run was not reported": len(deployment.messages("failed_runs_queue_url")) == 1,
    }
    return {problem for problem, fine in checks.items() if not fine}


def test_run_is_complete_with_all_grants(deployed: Deployment, later: str) -> None:
    assert _shortcomings(deployed, later) == set()


@pytest.fixture
def roles(deployed: Deployment) -> Iterator[dict[str, Deployment]]:
    """Handles on the policies of the three roles, which are put back in the end."""
    names = ("ebs-backup", ROLE, "ebs-backup-schedule")
    roles = {name: Deployment(deployed.aws, deployed.terraform, name=name) for name in names}
    policies = {name: role.policy() for name, role in roles.items()}
    yield roles
    for name, policy in policies.items():
        roles[name].put_policy(policy)


def _without(role: Deployment, sid: str, action: str) -> dict[str, Any]:
    """Return a role's policy without one action, and without a statement that is left with none."""
    policy: dict[str, Any] = role.policy()
    [statement] = [s for s in policy["Statement"] if s["Sid"] == sid]
    statement["Action"].remove(action)
    return policy | {"Statement": [s for s in policy["Statement"] if s["Action"]]}


def test_role_has_exactly_these_grants(roles: dict[str, Deployment]) -> None:
    granted = {
        (name, statement["Sid"], action)
        for name, role in roles.items()
        for statement in role.policy()["Statement"]
        for action in statement["Action"]
        if name != "ebs-backup" or statement["Sid"] == "KeepRounds"
    }
    deliver = {grant for grant in granted if grant[1] == "DeliverLogs"}

    assert granted - deliver == {*GRANTS, ("ebs-backup-schedule", "Start", "states:StartExecution")}
    assert len(deliver) == 8


@pytest.mark.parametrize("grant", GRANTS, ids=" ".join)
def test_run_falls_short_without_any_one_grant(
    deployed: Deployment, roles: dict[str, Deployment], later: str, grant: tuple[str, str, str]
) -> None:
    role, sid, action = grant
    roles[role].put_policy(_without(roles[role], sid, action))

    assert _shortcomings(deployed, later)


@pytest.mark.usefixtures("roles")
def test_event_waits_in_its_queue_without_leave_to_start(deployed: Deployment, later: str) -> None:
    deployed.aws.client("iam").delete_role_policy(RoleName="ebs-backup-schedule", PolicyName="ebs-backup-schedule")

    delivery = deployed.tick(later)

    assert delivery.reason.startswith("NO_PERMISSIONS")
    url = deployed.aws.client("sqs").get_queue_url(QueueName="ebs-backup-undelivered")["QueueUrl"]
    deployed.outputs["undelivered"] = url
    assert [message["time"] for message in deployed.messages("undelivered")] == [later]


def test_update_is_refused_without_any_one_log_grant(deployed: Deployment, roles: dict[str, Deployment]) -> None:
    role, steps = roles[ROLE], deployed.aws.client("stepfunctions")
    logging = steps.describe_state_machine(stateMachineArn=MACHINE)["loggingConfiguration"]
    policy = role.policy()
    [deliver] = [s for s in policy["Statement"] if s["Sid"] == "DeliverLogs"]
    for action in deliver["Action"]:
        role.put_policy(policy)
        role.put_policy(_without(role, "DeliverLogs", action))
        with pytest.raises(ClientError, match=rf"AccessDeniedException.*{action}"):
            steps.update_state_machine(stateMachineArn=MACHINE, loggingConfiguration=logging)
    role.put_policy(policy)
    steps.update_state_machine(stateMachineArn=MACHINE, loggingConfiguration=logging)


@pytest.mark.parametrize(
    ("service", "attempt", "arguments"),
    [
        ("lambda", "invoke", {"FunctionName": "another"}),
        ("sqs", "send_message", {"QueueUrl": "http://sqs/123456789012/ebs-backup-undelivered", "MessageBody": "x"}),
        ("stepfunctions", "start_execution", {"stateMachineArn": MACHINE}),
        ("s3", "get_object", {"Bucket": BUCKET, "Key": "ebs-backup/rounds/x/eu-west-1.json"}),
        ("ec2", "describe_volumes", {"MaxResults": 5}),
    ],
)
def test_state_machine_can_do_nothing_else(
    deployed: Deployment, service: str, attempt: str, arguments: dict[str, Any]
) -> None:
    role = deployed.aws.client("iam").get_role(RoleName=ROLE)["Role"]["Arn"]
    with pytest.raises(ClientError, match=DENIAL):
        getattr(deployed.aws.client(service, role_arn=role), attempt)(**arguments)
