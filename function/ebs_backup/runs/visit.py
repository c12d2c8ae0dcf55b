"""A visit: the four steps in one region. Whatever goes wrong there is part of its result, and stops no other region."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ebs_backup.apply.executor import Executor
from ebs_backup.aws.clock import Clock
from ebs_backup.aws.ec2 import Region, connect
from ebs_backup.aws.error import Ec2Error
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.request import Request
from ebs_backup.model.values import Outcome, Plan, Problem, Status, World
from ebs_backup.observe.region import observe, observe_history, recovery_points
from ebs_backup.plan.coverage import VolumeCoverage, measure
from ebs_backup.plan.creates import plan
from ebs_backup.plan.expiry import with_expiry
from ebs_backup.plan.selection import select
from ebs_backup.report.region import RegionResult

log = logging.getLogger(__name__)

NOT_MEASURED = Problem("DescribeSnapshots", "", "out of time before coverage was measured")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Visits regions for a run that began at that time.

    Where another visit is sure to go on with what this one leaves unfinished (`goes_on`), this one then measures no
    coverage: with so many volumes, reading takes longer than what is left of the time, and the last visit measures it.
    """

    deployment: Deployment
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
            coverages=found.coverages,
            problem=problem,
            dry_run=self.request.dry_run,
            denial_expected=name in self.deployment.expected_denied_regions,
            duration_seconds=self.clock.now() - start,
            api_calls=region.calls if region else {},
            throttled_calls=region.throttled if region else {},
        )

    def _take_steps(self, region: Region, start: float, found: "_Found") -> Problem | None:
        """Fill in what is found, step by step; return what kept it from being all, if anything did."""
        deployment, run_id = self.deployment, self.request.run_id
        world = observe(region, deployment, run_id)
        found.plan = plan(world, deployment, run_id)
        engine = Executor(region, deployment, run_id, self.clock, self.deadline)
        if not self.request.dry_run:
            found.outcomes = engine.back_up(found.plan, start)
        # Backups wait for no deletion, nor for reading what that takes.
        problem = None if found.unfinished else self._expire(region, engine, world, found)
        if self.goes_on and found.unfinished:
            return NOT_MEASURED
        selected = select(deployment, world.volumes).selected
        points = recovery_points(region, deployment, selected, self.at)
        found.coverages = measure(deployment, selected, points, found.outcomes, self.at)
        return problem

    def _expire(self, region: Region, engine: Executor, world: World, found: "_Found") -> Problem | None:
        """Delete what no rule keeps; return why nothing is known of it, if so."""
        if not self.deployment.retention.counts or not found.plan:
            return None
        try:
            history = observe_history(region, self.deployment, world)
        except Ec2Error as error:
            return error.problem
        found.plan = with_expiry(found.plan, history, self.deployment, self.request.run_id, self.at)
        if not self.request.dry_run:
            found.outcomes = engine.expire(found.plan)
        return None


@dataclass(slots=True)
class _Found:
    """What a visit has come to so far, whatever ends it."""

    plan: Plan | None = None
    outcomes: Sequence[Outcome] = ()
    coverages: Sequence[VolumeCoverage] = ()

    @property
    def unfinished(self) -> bool:
        """Whether time ran out over the work."""
        return any(outcome.status is Status.UNFINISHED for outcome in self.outcomes)
