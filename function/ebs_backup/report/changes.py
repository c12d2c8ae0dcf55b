"""Changes: what a run created, announced, withdrew and deleted, snapshot by snapshot, as evidence that lasts.

JSON Lines for each region and round that changed anything; docs/report.schema.json describes a line. All lines of a run
are too long for a report, which goes into logs and answers. Knows nothing of where they are kept.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime

from ebs_backup.model.values import Announce, Create, Delete, Outcome, Plan, Status

_CHANGING = (Status.CREATED, Status.ANNOUNCED, Status.WITHDRAWN, Status.DELETED)


@dataclass(frozen=True, slots=True)
class Change:
    """One change to one snapshot, and its reason; `delete_after` is the time that an announcement says."""

    change: str
    snapshot_id: str
    volume_id: str
    started_at: str | None
    reason: str
    delete_after: str | None = None


def changes(plan: Plan, outcomes: Iterable[Outcome]) -> Iterator[Change]:
    """Yield what outcomes changed, in their order."""
    started = {v.snapshot.id: v.snapshot.started_at for v in plan.verdicts}
    announced = {a.snapshot_id: a.delete_after for a in plan.actions if isinstance(a, Announce)}
    reasons = {v.id: a.reason for a in plan.actions if isinstance(a, Create) for v in a.volumes}
    for outcome in outcomes:
        if outcome.status in _CHANGING and (id_ := outcome.snapshot_id):
            yield Change(
                change=str(outcome.status),
                snapshot_id=id_,
                volume_id=outcome.volume_id,
                started_at=written(outcome.started_at or started.get(id_)),
                reason=outcome.reason or reasons.get(outcome.volume_id, ""),
                delete_after=written(announced.get(id_)) if outcome.status is Status.ANNOUNCED else None,
            )


def deletions(plan: Plan) -> Iterator[Change]:
    """Yield what a plan is about to delete."""
    started = {v.snapshot.id: v.snapshot.started_at for v in plan.verdicts}
    for action in plan.actions:
        if isinstance(action, Delete):
            at = written(started.get(action.snapshot_id))
            yield Change("about_to_delete", action.snapshot_id, action.volume_id, at, action.reason)


def lines(run_id: str, region: str, some: Iterable[Change]) -> str:
    """Return changes as JSON Lines: each line is an object that says by itself what was done where."""
    place = {"run_id": run_id, "region": region}
    return "".join(f"{json.dumps(place | asdict(change))}\n" for change in some)


def written(at: datetime | None) -> str | None:
    """Return a time in ISO 8601 with its offset, to the second."""
    return at.isoformat(timespec="seconds") if at else None
