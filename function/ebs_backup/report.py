"""The report: what a run did, for machines (one JSON document) and for people (one summary).

Knows outcomes, and nothing of how they came about. docs/report.md documents the schema.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from .coverage import VolumeCoverage, age_summary, coverage_summary
from .errors import Kind, kind_of
from .model import Action, Create, Outcome, Plan, Problem, Status, Verdict
from .policy import Policy
from .request import Request
from .retention import in_words

log = logging.getLogger(__name__)

SCHEMA = 1

UNDONE = (Status.FAILED, Status.UNFINISHED)
COUNTS = ("selected", "created", "already_there", "tagged", "deleted", "kept", "skipped", "failed", "unfinished")

# However large the estate, a report stays below Lambda's 6 MB answer and CloudWatch's 256 KB log event.
MAX_LISTED = 20
MAX_ACTIONS = 1500
MAX_MESSAGE = 300

_LEVELS = {"completed": logging.INFO, "denied": logging.INFO, "failed": logging.ERROR}


class RunFailed(Exception):  # noqa: N818 - Lambda shows people the name as errorType
    """The run did not do all of its work; the message says in short what is missing and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionResult:
    """What a run came to in one region: a plan and its outcomes, or the problem that kept it from being read."""

    region: str
    plan: Plan | None = None
    outcomes: Sequence[Outcome] = ()
    covers: Sequence[VolumeCoverage] = ()
    problem: Problem | None = None
    dry_run: bool = False
    denial_expected: bool = False
    duration_seconds: float = 0.0
    api_calls: Mapping[str, int] = field(default_factory=dict)
    throttled_calls: Mapping[str, int] = field(default_factory=dict)

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The outcomes that fail the run."""
        bad = [o for o in self.outcomes if o.status in UNDONE]
        return tuple(o for o in bad if not self._is_expected(o.problem))

    @property
    def brake(self) -> str | None:
        """Why nothing was deleted that should have been."""
        return self.plan.brake if self.plan and not self.dry_run else None

    @property
    def unread(self) -> Problem | None:
        """Why the region could not be read, unless that was to be expected."""
        return None if self._is_expected(self.problem) else self.problem

    @property
    def status(self) -> str:
        """One of completed, denied (as expected), failed."""
        if self.failures or self.unread or self.brake:
            return "failed"
        denied = self.problem or any(o.status is Status.FAILED for o in self.outcomes)
        return "denied" if denied else "completed"

    def _is_expected(self, problem: Problem | None) -> bool:
        return self.denial_expected and problem is not None and kind_of(problem.code, status=0) is Kind.DENIED


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run as a whole."""

    policy: Policy
    request: Request
    started_at: datetime
    duration_seconds: float
    results: Sequence[RegionResult]

    @property
    def failed(self) -> bool:
        """Whether anything is missing that the run was to do."""
        return any(result.status == "failed" for result in self.results)


def report(run: Run, *, listed: int = MAX_ACTIONS) -> dict[str, Any]:
    """Return the run report: plain JSON types only. A dry run's lists at most so many actions, and as many verdicts."""
    in_each = listed // max(1, len(run.results))
    regions = {result.region: _region(result, in_each) for result in run.results}
    covers = [each for result in run.results for each in result.covers]
    return {
        "schema": SCHEMA,
        "policy": run.policy.name,
        "retention": in_words(run.policy.retention),
        "run_id": run.request.run_id,
        "dry_run": run.request.dry_run,
        "status": "failed" if run.failed else "completed",
        "started_at": run.started_at.isoformat(timespec="seconds"),
        "duration_seconds": round(run.duration_seconds, 3),
        "coverage": coverage_summary(run.policy, covers),
        "recovery_point_age": age_summary(covers),
        "recovery_points_by": _makers(covers),
        "totals": {count: sum(region[count] for region in regions.values()) for count in COUNTS},
        "regions": regions,
    }


def summary(run: Run) -> str:
    """Return a few lines that say what a failed run left undone, and why."""
    failures = [(r.region, o) for r in run.results for o in r.failures]
    without = {(region, o.volume_id) for region, o in failures if o.operation in ("CreateSnapshot", "CreateSnapshots")}
    selected = sum(result.plan.selected for result in run.results if result.plan)
    unread = [f"{r.region}: {_words(r.unread)}" for r in run.results if r.unread]
    braked = [f"{r.region}: deletion brake: {r.brake}" for r in run.results if r.brake]
    head = [f"{len(without)} of {selected} volumes have no snapshot of this run"]
    head += [f"{len(unread)} of {len(run.results)} regions could not be read"] if unread else []
    head += [f"nothing was deleted in {len(braked)} regions"] if braked else []
    lines = (
        unread + braked + [f"{r}: {o.snapshot_id or o.volume_id}: {_words(o.problem, o.reason)}" for r, o in failures]
    )
    rest = [f"and {len(lines) - MAX_LISTED} more"] if len(lines) > MAX_LISTED else []
    first = f"run {run.request.run_id} of {run.policy.name}: {', '.join(head)}"
    return "\n- ".join([first, *lines[:MAX_LISTED], *rest])


def log_report(run: Run) -> None:
    """Log what each region came to, then the run as a whole: one event each, since a log event's size is limited."""
    whole = report(run)
    for region, result in whole.pop("regions").items():
        for action in result.pop("actions", ()):
            log.info("action_planned", extra={"region": region, "action": action})
        for verdict in result.pop("verdicts", ()):
            log.info("snapshot_judged", extra={"region": region, "verdict": verdict})
        log.log(_LEVELS[result["status"]], "region_completed", extra={"region": region, "report": result})
    log.log(_LEVELS[whole["status"]], "run_completed", extra={"report": whole})


