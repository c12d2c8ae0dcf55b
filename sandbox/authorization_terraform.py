"""What Terraform's requests need to be allowed while it makes, changes and destroys the module's resources.

Resources are those of the Service Authorization Reference. Reads may name one that AWS would not look at.
"""

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

from botocore.session import get_session

from sandbox.iam import Need

if TYPE_CHECKING:
    from sandbox.authorization import HttpRequest

# The names in IAM of what a query of S3 asks for.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
_SUBRESOURCES: Final = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "logging": "BucketLogging",
    "object-lock": "BucketObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "replication": "ReplicationConfiguration",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
_WHOLE_BUCKET: Final = {"DELETE": "DeleteBucket", "HEAD": "ListBucket", "PUT": "CreateBucket"}
_DELETED_BY_NAME: Final = {"policy": "DeleteBucketPolicy"}
"""Any other subresource is deleted by whoever may put it."""

# How a resource's ARN ends, and which parameters name the resource.
_NAMED: Final = {
    "cloudwatch": ("alarm:", ("AlarmName", "AlarmNames.member.1")),
    "events": ("rule/", ("Name", "Rule")),
    "logs": ("log-group:", ("logGroupName", "logGroupNamePrefix")),
    "sqs": ("", ("QueueName", "QueueUrl")),
}
_ARNS: Final = ("ResourceARN", "resourceArn")

# Of services whose actions are on different kinds of resources: those on the kind that is named here.
_KNOWN: Final = {
    "cloudwatch": (
        "DeleteAlarms",
        "DescribeAlarms",
        "ListTagsForResource",
        "PutMetricAlarm",
        "TagResource",
        "UntagResource",
    ),
    "events": (
        *("DeleteRule", "DescribeRule", "ListTagsForResource", "ListTargetsByRule", "PutRule", "PutTargets"),
        *("RemoveTargets", "TagResource", "UntagResource"),
    ),
    "iam": (
        *("CreateRole", "DeleteRole", "DeleteRolePolicy", "GetRole", "GetRolePolicy", "ListAttachedRolePolicies"),
        *("ListInstanceProfilesForRole", "ListRolePolicies", "PutRolePolicy", "TagRole", "UntagRole"),
    ),
    "logs": (
        *("CreateLogGroup", "DeleteLogGroup", "DescribeLogGroups", "ListTagsForResource", "PutRetentionPolicy"),
        *("TagResource", "UntagResource"),
    ),
    "sqs": (
        "CreateQueue",
        "DeleteQueue",
        "GetQueueAttributes",
        "ListQueueTags",
        "SetQueueAttributes",
        "TagQueue",
        "UntagQueue",
    ),
}


def terraform_needs(request: "HttpRequest") -> list[Need]:
    """List what a request needs; none if it is not one that the module's resources take."""
    match request.service:
        case "s3":
            return _needs_of_s3(request)
        case "lambda":
            return _needs_of_lambda(request)
        case "iam":
            return _needs_of_iam(request)
    return _needs_of_named(request)


def _needs_of_iam(request: "HttpRequest") -> list[Need]:
    form = dict(parse_qsl(request.body.decode()))
    if form["Action"] not in _KNOWN["iam"]:
        return []
    return [Need(f"iam:{form['Action']}", f"arn:aws:iam::{request.account}:role/{form['RoleName']}")]


def _needs_of_named(request: "HttpRequest") -> list[Need]:
    prefix = {"monitoring": "cloudwatch"}.get(request.service, request.service)
    if prefix not in _NAMED:
        return []
    given: dict[str, Any]
    if request.target:
        action, given = request.target.rpartition(".")[2], json.loads(request.body)
    else:
        given = dict(parse_qsl(request.body.decode()))
        action = given["Action"]
    if action not in _KNOWN[prefix]:
        return []
    kind, keys = _NAMED[prefix]
    arn = next((given[key] for key in _ARNS if key in given), None)
    name = next((given[key] for key in keys if key in given), "").rpartition("/" if prefix == "sqs" else "\0")[2]
    return [Need(f"{prefix}:{action}", arn or f"arn:aws:{prefix}:{request.region}:{request.account}:{kind}{name}")]


def _needs_of_s3(request: "HttpRequest") -> list[Need]:
    bucket, _, key = unquote(request.path).removeprefix("/").partition("/")
    asked = set(dict(parse_qsl(request.query, keep_blank_values=True))) - {"x-id"}
    verb = "Get" if request.method == "GET" else "Put"
    if key:
        return [Need(f"s3:{verb}ObjectTagging", f"arn:aws:s3:::{bucket}/{key}")] if asked == {"tagging"} else []
    if not asked and request.method in _WHOLE_BUCKET:
        return [Need(f"s3:{_WHOLE_BUCKET[request.method]}", f"arn:aws:s3:::{bucket}")]
    known = [f"{verb}{_SUBRESOURCES[name]}" for name in asked if name in _SUBRESOURCES]
    by_name = [_DELETED_BY_NAME[name] for name in asked if request.method == "DELETE" and name in _DELETED_BY_NAME]
    return [Need(f"s3:{action}", f"arn:aws:s3:::{bucket}") for action in by_name or known]


def _needs_of_lambda(request: "HttpRequest") -> list[Need]:
    for action, method, uri in _lambda_operations():
        if method == request.method and (found := uri.fullmatch(request.path)):
            body = json.loads(request.body or b"{}")
            name = unquote(found.groupdict().get("name") or body["FunctionName"])
            arn = f"arn:aws:lambda:{request.region}:{request.account}:function:{name}"
            needs = [Need(f"lambda:{action}", name if name.startswith("arn:") else arn)]
            return needs + _given_to_the_function(body)
    return []


def _given_to_the_function(body: dict[str, Any]) -> list[Need]:
    """Who makes a function must be allowed to give it its role, and to read its package."""
    needs = []
    if role := body.get("Role"):
        needs.append(Need("iam:PassRole", role, {"iam:PassedToService": "lambda.amazonaws.com"}))
    if package := body.get("Code"):
        needs.append(Need("s3:GetObject", f"arn:aws:s3:::{package['S3Bucket']}/{package['S3Key']}"))
    return needs


@cache
def _lambda_operations() -> list[tuple[str, str, re.Pattern[str]]]:
    """List Lambda's operations on functions with their method and their path, in which the first part is the name."""
    model = get_session().get_service_model("lambda")
    operations = [(name, model.operation_model(name).http) for name in model.operation_names]
    return [
        (name, http["method"], _path(http["requestUri"]))
        for name, http in operations
        if re.search(r"/functions/|/tags/", http["requestUri"]) or name == "CreateFunction"
    ]


def _path(uri: str) -> re.Pattern[str]:
    named = re.sub(r"\{\w+\}", "(?P<name>[^/]+)", uri.partition("?")[0].rstrip("/"), count=1)
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", named) + "/?")
