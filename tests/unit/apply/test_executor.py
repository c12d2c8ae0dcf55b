"""The engine against a strict EC2: its limits, its refusals, its lost answers, and being killed at any point."""

import contextlib
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from ebs_backup.apply.creator import SETTLED
from ebs_backup.apply.executor import Executor
from ebs_backup.apply.recovery import MAX_ATTEMPTS
from ebs_backup.aws.clock import Clock as BackupClock
from ebs_backup.aws.clock import SystemClock
from ebs_backup.aws.ec2 import Region
from ebs_backup.aws.error import Ec2Error
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.retention import Retention
from ebs_backup.model.values import Outcome, Plan, Status
from ebs_backup.observe.history import observe_history
from ebs_backup.observe.world import observe_world
from ebs_backup.plan.creates import plan
from ebs_backup.plan.expiry import with_expiry
from sandbox.ec2 import AnswerLost, Attachment, Clock, Fault, Request, Simulator, Volume, attach
from sandbox.ec2 import Ec2Error as Ec2Refusal
from sandbox.ec2.limits import Rate
from tests.unit.builders import REGION, RUN, deployment
from tests.unit.conftest import Connect, SimulatedTime
from tests.unit.estates import SKIP, add_instance, add_snapshots, add_volumes, detached

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
        engine = Executor(self.region, by, run_id, self.clock, start + seconds)
        outcomes = engine.back_up(made, start, workers)
        if not by.retention.counts or any(outcome.status is Status.UNFINISHED for outcome in outcomes):
            return outcomes
        history = observe_history(self.region, by, world)
        return engine.expire(with_expiry(made, history, by, run_id, self.ec2.clock.now()), workers)

    def planned(self, by: Deployment | None = None) -> Plan:
        """Observe and plan, and leave the rest to the test."""
        by = by or deployment()
        return plan(observe_world(self.region, by, RUN), by, RUN)

    def engine(self, by: Deployment | None = None) -> Executor:
        """Return an engine that has an hour from now on."""
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


@pytest.fixture
def runs(ec2: Simulator, region: Region) -> Runs:
    return Runs(ec2, region)


def _statuses(outcomes: tuple[Outcome, ...]) -> Counter[Status]:
    return Counter(outcome.status for outcome in outcomes)


# --- the job ---


def test_every_volume_gets_one_snapshot_and_the_next_run_another(runs: Runs) -> None:
    add_volumes(runs.ec2, 3)

    runs.run()
    runs.ec2.clock.advance(HOUR)
    runs.run(run_id="2026-11-24T03:00:00Z")

    assert runs.snapshots() == runs.snapshots("2026-11-24T03:00:00Z") == Counter(["vol-0000", "vol-0001", "vol-0002"])


