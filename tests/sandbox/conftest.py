"""A simulator whose clock stands still, a boto3 client of it that needs no socket, and a whole sandbox."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from sandbox.ec2 import Clock, Simulator
from tests.sandbox.worlds import NOW, client

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

    from sandbox.local import Sandbox


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(Clock(NOW))


@pytest.fixture
def ec2(simulator: Simulator) -> "EC2Client":
    return client(simulator)


@pytest.fixture
def aws() -> Iterator["Sandbox"]:
    from sandbox import Sandbox  # noqa: PLC0415 - the tests of the simulator alone need not wait for moto

    with Sandbox() as running:
        yield running
