"""Owns the question whether a state machine's definition is valid and survives errors; must not know its purpose.

statelint knows the States Language: https://states-language.net/spec.html. The rules here go beyond the language.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from statelint.linter import Linter  # type: ignore[import-untyped]

State = Mapping[str, Any]

# The language takes any number from 1; statelint wants JSON's 2 to be 2.0, which Terraform cannot write.
MISTAKE_OF_STATELINT = "BackoffRate is 2 but should be a Float"
SERVICE_ERRORS = {
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}
"""AWS asks to retry these: https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html."""


def faults(definition: Mapping[str, Any]) -> Iterator[str]:
    """Yield what Step Functions would reject, and what would end an execution without need."""
    yield from (problem for problem in Linter.validate(definition) if not problem.endswith(MISTAKE_OF_STATELINT))
    for name, state in _states(definition):
        yield from (f"{name}: {fault}" for fault in _state_faults(state))


def _states(definition: Mapping[str, Any]) -> Iterator[tuple[str, State]]:
    """Yield the states of a definition and of its maps."""
    for name, state in definition["States"].items():
        yield name, state
        if state["Type"] == "Map":
            yield from _states(state["ItemProcessor"])


def _state_faults(state: State) -> Iterator[str]:
    if state["Type"] == "Choice" and "Default" not in state:
        yield "fails if no choice matches"
    if state["Type"] == "Task":
        yield from _task_faults(state)
    for kind in ("Retry", "Catch"):
        for handler, after in pairwise([*state.get(kind, ()), None]):
            if "States.ALL" in handler["ErrorEquals"] and (after or len(handler["ErrorEquals"]) > 1):
                yield f"{kind} must have States.ALL alone and last"


def _task_faults(state: State) -> Iterator[str]:
    if state.get("Catch", [{}])[-1].get("ErrorEquals") != ["States.ALL"]:
        yield "must catch every error"
    if "TimeoutSeconds" not in state:
        yield "must have a timeout"
    retried = {error for retrier in state.get("Retry", ()) for error in retrier["ErrorEquals"]}
    if state["Resource"].endswith(":lambda:invoke") and not retried >= SERVICE_ERRORS:
        yield "must retry the errors of Lambda itself"
    elif not retried:
        yield "must retry"
