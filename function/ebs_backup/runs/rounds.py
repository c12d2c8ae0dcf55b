"""The steps of the state machine, which invokes the function for each: begin, visit, finish.

A region is visited in round after round until nothing is left to do there, so that a run may take longer than one
invocation. Between the steps goes what fits into a few hundred bytes a region; what a region's rounds came to is in
the bucket. Says when there is another round, and knows nothing of how one is made.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any

from ebs_backup.aws import s3
from ebs_backup.aws.clock import Clock
from ebs_backup.model.deployment import Bucket, Deployment
from ebs_backup.model.reader import ReadError, at_least, read
from ebs_backup.model.request import Request, RequestError, parse_request
from ebs_backup.model.terms import short_hash
from ebs_backup.model.values import Problem
from ebs_backup.report.document import Run, log_region, log_round
from ebs_backup.report.keys import Attempt
from ebs_backup.report.publish import publish, record
from ebs_backup.report.region import RegionPart, RegionResult, combined, region_part
from ebs_backup.runs.backup import MAX_ACTIONS, begin
from ebs_backup.runs.visit import Visitor

# Rounds in a row that came no nearer to the end, after which there is no other: as often as Lambda invokes a function
# that fails, https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
MAX_STALLED = 3

# Seconds until EC2's bucket of 100 requests, refilled at 5 a second, is full: a round that ran out of time has left it
# empty, and the next one starts with a burst. Nothing is lost by the pause, since what EC2 refills meanwhile stays.
REFILLED = 20
# Seconds after a round that came no nearer, and twice that after two: as long as Lambda waits before its retries.
PAUSE = 60


@dataclass(frozen=True, slots=True)
class RunStarted:
    """What the steps know of the run: `narrowed` if it is of chosen regions only, `regions` is how many there are.

    Two executions may be at the same run; its name keeps what each did separate.
    """

    run_id: str
    execution: str
    dry_run: bool
    started_at: str
    narrowed: bool
    regions: int


@dataclass(frozen=True, slots=True)
class BeginStep:
    """The first step's payload: the execution's input and name."""

    step: str
    event: Any
    execution: str


@dataclass(frozen=True, slots=True)
class VisitStep:
    """The payload of one round in one region.

    `stalled` counts the rounds before it that came no nearer to the end, `retries` the attempts at this round before.
    """

    step: str
    run: RunStarted
    region: str
    round: Annotated[int, at_least(1)]
    stalled: Annotated[int, at_least(0)]
    retries: Annotated[int, at_least(0)]


@dataclass(frozen=True, slots=True)
class InvocationError:
    """How Step Functions tells of an invocation that failed."""

    Error: str
    Cause: str = ""


@dataclass(frozen=True, slots=True)
class VisitedRegion:
    """A region whose rounds are over, by themselves or by a crash."""

    region: str
    rounds: int | None = None
    error: InvocationError | None = None


@dataclass(frozen=True, slots=True)
class FinishStep:
    """The last step's payload."""

    step: str
    run: RunStarted
    visits: tuple[VisitedRegion, ...]


@dataclass(frozen=True, slots=True)
class NextRound:
    """What follows a round: whether there is another one, after how many seconds, and what it is to know."""

    again: bool
    wait_seconds: int
    round: int
    stalled: int


def following(so_far: RegionPart, last: RegionPart, number: int, stalled: int, max_rounds: int) -> NextRound:
    """Decide what follows a round, by the rounds so far together, the last one alone, its number and those stalled.

    A round comes no nearer to the end if it changed nothing, or if it had time for everything and yet left failures.
    Any other got further by at least one snapshot, so that it ends; the number of rounds is limited all the same.
    """
    nearer = so_far.report.unfinished > 0 and last.changed_anything
    stalled = 0 if nearer else stalled + 1
    again = so_far.curable and not so_far.dry_run and _may_go_on(number, stalled, max_rounds)
    wait = (PAUSE * stalled or REFILLED) if again else 0
    return NextRound(again, wait, number + 1, stalled)


def _may_go_on(number: int, stalled: int, max_rounds: int) -> bool:
    """Tell whether another round may follow that many, of which the last `stalled` came no nearer to the end."""
    return number < max_rounds and stalled < MAX_STALLED


