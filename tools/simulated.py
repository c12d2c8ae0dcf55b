"""The function against the simulator of EC2, in one process and in simulated time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from unittest import mock

import boto3

from ebs_backup.aws import clients
from ebs_backup.aws.clock import Clock
from sandbox.ec2 import Simulator, attach


class SimulatedTime(Clock):
    """The function's clock, driven by the simulator's: waiting takes no time and moves EC2's clock along."""

    def __init__(self, simulator: Simulator) -> None:
        self._clock = simulator.clock

    def now(self) -> float:
        """Return seconds on a clock that never goes back."""
        return self._clock.now().timestamp()

    def utc(self) -> datetime:
        """Return the date and time."""
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """Let seconds pass."""
        self._clock.advance(seconds)

    def wait(self, condition: threading.Condition, seconds: float | None) -> None:
        """Let seconds pass, or wait for the condition if there is no number of them."""
        if seconds is None:
            condition.wait()
        else:
            self._clock.advance(max(seconds, 1e-6))  # a datetime knows nothing shorter


@contextmanager
def connected(simulator: Simulator, session: boto3.Session) -> Iterator[None]:
    """Let the function's clients, which it makes by its own means, reach the simulator."""
    create = session.client

    def client(service: str, **options: object) -> object:
        made = create(service, **options)  # type: ignore[call-overload]
        attach(made, simulator)
        return made

    clients._ec2_client.cache_clear()
    with mock.patch.object(session, "client", client), mock.patch.object(clients, "session", return_value=session):
        yield
    clients._ec2_client.cache_clear()
