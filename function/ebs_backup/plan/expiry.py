"""Expiry: which of the deployment's snapshots a run announces, and which announced ones it deletes.

A snapshot that no rule keeps is first announced: a tag says after which time it may go. Only a later run, after that
time, that still finds it due deletes it. A snapshot that a rule keeps again loses its announcement.

A pure function of the history, the deployment and the run; the rules themselves are `retention`'s.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.origin import scheduled_time
from ebs_backup.model.tags import HOLD_TAG, PENDING, delete_after, tag_key
from ebs_backup.model.terms import keeps_all_of, parse_terms
from ebs_backup.model.values import (
    Announce,
    Delete,
    History,
    Plan,
    Snapshot,
    Verdict,
)
from ebs_backup.plan.creates import made_by_run
from ebs_backup.plan.ownership import is_own
from ebs_backup.plan.retention import by_volume, judge_orphan

# An announcement that no run acted upon for that long after its time is none: it may be of another retention, or from
# before a long time in the Recycle Bin. Nothing is deleted where runs are rarer.
ANNOUNCEMENT_LASTS = timedelta(days=35)
OF_THIS_RUN = "of this run"
BEFORE_DEPLOYMENT = "made before this deployment existed"
# How the reason begins why a snapshot stays that no rule keeps.
HELD = "held by tag"
IN_TIER = "in the"


def with_expiry(plan: Plan, history: History, deployment: Deployment, run_id: str, at: datetime) -> Plan:
    """Return a plan with what a run that began at that time announces, withdraws and deletes."""
    verdicts = judge_history(history, deployment, run_id, at)
    brake = brake_on(verdicts, deployment)
    due = [v for v in verdicts if not v.keep and not (brake and v.snapshot.state != "error")]
    # What the brake holds loses its announcement too: once confirmed, it has the whole delay before it again.
    going = {v.snapshot.id for v in due}
    stays = [v for v in verdicts if v.snapshot.id not in going and delete_after(deployment, v.snapshot)]
    deletes = _deletions(due, history, deployment, at)
    actions = (*plan.actions, *_withdrawals(stays), *_announcements(due, deployment, at), *deletes)
    return replace(plan, actions=actions, verdicts=tuple(verdicts), brake=brake)


def judge_history(history: History, deployment: Deployment, run_id: str, at: datetime) -> list[Verdict]:
    """Judge every snapshot of this deployment, first the run's own, and no other.

    The run's own snapshots stay, and count for nothing yet: what is due is what was due when the run began, however
    many attempts it takes and whichever of its snapshots are completed by then.
    """
    here, key = (tag_key(deployment, "Region"), history.region), tag_key(deployment, "VolumeId")
    own = [s for s in history.snapshots if is_own(s, deployment) and here in s.tags.items()]
    owned = [s for s in own if s.tags.get(key) in (s.volume_id, PENDING)]
    ours = {s.id for s in made_by_run(owned, deployment, run_id)}
    verdicts = [Verdict(s, keep=True, reasons=(OF_THIS_RUN,)) for s in owned if s.id in ours]
    begun = scheduled_time(run_id) or at
    for volume_id, snapshots in by_volume(owned).items():
        days = None if volume_id in history.volume_ids else deployment.orphan_retention_days
        judged = [_as_it_was(s, begun) for s in snapshots if s.id not in ours]
        verdicts += judge_orphan(judged, deployment.retention, days=days)
    return [_final(verdict, deployment, at) for verdict in verdicts]


def stays_though_due(verdict: Verdict) -> bool:
    """Tell whether a snapshot stays that no rule keeps: it is held, or archived."""
    return verdict.keep and verdict.reasons[0].startswith((f"{HELD} ", f"{IN_TIER} "))


def brake_on(verdicts: Collection[Verdict], deployment: Deployment) -> str | None:
    """Return why nothing that is due may go, if so: it was made under terms that keep more, and nobody confirmed these.

    Every snapshot names its terms, so that no growth, no region and no small number lets the brake go.
    """
    due = [v for v in verdicts if not v.keep and v.snapshot.state != "error"]
    if not due or deployment.confirmed_retention == deployment.terms.code:
        return None
    made_under = Counter(v.snapshot.origin.terms for v in verdicts if v.snapshot.origin)
    tighter = [words for words, _ in made_under.most_common() if not _keeps_all_of(deployment, words)]
    if not tighter:
        return None
    more = f" and {len(tighter) - 1} others" if len(tighter) > 1 else ""
    terms = deployment.terms
    return (
        f'{len(due)} snapshots are due under "{terms.words}", which may keep less than "{tighter[0]}"{more}, '
        f'under which snapshots were made; to let them go, set confirmed_retention = "{terms.code}"'
    )


def _keeps_all_of(deployment: Deployment, words: str) -> bool:
    terms = parse_terms(words)
    return terms is not None and keeps_all_of(deployment.terms, terms)


def _as_it_was(snapshot: Snapshot, begun: datetime) -> Snapshot:
    """Return a snapshot as it was when the run began: what completed since was pending, and counts for nothing."""
    completed_since = snapshot.state == "completed" and snapshot.completed_at and snapshot.completed_at > begun
    return replace(snapshot, state="pending") if completed_since else snapshot


def _final(verdict: Verdict, deployment: Deployment, at: datetime) -> Verdict:
    """Keep what is held or archived; say of what is due whether it is announced, and whether it is an earlier one's.

    EC2 bills at least 90 days of what is archived, and only who archived it knows since when:
    https://docs.aws.amazon.com/ebs/latest/userguide/snapshot-archive-pricing.html
    """
    snapshot = verdict.snapshot
    if verdict.keep:
        return verdict
    if (hold := tag_key(deployment, HOLD_TAG)) in snapshot.tags:
        return replace(verdict, keep=True, reasons=(f"{HELD} {hold}",))
    if snapshot.storage_tier != "standard":
        return replace(verdict, keep=True, reasons=(f"{IN_TIER} {snapshot.storage_tier} tier",))
    earlier = deployment.created_at is not None and snapshot.started_at < deployment.created_at
    reasons = (*verdict.reasons, BEFORE_DEPLOYMENT) if earlier else verdict.reasons
    announced = delete_after(deployment, snapshot)
    lasts = announced is not None and at - announced <= ANNOUNCEMENT_LASTS
    return replace(verdict, reasons=reasons, delete_after=announced if lasts else None)


def _withdrawals(stays: Iterable[Verdict]) -> Iterator[Announce]:
    for v in stays:
        yield Announce(v.snapshot.id, v.snapshot.volume_id, ", ".join(v.reasons), None)


def _announcements(due: Iterable[Verdict], deployment: Deployment, at: datetime) -> Iterator[Announce]:
    """Announce what is due and not announced; from what ended in error nothing can be restored, so it need not wait.

    The history of a volume that is gone waits at least as long as orphans are kept, counted from this look.
    """
    now = at.astimezone(UTC).replace(microsecond=0)
    for v in due:
        if v.delete_after is None:
            delay, orphaned = deployment.deletion_delay_days, deployment.orphan_retention_days or 0
            days = 0 if v.snapshot.state == "error" else max(delay, orphaned) if v.gone else delay
            yield Announce(v.snapshot.id, v.snapshot.volume_id, ", ".join(v.reasons), now + timedelta(days=days))


def _deletions(due: Iterable[Verdict], history: History, deployment: Deployment, at: datetime) -> Iterator[Delete]:
    """Delete what was announced until now; of a volume that is gone only once its newest snapshot is old enough too."""
    orphaned = timedelta(days=deployment.orphan_retention_days or 0)
    for v in due:
        newest_at = history.newest.get(v.snapshot.volume_id, at)
        if v.delete_after and v.delete_after <= at and not (v.gone and at - newest_at < orphaned):
            yield Delete(v.snapshot.id, v.snapshot.volume_id, ", ".join(v.reasons))
