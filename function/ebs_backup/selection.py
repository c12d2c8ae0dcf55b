"""Which volumes a policy covers, and for each one it does not, why."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .model import Skip, Volume
from .policy import Policy

OPT_OUT_TAG = "Skip"


@dataclass(frozen=True, slots=True)
class Selection:
    """The volumes to back up, and the others."""

    selected: tuple[Volume, ...]
    skipped: tuple[Skip, ...]


def select(policy: Policy, volumes: Iterable[Volume]) -> Selection:
    """Divide volumes into those the policy covers and those it does not, in the order of their ids."""
    judged = [(v, _reason_to_skip(policy, v.tags)) for v in sorted(volumes, key=lambda v: v.id)]
    return Selection(
        selected=tuple(volume for volume, reason in judged if reason is None),
        skipped=tuple(Skip(volume.id, reason) for volume, reason in judged if reason is not None),
    )


def matches(pattern: str, value: str) -> bool:
    """Tell whether a tag's value fits a pattern, in which `*` stands for any run of characters."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), value, re.DOTALL) is not None


def _reason_to_skip(policy: Policy, tags: Mapping[str, str]) -> str | None:
    # Only a clear `true` opts out: whatever else the tag may say, a backup too many beats one too few.
    opt_out = f"{policy.tag_prefix}{OPT_OUT_TAG}"
    if tags.get(opt_out, "").lower() == "true":
        return f"opted out by tag {opt_out}"
    for key, pattern in sorted(policy.exclude_tags.items()):
        if key in tags and matches(pattern, tags[key]):
            return f"excluded by tag {key}={pattern}"
    for key, pattern in sorted(policy.include_tags.items()):
        if key not in tags or not matches(pattern, tags[key]):
            return f"not included: no tag {key}={pattern}"
    return None
