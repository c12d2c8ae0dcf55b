"""A visit: the four steps in one region. Whatever goes wrong there is part of its result, and stops no other region."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from ebs_backup.apply.executor import Executor
from ebs_backup.aws.clock import Clock
from ebs_backup.aws.ec2 import Region, connect
from ebs_backup.aws.error import Ec2Error
from ebs_backup.aws.s3 import StoreError
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.request import Request
from ebs_backup.model.values import Delete, Outcome, Plan, Problem, Status, World
from ebs_backup.observe.history import observe_history
from ebs_backup.observe.recovery_points import observe_recovery_points
from ebs_backup.observe.world import observe_world
from ebs_backup.plan.coverage import measure
from ebs_backup.plan.creates import plan
from ebs_backup.plan.expiry import with_expiry
from ebs_backup.plan.selection import select
from ebs_backup.report.keys import Attempt, new_token
from ebs_backup.report.publish import record_deletions
from ebs_backup.report.region import RegionResult

log = logging.getLogger(__name__)

NOT_MEASURED = Problem("DescribeSnapshots", "", "out of time before coverage was measured")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Visits regions for a run that began at that time.

    Where another visit is sure to go on with what this one leaves unfinished (`goes_on`), this one then measures no
    coverage: with that many volumes, reading takes longer than what is left of the time. The last visit measures it.
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
        result = RegionResult(
            region=name,
            dry_run=self.request.dry_run,
            expires=self._expires,
            denial_expected=name in self.deployment.expected_denied_regions,
        )
        try:
            region = connect(name, self.clock, self.deadline)
            for reached in self._steps(region, result, start):
                result = reached
        except Ec2Error as error:
            result = replace(result, problem=error.problem)
        except Exception as error:
            log.exception("region_failed_unexpectedly", extra={"region": name})
            result = replace(result, problem=Problem("", type(error).__name__, str(error)))
        return replace(
            result,
            duration_seconds=self.clock.now() - start,
            api_calls=region.calls if region else {},
            throttled_calls=region.throttled if region else {},
        )

    @property
    def _expires(self) -> bool:
        """True if expiry takes part; a dry run shows what a scheduled run would announce and delete."""
        return self.request.expires or self.request.dry_run

    def _steps(self, region: Region, result: RegionResult, start: float) -> Iterator[RegionResult]:
        """Yield the result after each step, so that an error in the next one costs nothing of it."""
        deployment, run_id = self.deployment, self.request.run_id
        world = observe_world(region, deployment, run_id)
        made = plan(world, deployment, run_id)
        yield (result := replace(result, plan=made))
        executor = Executor(region, deployment, run_id, self.clock, self.deadline)
        if not self.request.dry_run:
            yield (result := replace(result, outcomes=executor.back_up(made, start)))
        # Backups wait for no deletion, and for none of the reading that it takes.
        if self._expires and deployment.retention.counts and not _is_unfinished(result):
            for reached in self._expire(region, executor, world, made, result):
                yield (result := reached)
        yield self._measured(region, world, result)

    def _expire(
        self, region: Region, executor: Executor, world: World, made: Plan, result: RegionResult
    ) -> Iterator[RegionResult]:
        """Delete what no rule keeps; where the history cannot be read, coverage is measured all the same."""
        try:
            history = observe_history(region, self.deployment, world)
        except Ec2Error as error:
            yield replace(result, problem=error.problem)
            return
        both = with_expiry(made, history, self.deployment, self.request.run_id, self.at)
        yield (result := replace(result, plan=both))
        if not self.request.dry_run:
            recorded, failures = self._recorded(region, both)
            yield replace(result, outcomes=(*executor.expire(recorded), *failures))

    def _recorded(self, region: Region, made: Plan) -> tuple[Plan, tuple[Outcome, ...]]:
        """Put on record what a plan deletes; where that fails, return the plan without, and what came of that."""
        try:
            record_deletions(self.deployment, Attempt(self.request.run_id, self.at, new_token()), region.name, made)
        except StoreError as error:
            problem = Problem(
                "PutObject", "StoreError", f"not deleted, since this could not be recorded first: {error}"
            )
            deletes = [action for action in made.actions if isinstance(action, Delete)]
            rest = tuple(action for action in made.actions if not isinstance(action, Delete))
            return replace(made, actions=rest), tuple(
                Outcome(Status.FAILED, a.volume_id, a.operation, a.snapshot_id, problem=problem) for a in deletes
            )
        return made, ()

    def _measured(self, region: Region, world: World, result: RegionResult) -> RegionResult:
        if self.goes_on and _is_unfinished(result):
            return replace(result, problem=NOT_MEASURED)
        selected = select(self.deployment, world.volumes).selected
        points = observe_recovery_points(region, self.deployment, selected, self.at)
        return replace(result, coverages=measure(self.deployment, selected, points, result.outcomes, self.at))


def _is_unfinished(result: RegionResult) -> bool:
    return any(outcome.status is Status.UNFINISHED for outcome in result.outcomes)
