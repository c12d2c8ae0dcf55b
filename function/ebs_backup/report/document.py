"""The report: what a run did, for machines (one JSON document) and for people (one summary).

Made of the regions' reports alone. docs/report.md documents the schema.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.request import Request
from ebs_backup.model.retention import in_words
from ebs_backup.plan.coverage import age_summary, coverage_summary
from ebs_backup.report.region import MAX_LISTED, RegionReport, failures_in_lines, in_a_line, told

T = TypeVar("T")

log = logging.getLogger(__name__)

SCHEMA = 1

COUNTS = ("selected", "created", "already_there", "tagged", "deleted", "kept", "skipped", "failed", "unfinished")

_LEVELS = {"completed": logging.INFO, "denied": logging.INFO, "failed": logging.ERROR}


class RunFailed(Exception):  # noqa: N818 - Lambda shows people the name as errorType
    """The run did not do all of its work; the message says in short what is missing and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run as a whole."""

    deployment: Deployment
    request: Request
    started_at: datetime
    duration_seconds: float
    regions: Sequence[RegionReport]

    @property
    def failed(self) -> bool:
        """Whether anything is missing that the run was to do."""
        return any(region.status == "failed" for region in self.regions)


def report(run: Run) -> dict[str, Any]:
    """Return the run report: plain JSON types only."""
    regions = {region.region: told(region) for region in run.regions}
    coverages = [region.known.coverage for region in run.regions]
    measured = sum(coverage.measured for coverage in coverages)
    return {
        "schema": SCHEMA,
        "policy": run.deployment.name,
        "retention": in_words(run.deployment.retention),
        "run_id": run.request.run_id,
        "dry_run": run.request.dry_run,
        "status": "failed" if run.failed else "completed",
        "started_at": run.started_at.isoformat(timespec="seconds"),
        "duration_seconds": round(run.duration_seconds, 3),
        "coverage": coverage_summary(run.deployment, measured, sum(coverage.covered for coverage in coverages)),
        "recovery_point_age": age_summary(_sum(coverage.ages for coverage in coverages), measured),
        "recovery_points_by": dict(_sum(coverage.recovery_points_by for coverage in coverages).most_common()),
        "totals": {count: sum(region[count] for region in regions.values()) for count in COUNTS},
        "regions": regions,
    }


def summary(run: Run) -> str:
    """Return a few lines that say what a failed run left undone, and why."""
    known = [region.known for region in run.regions]
    unread = [f"{r.region}: {in_a_line(r.unread)}" for r in run.regions if r.unread]
    partly = sum(bool(r.unread and r.standing) for r in run.regions)
    wholly = len(unread) - partly
    braked = [f"{r.region}: deletion brake: {r.brake}" for r in run.regions if r.brake]
    without = sum(each.without_snapshot for each in known)
    head = [f"{without} of {sum(each.selected for each in known)} volumes have no snapshot of this run"]
    head += [f"{wholly} of {len(run.regions)} regions could not be read"] if wholly else []
    head += [f"{partly} of {len(run.regions)} regions could not be visited to the end"] if partly else []
    head += [f"nothing was deleted in {len(braked)} regions"] if braked else []
    lines = unread + braked + [f"{r.region}: {line}" for r in run.regions for line in failures_in_lines(r)]
    more = len(unread) + len(braked) + sum(each.failing for each in known) - MAX_LISTED
    rest = [f"and {more} more"] if more > 0 else []
    first = f"run {run.request.run_id} of {run.deployment.name}: {', '.join(head)}"
    return "\n- ".join([first, *lines[:MAX_LISTED], *rest])


def log_region(region: RegionReport) -> None:
    """Log what a region came to, and what a dry run plans there, an event each: a log event's size is limited."""
    planned = told(region)
    for action in planned.get("actions", ()):
        log.info("action_planned", extra={"region": region.region, "action": action})
    for verdict in planned.get("verdicts", ()):
        log.info("snapshot_judged", extra={"region": region.region, "verdict": verdict})
    _log_region("region_completed", region)


def log_round(region: RegionReport, number: int) -> None:
    """Log what one of several rounds in a region came to."""
    _log_region("round_completed", region, round=number)


def log_run(whole: Mapping[str, Any]) -> None:
    """Log what the run came to, but for its regions."""
    about = {key: value for key, value in whole.items() if key != "regions"}
    log.log(_LEVELS[whole["status"]], "run_completed", extra={"report": about})


def _log_region(event: str, region: RegionReport, **extra: object) -> None:
    result = {key: value for key, value in told(region).items() if key not in ("actions", "verdicts")}
    log.log(_LEVELS[region.status], event, extra={"region": region.region, "report": result, **extra})


def _sum(counts: Iterable[Mapping[T, int]]) -> Counter[T]:
    total: Counter[T] = Counter()
    for each in counts:
        total.update(each)
    return total
