"""The report: what a run did, for machines (one JSON document) and for people (one summary).

Knows outcomes, and nothing of how they came about. docs/report.md documents the schema.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .errors import Kind, kind_of
from .model import Action, Create, Outcome, Plan, Problem, Status

log = logging.getLogger(__name__)

SCHEMA = 1

# However large the estate, a report stays below Lambda's 6 MB answer and CloudWatch's 256 KB log event.
MAX_LISTED = 20
MAX_ACTIONS = 500
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
    problem: Problem | None = None
    denial_expected: bool = False
    duration_seconds: float = 0.0
    api_calls: Mapping[str, int] = field(default_factory=dict)
    throttled_calls: Mapping[str, int] = field(default_factory=dict)

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The outcomes that fail the run."""
        bad = [o for o in self.outcomes if o.status in (Status.FAILED, Status.UNFINISHED)]
        return tuple(o for o in bad if not self._is_expected(o.problem))

    @property
    def status(self) -> str:
        """One of completed, denied (as expected), failed."""
        if self.failures or (self.problem and not self._is_expected(self.problem)):
            return "failed"
        denied = self.problem or any(o.status is Status.FAILED for o in self.outcomes)
        return "denied" if denied else "completed"

    def _is_expected(self, problem: Problem | None) -> bool:
        return self.denial_expected and problem is not None and kind_of(problem.code, status=0) is Kind.DENIED


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run as a whole."""

    policy: str
    run_id: str
    dry_run: bool
    started_at: str
    duration_seconds: float
    results: Sequence[RegionResult]

    @property
    def failed(self) -> bool:
        """Whether anything is missing that the run was to do."""
        return any(result.status == "failed" for result in self.results)


def report(run: Run) -> dict[str, Any]:
    """Return the run report: plain JSON types only."""
    regions = {result.region: _region(result, dry_run=run.dry_run) for result in run.results}
    counts = ("selected", "created", "already_there", "tagged", "skipped", "failed", "unfinished")
    return {
        "schema": SCHEMA,
        "policy": run.policy,
        "run_id": run.run_id,
        "dry_run": run.dry_run,
        "status": "failed" if run.failed else "completed",
        "started_at": run.started_at,
        "duration_seconds": round(run.duration_seconds, 3),
        "totals": {count: sum(region[count] for region in regions.values()) for count in counts},
        "regions": regions,
    }


def summary(run: Run) -> str:
    """Return a few lines that say what a failed run left undone, and why."""
    failures = [(r.region, o) for r in run.results for o in r.failures]
    without = {(region, o.volume_id) for region, o in failures if o.operation != "CreateTags"}
    selected = sum(result.plan.selected for result in run.results if result.plan)
    unread = [r for r in run.results if r.status == "failed" and r.problem]
    lines = [f"{r.region}: {_words(r.problem)}" for r in unread if r.problem]
    lines += [f"{region}: {o.volume_id}: {_words(o.problem, o.reason)}" for region, o in failures]
    head = f"run {run.run_id} of {run.policy}: {len(without)} of {selected} volumes have no snapshot of this run"
    head += f", {len(unread)} of {len(run.results)} regions could not be read" if unread else ""
    rest = [f"and {len(lines) - MAX_LISTED} more"] if len(lines) > MAX_LISTED else []
    return "\n- ".join([head, *lines[:MAX_LISTED], *rest])


def log_report(run: Run) -> None:
    """Log what each region came to, then the run as a whole: one event each, since a log event's size is limited."""
    whole = report(run)
    for region, result in whole.pop("regions").items():
        for action in result.pop("actions", ()):
            log.info("action_planned", extra={"region": region, "action": action})
        log.log(_LEVELS[result["status"]], "region_completed", extra={"region": region, "report": result})
    log.log(_LEVELS[whole["status"]], "run_completed", extra={"report": whole})


def _region(result: RegionResult, *, dry_run: bool) -> dict[str, Any]:
    outcomes = Counter(outcome.status for outcome in result.outcomes)
    plan = result.plan or Plan(result.region, selected=0)
    reasons = [skip.reason for skip in plan.skipped]
    reasons += [o.reason for o in result.outcomes if o.status is Status.SKIPPED]
    apart = [o.reason for o in result.outcomes if o.status is Status.CREATED and o.reason]
    problems = [_problem(None, result.problem)] if result.problem else []
    problems += [_problem(o, o.problem) for o in result.outcomes if o.problem or o.status is Status.UNFINISHED]
    return {
        "status": result.status,
        "selected": plan.selected,
        "created": outcomes[Status.CREATED],
        "already_there": len(plan.already_there) + outcomes[Status.ALREADY_THERE],
        "tagged": outcomes[Status.TAGGED],
        "skipped": len(reasons),
        "skipped_because": _counted(reasons),
        "apart_because": _counted(apart),
        "failed": outcomes[Status.FAILED],
        "unfinished": outcomes[Status.UNFINISHED],
        "problems": problems[:MAX_LISTED],
        "problems_not_listed": len(problems[MAX_LISTED:]),
        "duration_seconds": round(result.duration_seconds, 3),
        "api_calls": dict(result.api_calls),
        "throttled_calls": dict(result.throttled_calls),
        **(_planned(plan) if dry_run else {}),
    }


def _planned(plan: Plan) -> dict[str, Any]:
    return {
        "planned": dict(Counter(action.operation for action in plan.actions)),
        "actions": [_action(action) for action in plan.actions[:MAX_ACTIONS]],
        "actions_not_listed": len(plan.actions[MAX_ACTIONS:]),
    }


def _action(action: Action) -> dict[str, Any]:
    about = {"operation": action.operation, "reason": action.reason}
    if isinstance(action, Create):
        return about | {"volume_ids": [volume.id for volume in action.volumes]}
    return about | {"volume_ids": [action.volume_id], "snapshot_id": action.snapshot_id}


def _problem(outcome: Outcome | None, problem: Problem | None) -> dict[str, Any]:
    about = {"volume_id": outcome.volume_id, "status": str(outcome.status)} if outcome else {}
    if outcome and outcome.snapshot_id:
        about["snapshot_id"] = outcome.snapshot_id
    if problem is None:
        return about | {
            "operation": outcome.operation if outcome else "",
            "code": "",
            "message": "out of time",
        }
    return about | asdict(problem) | {"message": problem.message[:MAX_MESSAGE]}


def _words(problem: Problem | None, otherwise: str = "") -> str:
    if problem is None:
        return otherwise
    return f"{problem.operation}: {problem.code}: {problem.message[:MAX_MESSAGE]}"


def _counted(reasons: Iterable[str]) -> dict[str, int]:
    return dict(Counter(reasons).most_common(MAX_LISTED))
