"""A run: the four steps in every region, at the same time. A region that fails stops no other.

For whoever starts one: the Lambda function, in one invocation or step by step, or a person at a terminal.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from .coverage import VolumeCoverage, cover
from .ec2 import Region, connect
from .engine import Engine
from .errors import Ec2Error
from .expiry import with_expiry
from .model import Outcome, Plan, Problem, Status, World
from .observe import observe, observe_history, recovery_points
from .pacing import Clock
from .plan import plan
from .policy import Policy
from .regional import RegionReport, RegionResult, region_report
from .report import Run, RunFailed, log_region
from .request import Request, regions_to_visit
from .selection import select

log = logging.getLogger(__name__)

Watch = Callable[[RegionResult], object]

# How many actions a dry run's report lists, and how many verdicts, over all regions.
MAX_ACTIONS = 1500

NOT_MEASURED = Problem("DescribeSnapshots", "", "out of time before coverage was measured")


def run(
    policy: Policy,
    request: Request,
    *,
    home_region: str,
    clock: Clock,
    deadline: float,
    watch: Watch = lambda _: None,
    listed: int = MAX_ACTIONS,
) -> Run:
    """Make one run and return what came of it; `watch` is shown each region's full result as it is through.

    Raises RunFailed if it cannot be known which regions there are, RequestError if none is left to visit.
    """
    at, start = clock.utc(), clock.now()
    regions = begin(policy, request, home_region=home_region, clock=clock, deadline=deadline)
    visitor = Visitor(policy=policy, request=request, at=at, clock=clock, deadline=deadline)

    def report_of(name: str) -> RegionReport:
        result = visitor.visit(name)
        watch(result)
        report = region_report(result, listed=listed // len(regions))
        log_region(report)
        return report

    with ThreadPoolExecutor(len(regions), thread_name_prefix="visit") as pool:
        # Where the function runs there are often the most volumes; getting all regions under way takes seconds of CPU.
        visits = {name: pool.submit(report_of, name) for name in sorted(regions, key=lambda name: name != home_region)}
    reports = tuple(visits[name].result() for name in regions)
    return Run(policy=policy, request=request, started_at=at, duration_seconds=clock.now() - start, regions=reports)


def begin(policy: Policy, request: Request, *, home_region: str, clock: Clock, deadline: float) -> tuple[str, ...]:
    """Return the regions of a run, which begins with that; raise RunFailed, or RequestError, as a run does.

    EC2 is asked which regions there are unless they are named: the question itself may be denied.
    """
    enabled: tuple[str, ...] = ()
    if not (policy.regions or request.regions):
        try:
            enabled = connect(home_region, clock, deadline).enabled_regions()
        except Ec2Error as error:
            raise RunFailed(f"cannot look up the account's regions (`regions` can name them): {error}") from None
    regions = regions_to_visit(policy, request, enabled)
    log.info("run_started", extra={"policy": policy.name, "run_id": request.run_id, "regions": regions})
    return regions


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Visits regions for a run that began at that time.

    Where another visit is sure to go on with what this one leaves unfinished (`goes_on`), this one then measures no
    coverage: with so many volumes, reading takes longer than what is left of the time, and the last visit measures it.
    """

    policy: Policy
    request: Request
    at: datetime
    clock: Clock
    deadline: float
    goes_on: bool = False

    def visit(self, name: str) -> RegionResult:
        """Observe, plan and apply in one region; never raise, or one region would end the others' run."""
        start = self.clock.now()
        region: Region | None = None
        problem: Problem | None = None
        found = _Found()
        try:
            region = connect(name, self.clock, self.deadline)
            problem = self._take_steps(region, start, found)
        except Ec2Error as error:
            problem = error.problem
        except Exception as error:
            log.exception("region_failed_unexpectedly", extra={"region": name})
            problem = Problem("", type(error).__name__, str(error))
        return RegionResult(
            region=name,
            plan=found.plan,
            outcomes=found.outcomes,
            covers=found.covers,
            problem=problem,
            dry_run=self.request.dry_run,
            denial_expected=name in self.policy.expected_denied_regions,
            duration_seconds=self.clock.now() - start,
            api_calls=region.calls if region else {},
            throttled_calls=region.throttled if region else {},
        )

    def _take_steps(self, region: Region, start: float, found: "_Found") -> Problem | None:
        """Fill in what is found, step by step; return what kept it from being all, if anything did."""
        policy, run_id = self.policy, self.request.run_id
        world = observe(region, policy, run_id)
        found.plan = plan(world, policy, run_id)
        engine = Engine(region, policy, run_id, self.clock, self.deadline)
        if not self.request.dry_run:
            found.outcomes = engine.back_up(found.plan, start)
        # Backups wait for no deletion, nor for reading what that takes.
        problem = None if found.unfinished else self._expire(region, engine, world, found)
        if self.goes_on and found.unfinished:
            return NOT_MEASURED
        selected = select(policy, world.volumes).selected
        points = recovery_points(region, policy, selected, self.at)
        found.covers = cover(policy, selected, points, found.outcomes, self.at)
        return problem

    def _expire(self, region: Region, engine: Engine, world: World, found: "_Found") -> Problem | None:
        """Delete what no rule keeps; return why nothing is known of it, if so."""
        if not self.policy.retention.rules or not found.plan:
            return None
        try:
            history = observe_history(region, self.policy, world)
        except Ec2Error as error:
            return error.problem
        found.plan = with_expiry(found.plan, history, self.policy, self.request.run_id, self.at)
        if not self.request.dry_run:
            found.outcomes = engine.expire(found.plan)
        return None


@dataclass(slots=True)
class _Found:
    """What a visit has come to so far, whatever ends it."""

    plan: Plan | None = None
    outcomes: Sequence[Outcome] = ()
    covers: Sequence[VolumeCoverage] = ()

    @property
    def unfinished(self) -> bool:
        """Whether time ran out over the work."""
        return any(outcome.status is Status.UNFINISHED for outcome in self.outcomes)
