"""What each request needs to be allowed: actions on resources, each in its context.

The tables follow the Service Authorization Reference. A request that no table knows is an error and never
allowed. EC2's table is a module of its own.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from sandbox.authorization_terraform import terraform_needs
from sandbox.iam import Context, Need, UnknownAction

Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A signed request to one of the other services."""

    service: str
    region: str
    account: str
    method: str
    path: str
    query: str
    target: str
    body: bytes
    if_none_match: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for: an action and its parameters, whichever protocol carried them."""

    action: str
    parameters: Parameters


def asked_by(request: HttpRequest) -> Asked:
    """Read a request in the protocol of its service."""
    if request.target:
        return Asked(request.target.rpartition(".")[2], json.loads(request.body or b"{}"))
    if request.service == "s3":
        return _asked_of_s3(request)
    if found := _INVOKE.fullmatch(request.path):
        return Asked("Invoke", {"FunctionName": unquote(found["name"])})
    if found := _RPC.fullmatch(request.path):
        return Asked(found["operation"], {})
    form = dict(parse_qsl(request.body.decode())) if request.service in _QUERY_SERVICES else {}
    return Asked(form.get("Action", f"{request.method} {request.path}"), form)


_QUERY_SERVICES: Final = frozenset({"iam", "sns", "sts"})
_INVOKE: Final = re.compile(r"/2015-03-31/functions/(?P<name>[^/]+)/invocations")
_RPC: Final = re.compile(r"/service/[^/]+/operation/(?P<operation>\w+)")


# What only says how to do it; anything else in a query asks for another operation.
_PLAIN_QUERY: Final = frozenset(
    ("x-id", "list-type", "prefix", "delimiter", "max-keys", "start-after", "continuation-token", "encoding-type")
)


def _asked_of_s3(request: HttpRequest) -> Asked:
    """Read a path-style S3 request: what it does is in its method, its path and its query."""
    _, bucket, *rest = unquote(request.path).split("/", 2)
    key = rest[0] if rest else ""
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    names = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
    plain = not query.keys() - _PLAIN_QUERY
    if key and plain:
        condition = {"IfNoneMatch": request.if_none_match} if request.if_none_match else {}
        return Asked(names.get(request.method, request.method), {"Bucket": bucket, "Key": key, **condition})
    if request.method == "GET" and plain:
        return Asked("ListBucket", {"Bucket": bucket, "Prefix": query.get("prefix", "")})
    return Asked(f"{request.method} {request.path}?{request.query}", {})


def needs_of(request: HttpRequest) -> list[Need]:
    """List what a request to another service than EC2 needs."""
    asked = asked_by(request)
    prefix = _IAM_PREFIX.get(request.service, request.service)
    if needs := _TABLE.get((prefix, asked.action)):
        return needs(_Target(request, prefix), asked.parameters)
    if made := terraform_needs(request):
        return made
    raise UnknownAction(f"{prefix}:{asked.action}")


_IAM_PREFIX: Final = {"monitoring": "cloudwatch"}


@dataclass(frozen=True, slots=True)
class _Target:
    request: HttpRequest
    prefix: str

    def arn(self, resource: str) -> str:
        """Name a resource of the request's service; what is an ARN already stays as it is."""
        if resource.startswith("arn:"):
            return resource
        return f"arn:aws:{self.prefix}:{self.request.region}:{self.request.account}:{resource}"

    def need(self, action: str, resource: str, context: Context | None = None) -> list[Need]:
        return [Need(f"{self.prefix}:{action}", resource, context or {})]


Needs = Callable[[_Target, Parameters], list[Need]]


def _on(action: str, resource: Callable[[_Target, Parameters], str]) -> Needs:
    return lambda target, asked: target.need(action, resource(target, asked))


def _queue(target: _Target, asked: Parameters) -> str:
    return target.arn(asked["QueueUrl"].rpartition("/")[2])


def _key(target: _Target, asked: Parameters) -> str:
    return target.arn(f"key/{asked['KeyId']}" if not asked["KeyId"].startswith("arn:") else asked["KeyId"])


def _function(target: _Target, asked: Parameters) -> str:
    return target.arn(asked["FunctionName"] if "arn:" in asked["FunctionName"] else f"function:{asked['FunctionName']}")


def _object(_: _Target, asked: Parameters) -> str:
    return f"arn:aws:s3:::{asked['Bucket']}/{asked['Key']}"


def _put_object(target: _Target, asked: Parameters) -> list[Need]:
    """Need to write an object; a conditional write has a condition key of its own.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    """
    context = {"s3:if-none-match": asked["IfNoneMatch"]} if "IfNoneMatch" in asked else {}
    return target.need("PutObject", _object(target, asked), context)


def _list_bucket(target: _Target, asked: Parameters) -> list[Need]:
    return target.need("ListBucket", f"arn:aws:s3:::{asked['Bucket']}", {"s3:prefix": asked["Prefix"]})


def _everything(_: _Target, __: Parameters) -> str:
    return "*"


def _nothing(_: _Target, __: Parameters) -> list[Need]:
    return []


_TABLE: Final[Mapping[tuple[str, str], Needs]] = {
    ("sts", "GetCallerIdentity"): _nothing,
    ("sts", "AssumeRole"): _on("AssumeRole", lambda _, asked: str(asked["RoleArn"])),
    ("sqs", "SendMessage"): _on("SendMessage", _queue),
    ("sqs", "SendMessageBatch"): _on("SendMessage", _queue),
    ("sns", "Publish"): _on("Publish", lambda _, asked: str(asked["TopicArn"])),
    ("kms", "Decrypt"): _on("Decrypt", _key),
    ("kms", "GenerateDataKey"): _on("GenerateDataKey", _key),
    ("lambda", "Invoke"): _on("InvokeFunction", _function),
    ("states", "StartExecution"): _on("StartExecution", lambda _, asked: str(asked["stateMachineArn"])),
    ("cloudwatch", "PutMetricData"): _on("PutMetricData", _everything),
    ("s3", "GetObject"): _on("GetObject", _object),
    ("s3", "PutObject"): _put_object,
    ("s3", "DeleteObject"): _on("DeleteObject", _object),
    ("s3", "ListBucket"): _list_bucket,
}


def logging_needs(region: str, account: str, group: str, stream: str) -> list[Need]:
    """List what Lambda needs from a function's role to write its log."""
    arn = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}"
    return [Need("logs:CreateLogStream", arn), Need("logs:PutLogEvents", arn)]


def log_delivery_needs() -> list[Need]:
    """List what a state machine's role needs to have the log delivered.

    https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
    """
    deliveries = ("CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery", "ListLogDeliveries")
    policies = ("PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups")
    return [Need(f"logs:{action}", "*") for action in (*deliveries, *policies)]


def sending_needs(queue_or_topic: str, key: str | None) -> list[Need]:
    """List what sending to a queue or topic needs, with the two actions on the key of an encrypted queue."""
    service = queue_or_topic.split(":")[2]
    action = {"sqs": "sqs:SendMessage", "sns": "sns:Publish"}[service]
    return [Need(action, queue_or_topic), *key_needs(key, ("kms:GenerateDataKey", "kms:Decrypt"), service)]


def key_needs(key: str | None, actions: Iterable[str], service: str) -> list[Need]:
    """List what a service needs to use a customer's key in the caller's name; without a key nothing."""
    if not key:
        return []
    context = {"kms:ViaService": f"{service}.{key.split(':')[3]}.amazonaws.com"}
    return [Need(action, key, context) for action in actions]
