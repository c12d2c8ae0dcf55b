"""The creator: makes the snapshots of a create, each once, and sees that they get the tags of their own volumes.

Leaves to a look what there is already, and to `recovery` what an error leads to.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from ebs_backup.apply.look import Look, Sight
from ebs_backup.apply.outcomes import Outcomes
from ebs_backup.apply.queue import Task, WorkQueue
from ebs_backup.apply.recovery import MAX_ATTEMPTS, GiveUp, give_up_create
from ebs_backup.apply.region_run import RegionRun
from ebs_backup.aws.error import Ec2Error
from ebs_backup.model.tags import creation_tags, description, tag_key
from ebs_backup.model.values import Create, Outcome, Snapshot, Status, Volume
from ebs_backup.plan.creates import completion, one_by_one

# Seconds from a lost answer until a look that shows no snapshot proves that there is none, and between such looks.
SETTLED = 15.0
LOOK_AGAIN = 4.0


class Step(Enum):
    """The next step of an attempt at a create that is not given up."""

    TAKE_OVER = auto()  # a snapshot of this run is there for all of the volumes, or for some
    LOOK_AGAIN = auto()  # a snapshot may yet turn up, the look took too long to prove anything, or no time is left
    CREATE = auto()  # a fresh look shows that there is none


def next_step(task: Task, create: Create, seen: Sight, now: float, deadline: float) -> Step | GiveUp:
    """Return what an attempt at a create comes to, by the look that goes before it."""
    may_turn_up = task.lost_at is not None and seen.looked_at < task.lost_at + SETTLED
    if seen.there:
        return Step.TAKE_OVER
    if may_turn_up or seen.is_stale(now) or now >= deadline:
        return Step.LOOK_AGAIN
    if task.attempt > MAX_ATTEMPTS and task.problem:
        return give_up_create(create, task.problem)
    return Step.CREATE


@dataclass(frozen=True, slots=True)
class Creator:
    """Makes one region's snapshots, for any number of threads.

    The threads share `volumes`, by id: each reads and replaces single entries, and one that misses another's entry
    reads the volume itself.
    """

    run: RegionRun
    queue: WorkQueue
    outcomes: Outcomes
    look: Look
    volumes: dict[str, Volume] = field(default_factory=dict)

    def begin(self, creates: Iterable[Create], observed_at: float) -> None:
        """Learn which creates there will be, and when their region was observed."""
        self.volumes.update({volume.id: volume for create in creates for volume in create.volumes})
        self.look.begin(self.volumes.values(), observed_at)

    def attempt(self, task: Task, create: Create) -> GiveUp | None:
        """Look, then create what is missing; return how the create is given up, if it is; raise Ec2Error."""
        with self.look.before(create) as seen:
            step = next_step(task, create, seen, self.run.clock.now(), self.run.deadline)
            match step:
                case Step.TAKE_OVER:
                    self._take_over(task, create, seen)
                case Step.LOOK_AGAIN:
                    self.look.forget(create)
                    self.queue.again(task, LOOK_AGAIN, token_spent=False)
                case GiveUp():
                    self.queue.accepted(task.operation, token_spent=False)
                    return step
                case Step.CREATE:
                    self._create(task, create)
        return None

    def _take_over(self, task: Task, create: Create, seen: Sight) -> None:
        made = self._made(task, create, seen)
        self.queue.accepted(task.operation, token_spent=False)
        self.outcomes.add(*(Outcome(Status.ALREADY_THERE, s.volume_id, create.operation, s.id) for s in seen.there))
        self._complete(made)
        rest = one_by_one(seen.missing, "one by one: another run had begun with the set")
        self.queue.put(rest, lost_at=task.lost_at)

    def _create(self, task: Task, create: Create) -> None:
        tags = creation_tags(self.run.deployment, create, self.run.region.name, self.run.run_id)
        asked = self.look.without_newcomers(create)
        snapshots = self.run.region.create(
            asked, task.operation, tags, description(self.run.deployment, create, self.run.run_id)
        )
        self.queue.accepted(task.operation)
        self.look.created()
        why = create.reason if create.instead_of_set else ""
        self.outcomes.add(
            *(
                Outcome(Status.CREATED, s.volume_id, task.operation, s.id, why, started_at=s.started_at)
                for s in snapshots
            )
        )
        self._complete(replace(snapshot, tags=tags) for snapshot in snapshots)
        made = {snapshot.volume_id for snapshot in snapshots}
        left = [volume for volume in create.volumes if volume.id not in made]
        self.queue.put(one_by_one(left, f"one by one: no longer attached to {create.instance_id}"))

    def _made(self, task: Task, create: Create, seen: Sight) -> Sequence[Snapshot]:
        """Return what a create has made: after a lost answer also what EC2 took along that was no part of it."""
        if task.lost_at is None or create.instance_id is None:
            return seen.there
        return self.look.snapshots_of_instance(create.instance_id)

    def _complete(self, snapshots: Iterable[Snapshot]) -> None:
        """Queue the tags that snapshots of this run lack: they have a set's common ones, or another volume's."""
        key = tag_key(self.run.deployment, "VolumeId")
        lacking = [s for s in snapshots if s.tags.get(key) != s.volume_id]
        if self.run.deployment.multi_volume_snapshots:  # or the role may not
            self._read_unplanned([s for s in lacking if s.volume_id not in self.volumes])
            self.queue.put(completion(self.run.deployment, s, self.volumes.get(s.volume_id)) for s in lacking)

    def _read_unplanned(self, snapshots: Sequence[Snapshot]) -> None:
        """Read the volumes that EC2 took along and that were no part of the plan; unread, they get fewer tags."""
        key = tag_key(self.run.deployment, "InstanceId")
        instance_ids = sorted({s.tags[key] for s in snapshots if key in s.tags})
        with suppress(Ec2Error):
            self.volumes.update({volume.id: volume for volume in self.run.region.volumes_of(instance_ids)})
