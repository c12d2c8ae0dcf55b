"""The state machine and the bucket, as far as the function has to do with them."""

import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from ebs_backup.model.request import RequestError
from sandbox.ec2 import Simulator

Json = dict[str, Any]
Function = Callable[[Json], Json]

ATTEMPTS = 3  # of a task whose function fails


class ExecutionFailed(Exception):  # noqa: N818 - as Step Functions calls it
    """The execution ended in its Fail state."""


class Killed(BaseException):
    """The invocation ends here: no code of the function's own runs any more."""


class Bucket:
    """A bucket of S3, and what it answers about an object that is not there to a role that may not list it."""

    missing = "AccessDenied"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.closed: set[str] = set()
        self.hidden = ""  # the pattern of keys that cannot be read
        self.dies_after = ""  # the pattern of a key; the invocation that puts such an object ends right then

    def put_object(self, *, Key: str, Body: bytes, IfNoneMatch: str = "", **_: str) -> None:  # noqa: N803
        self._admit("PutObject")
        if IfNoneMatch and Key in self.objects:
            raise _refusal("PreconditionFailed", "PutObject")
        self.objects[Key] = Body
        if self.dies_after and re.search(self.dies_after, Key):
            self.dies_after = ""
            raise Killed

    def get_object(self, *, Key: str, **_: str) -> Json:  # noqa: N803
        self._admit("GetObject")
        if Key not in self.objects or re.fullmatch(self.hidden, Key):
            raise _refusal(self.missing, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def get_paginator(self, _: str) -> "Bucket":
        return self

    def paginate(self, *, Prefix: str, StartAfter: str, **_: str) -> Iterator[Json]:  # noqa: N803
        self._admit("ListObjectsV2")
        yield {
            "Contents": [{"Key": key} for key in sorted(self.objects) if key > StartAfter and key.startswith(Prefix)]
        }

    def json(self, key: str) -> Json:
        found: Json = json.loads(self.objects[key])
        return found

    def _admit(self, operation: str) -> None:
        if operation in self.closed:
            raise _refusal("AccessDenied", operation)


def _refusal(code: str, operation: str) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"RetryAttempts": 0}}
    return ClientError(answer, operation)


class StateMachine:
    """Takes an execution through its steps: region after region, where the real one visits them side by side."""

    def __init__(self, function: Function, ec2: Simulator) -> None:
        self._function = function
        self._ec2 = ec2
        self.rounds: dict[str, int] = {}
        self.answers: list[Json] = []

    def execute(self, event: object, name: str = "execution-1") -> Json:
        """Return what an execution ends with; raise ExecutionFailed as the last step's failure."""
        begun = self._task({"step": "begin", "event": event, "execution": name}, attempts=ATTEMPTS)
        visits = [self._region(begun["run"], region) for region in begun["regions"]]
        return self._task({"step": "finish", "run": begun["run"], "visits": visits}, attempts=1)

    def _region(self, run: Json, region: str) -> Json:
        follows: Json = {"round": 1, "stalled": 0, "again": True}
        while follows["again"]:
            at = {key: follows[key] for key in ("round", "stalled")}
            try:
                payload = {"step": "visit", "run": run, "region": region, **at, "retries": 0}
                follows = self._task(payload, attempts=ATTEMPTS)
            except ExecutionFailed as failed:
                error, cause = failed.args
                return {"region": region, "error": {"Error": error, "Cause": cause}}
            self._ec2.clock.advance(follows["wait_seconds"])
        self.rounds[region] = follows["round"] - 1
        return {"region": region, "rounds": self.rounds[region]}

    def _task(self, payload: Json, *, attempts: int) -> Json:
        """Invoke the function; JSON is all that goes in and comes out."""
        try:
            answer: Json = json.loads(json.dumps(self._function(json.loads(json.dumps(payload)))))
        except (Exception, Killed) as error:
            if attempts > 1 and not (payload["step"] == "begin" and isinstance(error, RequestError)):
                self._ec2.clock.advance(60)
                counted = {"retries": payload["retries"] + 1} if "retries" in payload else {}
                return self._task(payload | counted, attempts=attempts - 1)
            if isinstance(error, Killed):
                raise ExecutionFailed(
                    "Sandbox.Timedout", '{"errorMessage": "Task timed out", "errorType": "x"}'
                ) from None
            cause = {"errorType": type(error).__name__, "errorMessage": str(error)}
            raise ExecutionFailed(type(error).__name__, json.dumps(cause)) from error
        self.answers.append(answer)
        return answer