@dataclass(frozen=True, slots=True)
class Steps:
    """The state machine's steps, of one deployment's runs."""

    deployment: Deployment
    home_region: str
    clock: Clock
    deadline: float

    def take(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Take a step and return its answer; raise RequestError for any other payload."""
        if not (self.deployment.rounds_prefix and self.deployment.report_bucket):
            raise RequestError(f"step must be left out unless engine is step_functions; got: {payload['step']!r}")
        try:
            match payload["step"]:
                case "begin":
                    return self._begin(read(BeginStep, payload, "begin"))
                case "visit":
                    return self._visit(read(VisitStep, payload, "visit"))
                case "finish":
                    return self._finish(read(FinishStep, payload, "finish"))
        except ReadError as error:
            raise RequestError(str(error)) from None
        raise RequestError(f"step must be among begin, visit, finish; got: {payload['step']!r}")

    def _begin(self, asked: BeginStep) -> dict[str, Any]:
        at, request = self.clock.utc(), parse_request(asked.event, asked.execution, self.deployment)
        regions = begin(
            self.deployment, request, home_region=self.home_region, clock=self.clock, deadline=self.deadline
        )
        started = RunStarted(
            run_id=request.run_id,
            execution=asked.execution,
            dry_run=request.dry_run,
            started_at=at.isoformat(),
            narrowed=bool(request.regions),
            regions=len(regions),
        )
        return {"run": asdict(started), "regions": list(regions)}

    def _visit(self, asked: VisitStep) -> dict[str, Any]:
        """Make a round, and keep what the region's rounds came to so far.

        A round that is made again, since it crashed or its answer was lost, is one round more, and nothing counts
        twice: what an attempt kept stays, and anything else that it did is found already there.
        """
        last = region_part(self._visitor(asked).visit(asked.region), listed=MAX_ACTIONS // max(1, asked.run.regions))
        last = record(self.deployment, _attempt(asked.run), last)
        log_round(last, asked.round)
        key = self._key(asked.run, asked.region)
        earlier = self._earlier(key, asked)
        so_far = combined(earlier, last) if earlier else last
        s3.put(self.deployment.bucket, key, "application/json", json.dumps(asdict(so_far)))
        return asdict(following(so_far, last, asked.round, asked.stalled, self.deployment.max_rounds))

    def _visitor(self, asked: VisitStep) -> Visitor:
        return Visitor(
            deployment=self.deployment,
            request=self._request(asked.run, regions=[asked.region]),
            at=_started_at(asked.run),
            clock=self.clock,
            deadline=self.deadline,
            goes_on=_may_go_on(asked.round, asked.stalled + 1, self.deployment.max_rounds),
        )

    def _earlier(self, key: str, asked: VisitStep) -> RegionPart | None:
        """Return what came of the region before this round, or before this attempt at it.

        An attempt at the first round may have left nothing, and S3 tells a role that may not list the bucket no more of
        a missing object than that it may not read it: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        """
        if asked.round == 1 and asked.retries == 0:
            return None
        try:
            return _stored(self.deployment.bucket, key)
        except s3.StoreError:
            if asked.round > 1:
                raise
            return None

    def _finish(self, asked: FinishStep) -> dict[str, Any]:
        """Put the regions' parts together to the run's report; a region without one has failed."""
        names = tuple(visited.region for visited in asked.visits)
        if len(set(names)) != asked.run.regions or len(names) != asked.run.regions:
            raise RequestError(f"visits must be of the run's {asked.run.regions} regions; got: {', '.join(names)}")
        at, request = _started_at(asked.run), self._request(asked.run)
        parts = tuple(self._part_of(visited, asked.run) for visited in asked.visits)
        for part in parts:
            log_region(part)
        done = Run(
            deployment=self.deployment,
            request=replace(request, regions=names if asked.run.narrowed else ()),
            started_at=at,
            duration_seconds=max(0.0, (self.clock.utc() - at).total_seconds()),
            regions=parts,
            token=_attempt(asked.run).token,
        )
        published = publish(done, self.clock, self.deadline)
        report = published.report
        return {"report": published.key, "status": report.status, "totals": asdict(report.totals)}

    def _part_of(self, visited: VisitedRegion, run: RunStarted) -> RegionPart:
        """Return what a region's rounds came to, with what ended them, if they did not end by themselves."""
        stored, problem = None, Problem("", "StoreError", "its rounds left no report")
        try:
            stored = _stored(self.deployment.bucket, self._key(run, visited.region))
        except s3.StoreError as error:
            problem = Problem("", "StoreError", str(error))
        if stored and not visited.error:
            return stored
        ended = _ended_by(visited.error) if visited.error else problem
        part = region_part(RegionResult(region=visited.region, problem=ended, dry_run=run.dry_run), listed=0)
        return combined(stored, part) if stored else part

    def _request(self, started: RunStarted, **narrowed: list[str]) -> Request:
        """Read what a step says of the run as strictly as what a person asks for."""
        return parse_request({"run_id": started.run_id, "dry_run": started.dry_run, **narrowed}, "", self.deployment)

    def _key(self, run: RunStarted, region: str) -> str:
        return f"{self.deployment.rounds_prefix}{run.run_id}/{run.execution}/{region}.json"


def _started_at(started: RunStarted) -> datetime:
    with suppress(ValueError):
        at = datetime.fromisoformat(started.started_at)
        if at.utcoffset() is not None:
            return at.astimezone(UTC)
    raise RequestError(f"started_at must be a time in ISO 8601 with an offset; got: {started.started_at!r}")


def _attempt(started: RunStarted) -> Attempt:
    """Return the attempt at a run that an execution is, however often its last step is tried."""
    return Attempt(started.run_id, _started_at(started), short_hash(started.execution))


def _stored(bucket: Bucket, key: str) -> RegionPart | None:
    """Return a region's part as its rounds left it, or None if there is none; raise StoreError if that is unknown."""
    try:
        text = s3.get(bucket, key)
        return None if text is None else read(RegionPart, json.loads(text), "part")
    except ValueError as error:
        raise s3.StoreError(f"{key} could not be read from {bucket.name}: {error}") from error


def _ended_by(error: InvocationError) -> Problem:
    """Return what Step Functions tells of a failed invocation; its cause is what Lambda answered, if it did.

    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    try:
        message = json.loads(error.Cause)["errorMessage"]
    except (ValueError, KeyError, TypeError):
        message = error.Cause
    return Problem("", error.Error, str(message))
