"""Which volumes a deployment covers, and for each one it does not, why."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.values import Skip, Volume

OPT_OUT_TAG = "Skip"


@dataclass(frozen=True, slots=True)
class Selection:
    """The volumes to back up, and the others."""

    selected: tuple[Volume, ...]
    skipped: tuple[Skip, ...]


def select(deployment: Deployment, volumes: Iterable[Volume]) -> Selection:
    """Divide volumes into those the deployment covers and those it does not, in the order of their ids."""
    judged = [(v, _reason_to_skip(deployment, v.tags)) for v in sorted(volumes, key=lambda v: v.id)]
    return Selection(
        selected=tuple(volume for volume, reason in judged if reason is None),
        skipped=tuple(Skip(volume.id, reason) for volume, reason in judged if reason is not None),
    )


def matches(pattern: str, value: str) -> bool:
    """Tell whether a tag's value fits a pattern, in which `*` stands for any run of characters.

    It takes the first place where each part fits: no pattern makes it go back, and so none can hold up a run.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return value == pattern
    *middle, last = rest
    end = len(value) - len(last)
    at = len(first)
    if at > end or not (value.startswith(first) and value.endswith(last)):
        return False
    for part in middle:
        found = value.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _reason_to_skip(deployment: Deployment, tags: Mapping[str, str]) -> str | None:
    # Only a clear `true` opts out: whatever else the tag may say, a backup too many beats one too few.
    opt_out = f"{deployment.tag_prefix}{OPT_OUT_TAG}"
    if tags.get(opt_out, "").lower() == "true":
        return f"opted out by tag {opt_out}"
    for key, pattern in sorted(deployment.exclude_tags.items()):
        if key in tags and matches(pattern, tags[key]):
            return f"excluded by tag {key}={pattern}"
    for key, pattern in sorted(deployment.include_tags.items()):
        if key not in tags or not matches(pattern, tags[key]):
            return f"not included: no tag {key}={pattern}"
    return None
