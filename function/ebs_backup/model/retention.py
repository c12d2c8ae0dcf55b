"""What a retention says: how many periods each of its rules keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


class RetentionError(ValueError):
    """The retention is not one: says which key, which rule and which value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many periods each rule keeps; where every number is zero, every snapshot stays."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0

    @property
    def counts(self) -> Mapping[str, int]:
        """The rules in force by name, each with its number of periods."""
        return {rule.name: count for rule in fields(self) if (count := getattr(self, rule.name))}


def parse_retention(value: Any) -> Retention:
    """Read a retention from JSON's types; raise RetentionError for anything that is not exactly one."""
    if not isinstance(value, dict):
        raise RetentionError(f"retention must be an object of numbers; got: {value!r}")
    known = [rule.name for rule in fields(Retention)]
    if unknown := sorted(value.keys() - set(known)):
        raise RetentionError(f"retention keys must be among {', '.join(known)}; got: {', '.join(unknown)}")
    counts = {key: _count(key, number) for key, number in value.items()}
    if counts and not any(counts.values()):
        raise RetentionError(f"retention must keep something, or be empty to delete nothing; got: {value!r}")
    return Retention(**counts)


def in_words(retention: Retention) -> str:
    """Return what a retention keeps, as restic says it: `keep 7 daily, 4 weekly, 12 monthly`."""
    return f"keep {', '.join(f'{count} {rule}' for rule, count in retention.counts.items()) or 'every snapshot'}"


def _count(key: str, number: Any) -> int:
    # JSON has one kind of number, in which 7 and 7.0 are the same; to Python, True is an int as well.
    whole = type(number) is int or (isinstance(number, float) and number.is_integer())
    if not whole or number < 0:
        raise RetentionError(f"retention key {key} must be a whole number, 0 or more; got: {number!r}")
    return int(number)
