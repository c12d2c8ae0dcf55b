"""The executor against a strict EC2: its limits, its refusals, what is deleted."""

import contextlib
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from ebs_backup.aws.ec2 import Region
from ebs_backup.model.retention import Retention
from ebs_backup.model.values import Status
from sandbox.ec2 import Ec2Error as Ec2Refusal
from sandbox.ec2 import Fault, Request
from sandbox.ec2.limits import Rate
from tests.unit.apply.runs import HOUR, Runs, once, statuses
from tests.unit.builders import REGION, deployment
from tests.unit.estates import add_instance, add_snapshots, add_volumes, detached


def test_each_run_makes_one_snapshot_of_each_volume(runs: Runs) -> None:
    add_volumes(runs.ec2, 3)

    runs.run()
    runs.ec2.clock.advance(HOUR)
    runs.run(run_id="2026-11-24T03:00:00Z")

    assert runs.snapshots() == runs.snapshots("2026-11-24T03:00:00Z") == Counter(["vol-0000", "vol-0001", "vol-0002"])


def test_run_uses_a_whole_bucket_and_is_never_throttled(runs: Runs) -> None:
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
def test_run_uses_both_creating_buckets_to_the_full(runs: Runs, sets: int, alone: int, seconds: float) -> None:
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


def test_run_uses_raised_limits_to_the_full(runs: Runs) -> None:
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


def test_few_requests_are_refused_beside_a_greedy_tool(runs: Runs) -> None:
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


