"""Corrections to moto, so that Terraform converges and functions run as deployed."""

import logging
import sys
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any, Final
from uuid import uuid4

from moto.awslambda import models
from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.core.config import default_user_config
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket


class DeployedFunction(LambdaFunction):
    """A function that keeps its logging configuration, dead-letter queue and later changes of its key."""

    def __init__(self, account_id: str, spec: dict[str, Any], region: str, version: str | int = 1) -> None:
        super().__init__(account_id, spec, region, version)
        self.kept = {name: spec[name] for name in _KEPT if spec.get(name)}

    @property
    def logging(self) -> dict[str, str]:
        """The logging configuration with Lambda's defaults; levels can be set for JSON only."""
        given: dict[str, str] = self.kept.get("LoggingConfig", {})
        levels = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}
        defaults = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{self.function_name}"}
        return defaults | (levels if given.get("LogFormat") == "JSON" else {}) | given

    @property
    def dead_letter_arn(self) -> str | None:
        """The queue or topic for events that failed for good."""
        arn: str | None = self.kept.get("DeadLetterConfig", {}).get("TargetArn")
        return arn

    @property
    def invoke_config(self) -> dict[str, Any]:
        """How asynchronous invocations are retried and where their outcome goes."""
        return self.event_invoke_config[-1].config if self.event_invoke_config else {}

    def get_configuration(self, on_create: bool = False) -> dict[str, Any]:
        """Show the configuration with what was kept."""
        shown = super().get_configuration(on_create) | {"LoggingConfig": self.logging}
        if self.dead_letter_arn:
            shown["DeadLetterConfig"] = self.kept["DeadLetterConfig"]
        return shown

    def update_configuration(self, config_updates: dict[str, Any]) -> dict[str, Any]:
        """Change the configuration, what moto would pass over included."""
        self.kept |= {name: config_updates[name] for name in _KEPT if name in config_updates}
        self.kms_key_arn = config_updates.get("KMSKeyArn", self.kms_key_arn)
        if "EphemeralStorage" in config_updates:
            self.ephemeral_storage = config_updates["EphemeralStorage"]["Size"]
        return super().update_configuration(config_updates)


_KEPT: Final = ("DeadLetterConfig", "LoggingConfig")
_put_invoke_config: Final = LambdaBackend.put_function_event_invoke_config


def _replace_invoke_config(backend: LambdaBackend, function_name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Put a new configuration in the place of the old one, which moto would keep showing."""
    backend.get_function(function_name).event_invoke_config.clear()
    return _put_invoke_config(backend, function_name, config)


def _leave_to_access(_: FakeBucket, action: str, resource: str) -> PermissionResult:  # noqa: ARG001 - moto's
    """Judge no bucket policy: moto takes a Deny whose condition is not met for one that is."""
    return PermissionResult.NEUTRAL


def install_state_machines(client_of: Callable[[str, str, str], Any], pause: Callable[[float], None]) -> None:
    """Give the tasks of state machines our clients, by service, region and role, and call `pause` instead of sleeping.

    moto would use its own keys, and sleep. Loading its interpreter for this takes a second.
    """
    from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl  # noqa: PLC0415 - see above
    from moto.stepfunctions.parser.asl.component.state.wait.wait_function import wait_function  # noqa: PLC0415
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend  # noqa: PLC0415

    def client_for(region: str, service: str, state_credentials: Any) -> Any:
        return client_of(service, region, state_credentials.role_arn)

    logging.getLogger("moto.stepfunctions").addHandler(logging.NullHandler())  # an execution itself tells how it ended
    _start_execution()
    loaded = [module for name, module in sys.modules.items() if name.startswith("moto.stepfunctions.")]
    for owner, name, ours in [
        *((module, "boto_client_for", client_for) for module in loaded if hasattr(module, "boto_client_for")),
        (wait_function.WaitFunction, "_wait_interval", lambda _, env, wait_seconds: pause(wait_seconds)),  # noqa: ARG005
        (retrier_decl, "time", SimpleNamespace(sleep=pause)),
        (StepFunctionsParserBackend, "start_execution", _start_named),
    ]:
        setattr(owner, name, ours)


@cache
def _start_execution() -> Callable[..., Any]:
    """Remember how moto starts an execution."""
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend  # noqa: PLC0415 - takes a second

    return StepFunctionsParserBackend.start_execution


def _start_named(backend: Any, state_machine: str, name: str | None = None, *arguments: Any, **more: Any) -> Any:
    """Start an execution under a name, for which moto would take "None" if none is given."""
    return _start_execution()(backend, state_machine, name or str(uuid4()), *arguments, **more)


def install() -> None:
    """Put the changes in place; doing so again changes nothing."""
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    setattr(models, LambdaFunction.__name__, DeployedFunction)
    setattr(LambdaBackend, _put_invoke_config.__name__, _replace_invoke_config)
    setattr(FakeBucket, FakeBucket.get_permission.__name__, _leave_to_access)
