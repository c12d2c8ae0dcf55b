"""EventBridge's schedules: delivers the event of a rule when a test asks; no schedule fires by itself."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from moto.events.models import Rule

from sandbox import backends
from sandbox.access import Access, Denied
from sandbox.authorization import sending_needs
from sandbox.backends import Execution
from sandbox.ec2.model import ACCOUNT
from sandbox.functions import Attempt, Functions, Outcome
from sandbox.iam import Need
from sandbox.metrics import OF_EXECUTIONS, Metrics
from sandbox.patches import DeployedFunction

_EVENTS: Final = "events.amazonaws.com"
_PLACEHOLDER: Final = re.compile(r'<(?P<name>[\w.-]+)>|(?P<other>\\.|")', re.DOTALL)


class NoSuchRule(Exception):  # noqa: N818 - says what it is
    """There is no rule of this name in this region."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one event for one target.

    `attempts`, `reported_to` and `undeliverable` are those of the asynchronous invocation that a delivery starts;
    `execution` is that of a state machine.
    """

    target: str
    event: str
    delivered: bool
    reason: str = ""
    dead_letter_queue: str | None = None
    attempts: tuple[Attempt, ...] = ()
    reported_to: tuple[str, ...] = ()
    undeliverable: tuple[str, ...] = ()
    execution: Execution | None = None


class Events:
    """The rules of the account's default event buses."""

    def __init__(self, access: Access, functions: Functions, metrics: Metrics) -> None:
        self._access = access
        self._metrics = metrics
        self._functions = functions

    def tick(self, name: str, region: str, time: str | None = None) -> list[Delivery]:
        """Deliver the event that a rule's schedule sends at a time, by default now.

        The same time twice delivers the same event twice. A disabled rule delivers nothing.
        """
        rule = backends.rule(name, region)
        if rule is None:
            raise NoSuchRule(f"{name} in {region}")
        if rule.state != "ENABLED":
            return [Delivery(t["Arn"], "", delivered=False, reason=f"rule {rule.state}") for t in rule.targets]
        event = scheduled_event(rule, time or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        return [self._deliver(rule, target, event) for target in rule.targets]

    def _deliver(self, rule: Rule, target: Mapping[str, Any], event: Mapping[str, Any]) -> Delivery:
        arn, text = target["Arn"], input_of(target, event)
        try:
            result = self._handed_over(rule, target, text)
        except _Undeliverable as failure:
            queue = target.get("DeadLetterConfig", {}).get("Arn")
            kept = queue is not None and self._keep(rule, target, text, failure)
            if queue is not None and not kept:
                self._metrics.send("AWS/Events", "InvocationsFailedToBeSentToDlq", {"RuleName": rule.name})
            return Delivery(arn, text, delivered=False, reason=str(failure), dead_letter_queue=queue if kept else None)
        return Delivery(arn, text, delivered=True, **result)

    def _handed_over(self, rule: Rule, target: Mapping[str, Any], text: str) -> dict[str, Any]:
        service = target["Arn"].split(":")[2]
        try:
            return _HANDED_OVER[service](self, rule, target, text)
        except Denied as denied:
            raise _Undeliverable("NO_PERMISSIONS", str(denied)) from denied

    def invoke_function(self, rule: Rule, target: Mapping[str, Any], text: str) -> dict[str, Any]:
        """Invoke a function, whose own policy must let this rule do so."""
        self._access.require_service(_EVENTS, [Need("lambda:InvokeFunction", target["Arn"], _source(rule))])
        function = backends.function(target["Arn"], rule.region_name)
        if not isinstance(function, DeployedFunction):
            raise _Undeliverable("RESOURCE_NOT_FOUND", "the function does not exist")
        outcome = self._functions.invoke_asynchronously(function, text)
        return {field.name: getattr(outcome, field.name) for field in fields(Outcome)}

    def start_execution(self, rule: Rule, target: Mapping[str, Any], text: str) -> dict[str, Any]:
        """Start an execution of a state machine as the target's role, which must trust EventBridge."""
        role = backends.role(target.get("RoleArn", ""))
        if role is None:
            raise _Undeliverable("NO_PERMISSIONS", "the target's role does not exist")
        self._access.require_trust(_EVENTS, role, _source(rule))
        session = backends.assume(role, "events", rule.region_name)
        self._access.require(session, [Need("states:StartExecution", target["Arn"])], rule.region_name)
        if backends.role_of_state_machine(target["Arn"]) is None:
            raise _Undeliverable("RESOURCE_NOT_FOUND", "the state machine does not exist")
        execution = backends.execute(target["Arn"], str(uuid4()), text)
        if metric := OF_EXECUTIONS.get(execution.status):
            self._metrics.send("AWS/States", metric, {"StateMachineArn": target["Arn"]})
        return {"execution": execution}

    def _keep(self, rule: Rule, target: Mapping[str, Any], event: str, failure: "_Undeliverable") -> bool:
        """Send an event to a dead-letter queue, whose policy, and whose key's policy, must let EventBridge do so."""
        queue, source = target["DeadLetterConfig"]["Arn"], _source(rule)
        try:
            sending = sending_needs(queue, backends.key_of(queue))
            needs = [Need(n.action, n.resource, {**n.context, **source}) for n in sending]
            self._access.require_service(_EVENTS, needs)
        except (Denied, backends.NoSuchDestination):
            return False
        attributes = {
            "RULE_ARN": rule.arn,
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": failure.code,
            "ERROR_MESSAGE": failure.reason,
        }
        backends.send(queue, event, attributes)
        return True


class _Undeliverable(Exception):  # noqa: N818 - EventBridge goes on with the dead-letter queue
    """A target cannot be reached, and trying again would not help."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


_HANDED_OVER: Final[Mapping[str, Callable[[Events, Rule, Mapping[str, Any], str], dict[str, Any]]]] = {
    "lambda": Events.invoke_function,
    "states": Events.start_execution,
}


def _source(rule: Rule) -> dict[str, str]:
    return {"aws:SourceArn": rule.arn, "aws:SourceAccount": ACCOUNT, "aws:SecureTransport": "true"}


def scheduled_event(rule: Rule, time: str) -> dict[str, Any]:
    """Write the event of a schedule."""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": time,
        "region": rule.region_name,
        "resources": [rule.arn],
        "detail": {},
    }


def input_of(target: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """Give the text a target gets: its own constant, its transformed view of the event, or the event."""
    if "Input" in target:
        return str(target["Input"])
    if "InputTransformer" in target:
        return transformed(target["InputTransformer"], event)
    return json.dumps(event)


def transformed(transformer: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """Fill a template: a placeholder becomes a JSON value, and within quotes the bare text of one."""
    paths = transformer.get("InputPathsMap", {})
    values = {name: _at(path, event) for name, path in paths.items()} | {"aws.events.event.json": event}
    quoted = False

    def fill(found: re.Match[str]) -> str:
        nonlocal quoted
        if found["other"]:
            quoted ^= found["other"] == '"'
            return found["other"]
        value = values.get(found["name"], found[0])
        return value if quoted and isinstance(value, str) else json.dumps(value)

    return _PLACEHOLDER.sub(fill, transformer["InputTemplate"])


def _at(path: str, event: Mapping[str, Any]) -> Any:
    """Follow a path such as `$.detail.volumes[0]` into an event; what is not there is null."""
    value: Any = event
    for step in re.findall(r"[^.\[\]$]+", path):
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, TypeError, ValueError):
            return None
    return value