def test_run_is_fast_again_once_others_leave_the_bucket(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_volume_waits_while_too_many_snapshots_are_pending(runs: Runs) -> None:
    add_volumes(runs.ec2, 30)
    runs.ec2.quotas = replace(runs.ec2.quotas, pending=10)
    runs.ec2.pending_seconds = 45

    assert statuses(runs.run()) == {Status.CREATED: 30}


def test_set_is_split_when_pending_snapshots_leave_no_room(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2", "vol-3")
    runs.ec2.quotas = replace(runs.ec2.quotas, pending=2)
    runs.ec2.pending_seconds = 45

    assert statuses(runs.run(seconds=870))[Status.CREATED] == 3


def test_volumes_use_the_room_that_is_too_small_for_a_set(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2", "vol-3", "vol-4")
    add_volumes(runs.ec2, 2)
    runs.ec2.quotas = replace(runs.ec2.quotas, snapshots=3)

    runs.run()

    assert sum(runs.snapshots().values()) == 3


def test_all_workers_share_the_volumes_of_a_refused_set(runs: Runs) -> None:
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


def test_full_region_fails_the_rest_without_further_calls(runs: Runs) -> None:
    add_volumes(runs.ec2, 50)
    runs.ec2.quotas = replace(runs.ec2.quotas, snapshots=20)

    outcomes = runs.run()

    assert statuses(outcomes) == {Status.CREATED: 20, Status.FAILED: 30}
    assert {o.problem.code for o in outcomes if o.problem} == {"SnapshotLimitExceeded"}
    assert runs.actions()["CreateSnapshot"] == 21


def test_full_region_spares_a_snapshot_whose_answer_was_lost(runs: Runs) -> None:
    add_volumes(runs.ec2, 30)
    runs.ec2.quotas = replace(runs.ec2.quotas, snapshots=20)
    runs.ec2.inject(Fault("CreateSnapshot", lost="reset"))

    outcomes = runs.run(deployment(multi_volume_snapshots=False))

    assert statuses(outcomes) == {Status.CREATED: 19, Status.ALREADY_THERE: 1, Status.FAILED: 10}


def test_run_stops_at_the_deadline_and_can_be_resumed(runs: Runs) -> None:
    add_volumes(runs.ec2, 300)

    first = runs.run(deployment(multi_volume_snapshots=False), seconds=20.1)
    second = runs.run()

    assert statuses(first) == {Status.CREATED: 198, Status.UNFINISHED: 102}
    assert statuses(second) == {Status.CREATED: 102}
    assert set(runs.snapshots().values()) == {1}


def test_refused_set_goes_one_by_one_and_says_so(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2")
    runs.ec2.inject(Fault("CreateSnapshots", code="UnsupportedHibernationConfiguration"))

    outcomes = runs.run()

    assert runs.snapshots() == Counter(["vol-1", "vol-2"])
    assert statuses(outcomes) == {Status.SET_REFUSED: 2, Status.CREATED: 2}
    assert {o.reason for o in outcomes if o.status is Status.CREATED} == {
        "one by one: EC2 refused the set of i-1: UnsupportedHibernationConfiguration"
    }


def test_remaining_volume_of_a_terminated_instance_is_done(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-root", "vol-data")

    def terminate(_: Request) -> None:
        region = runs.ec2.regions[REGION]
        region.remove("i-1")
        region.remove("vol-root")
        region.add(detached("vol-data"))

    runs.ec2.hooks.append(once("CreateSnapshots", terminate))

    outcomes = runs.run()

    assert runs.snapshots() == Counter(["vol-data"])
    assert statuses(outcomes) == {Status.SET_REFUSED: 2, Status.SKIPPED: 1, Status.CREATED: 1}


def test_unexpected_error_fails_one_volume_alone(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    add_volumes(runs.ec2, 2)
    create = Region.create

    def broken(self: Region, *args: object) -> object:
        if args[0].volumes[0].id == "vol-0000":  # type: ignore[attr-defined]
            raise KeyError("SnapshotId")
        return create(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Region, "create", broken)

    assert statuses(runs.run()) == {Status.FAILED: 1, Status.CREATED: 1}


def test_next_run_completes_the_tags_that_were_denied(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2")
    runs.ec2.inject(Fault("CreateTags", code="UnauthorizedOperation", times=2))

    first, second = runs.run(), runs.run(run_id="later")

    assert statuses(first) == {Status.CREATED: 2, Status.FAILED: 2}
    assert statuses(second)[Status.TAGGED] == 4
    tags = [s.tags["ebs-backup:VolumeId"] for s in runs.ec2.regions[REGION].snapshots.values()]
    assert sorted(tags) == ["vol-1", "vol-1", "vol-2", "vol-2"]


def test_tags_wait_until_ec2_knows_the_snapshot(runs: Runs) -> None:
    add_instance(runs.ec2, "i-1", "vol-1", "vol-2")
    until = runs.clock.now() + 15

    def know_nothing(request: Request) -> None:
        if request.action == "CreateTags" and runs.clock.now() < until:
            raise Ec2Refusal("InvalidSnapshot.NotFound", "no such snapshot")

    runs.ec2.hooks.append(know_nothing)

    assert statuses(runs.run()) == {Status.CREATED: 2, Status.TAGGED: 2}


KEEP_TWO = Retention(last=2)


def _left(runs: Runs, volume_id: str) -> list[str]:
    return sorted(s.id for s in runs.ec2.regions[REGION].snapshots_of(volume_id) if s.id.startswith("snap-vol"))


def test_run_deletes_what_no_rule_keeps(runs: Runs) -> None:
    add_volumes(runs.ec2, 1)
    ids = add_snapshots(runs.ec2, "vol-0000", days=5)
    by = deployment(retention=KEEP_TWO)

    outcomes = runs.run(by)

    assert _left(runs, "vol-0000") == ids[:2]
    assert statuses(outcomes) == {Status.CREATED: 1, Status.DELETED: 3}
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
def test_snapshot_that_cannot_be_deleted_is_kept(runs: Runs, changes: dict[str, Any], reason: str) -> None:
    ids = add_snapshots(runs.ec2, "vol-1", days=4, **changes)

    outcomes = runs.run(deployment(retention=KEEP_TWO))

    assert _left(runs, "vol-1") == ids
    assert statuses(outcomes) == {Status.KEPT: 2}
    assert all(outcome.reason.startswith(reason) for outcome in outcomes)


def test_failed_volume_keeps_its_old_snapshots(runs: Runs) -> None:
    add_volumes(runs.ec2, 2)
    ids = [add_snapshots(runs.ec2, volume_id, days=4) for volume_id in ("vol-0000", "vol-0001")]
    runs.ec2.inject(Fault("CreateSnapshot", resource="vol-0000", code="CustomerKeyHasBeenRevoked"))

    outcomes = runs.run(deployment(retention=KEEP_TWO))

    assert (_left(runs, "vol-0000"), _left(runs, "vol-0001")) == (ids[0], ids[1][:2])
    assert {o.reason for o in outcomes if o.status is Status.KEPT} == {"the backup of its volume failed in this run"}


def test_full_region_gets_room_by_deleting(runs: Runs) -> None:
    add_volumes(runs.ec2, 1)
    add_snapshots(runs.ec2, "vol-0000", days=4)
    runs.ec2.quotas = replace(runs.ec2.quotas, snapshots=4)

    first, second = runs.run(deployment(retention=KEEP_TWO)), runs.run(deployment(retention=KEEP_TWO))

    assert statuses(first) == {Status.FAILED: 1, Status.DELETED: 2}
    assert statuses(second) == {Status.CREATED: 1}


def test_deleting_keeps_to_its_bucket_and_is_resumed(runs: Runs) -> None:
    for n in range(40):
        add_snapshots(runs.ec2, f"vol-{n}", days=10)
    by = deployment(retention=KEEP_TWO)

    first = runs.run(by, seconds=20.1)

    assert statuses(first) == {Status.DELETED: 198, Status.UNFINISHED: 122}
    assert runs.region.throttled == {}
    assert statuses(runs.run(by)) == {Status.DELETED: 122}


def test_snapshot_gone_before_its_deletion_costs_no_request(runs: Runs) -> None:
    for n in range(40):
        add_snapshots(runs.ec2, f"vol-{n}", days=10)
    runs.ec2.inject(Fault("DescribeSnapshotAttribute", code="InvalidSnapshot.NotFound", times=None))
    began = runs.clock.now()

    outcomes = runs.run(deployment(retention=KEEP_TWO))

    assert statuses(outcomes) == {Status.DELETED: 320}
    assert runs.clock.now() - began < 1


def test_snapshots_in_error_go_with_the_next_run(runs: Runs) -> None:
    add_snapshots(runs.ec2, "vol-1", days=1)
    add_snapshots(runs.ec2, "vol-2", days=2, kept=2, fails=True)

    first = runs.run(deployment(retention=KEEP_TWO))
    runs.ec2.clock.advance(1)
    second = runs.run(deployment(retention=KEEP_TWO))

    assert (statuses(first), statuses(second)) == ({Status.ANNOUNCED: 2}, {Status.DELETED: 2})
    assert _left(runs, "vol-1") == ["snap-vol-1-001"]


# --- announcements ---


def _mark(runs: Runs, snapshot_id: str) -> str:
    return runs.ec2.regions[REGION].snapshots[snapshot_id].tags.get("ebs-backup:DeleteAfter", "")


def test_one_call_announces_many_snapshots(runs: Runs) -> None:
    for n in range(40):
        add_snapshots(runs.ec2, f"vol-{n}", days=7, kept=7)

    outcomes = runs.run(deployment(retention=KEEP_TWO))

    assert statuses(outcomes) == {Status.ANNOUNCED: 200}
    assert runs.actions()["CreateTags"] == 2
    assert {_mark(runs, o.snapshot_id or "") for o in outcomes} == {"2026-11-26T03:00:05Z"}


def test_announced_snapshots_go_only_after_the_delay(runs: Runs) -> None:
    ids = add_snapshots(runs.ec2, "vol-1", days=4, kept=4)
    by = deployment(retention=KEEP_TWO)

    assert statuses(runs.run(by)) == {Status.ANNOUNCED: 2}
    runs.ec2.clock.advance(3 * 24 * 3600 - 60)
    assert runs.run(by) == ()
    runs.ec2.clock.advance(120)
    assert statuses(runs.run(by)) == {Status.DELETED: 2}
    assert _left(runs, "vol-1") == ids[:2]


def test_announcement_is_withdrawn_when_a_rule_keeps_again(runs: Runs) -> None:
    ids = add_snapshots(runs.ec2, "vol-1", days=4)

    outcomes = runs.run(deployment(retention=Retention(last=3)))

    assert [(o.status, o.snapshot_id) for o in outcomes] == [(Status.WITHDRAWN, ids[2]), (Status.DELETED, ids[3])]
    assert _mark(runs, ids[2]) == ""


def test_snapshot_gone_meanwhile_costs_the_others_nothing(runs: Runs) -> None:
    ids = add_snapshots(runs.ec2, "vol-1", days=5, kept=5)

    def lose_one(_: object) -> None:
        runs.ec2.regions[REGION].remove(ids[3])

    runs.ec2.hooks.append(once("CreateTags", lose_one))
    outcomes = runs.run(deployment(retention=KEEP_TWO))

    assert statuses(outcomes) == {Status.ANNOUNCED: 2, Status.SKIPPED: 1}


def test_announcing_refused_for_one_fails_that_one(runs: Runs) -> None:
    ids = add_snapshots(runs.ec2, "vol-1", days=5, kept=5)

    def refuse(request: Request) -> None:
        if request.action == "CreateTags" and ids[4] in str(request.parameters):
            raise Ec2Refusal("TagPolicyViolation", "the organization's tag policy does not allow the value")

    runs.ec2.hooks.append(refuse)
    outcomes = runs.run(deployment(retention=KEEP_TWO))

    assert statuses(outcomes) == {Status.ANNOUNCED: 2, Status.FAILED: 1}


def test_orphans_go_only_if_ec2_says_their_volume_is_gone(runs: Runs) -> None:
    by = deployment(retention=KEEP_TWO, orphan_retention_days=1)
    by = replace(by, confirmed_retention=by.terms.code)
    add_snapshots(runs.ec2, "vol-gone", days=2, kept=0)
    add_instance(runs.ec2, "i-1", "vol-hidden")
    ids = add_snapshots(runs.ec2, "vol-hidden", days=2, kept=0)

    def hide(request: Request) -> None:
        """Leave a volume out of every answer, as a stale one would; a question by id still finds it."""
        if request.action == "DescribeVolumes":
            if any(key.startswith("VolumeId") for key in request.parameters):
                runs.ec2.regions[REGION].add(present)
            else:
                runs.ec2.regions[REGION].remove(present.id)

    present = runs.ec2.regions[REGION].volumes["vol-hidden"]
    runs.ec2.hooks.append(hide)
    runs.run(by)

    assert (_left(runs, "vol-gone"), _left(runs, "vol-hidden")) == ([], ids)
