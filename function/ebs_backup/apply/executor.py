"""The engine: carries a plan out in one region, each action once, until all is done or time is up.

What EC2 throttles or asks to wait for goes back into the queue; what fails for good becomes an outcome and stops
nothing else.

Exactly once, with no client token to lean on: a snapshot is created only if a look at EC2 at most `LOOK_AGE` seconds
ago showed none of this run. Whatever another invocation of the same run had started by then was seen; whatever it
started since, EC2 protects: it refuses a second snapshot of a volume within 15 seconds. After that refusal, and after
an answer that was lost on its way, the next attempt looks again. The five seconds in between are for what EC2 may lag
behind in its answers and what a request may take to arrive; a request that takes longer is beyond what can be known.
"""

import itertools
import logging
import math
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from ebs_backup.apply.queue import Task, WorkQueue
from ebs_backup.aws.clock import Clock
from ebs_backup.aws.ec2 import MAX_CONNECTIONS, MAX_FILTER_VALUES, Region
from ebs_backup.aws.error import Ec2Error
from ebs_backup.model.codes import WAITS, Kind
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.limits import Limit, limits
from ebs_backup.model.tags import creation_tags, label, ownership_tag, run_tag, tag_key
from ebs_backup.model.values import (
    CREATING,
    Action,
    Create,
    Delete,
    Outcome,
    Plan,
    Problem,
    Snapshot,
    Status,
    Tag,
    Volume,
)
from ebs_backup.plan.creates import completion, one_by_one, snapshots_of_run

log = logging.getLogger(__name__)

# How many creates to come a look covers at least.
FEW_AHEAD = 8
# Seconds; EC2's 15 less what describe calls, which are eventually consistent, may lag behind.
LOOK_AGE = 10.0
# How many requests a connection is opened for: opening one costs as much as several requests.
REQUESTS_PER_CONNECTION = 8
# Seconds that an answer may take before requests that EC2 would take wait for a connection. At the published rates that
# makes 8 connections; there are never fewer.
SLOW_ANSWER = 0.4
FEW_CONNECTIONS = 8
# Seconds from a lost answer until a look that shows no snapshot proves that there is none, and between such looks.
SETTLED = 15.0
FIRST_LOOK = 1.0
LOOK_AGAIN = 4.0
# Seconds until a snapshot that was just created can be expected to be known to CreateTags; longer after each refusal.
VISIBLE = 2.0
MAX_ATTEMPTS = 5

_EVENTS = {
    Status.CREATED: (logging.INFO, "snapshot_create_started"),
    Status.ALREADY_THERE: (logging.INFO, "snapshot_found"),
    Status.TAGGED: (logging.DEBUG, "snapshot_tagged"),
    Status.DELETED: (logging.INFO, "snapshot_deleted"),
    Status.KEPT: (logging.INFO, "snapshot_kept"),
    Status.SKIPPED: (logging.INFO, "volume_skipped"),
    Status.SET_REFUSED: (logging.WARNING, "set_refused"),
    Status.FAILED: (logging.ERROR, "action_failed"),
    Status.UNFINISHED: (logging.WARNING, "action_unfinished"),
}


