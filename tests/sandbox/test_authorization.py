from typing import Any

import pytest

from sandbox.authorization import HttpRequest, logging_needs, needs_of, sending_needs
from sandbox.authorization_ec2 import ec2_needs
from sandbox.ec2 import Request, Simulator
from sandbox.ec2.service import ACTIONS
from sandbox.iam import Need, UnknownAction
from tests.sandbox.worlds import HERE, ME, NOW, add_instance, add_snapshot, add_volume, tags

SNAPSHOTS = "arn:aws:ec2:eu-west-1::snapshot/*"


def needs(simulator: Simulator, action: str, **parameters: Any) -> list[Need]:
    return ec2_needs(Request(action, parameters, simulator.regions[HERE], "somebody", NOW), ME)


def pairs(found: list[Need]) -> list[tuple[str, str]]:
    return [(need.action, need.resource) for need in found]


def volume_arn(volume_id: str) -> str:
    return f"arn:aws:ec2:eu-west-1:{ME}:volume/{volume_id}"


def test_create_snapshot_needs_volume_snapshot_and_tags(simulator: Simulator) -> None:
    add_volume(simulator, tags={"Team": "shop"})
    found = needs(simulator, "CreateSnapshot", VolumeId="vol-1", TagSpecifications=tags(Run="1"))
    assert pairs(found) == [
        ("ec2:CreateSnapshot", volume_arn("vol-1")),
        ("ec2:CreateSnapshot", SNAPSHOTS),
        ("ec2:CreateTags", SNAPSHOTS),
    ]
    volume, snapshot, tagging = (need.context for need in found)
    assert volume["aws:ResourceTag/Team"] == "shop"
    assert "aws:RequestTag/Run" not in volume
    assert snapshot["aws:RequestTag/Run"] == "1"
    assert snapshot["aws:TagKeys"] == ["Run"]
    assert "ec2:CreateAction" not in snapshot
    assert tagging["ec2:CreateAction"] == "CreateSnapshot"


def test_create_snapshot_needs_no_tagging_without_tags(simulator: Simulator) -> None:
    add_volume(simulator)
    assert "ec2:CreateTags" not in [need.action for need in needs(simulator, "CreateSnapshot", VolumeId="vol-1")]


def test_set_needs_the_instance_and_every_volume_in_it(simulator: Simulator) -> None:
    add_instance(simulator, "i-1", xvda="vol-root", sdf="vol-data", sdg="vol-log")
    specification = {"InstanceId": "i-1", "ExcludeDataVolumeIds": ["vol-log"]}
    found = needs(simulator, "CreateSnapshots", InstanceSpecification=specification, CopyTagsFromSource="volume")
    assert pairs(found) == [
        ("ec2:CreateSnapshots", f"arn:aws:ec2:eu-west-1:{ME}:instance/i-1"),
        ("ec2:CreateSnapshots", volume_arn("vol-data")),
        ("ec2:CreateSnapshots", volume_arn("vol-root")),
        ("ec2:CreateSnapshots", SNAPSHOTS),
        ("ec2:CreateTags", SNAPSHOTS),
    ]
    assert found[-1].context["ec2:CreateAction"] == "CreateSnapshots"


def test_create_tags_shows_present_and_requested_tags(simulator: Simulator) -> None:
    add_snapshot(simulator, tags={"Policy": "nightly"})
    (need,) = needs(simulator, "CreateTags", Resources=["snap-1"], Tags=[{"Key": "Name", "Value": "n"}])
    assert need.resource == "arn:aws:ec2:eu-west-1::snapshot/snap-1"
    assert need.context["aws:ResourceTag/Policy"] == "nightly"
    assert need.context["aws:RequestTag/Name"] == "n"
    assert "ec2:CreateAction" not in need.context


def test_delete_snapshot_shows_the_snapshots_tags(simulator: Simulator) -> None:
    add_snapshot(simulator, tags={"Policy": "nightly"})
    (need,) = needs(simulator, "DeleteSnapshot", SnapshotId="snap-1")
    assert (need.context["aws:ResourceTag/Policy"], need.context["ec2:ResourceTag/Policy"]) == ("nightly", "nightly")


def test_copy_needs_its_source_and_its_destination(simulator: Simulator) -> None:
    asked = {"SourceRegion": "us-east-1", "SourceSnapshotId": "snap-1", "TagSpecifications": tags(Run="1")}
    assert pairs(needs(simulator, "CopySnapshot", **asked)) == [
        ("ec2:CopySnapshot", "arn:aws:ec2:us-east-1::snapshot/snap-1"),
        ("ec2:CopySnapshot", SNAPSHOTS),
        ("ec2:CreateTags", SNAPSHOTS),
    ]


