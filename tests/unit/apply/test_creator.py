"""The creator against a strict EC2: sets, lost answers, other invocations, and being killed at any point."""

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebs_backup.apply.creator import SETTLED, Step, next_step
from ebs_backup.apply.executor import Executor
from ebs_backup.apply.look import LOOK_AGE, Sight
from ebs_backup.apply.queue import Task
from ebs_backup.apply.recovery import MAX_ATTEMPTS, give_up_create
from ebs_backup.aws.clock import Clock as BackupClock
from ebs_backup.aws.error import Ec2Error
from ebs_backup.model.values import Create, Problem, Status
from ebs_backup.observe.world import observe_world
from ebs_backup.plan.creates import plan
from sandbox.ec2 import AnswerLost, Attachment, Clock, Fault, Request, Simulator, Volume
from sandbox.ec2 import Ec2Error as Ec2Refusal
from tests.unit.apply.runs import HOUR, Runs, at_call, by_sets, once, region_of, statuses
from tests.unit.builders import REGION, RUN, deployment, snapshot, volume
from tests.unit.conftest import SimulatedTime
from tests.unit.estates import add_instance, add_volumes, detached

VOLUMES = volume("vol-1", "i-1"), volume("vol-2", "i-1")
SET = Create(VOLUMES, "", instance_id="i-1")
NOW = 1000.0
FRESH = NOW - LOOK_AGE / 2
NOTHING, PART = Sight((), VOLUMES, FRESH), Sight((snapshot("snap-1", "vol-1"),), VOLUMES[1:], FRESH)
TROUBLE = Problem("CreateSnapshots", "InternalError", "words")


@pytest.mark.parametrize(
    ("seen", "changes", "deadline", "step"),
    [
        (NOTHING, {}, HOUR, Step.CREATE),
        (PART, {"lost_at": FRESH}, NOW, Step.TAKE_OVER),  # however late it is
        (replace(NOTHING, looked_at=NOW - LOOK_AGE), {}, HOUR, Step.LOOK_AGAIN),
        (NOTHING, {}, NOW, Step.LOOK_AGAIN),
        (NOTHING, {"lost_at": FRESH - SETTLED + 1}, HOUR, Step.LOOK_AGAIN),
        (NOTHING, {"lost_at": FRESH - SETTLED}, HOUR, Step.CREATE),
        (NOTHING, {"attempt": MAX_ATTEMPTS, "problem": TROUBLE}, HOUR, Step.CREATE),
        (NOTHING, {"attempt": MAX_ATTEMPTS + 1, "problem": TROUBLE}, HOUR, give_up_create(SET, TROUBLE)),
    ],
)
def test_attempt_ends_by_what_the_look_shows(
    seen: Sight, changes: dict[str, Any], deadline: float, step: object
) -> None:
    assert next_step(replace(Task(0.0, 1, SET), **changes), SET, seen, NOW, deadline) == step


def test_lone_volume_has_all_its_tags_whichever_call_made_it(runs: Runs) -> None:
    add_volumes(runs.ec2, 3)

    outcomes = runs.run(by_sets())

    assert runs.actions()["CreateSnapshots"] == 2
    assert runs.actions()["CreateTags"] == 0
    assert Counter(o.operation for o in outcomes) == {"CreateSnapshot": 1, "CreateSnapshots": 2}
    words = ("VolumeId", "Device", "InstanceId")
    tags = [[runs.tags(f"vol-000{n}")[f"ebs-backup:{word}"] for word in words] for n in range(3)]
    assert tags == [[f"vol-000{n}", "/dev/xvda", f"i-{REGION}-000{n}"] for n in range(3)]


def _attach_late(runs: Runs, volume_id: str = "vol-late") -> Callable[[Request], None]:
    """Return a hook that attaches a volume to the instance of the next set, at the last moment."""
    late = Volume(volume_id, f"{REGION}a", tags={"Name": "late", "Team": "b"}, type="gp2", size=77)

    def hook(request: Request) -> None:
        region = runs.ec2.regions[REGION]
        if request.action == "CreateSnapshots" and volume_id not in region.volumes:
            instance_id = request.parameters["InstanceSpecification"]["InstanceId"]
            region.add(replace(late, attachments=(Attachment(instance_id, "/dev/sdf"),)))

    return hook


