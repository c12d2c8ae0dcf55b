"""The one place that reaches into moto, which keeps every service but EC2: reads its state, and writes to it.

Nothing here decides whether something is allowed.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from time import sleep, time
from typing import Any, Final, Self
from urllib.parse import unquote

from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.core.exceptions import ServiceException
from moto.events.models import Rule, events_backends
from moto.iam.models import IAMBackend, ManagedPolicy, iam_backends
from moto.kms.models import kms_backends
from moto.logs.models import logs_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.sts.models import AssumedRole, sts_backends
from werkzeug.exceptions import HTTPException

from sandbox.ec2.model import ACCOUNT
from sandbox.iam import Document

PARTITION: Final = "aws"
_NOT_THERE: Final = (HTTPException, KeyError, ServiceException)
"""How moto's services say that something does not exist."""


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role: who may assume it, and what it may do."""

    arn: str
    name: str
    trust: Document
    policies: tuple[Document, ...]
    boundary: Document | None


@dataclass(frozen=True, slots=True)
class Session:
    """Temporary credentials of a role, and the policy they were narrowed by."""

    access_key: str
    secret_key: str
    token: str
    arn: str
    role: Role
    policy: Document | None


def reset() -> None:
    """Forget everything."""
    moto_api_backend.reset()


# --- IAM and STS ---------------------------------------------------------------------------------------


def _iam() -> IAMBackend:
    return iam_backends[ACCOUNT][PARTITION]


def role(arn: str) -> Role | None:
    """Find a role by its ARN."""
    found = next((r for r in _iam().get_roles() if r.arn == arn), None)
    if found is None:
        return None
    attached = (_default_version(policy) for policy in found.managed_policies.values())
    boundary = found.permissions_boundary_arn
    return Role(
        arn=found.arn,
        name=found.name,
        trust=_document(found.assume_role_policy_document),
        policies=(*map(_document, found.policies.values()), *attached),
        boundary=_default_version(_iam().get_policy(boundary)) if boundary else None,
    )


def age_roles(time: timedelta) -> None:
    """Let every role have been created so much earlier."""
    for found in _iam().get_roles():
        found.create_date -= time


def _default_version(policy: ManagedPolicy) -> Document:
    return next(_document(version.document) for version in policy.versions if version.is_default)


@cache
def _document(text: str) -> Document:
    document: Document = json.loads(unquote(text))
    return document


def assume(assumed: Role, session_name: str, region: str) -> Session:
    """Make temporary credentials for a role."""
    made = sts_backends[ACCOUNT][PARTITION].assume_role(
        region_name=region,
        role_session_name=session_name,
        role_arn=assumed.arn,
        policy="",
        duration=3600,
        external_id="",
    )
    return _session(made, assumed)


def session(access_key: str) -> Session | None:
    """Find the session that an access key belongs to, None if there is none or its role is gone."""
    found = sts_backends[ACCOUNT][PARTITION].get_assumed_role_from_access_key(access_key)
    of_role = role(found.role_arn) if found else None
    return _session(found, of_role) if found and of_role else None


def _session(assumed: AssumedRole, of_role: Role) -> Session:
    return Session(
        access_key=assumed.access_key_id,
        secret_key=assumed.secret_access_key,
        token=assumed.session_token,
        arn=assumed.arn,
        role=of_role,
        policy=_document(assumed.policy) if assumed.policy else None,
    )


# --- policies of resources -----------------------------------------------------------------------------


def resource_policy(arn: str) -> Document | None:
    """Read the policy that a queue, topic, bucket, key or function carries."""
    if not arn.startswith("arn:"):
        return None
    _, _, service, region, _, name = arn.split(":", 5)
    text = None
    if read := _POLICIES.get(service):
        with suppress(*_NOT_THERE):
            text = read(region, name)
    return _document(text.decode() if isinstance(text, bytes) else text) if text else None


def _function_policy(region: str, name: str) -> str:
    function = lambda_backends[ACCOUNT][region].get_function(name.removeprefix("function:"))
    return json.dumps({"Statement": function.policy.statements})


_POLICIES: Final[Mapping[str, Callable[[str, str], Any]]] = {
    "sqs": lambda region, name: sqs_backends[ACCOUNT][region].get_queue(name).policy,
    "sns": lambda region, name: (
        sns_backends[ACCOUNT][region].get_topic(f"arn:aws:sns:{region}:{ACCOUNT}:{name}").policy
    ),
    "s3": lambda _, name: s3_backends[ACCOUNT][PARTITION].get_bucket(name.partition("/")[0]).policy,
    "kms": lambda region, name: kms_backends[ACCOUNT][region].describe_key(name.removeprefix("key/")).policy,
    "lambda": _function_policy,
}


# --- Lambda, EventBridge -------------------------------------------------------------------------------


def function(name_or_arn: str, region: str) -> LambdaFunction | None:
    """Find a function by its name or ARN."""
    with suppress(*_NOT_THERE):
        return lambda_backends[ACCOUNT][region].get_function(name_or_arn)
    return None


def rule(name: str, region: str) -> Rule | None:
    """Find a rule on the default event bus."""
    with suppress(*_NOT_THERE):
        found: Rule = events_backends[ACCOUNT][region].describe_rule(name, None)
        return found
    return None


@dataclass(frozen=True, slots=True)
class Execution:
    """How an execution of a state machine ended; `output` is JSON."""

    arn: str
    status: str
    output: str
    error: str
    cause: str


def _state_machines(arn: str) -> Any:
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends  # noqa: PLC0415 - takes a second

    return stepfunctions_parser_backends[ACCOUNT][arn.split(":")[3]]


def role_of_state_machine(arn: str) -> str | None:
    """Find the ARN of a state machine's role, None if there is no such state machine."""
    with suppress(*_NOT_THERE):
        return str(_state_machines(arn).describe_state_machine(arn).roleArn)
    return None


