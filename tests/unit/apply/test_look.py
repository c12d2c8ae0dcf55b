"""The look that goes before a create, against a strict EC2."""

import itertools
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ebs_backup.aws.ec2 import Region
from ebs_backup.model.values import Status
from sandbox.ec2 import Attachment, Fault, Request, Simulator, Volume
from sandbox.ec2 import Ec2Error as Ec2Refusal
from tests.unit.apply.runs import Runs, by_sets, statuses
from tests.unit.builders import REGION, deployment
from tests.unit.conftest import Connect, SimulatedTime
from tests.unit.estates import SKIP, add_instance, add_volumes, detached


def test_workers_share_a_look(runs: Runs) -> None:
    """Or as many would be on their way at once as there are workers, each the slower for the others."""
    add_volumes(runs.ec2, 56)
    made = runs.planned()
    runs.region.calls.clear()
    runs.ec2.hooks.append(lambda _: time.sleep(0.002))

    runs.executor().back_up(made, float("-inf"), workers=7)

    assert set(runs.snapshots().values()) == {1}
    assert runs.region.calls["DescribeSnapshots"] <= 5


def test_look_does_not_count_when_its_answer_took_too_long(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our answer is 16 seconds on its way, and meanwhile another invocation of the same run makes the snapshot."""
    add_volumes(runs.ec2, 1)
    by, observed_at = deployment(), runs.clock.now()
    made = runs.planned(by)
    runs.ec2.clock.advance(11)
    look, slow = Region.snapshots, [True]

    def slowly(region: Region, filters: Mapping[str, Any]) -> Any:
        answer = look(region, filters)
        if slow and slow.pop():
            runs.run()
            runs.ec2.clock.advance(16)
        return answer

    monkeypatch.setattr(Region, "snapshots", slowly)
    runs.executor(by).back_up(made, observed_at, 1)

    assert runs.snapshots() == Counter(["vol-0000"])


@pytest.mark.parametrize("volumes", [1, 171, 172, 173, 174])
def test_lost_answer_is_settled_only_by_a_late_enough_look(runs: Runs, volumes: int) -> None:
    """The look for another volume takes this one in, and is still fresh when its own turn comes."""
    add_volumes(runs.ec2, volumes)
    runs.ec2.visible_after_seconds = 6.0
    runs.ec2.inject(Fault("CreateSnapshot", lost="reset"))
    by, observed_at = deployment(multi_volume_snapshots=False), runs.clock.now()
    made = runs.planned(by)
    runs.ec2.clock.advance(4.6)

    runs.executor(by).back_up(made, observed_at, 1)

    assert set(runs.snapshots().values()) == {1}


def test_volume_is_created_once_failing_looks_recover(runs: Runs) -> None:
    add_volumes(runs.ec2, 1)
    made = runs.planned()
    runs.ec2.inject(Fault("DescribeSnapshots", code="InternalError", times=60))

    assert statuses(runs.executor().back_up(made, float("-inf"))) == {Status.CREATED: 1}


def test_throttled_look_is_as_old_as_its_answer(runs: Runs) -> None:
    add_volumes(runs.ec2, 300)
    by, calls = deployment(multi_volume_snapshots=False), itertools.count(1)

    def throttle(request: Request) -> None:
        if request.action == "DescribeSnapshots" and next(calls) % 5:
            raise Ec2Refusal("RequestLimitExceeded", "busy", 503)

    began = runs.clock.now()
    runs.ec2.hooks.append(throttle)
    runs.run(by)

    assert runs.clock.now() - began < 120


def test_volume_is_unfinished_when_a_look_takes_all_the_time(ec2: Simulator, connect: Connect) -> None:
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
    seen = statuses(runs.run(deployment(request_bursts=few), seconds=30))

    assert seen.keys() == {Status.CREATED, Status.UNFINISHED}
    assert seen.total() == 150


@pytest.mark.parametrize("root", ["", "r"], ids=["whole", "without its boot volume"])
@pytest.mark.parametrize("size", [1, 2], ids=["a set of one", "a set"])
def test_volume_that_moves_during_a_run_has_one_snapshot(runs: Runs, size: int, root: str) -> None:
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
    runs.run(by_sets() if size == 1 else deployment())

    assert moved
    assert set(runs.snapshots().values()) == {1}
    assert len(runs.snapshots()) == 1 + 400 * size


def test_set_stays_whole_when_an_excluded_volume_is_gone(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-root", "vol-1", "vol-2", "vol-x", skipped=("vol-x",))
    made = runs.planned()
    runs.ec2.regions[REGION].add(detached("vol-x"))

    runs.executor().back_up(made, float("-inf"))

    assert runs.actions()["CreateSnapshots"] == 1
    assert set(runs.snapshots()) == {"vol-root", "vol-1", "vol-2"}
