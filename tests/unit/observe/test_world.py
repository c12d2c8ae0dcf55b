import pytest

from ebs_backup.aws.ec2 import Region
from ebs_backup.aws.error import Ec2Error
from ebs_backup.observe.world import observe_world
from sandbox.ec2 import Ec2Error as Refusal
from sandbox.ec2 import Fault, Request, Simulator
from tests.unit.builders import RUN, deployment
from tests.unit.estates import add_instance, add_snapshots, add_volumes


def test_region_without_volumes_takes_three_calls(region: Region) -> None:
    observe_world(region, deployment(), RUN)

    assert region.calls == {"DescribeSnapshots": 2, "DescribeVolumes": 1}


def test_instance_is_described_only_where_a_volume_is_left_out(ec2: Simulator, region: Region) -> None:
    add_instance(ec2, "i-whole", "vol-1", "vol-2")
    add_instance(ec2, "i-partial", "vol-3", "vol-4", "vol-5", skipped=("vol-5",))
    add_instance(ec2, "i-single", "vol-6", "vol-7", skipped=("vol-7",))

    world = observe_world(region, deployment(), RUN)

    assert world.root_devices == {"i-partial": "/dev/xvda", "i-single": "/dev/xvda"}


def test_no_instance_is_described_without_sets(ec2: Simulator, region: Region) -> None:
    add_instance(ec2, "i-partial", "vol-3", "vol-4", "vol-5", skipped=("vol-5",))

    observe_world(region, deployment(multi_volume_snapshots=False), RUN)

    assert "DescribeInstances" not in region.calls


def test_snapshots_of_other_runs_are_left_to_the_history(ec2: Simulator, region: Region) -> None:
    add_snapshots(ec2, "vol-1", days=5)

    assert observe_world(region, deployment(), RUN).snapshots == ()


def test_observation_fails_when_a_page_is_denied(ec2: Simulator, region: Region) -> None:
    add_volumes(ec2, 1001)
    ec2.hooks.append(_fail_second_page)

    with pytest.raises(Ec2Error, match="DescribeVolumes: UnauthorizedOperation"):
        observe_world(region, deployment(), RUN)


def _fail_second_page(request: Request) -> None:
    if request.parameters.get("NextToken"):
        raise Refusal("UnauthorizedOperation", "no more")


def test_observation_survives_throttling(ec2: Simulator, region: Region) -> None:
    add_volumes(ec2, 3)
    ec2.inject(Fault(code="RequestLimitExceeded", times=3))

    assert len(observe_world(region, deployment(), RUN).volumes) == 3
