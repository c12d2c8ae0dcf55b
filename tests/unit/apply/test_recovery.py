import pytest

from ebs_backup.apply.recovery import MAX_ATTEMPTS, SOON, VISIBLE, GiveUp, Retry, SlowDown, after, give_up_create
from ebs_backup.aws.error import Ec2Error
from ebs_backup.model.codes import kind_of
from ebs_backup.model.values import Action, Create, Delete, Problem, Status, Tag
from tests.unit.builders import volume

SET = Create((volume("vol-1", "i-1"), volume("vol-2", "i-1")), "", instance_id="i-1")
EITHER = Create((volume("vol-3", "i-3"),), "", instance_id="i-3")
SINGLE = Create((volume("vol-4", "i-4"),), "")
TAG = Tag("snap-1", "vol-1", {}, "")
DELETE = Delete("snap-2", "vol-1", "")

LAST = MAX_ATTEMPTS
PENDING = "PendingSnapshotLimitExceeded"
WHY = "one by one: EC2 refused the set of i-1: "


def _after(code: str, action: Action, attempt: int = 1, operation: str = "") -> SlowDown | Retry | GiveUp:
    operation = operation or action.operation
    error = Ec2Error(operation, code, "words", kind_of(code, status=400))
    return after(error, action, attempt, sent=not operation.startswith("Describe"))


@pytest.mark.parametrize("action", [SET, SINGLE, TAG, DELETE])
def test_throttled_request_slows_its_operation_down(action: Action) -> None:
    assert _after("RequestLimitExceeded", action, LAST) == SlowDown()


@pytest.mark.parametrize(
    ("code", "action", "attempt", "operation", "expected"),
    [
        ("RequestLimitExceeded", SINGLE, LAST - 1, "DescribeSnapshots", Retry(SOON, counts=False)),
        ("InternalError", SINGLE, LAST - 1, "DescribeSnapshots", Retry(SOON, counts=False)),
        ("RequestLimitExceeded", DELETE, 1, "DescribeSnapshotAttribute", Retry(SOON, counts=False)),
        ("InternalError", SINGLE, 1, "CreateSnapshot", Retry(SOON, counts=True)),
        ("InternalError", SINGLE, LAST, "CreateSnapshot", Retry(SOON, counts=True)),  # there is one look more
        ("InternalError", DELETE, 1, "DeleteSnapshot", Retry(SOON, counts=True)),
        ("InvalidSnapshot.NotFound", TAG, 3, "CreateTags", Retry(3 * VISIBLE, counts=True)),
        ("IncorrectState", SINGLE, 1, "CreateSnapshot", Retry(15.0, counts=True)),
        (PENDING, SINGLE, 1, "CreateSnapshot", Retry(30.0, counts=False)),
        (PENDING, SET, 1, "CreateSnapshots", Retry(30.0, counts=True)),
    ],
)
def test_action_is_tried_again_when_that_can_help(
    code: str, action: Action, attempt: int, operation: str, expected: Retry
) -> None:
    assert _after(code, action, attempt, operation) == expected


@pytest.mark.parametrize(
    ("code", "action", "attempt", "status", "reason"),
    [
        ("CustomerKeyHasBeenRevoked", SINGLE, 1, Status.FAILED, ""),
        ("IncorrectState", SINGLE, LAST, Status.FAILED, ""),
        ("InvalidVolume.NotFound", SINGLE, 1, Status.SKIPPED, "deleted during the run"),
        ("InternalError", TAG, LAST, Status.FAILED, ""),
        ("UnauthorizedOperation", TAG, 1, Status.FAILED, ""),
        ("InternalError", DELETE, LAST, Status.FAILED, ""),
        ("UnauthorizedOperation", DELETE, 1, Status.FAILED, ""),
        ("RequestExpired", DELETE, 1, Status.FAILED, ""),
        ("InvalidSnapshot.InUse", DELETE, 1, Status.KEPT, "EC2 refuses to delete it: InvalidSnapshot.InUse"),
    ],
)
def test_action_is_given_up_when_nothing_can_help(
    code: str, action: Action, attempt: int, status: Status, reason: str
) -> None:
    assert _after(code, action, attempt) == GiveUp(status, reason, Problem(action.operation, code, "words"))


@pytest.mark.parametrize(
    ("action", "attempt", "status"), [(DELETE, 1, Status.DELETED), (TAG, LAST, Status.SKIPPED)], ids=["delete", "tag"]
)
def test_snapshot_that_is_gone_is_no_problem(action: Action, attempt: int, status: Status) -> None:
    assert _after("InvalidSnapshot.NotFound", action, attempt) == GiveUp(status, "somebody else deleted it")


@pytest.mark.parametrize(
    "code",
    ["InvalidInstanceID.NotFound", "SnapshotLimitExceeded", "ConcurrentSnapshotLimitExceeded", "IncorrectState"],
)
def test_refused_set_goes_one_by_one(code: str) -> None:
    given_up = _after(code, SET)

    assert isinstance(given_up, GiveUp)
    assert (given_up.status, given_up.region_full) == (Status.SET_REFUSED, False)
    creates = [each for each in given_up.instead if isinstance(each, Create)]
    assert [(create.volumes, create.reason) for create in creates] == [((v,), WHY + code) for v in SET.volumes]


@pytest.mark.parametrize(("code", "full"), [("SnapshotLimitExceeded", True), ("UnsupportedOperation", False)])
def test_refused_set_of_one_goes_by_the_call_for_volumes(code: str, full: bool) -> None:
    given_up = _after(code, EITHER, operation="CreateSnapshots")

    assert isinstance(given_up, GiveUp)
    assert (given_up.status, given_up.region_full) == (None, full)
    assert [create.operations for create in given_up.instead] == [("CreateSnapshot",)]


def test_full_region_gives_up_more_than_one_volume() -> None:
    problem = Problem("CreateSnapshot", "SnapshotLimitExceeded", "words")

    assert _after("SnapshotLimitExceeded", SINGLE) == GiveUp(Status.FAILED, problem=problem, region_full=True)


def test_set_fails_when_its_look_is_denied() -> None:
    problem = Problem("DescribeSnapshots", "UnauthorizedOperation", "no")

    assert give_up_create(SET, problem) == GiveUp(Status.FAILED, problem=problem)
