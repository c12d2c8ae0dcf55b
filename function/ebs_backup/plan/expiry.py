"""Expiry: which of the deployment's snapshots a run deletes, once its new ones are made, and whether it may.

A pure function of the history, the deployment and the run; the rules themselves are `retention`'s.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.tags import PENDING, ownership_tag, tag_key
from ebs_backup.model.values import Delete, History, Plan, Verdict
from ebs_backup.plan.creates import made_by_run
from ebs_backup.plan.retention import by_volume, judge_orphan

# This few deletions are no catastrophe, whatever their share: the last snapshots of a region that is given up.
FEW_DELETIONS = 20


def with_expiry(plan: Plan, history: History, deployment: Deployment, run_id: str, at: datetime) -> Plan:
    """Return a plan with what is to be deleted, by a run that began at that time."""
    own, verdicts = _verdicts(history, deployment, run_id, at)
    deletes = tuple(Delete(v.snapshot.id, v.snapshot.volume_id, ", ".join(v.reasons)) for v in verdicts if not v.keep)
    brake = _brake(deployment, verdicts)
    actions = (*plan.actions, *(() if brake else deletes))
    return replace(plan, actions=actions, verdicts=(*own, *verdicts), brake=brake)


def _verdicts(
    history: History, deployment: Deployment, run_id: str, at: datetime
) -> tuple[tuple[Verdict, ...], tuple[Verdict, ...]]:
    """Judge every snapshot of this deployment, first the run's own, and no other.

    A copy that somebody made, tags and all, is not the deployment's: it comes from another region, or EC2 does not
    know it as a snapshot of the volume that its tag names.

    The run's own snapshots stay, and count for nothing yet: what is due is what was due when the run began, however
    many attempts it takes and whichever of its snapshots are completed by then. Or the brake would judge each anew.
    """
    marks = {ownership_tag(deployment), (tag_key(deployment, "Region"), history.region)}
    key = tag_key(deployment, "VolumeId")
    owned = [s for s in history.snapshots if marks <= s.tags.items() and s.tags.get(key) in (s.volume_id, PENDING)]
    ours = {s.id: s for s in made_by_run(owned, deployment, run_id)}
    others = [s for s in owned if s.id not in ours]
    verdicts: list[Verdict] = []
    for volume_id, snapshots in by_volume(others, key).items():
        days = None if volume_id in history.volume_ids else deployment.orphan_retention_days
        verdicts += judge_orphan(snapshots, deployment.retention, days=days, at=at)
    own = tuple(Verdict(s, keep=True, reasons=("of this run",)) for s in ours.values())
    return own, tuple(_spare_archived(verdict) for verdict in verdicts)


def _spare_archived(verdict: Verdict) -> Verdict:
    """Keep what is archived: EC2 bills at least 90 days of it, and only who archived it knows since when.

    https://docs.aws.amazon.com/ebs/latest/userguide/snapshot-archive-pricing.html
    """
    if verdict.keep or verdict.snapshot.storage_tier == "standard":
        return verdict
    return replace(verdict, keep=True, reasons=(f"in the {verdict.snapshot.storage_tier} tier",))


def _brake(deployment: Deployment, verdicts: Collection[Verdict]) -> str | None:
    """Return why a run must not delete these snapshots at once, if so. From one in error nothing can be restored."""
    deletions = sum(not verdict.keep and verdict.snapshot.state != "error" for verdict in verdicts)
    would = f"would delete {deletions} of {len(verdicts)} snapshots, more than"
    if deletions > deployment.max_deletions_per_run:
        return f"{would} max_deletions_per_run = {deployment.max_deletions_per_run}"
    if deletions > FEW_DELETIONS and deletions * 100 > len(verdicts) * deployment.max_deletions_percent:
        return f"{would} max_deletions_percent = {deployment.max_deletions_percent}"
    return None
