import json

import pytest

from sandbox.events import NoSuchRule
from sandbox.local import Sandbox
from tests.sandbox.deployments import (
    ECHO,
    FAILS,
    allow,
    function,
    messages,
    permit,
    permitted,
    policy,
    queue,
    role,
    schedule,
    state_machine,
)

FAILS_ONCE = """
    from pathlib import Path

    def lambda_handler(event, context):
        mark = Path(__file__).with_name("seen")
        if not mark.exists():
            mark.touch()
            raise RuntimeError("not yet")
        return "done"
"""


def test_tick_delivers_the_event_of_the_given_time(aws: Sandbox) -> None:
    arn = function(aws, ECHO, role(aws))
    rule = schedule(aws, {"Arn": arn})
    permit(aws, rule)
    (delivery,) = aws.tick("nightly", time="2026-11-23T03:00:00Z")
    assert delivery.delivered
    (attempt,) = delivery.attempts
    event = json.loads(attempt.payload)
    assert (event["time"], event["resources"]) == ("2026-11-23T03:00:00Z", [rule])
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    (again,) = aws.tick("nightly", time="2026-11-23T03:00:00Z")
    assert json.loads(again.attempts[0].payload)["time"] == "2026-11-23T03:00:00Z"


def test_failed_run_is_reported_when_the_role_allows(aws: Sandbox) -> None:
    failed = queue(aws, "failed")
    permit(aws, schedule(aws, {"Arn": function(aws, FAILS, role(aws))}))
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName="backup", MaximumRetryAttempts=1, DestinationConfig={"OnFailure": {"Destination": failed}}
    )
    (denied,) = aws.tick("nightly")
    assert [attempt.function_error for attempt in denied.attempts] == ["Unhandled"] * 2
    assert (denied.reported_to, denied.undeliverable) == ((), (failed,))
    assert messages(aws, "failed") == []
    document = policy(allow("sqs:SendMessage", resource=failed))
    aws.client("iam").put_role_policy(RoleName="run", PolicyName="report", PolicyDocument=document)
    (reported,) = aws.tick("nightly")
    assert reported.reported_to == (failed,)
    assert len(messages(aws, "failed")) == 1


def test_run_that_succeeds_the_second_time_is_not_reported(aws: Sandbox) -> None:
    failed = queue(aws, "failed")
    permit(aws, schedule(aws, {"Arn": function(aws, FAILS_ONCE, role(aws, allow("sqs:SendMessage")))}))
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName="backup", DestinationConfig={"OnFailure": {"Destination": failed}}
    )
    (delivery,) = aws.tick("nightly")
    assert [attempt.function_error for attempt in delivery.attempts] == ["Unhandled", None]
    assert delivery.reported_to == ()


def test_destination_that_is_gone_is_undeliverable(aws: Sandbox) -> None:
    gone = "arn:aws:sqs:eu-west-1:123456789012:gone"
    permit(aws, schedule(aws, {"Arn": function(aws, FAILS, role(aws, allow("sqs:SendMessage")))}))
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName="backup", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": gone}}
    )
    assert aws.tick("nightly")[0].undeliverable == (gone,)


def test_dead_letter_queue_needs_its_key(aws: Sandbox) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    failed = queue(aws, "failed", KmsMasterKeyId=key)
    permit(aws, schedule(aws, {"Arn": function(aws, FAILS, role(aws, allow("sqs:SendMessage")))}))
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName="backup", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": failed}}
    )
    assert aws.tick("nightly")[0].undeliverable == (failed,)
    document = policy(allow("kms:GenerateDataKey", "kms:Decrypt", resource=key))
    aws.client("iam").put_role_policy(RoleName="run", PolicyName="key", PolicyDocument=document)
    assert aws.tick("nightly")[0].reported_to == (failed,)


