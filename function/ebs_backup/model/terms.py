"""Terms: all that decides how long a deployment keeps a snapshot, in words that a snapshot's description can hold.

Every snapshot names the terms it was made under. Tighter terms delete it only once somebody has confirmed them.
Knows nothing of snapshots.
"""

import hashlib
import math
import re
from dataclasses import dataclass, fields

from ebs_backup.model.retention import Retention, in_words

_RULES = "|".join(rule.name for rule in fields(Retention))
_WORDS = re.compile(
    rf"keep (?P<counts>every snapshot|\d+ (?:{_RULES})(?:, \d+ (?:{_RULES}))*)"
    r"(?:; orphans (?P<orphan_days>\d+) days)?(?:; schedule (?P<schedule>[0-9a-f]{8}))?"
)


@dataclass(frozen=True, slots=True)
class Terms:
    """How many periods each rule keeps, how long orphans are kept in days (None: for ever), and which schedule counts.

    `schedule` is a short hash of the schedule expression, and empty where every snapshot stays. It is a term of every
    other retention: the more often runs take place, the sooner a snapshot goes, as long as runs are rarer than periods.
    """

    retention: Retention
    orphan_days: int | None = None
    schedule: str = ""

    @property
    def words(self) -> str:
        """The terms as people and `parse_terms` read them."""
        orphans = "" if self.orphan_days is None else f"; orphans {self.orphan_days} days"
        return f"{in_words(self.retention)}{orphans}{f'; schedule {self.schedule}' if self.schedule else ''}"

    @property
    def code(self) -> str:
        """The short hash that confirms exactly these terms; the module's output `retention_code` is the same."""
        return short_hash(self.words)


def terms_of(retention: Retention, orphan_days: int | None, schedule_expression: str) -> Terms:
    """Return the terms of a deployment; its schedule is one of them where a rule is in force."""
    schedule = short_hash(schedule_expression) if retention.counts and schedule_expression else ""
    return Terms(retention, orphan_days if retention.counts else None, schedule)


def parse_terms(words: str) -> Terms | None:
    """Return the terms that a text states, or None if it states none."""
    found = _WORDS.fullmatch(words)
    if not found:
        return None
    counts = [] if found["counts"] == "every snapshot" else found["counts"].split(", ")
    numbers = {rule: int(number) for number, rule in (count.split(" ") for count in counts)}
    return Terms(Retention(**numbers), int(days) if (days := found["orphan_days"]) else None, found["schedule"] or "")


def keeps_all_of(new: Terms, old: Terms) -> bool:
    """Tell whether whatever the old terms keep of any history, the new ones keep too.

    Each rule keeps for itself, so that a larger number never keeps less.
    """
    if not new.retention.counts:
        return True
    if not old.retention.counts:
        return False
    more_periods = all(new.retention.counts.get(rule, 0) >= count for rule, count in old.retention.counts.items())
    longer = (new.orphan_days or math.inf) >= (old.orphan_days or math.inf)
    return more_periods and longer and (not old.schedule or new.schedule == old.schedule)


def short_hash(text: str) -> str:
    """Return eight hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
