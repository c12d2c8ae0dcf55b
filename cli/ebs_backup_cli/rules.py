"""The rules of the options that stand in for variables of the module, and how an error names such an option. Pure."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ebs_backup.model.deployment import Deployment
from ebs_backup_cli.errors import InputError

MAX_DELAY_DAYS, MAX_KEY, MAX_PATTERN = 365, 128, 256
_PREFIX = re.compile(r"(?!aws:)[a-z0-9+=._:/@-]{1,112}", re.IGNORECASE)

# The rules that the function itself does not have, by the field of the deployment: variables.tf has all of them.
_RULES: Mapping[str, tuple[str, Callable[[Any], object]]] = {
    "name": (
        "1 to 36 lower-case letters, digits and hyphens, the first one a letter, and not begin as S3 reserves it",
        re.compile(r"(?!xn--|sthree-|amzn-s3-demo-)[a-z][a-z0-9-]{0,35}").fullmatch,
    ),
    "tag_prefix": (
        "1 to 112 letters, digits and + - = . _ : / @, and not begin with aws:",
        _PREFIX.fullmatch,
    ),
    "confirmed_retention": (
        "the 8 hexadecimal digits that the brake's message names",
        re.compile(r"([0-9a-f]{8})?").fullmatch,
    ),
    "deletion_delay_days": (f"1 to {MAX_DELAY_DAYS} days", lambda days: days <= MAX_DELAY_DAYS),
}
# The options of lists and maps name one thing each.
_SINGULAR = {
    "regions": "region",
    "exclude_regions": "exclude-region",
    "include_tags": "include-tag",
    "exclude_tags": "exclude-tag",
}
_PLACE = re.compile(r"^(?:deployment\.|payload\.)?([a-z_]+)(?:\[\d+\]|\.([a-z]+))?(?= (?:must|keys must) )")


def check(deployment: Deployment, given: Collection[str]) -> None:
    """Raise InputError if a field that an option has given breaks one of Terraform's rules."""
    for key, (words, holds) in _RULES.items():
        value = getattr(deployment, key)
        if key in given and not holds(value):
            raise InputError(f"{option(key)} must be {words}; got: {value}")
    if deployment.orphan_retention_days and not deployment.retention.counts:
        raise InputError("--orphan-retention-days needs --retention: without one, nothing is deleted")
    if both := set(deployment.regions) & set(deployment.exclude_regions):
        _refuse_both("--exclude-region", "a region that the deployment asks for", both)
    _check_tags(deployment)


def check_regions(asked: Collection[str], excluded: Collection[str]) -> None:
    """Raise InputError if a region is both asked for and left out."""
    if both := set(asked) & set(excluded):
        _refuse_both("--exclude-region", "a region that --region asks for", both)


def in_options(message: str) -> str:
    """Return an error about a deployment or a request with the option's name in the place of the field's."""
    return _PLACE.sub(lambda found: f"{option(found[1])}{f' {found[2]}' if found[2] else ''}", message)


def option(key: str) -> str:
    """Return the option that gives a field of the deployment."""
    return f"--{_SINGULAR.get(key, key.replace('_', '-'))}"


def _check_tags(deployment: Deployment) -> None:
    included, excluded = deployment.include_tags, deployment.exclude_tags
    for name, tags in (("--include-tag", included), ("--exclude-tag", excluded)):
        for key, pattern in tags.items():
            if not (0 < len(key) <= MAX_KEY and len(pattern) <= MAX_PATTERN):
                raise InputError(
                    f"{name} must have a key of 1 to {MAX_KEY} and a pattern of at most {MAX_PATTERN} characters; "
                    f"got: {key}={pattern}"
                )
    if both := {f"{key}={pattern}" for key, pattern in excluded.items() if included.get(key) == pattern}:
        _refuse_both("--exclude-tag", "a tag that --include-tag asks for", both)


def _refuse_both(name: str, what: str, both: Collection[str]) -> None:
    raise InputError(f"{name} must not name {what}; got in both: {', '.join(sorted(both))}")
