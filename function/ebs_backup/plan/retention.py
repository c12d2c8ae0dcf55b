"""Retention: which snapshots of a volume stay and which may go, each with its reason.

Rules count the periods that have a completed snapshot and never ask the clock: a missed day heals, and a schedule that
has stalled expires nothing. The period of a scheduled run is that of its scheduled time, however late EC2 starts the
snapshot. A run by hand takes no place from a scheduled one. Knows nothing of selection or of what EC2 will not delete.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

from ebs_backup.model.origin import scheduled_time
from ebs_backup.model.retention import Retention
from ebs_backup.model.values import Snapshot, Verdict

# How late a run may start a snapshot that still stands for its scheduled time.
LATEST = timedelta(days=1)
NEWEST = "newest"
NO_RETENTION = "no retention"
NO_RULE = "kept by no rule"
ENDED_IN_ERROR = "ended in error"
VOLUME_GONE = "its volume is gone"


@dataclass(frozen=True, slots=True)
class Rule:
    """Keeps the newest snapshot of each period, for as many periods as a retention says."""

    name: str
    period: Callable[[Snapshot], Hashable]


def moment(snapshot: Snapshot) -> datetime:
    """Return the time that a snapshot stands for, in UTC: the scheduled one of its run, else when it was started."""
    return _scheduled(snapshot) or snapshot.started_at.astimezone(UTC)


def is_by_hand(snapshot: Snapshot) -> bool:
    """Tell whether a run by hand made a snapshot: one without a scheduled time, or one long after its time."""
    return snapshot.origin is not None and _scheduled(snapshot) is None


def _scheduled(snapshot: Snapshot) -> datetime | None:
    """Return the scheduled time of a snapshot's run, unless it was started much later and is of another state."""
    scheduled = scheduled_time(snapshot.origin.run_id) if snapshot.origin else None
    return scheduled if scheduled and timedelta() <= snapshot.started_at - scheduled <= LATEST else None


RULES = (
    Rule("last", lambda s: s.id),
    Rule("hourly", lambda s: (moment(s).date(), moment(s).hour)),
    Rule("daily", lambda s: moment(s).date()),
    Rule("weekly", lambda s: moment(s).isocalendar()[:2]),
    Rule("monthly", lambda s: (moment(s).year, moment(s).month)),
    Rule("yearly", lambda s: moment(s).year),
)


def rules_of(retention: Retention) -> tuple[tuple[Rule, int], ...]:
    """Return the rules in force, each with its number of periods."""
    return tuple((rule, count) for rule in RULES if (count := retention.counts.get(rule.name)))


def by_volume(snapshots: Iterable[Snapshot]) -> dict[str, tuple[Snapshot, ...]]:
    """Return volume id -> its snapshots."""
    groups: dict[str, list[Snapshot]] = defaultdict(list)
    for snapshot in snapshots:
        groups[snapshot.volume_id].append(snapshot)
    return {volume_id: tuple(group) for volume_id, group in sorted(groups.items())}


def judge(snapshots: Iterable[Snapshot], retention: Retention) -> tuple[Verdict, ...]:
    """Return a verdict on each snapshot of one volume, newest first.

    A snapshot that ended in error restores nothing: it may go, and it never counts. Of one in any other state but
    `completed`, nobody knows yet what it will be: it stays, and it does not count either.
    """
    newest_first = _newest_first(snapshots)
    reasons = kept(newest_first, retention)
    return tuple(_verdict(snapshot, reasons.get(snapshot.id)) for snapshot in newest_first)


def judge_orphan(snapshots: Iterable[Snapshot], retention: Retention, *, days: int | None) -> tuple[Verdict, ...]:
    """Return a verdict on each snapshot of a volume that no longer exists, newest first.

    Nothing new comes to push the kept ones out, so that the rules would keep them for ever. They are due together, the
    newest too, unless `days` is None: then the rules alone decide. `days` are for the announcement: until then a volume
    that somebody deleted by mistake has all of its history.
    """
    verdicts = judge(snapshots, retention)
    if days is None or not retention.counts:
        return verdicts
    return tuple(
        replace(v, keep=False, reasons=(VOLUME_GONE,), gone=True) if v.keep and v.snapshot.state == "completed" else v
        for v in verdicts
    )


def kept(snapshots: Iterable[Snapshot], retention: Retention) -> Mapping[str, tuple[str, ...]]:
    """Return snapshot id -> why it stays, newest first; a completed snapshot of the volume that is missing may go.

    One rule is enough to keep a snapshot. Each counts for itself, whatever the others keep.
    """
    if not retention.counts:
        return {snapshot.id: (NO_RETENTION,) for snapshot in _newest_first(snapshots)}
    # One that is archived stays anyhow, and nobody restores from it within hours: it takes no place.
    completed = _newest_first(s for s in snapshots if s.state == "completed" and s.storage_tier == "standard")
    reasons = _kept(completed, retention)
    for snapshot_id, why in _kept([s for s in completed if not is_by_hand(s)], retention).items():
        reasons.setdefault(snapshot_id, [f"{reason}, without runs by hand" for reason in why])
    return {snapshot.id: tuple(reasons[snapshot.id]) for snapshot in completed if snapshot.id in reasons}


def _kept(newest_first: Sequence[Snapshot], retention: Retention) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = defaultdict(list)
    if newest_first:
        reasons[max(newest_first, key=lambda s: (s.started_at, s.id)).id].append(NEWEST)
    for rule, count in rules_of(retention):
        for n, snapshot in zip(range(1, count + 1), _newest_of_each_period(newest_first, rule), strict=False):
            reasons[snapshot.id].append(f"{rule.name} {n} of {count}")
    return reasons


def _verdict(snapshot: Snapshot, reasons: tuple[str, ...] | None) -> Verdict:
    if reasons:
        return Verdict(snapshot, keep=True, reasons=reasons)
    if snapshot.state == "completed":
        return Verdict(snapshot, keep=False, reasons=(NO_RULE,))
    if snapshot.state == "error":
        return Verdict(snapshot, keep=False, reasons=(ENDED_IN_ERROR,))
    return Verdict(snapshot, keep=True, reasons=(snapshot.state,))


def _newest_first(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    """Sort by the time they stand for; by id where two are of the same, so that no two runs see them differently."""
    return sorted(snapshots, key=lambda s: (moment(s), s.started_at, s.id), reverse=True)


def _newest_of_each_period(newest_first: Iterable[Snapshot], rule: Rule) -> Iterator[Snapshot]:
    return (next(period) for _, period in groupby(newest_first, rule.period))
