"""One region's part of a run: its report, and what only the next round and the end of the run ask for.

Made as soon as a region is through, so that its plan and outcomes need not be kept; the parts of several rounds combine
to one. Knows nothing of how outcomes came about, or of where a report goes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ebs_backup.model.codes import Kind, meaning
from ebs_backup.model.values import (
    CREATING,
    Action,
    Announce,
    Create,
    Delete,
    Outcome,
    Plan,
    Problem,
    Status,
    Verdict,
)
from ebs_backup.plan.coverage import VolumeCoverage, ages
from ebs_backup.plan.expiry import BEFORE_DEPLOYMENT, stays_though_due
from ebs_backup.report.changes import Change, changes, written
from ebs_backup.report.schema import (
    MAX_LISTED,
    MAX_MESSAGE,
    AnnouncedSnapshot,
    Counts,
    JudgedSnapshot,
    PlannedAction,
    RegionReport,
    ReportedProblem,
    added,
)

_CHANGES = ("created", "tagged", "announced", "withdrawn", "deleted")
UNDONE = (Status.FAILED, Status.UNFINISHED)
DENIED = "denied"
NOT_READ = "not_read"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionResult:
    """The result of a visit, in full: a plan and its outcomes, or the problem that kept the region from being read.

    It `expires` unless a person started the run: then the plan announces and deletes nothing.
    """

    region: str
    plan: Plan | None = None
    outcomes: Sequence[Outcome] = ()
    coverages: Sequence[VolumeCoverage] = ()
    problem: Problem | None = None
    dry_run: bool = False
    expires: bool = False
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
        return self.denial_expected and problem is not None and meaning(problem.code).kind is Kind.DENIED


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionPart:
    """A region's report, with what later rounds and the whole run need beside it.

    `was_read` tells whether the region could be read so far that there was a plan. `failures` counts what fails the
    run: the first of the report's problems about volumes. `without_snapshot` counts the volumes among them.
    `measured` counts the volumes whose coverage is known, and `ages` those with a recovery point by its age in hours.
    `changes` are those that are not stored yet.
    """

    region: str
    report: RegionReport
    dry_run: bool = False
    was_read: bool = False
    failures: int = 0
    failures_curable: bool = False
    without_snapshot: int = 0
    measured: int = 0
    ages: Mapping[float, int] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()

    @property
    def unread(self) -> ReportedProblem | None:
        """Why the region could not be read, unless that was to be expected."""
        problem = self.report.problem
        return problem if problem and problem.status == NOT_READ else None

    @property
    def brake(self) -> str | None:
        """Why nothing was deleted that should have been."""
        return None if self.dry_run else self.report.deletion_brake

    @property
    def failing_problems(self) -> Sequence[ReportedProblem]:
        """The listed problems of volumes that fail the run."""
        return [problem for problem in self.report.problems if problem.volume_id is not None][: self.failures]

    @property
    def curable(self) -> bool:
        """True if another attempt may do what is missing.

        Not where it is denied, since that is somebody's decision. Not where the brake holds, which waits for one.
        """
        unread = self.unread is not None and meaning(self.unread.code).kind is not Kind.DENIED
        return bool(self.report.unfinished) or self.failures_curable or unread

    @property
    def changed_anything(self) -> bool:
        """True if the region is any further than before."""
        return any(getattr(self.report, count) for count in _CHANGES)


def region_part(result: RegionResult, *, listed: int) -> RegionPart:
    """Reduce a visit's result; of a dry run it lists at most `listed` actions, and as many verdicts."""
    failures = result.failures
    part = RegionPart(
        region=result.region,
        report=_report(result, listed),
        dry_run=result.dry_run,
        was_read=result.plan is not None,
        failures=len(failures),
        failures_curable=any(o.problem and meaning(o.problem.code).kind is not Kind.DENIED for o in failures),
        without_snapshot=len({o.volume_id for o in failures if o.operation in CREATING}),
        measured=len(result.coverages),
        ages=ages(result.coverages),
        changes=tuple(changes(result.plan, result.outcomes)) if result.plan else (),
    )
    return _with_status(part)


