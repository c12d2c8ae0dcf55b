from dataclasses import replace

import pytest

from ebs_backup.aws.ec2 import Region
from ebs_backup.aws.error import Ec2Error
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.retention import Retention
from ebs_backup.model.values import History
from ebs_backup.observe.region import observe, observe_history
from sandbox.ec2 import Ec2Error as Refusal
from sandbox.ec2 import Fault, Request, Simulator
from tests.unit.builders import RUN, deployment
from tests.unit.estates import add_instance, add_snapshots, add_volumes, detached

DAILY = Retention(daily=1)


def test_a_region_without_volumes_takes_three_calls(region: Region) -> None:
    observe(region, deployment(), RUN)

    assert region.calls == {"DescribeSnapshots": 2, "DescribeVolumes": 1}


def test_instances_are_described_only_where_volumes_of_theirs_are_left_out(ec2: Simulator, region: Region) -> None:
    add_instance(ec2, "i-whole", "vol-1", "vol-2")
    add_instance(ec2, "i-partial", "vol-3", "vol-4", "vol-5", skipped=("vol-5",))
    add_instance(ec2, "i-single", "vol-6", "vol-7", skipped=("vol-7",))

    world = observe(region, deployment(), RUN)

    assert world.root_devices == {"i-partial": "/dev/xvda", "i-single": "/dev/xvda"}


def test_without_sets_no_instance_is_described(ec2: Simulator, region: Region) -> None:
    add_instance(ec2, "i-partial", "vol-3", "vol-4", "vol-5", skipped=("vol-5",))

    observe(region, deployment(multi_volume_snapshots=False), RUN)

    assert "DescribeInstances" not in region.calls


def test_only_to_a_retention_every_snapshot_of_the_deployment_matters(ec2: Simulator, region: Region) -> None:
    add_snapshots(ec2, "vol-1", days=5)

    assert observe(region, deployment(retention=DAILY), RUN).snapshots == ()
    assert len(_history(region, deployment(retention=DAILY)).snapshots) == 5


def _history(region: Region, by: Deployment) -> History:
    return observe_history(region, by, observe(region, by, RUN))


def test_of_a_complete_snapshot_only_the_tags_are_kept_that_say_whose_it_is(ec2: Simulator, region: Region) -> None:
    _add_tags(ec2, add_snapshots(ec2, "vol-1", days=1)[0], {"Owner": "somebody", "ebs-backup:Device": "/dev/sdf"})

    (seen,) = _history(region, deployment(retention=DAILY)).snapshots

    assert seen.tags.keys() == {f"ebs-backup:{word}" for word in ("Policy", "RunId", "Region", "VolumeId")}


@pytest.mark.parametrize("volume_id", ["pending", "vol-other"])
def test_of_one_that_lacks_its_own_tags_all_are_kept(ec2: Simulator, region: Region, volume_id: str) -> None:
    _add_tags(ec2, add_snapshots(ec2, "vol-1", days=1)[0], {"Owner": "x", "ebs-backup:VolumeId": volume_id})

    (seen,) = _history(region, deployment(retention=DAILY)).snapshots

    assert seen.tags["Owner"] == "x"


def _add_tags(ec2: Simulator, snapshot_id: str, tags: dict[str, str]) -> None:
    snapshot = ec2.regions["eu-west-1"].snapshots[snapshot_id]
    ec2.regions["eu-west-1"].add(replace(snapshot, tags={**snapshot.tags, **tags}))


def test_whether_a_volume_still_exists_is_asked_only_if_it_makes_a_difference(ec2: Simulator, region: Region) -> None:
    add_snapshots(ec2, "vol-detached", days=2)
    add_snapshots(ec2, "vol-gone", days=2)
    ec2.regions["eu-west-1"].add(detached("vol-detached"))
    add_instance(ec2, "i-1", "vol-1")

    assert _history(region, deployment(retention=DAILY)).volume_ids == {"vol-1"}
    asked = _history(region, deployment(retention=DAILY, orphan_retention_days=30))
    assert asked.volume_ids == {"vol-1", "vol-detached"}


def test_half_a_world_is_none(ec2: Simulator, region: Region) -> None:
    add_volumes(ec2, 1001)
    ec2.hooks.append(_fail_second_page)

    with pytest.raises(Ec2Error, match="DescribeVolumes: UnauthorizedOperation"):
        observe(region, deployment(), RUN)


def _fail_second_page(request: Request) -> None:
    if request.parameters.get("NextToken"):
        raise Refusal("UnauthorizedOperation", "no more")


def test_reading_survives_throttling(ec2: Simulator, region: Region) -> None:
    add_volumes(ec2, 3)
    ec2.inject(Fault(code="RequestLimitExceeded", times=3))

    assert len(observe(region, deployment(), RUN).volumes) == 3
