"""A run's report, its summary and its log events, made of the regions' parts alone."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.request import Request
from ebs_backup.model.retention import in_words
from ebs_backup.model.tags import HOLD_TAG, tag_key
from ebs_backup.plan.coverage import coverage, recovery_point_age
from ebs_backup.report.keys import Attempt, new_token
from ebs_backup.report.region import RegionPart
from ebs_backup.report.schema import MAX_LISTED, RegionReport, Report, ReportedProblem, Totals, added
from ebs_backup.report.words import counted

log = logging.getLogger(__name__)

_OWN_EVENTS = ("actions", "verdicts")
_OF_DRY_RUNS = ("planned", "actions_not_listed", "verdicts_not_listed")

_LEVELS = {"completed": logging.INFO, "denied": logging.INFO, "failed": logging.ERROR}


class RunFailed(Exception):  # noqa: N818 - Lambda shows people the name as errorType
    """The run did not do all of its work; the message says in short what is missing and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attempt at a run as a whole; its token is eight hexadecimal digits that no other attempt has."""

    deployment: Deployment
    request: Request
    started_at: datetime
    duration_seconds: float
    regions: Sequence[RegionPart]
    token: str = field(default_factory=new_token)

    @property
    def attempt(self) -> Attempt:
        """The attempt at the run that this one is."""
        return Attempt(self.request.run_id, self.started_at, self.token)

    @property
    def changed_anything(self) -> bool:
        """True if anything in the account is other than before."""
        return any(part.changed_anything for part in self.regions)

    @property
    def failed(self) -> bool:
        """True if anything is missing that the run was to do."""
        return any(part.report.status == "failed" for part in self.regions)


def report(run: Run) -> Report:
    """Return the run's report."""
    regions = {part.region: part.report for part in run.regions}
    measured = sum(part.measured for part in run.regions)
    return Report(
        deployment=run.deployment.name,
        retention=in_words(run.deployment.retention),
        hold_tag=tag_key(run.deployment, HOLD_TAG),
        run_id=run.request.run_id,
        dry_run=run.request.dry_run,
        chosen_regions=bool(run.request.regions),
        expires=(run.request.expires or run.request.dry_run) and bool(run.deployment.retention.counts),
        status="failed" if run.failed else "completed",
        started_at=run.started_at.isoformat(timespec="seconds"),
        duration_seconds=round(run.duration_seconds, 3),
        coverage=coverage(run.deployment, measured, sum(region.covered for region in regions.values())),
        recovery_point_age=recovery_point_age(added(part.ages for part in run.regions), measured),
        recovery_points_by=dict(added(region.recovery_points_by for region in regions.values()).most_common()),
        totals=_totals(regions.values()),
        regions=regions,
    )


def summary(run: Run) -> str:
    """Return a few lines that say what a failed run left undone, and why; first a brake, which waits for somebody."""
    unread = [f"{part.region}: {in_a_line(part.unread)}" for part in run.regions if part.unread]
    braked = [f"{part.region}: deletion brake: {part.brake}" for part in run.regions if part.brake]
    problems = [(part.region, p) for part in run.regions for p in part.failing_problems]
    failed = [f"{region}: {p.snapshot_id or p.volume_id}: {in_a_line(p)}" for region, p in problems]
    more = len(unread) + len(braked) + sum(part.failures for part in run.regions) - MAX_LISTED
    rest = [f"and {more} more"] if more > 0 else []
    first = f"run {run.request.run_id} of {run.deployment.name}: {', '.join(_headings(run))}"
    return "\n- ".join([first, *[*braked[:1], *unread, *braked[1:], *failed][:MAX_LISTED], *rest])


def in_a_line(problem: ReportedProblem) -> str:
    """Return a problem in words; one without a code is not EC2's, and its message says it all."""
    if not problem.code:
        return problem.message
    return ": ".join(filter(None, [problem.operation, problem.code, problem.message]))


def log_region(part: RegionPart) -> None:
    """Log what a region came to, and what a dry run plans there, an event each: a log event's size is limited."""
    for action in part.report.actions:
        log.info("action_planned", extra={"region": part.region, "action": asdict(action)})
    for verdict in part.report.verdicts:
        log.info("snapshot_judged", extra={"region": part.region, "verdict": asdict(verdict)})
    _log_region("region_completed", part)


def log_round(part: RegionPart, number: int) -> None:
    """Log what one of several rounds in a region came to."""
    _log_region("round_completed", part, round=number)


def log_run(whole: Report) -> None:
    """Log what the run came to, without its regions."""
    about = {key: value for key, value in asdict(whole).items() if key != "regions"}
    log.log(_LEVELS[whole.status], "run_completed", extra={"report": about})


def _headings(run: Run) -> Iterable[str]:
    unread = [part for part in run.regions if part.unread]
    partly = sum(part.was_read for part in unread)
    wholly = len(unread) - partly
    braked = sum(part.brake is not None for part in run.regions)
    if told := _volumes(run):
        yield told
    if wholly:
        yield f"{wholly} of {len(run.regions)} regions could not be read"
    if partly:
        yield f"{partly} of {len(run.regions)} regions could not be visited to the end"
    if braked:
        yield f"the deletion brake held in {braked} of {len(run.regions)} regions"


def _volumes(run: Run) -> str:
    """Return how many volumes have no snapshot of this run; nothing where that is not known of a single one.

    A dry run makes no snapshot, so there it returns how many volumes are selected.
    """
    selected = sum(part.report.selected for part in run.regions)
    missing = sum(part.without_snapshot for part in run.regions)
    if not selected:
        return "" if any(part.unread for part in run.regions) else "no volume is selected"
    if run.request.dry_run:
        return f"dry run: {counted(selected, 'volume')} selected"
    if missing:
        return f"{missing} of {counted(selected, 'volume')} have no snapshot of this run"
    return f"all {selected} volumes have their snapshot" if selected > 1 else "the one volume has its snapshot"


def _log_region(event: str, part: RegionPart, **extra: object) -> None:
    """Log a region's report without what has an event of its own, and without remedies, for which the page has room."""
    left_out = _OWN_EVENTS if part.dry_run else _OWN_EVENTS + _OF_DRY_RUNS
    result = {key: value for key, value in asdict(part.report).items() if key not in left_out}
    for problem in result["problems"]:
        del problem["remedy"]
    log.log(_LEVELS[part.report.status], event, extra={"region": part.region, "report": result, **extra})


def _totals(regions: Iterable[RegionReport]) -> Totals:
    regions = tuple(regions)
    return Totals(**{count.name: sum(getattr(region, count.name) for region in regions) for count in fields(Totals)})
