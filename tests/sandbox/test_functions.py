import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from tests.sandbox.deployments import (
    ACCOUNT,
    ECHO,
    FAILS,
    allow,
    function,
    invoke,
    messages,
    package,
    policy,
    queue,
    role,
)

WHO_AND_WHERE = """
    import logging, os
    import boto3

    def lambda_handler(event, context):
        logging.getLogger().info("at work", extra={"volume": "vol-1"})
        return {
            "me": boto3.client("sts").get_caller_identity()["Arn"],
            "volumes": len(boto3.client("ec2").describe_volumes()["Volumes"]),
            "policy": os.environ["POLICY"],
            "memory": context.memory_limit_in_mb,
            "left": context.get_remaining_time_in_millis(),
            "group": context.log_group_name,
            "home": os.environ["AWS_REGION"],
        }
"""

TELLS_THE_TIME = """
    from datetime import UTC, datetime
    import boto3

    def lambda_handler(event, context):
        boto3.client("sts").get_caller_identity()
        return [datetime.now(UTC).isoformat(), context.get_remaining_time_in_millis()]
"""

PURGES_A_QUEUE = """
    import boto3

    def lambda_handler(event, context):
        boto3.client("sqs").purge_queue(QueueUrl="http://x/q")
"""

LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")


def logged(aws: Sandbox, group: str) -> list[dict[str, Any]]:
    logs = aws.client("logs")
    found = logs.filter_log_events(logGroupName=group)["events"]
    return [json.loads(event["message"]) for event in found]


def test_function_runs_with_its_environment_and_its_role(aws: Sandbox) -> None:
    arn = role(aws, allow("ec2:DescribeVolumes"))
    variables = {"Variables": {"POLICY": "nightly"}}
    function(aws, WHO_AND_WHERE, arn, Environment=variables, MemorySize=256, Timeout=30)
    error, answer = invoke(aws)
    assert error is None
    assert answer.pop("left") in range(20_000, 30_000)
    assert answer == {
        "me": f"arn:aws:sts::{ACCOUNT}:assumed-role/run/backup",
        "volumes": 0,
        "policy": "nightly",
        "memory": "256",
        "group": "/aws/lambda/backup",
        "home": "eu-west-1",
    }


def test_function_with_a_moved_clock_tells_that_time(aws: Sandbox) -> None:
    function(aws, TELLS_THE_TIME, role(aws), Timeout=30)
    aws.functions.ahead = timedelta(days=5).total_seconds()

    error, (time, left) = invoke(aws)

    assert error is None
    ahead = datetime.fromisoformat(time) - datetime.now(UTC)
    assert timedelta(days=4, hours=23) < ahead <= timedelta(days=5)
    assert left in range(20_000, 30_000)


def test_function_fails_when_its_role_lacks_a_permission(aws: Sandbox) -> None:
    function(aws, WHO_AND_WHERE, role(aws), Environment={"Variables": {"POLICY": "nightly"}})
    error, answer = invoke(aws)
    assert error == "Unhandled"
    assert answer["errorType"] == "ClientError"
    assert "ec2:DescribeVolumes" in answer["errorMessage"]


def test_unknown_action_is_refused_by_name(aws: Sandbox) -> None:
    function(aws, PURGES_A_QUEUE, role(aws, allow("*")))
    error, answer = invoke(aws)
    assert error == "Unhandled"
    assert "SandboxUnknownAction" in answer["errorMessage"]
    assert "sqs:PurgeQueue" in answer["errorMessage"]


@pytest.mark.parametrize(
    ("body", "timeout", "error_type", "words"),
    [
        ("raise RuntimeError('no')", 30, "RuntimeError", "no"),
        ("raise SystemExit(3)", 30, "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("import time; time.sleep(30)", 1, "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
    ],
    ids=["an exception", "an exit", "a timeout"],
)
def test_function_that_does_not_return_is_reported_as_unhandled(
    aws: Sandbox, body: str, timeout: int, error_type: str, words: str
) -> None:
    function(aws, f"def lambda_handler(event, context):\n    {body}\n", role(aws), Timeout=timeout)
    error, answer = invoke(aws)
    assert (error, answer["errorType"]) == ("Unhandled", error_type)
    assert words in answer["errorMessage"]


def test_package_that_cannot_be_imported_is_reported(aws: Sandbox) -> None:
    function(aws, "import nothing_of_this_name", role(aws))
    error, answer = invoke(aws)
    assert (error, answer["errorType"]) == ("Unhandled", "Runtime.ImportModuleError")


def test_function_runs_new_code_after_an_update(aws: Sandbox) -> None:
    function(aws, "def lambda_handler(event, context): return 1", role(aws))
    assert invoke(aws) == (None, 1)
    aws.client("lambda").update_function_code(
        FunctionName="backup", ZipFile=package("def lambda_handler(event, context): return 2")
    )
    assert invoke(aws) == (None, 2)


def test_nothing_runs_for_a_dry_run_or_an_unknown_function(aws: Sandbox) -> None:
    function(aws, FAILS, role(aws))
    client = aws.client("lambda")
    assert client.invoke(FunctionName="backup", InvocationType="DryRun")["StatusCode"] == 204
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="nothing")
    with pytest.raises(client.exceptions.InvalidRequestContentException):
        client.invoke(FunctionName="backup", Payload=b"{not json")