def execute(state_machine: str, name: str, text: str) -> Execution:
    """Execute a state machine and wait for the end."""
    execution = _state_machines(state_machine).start_execution(state_machine, name, text)
    while execution.status == "RUNNING":
        sleep(0.05)
    output = json.dumps(execution.output)
    return Execution(execution.execution_arn, execution.status, output, execution.error or "", execution.cause or "")


def is_usable(arn: str) -> bool:
    """Tell whether something is no KMS key, or one that is enabled."""
    if not arn.startswith("arn:aws:kms:"):
        return True
    _, _, _, region, _, name = arn.split(":", 5)
    with suppress(*_NOT_THERE):
        return bool(kms_backends[ACCOUNT][region].describe_key(name.removeprefix("key/")).enabled)
    return False


def key_of_bucket(bucket: str) -> str | None:
    """Give the ARN of the key that a bucket encrypts new objects with, None if it is S3's own."""
    with suppress(*_NOT_THERE):
        settings = s3_backends[ACCOUNT][PARTITION].get_bucket(bucket).encryption or {}
        default = settings["Rule"]["ApplyServerSideEncryptionByDefault"]
        return default.get("KMSMasterKeyID") or None
    return None


def key_of_log_group(group: str, region: str) -> str | None:
    """Give the ARN of the key that a log group is encrypted with, None if it is CloudWatch's own."""
    return logs_backends[ACCOUNT][region].groups[group].kms_key_id or None


def has_object(bucket: str, key: str) -> bool:
    """Tell whether an object exists."""
    with suppress(*_NOT_THERE):
        return s3_backends[ACCOUNT][PARTITION].head_object(bucket, key) is not None
    return False


# --- messages and logs ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Destination:
    """A queue or topic, by the parts of its ARN."""

    arn: str
    service: str
    region: str
    name: str

    @classmethod
    def of(cls, arn: str) -> Self:
        """Split an ARN into its parts."""
        _, _, service, region, _, name = arn.split(":", 5)
        return cls(arn, service, region, name)


class NoSuchDestination(Exception):  # noqa: N818 - says what it is
    """There is no queue or topic of this ARN."""


def key_of(arn: str) -> str | None:
    """Give the ARN of the key that a queue or topic is encrypted with, None if it is the service's own."""
    to = Destination.of(arn)
    try:
        if to.service == "sqs":
            key = getattr(sqs_backends[ACCOUNT][to.region].get_queue(to.name), "kms_master_key_id", None)
        else:
            key = sns_backends[ACCOUNT][to.region].get_topic(arn).kms_master_key_id
    except _NOT_THERE as error:
        raise NoSuchDestination(arn) from error
    return str(kms_backends[ACCOUNT][to.region].describe_key(key).arn) if key else None


def send(arn: str, body: str, attributes: Mapping[str, str] | None = None) -> None:
    """Put a message into a queue or publish it to a topic."""
    to = Destination.of(arn)
    typed = {k: {"DataType": "String", "StringValue": v} for k, v in (attributes or {}).items()}
    if to.service == "sqs":
        sqs_backends[ACCOUNT][to.region].send_message(to.name, body, message_attributes=typed)
    else:
        sns_backends[ACCOUNT][to.region].publish(body, arn=arn, message_attributes=typed)


def has_log_group(group: str, region: str) -> bool:
    """Tell whether a log group exists."""
    return group in logs_backends[ACCOUNT][region].groups


def write_log(group: str, stream: str, lines: Sequence[str], region: str) -> None:
    """Write lines to a new stream of a log group that exists."""
    logs = logs_backends[ACCOUNT][region]
    logs.create_log_stream(group, stream)
    now = int(time() * 1000)
    logs.put_log_events(group, stream, [{"timestamp": now, "message": line} for line in lines])
