import json
import urllib.request
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from sandbox import Sandbox as ExportedSandbox
from sandbox.ec2 import Fault, Volume
from sandbox.local import Sandbox
from tests.sandbox.deployments import allow, permitted, policy, queue, role

HERE = "eu-west-1"
ACTION, VOLUME, SNAPSHOT = "ec2:CreateSnapshot", "arn:aws:ec2:*:*:volume/*", "arn:aws:ec2:*::snapshot/*"
TAGS = [{"ResourceType": "snapshot", "Tags": [{"Key": "Policy", "Value": "nightly"}]}]
OWNED = {"Condition": {"StringEquals": {"aws:RequestTag/Policy": "nightly"}}}
TAG_ON_CREATE = allow(
    "ec2:CreateTags", resource=SNAPSHOT, Condition={"StringEquals": {"ec2:CreateAction": "CreateSnapshot"}}
)
LEAST = (allow(ACTION, resource=VOLUME), allow(ACTION, resource=SNAPSHOT, **OWNED), TAG_ON_CREATE)


def error_of(call: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def creation(aws: Sandbox, *statements: dict[str, Any], tags: Any = TAGS) -> str:
    """Let a role with these statements create a snapshot; say what EC2 answers."""
    aws.ec2.regions[HERE].add(Volume("vol-1", "eu-west-1a"))
    ec2 = aws.client("ec2", role_arn=role(aws, *statements))
    try:
        ec2.create_snapshot(VolumeId="vol-1", TagSpecifications=tags)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "OK"


def test_least_policy_lets_a_role_create_tagged_snapshots(aws: Sandbox) -> None:
    assert creation(aws, *LEAST) == "OK"


@pytest.mark.parametrize("missing", range(3), ids=["volume", "snapshot", "tags"])
def test_creation_is_denied_without_any_one_statement(aws: Sandbox, missing: int) -> None:
    rest = [statement for place, statement in enumerate(LEAST) if place != missing]
    assert creation(aws, *rest) == "UnauthorizedOperation"


def test_request_tag_condition_on_the_volume_denies(aws: Sandbox) -> None:
    both = allow(ACTION, resource="*", **OWNED)
    assert creation(aws, both, TAG_ON_CREATE) == "UnauthorizedOperation"


def test_snapshot_without_the_owners_tag_is_denied(aws: Sandbox) -> None:
    other = [{"ResourceType": "snapshot", "Tags": [{"Key": "Policy", "Value": "weekly"}]}]
    assert creation(aws, *LEAST, tags=other) == "UnauthorizedOperation"


def test_every_decision_is_kept(aws: Sandbox) -> None:
    creation(aws, allow(ACTION, resource=VOLUME))
    principal = "arn:aws:sts::123456789012:assumed-role/run/sandbox"
    assert aws.decisions == [
        (True, ACTION, "arn:aws:ec2:eu-west-1:123456789012:volume/vol-1", principal),
        (False, ACTION, "arn:aws:ec2:eu-west-1::snapshot/*", principal),
    ]


def test_call_is_kept_with_the_session_that_made_it(aws: Sandbox) -> None:
    creation(aws, *LEAST)
    assert aws.ec2.calls[-1].principal == "arn:aws:sts::123456789012:assumed-role/run/sandbox"


def test_dry_run_tells_whether_the_call_is_authorised(aws: Sandbox) -> None:
    aws.ec2.regions[HERE].add(Volume("vol-1", "eu-west-1a"))
    ec2 = aws.client("ec2", role_arn=role(aws, *LEAST))
    assert error_of(lambda: ec2.create_snapshot(VolumeId="vol-1", DryRun=True, TagSpecifications=TAGS)) == (
        "DryRunOperation"
    )
    assert error_of(lambda: ec2.create_snapshot(VolumeId="vol-1", DryRun=True)) == "UnauthorizedOperation"


def test_permissions_boundary_narrows_what_a_role_may(aws: Sandbox) -> None:
    boundary = aws.client("iam").create_policy(PolicyName="b", PolicyDocument=policy(allow("ec2:DescribeRegions")))
    arn = role(aws, allow("ec2:*"), boundary=boundary["Policy"]["Arn"])
    ec2 = aws.client("ec2", role_arn=arn)
    ec2.describe_regions()
    assert error_of(ec2.describe_volumes) == "UnauthorizedOperation"


def test_attached_policy_and_the_requested_region_count(aws: Sandbox) -> None:
    here = {"StringEquals": {"aws:RequestedRegion": HERE}}
    document = policy(allow("ec2:DescribeVolumes", Condition=here))
    attached = aws.client("iam").create_policy(PolicyName="p", PolicyDocument=document)["Policy"]["Arn"]
    arn = role(aws)
    aws.client("iam").attach_role_policy(RoleName="run", PolicyArn=attached)
    aws.client("ec2", role_arn=arn).describe_volumes()
    elsewhere = aws.client("ec2", region="us-east-1", role_arn=arn)
    assert error_of(elsewhere.describe_volumes) == "UnauthorizedOperation"


def test_resource_policy_can_allow_and_deny(aws: Sandbox) -> None:
    arn = role(aws)
    reports = queue(aws, "reports")
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName="reports")["QueueUrl"]
    mine = aws.client("sqs", role_arn=arn)
    assert error_of(lambda: mine.send_message(QueueUrl=url, MessageBody="x")) == "AccessDenied"
    open_ = allow("sqs:SendMessage", resource=reports, Principal={"AWS": arn})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(open_)})
    mine.send_message(QueueUrl=url, MessageBody="x")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(open_, {**open_, "Effect": "Deny"})})
    assert error_of(lambda: mine.send_message(QueueUrl=url, MessageBody="x")) == "AccessDenied"