def test_a_set_is_one_call_and_each_snapshot_of_it_has_its_own_volumes_tags_in_the_end(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2", "vol-3")

    outcomes = runs.run()

    assert runs.actions()["CreateSnapshots"] == 1
    assert _statuses(outcomes) == {Status.CREATED: 3, Status.TAGGED: 3}
    assert runs.tags("vol-2")["ebs-backup:VolumeId"] == "vol-2"
    assert runs.tags("vol-2")["ebs-backup:Device"] == "/dev/xvdb"
    assert runs.tags("vol-2")["Name"] == "vol-2 of i-1 vol-2 /dev/xvdb of i-1 at 2026-11-23T03:00:00Z"


def test_a_set_leaves_unselected_volumes_alone(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-root", "vol-1", "vol-2", "vol-3", skipped=("vol-root", "vol-3"))

    runs.run()

    assert runs.snapshots() == Counter(["vol-1", "vol-2"])


def test_the_same_run_again_changes_nothing(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2")
    add_volumes(runs.ec2, 2)
    runs.run()
    before = runs.actions()

    assert runs.run() == ()
    assert {a for a in runs.actions() - before if not a.startswith("Describe")} == set()


# --- limits ---


def test_nothing_is_throttled_when_nobody_else_uses_the_bucket_and_none_of_it_is_left_unused(runs: Runs) -> None:
    add_volumes(runs.ec2, 400)
    start = runs.clock.now()

    runs.run()

    assert runs.region.throttled == {}
    assert len(runs.snapshots()) == 400
    assert runs.clock.now() - start == pytest.approx((400 / 2 - 100) / 5, abs=1)


@pytest.mark.parametrize(
    ("sets", "alone", "seconds"),
    [
        pytest.param(150, 250, ((150 + 250) / 2 - 100) / 5, id="both buckets run dry at the same moment"),
        pytest.param(250, 50, (250 - 100) / 5, id="sets need their own bucket, and no set is broken up"),
    ],
)
def test_both_creating_buckets_are_used_to_the_full(runs: Runs, sets: int, alone: int, seconds: float) -> None:
    for n in range(sets):
        add_instance(runs.ec2, f"i-set-{n}", f"vol-{n}-a", f"vol-{n}-b")
    add_volumes(runs.ec2, alone, prefix="vol-alone-")
    runs.ec2.limits.rates["CreateTags"] = Rate(1000, 1000)  # what tags take is not the question here
    start = runs.clock.now()

    runs.run(deployment(request_bursts={"CreateTags": 1000}, request_rates={"CreateTags": 1000}))

    created = [call.at for call in runs.ec2.calls if call.action.startswith("CreateSnapshot")]
    assert (max(created) - runs.ec2.clock.now()).total_seconds() + runs.clock.now() - start == pytest.approx(
        seconds, abs=1
    )
    assert runs.actions()["CreateSnapshots"] + runs.actions()["CreateSnapshot"] == sets + alone
    assert len(runs.snapshots()) == 2 * sets + alone
    assert runs.region.throttled == {}


def test_raised_limits_are_used_to_the_full(runs: Runs) -> None:
    add_volumes(runs.ec2, 400)
    runs.ec2.limits.rates["CreateSnapshot"] = Rate(200, 20)
    start = runs.clock.now()

    runs.run(
        deployment(
            multi_volume_snapshots=False, request_rates={"CreateSnapshot": 20}, request_bursts={"CreateSnapshot": 200}
        )
    )

    assert runs.region.throttled == {}
    assert runs.clock.now() - start == pytest.approx((400 - 200) / 20, abs=1)


def test_where_another_tool_uses_up_most_of_a_bucket_few_requests_are_refused(runs: Runs) -> None:
    add_volumes(runs.ec2, 400)
    drawn = runs.clock.now() - 100 / 4

    def draw(_: Request) -> None:
        """Take 4 requests a second, as somebody else would."""
        nonlocal drawn
        with contextlib.suppress(Ec2Refusal):
            while drawn < runs.clock.now():
                drawn += 1 / 4
                runs.ec2.limits.take("CreateSnapshot", REGION, {}, runs.ec2.clock.now())

    runs.ec2.hooks.append(draw)
    runs.run(deployment(multi_volume_snapshots=False))

    assert set(runs.snapshots().values()) == {1}
    assert runs.region.throttled["CreateSnapshot"] <= 0.02 * runs.region.calls["CreateSnapshot"]


def test_a_bucket_that_others_drain_slows_the_run_and_loses_nothing(runs: Runs) -> None:
    add_volumes(runs.ec2, 200)
    for _ in range(95):
        runs.ec2.limits.take("CreateSnapshot", REGION, {}, runs.ec2.clock.now())

    outcomes = runs.run()

    assert _statuses(outcomes) == {Status.CREATED: 200}
    assert runs.region.throttled["CreateSnapshot"] < 20


def test_a_bucket_that_others_held_empty_for_a_while_is_used_to_the_full_soon_after(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_volumes(runs.ec2, 600)
    began, take = runs.clock.now(), runs.ec2.limits.take

    def take_what_is_left(action: str, region: str, parameters: Any, now: datetime) -> None:
        with contextlib.suppress(Ec2Refusal):
            while action == "CreateSnapshot" and runs.clock.now() < began + 15:
                take(action, region, {}, now)
        take(action, region, parameters, now)

    monkeypatch.setattr(runs.ec2.limits, "take", take_what_is_left)
    runs.run(deployment(multi_volume_snapshots=False))

    assert runs.clock.now() - began < 1.2 * (15 + 600 / 5)


def test_pending_snapshots_at_the_accounts_limit_are_waited_for(runs: Runs) -> None:
    add_volumes(runs.ec2, 30)
    runs.ec2.quotas = replace(runs.ec2.quotas, pending=10)
    runs.ec2.pending_seconds = 45

    assert _statuses(runs.run()) == {Status.CREATED: 30}


def test_a_set_that_finds_no_room_among_the_pending_goes_one_by_one(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2", "vol-3")
    runs.ec2.quotas = replace(runs.ec2.quotas, pending=2)
    runs.ec2.pending_seconds = 45

    assert _statuses(runs.run(seconds=870))[Status.CREATED] == 3


def test_a_set_for_which_there_is_no_room_leaves_what_there_is_to_single_volumes(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2", "vol-3", "vol-4")
    add_volumes(runs.ec2, 2)
    runs.ec2.quotas = replace(runs.ec2.quotas, snapshots=3)

    runs.run()

    assert sum(runs.snapshots().values()) == 3


def test_a_set_that_was_refused_is_done_by_all_workers(runs: Runs) -> None:
    for i in (1, 2):
        add_instance(runs.ec2, f"i-{i}", *(f"vol-{i}-{n}" for n in range(20)))
    runs.ec2.inject(Fault("CreateSnapshots", code="UnsupportedHibernationConfiguration", times=2))
    seen: set[str] = set()

    def see(_: Request) -> None:
        seen.add(threading.current_thread().name)
        time.sleep(0.002)

    runs.ec2.hooks.append(see)
    runs.run(workers=4)

    assert len(seen - {threading.current_thread().name}) == 4


def test_a_full_region_fails_what_is_left_without_asking_for_each(runs: Runs) -> None:
    add_volumes(runs.ec2, 50)
    runs.ec2.quotas = replace(runs.ec2.quotas, snapshots=20)

    outcomes = runs.run()

    assert _statuses(outcomes) == {Status.CREATED: 20, Status.FAILED: 30}
    assert {o.problem.code for o in outcomes if o.problem} == {"SnapshotLimitExceeded"}
    assert runs.actions()["CreateSnapshot"] == 21


def test_a_full_region_fails_no_volume_whose_snapshot_was_made_and_its_answer_lost(runs: Runs) -> None:
    add_volumes(runs.ec2, 30)
    runs.ec2.quotas = replace(runs.ec2.quotas, snapshots=20)
    runs.ec2.inject(Fault("CreateSnapshot", lost="reset"))

    outcomes = runs.run(deployment(multi_volume_snapshots=False))

    assert _statuses(outcomes) == {Status.CREATED: 19, Status.ALREADY_THERE: 1, Status.FAILED: 10}


def test_at_the_deadline_nothing_new_starts_and_the_rest_is_unfinished_until_the_run_is_resumed(runs: Runs) -> None:
    add_volumes(runs.ec2, 300)

    first = runs.run(deployment(multi_volume_snapshots=False), seconds=20.1)
    second = runs.run()

    assert _statuses(first) == {Status.CREATED: 198, Status.UNFINISHED: 102}
    assert _statuses(second) == {Status.CREATED: 102}
    assert set(runs.snapshots().values()) == {1}


SETS_FIRST = {"CreateSnapshot": 0.001}, {"CreateSnapshot": 1}
"""Rates and bursts that leave one request for CreateSnapshot, so that the rest goes by CreateSnapshots."""


def _by_sets(**changes: Any) -> Deployment:
    rates, bursts = SETS_FIRST
    return deployment(request_rates=rates, request_bursts=bursts, **changes)


def test_a_volume_alone_on_its_instance_has_all_its_tags_from_the_start_by_whichever_call(runs: Runs) -> None:
    add_volumes(runs.ec2, 3)

    outcomes = runs.run(_by_sets())

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
    for volume in list(runs.ec2.regions[REGION].volumes.values()):
        runs.ec2.regions[REGION].add(replace(volume, type="gp3", iops=9000, tags={"Team": "a", "Tier": "1"}))


@pytest.mark.parametrize("lost", [None, "error", "reset"])
def test_a_volume_that_a_set_of_one_takes_along_has_its_own_tags_and_no_others_in_the_end(
    runs: Runs, lost: Any
) -> None:
    add_volumes(runs.ec2, 2)
    _of_a_team(runs)
    runs.ec2.hooks.append(_attach_late(runs))
    if lost:
        runs.ec2.inject(Fault("CreateSnapshots", lost=lost))

    runs.run(_by_sets())

    tags = runs.tags("vol-late")
    told = {word: tags.get(f"ebs-backup:{word}") for word in ("VolumeId", "Device", "VolumeType", "Size", "Iops")}
    assert told == {"VolumeId": "vol-late", "Device": "/dev/sdf", "VolumeType": "gp2", "Size": "77", "Iops": ""}
    assert (tags["Team"], tags["Tier"]) == ("b", "")
    assert set(runs.snapshots()) == {"vol-0000", "vol-0001", "vol-late"}


def test_what_cannot_be_read_of_such_a_volume_is_empty_rather_than_anothers(runs: Runs) -> None:
    add_volumes(runs.ec2, 2)
    _of_a_team(runs)
    attach_late = _attach_late(runs)

    def attach_and_hide(request: Request) -> None:
        attach_late(request)
        if "vol-late" in runs.ec2.regions[REGION].volumes and request.action == "DescribeVolumes":
            raise Ec2Refusal("UnauthorizedOperation", "no more")

    runs.ec2.hooks.append(attach_and_hide)
    runs.run(_by_sets())

    tags = runs.tags("vol-late")
    assert (tags["ebs-backup:VolumeId"], tags["ebs-backup:Size"]) == ("vol-late", "77")
    assert (tags["ebs-backup:Device"], tags["Team"]) == ("", "")


@pytest.mark.parametrize("root", ["", "r"], ids=["whole", "but for its boot volume"])
@pytest.mark.parametrize("size", [1, 2], ids=["a set of one", "a set"])
def test_a_volume_that_moves_during_the_run_has_one_snapshot_and_one_opted_out_none(
    runs: Runs, size: int, root: str
) -> None:
    """They move to an instance whose own turn is still to come; the one has its snapshot by then."""
    add_instance(runs.ec2, "i-0000", "vol-0-0000")
    for n in range(400):
        ids = [f"vol-{n:03}{letter}" for letter in root + "ab"[:size]]
        add_instance(runs.ec2, f"i-{n:03}", *ids, skipped=tuple(ids[: len(root)]))
    region, moved = runs.ec2.regions[REGION], False

    def move(request: Request) -> None:
        nonlocal moved
        made = region.snapshots_of("vol-0-0000")
        if made and not moved and (request.at - made[0].started).total_seconds() > 10:
            moved = True
            last = region.volumes["vol-399a"].attachments[0].instance_id
            volume = region.volumes["vol-0-0000"]
            region.add(replace(volume, attachments=(Attachment(last, "/dev/sdz"),)))
            region.add(Volume("vol-out", volume.zone, tags=SKIP, attachments=(Attachment(last, "/dev/sdy"),)))

    runs.ec2.hooks.append(move)
    runs.run(_by_sets() if size == 1 else deployment())

    assert moved
    assert set(runs.snapshots().values()) == {1}
    assert len(runs.snapshots()) == 1 + 400 * size


def test_a_volume_that_was_to_be_left_out_and_is_gone_breaks_up_no_set(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-root", "vol-1", "vol-2", "vol-x", skipped=("vol-x",))
    made = runs.planned()
    runs.ec2.regions[REGION].add(detached("vol-x"))

    runs.engine().back_up(made, float("-inf"))

    assert runs.actions()["CreateSnapshots"] == 1
    assert set(runs.snapshots()) == {"vol-root", "vol-1", "vol-2"}


def test_a_volume_whose_instance_has_others_that_are_left_out_can_go_by_either_call(runs: Runs) -> None:
    for n in range(6):
        add_instance(
            runs.ec2, f"i-{n}", f"vol-{n}-root", f"vol-{n}", f"vol-{n}-x", skipped=(f"vol-{n}-root", f"vol-{n}-x")
        )

    runs.run(_by_sets())

    assert runs.actions()["CreateSnapshots"] > 0
    assert set(runs.snapshots()) == {f"vol-{n}" for n in range(6)}


def test_what_ec2_refuses_as_a_set_of_one_goes_as_a_single_volume_and_was_no_set(runs: Runs) -> None:
    add_volumes(runs.ec2, 2)
    runs.ec2.inject(Fault("CreateSnapshots", code="UnsupportedHibernationConfiguration", times=None))

    outcomes = runs.run(_by_sets(), seconds=2000)

    assert _statuses(outcomes) == {Status.CREATED: 2}
    assert not any(outcome.reason for outcome in outcomes)


@pytest.mark.parametrize("lost", ["error", "reset"])
def test_a_lost_answer_to_a_set_of_one_makes_no_second_snapshot(runs: Runs, lost: Any) -> None:
    add_volumes(runs.ec2, 4)
    runs.ec2.inject(Fault("CreateSnapshots", lost=lost, times=2))

    runs.run(_by_sets())

    assert set(runs.snapshots().values()) == {1}


def test_a_full_region_is_full_for_sets_of_one_too(runs: Runs) -> None:
    add_volumes(runs.ec2, 50)
    runs.ec2.quotas = replace(runs.ec2.quotas, snapshots=20)

    assert _statuses(runs.run(_by_sets())) == {Status.CREATED: 20, Status.FAILED: 30}


def test_several_workers_share_the_work(runs: Runs) -> None:
    add_volumes(runs.ec2, 60)
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2")

    outcomes = runs.run(workers=4)

    assert _statuses(outcomes) == {Status.CREATED: 62, Status.TAGGED: 2}
    assert set(runs.snapshots().values()) == {1}


# --- refusals ---


def test_a_volume_that_fails_stops_no_other(runs: Runs) -> None:
    add_volumes(runs.ec2, 3)
    runs.ec2.inject(Fault("CreateSnapshot", resource="vol-0001", code="CustomerKeyHasBeenRevoked", times=None))

    outcomes = runs.run()

    assert _statuses(outcomes) == {Status.CREATED: 2, Status.FAILED: 1}
    (failed,) = [o for o in outcomes if o.problem]
    assert (failed.volume_id, failed.problem and failed.problem.code) == ("vol-0001", "CustomerKeyHasBeenRevoked")


def test_a_refused_set_falls_back_to_one_by_one_and_says_so(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2")
    runs.ec2.inject(Fault("CreateSnapshots", code="UnsupportedHibernationConfiguration"))

    outcomes = runs.run()

    assert runs.snapshots() == Counter(["vol-1", "vol-2"])
    assert _statuses(outcomes) == {Status.SET_REFUSED: 2, Status.CREATED: 2}
    assert {o.reason for o in outcomes if o.status is Status.CREATED} == {
        "one by one: EC2 refused the set of i-1: UnsupportedHibernationConfiguration"
    }


def test_a_volume_deleted_between_observation_and_snapshot_is_skipped(runs: Runs) -> None:
    add_volumes(runs.ec2, 2)
    runs.ec2.hooks.append(_once("CreateSnapshot", lambda _: runs.ec2.regions[REGION].remove("vol-0000")))

    assert _statuses(runs.run()) == {Status.SKIPPED: 1, Status.CREATED: 1}


def test_an_instance_terminated_before_its_set_leaves_the_volumes_that_remain_to_be_done(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-root", "vol-data")

    def terminate(_: Request) -> None:
        region = runs.ec2.regions[REGION]
        region.remove("i-1")
        region.remove("vol-root")
        region.add(detached("vol-data"))

    runs.ec2.hooks.append(_once("CreateSnapshots", terminate))

    outcomes = runs.run()

    assert runs.snapshots() == Counter(["vol-data"])
    assert _statuses(outcomes) == {Status.SET_REFUSED: 2, Status.SKIPPED: 1, Status.CREATED: 1}


def test_a_volume_detached_before_its_set_is_snapshotted_by_itself(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2", "vol-3")
    runs.ec2.hooks.append(_once("CreateSnapshots", lambda _: runs.ec2.regions[REGION].add(detached("vol-3"))))

    runs.run()

    assert runs.snapshots() == Counter(["vol-1", "vol-2", "vol-3"])


def test_a_state_that_ec2_asks_to_wait_for_is_waited_for(runs: Runs) -> None:
    add_volumes(runs.ec2, 1)
    runs.ec2.inject(Fault("CreateSnapshot", code="IncorrectState", times=2))

    assert _statuses(runs.run()) == {Status.CREATED: 1}


def test_a_volume_that_stays_in_the_wrong_state_fails_in_the_end(runs: Runs) -> None:
    add_volumes(runs.ec2, 1)
    runs.ec2.inject(Fault("CreateSnapshot", code="IncorrectState", times=None))

    assert _statuses(runs.run()) == {Status.FAILED: 1}


def test_one_waiting_volume_does_not_hold_up_the_rest_of_its_set(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2")
    runs.ec2.inject(Fault("CreateSnapshots", code="ConcurrentSnapshotLimitExceeded"))
    start = runs.clock.now()

    assert _statuses(runs.run())[Status.CREATED] == 2
    assert runs.clock.now() - start < SETTLED


def test_an_unexpected_error_of_our_own_is_an_outcome_too(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    add_volumes(runs.ec2, 2)
    create = Region.create

    def broken(self: Region, *args: object) -> object:
        if args[0].volumes[0].id == "vol-0000":  # type: ignore[attr-defined]
            raise KeyError("SnapshotId")
        return create(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Region, "create", broken)

    assert _statuses(runs.run()) == {Status.FAILED: 1, Status.CREATED: 1}


# --- tags ---


def test_a_snapshot_that_ec2_does_not_know_yet_is_tagged_a_moment_later(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2")
    runs.ec2.inject(Fault("CreateTags", code="InvalidSnapshot.NotFound", times=2))

    assert _statuses(runs.run())[Status.TAGGED] == 2


def test_tags_that_could_not_be_added_fail_the_run_and_are_completed_by_the_next(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2")
    runs.ec2.inject(Fault("CreateTags", code="UnauthorizedOperation", times=2))

    first, second = runs.run(), runs.run(run_id="later")

    assert _statuses(first) == {Status.CREATED: 2, Status.FAILED: 2}
    assert _statuses(second)[Status.TAGGED] == 4
    tags = [s.tags["ebs-backup:VolumeId"] for s in runs.ec2.regions[REGION].snapshots.values()]
    assert sorted(tags) == ["vol-1", "vol-1", "vol-2", "vol-2"]


def test_tags_wait_for_a_snapshot_that_ec2_does_not_know_of_for_some_time(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2")
    until = runs.clock.now() + 15

    def know_nothing(request: Request) -> None:
        if request.action == "CreateTags" and runs.clock.now() < until:
            raise Ec2Refusal("InvalidSnapshot.NotFound", "no such snapshot")

    runs.ec2.hooks.append(know_nothing)

    assert _statuses(runs.run()) == {Status.CREATED: 2, Status.TAGGED: 2}


# --- deleting ---

KEEP_TWO = Retention(last=2)


def _left(runs: Runs, volume_id: str) -> list[str]:
    return sorted(s.id for s in runs.ec2.regions[REGION].snapshots_of(volume_id) if s.id.startswith("snap-vol"))


def test_what_no_rule_keeps_is_gone_after_the_run_and_planning_again_is_empty(runs: Runs) -> None:
    add_volumes(runs.ec2, 1)
    ids = add_snapshots(runs.ec2, "vol-0000", days=5)
    by = deployment(retention=KEEP_TWO)

    outcomes = runs.run(by)

    assert _left(runs, "vol-0000") == ids[:2]
    assert _statuses(outcomes) == {Status.CREATED: 1, Status.DELETED: 3}
    assert runs.run(by) == ()


def test_creating_comes_before_deleting(runs: Runs) -> None:
    add_volumes(runs.ec2, 3)
    add_snapshots(runs.ec2, "vol-0001", days=4)

    runs.run(deployment(retention=KEEP_TWO), workers=4)

    calls = [c.action for c in runs.ec2.calls if c.action in ("CreateSnapshot", "DeleteSnapshot")]
    assert calls == ["CreateSnapshot"] * 3 + ["DeleteSnapshot"] * 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image_id": "ami-1"}, "EC2 refuses to delete it: InvalidSnapshot.InUse"),
        ({"locked": True}, "EC2 refuses to delete it: "),
        ({"managed_by_backup": True}, "EC2 refuses to delete it: InvalidParameterValue"),
        ({"shared_with": frozenset({"111122223333"})}, "shared with 111122223333"),
        ({"shared_with": frozenset({"all"})}, "shared with all"),
    ],
    ids=["behind an image", "locked", "managed by AWS Backup", "shared", "public"],
)
def test_what_must_not_or_cannot_be_deleted_is_kept_and_counted_and_fails_nothing(
    runs: Runs, changes: dict[str, object], reason: str
) -> None:
    ids = add_snapshots(runs.ec2, "vol-1", days=4, **changes)

    outcomes = runs.run(deployment(retention=KEEP_TWO))

    assert _left(runs, "vol-1") == ids
    assert _statuses(outcomes) == {Status.KEPT: 2}
    assert all(outcome.reason.startswith(reason) for outcome in outcomes)


def test_nothing_of_a_volume_whose_backup_failed_is_deleted(runs: Runs) -> None:
    add_volumes(runs.ec2, 2)
    ids = [add_snapshots(runs.ec2, volume_id, days=4) for volume_id in ("vol-0000", "vol-0001")]
    runs.ec2.inject(Fault("CreateSnapshot", resource="vol-0000", code="CustomerKeyHasBeenRevoked"))

    outcomes = runs.run(deployment(retention=KEEP_TWO))

    assert (_left(runs, "vol-0000"), _left(runs, "vol-0001")) == (ids[0], ids[1][:2])
    assert {o.reason for o in outcomes if o.status is Status.KEPT} == {"the backup of its volume failed in this run"}


def test_a_full_region_is_no_reason_not_to_delete_but_the_way_out(runs: Runs) -> None:
    add_volumes(runs.ec2, 1)
    add_snapshots(runs.ec2, "vol-0000", days=4)
    runs.ec2.quotas = replace(runs.ec2.quotas, snapshots=4)

    first, second = runs.run(deployment(retention=KEEP_TWO)), runs.run(deployment(retention=KEEP_TWO))

    assert _statuses(first) == {Status.FAILED: 1, Status.DELETED: 2}
    assert _statuses(second) == {Status.CREATED: 1}


def test_a_snapshot_that_somebody_else_deleted_meanwhile_is_deleted(runs: Runs) -> None:
    ids = add_snapshots(runs.ec2, "vol-1", days=3)
    runs.ec2.hooks.append(_once("DeleteSnapshot", lambda _: runs.ec2.regions[REGION].remove(ids[2])))

    assert _statuses(runs.run(deployment(retention=KEEP_TWO))) == {Status.DELETED: 1}


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "RequestExpired", "AuthFailure"])
def test_a_deletion_that_is_denied_fails_the_run(runs: Runs, code: str) -> None:
    add_snapshots(runs.ec2, "vol-1", days=3)
    runs.ec2.inject(Fault("DeleteSnapshot", code=code))

    assert _statuses(runs.run(deployment(retention=KEEP_TWO))) == {Status.FAILED: 1}


@pytest.mark.parametrize("lost", ["error", "reset"])
def test_a_deletion_whose_answer_is_lost_is_tried_again(runs: Runs, lost: str) -> None:
    ids = add_snapshots(runs.ec2, "vol-1", days=4)
    runs.ec2.inject(Fault("DeleteSnapshot", lost=lost, times=2))  # type: ignore[arg-type]

    assert _statuses(runs.run(deployment(retention=KEEP_TWO))) == {Status.DELETED: 2}
    assert _left(runs, "vol-1") == ids[:2]


def test_deleting_keeps_to_its_bucket_and_what_time_does_not_allow_is_resumed(runs: Runs) -> None:
    for n in range(40):
        add_snapshots(runs.ec2, f"vol-{n}", days=10)
    by = deployment(retention=KEEP_TWO, max_deletions_percent=90)

    first = runs.run(by, seconds=20.1)

    assert _statuses(first) == {Status.DELETED: 198, Status.UNFINISHED: 122}
    assert runs.region.throttled == {}
    assert _statuses(runs.run(by)) == {Status.DELETED: 122}


def test_a_snapshot_that_is_gone_before_it_is_deleted_takes_none_of_the_requests(runs: Runs) -> None:
    for n in range(40):
        add_snapshots(runs.ec2, f"vol-{n}", days=10)
    runs.ec2.inject(Fault("DescribeSnapshotAttribute", code="InvalidSnapshot.NotFound", times=None))
    began = runs.clock.now()

    outcomes = runs.run(deployment(retention=KEEP_TWO, max_deletions_percent=90))

    assert _statuses(outcomes) == {Status.DELETED: 320}
    assert runs.clock.now() - began < 1


def test_snapshots_of_ours_that_ended_in_error_are_removed(runs: Runs) -> None:
    add_snapshots(runs.ec2, "vol-1", days=1)
    add_snapshots(runs.ec2, "vol-2", days=2, fails=True)

    runs.run(deployment(retention=KEEP_TWO))

    assert (_left(runs, "vol-1"), _left(runs, "vol-2")) == (["snap-vol-1-001"], [])


# --- exactly once ---


@pytest.mark.parametrize("lost", ["error", "reset"])
@pytest.mark.parametrize("visible_after", [0.0, 6.0])
def test_a_lost_answer_makes_no_duplicate(runs: Runs, lost: str, visible_after: float) -> None:
    add_volumes(runs.ec2, 3)
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2")
    runs.ec2.visible_after_seconds = visible_after
    for action in ("CreateSnapshot", "CreateSnapshots"):
        runs.ec2.inject(Fault(action, lost=lost, times=1))  # type: ignore[arg-type]

    outcomes = runs.run()

    assert runs.snapshots() == Counter(["vol-0000", "vol-0001", "vol-0002", "vol-1", "vol-2"])
    assert _statuses(outcomes) == {Status.CREATED: 2, Status.ALREADY_THERE: 3, Status.TAGGED: 2}
    assert all(runs.tags(volume_id)["ebs-backup:VolumeId"] == volume_id for volume_id in runs.snapshots())


def test_the_snapshot_behind_a_lost_answer_is_found_at_once(runs: Runs) -> None:
    add_volumes(runs.ec2, 1)
    runs.ec2.inject(Fault("CreateSnapshot", lost="reset"))
    start = runs.clock.now()

    runs.run()

    assert runs.clock.now() - start < 2


@pytest.mark.parametrize("late", [1.0, 8.0, 14.0])
def test_work_that_ec2_does_only_after_its_answer_was_lost_makes_no_duplicate(runs: Runs, late: float) -> None:
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


def test_a_set_of_which_only_a_part_can_be_seen_yet_is_waited_for(runs: Runs) -> None:
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
    assert _statuses(outcomes)[Status.ALREADY_THERE] == 3


def test_workers_share_a_look(runs: Runs) -> None:
    """Or as many would be on their way at once as there are workers, each the slower for the others."""
    add_volumes(runs.ec2, 56)
    made = runs.planned()
    runs.region.calls.clear()
    runs.ec2.hooks.append(lambda _: time.sleep(0.002))

    runs.engine().back_up(made, float("-inf"), workers=7)

    assert set(runs.snapshots().values()) == {1}
    assert runs.region.calls["DescribeSnapshots"] <= 5


def test_a_look_whose_answer_took_too_long_is_no_look(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our answer is 16 seconds on its way, and meanwhile another invocation of the same run makes the snapshot."""
    add_volumes(runs.ec2, 1)
    by, observed_at = deployment(), runs.clock.now()
    made = runs.planned(by)
    runs.ec2.clock.advance(11)
    look, slow = Region.snapshots_since, [True]

    def slowly(region: Region, filters: Mapping[str, Any]) -> Any:
        answer = look(region, filters)
        if slow and slow.pop():
            runs.run()
            runs.ec2.clock.advance(16)
        return answer

    monkeypatch.setattr(Region, "snapshots_since", slowly)
    runs.engine(by).back_up(made, observed_at, 1)

    assert runs.snapshots() == Counter(["vol-0000"])


@pytest.mark.parametrize("volumes", [1, 171, 172, 173, 174])
def test_only_a_look_later_than_what_ec2_may_hide_settles_a_lost_answer(runs: Runs, volumes: int) -> None:
    """Another one's look covers it in between, and is still fresh when its own turn comes."""
    add_volumes(runs.ec2, volumes)
    runs.ec2.visible_after_seconds = 6.0
    runs.ec2.inject(Fault("CreateSnapshot", lost="reset"))
    by, observed_at = deployment(multi_volume_snapshots=False), runs.clock.now()
    made = runs.planned(by)
    runs.ec2.clock.advance(4.6)

    runs.engine(by).back_up(made, observed_at, 1)

    assert set(runs.snapshots().values()) == {1}


def test_looks_that_fail_for_a_while_fail_no_volume(runs: Runs) -> None:
    add_volumes(runs.ec2, 1)
    made = runs.planned()
    runs.ec2.inject(Fault("DescribeSnapshots", code="InternalError", times=60))

    assert _statuses(runs.engine().back_up(made, float("-inf"))) == {Status.CREATED: 1}


def test_a_look_that_was_throttled_for_a_while_is_as_old_as_its_answer(runs: Runs) -> None:
    add_volumes(runs.ec2, 300)
    by, calls = deployment(multi_volume_snapshots=False), itertools.count(1)

    def throttle(request: Request) -> None:
        if request.action == "DescribeSnapshots" and next(calls) % 5:
            raise Ec2Refusal("RequestLimitExceeded", "busy", 503)

    began = runs.clock.now()
    runs.ec2.hooks.append(throttle)
    runs.run(by)

    assert runs.clock.now() - began < 120


def test_after_the_last_attempt_whose_answer_was_lost_there_is_one_look_more(runs: Runs) -> None:
    add_volumes(runs.ec2, 1)
    runs.ec2.inject(Fault("CreateSnapshot", code="InternalError", times=MAX_ATTEMPTS - 1))
    runs.ec2.inject(Fault("CreateSnapshot", lost="reset"))

    assert _statuses(runs.run()) == {Status.ALREADY_THERE: 1}


def test_a_deadline_that_passes_over_a_look_starts_nothing_more(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    add_volumes(runs.ec2, 1)
    runs.ec2.inject(Fault("CreateSnapshot", code="InternalError"))
    look = Region.snapshots_since

    def slowly(region: Region, filters: Mapping[str, Any]) -> Any:
        if "volume-id" in filters:
            runs.ec2.clock.advance(60)
        return look(region, filters)

    monkeypatch.setattr(Region, "snapshots_since", slowly)

    assert _statuses(runs.run(seconds=30)) == {Status.UNFINISHED: 1}
    assert runs.actions()["CreateSnapshot"] == 1


def test_what_a_look_kept_from_being_tried_is_unfinished_and_has_not_failed(ec2: Simulator, connect: Connect) -> None:
    """Its first call takes so long that there is no time for the second."""
    add_volumes(ec2, 150)
    few = {"CreateSnapshot": 3.0, "CreateSnapshots": 3.0}
    clock = SimulatedTime(ec2)
    runs = Runs(ec2, connect(REGION, clock.now() + 30))
    began = clock.now()

    def take_long(request: Request) -> None:
        if request.action == "DescribeVolumes" and clock.now() > began + 1:
            ec2.clock.advance(27)

    ec2.hooks.append(take_long)
    statuses = _statuses(runs.run(deployment(request_bursts=few), seconds=30))

    assert statuses.keys() == {Status.CREATED, Status.UNFINISHED}
    assert statuses.total() == 150


def test_an_answer_that_was_no_answer_is_asked_for_again(runs: Runs) -> None:
    add_volumes(runs.ec2, 1)
    runs.ec2.inject(Fault("CreateSnapshot", code="InternalError"))

    assert _statuses(runs.run()) == {Status.CREATED: 1}
    assert runs.snapshots() == Counter(["vol-0000"])


def test_an_ec2_that_only_fails_fails_the_volume_and_not_the_others(runs: Runs) -> None:
    add_volumes(runs.ec2, 2)
    runs.ec2.inject(Fault("CreateSnapshot", resource="vol-0000", code="InternalError", times=None))

    assert _statuses(runs.run()) == {Status.FAILED: 1, Status.CREATED: 1}


def test_a_volume_that_someone_else_has_just_snapshotted_is_tried_again_after_15_seconds(runs: Runs) -> None:
    add_volumes(runs.ec2, 1)
    runs.ec2.call("CreateSnapshot", {"VolumeId": "vol-0000"}, region=REGION)

    assert _statuses(runs.run()) == {Status.CREATED: 1}


def test_tags_set_meanwhile_by_another_invocation_are_no_problem(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2")
    runs.ec2.hooks.append(_once("CreateTags", lambda _: runs.run() and None))

    assert _statuses(runs.run())[Status.TAGGED] == 2


@pytest.mark.parametrize("begins_at", [1, 60, 130, 190])
@pytest.mark.parametrize("visible_after", [0.0, 4.0])
def test_two_invocations_of_one_run_at_once_make_one_snapshot_of_each_volume(
    runs: Runs, begins_at: int, visible_after: float
) -> None:
    """The second begins at some call of the first and overtakes it; then the first goes on."""
    add_volumes(runs.ec2, 150)
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2")
    runs.ec2.visible_after_seconds = visible_after
    few = deployment(request_bursts={"CreateSnapshot": 30, "CreateSnapshots": 30})
    runs.ec2.hooks.append(_at_call(begins_at, lambda: runs.run(few, seconds=HOUR)))

    runs.run(few, seconds=HOUR)

    assert set(runs.snapshots().values()) == {1}
    assert len(runs.snapshots()) == 152


@pytest.mark.parametrize("seed", [1, 2])
def test_invocations_that_really_run_at_the_same_time_make_one_snapshot_of_each_volume(
    session: boto3.Session, seed: int
) -> None:
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
        by, clock = deployment(), SystemClock()
        region = _region_of(session, ec2, clock)
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
def test_whatever_goes_wrong_and_wherever_it_is_killed_a_resumed_run_ends_with_one_snapshot_each(
    session: boto3.Session, estate: Mapping[str, Any], faults: list[Fault], kills: list[int]
) -> None:
    runs = _runs_of(session, estate)
    by = deployment(request_bursts={"CreateSnapshot": estate["burst"]})
    for fault in faults:
        runs.ec2.inject(fault)
    for calls in kills:
        runs.ec2.hooks[:] = [_at_call(calls, _kill)]
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
    return Runs(ec2, _region_of(session, ec2, SimulatedTime(ec2)))


def _region_of(session: boto3.Session, ec2: Simulator, clock: BackupClock) -> Region:
    client = session.client("ec2", config=Config(retries={"total_max_attempts": 1}))
    attach(client, ec2)
    return Region(REGION, client, clock)


def _kill() -> None:
    raise Killed


def _at_call(number: int, do: Callable[[], object]) -> Callable[[Request], None]:
    """Return a hook that does something, once, at some call."""
    left = [number]

    def hook(_: Request) -> None:
        left[0] -= 1
        if left[0] == 0:
            do()

    return hook


def _once(action: str, do: Callable[[Request], object]) -> Callable[[Request], None]:
    """Return a hook that does something at the first call of an action."""
    left = [1]

    def hook(request: Request) -> None:
        if request.action == action and left:
            left.clear()
            do(request)

    return hook