def _of_a_team(runs: Runs) -> None:
    for each in list(runs.ec2.regions[REGION].volumes.values()):
        runs.ec2.regions[REGION].add(replace(each, type="gp3", iops=9000, tags={"Team": "a", "Tier": "1"}))


@pytest.mark.parametrize("lost", [None, "error", "reset"])
def test_volume_attached_late_gets_its_own_tags(runs: Runs, lost: Any) -> None:
    add_volumes(runs.ec2, 2)
    _of_a_team(runs)
    runs.ec2.hooks.append(_attach_late(runs))
    if lost:
        runs.ec2.inject(Fault("CreateSnapshots", lost=lost))

    runs.run(by_sets())

    tags = runs.tags("vol-late")
    own = {word: tags.get(f"ebs-backup:{word}") for word in ("VolumeId", "Device", "VolumeType", "Size", "Iops")}
    assert own == {"VolumeId": "vol-late", "Device": "/dev/sdf", "VolumeType": "gp2", "Size": "77", "Iops": ""}
    assert (tags["Team"], tags["Tier"]) == ("b", "")
    assert set(runs.snapshots()) == {"vol-0000", "vol-0001", "vol-late"}


def test_volume_attached_late_gets_empty_tags_when_unreadable(runs: Runs) -> None:
    add_volumes(runs.ec2, 2)
    _of_a_team(runs)
    attach_late = _attach_late(runs)

    def attach_and_hide(request: Request) -> None:
        attach_late(request)
        if "vol-late" in runs.ec2.regions[REGION].volumes and request.action == "DescribeVolumes":
            raise Ec2Refusal("UnauthorizedOperation", "no more")

    runs.ec2.hooks.append(attach_and_hide)
    runs.run(by_sets())

    tags = runs.tags("vol-late")
    assert (tags["ebs-backup:VolumeId"], tags["ebs-backup:Size"]) == ("vol-late", "77")
    assert (tags["ebs-backup:Device"], tags["Team"]) == ("", "")


def test_volume_goes_by_either_call_when_its_set_excludes_others(runs: Runs) -> None:
    for n in range(6):
        add_instance(
            runs.ec2, f"i-{n}", f"vol-{n}-root", f"vol-{n}", f"vol-{n}-x", skipped=(f"vol-{n}-root", f"vol-{n}-x")
        )

    runs.run(by_sets())

    assert runs.actions()["CreateSnapshots"] > 0
    assert set(runs.snapshots()) == {f"vol-{n}" for n in range(6)}


def test_full_region_fails_the_rest_for_sets_of_one_too(runs: Runs) -> None:
    add_volumes(runs.ec2, 50)
    runs.ec2.quotas = replace(runs.ec2.quotas, snapshots=20)

    assert statuses(runs.run(by_sets())) == {Status.CREATED: 20, Status.FAILED: 30}


