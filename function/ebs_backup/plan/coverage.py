"""Coverage: how old the newest recovery point of each selected volume is, whoever made it, and what follows.

Pure: volumes, snapshots, outcomes and the time are arguments.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from ebs_backup.model.codes import meaning
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.tags import ownership_tag
from ebs_backup.model.values import CREATING, Outcome, Snapshot, Status, Volume

HOUR = 3600.0

# Upper bounds of the histogram's classes, in hours; one more class takes what is older.
BOUNDS = (1, 3, 6, 12, 24, 26, 48, 96, 168)

_WAIT = (
    "Nothing, unless it is still so after the next run: a snapshot of much new data, as a volume's first one is, can "
    "take hours."
)
_FIRST = (
    "A run makes its first snapshot, unless it is a dry run: start one, or wait for the schedule. If such runs took "
    "place, see why they made none."
)
_LOOK = "See whether the runs since then failed, or whether the schedule is rarer than the objective."

_THAW = (
    "Nothing can be restored from an archived snapshot until it is back from the archive, which takes up to 72 hours. "
    "Restore one, or see that the runs make new ones."
)
# What a snapshot in a storage tier other than the standard one counts as, however it is with its state.
ARCHIVED = "archived"

_FAILED = (Status.FAILED, Status.UNFINISHED, Status.SKIPPED)


@dataclass(frozen=True, slots=True)
class VolumeCoverage:
    """One volume's recovery point age in hours; a volume without any completed snapshot ages from its own creation.

    A volume that is not covered has a reason for it, and a remedy.
    """

    volume_id: str
    name: str
    age_hours: float
    newest_snapshot_id: str | None
    newest_by: str | None
    reason: str
    remedy: str

    @property
    def covered(self) -> bool:
        """True if its recovery point is no older than the objective."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the selected volumes are covered."""

    objective_hours: float
    selected: int
    covered: int
    percent: float | None


@dataclass(frozen=True, slots=True)
class AgeClass:
    """How many volumes have a recovery point of at most that age, in hours, and above that of the class before."""

    up_to_hours: float | None
    volumes: int


@dataclass(frozen=True, slots=True)
class RecoveryPointAge:
    """How old the recovery points of the selected volumes are, and how many volumes have none."""

    max_hours: float | None
    median_hours: float | None
    histogram: tuple[AgeClass, ...]
    never: int


def newest(snapshots: Iterable[Snapshot]) -> dict[tuple[str, str], Snapshot]:
    """Return (volume id, state) -> the newest such snapshot: all that coverage needs to know of a history.

    An archived snapshot's state is `ARCHIVED`: it restores nothing until somebody brings it back, in up to 72 hours.
    https://docs.aws.amazon.com/ebs/latest/userguide/snapshot-archive.html
    """
    found: dict[tuple[str, str], Snapshot] = {}
    for snapshot in snapshots:
        key = (snapshot.volume_id, snapshot.state if snapshot.storage_tier == "standard" else ARCHIVED)
        if key not in found or found[key].started_at < snapshot.started_at:
            found[key] = snapshot
    return found


def measure(
    deployment: Deployment,
    volumes: Iterable[Volume],
    snapshots: Iterable[Snapshot],
    outcomes: Iterable[Outcome],
    at: datetime,
) -> tuple[VolumeCoverage, ...]:
    """Measure each volume at the time the run began: the snapshots it started are not completed yet."""
    known = newest(snapshots)
    # In the end, also by itself after its set was refused.
    came_of = {o.volume_id: o for o in outcomes if o.operation in CREATING and o.status is not Status.SET_REFUSED}
    return tuple(_measure(deployment, volume, at, known, came_of.get(volume.id)) for volume in volumes)


def creator(deployment: Deployment, snapshot: Snapshot) -> str:
    """Name who made a snapshot, by the tags that each maker leaves.

    Data Lifecycle Manager and AWS Backup tag under `aws:dlm:` and `aws:backup:`, where nobody else can:
    https://docs.aws.amazon.com/ebs/latest/userguide/dlm-elements.html,
    https://docs.aws.amazon.com/aws-backup/latest/devguide/recovery-points.html
    """
    key, name = ownership_tag(deployment)
    if snapshot.tags.get(key) == name:
        return "this deployment"
    if key in snapshot.tags:
        return "another deployment of this module"
    if any(tag.startswith("aws:dlm:") for tag in snapshot.tags):
        return "Data Lifecycle Manager"
    if any(tag.startswith("aws:backup:") for tag in snapshot.tags):
        return "AWS Backup"
    return "by hand or another tool"


def ages(coverages: Iterable[VolumeCoverage]) -> Mapping[float, int]:
    """Count the volumes that have a recovery point by its age in hours."""
    return dict(Counter(each.age_hours for each in coverages if each.newest_snapshot_id))


def coverage(deployment: Deployment, selected: int, covered: int) -> Coverage:
    """Return the coverage of the selected volumes; the share is rounded down, so that 100 means all of them."""
    percent = math.floor(1000 * covered / selected) / 10 if selected else None
    return Coverage(deployment.recovery_point_objective_hours, selected, covered, percent)


def recovery_point_age(ages: Mapping[float, int], selected: int) -> RecoveryPointAge:
    """Return how old the recovery points of the selected volumes are, by how many volumes have one of each age."""
    classes = dict.fromkeys((*BOUNDS, None), 0)
    for age, count in ages.items():
        classes[next((bound for bound in BOUNDS if age <= bound), None)] += count
    return RecoveryPointAge(
        max_hours=round(max(ages), 1) if ages else None,
        median_hours=round(median(Counter(ages).elements()), 1) if ages else None,
        histogram=tuple(AgeClass(bound, volumes) for bound, volumes in classes.items()),
        never=selected - sum(ages.values()),
    )


def _measure(
    deployment: Deployment,
    volume: Volume,
    at: datetime,
    known: Mapping[tuple[str, str], Snapshot],
    outcome: Outcome | None,
) -> VolumeCoverage:
    completed, pending, archived = (known.get((volume.id, state)) for state in ("completed", "pending", ARCHIVED))
    since = completed.started_at if completed else volume.created_at or at
    age = max(0.0, (at - since).total_seconds() / HOUR)
    covered = age <= deployment.recovery_point_objective_hours
    reason, what_to_do = ("", "") if covered else _reason(completed, pending, archived, outcome)
    return VolumeCoverage(
        volume_id=volume.id,
        name=volume.tags.get("Name", ""),
        age_hours=round(age, 2),
        newest_snapshot_id=completed.id if completed else None,
        newest_by=creator(deployment, completed) if completed else None,
        reason=reason,
        remedy=what_to_do,
    )


def _reason(
    completed: Snapshot | None, pending: Snapshot | None, archived: Snapshot | None, outcome: Outcome | None
) -> tuple[str, str]:
    """Say why a volume is not covered, as far as this run knows, and what to do about it."""
    if outcome and outcome.status in _FAILED:
        problem = outcome.problem
        why = f"{problem.operation} refused: {problem.code}" if problem else f"{outcome.operation}: {outcome.reason}"
        return why, meaning(problem.code if problem else "").remedy
    if outcome and outcome.status is Status.CREATED:
        return f"its {'next' if completed else 'first'} snapshot was started by this run", _WAIT
    if pending:
        return f"snapshot pending since {pending.started_at:%Y-%m-%d %H:%M} UTC", _WAIT
    if archived and not completed:
        return f"its snapshots are archived, the newest is {archived.id}", _THAW
    return (
        ("its newest completed snapshot is too old", _LOOK) if completed else ("it has no completed snapshot", _FIRST)
    )
