"""The request: what one invocation asks for, and which regions it reaches.

A scheduled event asks for everything. A person may ask for less: some regions only, or a dry run; and for what a run by
hand leaves out, expiry. An event of either kind with a key too many is refused, since nobody would see it passed over.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.origin import scheduled_time
from ebs_backup.model.reader import MAX_SHOWN, ReadError, Rule, read

# AWS has fewer than 40 regions, and each one visited takes a thread.
MAX_REGIONS = 64
_REGION = re.compile(r"[a-z]{2,8}(-[a-z]{2,16}){1,4}-[0-9]{1,2}")
# As long as the name of an execution may be, which is the run id of one that is started by hand:
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,79}")

RegionName = Annotated[str, Rule("a region name such as eu-west-1", _REGION.fullmatch)]
RegionNames = Annotated[
    tuple[RegionName, ...],
    Rule(
        f"1 to {MAX_REGIONS} different regions, or be left out for all of the deployment's",
        lambda names: 0 < len(names) == len(set(names)) <= MAX_REGIONS,
    ),
]
RunId = Annotated[str, Rule("1 to 80 letters, digits or : . _ - and start with a letter or digit", _RUN_ID.fullmatch)]

# https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html
_EVENT_KEYS = ("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
_EVENT_TYPE = "Scheduled Event"

# How much the clocks of EventBridge, Lambda and a person may differ.
CLOCK_DIFFERENCE = timedelta(minutes=5)
# EventBridge and Lambda try to deliver an event for half a day at most. Test events of Lambda's console are of 1970.
MAX_EVENT_AGE = timedelta(days=1)


class RequestError(ValueError):
    """The payload is not one that the function takes: the message says which key, which rule and which value."""


@dataclass(frozen=True, slots=True)
class Request:
    """One run: its id, and what of the deployment it is narrowed to (no regions = all of the deployment's).

    Unless it `expires`, it announces and deletes nothing.
    """

    run_id: str
    dry_run: bool = False
    regions: tuple[str, ...] = ()
    expires: bool = False


@dataclass(frozen=True, slots=True)
class _Payload:
    """The keys that a person may send."""

    dry_run: bool = False
    expire: bool = False
    regions: RegionNames = ()
    run_id: RunId = ""


def parse_request(event: Any, request_id: str, deployment: Deployment, now: datetime) -> Request:
    """Read the invocation's event; a manual call without a run id takes its request id for one; raise RequestError.

    `now` is an aware datetime. The id of a run that is yet to come is refused: its snapshots would be there already.
    """
    scheduled = isinstance(event, dict) and event.get("source") == "aws.events"
    request = _of_schedule(event, now) if scheduled else _by_hand(event, request_id, now)
    check_scope(request.regions, deployment)
    _check_time(request.run_id, now)
    # A deployment that is a dry run stays one: a payload can narrow what a run does, never widen it.
    return replace(request, dry_run=request.dry_run or deployment.dry_run)


def regions_to_visit(deployment: Deployment, request: Request, enabled: Collection[str]) -> tuple[str, ...]:
    """Return the regions of this run, sorted: those asked for, else the deployment's, else all enabled ones."""
    scope = set(request.regions or deployment.regions or enabled) - set(deployment.exclude_regions)
    if not scope:
        raise RequestError(
            "the deployment's regions without its exclude_regions must leave at least one region; got none"
        )
    return tuple(sorted(scope))


def check_scope(regions: Collection[str], deployment: Deployment) -> None:
    """Raise RequestError if any of the regions is none of the deployment's."""
    outside = [
        r for r in regions if r in deployment.exclude_regions or (deployment.regions and r not in deployment.regions)
    ]
    if outside:
        raise RequestError(f"regions must be within the deployment's regions; got: {', '.join(outside)}")


def _of_schedule(event: Mapping[str, Any], now: datetime) -> Request:
    """Read what EventBridge sends at a scheduled time, and nothing that somebody added to it.

    The time stays the same however often EventBridge or Lambda delivers the event, so it names the run:
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html

    One that is older than any delivery is a test event, or a copy of an event: it backs up, but nothing expires.
    """
    if unknown := sorted(event.keys() - set(_EVENT_KEYS)):
        raise RequestError(f"keys of a scheduled event must be among {', '.join(_EVENT_KEYS)}; got: {_some(unknown)}")
    if (kind := event.get("detail-type", _EVENT_TYPE)) != _EVENT_TYPE:
        raise RequestError(f"detail-type of a scheduled event must be {_EVENT_TYPE}; got: {_shown(kind)}")
    if (detail := event.get("detail", {})) != {}:
        raise RequestError(f"detail of a scheduled event must be empty; got: {_shown(detail)}")
    run_id = event.get("time")
    at = scheduled_time(run_id) if isinstance(run_id, str) and _RUN_ID.fullmatch(run_id) else None
    if at is None:
        raise RequestError(
            f"time of a scheduled event must be a time such as 2026-11-23T03:00:00Z; got: {_shown(run_id)}"
        )
    return Request(str(run_id), expires=now - at <= MAX_EVENT_AGE)


def _by_hand(event: Any, request_id: str, now: datetime) -> Request:
    try:
        asked = read(_Payload, {"run_id": request_id, **event} if isinstance(event, dict) else event, "payload")
    except ReadError as error:
        raise RequestError(str(error)) from None
    at = scheduled_time(asked.run_id)
    if asked.expire and at is not None and now - at > MAX_EVENT_AGE:
        raise RequestError(f"expire must be false for a run of more than a day ago; got: {_shown(asked.run_id)}")
    return Request(asked.run_id, asked.dry_run, asked.regions, asked.expire)


def _check_time(run_id: str, now: datetime) -> None:
    at = scheduled_time(run_id)
    if at is not None and at - now > CLOCK_DIFFERENCE:
        raise RequestError(f"run_id must not be a time to come; it is {now:%Y-%m-%dT%H:%M:%SZ}; got: {_shown(run_id)}")


def _shown(value: object) -> str:
    return repr(value)[:MAX_SHOWN]


def _some(names: Collection[str]) -> str:
    return ", ".join(names)[:MAX_SHOWN]