def test_set_is_one_call_and_each_snapshot_gets_its_volumes_tags(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2", "vol-3")

    outcomes = runs.run()

    assert runs.actions()["CreateSnapshots"] == 1
    assert statuses(outcomes) == {Status.CREATED: 3, Status.TAGGED: 3}
    assert runs.tags("vol-2")["ebs-backup:VolumeId"] == "vol-2"
    assert runs.tags("vol-2")["ebs-backup:Device"] == "/dev/xvdb"
    assert runs.tags("vol-2")["Name"] == "vol-2 of i-1 vol-2 /dev/xvdb of i-1 at 2026-11-23T03:00:00Z"


def test_volume_detached_before_its_set_goes_by_itself(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2", "vol-3")
    runs.ec2.hooks.append(once("CreateSnapshots", lambda _: runs.ec2.regions[REGION].add(detached("vol-3"))))

    runs.run()

    assert runs.snapshots() == Counter(["vol-1", "vol-2", "vol-3"])


@pytest.mark.parametrize("lost", ["error", "reset"])
@pytest.mark.parametrize("visible_after", [0.0, 6.0])
def test_lost_answer_makes_no_duplicate(runs: Runs, lost: str, visible_after: float) -> None:
    add_volumes(runs.ec2, 3)
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2")
    runs.ec2.visible_after_seconds = visible_after
    for action in ("CreateSnapshot", "CreateSnapshots"):
        runs.ec2.inject(Fault(action, lost=lost, times=1))  # type: ignore[arg-type]

    outcomes = runs.run()

    assert runs.snapshots() == Counter(["vol-0000", "vol-0001", "vol-0002", "vol-1", "vol-2"])
    assert statuses(outcomes) == {Status.CREATED: 2, Status.ALREADY_THERE: 3, Status.TAGGED: 2}
    assert all(runs.tags(volume_id)["ebs-backup:VolumeId"] == volume_id for volume_id in runs.snapshots())


def test_snapshot_behind_a_lost_answer_is_found_at_once(runs: Runs) -> None:
    add_volumes(runs.ec2, 1)
    runs.ec2.inject(Fault("CreateSnapshot", lost="reset"))
    start = runs.clock.now()

    runs.run()

    assert runs.clock.now() - start < 2


@pytest.mark.parametrize("late", [1.0, 8.0, 14.0])
def test_snapshot_made_after_a_lost_answer_is_no_duplicate(runs: Runs, late: float) -> None:
    add_volumes(runs.ec2, 2)
    waiting: list[tuple[float, Request]] = []

    def work_late(request: Request) -> None:
        if request.action == "CreateSnapshot" and not waiting:
            waiting.append((runs.clock.now() + late, request))
            raise AnswerLost
        due, first = waiting[-1] if waiting else (0.0, None)
        if first and runs.clock.now() >= due:
            waiting.append((0.0, None))  # type: ignore[arg-type]
            runs.ec2.call(first.action, first.parameters, region=REGION)

    runs.ec2.hooks.append(work_late)
    runs.run()

    assert runs.snapshots() == {"vol-0000": 1, "vol-0001": 1}


def test_set_is_waited_for_while_only_a_part_is_visible(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2", "vol-3")
    runs.ec2.inject(Fault("CreateSnapshots", lost="reset"))

    def hide_two(request: Request) -> None:
        region = runs.ec2.regions[REGION]
        for made in list(region.snapshots.values()):
            if made.volume_id != "vol-1" and not hidden:
                region.add(replace(made, visible_from=request.at + timedelta(seconds=6)))
        hidden.extend(region.snapshots)

    hidden: list[str] = []
    runs.ec2.hooks.append(hide_two)

    outcomes = runs.run()

    assert runs.actions()["CreateSnapshot"] == 0
    assert statuses(outcomes)[Status.ALREADY_THERE] == 3


def test_last_attempt_is_looked_for_when_its_answer_is_lost(runs: Runs) -> None:
    add_volumes(runs.ec2, 1)
    runs.ec2.inject(Fault("CreateSnapshot", code="InternalError", times=MAX_ATTEMPTS - 1))
    runs.ec2.inject(Fault("CreateSnapshot", lost="reset"))

    assert statuses(runs.run()) == {Status.ALREADY_THERE: 1}


def test_volume_fails_when_ec2_answers_errors_to_it_alone(runs: Runs) -> None:
    add_volumes(runs.ec2, 2)
    runs.ec2.inject(Fault("CreateSnapshot", resource="vol-0000", code="InternalError", times=None))

    assert statuses(runs.run()) == {Status.FAILED: 1, Status.CREATED: 1}


def test_volume_snapshotted_by_another_tool_is_tried_again(runs: Runs) -> None:
    add_volumes(runs.ec2, 1)
    runs.ec2.call("CreateSnapshot", {"VolumeId": "vol-0000"}, region=REGION)

    assert statuses(runs.run()) == {Status.CREATED: 1}


def test_tags_may_be_set_by_another_invocation_meanwhile(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2")
    runs.ec2.hooks.append(once("CreateTags", lambda _: runs.run() and None))

    assert statuses(runs.run())[Status.TAGGED] == 2


@pytest.mark.parametrize("begins_at", [1, 60, 130, 190])
@pytest.mark.parametrize("visible_after", [0.0, 4.0])
def test_two_invocations_of_a_run_make_one_snapshot_each(runs: Runs, begins_at: int, visible_after: float) -> None:
    """The second begins at some call of the first and overtakes it; then the first goes on."""
    add_volumes(runs.ec2, 150)
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2")
    runs.ec2.visible_after_seconds = visible_after
    few = deployment(request_bursts={"CreateSnapshot": 30, "CreateSnapshots": 30})
    runs.ec2.hooks.append(at_call(begins_at, lambda: runs.run(few, seconds=HOUR)))

    runs.run(few, seconds=HOUR)

    assert set(runs.snapshots().values()) == {1}
    assert len(runs.snapshots()) == 152


@pytest.mark.parametrize("seed", [1, 2])
def test_three_invocations_in_real_time_make_one_snapshot_each(session: boto3.Session, seed: int) -> None:
    rng, ec2 = random.Random(seed), Simulator()  # noqa: S311 - repeatable on purpose
    ec2.visible_after_seconds = 0.5
    add_volumes(ec2, 30)
    for n in range(4):
        add_instance(ec2, f"i-{n}", *(f"vol-{n}{letter}" for letter in "abc"), skipped=(f"vol-{n}a",) if n else ())
    ec2.hooks.append(lambda _: time.sleep(rng.uniform(0.0, 0.02)))
    for action in ("CreateSnapshot", "CreateSnapshots"):
        ec2.inject(Fault(action, lost=rng.choice(["error", "reset"])))

    def invoke(delay: float) -> None:
        time.sleep(delay)
        by, clock = deployment(), BackupClock()
        region = region_of(session, ec2, clock)
        made = plan(observe_world(region, by, RUN), by, RUN)
        Executor(region, by, RUN, clock, clock.now() + 120).back_up(made, clock.now())

    with ThreadPoolExecutor(3) as pool:
        for each in [pool.submit(invoke, delay) for delay in (0, 0.02, 0.3)]:
            each.result()

    made = Counter(s.volume_id for s in ec2.regions[REGION].snapshots.values() if "ebs-backup:RunId" in s.tags)
    assert made == Counter(v.id for v in ec2.regions[REGION].volumes.values() if "ebs-backup:Skip" not in v.tags)


class Killed(BaseException):
    """The process ends here."""


estates = st.fixed_dictionaries(
    {
        "singles": st.integers(0, 6),
        "sets": st.lists(st.integers(2, 4), max_size=3),
        "skipped": st.booleans(),
        "visible_after": st.sampled_from([0.0, 3.0]),
        "burst": st.sampled_from([1, 2, 100]),  # few requests send single volumes by the call for sets
    }
)


troubles = st.lists(
    st.builds(
        Fault,
        action=st.sampled_from(["CreateSnapshot", "CreateSnapshots", "CreateTags", "DescribeSnapshots"]),
        code=st.sampled_from([None, "RequestLimitExceeded", "InternalError", "IncorrectState"]),
        lost=st.sampled_from([None, "error", "reset"]),
        times=st.integers(1, 3),
    ),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(estates, troubles, st.lists(st.integers(1, 25), max_size=3))
def test_resumed_run_ends_with_one_snapshot_each_wherever_killed(
    session: boto3.Session, estate: Mapping[str, Any], faults: list[Fault], kills: list[int]
) -> None:
    runs = _runs_of(session, estate)
    by = deployment(request_bursts={"CreateSnapshot": estate["burst"]})
    for fault in faults:
        runs.ec2.inject(fault)
    for calls in kills:
        runs.ec2.hooks[:] = [at_call(calls, _kill)]
        with contextlib.suppress(Killed, Ec2Error):
            runs.run(by)
        runs.ec2.clock.advance(60)  # Lambda waits a minute before it retries
    runs.ec2.hooks.clear()
    runs.ec2.faults.clear()
    for _ in range(2):
        runs.run(by)
        runs.ec2.clock.advance(60)

    selected = {v.id for v in runs.ec2.regions[REGION].volumes.values() if "ebs-backup:Skip" not in v.tags}
    assert runs.snapshots() == Counter(selected)
    assert all(runs.tags(volume_id)["ebs-backup:VolumeId"] == volume_id for volume_id in selected)
    assert runs.run(by) == ()


def _runs_of(session: boto3.Session, estate: Mapping[str, Any]) -> Runs:
    ec2 = Simulator(Clock(stopped_at=datetime(2026, 11, 23, 3, tzinfo=UTC)))
    ec2.visible_after_seconds = estate["visible_after"]
    add_volumes(ec2, estate["singles"])
    for n, size in enumerate(estate["sets"]):
        volumes = [f"vol-{n}{letter}" for letter in "abcd"[:size]]
        add_instance(ec2, f"i-{n}", *volumes, skipped=tuple(volumes[:1]) if estate["skipped"] else ())
    return Runs(ec2, region_of(session, ec2, SimulatedTime(ec2)))


def _kill() -> None:
    raise Killed