def combined(earlier: RegionPart, later: RegionPart) -> RegionPart:
    """Combine the parts of two rounds, or of several each, in one region of one run.

    What was done adds up. What is left is as the later one found it, or the earlier if the later could not read the
    region. What the later found already there, an earlier round may have made: that counts once, as created. So it is
    with what the later found announced.
    """
    first, last = earlier.report, later.report
    found = later if later.was_read else earlier
    already_there = max(0, last.already_there - first.created) if later.was_read else first.already_there
    waiting = max(0, last.waiting - first.announced) if later.was_read else first.waiting
    report = replace(
        found.report,
        created=first.created + last.created,
        already_there=already_there,
        tagged=first.tagged + last.tagged,
        announced=first.announced + last.announced,
        waiting=waiting,
        withdrawn=first.withdrawn + last.withdrawn,
        deleted=first.deleted + last.deleted,
        duration_seconds=round(first.duration_seconds + last.duration_seconds, 3),
        api_calls=dict(added([first.api_calls, last.api_calls])),
        throttled_calls=dict(added([first.throttled_calls, last.throttled_calls])),
        one_by_one_because=_most_frequent(added([first.one_by_one_because, last.one_by_one_because])),
        deleted_because=_most_frequent(added([first.deleted_because, last.deleted_because])),
        changes=first.changes + last.changes,
    )
    if not later.was_read:
        report = _with_region_problem(report, last.problem)
    return _with_status(replace(found, report=report, changes=earlier.changes + later.changes))


# --- the report of a result ---


def _report(result: RegionResult, listed: int) -> RegionReport:
    report = RegionReport(
        duration_seconds=round(result.duration_seconds, 3),
        api_calls=dict(sorted(result.api_calls.items())),
        throttled_calls=dict(sorted((+Counter(result.throttled_calls)).items())),
    )
    if result.plan:
        report = _with_outcomes(report, result, result.plan)
        report = _with_announcements(report, result, result.plan)
        report = _with_coverage(report, result.coverages)
        report = _with_plan(report, result.plan, listed) if result.dry_run else report
    return _with_region_problem(report, _region_problem(result))


def _with_outcomes(report: RegionReport, result: RegionResult, plan: Plan) -> RegionReport:
    by_status = Counter(outcome.status for outcome in result.outcomes)
    skipped = [skip.reason for skip in plan.skipped] + _reasons(result, Status.SKIPPED)
    stays = [", ".join(v.reasons) for v in plan.verdicts if stays_though_due(v)]
    problems = _problems(result)
    return replace(
        report,
        in_use=plan.selected + len(plan.skipped),
        selected=plan.selected,
        created=by_status[Status.CREATED],
        already_there=len(plan.already_there) + by_status[Status.ALREADY_THERE],
        tagged=by_status[Status.TAGGED],
        announced=by_status[Status.ANNOUNCED],
        withdrawn=by_status[Status.WITHDRAWN],
        deleted=by_status[Status.DELETED],
        kept=by_status[Status.KEPT] + len(stays),
        skipped=len(skipped),
        failed=by_status[Status.FAILED],
        unfinished=by_status[Status.UNFINISHED],
        deletion_brake=plan.brake,
        failed_by_operation=dict(Counter(o.operation for o in result.outcomes if o.status in UNDONE)),
        skipped_because=_most_frequent(Counter(skipped)),
        one_by_one_because=_most_frequent(Counter(_reasons(result, Status.CREATED))),
        deleted_because=_most_frequent(Counter(_reasons(result, Status.DELETED))),
        kept_because=_most_frequent(Counter([*_reasons(result, Status.KEPT), *stays])),
        problems=tuple(_problem(result, outcome) for outcome in problems[:MAX_LISTED]),
        problems_not_listed=len(problems[MAX_LISTED:]),
    )


def _with_announcements(report: RegionReport, result: RegionResult, plan: Plan) -> RegionReport:
    """Add what is announced once the run is through: by this run, or by an earlier one and not deleted by this one."""
    new = {a.snapshot_id: a.delete_after for a in plan.actions if isinstance(a, Announce)}
    if not result.dry_run:
        made = {o.snapshot_id for o in result.outcomes if o.status is Status.ANNOUNCED}
        new = {snapshot_id: after for snapshot_id, after in new.items() if snapshot_id in made}
    goes_now = {a.snapshot_id for a in plan.actions if isinstance(a, Delete)}
    due = [v for v in plan.verdicts if not v.keep]
    waiting = sum(v.delete_after is not None and v.snapshot.id not in goes_now for v in due)
    some = [_announced(v, after) for v in due if (after := v.delete_after or new.get(v.snapshot.id))]
    some = sorted(
        (each for each in some if each.snapshot_id not in goes_now),
        key=lambda each: (each.delete_after, each.snapshot_id),
    )
    by_day = sorted(Counter(each.delete_after[:10] for each in some).items())
    return replace(
        report,
        waiting=waiting,
        announced_because=_most_frequent(Counter(each.reason for each in some)),
        announced_by_day=dict(by_day[:MAX_LISTED]),
        before_deployment=sum(BEFORE_DEPLOYMENT in v.reasons for v in due),
        announcements=tuple(some[:MAX_LISTED]),
        announcements_not_listed=len(some[MAX_LISTED:]),
    )


