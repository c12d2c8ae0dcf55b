"""Runs of one deployment in one region of a simulated EC2, and what may happen to them."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

from ebs_backup.apply.executor import Executor
from ebs_backup.aws.clock import Clock as BackupClock
from ebs_backup.aws.ec2 import Region
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.values import Outcome, Plan, Status
from ebs_backup.observe.history import observe_history
from ebs_backup.observe.world import observe_world
from ebs_backup.plan.creates import plan
from ebs_backup.plan.expiry import with_expiry
from sandbox.ec2 import Request, Simulator, attach
from tests.unit.builders import REGION, RUN, deployment
from tests.unit.conftest import SimulatedTime

HOUR = 3600.0


class Runs:
    """Runs of one deployment in one region of a simulated EC2."""

    def __init__(self, ec2: Simulator, region: Region) -> None:
        self.ec2 = ec2
        self.region = region
        self.clock = SimulatedTime(ec2)

    def run(
        self, by: Deployment | None = None, run_id: str = RUN, seconds: float = HOUR, workers: int = 1
    ) -> tuple[Outcome, ...]:
        """Observe, plan, apply."""
        by = by or deployment()
        start = self.clock.now()
        world = observe_world(self.region, by, run_id)
        made = plan(world, by, run_id)
        executor = Executor(self.region, by, run_id, self.clock, start + seconds)
        outcomes = executor.back_up(made, start, workers)
        if not by.retention.counts or any(outcome.status is Status.UNFINISHED for outcome in outcomes):
            return outcomes
        history = observe_history(self.region, by, world)
        return executor.expire(with_expiry(made, history, by, run_id, self.ec2.clock.now()), workers)

    def planned(self, by: Deployment | None = None) -> Plan:
        """Observe and plan, and leave the rest to the test."""
        by = by or deployment()
        return plan(observe_world(self.region, by, RUN), by, RUN)

    def executor(self, by: Deployment | None = None) -> Executor:
        """Return an executor that has an hour from now on."""
        return Executor(self.region, by or deployment(), RUN, self.clock, self.clock.now() + HOUR)

    def snapshots(self, run_id: str = RUN) -> Counter[str]:
        """Return volume id -> number of good snapshots of a run that EC2 holds, whoever may see them yet."""
        now = self.ec2.clock.now()
        good = (s for s in self.ec2.regions[REGION].snapshots.values() if s.state(now) != "error")
        return Counter(s.volume_id for s in good if s.tags.get("ebs-backup:RunId") == run_id)

    def tags(self, volume_id: str) -> dict[str, str]:
        """Return the tags of a volume's only snapshot."""
        (snapshot,) = self.ec2.regions[REGION].snapshots_of(volume_id)
        return dict(snapshot.tags)

    def actions(self) -> Counter[str]:
        """Return how often EC2 was asked for what."""
        return Counter(call.action for call in self.ec2.calls)


def statuses(outcomes: tuple[Outcome, ...]) -> Counter[Status]:
    return Counter(outcome.status for outcome in outcomes)


def region_of(session: boto3.Session, ec2: Simulator, clock: BackupClock) -> Region:
    client = session.client("ec2", config=Config(retries={"total_max_attempts": 1}))
    attach(client, ec2)
    return Region(REGION, client, clock)


def at_call(number: int, do: Callable[[], object]) -> Callable[[Request], None]:
    """Return a hook that does something, once, at some call."""
    left = [number]

    def hook(_: Request) -> None:
        left[0] -= 1
        if left[0] == 0:
            do()

    return hook


def once(action: str, do: Callable[[Request], object]) -> Callable[[Request], None]:
    """Return a hook that does something at the first call of an action."""
    left = [1]

    def hook(request: Request) -> None:
        if request.action == action and left:
            left.clear()
            do(request)

    return hook


def by_sets(**changes: Any) -> Deployment:
    """Return a deployment with one request for CreateSnapshot, so that the rest goes by CreateSnapshots."""
    return deployment(request_rates={"CreateSnapshot": 0.001}, request_bursts={"CreateSnapshot": 1}, **changes)
