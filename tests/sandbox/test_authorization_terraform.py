"""What Terraform's requests need is named after the Service Authorization Reference."""

import json
from typing import Any

import pytest

from sandbox.authorization import HttpRequest, needs_of

HERE, ME = "eu-west-1", "123456789012"
ROLE = f"arn:aws:iam::{ME}:role/r"
FUNCTION = f"arn:aws:lambda:{HERE}:{ME}:function:f"
CREATION = {"FunctionName": "f", "Role": ROLE, "Code": {"S3Bucket": "b", "S3Key": "k"}}


def http(service: str, **parts: Any) -> HttpRequest:
    blank = {"region": HERE, "account": ME, "method": "POST", "path": "/", "query": "", "target": "", "body": b""}
    return HttpRequest(service=service, **{**blank, **parts})


@pytest.mark.parametrize(
    ("request_", "needs"),
    [
        (http("iam", body=b"Action=PutRolePolicy&RoleName=r"), [("iam:PutRolePolicy", ROLE)]),
        (
            http("monitoring", body=b"Action=PutMetricAlarm&AlarmName=a"),
            [("cloudwatch:PutMetricAlarm", f"arn:aws:cloudwatch:{HERE}:{ME}:alarm:a")],
        ),
        (
            http("events", target="AWSEvents.PutTargets", body=b'{"Rule": "r"}'),
            [("events:PutTargets", f"arn:aws:events:{HERE}:{ME}:rule/r")],
        ),
        (
            http("events", target="AWSEvents.TagResource", body=b'{"ResourceARN": "arn:aws:events:x:y:rule/r"}'),
            [("events:TagResource", "arn:aws:events:x:y:rule/r")],
        ),
        (
            http("sqs", target="AmazonSQS.DeleteQueue", body=b'{"QueueUrl": "http://127.0.0.1:1/123456789012/q"}'),
            [("sqs:DeleteQueue", f"arn:aws:sqs:{HERE}:{ME}:q")],
        ),
        (http("s3", method="PUT", path="/b"), [("s3:CreateBucket", "arn:aws:s3:::b")]),
        (http("s3", method="PUT", path="/b", query="policy="), [("s3:PutBucketPolicy", "arn:aws:s3:::b")]),
        (http("s3", method="DELETE", path="/b", query="policy="), [("s3:DeleteBucketPolicy", "arn:aws:s3:::b")]),
        (
            http("s3", method="DELETE", path="/b", query="encryption="),
            [("s3:PutEncryptionConfiguration", "arn:aws:s3:::b")],
        ),
        (http("s3", method="GET", path="/b/k", query="tagging="), [("s3:GetObjectTagging", "arn:aws:s3:::b/k")]),
        (
            http("lambda", path="/2015-03-31/functions", body=json.dumps(CREATION).encode()),
            [("lambda:CreateFunction", FUNCTION), ("iam:PassRole", ROLE), ("s3:GetObject", "arn:aws:s3:::b/k")],
        ),
        (
            http("lambda", method="DELETE", path="/2015-03-31/functions/f/policy/s"),
            [("lambda:RemovePermission", FUNCTION)],
        ),
        (
            http("lambda", path="/2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af"),
            [("lambda:TagResource", FUNCTION)],
        ),
    ],
)
def test_request_needs_its_actions(request_: HttpRequest, needs: list[tuple[str, str]]) -> None:
    assert [(need.action, need.resource) for need in needs_of(request_)] == needs
