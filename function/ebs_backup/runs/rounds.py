"""The workflow: a run in steps, for a state machine that invokes the function for each: begin, visit, finish.

A region is visited round after round until nothing is left to do there, so that a run may take longer than one
invocation. Between the steps goes what fits into a few hundred bytes a region; what a region's rounds came to is in
the bucket. Says when there is another round, and knows nothing of how one is made.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ebs_backup.aws.clock import Clock
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.reader import ShapeError, read
from ebs_backup.model.request import Request, RequestError, parse_request
from ebs_backup.model.values import Problem
from ebs_backup.report.document import Run, log_region, log_round
from ebs_backup.report.publish import publish
from ebs_backup.report.region import RegionReport, RegionResult, combined, region_report
from ebs_backup.report.store import StoreError, store_region, stored_region
from ebs_backup.runs.backup import MAX_ACTIONS, begin
from ebs_backup.runs.visit import Visitor

# Rounds in a row that came no nearer to the end, after which there is no other: as often as Lambda invokes a function
# that fails, https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
MAX_STALLED = 3
# An execution ends at 25,000 events. A round has some 10 of them, and as many as 40 regions share an execution:
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
MAX_ROUNDS = 40

# Seconds until EC2's bucket of 100 requests, refilled at 5 a second, is full: a round that ran out of time has left it
# empty, and the next one starts with a burst. Nothing is lost by the pause, since what EC2 refills meanwhile stays.
REFILLED = 20
# Seconds after a round that came no nearer, and twice that after two: as long as Lambda waits before its retries.
PAUSE = 60


@dataclass(frozen=True, slots=True)
class Started:
    """What the steps know of the run: `narrowed` if it is of chosen regions only, `regions` is how many there are.

    Two executions may be at the same run; what each did is kept apart by its name.
    """

    run_id: str
    execution: str
    dry_run: bool
    started_at: str
    narrowed: bool
    regions: int


@dataclass(frozen=True, slots=True)
class Begin:
    """The first step's payload: the execution's input and name."""

    step: str
    event: Any
    execution: str


@dataclass(frozen=True, slots=True)
class Visit:
    """The payload of one round in one region.

    `stalled` counts the rounds before it that came no nearer to the end, `retries` the attempts at this round before.
    """

    step: str
    run: Started
    region: str
    round: int
    stalled: int
    retries: int


@dataclass(frozen=True, slots=True)
class Crash:
    """How Step Functions tells of an invocation that failed."""

    Error: str
    Cause: str = ""


@dataclass(frozen=True, slots=True)
class Visited:
    """A region whose rounds are over, by themselves or by a crash."""

    region: str
    rounds: int | None = None
    error: Crash | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """The last step's payload."""

    step: str
    run: Started
    visits: tuple[Visited, ...]


@dataclass(frozen=True, slots=True)
class Next:
    """What follows a round: whether there is another one, after how many seconds, and what it is to know."""

    again: bool
    wait_seconds: int
    round: int
    stalled: int


def following(so_far: RegionReport, last: RegionReport, number: int, stalled: int) -> Next:
    """Decide what follows a round, by the rounds so far together, the last one alone, its number and those stalled.

    A round comes no nearer to the end if it changed nothing, or if it had time for everything and yet left failures.
    Any other got further by at least one snapshot, so that it ends; the number of rounds is limited all the same.
    """
    nearer = so_far.known.unfinished > 0 and last.work.changed_anything
    stalled = 0 if nearer else stalled + 1
    useful = so_far.curable and not so_far.dry_run
    again = useful and _may_go_on(number, stalled)
    wait = (PAUSE * stalled or REFILLED) if again else 0
    return Next(again, wait, number + 1, stalled)


def _may_go_on(number: int, stalled: int) -> bool:
    """Tell whether another round may follow that many, of which the last `stalled` came no nearer to the end."""
    return number < MAX_ROUNDS and stalled < MAX_STALLED


