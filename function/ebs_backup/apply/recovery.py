"""Recovery from an error: the action is sent again slower, is tried again, or is given up.

A pure function of the error, the action and the attempts so far. Sources: `model.codes`.
"""

from dataclasses import dataclass, replace

from ebs_backup.aws.error import Ec2Error
from ebs_backup.model.codes import Kind, meaning
from ebs_backup.model.values import Action, Create, Delete, Problem, Status, Tag
from ebs_backup.plan.announcements import Announcements
from ebs_backup.plan.creates import one_by_one

MAX_ATTEMPTS = 5
# Seconds from an error that may be a lost answer, or from one of the look before a create, until the next attempt.
SOON = 1.0
# Seconds until a snapshot that was just created can be expected to be known to CreateTags; longer after each refusal.
VISIBLE = 2.0


@dataclass(frozen=True, slots=True)
class SlowDown:
    """EC2 did not take the request: it goes again, and all of its operation go slower."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The action is tried again after some seconds; `counts` says if the try that failed counts as an attempt."""

    seconds: float
    counts: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The action ends with a status, unless other creates take its place.

    With `region_full`, every other create that waits would meet with the same.
    """

    status: Status | None
    reason: str = ""
    problem: Problem | None = None
    instead: tuple[Create | Announcements, ...] = ()
    region_full: bool = False


def after(error: Ec2Error, action: Action | Announcements, attempt: int, *, sent: bool) -> SlowDown | Retry | GiveUp:
    """Return what an error at an attempt, counted from 1, leads to.

    An error came either in answer to the action's own request (`sent`), or before: to the look that goes first.
    """
    if sent and error.kind is Kind.THROTTLED:
        return SlowDown()
    seconds = _seconds_until_it_may_succeed(error, action, attempt)
    # After a lost answer there is always one look more: the work may have been done.
    looks_again = isinstance(action, Create) and error.kind is Kind.AMBIGUOUS
    if seconds is None or (attempt >= MAX_ATTEMPTS and not looks_again):
        if isinstance(action, Announcements) and len(action.each) > 1:  # EC2 may object to one of them only
            return GiveUp(None, problem=error.problem, instead=action.one_by_one())
        return _give_up(error, action)
    return Retry(seconds, counts=_counts(error, action, sent=sent))


def give_up_create(create: Create, problem: Problem) -> GiveUp:
    """Return how a create ends that met with a problem for good.

    The volumes of a set are tried one by one. A single volume has failed, unless the call for sets refused it: then
    the call for single volumes is left.
    """
    if problem.operation != "CreateSnapshots":
        return GiveUp(Status.FAILED, problem=problem)
    if not create.is_set:
        return GiveUp(None, problem=problem, instead=(replace(create, instance_id=None),))
    reason = f"one by one: EC2 refused the set of {create.instance_id}: {problem.code}"
    return GiveUp(Status.SET_REFUSED, problem=problem, instead=one_by_one(create.volumes, reason))


def _seconds_until_it_may_succeed(error: Ec2Error, action: Action | Announcements, attempt: int) -> float | None:
    """Return after how many seconds the same action may succeed, or None if it never will."""
    if error.kind in (Kind.AMBIGUOUS, Kind.THROTTLED):
        return SOON
    if isinstance(action, Tag) and error.kind is Kind.GONE:
        return VISIBLE * attempt
    if error.kind is Kind.WAIT and error.code != "PendingSnapshotLimitExceeded" and _is_set(action):
        return None  # one volume of the set has to wait: the others need not
    return meaning(error.code).wait_seconds


def _counts(error: Ec2Error, action: Action | Announcements, *, sent: bool) -> bool:
    """Tell whether an error counts as an attempt.

    Throttling does not, and a look that failed before anything was created does not. Snapshots that are pending
    elsewhere do not either, since they end in their own time. But a whole set may never find room among them.
    """
    only_looked = isinstance(action, Create) and not sent
    elsewhere = error.code == "PendingSnapshotLimitExceeded" and not _is_set(action)
    return error.kind is not Kind.THROTTLED and not only_looked and not elsewhere


def _give_up(error: Ec2Error, action: Action | Announcements) -> GiveUp:
    problem = error.problem
    match action:
        case Create() if error.code == "InvalidVolume.NotFound" and not action.is_set:
            return GiveUp(Status.SKIPPED, "deleted during the run", problem)
        case Create():
            full = error.kind is Kind.REGION_FULL and not action.is_set
            return replace(give_up_create(action, problem), region_full=full)
        case Delete() if error.kind is Kind.GONE:
            return GiveUp(Status.DELETED, "somebody else deleted it")
        case Tag() | Announcements() if error.kind is Kind.GONE:
            return GiveUp(Status.SKIPPED, "somebody else deleted it")
        case Delete() if error.kind is Kind.REFUSED:
            return GiveUp(Status.KEPT, f"EC2 refuses to delete it: {error.code}", problem)
    return GiveUp(Status.FAILED, problem=problem)


def _is_set(action: Action | Announcements) -> bool:
    return isinstance(action, Create) and action.is_set