def _region(result: RegionResult, listed: int) -> dict[str, Any]:
    by_status = Counter(outcome.status for outcome in result.outcomes)
    plan = result.plan or Plan(result.region, selected=0)
    skipped = [skip.reason for skip in plan.skipped] + _reasons(result, Status.SKIPPED)
    problems = _problems(result)
    return {
        # First what one asks of a region: CloudWatch Logs Insights finds no more than 200 fields of a log event.
        "status": result.status,
        "duration_seconds": round(result.duration_seconds, 3),
        "api_calls": dict(result.api_calls),
        "throttled_calls": dict(result.throttled_calls),
        "selected": plan.selected,
        "created": by_status[Status.CREATED],
        "already_there": len(plan.already_there) + by_status[Status.ALREADY_THERE],
        "tagged": by_status[Status.TAGGED],
        "deleted": by_status[Status.DELETED],
        "kept": by_status[Status.KEPT],
        "skipped": len(skipped),
        "failed": by_status[Status.FAILED],
        "unfinished": by_status[Status.UNFINISHED],
        "failed_by_operation": dict(Counter(o.operation for o in result.outcomes if o.status in UNDONE)),
        "skipped_because": _counted(skipped),
        "apart_because": _counted(_reasons(result, Status.CREATED)),
        "deleted_because": _counted(_reasons(result, Status.DELETED)),
        "kept_because": _counted(_reasons(result, Status.KEPT)),
        "deletion_brake": plan.brake,
        **_coverage(result.covers),
        "problems": problems[:MAX_LISTED],
        "problems_not_listed": len(problems[MAX_LISTED:]),
        **(_planned(plan, listed) if result.dry_run else {}),
    }


def _coverage(covers: Sequence[VolumeCoverage]) -> dict[str, Any]:
    uncovered = sorted((each for each in covers if not each.covered), key=lambda each: -each.age_hours)
    return {
        "covered": len(covers) - len(uncovered),
        "uncovered": [_uncovered(each) for each in uncovered[:MAX_LISTED]],
        "uncovered_not_listed": len(uncovered[MAX_LISTED:]),
        "recovery_points_by": _makers(covers),
        "oldest_recovery_point_hours": max((each.age_hours for each in covers if each.newest), default=None),
    }


def _uncovered(each: VolumeCoverage) -> dict[str, Any]:
    return {
        "volume_id": each.volume_id,
        "name": each.name,
        "age_hours": each.age_hours,
        "newest_snapshot_id": each.newest.id if each.newest else None,
        "newest_by": each.made_by,
        "reason": each.reason,
        "remedy": each.remedy,
    }


def _makers(covers: Iterable[VolumeCoverage]) -> dict[str, int]:
    return dict(Counter(each.made_by for each in covers if each.made_by).most_common())


def _reasons(result: RegionResult, status: Status) -> list[str]:
    return [outcome.reason for outcome in result.outcomes if outcome.status is status and outcome.reason]


def _problems(result: RegionResult) -> list[dict[str, Any]]:
    """List what went wrong, what fails the run first."""
    failing = set(result.failures)
    told = [o for o in result.outcomes if o.problem or o.status is Status.UNFINISHED]
    told.sort(key=lambda o: o not in failing)
    unread = [_brief(result.problem)] if result.problem else []
    return unread + [_problem(outcome) for outcome in told]


def _problem(outcome: Outcome) -> dict[str, Any]:
    about = {"volume_id": outcome.volume_id, "snapshot_id": outcome.snapshot_id, "status": str(outcome.status)}
    return about | _brief(outcome.problem or Problem(outcome.operation, "", outcome.reason))


def _brief(problem: Problem) -> dict[str, Any]:
    return {**asdict(problem), "message": problem.message[:MAX_MESSAGE]}


def _planned(plan: Plan, listed: int) -> dict[str, Any]:
    return {
        "planned": dict(Counter(action.operation for action in plan.actions)),
        "actions": [_action(action) for action in plan.actions[:listed]],
        "actions_not_listed": len(plan.actions[listed:]),
        "verdicts": [_verdict(verdict) for verdict in plan.verdicts[:listed]],
        "verdicts_not_listed": len(plan.verdicts[listed:]),
    }


def _action(action: Action) -> dict[str, Any]:
    about = {"operation": action.operation, "reason": action.reason}
    if isinstance(action, Create):
        return about | {"volume_ids": [volume.id for volume in action.volumes]}
    return about | {"volume_ids": [action.volume_id], "snapshot_id": action.snapshot_id}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "snapshot_id": verdict.snapshot.id,
        "volume_id": verdict.snapshot.volume_id,
        "started_at": verdict.snapshot.started_at.isoformat(timespec="seconds"),
        "keep": verdict.keep,
        "reasons": list(verdict.reasons),
    }


def _words(problem: Problem | None, otherwise: str = "") -> str:
    if problem is None:
        return otherwise
    return f"{problem.operation}: {problem.code}: {problem.message[:MAX_MESSAGE]}"


def _counted(reasons: Iterable[str]) -> dict[str, int]:
    return dict(Counter(reasons).most_common(MAX_LISTED))
