"""The function against the simulator of EC2, in one process and in simulated time."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import boto3
import pytest

from ebs_backup.aws import clients
from ebs_backup.aws import ec2 as function_ec2
from ebs_backup.aws.ec2 import Region
from sandbox.ec2 import Clock, Simulator, attach
from tests.unit.builders import REGION


class SimulatedTime:
    """The function's clock, driven by the simulator's: waiting takes no time and moves EC2's clock along."""

    def __init__(self, simulator: Simulator) -> None:
        self._clock = simulator.clock

    def now(self) -> float:
        return self._clock.now().timestamp()

    def utc(self) -> datetime:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        self._clock.advance(seconds)

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        if seconds is None:
            condition.wait()
        else:
            self._clock.advance(max(seconds, 1e-6))  # a datetime knows nothing shorter


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
def connect(
    ec2: Simulator, clock: SimulatedTime, session: boto3.Session, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connect]:
    """Return what connects to a region of the simulator by the function's own means."""
    clients._ec2_client.cache_clear()
    create = session.client

    def client(service: str, **options: object) -> object:
        made = create(service, **options)  # type: ignore[call-overload]
        attach(made, ec2)
        return made

    monkeypatch.setattr(session, "client", client)
    monkeypatch.setattr(clients, "session", lambda: session)
    yield lambda name, deadline=float("inf"): function_ec2.connect(name, clock, deadline)
    clients._ec2_client.cache_clear()


@pytest.fixture
def region(connect: Connect) -> Region:
    return connect(REGION)
