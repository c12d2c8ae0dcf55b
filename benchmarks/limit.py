"""The limit: how soon an estate can be backed up at all, by EC2's published rates and the time an answer takes.

A pure function of the estate. Knows nothing of who backs it up.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

BURST, CREATES_PER_SECOND, TAGS_PER_SECOND = 100, 5, 10
"""Requests that each action's bucket holds, and that refill those of the creating actions and of CreateTags:
https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html"""

PAGE_SIZE = 1000
DESCRIBE_SECONDS, CHANGE_SECONDS = 0.200, 0.150
"""How long EC2 is assumed to take to answer."""


@dataclass(frozen=True, slots=True)
class Limit:
    """Seconds below which nobody comes: until the last snapshot is started, and until all is done.

    `one_by_one` is for CreateSnapshot alone, `by_instance` for CreateSnapshots alone, `both_buckets` for the two of
    them together. `complete` is the last, with every snapshot of a set given its own tags by a further call.
    """

    one_by_one: float
    by_instance: float
    both_buckets: float
    complete: float


def limit(instances: Mapping[str, Collection[int]]) -> Limit:
    """Return the limit of an estate: that of its slowest region, after a call to learn which regions there are."""
    regions = [_region(counts) for counts in instances.values()]
    return Limit(
        one_by_one=DESCRIBE_SECONDS + max(r.one_by_one for r in regions),
        by_instance=DESCRIBE_SECONDS + max(r.by_instance for r in regions),
        both_buckets=DESCRIBE_SECONDS + max(r.both_buckets for r in regions),
        complete=DESCRIBE_SECONDS + max(r.complete for r in regions),
    )


def _region(counts: Collection[int]) -> Limit:
    """Return the limit of one region, whose instances have so many volumes each.

    A set is never broken up, since its volumes would no longer be of the same moment. So all sets go through
    CreateSnapshots, and both buckets run dry together if the rest can be divided between them. A set's snapshots need
    a CreateTags call each: their tags differ, and CreateTags gives all its resources the same.
    """
    sets = sum(count > 1 for count in counts)
    alone = len(counts) - sets
    tags = sum(count for count in counts if count > 1)
    read = DESCRIBE_SECONDS * math.ceil(sum(counts) / PAGE_SIZE)
    started = read + _drained(max(sets, math.ceil((sets + alone) / 2)), CREATES_PER_SECOND)
    tagged = read + CHANGE_SECONDS + _drained(tags, TAGS_PER_SECOND) if tags else 0.0
    return Limit(
        one_by_one=read + _drained(sum(counts), CREATES_PER_SECOND),
        by_instance=read + _drained(sets + alone, CREATES_PER_SECOND),
        both_buckets=started,
        complete=max(started, tagged),
    )


def _drained(calls: int, per_second: float) -> float:
    """Return when the last of some calls is answered."""
    return max(0.0, (calls - BURST) / per_second) + CHANGE_SECONDS