def test_describe_calls_have_no_resource(simulator: Simulator) -> None:
    assert pairs(needs(simulator, "DescribeVolumes")) == [("ec2:DescribeVolumes", "*")]


def test_every_simulated_action_is_in_the_table(simulator: Simulator) -> None:
    for action in ACTIONS:
        try:
            needs(simulator, action)
        except KeyError:  # a parameter is missing: the action is known
            continue


def test_unknown_action_is_an_error_and_not_allowed(simulator: Simulator) -> None:
    with pytest.raises(UnknownAction):
        needs(simulator, "RunInstances")


def http(service: str, **parts: Any) -> HttpRequest:
    blank = {"region": HERE, "account": ME, "method": "POST", "path": "/", "query": "", "target": "", "body": b""}
    return HttpRequest(service=service, **{**blank, **parts})


@pytest.mark.parametrize(
    ("request_", "action", "resource"),
    [
        (
            http("sqs", target="AmazonSQS.SendMessage", body=b'{"QueueUrl": "http://127.0.0.1:1/123456789012/q"}'),
            "sqs:SendMessage",
            "arn:aws:sqs:eu-west-1:123456789012:q",
        ),
        (
            http("sns", body=b"Action=Publish&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A123456789012%3At"),
            "sns:Publish",
            "arn:aws:sns:eu-west-1:123456789012:t",
        ),
        (http("s3", method="PUT", path="/bucket/a%20b/c"), "s3:PutObject", "arn:aws:s3:::bucket/a b/c"),
        (
            http("s3", method="GET", path="/bucket", query="list-type=2&prefix=a"),
            "s3:ListBucket",
            "arn:aws:s3:::bucket",
        ),
        (
            http("s3", method="GET", path="/b", query="list-type=2&prefix=a%2F&start-after=a%2F1&encoding-type=url"),
            "s3:ListBucket",
            "arn:aws:s3:::b",
        ),
        (
            http("kms", target="TrentService.Decrypt", body=b'{"KeyId": "1"}'),
            "kms:Decrypt",
            "arn:aws:kms:eu-west-1:123456789012:key/1",
        ),
        (
            http("lambda", path="/2015-03-31/functions/f/invocations"),
            "lambda:InvokeFunction",
            "arn:aws:lambda:eu-west-1:123456789012:function:f",
        ),
        (
            http("states", target="AWSStepFunctions.StartExecution", body=b'{"stateMachineArn": "arn:x"}'),
            "states:StartExecution",
            "arn:x",
        ),
        (
            http("monitoring", path="/service/GraniteServiceVersion20100801/operation/PutMetricData"),
            "cloudwatch:PutMetricData",
            "*",
        ),
    ],
)
def test_request_needs_the_documented_action_and_resource(request_: HttpRequest, action: str, resource: str) -> None:
    assert pairs(needs_of(request_)) == [(action, resource)]


def test_get_caller_identity_needs_nothing() -> None:
    assert needs_of(http("sts", body=b"Action=GetCallerIdentity")) == []


@pytest.mark.parametrize(
    "request_",
    [
        http("sqs", target="AmazonSQS.PurgeQueue", body=b"{}"),
        http("iam", body=b"Action=CreateUser&UserName=x"),
        http("s3", method="PUT", path="/bucket", query="notification"),
        http("s3", method="GET", path="/bucket/key", query="acl"),
        http("lambda", method="GET", path="/2015-03-31/layers/l"),
    ],
)
def test_request_raises_when_no_table_knows_it(request_: HttpRequest) -> None:
    with pytest.raises(UnknownAction):
        needs_of(request_)


def test_log_writing_needs_two_actions_on_the_stream() -> None:
    stream = f"arn:aws:logs:eu-west-1:{ME}:log-group:/g:log-stream:s"
    assert pairs(logging_needs(HERE, ME, "/g", "s")) == [
        ("logs:CreateLogStream", stream),
        ("logs:PutLogEvents", stream),
    ]


def test_message_to_an_encrypted_queue_needs_its_key() -> None:
    queue, key = f"arn:aws:sqs:eu-west-1:{ME}:q", f"arn:aws:kms:eu-west-1:{ME}:key/1"
    assert pairs(sending_needs(queue, None)) == [("sqs:SendMessage", queue)]
    assert pairs(sending_needs(queue, key)) == [
        ("sqs:SendMessage", queue),
        ("kms:GenerateDataKey", key),
        ("kms:Decrypt", key),
    ]
