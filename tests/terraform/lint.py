"""Owns the question whether AWS understands a statement; must not know the module's statements.

The answers are AWS's own tables of actions, resources and condition keys, which policy_sentry contains.
"""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

from policy_sentry.shared.iam_data import get_service_prefix_data

KEYS_OF_EVERY_ACTION = {"aws:RequestedRegion", "aws:ResourceAccount"}
# The names in the ARNs of a deployment's resources.
NAMES = {
    "Partition": ["aws"],
    "Region": ["eu-west-1"],
    "Account": ["111122223333"],
    "LogGroupName": ["/aws/lambda/ebs-backup"],
    "FunctionName": ["ebs-backup"],
    "StateMachineName": ["ebs-backup"],
    "QueueName": ["ebs-backup-failed-runs"],
    "BucketName": ["ebs-backup-111122223333"],
    "ObjectName": [
        "ebs-backup/reports/2026/11/23/2026-11-23T03:00:00Z.completed.100.json",
        "ebs-backup/rounds/2026-11-23T03:00:00Z/a-1/eu-west-1.json",
        "ebs-backup/rounds/2026-11-23T03:00:00Z/a-1/run.json",
    ],
    "KeyId": ["1234abcd-12ab-34cd-56ef-1234567890ab"],
}

Statement = dict[str, Any]


def faults(statement: Statement) -> Iterator[str]:
    """Yield the faults that make a statement allow nothing, or more than it needs."""
    for action in statement["Action"]:
        if _action_data(action):
            yield from _misfits(action, statement["Resource"], _condition_keys(statement))
        else:
            yield f"{action} is no action"


def _misfits(action: str, resource: str, keys: set[str]) -> Iterator[str]:
    types = _action_data(action)["resource_types"]
    matched = [""] if resource == "*" else _matched_types(action, resource)
    if resource == "*" and types.keys() != {""}:
        yield f"{action} can be narrowed to resources"
    if not matched:
        yield f"{action} never acts on {resource}"
    known = {key for type_ in ("", *matched) if type_ in types for key in types[type_]["condition_keys"]}
    yield from (f"{action} on {resource} never knows {key}" for key in sorted(keys - known - KEYS_OF_EVERY_ACTION))


def gaps(statements: Sequence[Statement]) -> Iterator[str]:
    """Yield the resource types that an action needs and no statement allows."""
    allowed = [(action, statement["Resource"]) for statement in statements for action in statement["Action"]]
    for action in {action for action, _ in allowed}:
        needed = {type_ for type_, row in _action_data(action)["resource_types"].items() if row["required"]}
        matched = {type_ for a, resource in allowed if a == action for type_ in _matched_types(action, resource)}
        yield from (f"{action} is not allowed on any {type_}" for type_ in sorted(needed - matched))


def _action_data(action: str) -> dict[str, Any]:
    service, _, name = action.partition(":")
    data: dict[str, Any] = get_service_prefix_data(service).get("privileges", {}).get(name, {})
    return data


def _matched_types(action: str, resource: str) -> list[str]:
    """Return the types of the action's resources whose ARNs the policy's resource matches."""
    formats = get_service_prefix_data(action.partition(":")[0])["resources"]
    types = _action_data(action)["resource_types"].keys() - {""}
    return [type_ for type_ in types if any(fnmatchcase(arn, resource) for arn in _arns(formats[type_]["arn"]))]


def _arns(format_: str) -> Iterator[str]:
    """Yield a format's ARNs, one for every combination of names."""
    pieces = re.split(r"\$\{(\w+)\}", format_)
    return map("".join, product(*(NAMES.get(p, ["any"]) if n % 2 else [p] for n, p in enumerate(pieces))))


def _condition_keys(statement: Statement) -> set[str]:
    """Return the keys of a statement's conditions as AWS lists them, with ${TagKey} for the key of a tag."""
    keys = (key for condition in statement.get("Condition", {}).values() for key in condition)
    return {re.sub(r"(?<=Tag/).+", "${TagKey}", key) for key in keys}