def test_event_goes_to_the_dead_letter_queue_without_permission(aws: Sandbox) -> None:
    arn = function(aws, ECHO, role(aws))
    dead = queue(aws, "dead")
    rule = schedule(aws, {"Arn": arn, "DeadLetterConfig": {"Arn": dead}})
    (lost,) = aws.tick("nightly")
    assert not lost.delivered
    assert lost.reason.startswith("NO_PERMISSIONS")
    assert lost.dead_letter_queue is None, "the queue's policy does not let EventBridge send"
    accept = {"Principal": {"Service": "events.amazonaws.com"}, "Condition": {"ArnEquals": {"aws:SourceArn": rule}}}
    sqs = aws.client("sqs")
    sqs.set_queue_attributes(
        QueueUrl=sqs.get_queue_url(QueueName="dead")["QueueUrl"],
        Attributes={"Policy": policy(allow("sqs:SendMessage", resource=dead, **accept))},
    )
    (kept,) = aws.tick("nightly", time="2026-11-23T03:00:00Z")
    assert kept.dead_letter_queue == dead
    (letter,) = messages(aws, "dead")
    assert json.loads(letter["Body"])["time"] == "2026-11-23T03:00:00Z"
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert (attributes["RULE_ARN"], attributes["TARGET_ARN"], attributes["ERROR_CODE"]) == (rule, arn, "NO_PERMISSIONS")


def test_permission_counts_only_for_its_rule(aws: Sandbox) -> None:
    arn = function(aws, ECHO, role(aws))
    permit(aws, schedule(aws, {"Arn": arn}, name="other"))
    schedule(aws, {"Arn": arn})
    assert not aws.tick("nightly")[0].delivered
    assert aws.tick("other")[0].delivered


def test_disabled_rule_delivers_nothing(aws: Sandbox) -> None:
    permit(aws, schedule(aws, {"Arn": function(aws, ECHO, role(aws))}, State="DISABLED"))
    (delivery,) = aws.tick("nightly")
    assert (delivery.delivered, delivery.reason) == (False, "rule DISABLED")
    assert delivery.attempts == ()


def test_tick_raises_without_such_a_rule(aws: Sandbox) -> None:
    with pytest.raises(NoSuchRule):
        aws.tick("nothing")


def test_wrong_schedule_is_refused_when_the_rule_is_made(aws: Sandbox) -> None:
    events = aws.client("events")
    with pytest.raises(Exception, match=r"ValidationException.*ScheduleExpression is not valid"):
        events.put_rule(Name="wrong", ScheduleExpression="rate(1 days)")


def test_state_machine_is_started_as_the_targets_role(aws: Sandbox) -> None:
    machine = state_machine(aws, Done={"Type": "Pass", "End": True})
    starter = role(aws, name="starter", service="events.amazonaws.com")
    schedule(aws, {"Arn": machine, "RoleArn": starter, "Input": '{"a": 1}'})
    assert aws.tick("nightly")[0].reason.startswith("NO_PERMISSIONS")
    permitted(aws, "starter", allow("states:StartExecution", resource=machine))
    (delivery,) = aws.tick("nightly")
    assert delivery.delivered
    assert delivery.execution
    assert (delivery.execution.status, delivery.execution.output) == ("SUCCEEDED", '{"a": 1}')


def test_role_may_trust_eventbridge_for_one_rule_only(aws: Sandbox) -> None:
    machine = state_machine(aws, Done={"Type": "Pass", "End": True})
    starter = role(aws, allow("states:StartExecution"), name="starter", service="events.amazonaws.com")
    rule = schedule(aws, {"Arn": machine, "RoleArn": starter})
    schedule(aws, {"Arn": machine, "RoleArn": starter}, name="other")
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": "events.amazonaws.com"},
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    aws.client("iam").update_assume_role_policy(RoleName="starter", PolicyDocument=policy(trust))
    assert aws.tick("nightly")[0].delivered
    assert aws.tick("other")[0].reason.startswith("NO_PERMISSIONS")
