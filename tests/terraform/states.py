"""Owns the question whether a state machine's definition makes sense to Step Functions; must not know what it is for.

The answers are those of the States Language, as far as states with JSONPath go: https://states-language.net/spec.html
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

State = Mapping[str, Any]
States = Mapping[str, State]

NEEDED = {
    "Task": {"Resource"},
    "Map": {"ItemProcessor"},
    "Choice": {"Choices"},
    "Wait": set[str](),
    "Pass": set[str](),
    "Fail": set[str](),
    "Succeed": set[str](),
}
LAST = {"Fail", "Succeed"}
SERVICE_ERRORS = {
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}
"""Those that AWS asks to retry: https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html."""


def machines(definition: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a definition and those of the maps within it."""
    yield definition
    for state in definition["States"].values():
        if state["Type"] == "Map":
            yield from machines(state["ItemProcessor"])


def faults(definition: Mapping[str, Any]) -> Iterator[str]:
    """Yield what Step Functions would not take, or what could not be meant."""
    for machine in machines(definition):
        states = machine["States"]
        yield from (f"{name} is never reached" for name in sorted(states.keys() - _reached(machine)))
        for name, state in states.items():
            yield from (f"{name} goes on to {after}, which is not there" for after in _nexts(state) - states.keys())
            yield from (f"{name}: {fault}" for fault in _state_faults(state))


def _reached(machine: Mapping[str, Any]) -> set[str]:
    reached: set[str] = set()
    ahead = {machine["StartAt"]}
    while ahead:
        reached |= ahead
        ahead = {n for name in ahead for n in _nexts(machine["States"].get(name, {}))} - reached
    return reached


def _nexts(state: State) -> set[str]:
    """Return the names of all states that may follow one."""
    rules = [state, *state.get("Catch", ()), *state.get("Choices", ())]
    return {rule["Next"] for rule in rules if "Next" in rule} | {state[key] for key in ("Default",) if key in state}


def _state_faults(state: State) -> Iterator[str]:
    type_ = state["Type"]
    yield from (f"lacks {key}" for key in sorted(NEEDED[type_] - state.keys()))
    if type_ not in {*LAST, "Choice"} and ("Next" in state) == ("End" in state):
        yield "must have either Next or End"
    if type_ == "Choice" and "Default" not in state:
        yield "fails where no choice fits"
    if type_ == "Task":
        yield from _task_faults(state)
    for kind in ("Retry", "Catch"):
        for handler, after in pairwise([*state.get(kind, ()), None]):
            if "States.ALL" in handler["ErrorEquals"] and (after or len(handler["ErrorEquals"]) > 1):
                yield f"{kind} has States.ALL neither alone nor last"


def _task_faults(state: State) -> Iterator[str]:
    if state.get("Catch", [{}])[-1].get("ErrorEquals") != ["States.ALL"]:
        yield "does not catch everything"
    if "TimeoutSeconds" not in state:
        yield "may wait for ever"
    retried = {error for retrier in state.get("Retry", ()) for error in retrier["ErrorEquals"]}
    if state.get("Resource", "").endswith(":lambda:invoke") and not retried >= SERVICE_ERRORS:
        yield "does not retry the errors of Lambda itself"
    elif not retried:
        yield "retries nothing"
