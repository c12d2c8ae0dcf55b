"""Step Functions: makes state machines act as their role, and checks that role as AWS does.

moto interprets the definitions. The calls of their tasks reach the sandbox like any other request. Their pauses take no
time: EC2's clock moves instead.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.config import Config

from sandbox import backends, clients, patches
from sandbox.access import Access, Denied
from sandbox.answers import Refusal
from sandbox.authorization import log_delivery_needs
from sandbox.clients import Keys
from sandbox.ec2.model import ACCOUNT

_STATES: Final = "states.amazonaws.com"
_ONE_ATTEMPT: Final = Config(read_timeout=1000, retries={"total_max_attempts": 1})
"""A task waits as long as a function may run, and only its own Retry says whether to try again."""


class StateMachines:
    """The account's state machines; their tasks send requests to `endpoint`."""

    def __init__(self, access: Access, pause: Callable[[float], None]) -> None:
        self.endpoint = ""
        self._access = access
        self._pause = pause

    def prepare(self) -> None:
        """Replace the clients and pauses of moto's interpreter; the first time this takes a second."""
        patches.install_state_machines(self._client, self._pause)

    def check(self, parameters: Mapping[str, Any], region: str) -> None:
        """Refuse to create or update a state machine whose role cannot be assumed, or cannot deliver its log.

        Step Functions checks both at once: "The state machine IAM Role is not authorized to access the Log
        Destination".
        """
        arn = (
            parameters.get("stateMachineArn") or f"arn:aws:states:{region}:{ACCOUNT}:stateMachine:{parameters['name']}"
        )
        role = _role(parameters.get("roleArn") or backends.role_of_state_machine(arn) or "")
        logs = parameters.get("loggingConfiguration", {}).get("level", "OFF") != "OFF"
        try:
            self._access.require_trust(_STATES, role, {"aws:SourceArn": arn, "aws:SourceAccount": ACCOUNT})
            self._access.require(backends.assume(role, "states", region), log_delivery_needs() if logs else [], region)
        except Denied as denied:
            raise Refusal("AccessDeniedException", str(denied)) from denied

    def _client(self, service: str, region: str, role_arn: str) -> Any:
        """Make a client of a session of a state machine's role."""
        session = backends.assume(_role(role_arn), "states", region)
        keys = Keys(session.access_key, session.secret_key, session.token)
        return clients.client(service, region, self.endpoint, keys, _ONE_ATTEMPT)


def _role(arn: str) -> backends.Role:
    role = backends.role(arn)
    if role is None:
        raise Refusal("AccessDeniedException", f"The role {arn} does not exist.")
    return role
