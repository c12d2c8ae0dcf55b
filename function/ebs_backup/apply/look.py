"""The look that goes before a create: it tells which of its volumes have a snapshot of this run.

Exactly once, with no client token to lean on: a snapshot is created only if a look at EC2 at most `LOOK_AGE` seconds
ago showed none of this run. That look saw whatever another invocation of the same run had started by then. EC2 protects
what was started since: it refuses a second snapshot of a volume within 15 seconds. After that refusal, and after an
answer that was lost on its way, the next attempt looks again. The five seconds in between are for what EC2 may lag
behind in its answers and what a request may take to arrive; a request that takes longer is beyond what can be known.
"""

import itertools
import math
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ebs_backup.apply.queue import WorkQueue
from ebs_backup.apply.region_run import RegionRun
from ebs_backup.aws.ec2 import MAX_FILTER_VALUES
from ebs_backup.model.tags import ownership_tag, run_tag, tag_key
from ebs_backup.model.values import Create, Snapshot, Volume
from ebs_backup.plan.creates import snapshots_of_run

# Seconds; EC2's 15 less what describe calls, which are eventually consistent, may lag behind.
LOOK_AGE = 10.0
# How many creates to come a look takes in at least.
FEW_AHEAD = 8


@dataclass(frozen=True, slots=True)
class Sight:
    """The knowledge of a create: its snapshots of this run, its volumes without one, and when EC2 was asked."""

    there: tuple[Snapshot, ...]
    missing: tuple[Volume, ...]
    looked_at: float

    def is_stale(self, now: float) -> bool:
        """Tell whether another invocation may have started a snapshot since, against which EC2 protects no more."""
        return self.looked_at <= now - LOOK_AGE


class Look:
    """Answers for any number of threads what there is of a create; one call answers for as many creates as it can.

    `_looking` is held during a look, so that one is under way at a time and those who wait for it share its answer.
    `_lock` guards all that is known, and is held for moments, never during a call.
    """

    def __init__(self, run: RegionRun, queue: WorkQueue) -> None:
        self._run = run
        self._queue = queue
        self._looking = threading.Lock()
        self._lock = threading.Lock()
        self._looked_at: dict[str, float] = {}  # by volume
        self._found: dict[str, Snapshot] = {}  # by volume
        self._attached: dict[str, set[str]] = {}  # volumes by instance
        self._in_hand: dict[int, Create] = {}  # by thread
        self._created_since = 0

    def begin(self, volumes: Iterable[Volume], observed_at: float) -> None:
        """Take the observation that a plan was made by for the first look at its volumes."""
        with self._lock:
            self._looked_at.update((volume.id, observed_at) for volume in volumes)

    @contextmanager
    def before(self, create: Create) -> Iterator[Sight]:
        """Look, unless the last look at a create is fresh or no time is left; raise Ec2Error if EC2 does not say.

        Until the block ends, other threads' looks take this create in.
        """
        thread = threading.get_ident()
        with self._lock:
            self._in_hand[thread] = create
        try:
            if self._is_stale(create):
                with self._looking:
                    # Still, after whoever looked before?
                    if self._is_stale(create) and not self._run.is_over:
                        self._look([create, *self._others(create)])
            yield self._sight(create)
        finally:
            with self._lock:
                del self._in_hand[thread]

    def created(self) -> None:
        """Learn that a create went through: the more do between two looks, the more the next one takes in."""
        with self._lock:
            self._created_since += 1

    def forget(self, create: Create) -> None:
        """Let the next attempt at a create look again, however fresh the last look is."""
        with self._lock:
            self._looked_at.update(dict.fromkeys((volume.id for volume in create.volumes), float("-inf")))

    def without_newcomers(self, create: Create) -> Create:
        """Exclude what is attached to a create's instance by now and no part of it; EC2 refuses anything else."""
        with self._lock:
            attached = self._attached.get(create.instance_id or "")
        if attached is None:
            return create
        others = attached - {volume.id for volume in create.volumes} - {create.boot_volume_id}
        return replace(create, exclude_data_volume_ids=tuple(sorted(others)))

    def snapshots_of_instance(self, instance_id: str) -> tuple[Snapshot, ...]:
        """Return what this run's creates made of an instance, planned or not; raise Ec2Error."""
        key = tag_key(self._run.deployment, "InstanceId")
        return self._run.region.snapshots(self._of_this_run() | {f"tag:{key}": [instance_id]})[1]

    def _sight(self, create: Create) -> Sight:
        with self._lock:
            return Sight(
                there=tuple(self._found[volume.id] for volume in create.volumes if volume.id in self._found),
                missing=tuple(volume for volume in create.volumes if volume.id not in self._found),
                looked_at=min(self._looked_at[volume.id] for volume in create.volumes),
            )

    def _is_stale(self, create: Create) -> bool:
        return self._sight(create).is_stale(self._run.clock.now())

    def _others(self, create: Create) -> list[Create]:
        """Return what a look takes in beside a create: all that is in any thread's hands, and some of what comes next.

        As many as are likely to go while the look is fresh: at most what EC2 lets through, and about twice as many as
        went since the last one.
        """
        limits = self._run.deployment.limits
        most = math.ceil(sum(limits[operation].rate for operation in create.operations) * LOOK_AGE)
        with self._lock:
            count = min(most, max(FEW_AHEAD, 2 * self._created_since))
            self._created_since = 0
            in_hand = tuple(self._in_hand.values())
        ahead = [action for action in self._queue.coming(create.operation, count) if isinstance(action, Create)]
        return [other for other in (*in_hand, *ahead) if other is not create and self._is_stale(other)]

    def _look(self, creates: Sequence[Create]) -> None:
        sizes = itertools.accumulate(len(create.volumes) for create in creates)
        creates = [create for create, size in zip(creates, sizes, strict=True) if size <= MAX_FILTER_VALUES]
        attached = self._attached_to({create.instance_id for create in creates if create.instance_id})
        ids = list(dict.fromkeys(volume.id for create in creates for volume in create.volumes))
        asked_at, snapshots = self._run.region.snapshots(self._of_this_run() | {"volume-id": ids})
        with self._lock:
            self._attached.update(attached)
            self._found.update(snapshots_of_run(snapshots, self._run.deployment, self._run.run_id))
            self._looked_at.update(dict.fromkeys(ids, asked_at))

    def _attached_to(self, instance_ids: Collection[str]) -> dict[str, set[str]]:
        attached: dict[str, set[str]] = {instance_id: set() for instance_id in instance_ids}
        for volume in self._run.region.volumes_of(sorted(instance_ids)):
            for instance_id in attached.keys() & set(volume.instance_ids):
                attached[instance_id].add(volume.id)
        return attached

    def _of_this_run(self) -> dict[str, list[str]]:
        marks = ownership_tag(self._run.deployment), run_tag(self._run.deployment, self._run.run_id)
        return {f"tag:{key}": [value] for key, value in marks}
