"""The request: what one invocation asks for, and which regions it reaches.

A scheduled event asks for everything; a person may ask for less: some regions only, or a dry run.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.reader import ReadError, Rule, read

_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
# As long as the name of an execution may be, which is the run id of one that is started by hand:
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,79}")

RegionName = Annotated[str, Rule("a region name such as eu-west-1", _REGION.fullmatch)]
RegionNames = Annotated[
    tuple[RegionName, ...], Rule("one region at least, or be left out for all of the deployment's", bool)
]
RunId = Annotated[str, Rule("1 to 80 letters, digits or : . _ - and start with a letter or digit", _RUN_ID.fullmatch)]


class RequestError(ValueError):
    """The payload is not one that the function takes: the message says which key, which rule and which value."""


@dataclass(frozen=True, slots=True)
class Request:
    """One run: its id, and what of the deployment it is narrowed to (no regions = all of the deployment's)."""

    run_id: str
    dry_run: bool = False
    regions: tuple[str, ...] = ()
    expires: bool = False


@dataclass(frozen=True, slots=True)
class _Payload:
    """What a person may ask for."""

    dry_run: bool = False
    regions: RegionNames = ()
    run_id: RunId = ""


def parse_request(event: Any, request_id: str, deployment: Deployment) -> Request:
    """Read the invocation's event; a manual call without a run id takes its request id for one; raise RequestError.

    A scheduled event's `time` is the scheduled time and stays the same however often EventBridge or Lambda
    delivers it, so it names the run. A rule delivers at least once:
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
    """
    scheduled = False
    if isinstance(event, dict):
        scheduled = event.get("source") == "aws.events"
        event = {"run_id": event.get("time")} if scheduled else {"run_id": request_id, **event}
    try:
        asked = read(_Payload, event, "payload")
    except ReadError as error:
        raise RequestError(str(error)) from None
    _check_scope(asked.regions, deployment)
    # A deployment that is a dry run stays one: a payload can narrow what a run does, never widen it.
    return Request(asked.run_id, asked.dry_run or deployment.dry_run, asked.regions, scheduled)


def regions_to_visit(deployment: Deployment, request: Request, enabled: Collection[str]) -> tuple[str, ...]:
    """Return the regions of this run, sorted: those asked for, else the deployment's, else all enabled ones."""
    scope = set(request.regions or deployment.regions or enabled) - set(deployment.exclude_regions)
    if not scope:
        raise RequestError(
            "the deployment's regions without its exclude_regions must leave at least one region; got none"
        )
    return tuple(sorted(scope))


def _check_scope(regions: Collection[str], deployment: Deployment) -> None:
    outside = [
        r for r in regions if r in deployment.exclude_regions or (deployment.regions and r not in deployment.regions)
    ]
    if outside:
        raise RequestError(f"regions must be within the deployment's regions; got: {', '.join(outside)}")
