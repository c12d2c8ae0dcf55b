"""The function against the simulator of EC2, in one process and in simulated time."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import boto3
import pytest

from ebs_backup.aws import ec2 as function_ec2
from ebs_backup.aws.ec2 import Region
from sandbox.ec2 import Clock, Simulator
from tests.unit.builders import REGION
from tools.simulated import SimulatedTime, connected

__all__ = ["Connect", "SimulatedTime"]


@pytest.fixture
def ec2() -> Simulator:
    """EC2 at three o'clock in the morning."""
    return Simulator(Clock(stopped_at=datetime(2026, 11, 23, 3, 0, 5, tzinfo=UTC)))


@pytest.fixture
def clock(ec2: Simulator) -> SimulatedTime:
    return SimulatedTime(ec2)


@pytest.fixture(scope="session")
def session() -> boto3.Session:
    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)


Connect = Callable[..., Region]


@pytest.fixture
def connect(ec2: Simulator, clock: SimulatedTime, session: boto3.Session) -> Iterator[Connect]:
    """Return what connects to a region of the simulator by the function's own means."""
    with connected(ec2, session):
        yield lambda name, deadline=float("inf"): function_ec2.connect(name, clock, deadline)


@pytest.fixture
def region(connect: Connect) -> Region:
    return connect(REGION)
