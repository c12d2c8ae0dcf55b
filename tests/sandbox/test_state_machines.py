"""State machines act as their role, are refused with one that does not do, and lose no time."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from sandbox.local import Sandbox
from tests.sandbox.deployments import (
    ACCOUNT,
    ECHO,
    FAILS,
    allow,
    function,
    messages,
    permitted,
    queue,
    role,
    schedule,
    state_machine,
)

LOGS = [
    f"logs:{action}"
    for action in (
        "CreateLogDelivery",
        "GetLogDelivery",
        "UpdateLogDelivery",
        "DeleteLogDelivery",
        "ListLogDeliveries",
        "PutResourcePolicy",
        "DescribeResourcePolicies",
        "DescribeLogGroups",
    )
]


def invoke(arn: str, **more: Any) -> dict[str, Any]:
    parameters = {"FunctionName": arn, "Payload.$": "$"}
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters, "End": True, **more}


def run(aws: Sandbox, machine: str, document: object = None) -> Mapping[str, Any]:
    """Execute a state machine on a rule's tick and return how it ended."""
    starter = role(aws, allow("states:StartExecution"), name="starter", service="events.amazonaws.com")
    schedule(aws, {"Arn": machine, "RoleArn": starter, "Input": json.dumps(document or {})})
    (delivery,) = aws.tick("nightly")
    assert delivery.execution
    return {"status": delivery.execution.status, "error": delivery.execution.error, "output": delivery.execution.output}


def test_task_may_do_what_the_state_machines_role_may(aws: Sandbox) -> None:
    machine = state_machine(aws, allow("lambda:InvokeFunction"), Run=invoke(function(aws, ECHO, role(aws))))
    ended = run(aws, machine, {"a": 1})
    assert (ended["status"], json.loads(ended["output"])["Payload"]) == ("SUCCEEDED", {"a": 1})
    assert ("lambda:InvokeFunction", f"arn:aws:sts::{ACCOUNT}:assumed-role/state-machine/states") in [
        (decision.action, decision.principal) for decision in aws.decisions if decision.allowed
    ]


def test_task_may_do_nothing_else(aws: Sandbox) -> None:
    arn = function(aws, ECHO, role(aws))
    ended = run(aws, state_machine(aws, allow("lambda:InvokeFunction", resource=f"{arn}2"), Run=invoke(arn)))
    assert (ended["status"], ended["error"]) == ("FAILED", "Lambda.AccessDeniedException")


def test_message_is_sent_as_the_state_machines_role(aws: Sandbox) -> None:
    queue_arn = queue(aws, "messages")
    url = aws.client("sqs").get_queue_url(QueueName="messages")["QueueUrl"]
    parameters = {"QueueUrl": url, "MessageBody": {"said.$": "$.said"}}
    send = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": parameters, "End": True}
    machine = state_machine(aws, Tell=send)
    assert run(aws, machine, {"said": "so"})["status"] == "FAILED"
    permitted(aws, "state-machine", allow("sqs:SendMessage", resource=queue_arn))
    aws.tick("nightly")
    assert [json.loads(message["Body"]) for message in messages(aws, "messages")] == [{"said": "so"}]


def test_waits_and_retry_pauses_move_only_ec2s_clock(aws: Sandbox) -> None:
    retry = [{"ErrorEquals": ["RuntimeError"], "IntervalSeconds": 3600, "MaxAttempts": 1}]
    visit = invoke(function(aws, FAILS, role(aws)), Retry=retry)
    wait = {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "Visit"}
    before = aws.ec2.clock.now()
    ended = run(aws, state_machine(aws, allow("lambda:InvokeFunction"), Wait=wait, Visit=visit), {"seconds": 7200})
    assert (ended["status"], ended["error"]) == ("FAILED", "RuntimeError")
    assert 10_800 <= (aws.ec2.clock.now() - before).total_seconds() < 10_860


def test_every_execution_has_a_name_whoever_starts_it(aws: Sandbox) -> None:
    machine = state_machine(aws, Done={"Type": "Pass", "End": True})
    steps = aws.client("stepfunctions")
    arns = {steps.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(2)}
    assert len(arns) == 2
    assert not any(arn.endswith(":None") for arn in arns)


def test_role_that_does_not_trust_step_functions_is_refused(aws: Sandbox) -> None:
    with pytest.raises(Exception, match=r"AccessDeniedException.*sts:AssumeRole"):
        state_machine(aws, trusting="lambda.amazonaws.com", Done={"Type": "Pass", "End": True})


@pytest.mark.parametrize("missing", LOGS)
def test_role_that_cannot_deliver_the_log_is_refused(aws: Sandbox, missing: str) -> None:
    machine = state_machine(aws, Done={"Type": "Pass", "End": True})
    steps, group = aws.client("stepfunctions"), f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:g:*"
    destination = {"cloudWatchLogsLogGroup": {"logGroupArn": group}}
    logging = {"level": "ERROR", "includeExecutionData": True, "destinations": [destination]}
    permitted(aws, "state-machine", allow(*(set(LOGS) - {missing})))
    with pytest.raises(Exception, match=rf"AccessDeniedException.*{missing}"):
        steps.update_state_machine(stateMachineArn=machine, loggingConfiguration=logging)
    permitted(aws, "state-machine", allow(*LOGS))
    steps.update_state_machine(stateMachineArn=machine, loggingConfiguration=logging)


def test_event_for_a_state_machine_that_is_gone_is_not_delivered(aws: Sandbox) -> None:
    starter = role(aws, allow("states:StartExecution"), name="starter", service="events.amazonaws.com")
    schedule(aws, {"Arn": f"arn:aws:states:eu-west-1:{ACCOUNT}:stateMachine:gone", "RoleArn": starter})
    assert aws.tick("nightly")[0].reason.startswith("RESOURCE_NOT_FOUND")
