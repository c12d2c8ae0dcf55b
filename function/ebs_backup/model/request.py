"""The request: what one invocation asks for, and which regions it reaches.

A scheduled event asks for everything; a person may ask for less: some regions only, or a dry run.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ebs_backup.model.deployment import Deployment, strings

_MANUAL_KEYS = ("dry_run", "regions", "run_id")
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
# As long as the name of an execution may be, which is the run id of one that is started by hand:
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,79}")


class RequestError(ValueError):
    """The invocation's payload is not one the function takes: says which key, which rule and which value."""


@dataclass(frozen=True, slots=True)
class Request:
    """One run: its id, and what of the deployment it is narrowed to (no regions = all of the deployment's)."""

    run_id: str
    dry_run: bool = False
    regions: tuple[str, ...] = ()


def parse_request(event: Any, request_id: str, deployment: Deployment) -> Request:
    """Read the invocation's event; a manual call without a run id takes its request id for one.

    A scheduled event's `time` is the scheduled time and stays the same however often EventBridge or Lambda
    delivers it, so it names the run. A rule delivers at least once:
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
    """
    if not isinstance(event, dict):
        raise RequestError(f"the payload must be a JSON object; got: {event!r}")
    if event.get("source") == "aws.events":
        return Request(run_id=_run_id(event.get("time")), dry_run=deployment.dry_run)
    if unknown := sorted(event.keys() - set(_MANUAL_KEYS)):
        raise RequestError(f"payload keys must be among {', '.join(_MANUAL_KEYS)}; got: {', '.join(unknown)}")
    return Request(
        run_id=_run_id(event.get("run_id", request_id)),
        dry_run=_dry_run(event, deployment),
        regions=_regions(event, deployment),
    )


def regions_to_visit(deployment: Deployment, request: Request, enabled: Collection[str]) -> tuple[str, ...]:
    """Return the regions of this run, sorted: those asked for, else the deployment's, else all enabled ones."""
    scope = set(request.regions or deployment.regions or enabled) - set(deployment.exclude_regions)
    if not scope:
        raise RequestError(
            "the deployment's regions without its exclude_regions must leave at least one region; got none"
        )
    return tuple(sorted(scope))


def _run_id(value: Any) -> str:
    if not isinstance(value, str) or not _RUN_ID.fullmatch(value):
        raise RequestError(
            f"run_id must be 1 to 80 letters, digits or : . _ - and start with a letter or digit; got: {value!r}"
        )
    return value


def _dry_run(event: Mapping[str, Any], deployment: Deployment) -> bool:
    value = event.get("dry_run", deployment.dry_run)
    if not isinstance(value, bool):
        raise RequestError(f"dry_run must be true or false; got: {value!r}")
    # A deployment that is a dry run stays one: a payload can narrow what a run does, never widen it.
    return value or deployment.dry_run


def _regions(event: Mapping[str, Any], deployment: Deployment) -> tuple[str, ...]:
    if "regions" not in event:
        return ()
    try:
        regions = strings("regions", event["regions"])
    except ValueError as error:
        raise RequestError(str(error)) from None
    if not regions:
        raise RequestError("regions must name at least one region, or be left out for all of the deployment's; got: []")
    if malformed := [r for r in regions if not _REGION.fullmatch(r)]:
        raise RequestError(f"regions must be region names such as eu-west-1; got: {', '.join(malformed)}")
    outside = [
        r for r in regions if r in deployment.exclude_regions or (deployment.regions and r not in deployment.regions)
    ]
    if outside:
        raise RequestError(f"regions must be within the deployment's regions; got: {', '.join(outside)}")
    return regions