def test_log_comes_with_the_answer_when_asked_for(aws: Sandbox) -> None:
    function(aws, "def lambda_handler(event, context): print('seen')", role(aws))
    answer = aws.client("lambda").invoke(FunctionName="backup", LogType="Tail")
    assert "LogResult" in answer


def test_role_that_does_not_trust_lambda_cannot_be_used(aws: Sandbox) -> None:
    function(aws, ECHO, role(aws, service="ec2.amazonaws.com"))
    with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
        aws.client("lambda").invoke(FunctionName="backup")


def test_environment_encrypted_with_a_key_needs_kms_decrypt(aws: Sandbox) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    arn = role(aws)
    function(aws, ECHO, arn, KMSKeyArn=key)
    with pytest.raises(ClientError, match="KMS access was denied"):
        aws.client("lambda").invoke(FunctionName="backup")
    document = policy(allow("kms:Decrypt", resource=key))
    aws.client("iam").put_role_policy(RoleName="run", PolicyName="key", PolicyDocument=document)
    assert invoke(aws, {"a": 1}) == (None, {"a": 1})


def test_json_logs_go_to_the_configured_group_with_lambdas_own_lines(aws: Sandbox) -> None:
    aws.client("logs").create_log_group(logGroupName="/own")
    settings = {"LogFormat": "JSON", "LogGroup": "/own", "ApplicationLogLevel": "INFO"}
    arn = role(aws, allow("ec2:DescribeVolumes"), allow(*LOGS, resource=f"arn:aws:logs:*:{ACCOUNT}:log-group:/own:*"))
    function(aws, WHO_AND_WHERE, arn, LoggingConfig=settings, Environment={"Variables": {"POLICY": "x"}})
    invoke(aws)
    lines = logged(aws, "/own")
    assert lines[0]["type"] == "platform.start"
    assert lines[-1]["record"]["status"] == "success"
    (mine,) = [line for line in lines if line.get("message") == "at work"]
    assert (mine["level"], mine["volume"]) == ("INFO", "vol-1")


@pytest.mark.parametrize("granted", LOGS)
def test_log_is_not_written_without_both_permissions(aws: Sandbox, granted: str) -> None:
    aws.client("logs").create_log_group(logGroupName="/aws/lambda/backup")
    function(aws, ECHO, role(aws, allow(granted)), LoggingConfig={"LogFormat": "JSON"})
    invoke(aws)
    assert logged(aws, "/aws/lambda/backup") == []


def test_asynchronous_invocation_is_reported_after_three_attempts(aws: Sandbox) -> None:
    failed, dead = queue(aws, "failed"), queue(aws, "dead")
    arn = role(aws, allow("sqs:SendMessage"))
    function(aws, FAILS, arn, DeadLetterConfig={"TargetArn": dead})
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName="backup", DestinationConfig={"OnFailure": {"Destination": failed}}
    )
    answer = aws.client("lambda").invoke(FunctionName="backup", InvocationType="Event", Payload=b'{"a": 1}')
    assert answer["StatusCode"] == 202
    aws.functions.settle()
    (record,) = messages(aws, "failed")
    answer = json.loads(record["Body"])
    assert answer["requestContext"]["condition"] == "RetriesExhausted"
    assert answer["requestContext"]["approximateInvokeCount"] == 3
    assert answer["requestPayload"] == {"a": 1}
    assert answer["responsePayload"]["errorMessage"] == "no backup today"
    (letter,) = messages(aws, "dead")
    assert letter["Body"] == '{"a": 1}'
    assert letter["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no backup today"


def test_invoke_configuration_replaces_the_old_one(aws: Sandbox) -> None:
    function(aws, ECHO, role(aws))
    client = aws.client("lambda")
    client.put_function_event_invoke_config(FunctionName="backup", MaximumRetryAttempts=2)
    client.put_function_event_invoke_config(FunctionName="backup", MaximumRetryAttempts=0)
    assert client.get_function_event_invoke_config(FunctionName="backup")["MaximumRetryAttempts"] == 0


def test_logging_and_dead_letter_configuration_are_kept_and_changed(aws: Sandbox) -> None:
    dead = queue(aws, "dead")
    logging = {"LogFormat": "JSON", "LogGroup": "/own"}
    function(aws, ECHO, role(aws), DeadLetterConfig={"TargetArn": dead}, LoggingConfig=logging)
    client = aws.client("lambda")
    shown = client.get_function_configuration(FunctionName="backup")
    assert shown["DeadLetterConfig"] == {"TargetArn": dead}
    assert shown["LoggingConfig"] == {**logging, "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}
    client.update_function_configuration(FunctionName="backup", LoggingConfig={"LogFormat": "Text"})
    changed = client.get_function_configuration(FunctionName="backup")["LoggingConfig"]
    assert changed == {"LogFormat": "Text", "LogGroup": "/aws/lambda/backup"}
