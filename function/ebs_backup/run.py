"""A run: the four steps in every region, at the same time. A region that fails stops no other.

For whoever starts one: the Lambda function, or a person at a terminal.
"""

import logging
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from .coverage import VolumeCoverage, cover
from .ec2 import Region, connect
from .engine import Engine
from .errors import Ec2Error
from .model import Outcome, Plan, Problem
from .observe import observe, recovery_points
from .pacing import Clock
from .plan import plan
from .policy import Policy
from .report import RegionResult, Run, RunFailed
from .request import Request, regions_to_visit
from .selection import select

log = logging.getLogger(__name__)

Watch = Callable[[RegionResult], object]


def run(
    policy: Policy,
    request: Request,
    *,
    home_region: str,
    clock: Clock,
    deadline: float,
    watch: Watch = lambda _: None,
) -> Run:
    """Make one run and return what came of it; `watch` is told of each region as it is through.

    Raises RunFailed if it cannot be known which regions there are, RequestError if none is left to visit.
    """
    at, start = clock.utc(), clock.now()
    regions = regions_to_visit(policy, request, _enabled_regions(policy, request, home_region, clock, deadline))
    log.info("run_started", extra={"policy": policy.name, "run_id": request.run_id, "regions": regions})
    visit = _Visit(policy, request, at, clock, deadline, watch)
    with ThreadPoolExecutor(len(regions), thread_name_prefix="visit") as pool:
        results = tuple(pool.map(visit, regions))
    return Run(
        policy=policy,
        request=request,
        started_at=at,
        duration_seconds=clock.now() - start,
        results=results,
    )


def _enabled_regions(
    policy: Policy, request: Request, home_region: str, clock: Clock, deadline: float
) -> Collection[str]:
    """Ask EC2 which regions there are, unless they are named: the question itself may be denied."""
    if policy.regions or request.regions:
        return ()
    try:
        return connect(home_region, clock, deadline).enabled_regions()
    except Ec2Error as error:
        raise RunFailed(f"cannot look up the account's regions (`regions` can name them): {error}") from None


@dataclass(frozen=True, slots=True)
class _Visit:
    """Observe, plan and apply in one region."""

    policy: Policy
    request: Request
    at: datetime
    clock: Clock
    deadline: float
    watch: Watch

    def __call__(self, name: str) -> RegionResult:
        """Return what came of the region; never raise, or one region would end the others' run."""
        start = self.clock.now()
        region: Region | None = None
        made: Plan | None = None
        outcomes: tuple[Outcome, ...] = ()
        covers: tuple[VolumeCoverage, ...] = ()
        problem: Problem | None = None
        try:
            region = connect(name, self.clock, self.deadline)
            world = observe(region, self.policy, self.request.run_id)
            made = plan(world, self.policy, self.request.run_id, self.at)
            outcomes = self._apply(region, made, start)
            selected = select(self.policy, world.volumes).selected
            points = recovery_points(region, self.policy, selected, self.at)
            covers = cover(self.policy, selected, points, outcomes, self.at)
        except Ec2Error as error:
            problem = error.problem
        except Exception as error:
            log.exception("region_failed_unexpectedly", extra={"region": name})
            problem = Problem("", type(error).__name__, str(error))
        result = RegionResult(
            region=name,
            plan=made,
            outcomes=outcomes,
            covers=covers,
            problem=problem,
            dry_run=self.request.dry_run,
            denial_expected=name in self.policy.expected_denied_regions,
            duration_seconds=self.clock.now() - start,
            api_calls=region.calls if region else {},
            throttled_calls=region.throttled if region else {},
        )
        self.watch(result)
        return result

    def _apply(self, region: Region, made: Plan, observed_at: float) -> tuple[Outcome, ...]:
        if self.request.dry_run:
            return ()
        engine = Engine(region, self.policy, self.request.run_id, self.clock, self.deadline)
        return engine.carry_out(made, observed_at)
