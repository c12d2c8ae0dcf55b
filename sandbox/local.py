"""The sandbox as a whole: a local AWS in this process, which tests can look into and steer."""

import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

from sandbox import backends, clients, patches
from sandbox.access import Access, Decision
from sandbox.clients import KEYS, Keys
from sandbox.control import Control
from sandbox.ec2 import Simulator
from sandbox.estate import load
from sandbox.events import Delivery, Events
from sandbox.functions import Functions
from sandbox.metrics import Metrics
from sandbox.server import Front, serve
from sandbox.state_machines import StateMachines

HOME_REGION: Final = "eu-west-1"
_one_at_a_time: Final = threading.Lock()


class Sandbox:
    """A local AWS for as long as its `with` block lasts.

    One at a time in a process, because moto keeps its state in the process; each starts with an empty account.
    """

    def __init__(self, estate: Mapping[str, Any] | str | Path | None = None, port: int = 0) -> None:
        self.ec2 = Simulator()
        self.access = Access()
        self.metrics = Metrics()
        self.endpoint = ""
        self._estate = estate
        self._port = port
        self._open = ExitStack()

    def __enter__(self) -> Self:
        if not _one_at_a_time.acquire(blocking=False):
            raise RuntimeError("another sandbox is running in this process")
        self._open.callback(_one_at_a_time.release)
        try:
            self._start()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _start(self) -> None:
        backends.reset()
        patches.install()
        load(self.ec2, self._estate or {})
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-"))
        self.functions = Functions(self.access, Path(folder), self.metrics)
        self.events = Events(self.access, self.functions, self.metrics)
        state_machines = StateMachines(self.access, self.ec2.clock.advance)
        control = Control(self.ec2, self.access, self.events)
        server = serve(Front(self.ec2, self.access, self.functions, state_machines, control), self._port)
        self._open.callback(server.server_close)
        self._open.callback(server.shutdown)
        self.endpoint = f"http://127.0.0.1:{server.server_port}"
        self.functions.endpoint = state_machines.endpoint = self.endpoint
        self._open.callback(self.functions.settle)

    def environment(self) -> dict[str, str]:
        """Give the environment variables that point Terraform, boto3 or the AWS CLI here, as administrator."""
        return {
            "AWS_ACCESS_KEY_ID": KEYS.access_key,
            "AWS_SECRET_ACCESS_KEY": KEYS.secret_key,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": HOME_REGION,
            "AWS_DEFAULT_REGION": HOME_REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, region: str = HOME_REGION, role_arn: str | None = None) -> Any:
        """Make a boto3 client of the administrator, or of a session of a role, for which policies are enforced."""
        keys = KEYS
        if role_arn is not None:
            given = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="sandbox")["Credentials"]
            keys = Keys(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        return clients.client(service, region, self.endpoint, keys)

    def tick(self, rule: str, region: str = HOME_REGION, time: str | None = None) -> list[Delivery]:
        """Deliver the event of a rule's schedule to its targets and wait for all that follows from it."""
        return self.events.tick(rule, region, time)

    @property
    def decisions(self) -> list[Decision]:
        """What was allowed and denied so far, oldest first."""
        return self.access.decisions
