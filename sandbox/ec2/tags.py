"""EC2's rules for tags and the changes they go through; knows nothing of what bears them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sandbox.ec2.errors import Ec2Error

MOST_TAGS: Final = 50
LONGEST_KEY: Final = 128
LONGEST_VALUE: Final = 256

Tags = Mapping[str, str]


def reserved(key: str) -> bool:
    """Tell whether a key is AWS's own: `aws:` in any mixture of upper and lower case."""
    return key.lower().startswith("aws:")


def checked(tags: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Read the tags of a request, refusing what EC2 refuses.

    The lengths are those of the user guide; the API's own model says 127 characters for a key.
    """
    read: dict[str, str] = {}
    for tag in tags:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        _check(key, value)
        if key in read:
            raise Ec2Error("InvalidParameterValue", f"Duplicate tag key '{key}' specified.")
        read[key] = value
    return within_limit(read)


def _check(key: str, value: str) -> None:
    if not 1 <= len(key) <= LONGEST_KEY:
        message = f"The tag key '{key}' must have 1 to {LONGEST_KEY} characters."
        raise Ec2Error("InvalidParameterValue", message)
    if len(value) > LONGEST_VALUE:
        message = f"The value of tag '{key}' exceeds the maximum length of {LONGEST_VALUE} characters."
        raise Ec2Error("InvalidParameterValue", message)
    if reserved(key):
        reason = "Tag keys starting with 'aws:' are reserved for internal use"
        raise Ec2Error("InvalidParameterValue", f"Value ( {key} ) for parameter key is invalid. {reason}")


def within_limit(tags: dict[str, str]) -> dict[str, str]:
    """Let at most fifty tags of one resource pass; those that AWS put there itself do not count."""
    if sum(not reserved(key) for key in tags) > MOST_TAGS:
        raise Ec2Error("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
    return tags


def specified(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Read the snapshot tags out of a create call's TagSpecifications."""
    tags: list[Mapping[str, Any]] = []
    for specification in parameters.get("TagSpecifications", ()):
        kind = specification.get("ResourceType")
        if kind != "snapshot":
            message = f"'{kind}' is not a valid taggable resource type for this operation."
            raise Ec2Error("InvalidParameterValue", message)
        tags += specification.get("Tags", ())
    return checked(tags)


def without(tags: Tags, removals: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Take tags away as DeleteTags does.

    A removal with a value takes the tag only if the value is the same, no removal at all takes every tag of
    the user's, and AWS's own tags stay.
    """
    wanted = {r["Key"]: r.get("Value") for r in removals} or dict.fromkeys(tags)

    def stays(key: str, value: str) -> bool:
        return reserved(key) or key not in wanted or wanted[key] not in (None, value)

    return {key: value for key, value in tags.items() if stays(key, value)}


def listed(tags: Tags) -> list[dict[str, str]]:
    """Write tags as a list of keys and values."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
