"""The executor: carries a plan out in one region, each action once, until all is done or time is up.

An action that EC2 throttles or asks to wait for goes back into the queue. One that fails for good becomes an outcome
and stops no other.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from ebs_backup.apply.creator import Creator
from ebs_backup.apply.look import Look
from ebs_backup.apply.outcomes import Outcomes
from ebs_backup.apply.queue import Task, Work, WorkQueue
from ebs_backup.apply.recovery import GiveUp, Retry, SlowDown, after
from ebs_backup.apply.region_run import RegionRun
from ebs_backup.aws.clients import MAX_CONNECTIONS
from ebs_backup.aws.clock import Clock
from ebs_backup.aws.ec2 import Region
from ebs_backup.aws.error import Ec2Error
from ebs_backup.model.codes import Kind, meaning
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.limits import Limit
from ebs_backup.model.tags import announcing_tags
from ebs_backup.model.values import CREATING, Announce, Create, Delete, Outcome, Plan, Problem, Status, Tag
from ebs_backup.plan.announcements import Announcements, together

log = logging.getLogger(__name__)

# How many requests a connection is opened for: opening one costs as much as several requests.
REQUESTS_PER_CONNECTION = 8
# Seconds that an answer may take before requests that EC2 would take wait for a connection. At the published rates that
# makes 8 connections; there are never fewer.
SLOW_ANSWER = 0.4
FEW_CONNECTIONS = 8


class Executor:
    """Carries out one plan; the deadline is in the clock's seconds, and nothing starts after it.

    Its workers share the queue, the look and the outcomes, each of which guards what it holds. A task is in the hands
    of one worker at a time.
    """

    def __init__(self, region: Region, deployment: Deployment, run_id: str, clock: Clock, deadline: float) -> None:
        self._run = RegionRun(region, deployment, run_id, clock, deadline)
        self._queue = WorkQueue(clock, deadline, deployment.limits)
        self._outcomes = Outcomes(region.name)
        self._look = Look(self._run, self._queue)
        self._creator = Creator(self._run, self._queue, self._outcomes, self._look)

    def back_up(self, plan: Plan, observed_at: float, workers: int | None = None) -> tuple[Outcome, ...]:
        """Make and tag all of a plan's snapshots that time allows; a failed action is an outcome, no exception.

        That many workers do it at most; without a number as many as can make all the requests that EC2 takes a second.
        """
        self._creator.begin([action for action in plan.actions if isinstance(action, Create)], observed_at)
        self._do([action for action in plan.actions if isinstance(action, (Create, Tag))], workers)
        return self._outcomes.all()

    def expire(self, plan: Plan, workers: int | None = None) -> tuple[Outcome, ...]:
        """Announce and delete, after `back_up`, what a plan does; return what came of all."""
        deletes = [action for action in plan.actions if isinstance(action, Delete)]
        announces = together(action for action in plan.actions if isinstance(action, Announce))
        self._do([*announces, *self._without_those_of_failed_backups(deletes)], workers)
        return self._outcomes.all()

    def _do(self, actions: Sequence[Work], workers: int | None) -> None:
        if not actions:
            return
        self._queue.put(actions)
        requests = sum(1 + (len(a.volumes) if isinstance(a, Create) and a.is_set else 0) for a in actions)
        count = min(workers or _workers(self._run.deployment.limits), math.ceil(requests / REQUESTS_PER_CONNECTION))
        with ThreadPoolExecutor(count, thread_name_prefix=self._run.region.name) as pool:
            for worker in [pool.submit(self._work) for _ in range(count)]:
                worker.result()
        for task in self._queue.drain(*self._run.deployment.limits):
            self._outcomes.end(task.action, Status.UNFINISHED, "out of time", task.problem)

    def _without_those_of_failed_backups(self, deletes: Sequence[Delete]) -> list[Delete]:
        """Spare the snapshots of volumes that got no new one, unless only deleting can make room for new ones."""
        bad = [o for o in self._outcomes.all() if o.status in (Status.FAILED, Status.UNFINISHED)]
        failed = {o.volume_id for o in bad if not (o.problem and meaning(o.problem.code).kind is Kind.REGION_FULL)}
        for delete in deletes:
            if delete.volume_id in failed:
                self._outcomes.end(delete, Status.KEPT, "the backup of its volume failed in this run")
        return [delete for delete in deletes if delete.volume_id not in failed]

    def _work(self) -> None:
        while task := self._queue.next():
            try:
                self._attempt(task)
            except Ec2Error as error:
                self._recover(task, error)
            except Exception as error:
                log.exception("action_failed_unexpectedly")
                problem = Problem(task.operation, type(error).__name__, str(error))
                self._outcomes.end(task.action, Status.FAILED, problem=problem)
            finally:
                self._queue.done()

    def _attempt(self, task: Task) -> None:
        match task.action:
            case Create() as create:
                if given_up := self._creator.attempt(task, create):
                    self._give_up(task, given_up)
            case Tag() as tag:
                self._tag(task, [tag.snapshot_id], tag.tags, Status.TAGGED)
            case Announcements() as some:
                status = Status.ANNOUNCED if some.delete_after else Status.WITHDRAWN
                self._tag(task, some.snapshot_ids, announcing_tags(self._run.deployment, some.delete_after), status)
            case Delete() as delete:
                self._delete(task, delete)

    def _tag(self, task: Task, snapshot_ids: Sequence[str], tags: Mapping[str, str], status: Status) -> None:
        self._run.region.tag(snapshot_ids, tags)
        self._queue.accepted(task.operation)
        self._outcomes.end(task.action, status)

    def _delete(self, task: Task, delete: Delete) -> None:
        if accounts := self._run.region.shared_with(delete.snapshot_id):
            self._queue.accepted(task.operation, token_spent=False)
            self._outcomes.end(delete, Status.KEPT, f"shared with {', '.join(accounts)}")
        elif self._run.is_over:
            self._queue.again(task, 0.0, token_spent=False)
        else:
            self._run.region.delete(delete.snapshot_id)
            self._queue.accepted(task.operation)
            self._outcomes.end(delete, Status.DELETED, delete.reason)

    def _recover(self, task: Task, error: Ec2Error) -> None:
        task.problem = error.problem
        sent = error.problem.operation == task.operation  # else it was the look before it that failed
        if sent and isinstance(task.action, Create) and error.kind is not Kind.THROTTLED:
            self._look.forget(task.action)
            task.lost_at = self._run.clock.now() if error.kind is Kind.AMBIGUOUS else task.lost_at
        match after(error, task.action, task.attempt, sent=sent):
            case SlowDown():
                self._queue.throttled(task)
            case Retry(seconds, counts):
                task.attempt += counts
                self._queue.again(task, seconds, token_spent=sent)
            case GiveUp() as given_up:
                if not sent:
                    self._queue.accepted(task.operation, token_spent=False)
                self._give_up(task, given_up)

    def _give_up(self, task: Task, given_up: GiveUp) -> None:
        if given_up.region_full:
            for other in self._queue.drain(*CREATING):
                self._give_up_too(other, given_up.problem)
        if given_up.status:
            self._outcomes.end(task.action, given_up.status, given_up.reason, given_up.problem)
        self._queue.put(given_up.instead, lost_at=task.lost_at)

    def _give_up_too(self, other: Task, problem: Problem | None) -> None:
        """Fail another create that would meet with the same, unless it may have been done already: a look tells."""
        if other.lost_at is None:
            self._outcomes.end(other.action, Status.FAILED, problem=problem)
        else:
            self._queue.again(other, 0.0)


def _workers(limits: Mapping[str, Limit]) -> int:
    rate = sum(limits[operation].rate for operation in (*CREATING, "CreateTags"))
    return min(MAX_CONNECTIONS, max(FEW_CONNECTIONS, math.ceil(rate * SLOW_ANSWER)))
