"""One region's part of the run report, as a small value: what was done there, and how things stand since.

Made as soon as a region is through, so that its plan, outcomes and covers need not be kept; several rounds in one
region combine to one. Knows nothing of how outcomes came about, nor of where a report goes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ebs_backup.model.codes import Kind, kind_of
from ebs_backup.model.values import CREATING, Action, Create, Outcome, Plan, Problem, Status, Verdict
from ebs_backup.plan.coverage import VolumeCoverage, ages

UNDONE = (Status.FAILED, Status.UNFINISHED)

# However large the estate, a report stays below Lambda's 6 MB answer and CloudWatch's 256 KB log event.
MAX_LISTED = 20
MAX_MESSAGE = 300

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionResult:
    """What a visit came to, in full: a plan and its outcomes, or the problem that kept the region from being read."""

    region: str
    plan: Plan | None = None
    outcomes: Sequence[Outcome] = ()
    covers: Sequence[VolumeCoverage] = ()
    problem: Problem | None = None
    dry_run: bool = False
    denial_expected: bool = False
    duration_seconds: float = 0.0
    api_calls: Counts = field(default_factory=dict)
    throttled_calls: Counts = field(default_factory=dict)

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The outcomes that fail the run."""
        return tuple(o for o in self.outcomes if o.status in UNDONE and not self.is_expected(o.problem))

    def is_expected(self, problem: Problem | None) -> bool:
        """Tell whether a problem is a denial, where one was to be expected."""
        return self.denial_expected and problem is not None and _is_denial(problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What was done: of several rounds, all of it."""

    duration_seconds: float = 0.0
    api_calls: Counts = field(default_factory=dict)
    throttled_calls: Counts = field(default_factory=dict)
    created: int = 0
    tagged: int = 0
    deleted: int = 0
    apart_because: Counts = field(default_factory=dict)
    deleted_because: Counts = field(default_factory=dict)

    def __add__(self, later: "Work") -> "Work":
        return Work(
            duration_seconds=round(self.duration_seconds + later.duration_seconds, 3),
            api_calls=_sum(self.api_calls, later.api_calls),
            throttled_calls=_sum(self.throttled_calls, later.throttled_calls),
            created=self.created + later.created,
            tagged=self.tagged + later.tagged,
            deleted=self.deleted + later.deleted,
            apart_because=_most_frequent(_sum(self.apart_because, later.apart_because)),
            deleted_because=_most_frequent(_sum(self.deleted_because, later.deleted_because)),
        )

    @property
    def changed_anything(self) -> bool:
        """Whether the region is any further than before."""
        return bool(self.created or self.tagged or self.deleted)


@dataclass(frozen=True, slots=True)
class VolumeProblem:
    """What went wrong with a volume or a snapshot."""

    volume_id: str
    snapshot_id: str | None
    status: str
    operation: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Uncovered:
    """A volume that is not covered."""

    volume_id: str
    name: str
    age_hours: float
    newest_snapshot_id: str | None
    newest_by: str | None
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionCoverage:
    """How well the measured volumes of the region are covered; `ages` counts them by their recovery point age."""

    measured: int = 0
    covered: int = 0
    uncovered: tuple[Uncovered, ...] = ()
    uncovered_not_listed: int = 0
    recovery_points_by: Counts = field(default_factory=dict)
    ages: Mapping[float, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedAction:
    """A call that a dry run would have made."""

    operation: str
    reason: str
    volume_ids: tuple[str, ...]
    snapshot_id: str | None = None


@dataclass(frozen=True, slots=True)
class JudgedSnapshot:
    """A snapshot with its verdict."""

    snapshot_id: str
    volume_id: str
    started_at: str
    keep: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a dry run would do."""

    planned: Counts = field(default_factory=dict)
    actions: tuple[PlannedAction, ...] = ()
    actions_not_listed: int = 0
    verdicts: tuple[JudgedSnapshot, ...] = ()
    verdicts_not_listed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How things stand once the region was read and its plan carried out as far as possible.

    Of the problems the first `failing` are those that fail the run; `without_snapshot` counts the volumes among them,
    and `curable` tells whether another attempt may mend any.
    """

    selected: int = 0
    already_there: int = 0
    kept: int = 0
    skipped: int = 0
    failed: int = 0
    unfinished: int = 0
    failed_by_operation: Counts = field(default_factory=dict)
    skipped_because: Counts = field(default_factory=dict)
    kept_because: Counts = field(default_factory=dict)
    deletion_brake: str | None = None
    problems: tuple[VolumeProblem, ...] = ()
    problems_not_listed: int = 0
    failing: int = 0
    without_snapshot: int = 0
    curable: bool = False
    coverage: RegionCoverage = field(default_factory=RegionCoverage)
    planned: Planned = field(default_factory=Planned)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionReport:
    """One region's part of the run report; without a standing the region could not be read at all."""

    region: str
    dry_run: bool = False
    work: Work = field(default_factory=Work)
    standing: Standing | None = None
    problem: Problem | None = None
    problem_expected: bool = False

    @property
    def known(self) -> Standing:
        """How things stand, as far as it is known."""
        return self.standing or Standing()

    @property
    def unread(self) -> Problem | None:
        """Why the region could not be read, unless that was to be expected."""
        return None if self.problem_expected else self.problem

    @property
    def brake(self) -> str | None:
        """Why nothing was deleted that should have been."""
        return None if self.dry_run else self.known.deletion_brake

    @property
    def status(self) -> str:
        """One of completed, denied (as expected), failed."""
        if self.known.failing or self.unread or self.brake:
            return "failed"
        return "denied" if self.problem or self.known.failed else "completed"

    @property
    def curable(self) -> bool:
        """Whether another attempt may do what is missing.

        Not where it is denied, since that is somebody's decision, nor where the brake holds, which waits for one.
        """
        unread = self.unread is not None and not _is_denial(self.unread)
        return bool(self.known.unfinished) or self.known.curable or unread


def region_report(result: RegionResult, *, listed: int) -> RegionReport:
    """Reduce a visit's result to its report; of a dry run it lists at most so many actions, and as many verdicts."""
    return RegionReport(
        region=result.region,
        dry_run=result.dry_run,
        work=_work(result),
        standing=_standing(result, result.plan, listed) if result.plan else None,
        problem=_brief(result.problem) if result.problem else None,
        problem_expected=result.is_expected(result.problem),
    )


def combined(earlier: RegionReport, later: RegionReport) -> RegionReport:
    """Combine the reports of two rounds, or of several each, in one region of one run.

    What was done adds up; how things stand is as the later one found it, or the earlier if the later could not read
    the region. What the later found already there, an earlier round may have made: that is counted once, as created.
    """
    standing = earlier.standing
    if later.standing:
        found = later.standing.already_there - earlier.work.created
        standing = replace(later.standing, already_there=max(0, found))
    return replace(later, work=earlier.work + later.work, standing=standing)


def told(report: RegionReport) -> dict[str, Any]:
    """Return a region as the run report shows it: plain JSON types only."""
    known, work = report.known, report.work
    problems = [*([asdict(report.problem)] if report.problem else []), *map(asdict, known.problems)]
    return {
        # First what one asks of a region: CloudWatch Logs Insights finds no more than 200 fields of a log event.
        "status": report.status,
        "duration_seconds": work.duration_seconds,
        "api_calls": dict(work.api_calls),
        "throttled_calls": dict(work.throttled_calls),
        "selected": known.selected,
        "created": work.created,
        "already_there": known.already_there,
        "tagged": work.tagged,
        "deleted": work.deleted,
        "kept": known.kept,
        "skipped": known.skipped,
        "failed": known.failed,
        "unfinished": known.unfinished,
        "failed_by_operation": dict(known.failed_by_operation),
        "skipped_because": dict(known.skipped_because),
        "apart_because": dict(work.apart_because),
        "deleted_because": dict(work.deleted_because),
        "kept_because": dict(known.kept_because),
        "deletion_brake": known.deletion_brake,
        **_coverage_told(known.coverage),
        "problems": problems[:MAX_LISTED],
        "problems_not_listed": len(problems[MAX_LISTED:]) + known.problems_not_listed,
        **(_planned_told(known.planned) if report.dry_run else {}),
    }


def failures_in_lines(report: RegionReport) -> list[str]:
    """Return what fails the run in a line each, as far as it is listed."""
    known = report.known
    return [f"{p.snapshot_id or p.volume_id}: {in_a_line(p)}" for p in known.problems[: known.failing]]


def in_a_line(problem: Problem | VolumeProblem) -> str:
    """Return a problem in words; one without a code is not EC2's, and told by its message alone."""
    if not problem.code:
        return problem.message
    return ": ".join(filter(None, [problem.operation, problem.code, problem.message]))


# --- of a result ---


def _work(result: RegionResult) -> Work:
    by_status = Counter(outcome.status for outcome in result.outcomes)
    return Work(
        duration_seconds=round(result.duration_seconds, 3),
        api_calls=dict(result.api_calls),
        throttled_calls=dict(result.throttled_calls),
        created=by_status[Status.CREATED],
        tagged=by_status[Status.TAGGED],
        deleted=by_status[Status.DELETED],
        apart_because=_counted(_reasons(result, Status.CREATED)),
        deleted_because=_counted(_reasons(result, Status.DELETED)),
    )


def _standing(result: RegionResult, plan: Plan, listed: int) -> Standing:
    by_status = Counter(outcome.status for outcome in result.outcomes)
    skipped = [skip.reason for skip in plan.skipped] + _reasons(result, Status.SKIPPED)
    failures = result.failures
    problems = _problems(result, failures)
    return Standing(
        selected=plan.selected,
        already_there=len(plan.already_there) + by_status[Status.ALREADY_THERE],
        kept=by_status[Status.KEPT],
        skipped=len(skipped),
        failed=by_status[Status.FAILED],
        unfinished=by_status[Status.UNFINISHED],
        failed_by_operation=dict(Counter(o.operation for o in result.outcomes if o.status in UNDONE)),
        skipped_because=_counted(skipped),
        kept_because=_counted(_reasons(result, Status.KEPT)),
        deletion_brake=plan.brake,
        problems=tuple(_volume_problem(outcome) for outcome in problems[:MAX_LISTED]),
        problems_not_listed=len(problems[MAX_LISTED:]),
        failing=len(failures),
        without_snapshot=len({o.volume_id for o in failures if o.operation in CREATING}),
        curable=any(o.problem and not _is_denial(o.problem) for o in failures),
        coverage=_coverage(result.covers),
        planned=_planned(plan, listed) if result.dry_run else Planned(),
    )


def _problems(result: RegionResult, failures: Iterable[Outcome]) -> list[Outcome]:
    """List what went wrong, what fails the run first."""
    failing = set(failures)
    wrong = [o for o in result.outcomes if o.problem or o.status is Status.UNFINISHED]
    return sorted(wrong, key=lambda o: o not in failing)


def _volume_problem(outcome: Outcome) -> VolumeProblem:
    problem = _brief(outcome.problem or Problem(outcome.operation, "", outcome.reason))
    return VolumeProblem(outcome.volume_id, outcome.snapshot_id, str(outcome.status), **asdict(problem))


def _brief(problem: Problem) -> Problem:
    return replace(problem, message=problem.message[:MAX_MESSAGE])


def _is_denial(problem: Problem) -> bool:
    return kind_of(problem.code, status=0) is Kind.DENIED


def _reasons(result: RegionResult, status: Status) -> list[str]:
    return [outcome.reason for outcome in result.outcomes if outcome.status is status and outcome.reason]


def _coverage(covers: Sequence[VolumeCoverage]) -> RegionCoverage:
    uncovered = sorted((each for each in covers if not each.covered), key=lambda each: -each.age_hours)
    return RegionCoverage(
        measured=len(covers),
        covered=len(covers) - len(uncovered),
        uncovered=tuple(map(_uncovered, uncovered[:MAX_LISTED])),
        uncovered_not_listed=len(uncovered[MAX_LISTED:]),
        recovery_points_by=dict(Counter(each.made_by for each in covers if each.made_by).most_common()),
        ages=ages(covers),
    )


def _uncovered(each: VolumeCoverage) -> Uncovered:
    newest_id = each.newest.id if each.newest else None
    return Uncovered(each.volume_id, each.name, each.age_hours, newest_id, each.made_by, each.reason, each.remedy)


def _planned(plan: Plan, listed: int) -> Planned:
    return Planned(
        planned=dict(Counter(action.operation for action in plan.actions)),
        actions=tuple(map(_action, plan.actions[:listed])),
        actions_not_listed=len(plan.actions[listed:]),
        verdicts=tuple(map(_judged, plan.verdicts[:listed])),
        verdicts_not_listed=len(plan.verdicts[listed:]),
    )


def _action(action: Action) -> PlannedAction:
    if isinstance(action, Create):
        return PlannedAction(action.operation, action.reason, tuple(volume.id for volume in action.volumes))
    return PlannedAction(action.operation, action.reason, (action.volume_id,), action.snapshot_id)


def _judged(verdict: Verdict) -> JudgedSnapshot:
    snapshot = verdict.snapshot
    started_at = snapshot.started_at.isoformat(timespec="seconds")
    return JudgedSnapshot(snapshot.id, snapshot.volume_id, started_at, verdict.keep, verdict.reasons)


# --- as the run report shows it ---


def _coverage_told(coverage: RegionCoverage) -> dict[str, Any]:
    return {
        "covered": coverage.covered,
        "uncovered": [asdict(each) for each in coverage.uncovered],
        "uncovered_not_listed": coverage.uncovered_not_listed,
        "recovery_points_by": dict(coverage.recovery_points_by),
        "oldest_recovery_point_hours": max(coverage.ages, default=None),
    }


def _planned_told(planned: Planned) -> dict[str, Any]:
    return {
        "planned": dict(planned.planned),
        "actions": [_action_told(action) for action in planned.actions],
        "actions_not_listed": planned.actions_not_listed,
        "verdicts": [asdict(verdict) | {"reasons": list(verdict.reasons)} for verdict in planned.verdicts],
        "verdicts_not_listed": planned.verdicts_not_listed,
    }


def _action_told(action: PlannedAction) -> dict[str, Any]:
    about = {"operation": action.operation, "reason": action.reason, "volume_ids": list(action.volume_ids)}
    return about | ({"snapshot_id": action.snapshot_id} if action.snapshot_id else {})


# --- counting ---


def _counted(reasons: Iterable[str]) -> Counts:
    return _most_frequent(Counter(reasons))


def _most_frequent(counts: Counts) -> Counts:
    return dict(Counter(counts).most_common(MAX_LISTED))


def _sum(some: Counts, more: Counts) -> Counts:
    return dict(Counter(some) + Counter(more))
