from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.ec2 import Clock, Ec2Error, Rate, Simulator
from tests.sandbox.worlds import HERE, NOW, client, refused

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client


def calls_until_refused(simulator: Simulator, action: str, region: str = HERE, **parameters: object) -> int:
    for done in range(1000):
        try:
            simulator.call(action, parameters, region=region)
        except Ec2Error as error:
            if error.code == "RequestLimitExceeded":
                return done
    return 1000


@pytest.mark.parametrize(
    ("action", "parameters", "burst"),
    [
        ("CreateSnapshot", {"VolumeId": "vol-gone"}, 100),
        ("CreateSnapshots", {"InstanceSpecification": {"InstanceId": "i-gone"}}, 100),
        ("CreateTags", {"Resources": [], "Tags": []}, 100),
        ("DeleteSnapshot", {"SnapshotId": "snap-gone"}, 100),
        ("CopySnapshot", {"SourceRegion": "x", "SourceSnapshotId": "snap-gone"}, 50),
        ("DescribeVolumes", {"MaxResults": 500}, 100),
        ("DescribeVolumes", {}, 50),
        ("DescribeRegions", {}, 100),
    ],
)
def test_each_action_has_the_burst_that_aws_publishes(
    simulator: Simulator, action: str, parameters: dict[str, Any], burst: int
) -> None:
    assert calls_until_refused(simulator, action, **parameters) == burst


def test_bucket_fills_at_the_published_rate(simulator: Simulator) -> None:
    assert calls_until_refused(simulator, "DeleteSnapshot", SnapshotId="snap-gone") == 100
    simulator.clock.advance(2)
    assert calls_until_refused(simulator, "DeleteSnapshot", SnapshotId="snap-gone") == 10
    simulator.clock.advance(3600)
    assert calls_until_refused(simulator, "DeleteSnapshot", SnapshotId="snap-gone") == 100


def test_actions_and_regions_have_buckets_of_their_own(simulator: Simulator) -> None:
    calls_until_refused(simulator, "CreateSnapshot", VolumeId="vol-gone")
    assert calls_until_refused(simulator, "CreateSnapshot", "us-east-1", VolumeId="vol-gone") == 100
    assert calls_until_refused(simulator, "DeleteSnapshot", SnapshotId="snap-gone") == 100


def test_refused_call_is_answered_with_503_which_clients_retry(simulator: Simulator, ec2: "EC2Client") -> None:
    simulator.limits.rates["DescribeRegions"] = Rate(burst=0, refill=0)
    with pytest.raises(Exception, match="RequestLimitExceeded") as caught:
        ec2.describe_regions()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503  # type: ignore[attr-defined]


def test_rates_can_be_changed_and_switched_off(simulator: Simulator) -> None:
    simulator.limits.rates["DeleteSnapshot"] = Rate(burst=3, refill=1)
    assert calls_until_refused(simulator, "DeleteSnapshot", SnapshotId="snap-gone") == 3
    simulator.limits.enabled = False
    assert calls_until_refused(simulator, "DeleteSnapshot", SnapshotId="snap-gone") == 1000


@given(waits=st.lists(st.floats(0, 30), max_size=30))
def test_calls_get_at_most_burst_and_refill(waits: list[float]) -> None:
    simulator = Simulator(Clock(NOW))
    simulator.limits.rates["DeleteSnapshot"] = Rate(burst=10, refill=5)
    done = calls_until_refused(simulator, "DeleteSnapshot", SnapshotId="snap-gone")
    for wait in waits:
        simulator.clock.advance(wait)
        done += calls_until_refused(simulator, "DeleteSnapshot", SnapshotId="snap-gone")
    assert done <= 10 + 5 * sum(waits) + 1e-6


def test_clients_share_one_limit(simulator: Simulator) -> None:
    one, other = client(simulator), client(simulator)
    simulator.limits.rates["DescribeRegions"] = Rate(burst=1, refill=0)
    one.describe_regions()
    with refused("RequestLimitExceeded"):
        other.describe_regions()
