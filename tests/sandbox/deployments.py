"""Builders of what is deployed in a sandbox: packages, roles, functions, rules."""

import io
import json
import textwrap
import zipfile
from typing import Any

from sandbox.local import Sandbox

ACCOUNT = "123456789012"

ECHO = """
    def lambda_handler(event, context):
        return event
"""
FAILS = """
    def lambda_handler(event, context):
        raise RuntimeError("no backup today")
"""


def package(source: str) -> bytes:
    """Zip a handler module."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("handler.py", textwrap.dedent(source))
    return archive.getvalue()


def allow(*actions: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    """Write a statement that allows actions."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def policy(*statements: dict[str, Any]) -> str:
    """Write a policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def role(
    aws: Sandbox,
    *statements: dict[str, Any],
    name: str = "run",
    service: str = "lambda.amazonaws.com",
    boundary: str = "",
) -> str:
    """Create a role that trusts a service, with an inline policy, and return its ARN."""
    iam = aws.client("iam")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    extra = {"PermissionsBoundary": boundary} if boundary else {}
    created = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust), **extra)
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="run", PolicyDocument=policy(*statements))
    return str(created["Role"]["Arn"])


def function(aws: Sandbox, source: str, role_arn: str, name: str = "backup", **settings: Any) -> str:
    """Create a function from the source of its handler and return its ARN."""
    created = aws.client("lambda").create_function(
        FunctionName=name,
        Role=role_arn,
        Runtime="python3.13",
        Handler="handler.lambda_handler",
        Code={"ZipFile": package(source)},
        **{"Timeout": 30, **settings},
    )
    return str(created["FunctionArn"])


def invoke(aws: Sandbox, event: object = None, name: str = "backup", **settings: Any) -> tuple[str | None, Any]:
    """Invoke a function and return its error, if any, and its payload."""
    answer = aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event), **settings)
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


def queue(aws: Sandbox, name: str, **attributes: str) -> str:
    """Create a queue and return its ARN."""
    aws.client("sqs").create_queue(QueueName=name, Attributes=attributes)
    return f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{name}"


def messages(aws: Sandbox, name: str) -> list[dict[str, Any]]:
    """Receive what lies in a queue, with all attributes."""
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    return list(received.get("Messages", []))


def schedule(aws: Sandbox, target: dict[str, Any], name: str = "nightly", **settings: Any) -> str:
    """Create a rule with one target and return its ARN."""
    events = aws.client("events")
    created = events.put_rule(Name=name, ScheduleExpression="cron(0 3 * * ? *)", **settings)
    events.put_targets(Rule=name, Targets=[{"Id": "1", **target}])
    return str(created["RuleArn"])


def permit(aws: Sandbox, rule_arn: str, name: str = "backup") -> None:
    """Let a rule invoke a function."""
    aws.client("lambda").add_permission(
        FunctionName=name,
        StatementId="schedule",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule_arn,
    )


def permitted(aws: Sandbox, role_name: str, *statements: dict[str, Any]) -> None:
    """Give a role another inline policy in the place of its own."""
    aws.client("iam").put_role_policy(RoleName=role_name, PolicyName="run", PolicyDocument=policy(*statements))


def state_machine(
    aws: Sandbox, *statements: dict[str, Any], trusting: str = "states.amazonaws.com", **states: dict[str, Any]
) -> str:
    """Create a state machine that starts with the first state, with a role, and return its ARN."""
    created = aws.client("stepfunctions").create_state_machine(
        name="state-machine",
        definition=json.dumps({"StartAt": next(iter(states)), "States": states}),
        roleArn=role(aws, *statements, name="state-machine", service=trusting),
    )
    return str(created["stateMachineArn"])
