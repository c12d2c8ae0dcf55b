"""Retention: which snapshots of a volume stay and which may go, each with its reason.

Rules count the periods that have a completed snapshot and never ask the clock: a missed day heals, and a schedule that
has stalled expires nothing. Knows nothing of selection, of runs, or of what EC2 will not delete.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby

from ebs_backup.model.retention import Retention
from ebs_backup.model.values import Snapshot, Verdict

NEWEST = "newest"
NO_RETENTION = "no retention"
NO_RULE = "kept by no rule"
ENDED_IN_ERROR = "ended in error"


@dataclass(frozen=True, slots=True)
class Rule:
    """Keeps the newest snapshot of each period, for as many periods as a retention says."""

    name: str
    period: Callable[[Snapshot], Hashable]


def _utc(snapshot: Snapshot) -> datetime:
    return snapshot.started_at.astimezone(UTC)


RULES = (
    Rule("last", lambda s: s.id),
    Rule("hourly", lambda s: (_utc(s).date(), _utc(s).hour)),
    Rule("daily", lambda s: _utc(s).date()),
    Rule("weekly", lambda s: _utc(s).isocalendar()[:2]),
    Rule("monthly", lambda s: (_utc(s).year, _utc(s).month)),
    Rule("yearly", lambda s: _utc(s).year),
)


def rules_of(retention: Retention) -> tuple[tuple[Rule, int], ...]:
    """Return the rules in force, each with its number of periods."""
    return tuple((rule, count) for rule in RULES if (count := retention.counts.get(rule.name)))


def volume_id_of(snapshot: Snapshot, volume_tag: str) -> str:
    """Return the volume a snapshot is of, going by the tag that names it, and without it by EC2's word.

    EC2 gives a copy an arbitrary volume id; only the tag tells what it is a copy of:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Snapshot.html
    """
    tagged = snapshot.tags.get(volume_tag, "")
    return tagged if tagged.startswith("vol-") else snapshot.volume_id


def by_volume(snapshots: Iterable[Snapshot], volume_tag: str) -> dict[str, tuple[Snapshot, ...]]:
    """Return volume id -> its snapshots."""
    groups: dict[str, list[Snapshot]] = defaultdict(list)
    for snapshot in snapshots:
        groups[volume_id_of(snapshot, volume_tag)].append(snapshot)
    return {volume_id: tuple(group) for volume_id, group in sorted(groups.items())}


def judge(snapshots: Iterable[Snapshot], retention: Retention) -> tuple[Verdict, ...]:
    """Return a verdict on each snapshot of one volume, newest first.

    A snapshot that ended in error restores nothing: it may go, and it never counts. Of one in any other state but
    `completed`, nobody knows yet what it will be: it stays, and it does not count either.
    """
    newest_first = _newest_first(snapshots)
    reasons = kept(newest_first, retention)
    return tuple(_verdict(snapshot, reasons.get(snapshot.id)) for snapshot in newest_first)


def judge_orphan(
    snapshots: Iterable[Snapshot], retention: Retention, *, days: int | None, at: datetime
) -> tuple[Verdict, ...]:
    """Return a verdict on each snapshot of a volume that no longer exists, newest first.

    Nothing new comes to push the kept ones out, so that the rules would keep them for ever. They go together, the
    newest too, once that has been there for that many days (None: never): until then a volume that somebody deleted by
    mistake has all of its history.
    """
    verdicts = judge(snapshots, retention)
    alive = [v.snapshot.started_at for v in verdicts if v.snapshot.state != "error"]
    if days is None or not retention.counts or not alive or (at - max(alive)).days < days:
        return verdicts
    reason = f"its volume is gone, and its newest snapshot at least {days} days old"
    return tuple(
        replace(v, keep=False, reasons=(reason,)) if v.keep and v.snapshot.state == "completed" else v for v in verdicts
    )


def kept(snapshots: Iterable[Snapshot], retention: Retention) -> Mapping[str, tuple[str, ...]]:
    """Return snapshot id -> why it stays, newest first; a completed snapshot of the volume that is missing may go.

    One rule is enough to keep a snapshot. Each counts for itself, whatever the others keep.
    """
    if not retention.counts:
        return {snapshot.id: (NO_RETENTION,) for snapshot in _newest_first(snapshots)}
    completed = _newest_first(s for s in snapshots if s.state == "completed")
    reasons: dict[str, list[str]] = defaultdict(list)
    for snapshot in completed[:1]:
        reasons[snapshot.id].append(NEWEST)
    for rule, count in rules_of(retention):
        for n, snapshot in zip(range(1, count + 1), _newest_of_each_period(completed, rule), strict=False):
            reasons[snapshot.id].append(f"{rule.name} {n} of {count}")
    return {snapshot.id: tuple(reasons[snapshot.id]) for snapshot in completed if snapshot.id in reasons}


def _verdict(snapshot: Snapshot, reasons: tuple[str, ...] | None) -> Verdict:
    if reasons:
        return Verdict(snapshot, keep=True, reasons=reasons)
    if snapshot.state == "completed":
        return Verdict(snapshot, keep=False, reasons=(NO_RULE,))
    if snapshot.state == "error":
        return Verdict(snapshot, keep=False, reasons=(ENDED_IN_ERROR,))
    return Verdict(snapshot, keep=True, reasons=(snapshot.state,))


def _newest_first(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    """Sort by start; by id where two started together, so that no two runs see them differently."""
    return sorted(snapshots, key=lambda s: (s.started_at, s.id), reverse=True)


def _newest_of_each_period(newest_first: Iterable[Snapshot], rule: Rule) -> Iterator[Snapshot]:
    return (next(period) for _, period in groupby(newest_first, rule.period))