@dataclass(frozen=True, slots=True)
class Workflow:
    """The steps of one deployment's runs."""

    deployment: Deployment
    home_region: str
    clock: Clock
    deadline: float

    def take(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Take a step and return its answer; raise RequestError for a payload that is none."""
        if not (self.deployment.rounds_prefix and self.deployment.report_bucket):
            raise RequestError(f"step must be left out unless engine is step_functions; got: {payload['step']!r}")
        try:
            match payload["step"]:
                case "begin":
                    return self._begin(read(Begin, payload, "begin"))
                case "visit":
                    return self._visit(read(Visit, payload, "visit"))
                case "finish":
                    return self._finish(read(Finish, payload, "finish"))
        except ShapeError as error:
            raise RequestError(str(error)) from None
        raise RequestError(f"step must be among begin, visit, finish; got: {payload['step']!r}")

    def _begin(self, asked: Begin) -> dict[str, Any]:
        at, request = self.clock.utc(), parse_request(asked.event, asked.execution, self.deployment)
        regions = begin(
            self.deployment, request, home_region=self.home_region, clock=self.clock, deadline=self.deadline
        )
        started = Started(
            run_id=request.run_id,
            execution=asked.execution,
            dry_run=request.dry_run,
            started_at=at.isoformat(),
            narrowed=bool(request.regions),
            regions=len(regions),
        )
        return {"run": asdict(started), "regions": list(regions)}

    def _visit(self, asked: Visit) -> dict[str, Any]:
        """Make a round, and keep what the region's rounds came to so far.

        A round that is made again, since it crashed or its answer was lost, is one round more, and nothing counts
        twice: what an attempt lived to tell stays told, what it did else is found already there.
        """
        if asked.round < 1 or asked.stalled < 0 or asked.retries < 0:
            got = f"{asked.round}, {asked.stalled}, {asked.retries}"
            raise RequestError(f"round must be 1 or more, stalled and retries 0 or more; got: {got}")
        request = self._request(asked.run, regions=[asked.region])
        visitor = Visitor(
            deployment=self.deployment,
            request=request,
            at=_started_at(asked.run),
            clock=self.clock,
            deadline=self.deadline,
            goes_on=_may_go_on(asked.round, asked.stalled + 1),
        )
        last = region_report(visitor.visit(asked.region), listed=MAX_ACTIONS // max(1, asked.run.regions))
        log_round(last, asked.round)
        key = self._key(asked.run, asked.region)
        earlier = self._earlier(key, asked)
        so_far = combined(earlier, last) if earlier else last
        store_region(self.deployment.report_bucket, key, so_far)
        return asdict(following(so_far, last, asked.round, asked.stalled))

    def _earlier(self, key: str, asked: Visit) -> RegionReport | None:
        """Return what came of the region before this round, or before this attempt at it.

        An attempt at the first round may have left nothing, and S3 tells a role that may not list the bucket no more of
        a missing object than that it may not read it: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        """
        if asked.round == 1 and asked.retries == 0:
            return None
        try:
            return stored_region(self.deployment.report_bucket, key)
        except StoreError:
            if asked.round > 1:
                raise
            return None

    def _finish(self, asked: Finish) -> dict[str, Any]:
        """Put the regions' reports together to the run's; a region without one has failed."""
        names = tuple(visited.region for visited in asked.visits)
        if len(set(names)) != asked.run.regions or len(names) != asked.run.regions:
            raise RequestError(f"visits must be of the run's {asked.run.regions} regions; got: {', '.join(names)}")
        at, request = _started_at(asked.run), self._request(asked.run)
        reports = tuple(self._report_of(visited, asked.run) for visited in asked.visits)
        for report in reports:
            log_region(report)
        done = Run(
            deployment=self.deployment,
            request=replace(request, regions=names if asked.run.narrowed else ()),
            started_at=at,
            duration_seconds=max(0.0, (self.clock.utc() - at).total_seconds()),
            regions=reports,
        )
        told = publish(done)
        return {"report": told.key, "status": told.report["status"], "totals": told.report["totals"]}

    def _report_of(self, visited: Visited, run: Started) -> RegionReport:
        """Return what a region's rounds came to, with what ended them, if it was not they themselves."""
        stored, problem = None, Problem("", "StoreError", "its rounds left no report")
        try:
            stored = stored_region(self.deployment.report_bucket, self._key(run, visited.region))
        except StoreError as error:
            problem = Problem("", "StoreError", str(error))
        if stored and not visited.error:
            return stored
        ended = _crash(visited.error) if visited.error else problem
        report = region_report(RegionResult(region=visited.region, problem=ended, dry_run=run.dry_run), listed=0)
        return combined(stored, report) if stored else report

    def _request(self, started: Started, **narrowed: list[str]) -> Request:
        """Read what a step says of the run as strictly as what a person asks for."""
        return parse_request({"run_id": started.run_id, "dry_run": started.dry_run, **narrowed}, "", self.deployment)

    def _key(self, run: Started, region: str) -> str:
        return f"{self.deployment.rounds_prefix}{run.run_id}/{run.execution}/{region}.json"


def _started_at(started: Started) -> datetime:
    with suppress(ValueError):
        at = datetime.fromisoformat(started.started_at)
        if at.utcoffset() is not None:
            return at.astimezone(UTC)
    raise RequestError(f"started_at must be a time in ISO 8601 with an offset; got: {started.started_at!r}")


def _crash(crash: Crash) -> Problem:
    """Return what Step Functions tells of a failed invocation; its cause is what Lambda answered, if it did.

    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    try:
        message = json.loads(crash.Cause)["errorMessage"]
    except (ValueError, KeyError, TypeError):
        message = crash.Cause
    return Problem("", crash.Error, str(message))
