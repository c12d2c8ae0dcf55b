"""The Lambda function: for each region, observe, plan, apply; then report.

A region that fails stops no other. The run fails once all of them are through, so that Lambda's error metric, its
retries and its failure queue do their work: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
"""

import logging
import os
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from .ec2 import CONNECT_TIMEOUT, READ_TIMEOUT, Region, connect
from .engine import Engine
from .errors import Ec2Error
from .model import Outcome, Plan, Problem
from .observe import observe
from .pacing import Clock, SystemClock
from .plan import plan
from .policy import Policy, parse_policy
from .report import RegionResult, Run, RunFailed, log_report, report, summary
from .request import Request, parse_request, regions_to_visit

log = logging.getLogger(__name__)

# Seconds before Lambda's timeout at which nothing new starts: the last call may take its time, then comes the report.
RESERVE = CONNECT_TIMEOUT + READ_TIMEOUT + 5


class Context(Protocol):
    """What the function uses of Lambda's context object."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the time left until Lambda ends the invocation."""


def lambda_handler(event: Any, context: Context) -> dict[str, Any]:
    """Make one run and return its report; raise RunFailed, at the very end, if anything was left undone."""
    clock = SystemClock()
    deadline = clock.now() + context.get_remaining_time_in_millis() / 1000 - RESERVE
    policy = parse_policy(os.environ["POLICY"])
    request = parse_request(event, context.aws_request_id, policy)
    run = _run(policy, request, clock, deadline)
    log_report(run)
    if run.failed:
        raise RunFailed(summary(run))
    return report(run)


def _run(policy: Policy, request: Request, clock: Clock, deadline: float) -> Run:
    started_at, start = datetime.now(UTC), clock.now()
    regions = regions_to_visit(policy, request, _enabled_regions(policy, request, clock))
    log.info("run_started", extra={"policy": policy.name, "run_id": request.run_id, "regions": regions})
    visit = _Visit(policy, request, clock, deadline)
    with ThreadPoolExecutor(len(regions)) as pool:
        results = list(pool.map(visit, regions))
    return Run(
        policy=policy.name,
        run_id=request.run_id,
        dry_run=request.dry_run,
        started_at=started_at.isoformat(timespec="seconds"),
        duration_seconds=clock.now() - start,
        results=results,
    )


def _enabled_regions(policy: Policy, request: Request, clock: Clock) -> Collection[str]:
    """Ask EC2 which regions there are, unless they are named: the question itself may be denied."""
    if policy.regions or request.regions:
        return ()
    try:
        return connect(os.environ["AWS_REGION"], clock).enabled_regions()
    except Ec2Error as error:
        raise RunFailed(f"cannot look up the account's regions (`regions` can name them): {error}") from None


@dataclass(frozen=True, slots=True)
class _Visit:
    """The four steps in one region, up to the report."""

    policy: Policy
    request: Request
    clock: Clock
    deadline: float

    def __call__(self, name: str) -> RegionResult:
        """Return what came of the region; never raise, or one region would end the others' run."""
        start = self.clock.now()
        made: Plan | None = None
        outcomes: tuple[Outcome, ...] = ()
        problem: Problem | None = None
        region = connect(name, self.clock)
        try:
            made = plan(observe(region, self.policy, self.request.run_id), self.policy, self.request.run_id)
            outcomes = self._apply(region, made, start)
        except Ec2Error as error:
            problem = error.problem
        except Exception as error:
            log.exception("region_failed_unexpectedly", extra={"region": name})
            problem = Problem("", type(error).__name__, str(error))
        return RegionResult(
            region=name,
            plan=made,
            outcomes=outcomes,
            problem=problem,
            denial_expected=name in self.policy.expected_denied_regions,
            duration_seconds=self.clock.now() - start,
            api_calls=region.calls,
            throttled_calls=region.throttled,
        )

    def _apply(self, region: Region, made: Plan, observed_at: float) -> tuple[Outcome, ...]:
        if self.request.dry_run:
            return ()
        engine = Engine(region, self.policy, self.request.run_id, self.clock, self.deadline)
        return engine.carry_out(made, observed_at)
