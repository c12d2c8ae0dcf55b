"""The limit: the least time in which an estate can be backed up, by EC2's published rates and the time of an answer.

A pure function of what there is to do. Knows nothing of who does it.
"""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

PAGE_SIZE: Final = 1000
# How long EC2 is assumed to take to answer.
DESCRIBE_SECONDS: Final = 0.200
CHANGE_SECONDS: Final = 0.150


@dataclass(frozen=True, slots=True)
class Bucket:
    """Requests that EC2 takes of one action in a region: so many at once, and so many a second that refill them."""

    burst: float
    per_second: float

    def drained(self, calls: int) -> float:
        """Return when the last of some calls is answered."""
        return max(0.0, (calls - self.burst) / self.per_second) + CHANGE_SECONDS


# https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
CREATES: Final = Bucket(100, 5)
TAGS: Final = Bucket(100, 10)
DELETES: Final = Bucket(100, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What there is to do in one region.

    `instances` have so many volumes each. Of `earlier` snapshots, `due` are to be deleted. `single` is what others
    leave of the CreateSnapshot bucket.
    """

    instances: Collection[int]
    earlier: int = 0
    due: int = 0
    single: Bucket = CREATES


@dataclass(frozen=True, slots=True)
class Limit:
    """Seconds that are needed at least: until the last snapshot is started, and until all is done.

    By whoever reads all pages before creating anything; who creates while reading can be sooner by the pages' time.

    `one_by_one` is for CreateSnapshot alone, `by_instance` for CreateSnapshots alone, `both_buckets` for the two of
    them together. `complete` is the last, with every snapshot of a set given its own tags by a further call, and what
    is due deleted. By EC2's rates deletions can go beside everything else, once it is known what there is to delete.
    """

    one_by_one: float
    by_instance: float
    both_buckets: float
    complete: float


def limit(works: Iterable[Work]) -> Limit:
    """Return the limit of an estate: that of its slowest region, after a call to learn which regions there are."""
    regions = [_region(work) for work in works]
    return Limit(
        one_by_one=DESCRIBE_SECONDS + max(r.one_by_one for r in regions),
        by_instance=DESCRIBE_SECONDS + max(r.by_instance for r in regions),
        both_buckets=DESCRIBE_SECONDS + max(r.both_buckets for r in regions),
        complete=DESCRIBE_SECONDS + max(r.complete for r in regions),
    )


def _region(work: Work) -> Limit:
    """Return the limit of one region.

    A set is never broken up, since its volumes would no longer be of the same moment. So all sets go through
    CreateSnapshots, and both buckets run dry together if the rest can be divided between them. A set's snapshots need
    a CreateTags call each: their tags differ, and CreateTags gives all its resources the same.
    """
    calls = len(work.instances)
    sets = sum(count > 1 for count in work.instances)
    tags = sum(count for count in work.instances if count > 1)
    read = _reading(sum(work.instances))
    started = read + _divided(sets, calls, work.single)
    tagged = read + CHANGE_SECONDS + TAGS.drained(tags) if tags else 0.0
    deleted = _reading(work.earlier) + DELETES.drained(work.due) if work.due else 0.0
    return Limit(
        one_by_one=read + work.single.drained(sum(work.instances)),
        by_instance=read + CREATES.drained(calls),
        both_buckets=started,
        complete=max(started, tagged, deleted),
    )


def _reading(resources: int) -> float:
    return DESCRIBE_SECONDS * math.ceil(resources / PAGE_SIZE)


def _divided(sets: int, calls: int, single: Bucket) -> float:
    """Return when the last of some calls is answered, by the best of all ways to divide them between both buckets."""
    return min(max(CREATES.drained(n), single.drained(calls - n)) for n in range(sets, calls + 1))
