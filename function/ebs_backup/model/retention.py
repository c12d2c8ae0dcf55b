"""A retention: how many periods each of its rules keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated

from ebs_backup.model.reader import Rule

# A snapshot's description has room for no larger numbers.
MAX_PERIODS = 10_000
Periods = Annotated[int, Rule(f"from 0 to {MAX_PERIODS}", lambda number: 0 <= number <= MAX_PERIODS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many periods each rule keeps; where every number is zero, every snapshot stays."""

    last: Periods = 0
    hourly: Periods = 0
    daily: Periods = 0
    weekly: Periods = 0
    monthly: Periods = 0
    yearly: Periods = 0

    @property
    def counts(self) -> Mapping[str, int]:
        """The rules in force by name, each with its number of periods."""
        return {rule.name: count for rule in fields(self) if (count := getattr(self, rule.name))}


GivenRetention = Annotated[
    Retention,
    Rule("empty to delete nothing, or keep something", lambda given: not given or any(given.values())),
]


def in_words(retention: Retention) -> str:
    """Return what a retention keeps, as restic says it: `keep 7 daily, 4 weekly, 12 monthly`."""
    return f"keep {', '.join(f'{count} {rule}' for rule, count in retention.counts.items()) or 'every snapshot'}"
