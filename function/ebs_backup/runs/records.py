"""The records of a run of the state machine in the bucket: what Begin decided, and what the rounds of a region came to.

The steps believe these records, and learn from a payload only which of them to read. Only the function's role writes
them, and no payload chooses their keys or what they say of a region: no part of a key can hold a slash, and a part is
what a visit came to. Knows nothing of what a step does.
"""

import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

from ebs_backup.aws import s3
from ebs_backup.model.deployment import Bucket
from ebs_backup.model.reader import Rule, read
from ebs_backup.model.request import Request, RequestError, RunId
from ebs_backup.report.region import RegionPart

T = TypeVar("T")

# For how long Begin may be made again. Step Functions pauses for 70 minutes at most, and waits for three invocations.
REPEATED = timedelta(hours=3)

# Step Functions takes others as well, but writes no log of them, and they do not go into a key.
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
_EXECUTION = re.compile(r"[A-Za-z0-9_-]{1,80}")
ExecutionName = Annotated[str, Rule("1 to 80 letters, digits, - or _", _EXECUTION.fullmatch)]


class UnreadableRunError(RequestError):
    """S3 does not say whether a run began: the message says why."""


@dataclass(frozen=True, slots=True)
class RunName:
    """Which run a step is of, and whether that is a dry run.

    Two executions may be at the same run; the execution's name keeps what each did separate.
    """

    run_id: RunId
    execution: ExecutionName
    dry_run: bool


@dataclass(frozen=True, slots=True)
class BegunRun:
    """A run, from its first step on: `narrowed` if it is of chosen regions only."""

    run_id: RunId
    execution: ExecutionName
    started_at: datetime
    regions: tuple[str, ...]
    narrowed: bool
    dry_run: bool
    expires: bool

    @property
    def name(self) -> RunName:
        """Which run this is."""
        return RunName(self.run_id, self.execution, self.dry_run)

    @property
    def request(self) -> Request:
        """The request that began it."""
        return Request(self.run_id, self.dry_run, self.regions if self.narrowed else (), self.expires)


@dataclass(frozen=True, slots=True)
class NextRound:
    """The answer after a round: if there is another one, after how many seconds, and what it is to know."""

    again: bool
    wait_seconds: int
    round: int
    stalled: int


@dataclass(frozen=True, slots=True)
class RegionRecord:
    """The result of a region's rounds, when the last one ended, and what follows it."""

    ended_at: datetime
    follows: NextRound
    part: RegionPart


@dataclass(frozen=True, slots=True)
class Records:
    """Writes and reads the records of one deployment's runs."""

    bucket: Bucket
    prefix: str

    def begin(self, run: BegunRun) -> BegunRun:
        """Record what a run is, once; return the record, which is an earlier one if Begin is made again.

        Raises RequestError if an earlier one is not of the same request or too long ago, and StoreError.
        """
        try:
            s3.create(self.bucket, self._key(run.name, "run"), "application/json", _json(run))
        except s3.ObjectExistsError:
            return self._begun_before(run)
        return run

    def find(self, name: RunName) -> BegunRun:
        """Return what a run is; raise RequestError for one that never began, or UnreadableRunError.

        S3 tells a role that may not list the bucket no more of a missing object than that it may not read it:
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        """
        try:
            found = self._read(BegunRun, name, "run")
        except s3.StoreError as error:
            raise UnreadableRunError(f"run must be one that has begun: {error}") from None
        if found is None or found.name != name:
            raise RequestError(f"run must be one that has begun; got: {name}")
        return found

    def region(self, name: RunName, region: str) -> RegionRecord | None:
        """Return what a region's rounds came to, or None without a record; raise StoreError if that is unknown."""
        return self._read(RegionRecord, name, region)

    def keep(self, name: RunName, record: RegionRecord, *, anew: bool) -> None:
        """Record what a region's rounds came to, `anew` or in place of what they came to before; raise StoreError."""
        key, store = self._key(name, record.part.region), s3.create if anew else s3.put
        try:
            store(self.bucket, key, "application/json", _json(record))
        except s3.ObjectExistsError as error:
            raise s3.StoreError(f"{error}, and could not be read") from error

    def _begun_before(self, run: BegunRun) -> BegunRun:
        begun = self._read(BegunRun, run.name, "run")
        if begun is None:
            raise s3.StoreError(f"the record of {run.name} is gone")
        if begun.request != run.request:
            raise RequestError(
                f"execution must be of one run; {run.execution} has begun {run.run_id} with another input"
            )
        if run.started_at - begun.started_at > REPEATED:
            raise RequestError(
                f"execution must not begin again; {run.execution} began at {begun.started_at.isoformat()}"
            )
        return begun

    def _read(self, kind: type[T], name: RunName, what: str) -> T | None:
        key = self._key(name, what)
        try:
            text = s3.get(self.bucket, key)
            return None if text is None else read(kind, json.loads(text), "record")
        except ValueError as error:
            raise s3.StoreError(f"{key} could not be read from {self.bucket.name}: {error}") from error

    def _key(self, name: RunName, what: str) -> str:
        return f"{self.prefix}{name.run_id}/{name.execution}/{what}.json"


def _json(record: Any) -> str:
    return json.dumps(asdict(record), default=datetime.isoformat)
