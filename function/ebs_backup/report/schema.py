"""The run report, typed: `asdict` of a Report is the JSON that docs/report.schema.json documents.

Holds facts alone: how they come about and how they are shown is for others to know.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ebs_backup.plan.coverage import Coverage, RecoveryPointAge, VolumeCoverage

SCHEMA = 2

# However large the estate, a report stays below Lambda's 6 MB answer and CloudWatch's 256 KB log event.
MAX_LISTED = 20
MAX_MESSAGE = 300

Counts = Mapping[str, int]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReportedProblem:
    """A failure of a volume or a snapshot, or of the region as a whole, which has no id of either.

    `status` is the outcome's, `denied` for a denial that was expected, or `not_read` for the region as a whole.
    """

    volume_id: str | None
    snapshot_id: str | None
    status: str
    operation: str
    code: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """A call that a dry run would have made; `delete_after` is the time that an announcement would have said."""

    operation: str
    reason: str
    volume_ids: tuple[str, ...]
    snapshot_id: str | None = None
    delete_after: str | None = None


@dataclass(frozen=True, slots=True)
class JudgedSnapshot:
    """A snapshot with its verdict; `delete_after` is the time that it is announced for, if it is."""

    snapshot_id: str
    volume_id: str
    started_at: str
    keep: bool
    reasons: tuple[str, ...]
    delete_after: str | None = None


@dataclass(frozen=True, slots=True)
class AnnouncedSnapshot:
    """A snapshot that a later run deletes, if it finds it due still, and when at the earliest."""

    snapshot_id: str
    volume_id: str
    started_at: str
    delete_after: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The counts of a region, or of all regions summed up."""

    selected: int = 0
    created: int = 0
    already_there: int = 0
    tagged: int = 0
    announced: int = 0
    waiting: int = 0
    withdrawn: int = 0
    deleted: int = 0
    kept: int = 0
    skipped: int = 0
    failed: int = 0
    unfinished: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionReport(Totals):
    """One region. Its first fields are those one asks for: Logs Insights finds no more than 200 of a log event."""

    status: str = "completed"
    deletion_brake: str | None = None
    duration_seconds: float = 0.0
    api_calls: Counts = field(default_factory=dict)
    throttled_calls: Counts = field(default_factory=dict)
    failed_by_operation: Counts = field(default_factory=dict)
    in_use: int = 0
    covered: int = 0
    oldest_recovery_point_hours: float | None = None
    recovery_points_by: Counts = field(default_factory=dict)
    skipped_because: Counts = field(default_factory=dict)
    one_by_one_because: Counts = field(default_factory=dict)
    announced_because: Counts = field(default_factory=dict)
    announced_by_day: Counts = field(default_factory=dict)
    before_deployment: int = 0
    deleted_because: Counts = field(default_factory=dict)
    kept_because: Counts = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    problems: tuple[ReportedProblem, ...] = ()
    problems_not_listed: int = 0
    announcements: tuple[AnnouncedSnapshot, ...] = ()
    announcements_not_listed: int = 0
    uncovered: tuple[VolumeCoverage, ...] = ()
    uncovered_not_listed: int = 0
    # Empty unless the run is a dry run:
    planned: Counts = field(default_factory=dict)
    actions: tuple[PlannedAction, ...] = ()
    actions_not_listed: int = 0
    verdicts: tuple[JudgedSnapshot, ...] = ()
    verdicts_not_listed: int = 0

    @property
    def problem(self) -> ReportedProblem | None:
        """The problem that kept the region from being read, or from being read to the end."""
        return next((problem for problem in self.problems if problem.volume_id is None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run."""

    schema: int = SCHEMA
    deployment: str
    retention: str
    hold_tag: str
    run_id: str
    dry_run: bool
    chosen_regions: bool
    expires: bool
    status: str
    started_at: str
    duration_seconds: float
    coverage: Coverage
    recovery_point_age: RecoveryPointAge
    recovery_points_by: Counts
    totals: Totals
    regions: Mapping[str, RegionReport]


def added(counts: Iterable[Mapping[T, int]]) -> Counter[T]:
    """Add up counts of the same things; `asdict` cannot take a Counter, so that a report is given a dict of it."""
    return sum(map(Counter, counts), Counter())