def test_bucket_that_demands_tls_can_be_written(aws: Sandbox) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="reports", CreateBucketConfiguration={"LocationConstraint": HERE})
    tls = {"Effect": "Deny", "Principal": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    s3.put_bucket_policy(Bucket="reports", Policy=policy(allow("s3:*", resource="arn:aws:s3:::reports/*") | tls))
    mine = aws.client("s3", role_arn=role(aws, allow("s3:PutObject", resource="arn:aws:s3:::reports/a/*")))
    mine.put_object(Bucket="reports", Key="a/b c+ü.json", Body=b"{}")
    assert s3.get_object(Bucket="reports", Key="a/b c+ü.json")["Body"].read() == b"{}"
    assert error_of(lambda: mine.put_object(Bucket="reports", Key="other", Body=b"{}")) == "AccessDenied"


@pytest.mark.parametrize(("service", "code"), [("ec2", "AuthFailure"), ("sts", "InvalidClientTokenId")])
def test_unknown_credentials_are_refused(aws: Sandbox, service: str, code: str) -> None:
    stranger = boto3.Session("AKIASTRANGER", "secret", region_name=HERE).client(service, endpoint_url=aws.endpoint)  # type: ignore[call-overload]
    call = stranger.describe_volumes if service == "ec2" else stranger.get_caller_identity
    assert error_of(call) == code


@pytest.mark.parametrize("wrong", ["secret", "token"])
def test_session_must_sign_with_its_own_secret_and_token(aws: Sandbox, wrong: str) -> None:
    given = aws.client("sts").assume_role(RoleArn=role(aws, allow("ec2:*")), RoleSessionName="mine")["Credentials"]
    secret = "x" if wrong == "secret" else given["SecretAccessKey"]
    token = "x" if wrong == "token" else given["SessionToken"]
    session = boto3.Session(given["AccessKeyId"], secret, token, region_name=HERE)
    ec2 = session.client("ec2", endpoint_url=aws.endpoint)
    assert error_of(ec2.describe_volumes) == "AuthFailure"


def test_unimplemented_call_is_refused_at_once(aws: Sandbox) -> None:
    assert error_of(aws.client("events").list_endpoints) == "SandboxNotImplemented"


def test_terraforms_questions_about_state_machines_are_answered(aws: Sandbox) -> None:
    steps = aws.client("stepfunctions")
    assert steps.validate_state_machine_definition(definition="{}")["result"] == "OK"
    assert steps.list_state_machine_versions(stateMachineArn="arn:aws:states:eu-west-1:1:stateMachine:x") is not None


def test_lost_answer_breaks_the_connection(aws: Sandbox) -> None:
    aws.ec2.regions[HERE].add(Volume("vol-1", "eu-west-1a"))
    aws.ec2.inject(Fault("CreateSnapshot", lost="reset"))
    once = Config(retries={"total_max_attempts": 1})
    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    ec2 = boto3.client("ec2", region_name=HERE, endpoint_url=aws.endpoint, config=once, **credentials)  # type: ignore[call-overload]
    with pytest.raises(ConnectionClosedError):
        ec2.create_snapshot(VolumeId="vol-1")
    assert len(aws.ec2.regions[HERE].snapshots) == 1


def test_region_that_does_not_exist_is_named(aws: Sandbox) -> None:
    assert error_of(aws.client("ec2", region="eu-nowhere-1").describe_volumes) == "SandboxUnknownRegion"


def test_one_sandbox_runs_at_a_time_and_each_starts_empty() -> None:
    with ExportedSandbox() as first:
        role(first)
        with pytest.raises(RuntimeError, match="another sandbox"), ExportedSandbox():
            pass
    with ExportedSandbox() as second:
        assert second.client("iam").list_roles()["Roles"] == []


def test_wrong_estate_does_not_block_the_next_sandbox() -> None:
    with pytest.raises(ValueError, match="no colour"), ExportedSandbox(estate={"colour": "red"}):
        pass
    with ExportedSandbox():
        pass


def test_sandbox_is_steered_over_http(aws: Sandbox) -> None:
    def ask(method: str, path: str, body: object = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{aws.endpoint}/_sandbox/{path}", data, method=method)  # noqa: S310 - ours
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - ours
            return json.load(answer)

    estate: dict[str, Any] = {"regions": {HERE: {"volumes": {"data": {}}}}}
    assert ask("POST", "estate", estate) == {"volumes": {HERE: 1}}
    assert ask("POST", "faults", [{"action": "DescribeVolumes", "code": "Unavailable"}]) == {"injected": 1}
    before = aws.ec2.clock.now()
    ask("POST", "clock?seconds=60")
    assert (aws.ec2.clock.now() - before).total_seconds() >= 60
    aws.client("ec2").describe_volumes()
    assert [call["outcome"] for call in ask("GET", "calls")] == ["Unavailable", "OK"]
    assert ask("GET", "decisions") == []
    with pytest.raises(urllib.request.HTTPError, match="400"):
        ask("POST", "tick?rule=nothing&region=eu-west-1")
    with pytest.raises(urllib.request.HTTPError, match="404"):
        ask("GET", "nothing")


def test_encrypted_queue_takes_messages_when_the_key_allows(aws: Sandbox) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    queue_arn = queue(aws, "messages", KmsMasterKeyId=key)
    sender = aws.client("sqs", role_arn=role(aws, allow("sqs:SendMessage", resource=queue_arn)))
    url = aws.client("sqs").get_queue_url(QueueName="messages")["QueueUrl"]
    with pytest.raises(Exception, match=r"AccessDenied.*kms:GenerateDataKey"):
        sender.send_message(QueueUrl=url, MessageBody="x")
    permitted(aws, "run", allow("sqs:SendMessage", "kms:GenerateDataKey", "kms:Decrypt"))
    sender.send_message(QueueUrl=url, MessageBody="x")


def test_missing_object_is_denied_without_leave_to_list(aws: Sandbox) -> None:
    aws.client("s3").create_bucket(Bucket="reports", CreateBucketConfiguration={"LocationConstraint": HERE})
    get = allow("s3:GetObject", resource="arn:aws:s3:::reports/*")
    mine = aws.client("s3", role_arn=role(aws, get))
    with pytest.raises(ClientError, match=r"AccessDenied.*s3:ListBucket"):
        mine.get_object(Bucket="reports", Key="gone.json")
    permitted(aws, "run", get, allow("s3:ListBucket", resource="arn:aws:s3:::reports"))
    with pytest.raises(ClientError, match="NoSuchKey"):
        mine.get_object(Bucket="reports", Key="gone.json")
