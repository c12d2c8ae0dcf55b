"""Announcements that one call makes: many snapshots get the same tag."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from ebs_backup.model.values import Announce

# One CreateTags call takes up to 1,000 resources; AWS recommends smaller batches:
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html
MAX_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Announcements:
    """Announcements of the same time, or withdrawals."""

    each: tuple[Announce, ...]

    operation = Announce.operation
    operations = Announce.operations

    @property
    def snapshot_ids(self) -> list[str]:
        """The snapshots that get the tag."""
        return [announce.snapshot_id for announce in self.each]

    @property
    def delete_after(self) -> datetime | None:
        """The time that the tag says."""
        return self.each[0].delete_after

    def one_by_one(self) -> tuple["Announcements", ...]:
        """Return each by itself."""
        return tuple(Announcements((announce,)) for announce in self.each)


def together(announces: Iterable[Announce]) -> Iterator[Announcements]:
    """Yield announcements by the call that makes them."""
    by_time = sorted(announces, key=_time)
    for _, group in groupby(by_time, key=_time):
        same = tuple(group)
        for start in range(0, len(same), MAX_AT_ONCE):
            yield Announcements(same[start : start + MAX_AT_ONCE])


def _time(announce: Announce) -> str:
    return announce.delete_after.isoformat() if announce.delete_after else ""
