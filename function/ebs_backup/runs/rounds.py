"""The steps of the state machine, which invokes the function for each: begin, visit, finish.

A region is visited in round after round until nothing is left to do there, so that a run may take longer than one
invocation. Says when there is another round, and knows nothing of how one is made.

Whoever may invoke the function can send any payload. So Begin records what the run is, a round what its region came to,
and later steps believe these records alone. What a forged payload can still do:

- Back up a region under any id, as a run by hand can: a round does no more where S3 does not say what the run is.
- Begin a run, and make its rounds: that is a run by hand or a scheduled one, made for real and measured for real.
- Make a round of a run that is under way: it does what the run's own next round would do, and is recorded as one.
- Finish a run early, or say that rounds crashed: the report and the run fail, since a region's record is of no end.
- Finish a run twice: the metrics are of the time when its last round ended, and so no news of today.
- Spoil an execution whose name is known: it fails, and so starts the alarm.
"""

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any

from ebs_backup.aws import s3
from ebs_backup.aws.clock import Clock
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.reader import ReadError, at_least, read
from ebs_backup.model.request import CLOCK_DIFFERENCE, Request, RequestError, check_scope, parse_request
from ebs_backup.model.terms import short_hash
from ebs_backup.model.values import Problem
from ebs_backup.report.document import Run, log_region, log_round
from ebs_backup.report.keys import Attempt, new_token
from ebs_backup.report.publish import publish, record
from ebs_backup.report.region import RegionPart, RegionResult, combined, region_part
from ebs_backup.runs.backup import MAX_ACTIONS, begin
from ebs_backup.runs.records import (
    BegunRun,
    ExecutionName,
    NextRound,
    Records,
    RegionRecord,
    RunName,
    UnreadableRunError,
)
from ebs_backup.runs.visit import Visitor

log = logging.getLogger(__name__)

# Rounds in a row that came no nearer to the end, after which there is no other: as often as Lambda invokes a function
# that fails, https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
MAX_STALLED = 3

# Seconds until EC2's bucket of 100 requests, refilled at 5 a second, is full: a round that ran out of time has left it
# empty, and the next one starts with a burst. Nothing is lost by the pause, since what EC2 refills meanwhile stays.
REFILLED = 20
# Seconds after a round that came no nearer, and twice that after two: as long as Lambda waits before its retries.
PAUSE = 60

FIRST_ROUND = NextRound(again=True, wait_seconds=0, round=1, stalled=0)


@dataclass(frozen=True, slots=True)
class BeginStep:
    """The first step's payload: the execution's input and name."""

    step: str
    event: Any
    execution: ExecutionName


@dataclass(frozen=True, slots=True)
class VisitStep:
    """The payload of one round in one region.

    `stalled` counts the rounds before it that came no nearer to the end, `retries` the attempts at this round before.
    """

    step: str
    run: RunName
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
    run: RunName
    visits: tuple[VisitedRegion, ...]


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