def _announced(verdict: Verdict, after: datetime) -> AnnouncedSnapshot:
    snapshot = verdict.snapshot
    reason = ", ".join(verdict.reasons)
    return AnnouncedSnapshot(
        snapshot.id,
        snapshot.volume_id,
        snapshot.started_at.isoformat(timespec="seconds"),
        after.isoformat(timespec="seconds"),
        reason,
    )


def _with_coverage(report: RegionReport, coverages: Sequence[VolumeCoverage]) -> RegionReport:
    uncovered = sorted((each for each in coverages if not each.covered), key=lambda each: -each.age_hours)
    makers = Counter(each.newest_by for each in coverages if each.newest_by)
    return replace(
        report,
        covered=len(coverages) - len(uncovered),
        uncovered=tuple(uncovered[:MAX_LISTED]),
        uncovered_not_listed=len(uncovered[MAX_LISTED:]),
        recovery_points_by=dict(makers.most_common()),
        oldest_recovery_point_hours=max(ages(coverages), default=None),
    )


def _with_plan(report: RegionReport, plan: Plan, listed: int) -> RegionReport:
    return replace(
        report,
        planned=dict(Counter(map(_planned_as, plan.actions))),
        actions=tuple(map(_action, plan.actions[:listed])),
        actions_not_listed=len(plan.actions[listed:]),
        verdicts=tuple(map(_judged, plan.verdicts[:listed])),
        verdicts_not_listed=len(plan.verdicts[listed:]),
    )


def _with_region_problem(report: RegionReport, problem: ReportedProblem | None) -> RegionReport:
    """Put what is wrong with the region as a whole in front of its other problems, in place of an earlier one."""
    problems = [*([problem] if problem else []), *(p for p in report.problems if p.volume_id is not None)]
    return replace(
        report,
        problems=tuple(problems[:MAX_LISTED]),
        problems_not_listed=report.problems_not_listed + len(problems[MAX_LISTED:]),
    )


def _with_status(part: RegionPart) -> RegionPart:
    if part.failures or part.unread or part.brake:
        status = "failed"
    else:
        status = DENIED if part.report.problem or part.report.failed else "completed"
    return replace(part, report=replace(part.report, status=status))


# --- what went wrong ---


def _region_problem(result: RegionResult) -> ReportedProblem | None:
    if result.problem is None:
        return None
    return _in_words(None, None, DENIED if result.is_expected(result.problem) else NOT_READ, result.problem)


def _problems(result: RegionResult) -> list[Outcome]:
    """List what went wrong, what fails the run first."""
    failing = set(result.failures)
    wrong = [o for o in result.outcomes if o.problem or o.status is Status.UNFINISHED]
    return sorted(wrong, key=lambda o: o not in failing)


def _problem(result: RegionResult, outcome: Outcome) -> ReportedProblem:
    expected = outcome.status in UNDONE and result.is_expected(outcome.problem)
    cause = outcome.problem or Problem(outcome.operation, "", outcome.reason)
    return _in_words(outcome.volume_id, outcome.snapshot_id, DENIED if expected else str(outcome.status), cause)


def _in_words(volume_id: str | None, snapshot_id: str | None, status: str, cause: Problem) -> ReportedProblem:
    message, remedy = cause.message[:MAX_MESSAGE], meaning(cause.code).remedy
    return ReportedProblem(volume_id, snapshot_id, status, cause.operation, cause.code, message, remedy)


def _action(action: Action) -> PlannedAction:
    if isinstance(action, Create):
        return PlannedAction(action.operation, action.reason, tuple(volume.id for volume in action.volumes))
    after = written(action.delete_after) if isinstance(action, Announce) else None
    return PlannedAction(action.operation, action.reason, (action.volume_id,), action.snapshot_id, after)


def _planned_as(action: Action) -> str:
    """Return what a planned action counts as: its operation, but CreateTags is for three ends."""
    if isinstance(action, Announce):
        return "announce" if action.delete_after else "withdraw"
    return action.operation


def _judged(verdict: Verdict) -> JudgedSnapshot:
    snapshot = verdict.snapshot
    started_at = snapshot.started_at.isoformat(timespec="seconds")
    after = written(verdict.delete_after)
    return JudgedSnapshot(snapshot.id, snapshot.volume_id, started_at, verdict.keep, verdict.reasons, after)


def _reasons(result: RegionResult, status: Status) -> list[str]:
    return [outcome.reason for outcome in result.outcomes if outcome.status is status and outcome.reason]


def _most_frequent(counts: Counter[str]) -> Counts:
    return dict(counts.most_common(MAX_LISTED))
