"""Origin: what the description of a snapshot says of its making: by which deployment, in which run, under which terms.

The creating call writes the description, and nobody can change it afterwards. Tags alone prove nothing: whoever may tag
can put them on any snapshot.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSnapshot.html
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

# EC2 takes descriptions of at most 255 characters, and of some of them ASCII only.
MAX_DESCRIPTION = 255
_SEPARATOR = " | "
_ORIGIN = re.compile(r"(?P<deployment>[^ ,|]+), run (?P<run_id>[^ ,|]+), (?P<terms>[^|]+)")
_SCHEDULED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, slots=True)
class Origin:
    """The making of a snapshot; `terms` are in words."""

    deployment: str
    run_id: str
    terms: str


def describe(label: str, origin: Origin) -> str:
    """Return a snapshot's description: a label for people, as far as there is room, and the origin."""
    end = f"{_SEPARATOR}{origin.deployment}, run {origin.run_id}, {origin.terms}"
    room = MAX_DESCRIPTION - len(end)
    return f"{label[: max(room, 0)].encode('ascii', 'replace').decode()}{end}"


def origin_in(description: str) -> Origin | None:
    """Return the origin that a description ends with, or None for a snapshot that no run of the module made."""
    _, separator, end = description.rpartition(_SEPARATOR)
    return _read(end) if separator else None


# All snapshots of a run share its id and its origin, and a region can hold 100,000 snapshots.
@lru_cache(maxsize=4096)
def scheduled_time(run_id: str) -> datetime | None:
    """Return the time that a scheduled run's id is, in UTC; None for the id of a run by hand."""
    if not _SCHEDULED.fullmatch(run_id):
        return None
    try:
        return datetime.strptime(run_id, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _read(end: str) -> Origin | None:
    found = _ORIGIN.fullmatch(end)
    return Origin(**found.groupdict()) if found else None