def _check_number(asked: VisitStep, follows: NextRound) -> None:
    """Raise RequestError unless the round is the one that follows, or the last one again."""
    next_one = follows.again and (asked.round, asked.stalled) == (follows.round, follows.stalled)
    made_again = asked.retries > 0 and asked.round == follows.round - 1 and asked.stalled < MAX_STALLED
    if not (next_one or made_again):
        due = f"{follows.round} with {follows.stalled} stalled" if follows.again else "none, since the rounds are over"
        raise RequestError(f"round must be the next one, {due}; got: {asked.round} with {asked.stalled} stalled")


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
        """Record what the run is; made again, since its answer was lost, it answers the same."""
        at = self.clock.utc()
        request = parse_request(asked.event, asked.execution, self.deployment, at)
        regions = begin(
            self.deployment, request, home_region=self.home_region, clock=self.clock, deadline=self.deadline
        )
        run = BegunRun(
            run_id=request.run_id,
            execution=asked.execution,
            started_at=at,
            regions=regions,
            narrowed=bool(request.regions),
            dry_run=request.dry_run,
            expires=request.expires,
        )
        try:
            begun = self._records.begin(run)
        except s3.StoreError:
            log.exception("run_not_recorded")  # it can still be backed up, and fails
            begun = run
        return {"run": asdict(begun.name), "regions": list(begun.regions)}

    def _visit(self, asked: VisitStep) -> dict[str, Any]:
        """Make a round, and record what the region's rounds came to so far.

        A round that is made again, since it crashed or its answer was lost, is one round more, and nothing counts
        twice: what an attempt recorded stays, and anything else that it did is found already there. Once the rounds are
        over, their record is the answer: another visit would pass what was found then for news of today.
        """
        try:
            run = self._under_way(asked.run)
            record_before = self._check_round(asked, run)
        except (UnreadableRunError, s3.StoreError):
            self._back_up(asked)
            raise
        if record_before and not record_before.follows.again:
            return asdict(record_before.follows)
        goes_on = _may_go_on(asked.round, asked.stalled + 1, self.deployment.max_rounds)
        visitor = self._visitor(run.request, run.started_at, goes_on=goes_on)
        last = region_part(visitor.visit(asked.region), listed=MAX_ACTIONS // len(run.regions))
        log_round(last, asked.round)
        last = record(self.deployment, _attempt(run), last)
        earlier = self._earlier(asked)
        so_far = combined(earlier.part, last) if earlier else last
        follows = following(so_far, last, asked.round, asked.stalled, self.deployment.max_rounds)
        self._records.keep(run.name, RegionRecord(self.clock.utc(), follows, so_far), anew=earlier is None)
        return asdict(follows)

    def _back_up(self, asked: VisitStep) -> None:
        """Back up a region where S3 says nothing of the run, so that this costs no backup; nothing expires."""
        about = {"run_id": asked.run.run_id, "dry_run": asked.run.dry_run, "regions": [asked.region]}
        at = self.clock.utc()
        visitor = self._visitor(parse_request(about, "", self.deployment, at), at, goes_on=True)
        part = region_part(visitor.visit(asked.region), listed=MAX_ACTIONS)
        log_round(part, asked.round)
        with suppress(s3.StoreError):  # it names what was made, if S3 takes that at least
            record(self.deployment, Attempt(asked.run.run_id, at, new_token()), part)

    def _check_round(self, asked: VisitStep, run: BegunRun) -> RegionRecord | None:
        """Return the region's record; raise RequestError unless the round is one of the run's, or StoreError."""
        if asked.region not in run.regions:
            raise RequestError(f"region must be among the run's {', '.join(run.regions)}; got: {asked.region!r}")
        check_scope([asked.region], self.deployment)
        found = self._earlier(asked)
        _check_number(asked, found.follows if found else FIRST_ROUND)
        return found

    def _visitor(self, request: Request, at: datetime, *, goes_on: bool) -> Visitor:
        return Visitor(
            deployment=self.deployment,
            request=request,
            at=at,
            clock=self.clock,
            deadline=self.deadline,
            goes_on=goes_on,
        )

    def _earlier(self, asked: VisitStep) -> RegionRecord | None:
        """Return what came of the region before this round, or before this attempt at it.

        The first try at the first round finds nothing: S3 is not asked, or each run would leave a refused call in the
        account's trail. A later one may find nothing too: S3 does not tell that from a record that it may not read.
        """
        if asked.round == 1 and not asked.retries:
            return None
        try:
            return self._records.region(asked.run, asked.region)
        except s3.StoreError:
            if asked.round > 1:
                raise
            return None

    def _finish(self, asked: FinishStep) -> dict[str, Any]:
        """Put the regions' parts together to the run's report; a region without one, or with rounds to come, failed."""
        run = self._under_way(asked.run)
        names = tuple(visited.region for visited in asked.visits)
        if sorted(names) != sorted(run.regions):
            raise RequestError(f"visits must be of the run's regions {', '.join(run.regions)}; got: {', '.join(names)}")
        ended = [_ended(self._records, run, visited, self.clock.utc()) for visited in asked.visits]
        parts = tuple(part for part, _ in ended)
        for part in parts:
            log_region(part)
        done = Run(
            deployment=self.deployment,
            request=run.request,
            started_at=run.started_at,
            duration_seconds=max(0.0, (max(at for _, at in ended) - run.started_at).total_seconds()),
            regions=parts,
            token=_attempt(run).token,
        )
        published = publish(done, self.clock, self.deadline)
        report = published.report
        return {"report": published.key, "status": report.status, "totals": asdict(report.totals)}

    def _under_way(self, name: RunName) -> BegunRun:
        """Return what a run is; raise RequestError if it never began, or longer ago than an execution may last.

        A run measures coverage as of its beginning, and a measurement of long ago must not pass for one of today. It
        deletes what was announced until then, so that a beginning to come would let snapshots go too early.
        """
        run, longest = self._records.find(name), timedelta(seconds=self.deployment.max_run_seconds)
        if not -CLOCK_DIFFERENCE <= self.clock.utc() - run.started_at <= longest:
            raise RequestError(f"run must have begun in the last {longest}; it began at {run.started_at.isoformat()}")
        # A deployment that became a dry run since is one at once.
        return replace(run, dry_run=run.dry_run or self.deployment.dry_run)

    @property
    def _records(self) -> Records:
        return Records(self.deployment.bucket, self.deployment.rounds_prefix)


def _attempt(run: BegunRun) -> Attempt:
    """Return the attempt at a run that an execution is, however often its last step is tried."""
    return Attempt(run.run_id, run.started_at, short_hash(run.execution))


def _ended_by(error: InvocationError) -> Problem:
    """Return what Step Functions tells of a failed invocation; its cause is what Lambda answered, if it did.

    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    try:
        message = json.loads(error.Cause)["errorMessage"]
    except (ValueError, KeyError, TypeError):
        message = error.Cause
    return Problem("", error.Error, str(message))


def _ended(records: Records, run: BegunRun, visited: VisitedRegion, now: datetime) -> tuple[RegionPart, datetime]:
    """Return what a region's rounds came to, with what ended them, if they did not end by themselves, and when."""
    record, problem = None, Problem("", "StoreError", "its rounds left no report")
    try:
        record = records.region(run.name, visited.region)
    except s3.StoreError as error:
        problem = Problem("", "StoreError", str(error))
    if record and not visited.error:
        if not record.follows.again and visited.rounds == record.follows.round - 1:
            return record.part, record.ended_at
        problem = Problem("", "RequestError", "its rounds are not at their end")
    if visited.error:
        problem = _ended_by(visited.error)
    failed = RegionResult(region=visited.region, problem=problem, dry_run=run.dry_run, expires=run.expires)
    part = region_part(failed, listed=0)
    return (combined(record.part, part) if record else part), now
