"""What the module's policies ask of a request beyond action and resource: the sandbox knows it of each request."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.local import Sandbox
from tests.sandbox.deployments import ACCOUNT, ECHO, FAILS, allow, function, policy, role

REGION = "eu-west-1"
OBJECT = {"Bucket": "reports", "Key": "a.json", "Body": b"1"}


@pytest.fixture
def aws() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        sandbox.client("s3").create_bucket(Bucket="reports", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield sandbox


@pytest.fixture
def key(aws: Sandbox) -> str:
    account = allow("kms:*") | {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    return str(aws.client("kms").create_key(Policy=policy(account))["KeyMetadata"]["Arn"])


def conditional(aws: Sandbox, **condition: Any) -> Any:
    return aws.client("s3", role_arn=role(aws, allow("s3:PutObject", Condition=condition)))


def test_object_is_written_once_under_a_condition(aws: Sandbox) -> None:
    writer = conditional(aws, Null={"s3:if-none-match": "false"})

    with pytest.raises(ClientError, match="AccessDenied"):
        writer.put_object(**OBJECT)
    writer.put_object(**OBJECT, IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        writer.put_object(**OBJECT, IfNoneMatch="*")


@pytest.mark.parametrize(("account", "allowed"), [(ACCOUNT, True), ("210987654321", False)])
def test_bucket_is_of_this_account(aws: Sandbox, account: str, allowed: bool) -> None:
    writer = conditional(aws, StringEquals={"aws:ResourceAccount": account})

    if allowed:
        writer.put_object(**OBJECT, ExpectedBucketOwner=account)
        return
    with pytest.raises(ClientError, match="AccessDenied"):
        writer.put_object(**OBJECT)
    with pytest.raises(ClientError, match="AccessDenied"):
        aws.client("s3").put_object(**OBJECT, ExpectedBucketOwner=account)


@pytest.mark.parametrize(("service", "allowed"), [("s3", True), ("sqs", False)])
def test_key_is_used_through_a_service(aws: Sandbox, key: str, service: str, allowed: bool) -> None:
    via = {"StringEquals": {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}}
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    aws.client("s3").put_bucket_encryption(Bucket="reports", ServerSideEncryptionConfiguration=rules)
    writer = aws.client("s3", role_arn=role(aws, allow("s3:PutObject"), allow("kms:GenerateDataKey", Condition=via)))

    if allowed:
        writer.put_object(**OBJECT)
        return
    with pytest.raises(ClientError, match="AccessDenied"):
        writer.put_object(**OBJECT)


def test_disabled_key_serves_nobody(aws: Sandbox, key: str) -> None:
    run = role(aws, allow("kms:*"), allow("logs:*"))
    function(aws, ECHO, run, KMSKeyArn=key, Environment={"Variables": {"a": "b"}})
    invoke = aws.client("lambda").invoke
    assert "FunctionError" not in invoke(FunctionName="backup")

    aws.client("kms").disable_key(KeyId=key.rpartition("/")[2])

    with pytest.raises(ClientError, match="KMSAccessDenied"):
        invoke(FunctionName="backup")


# --- what alarms watch ---


def values(aws: Sandbox, namespace: str) -> list[tuple[str, dict[str, str], float]]:
    return [(d.name, dict(d.dimensions), d.value) for d in aws.metrics.sent if d.namespace == namespace]


def test_lost_failure_moves_a_metric(aws: Sandbox) -> None:
    function(aws, FAILS, role(aws, allow("logs:*")))
    queue = aws.client("sqs").create_queue(QueueName="failures")["QueueUrl"]
    arn = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.client("lambda").put_function_event_invoke_config(
        FunctionName="backup", DestinationConfig={"OnFailure": {"Destination": arn}}
    )

    aws.client("lambda").invoke(FunctionName="backup", InvocationType="Event")
    aws.functions.settle()

    assert values(aws, "AWS/Lambda") == [("DestinationDeliveryFailures", {"FunctionName": "backup"}, 1)]


def test_metrics_are_read_from_a_log_that_was_written(aws: Sandbox) -> None:
    directive = {"Namespace": "N", "Dimensions": [["D"]], "Metrics": [{"Name": "M"}]}
    document = json.dumps({"_aws": {"CloudWatchMetrics": [directive]}, "D": "d", "M": 7})
    aws.client("logs").create_log_group(logGroupName="/aws/lambda/backup")
    source = f"def lambda_handler(event, context):\n    print({document!r})\n"
    function(aws, source, role(aws, allow("logs:*")))

    aws.client("lambda").invoke(FunctionName="backup")

    assert values(aws, "N") == [("M", {"D": "d"}, 7)]