class Executor:
    """Carries out one plan; the deadline is in the clock's seconds, and nothing starts after it."""

    def __init__(self, region: Region, deployment: Deployment, run_id: str, clock: Clock, deadline: float) -> None:
        self._region = region
        self._policy = deployment
        self._run_id = run_id
        self._clock = clock
        self._deadline = deadline
        self._limits = limits(deployment.request_bursts, deployment.request_rates)
        self._queue = WorkQueue(clock, deadline, self._limits)
        self._outcomes: list[Outcome] = []
        self._volumes: dict[str, Volume] = {}
        self._looked_at: dict[str, float] = {}
        self._found: dict[str, Snapshot] = {}
        self._attached: dict[str, set[str]] = {}
        self._looking = threading.Lock()
        self._in_hand: dict[int, Create] = {}
        self._created_since_look = 0

    def back_up(self, plan: Plan, observed_at: float, workers: int | None = None) -> tuple[Outcome, ...]:
        """Make and tag all of a plan's snapshots that time allows; a failed action is an outcome, no exception.

        By so many workers at most; without a number by as many as can make all the requests that EC2 takes a second.
        """
        creates = [action for action in plan.actions if isinstance(action, Create)]
        self._volumes = {volume.id: volume for create in creates for volume in create.volumes}
        self._looked_at = dict.fromkeys(self._volumes, observed_at)
        self._do([action for action in plan.actions if not isinstance(action, Delete)], workers)
        return tuple(self._outcomes)

    def expire(self, plan: Plan, workers: int | None = None) -> tuple[Outcome, ...]:
        """Delete, after `back_up`, what a plan deletes; return what came of both."""
        deletes = [action for action in plan.actions if isinstance(action, Delete)]
        self._do(self._without_those_of_failed_backups(deletes), workers)
        return tuple(self._outcomes)

    def _do(self, actions: Sequence[Action], workers: int | None) -> None:
        if not actions:
            return
        self._queue.put(actions)
        requests = sum(1 + (len(a.volumes) if isinstance(a, Create) and a.is_set else 0) for a in actions)
        count = min(workers or _workers(self._limits), math.ceil(requests / REQUESTS_PER_CONNECTION))
        with ThreadPoolExecutor(count, thread_name_prefix=self._region.name) as pool:
            for worker in [pool.submit(self._work) for _ in range(count)]:
                worker.result()
        for task in self._queue.drain(*self._limits):
            self._finish(task.action, Status.UNFINISHED, "out of time", task.problem)

    def _without_those_of_failed_backups(self, deletes: Sequence[Delete]) -> list[Delete]:
        """Spare the snapshots of volumes that got no new one, unless only deleting can make room for new ones."""
        bad = [o for o in self._outcomes if o.status in (Status.FAILED, Status.UNFINISHED)]
        failed = {o.volume_id for o in bad if not (o.problem and o.problem.code == "SnapshotLimitExceeded")}
        for delete in deletes:
            if delete.volume_id in failed:
                self._finish(delete, Status.KEPT, "the backup of its volume failed in this run")
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
                self._finish(task.action, Status.FAILED, problem=problem)
            finally:
                self._queue.done()

    def _attempt(self, task: Task) -> None:
        action = task.action
        if isinstance(action, Create):
            self._in_hand[task.sequence] = action
            try:
                self._attempt_create(task, action)
            finally:
                self._in_hand.pop(task.sequence, None)  # who has taken it again since may be through already
        elif isinstance(action, Tag):
            self._region.tag(action.snapshot_id, action.tags)
            self._queue.accepted(action.operation)
            self._finish(action, Status.TAGGED)
        else:
            self._attempt_delete(task, action)

    def _attempt_delete(self, task: Task, delete: Delete) -> None:
        if accounts := self._region.shared_with(delete.snapshot_id):
            self._queue.accepted(delete.operation, token_spent=False)
            self._finish(delete, Status.KEPT, f"shared with {', '.join(accounts)}")
        elif self._clock.now() >= self._deadline:
            self._queue.again(task, 0.0, token_spent=False)
        else:
            self._region.delete(delete.snapshot_id)
            self._queue.accepted(delete.operation)
            self._finish(delete, Status.DELETED, delete.reason)

    def _attempt_create(self, task: Task, create: Create) -> None:
        """Create what is still missing, unless it may yet turn up or time has run out over looking."""
        missing = self._without_snapshot(create)
        now = self._clock.now()
        looked_at = min(self._looked_at[volume.id] for volume in create.volumes)
        unsettled = task.lost_at is not None and looked_at < task.lost_at + SETTLED
        if len(missing) < len(create.volumes):
            there = [self._found[volume.id] for volume in create.volumes if volume not in missing]
            made = self._made_unseen(task, create, there)
            self._queue.accepted(task.operation, token_spent=False)
            self._record(*(Outcome(Status.ALREADY_THERE, s.volume_id, create.operation, s.id) for s in there))
            self._complete(made)
            apart = one_by_one(missing, "one by one: another run had begun with the set")
            self._queue.put(apart, lost_at=task.lost_at)
        elif unsettled or self._is_stale(create) or now >= self._deadline:
            self._forget(create)
            self._queue.again(task, LOOK_AGAIN, token_spent=False)
        elif task.attempt > MAX_ATTEMPTS and task.problem:
            self._queue.accepted(task.operation, token_spent=False)
            self._let_go(task, task.problem)
        else:
            self._create(task, create)

    def _create(self, task: Task, create: Create) -> None:
        tags = creation_tags(self._policy, create, self._region.name, self._run_id)
        asked = self._without_newcomers(create)
        snapshots = self._region.create(asked, task.operation, tags, label(create, self._run_id))
        self._queue.accepted(task.operation)
        self._created_since_look += 1
        why = create.reason if create.instead_of_set else ""
        self._record(*(Outcome(Status.CREATED, s.volume_id, task.operation, s.id, why) for s in snapshots))
        self._complete(replace(snapshot, tags=tags) for snapshot in snapshots)
        made = {snapshot.volume_id for snapshot in snapshots}
        left = [volume for volume in create.volumes if volume.id not in made]
        self._queue.put(one_by_one(left, f"one by one: no longer attached to {create.instance_id}"))

    def _complete(self, snapshots: Iterable[Snapshot]) -> None:
        """Queue the tags that snapshots of this run lack: they have a set's common ones, or another volume's."""
        key = tag_key(self._policy, "VolumeId")
        lacking = [s for s in snapshots if s.tags.get(key) != s.volume_id]
        if self._policy.multi_volume_snapshots:  # or the role may not
            self._meet_strangers([s for s in lacking if s.volume_id not in self._volumes])
            self._queue.put(completion(self._policy, s, self._volumes.get(s.volume_id)) for s in lacking)

    def _meet_strangers(self, snapshots: Sequence[Snapshot]) -> None:
        """Read what volumes EC2 took along that were no part of the plan; unread, they get fewer tags."""
        key = tag_key(self._policy, "InstanceId")
        instance_ids = sorted({s.tags[key] for s in snapshots if key in s.tags})
        with suppress(Ec2Error):
            self._volumes.update({volume.id: volume for volume in self._region.volumes_of(instance_ids)})

    def _made_unseen(self, task: Task, create: Create, found: list[Snapshot]) -> list[Snapshot]:
        """Return what a create has made whose answer was lost: what was found, and what else EC2 took along."""
        if task.lost_at is None or create.instance_id is None:
            return found
        key = tag_key(self._policy, "InstanceId")
        return list(self._region.snapshots(self._of_this_run() | {f"tag:{key}": [create.instance_id]}))

    def _without_newcomers(self, create: Create) -> Create:
        """Exclude what is attached to a create's instance by now and no part of it; EC2 refuses anything else."""
        if create.instance_id not in self._attached:
            return create
        others = self._attached[create.instance_id] - {volume.id for volume in create.volumes} - {create.boot_volume_id}
        return replace(create, exclude_data_volume_ids=tuple(sorted(others)))

    # --- looking before creating ---

    def _without_snapshot(self, create: Create) -> list[Volume]:
        """Return the volumes of a create that have no snapshot of this run, by a look that is fresh if time allows it.

        The look covers all that is in any worker's hands, or one would look after the other, and as many more as are
        likely to go while it is fresh: not more than EC2 lets through, nor many more than went since the last one.
        """
        if self._is_stale(create):
            with self._looking:
                # Still, after whoever looked before?
                if self._is_stale(create) and self._clock.now() < self._deadline:
                    most = math.ceil(sum(self._limits[o].rate for o in create.operations) * LOOK_AGE)
                    count = min(most, max(FEW_AHEAD, 2 * self._created_since_look))
                    self._created_since_look = 0
                    ahead = [a for a in self._queue.coming(create.operation, count) if isinstance(a, Create)]
                    others = [a for a in (*self._in_hand.values(), *ahead) if a is not create and self._is_stale(a)]
                    self._look([create, *others])
        return [volume for volume in create.volumes if volume.id not in self._found]

    def _is_stale(self, create: Create) -> bool:
        return any(self._looked_at[volume.id] <= self._clock.now() - LOOK_AGE for volume in create.volumes)

    def _look(self, creates: Sequence[Create]) -> None:
        """Look for snapshots of this run, and for what is attached by now: for as many creates as one call takes."""
        sizes = itertools.accumulate(len(create.volumes) for create in creates)
        creates = [create for create, size in zip(creates, sizes, strict=True) if size <= MAX_FILTER_VALUES]
        self._meet_newcomers({create.instance_id for create in creates if create.instance_id})
        ids = list(dict.fromkeys(volume.id for create in creates for volume in create.volumes))
        asked_at, snapshots = self._region.snapshots_since(self._of_this_run() | {"volume-id": ids})
        self._found.update(snapshots_of_run(snapshots, self._policy, self._run_id))
        self._looked_at.update(dict.fromkeys(ids, asked_at))

    def _meet_newcomers(self, instance_ids: Collection[str]) -> None:
        attached: dict[str, set[str]] = {instance_id: set() for instance_id in instance_ids}
        for volume in self._region.volumes_of(sorted(instance_ids)):
            for instance_id in attached.keys() & set(volume.instance_ids):
                attached[instance_id].add(volume.id)
        self._attached.update(attached)

    def _of_this_run(self) -> dict[str, list[str]]:
        marks = ownership_tag(self._policy), run_tag(self._policy, self._run_id)
        return {f"tag:{key}": [value] for key, value in marks}

    def _forget(self, create: Create) -> None:
        self._looked_at.update(dict.fromkeys((volume.id for volume in create.volumes), float("-inf")))

    # --- what to do about errors ---

    def _recover(self, task: Task, error: Ec2Error) -> None:
        """Try again where that can help, as EC2 asks; else let the action go."""
        task.problem = error.problem
        sent = error.problem.operation == task.operation  # else it was the look before it that failed
        if sent and error.kind is Kind.THROTTLED:
            self._queue.throttled(task)
            return
        if sent and isinstance(task.action, Create):
            self._forget(task.action)
            task.lost_at = self._clock.now() if error.kind is Kind.AMBIGUOUS else task.lost_at
        delay = self._delay(task, error)
        # After a lost answer there is always one look more: the work may have been done.
        looks = isinstance(task.action, Create) and error.kind is Kind.AMBIGUOUS
        if delay is None or (task.attempt >= MAX_ATTEMPTS and not looks):
            if not sent:
                self._queue.accepted(task.operation, token_spent=False)
            self._give_up(task, error)
        else:
            task.attempt += self._counts(task.action, error, sent=sent)
            self._queue.again(task, delay, token_spent=sent)

    def _counts(self, action: Action, error: Ec2Error, *, sent: bool) -> bool:
        """Tell whether an error counts as an attempt.

        Throttling does not, nor a look that failed before anything was created, and neither do snapshots that are
        pending elsewhere: they end in their own time. But a whole set may never find room among them.
        """
        only_looked = isinstance(action, Create) and not sent
        elsewhere = error.code == "PendingSnapshotLimitExceeded" and not _is_set(action)
        return error.kind is not Kind.THROTTLED and not only_looked and not elsewhere

    def _delay(self, task: Task, error: Ec2Error) -> float | None:
        """Return the seconds after which the same action may succeed, or None if it never will."""
        action = task.action
        if error.kind in (Kind.AMBIGUOUS, Kind.THROTTLED):
            return FIRST_LOOK
        if isinstance(action, Tag) and error.kind is Kind.GONE:
            return VISIBLE * task.attempt
        if error.kind is Kind.WAIT and error.code != "PendingSnapshotLimitExceeded" and _is_set(action):
            return None  # one volume of the set has to wait: the others need not
        return WAITS.get(error.code)

    def _give_up(self, task: Task, error: Ec2Error) -> None:
        action, problem = task.action, error.problem
        if isinstance(action, Create):
            if error.kind is Kind.REGION_FULL and not _is_set(action):
                for other in self._queue.drain(*CREATING):
                    self._give_up_too(other, problem)
            if error.code == "InvalidVolume.NotFound" and not _is_set(action):
                self._finish(action, Status.SKIPPED, "deleted during the run", problem)
            else:
                self._let_go(task, problem)
        elif error.kind is Kind.GONE:
            gone = isinstance(action, Delete)
            self._finish(action, Status.DELETED if gone else Status.SKIPPED, "somebody else deleted it")
        elif isinstance(action, Delete) and error.kind is Kind.REFUSED:
            self._finish(action, Status.KEPT, f"EC2 refuses to delete it: {error.code}", problem)
        else:
            self._finish(action, Status.FAILED, problem=problem)

    def _give_up_too(self, other: Task, problem: Problem) -> None:
        """Let another create go that would meet with the same, unless it may have been done already: that shows."""
        if other.lost_at is None:
            self._finish(other.action, Status.FAILED, problem=problem)
        else:
            self._queue.again(other, 0.0)

    def _let_go(self, task: Task, problem: Problem) -> None:
        """Let a create go: a set's volumes are tried one by one, a single one has failed unless it can go otherwise."""
        create = task.action
        if isinstance(create, Create) and problem.operation == "CreateSnapshots":
            if create.is_set:
                self._finish(create, Status.SET_REFUSED, problem=problem)
                reason = f"one by one: EC2 refused the set of {create.instance_id}: {problem.code}"
                self._queue.put(one_by_one(create.volumes, reason), lost_at=task.lost_at)
            else:
                self._queue.put([replace(create, instance_id=None)], lost_at=task.lost_at)
        else:
            self._finish(create, Status.FAILED, problem=problem)

    # --- outcomes ---

    def _finish(self, action: Action, status: Status, reason: str = "", problem: Problem | None = None) -> None:
        if isinstance(action, Create):
            self._record(*(Outcome(status, v.id, action.operation, None, reason, problem) for v in action.volumes))
        else:
            self._record(Outcome(status, action.volume_id, action.operation, action.snapshot_id, reason, problem))

    def _record(self, *outcomes: Outcome) -> None:
        for outcome in outcomes:
            self._outcomes.append(outcome)
            level, event = _EVENTS[outcome.status]
            log.log(level, event, extra=_log_fields(self._region.name, outcome))


def _workers(limits: Mapping[str, Limit]) -> int:
    """Return how many workers can make all the requests that EC2 takes a second, one a connection."""
    rate = sum(limits[operation].rate for operation in (*CREATING, "CreateTags"))
    return min(MAX_CONNECTIONS, max(FEW_CONNECTIONS, math.ceil(rate * SLOW_ANSWER)))


def _is_set(action: Action) -> bool:
    return isinstance(action, Create) and action.is_set


def _log_fields(region: str, outcome: Outcome) -> dict[str, str]:
    fields = {"region": region, "volume_id": outcome.volume_id, "operation": outcome.operation}
    if outcome.snapshot_id:
        fields["snapshot_id"] = outcome.snapshot_id
    if outcome.reason:
        fields["reason"] = outcome.reason
    if outcome.problem:
        fields |= {"error_code": outcome.problem.code, "error_message": outcome.problem.message}
    return fields
