"""Lambda: runs deployed functions with their configuration and their role, at once or asynchronously.

Asynchronous invocations are tried again and then reported as Lambda does. What Lambda does in the role's name (read the
environment, write the log, send to destinations) it can only do if the role may.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from sandbox import backends
from sandbox.access import Access, Denied
from sandbox.authorization import key_needs, logging_needs, sending_needs
from sandbox.backends import Session
from sandbox.ec2.filters import instant
from sandbox.iam import Need
from sandbox.metrics import Metrics
from sandbox.patches import DeployedFunction
from sandbox.runtime import UNHANDLED, Invocation, Result, run, unpack

MOST_RETRIES: Final = 2
_LAMBDA: Final = "lambda.amazonaws.com"
_LONGEST_ERROR: Final = 1024


class NotInvoked(Exception):  # noqa: N818 - the function itself did nothing wrong
    """Lambda cannot start a function."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def _not_assumable() -> NotInvoked:
    message = "The role defined for the function cannot be assumed by Lambda."
    return NotInvoked("AccessDeniedException", message, 403)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of an asynchronous invocation; `logs` is what it printed."""

    request_id: str
    payload: str
    function_error: str | None
    logs: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an asynchronous invocation: its attempts, and where they were reported or could not be."""

    attempts: tuple[Attempt, ...]
    reported_to: tuple[str, ...] = ()
    undeliverable: tuple[str, ...] = ()


class Functions:
    """All functions of the account.

    `retry_delays` are the seconds before the first and the second retry; Lambda waits one minute and then two.
    `endpoint` is where they find AWS, and `ahead` is by how many seconds their clocks are ahead of this machine's.
    """

    def __init__(self, access: Access, folder: Path, metrics: Metrics, endpoint: str = "") -> None:
        self.retry_delays: Sequence[float] = (0.0, 0.0)
        self.endpoint = endpoint
        self.ahead = 0.0
        self._access = access
        self._folder = folder
        self._metrics = metrics
        self._unpacking = threading.Lock()
        self._running: list[threading.Thread] = []

    def invoke(self, function: DeployedFunction, event: str) -> Result:
        """Run a function once."""
        session = self._session(function)
        self._require_environment(function, session)
        stream = f"{datetime.now(UTC):%Y/%m/%d}/[{function.version}]{uuid4().hex}"
        invocation = Invocation(
            handler=str(function.handler),
            event=event,
            function_arn=function.function_arn,
            timeout=float(function.timeout),
            environment=_environment(function, session, stream) | {"AWS_ENDPOINT_URL": self.endpoint},
            ahead=self.ahead,
        )
        result = run(self._code(function), invocation)
        self._write_log(function, session, stream, result)
        return result

    def invoke_asynchronously(self, function: DeployedFunction, event: str) -> Outcome:
        """Run a function until it succeeds or has used up its attempts, and report the end as configured."""
        retries = int(function.invoke_config.get("MaximumRetryAttempts", MOST_RETRIES))
        attempts = [self._attempt(function, event)]
        for delay in [*self.retry_delays, *[0.0] * MOST_RETRIES][:retries]:
            if attempts[-1].function_error is None:
                break
            time.sleep(delay)
            attempts.append(self._attempt(function, event))
        return self._report(function, event, attempts)

    def start(self, function: DeployedFunction, event: str) -> None:
        """Start an asynchronous invocation and do not wait for it."""
        thread = threading.Thread(target=self.invoke_asynchronously, args=(function, event), daemon=True)
        self._running.append(thread)
        thread.start()

    def settle(self) -> None:
        """Wait until every asynchronous invocation that was started has come to its end."""
        while self._running:
            self._running.pop().join()

    def _attempt(self, function: DeployedFunction, event: str) -> Attempt:
        try:
            result = self.invoke(function, event)
        except NotInvoked as refusal:
            return Attempt("", json.dumps({"errorMessage": str(refusal)}), refusal.code, "")
        return Attempt(result.request_id, result.payload, result.function_error, result.output)

    def _session(self, function: DeployedFunction) -> Session:
        """Assume the function's role, which must trust Lambda."""
        role = backends.role(function.role)
        try:
            if role is not None:
                self._access.require_trust(_LAMBDA, role)
                return backends.assume(role, function.function_name, function.region)
        except Denied as denied:
            raise _not_assumable() from denied
        raise _not_assumable()

    def _require_environment(self, function: DeployedFunction, session: Session) -> None:
        """Refuse a function whose environment is encrypted with a key that its role may not use."""
        try:
            self._access.require(session, key_needs(function.kms_key_arn, ("kms:Decrypt",), "lambda"), function.region)
        except Denied as denied:
            message = "Lambda was unable to decrypt the environment variables because KMS access was denied."
            raise NotInvoked("KMSAccessDeniedException", message, 502) from denied

    def _code(self, function: DeployedFunction) -> Path:
        folder = self._folder / function.code_digest.replace(":", "-")
        with self._unpacking:
            if not folder.exists():
                unpack(function.code_bytes, folder)
        return folder

    def _write_log(self, function: DeployedFunction, session: Session, stream: str, result: Result) -> None:
        """Write the log, or lose it without a word if the role may not write it or its key is disabled, as Lambda does.

        CloudWatch takes metrics from what was written.
        """
        group, region = function.logging["LogGroup"], function.region
        needs = logging_needs(region, function.account_id, group, stream)
        if self._may(session, needs, region) and backends.has_log_group(group, region):
            key = backends.key_of_log_group(group, region)
            if key is None or backends.is_usable(key):
                lines = [*_log_lines(function, result)]
                backends.write_log(group, stream, lines, region)
                self._metrics.read_log(lines)

    def _report(self, function: DeployedFunction, event: str, attempts: list[Attempt]) -> Outcome:
        failed = attempts[-1].function_error is not None
        destinations = function.invoke_config.get("DestinationConfig") or {}
        chosen = destinations.get("OnFailure" if failed else "OnSuccess") or {}
        messages: list[tuple[str, str, dict[str, str]]] = []
        if destination := chosen.get("Destination"):
            messages.append((destination, json.dumps(_record(function, event, attempts)), {}))
        if failed and function.dead_letter_arn:
            messages.append((function.dead_letter_arn, event, _error_attributes(attempts[-1])))
        sent = [arn for arn, body, extra in messages if self._send(function, arn, body, extra)]
        unsent = [arn for arn, _, __ in messages if arn not in sent]
        if destination in unsent:
            name = {"FunctionName": function.function_name}
            self._metrics.send("AWS/Lambda", "DestinationDeliveryFailures", name)
        return Outcome(tuple(attempts), tuple(sent), tuple(unsent))

    def _send(self, function: DeployedFunction, arn: str, body: str, attributes: dict[str, str]) -> bool:
        try:
            session = self._session(function)
            needs = sending_needs(arn, backends.key_of(arn))
        except (NotInvoked, backends.NoSuchDestination):
            return False
        allowed = self._may(session, needs, function.region)
        if allowed:
            backends.send(arn, body, attributes)
        return allowed

    def _may(self, session: Session, needs: list[Need], region: str) -> bool:
        try:
            self._access.require(session, needs, region)
        except Denied:
            return False
        return True


def _environment(function: DeployedFunction, session: Session, stream: str) -> dict[str, str]:
    """Give the variables that Lambda sets, and the function's own."""
    return {
        **function.environment_vars,
        "AWS_ACCESS_KEY_ID": session.access_key,
        "AWS_SECRET_ACCESS_KEY": session.secret_key,
        "AWS_SESSION_TOKEN": session.token,
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.logging["LogGroup"],
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_LAMBDA_LOG_FORMAT": function.logging["LogFormat"],
        "AWS_LAMBDA_LOG_LEVEL": function.logging.get("ApplicationLogLevel", ""),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _log_lines(function: DeployedFunction, result: Result) -> Iterator[str]:
    """Put Lambda's own lines around what the function printed, in the configured format."""
    start, report = _JSON_LINES if function.logging["LogFormat"] == "JSON" else _TEXT_LINES
    quiet = function.logging.get("SystemLogLevel", "INFO") == "WARN"
    if not quiet:
        yield start(function, result)
    yield from result.output.splitlines()
    if not quiet:
        yield report(function, result)


Line = Callable[[DeployedFunction, Result], str]


def _platform(kind: str, record: dict[str, Any]) -> str:
    return json.dumps({"time": instant(datetime.now(UTC)), "type": f"platform.{kind}", "record": record})


def _json_start(function: DeployedFunction, result: Result) -> str:
    return _platform("start", {"requestId": result.request_id, "version": str(function.version)})


def _json_report(function: DeployedFunction, result: Result) -> str:
    metrics = {"durationMs": round(result.seconds * 1000, 3), "memorySizeMB": function.memory_size}
    status = "error" if result.function_error else "success"
    return _platform("report", {"requestId": result.request_id, "metrics": metrics, "status": status})


def _text_start(function: DeployedFunction, result: Result) -> str:
    return f"START RequestId: {result.request_id} Version: {function.version}"


def _text_report(function: DeployedFunction, result: Result) -> str:
    milliseconds = f"{result.seconds * 1000:.2f}"
    return f"REPORT RequestId: {result.request_id}\tDuration: {milliseconds} ms\tMemory Size: {function.memory_size} MB"


_JSON_LINES: Final[tuple[Line, Line]] = (_json_start, _json_report)
_TEXT_LINES: Final[tuple[Line, Line]] = (_text_start, _text_report)


def _record(function: DeployedFunction, event: str, attempts: list[Attempt]) -> dict[str, Any]:
    """Write the invocation record that destinations get."""
    last = attempts[-1]
    failed = last.function_error is not None
    return {
        "version": "1.0",
        "timestamp": instant(datetime.now(UTC)),
        "requestContext": {
            "requestId": last.request_id,
            "functionArn": f"{function.function_arn}:{function.version}",
            "condition": "RetriesExhausted" if failed else "Success",
            "approximateInvokeCount": len(attempts),
        },
        "requestPayload": json.loads(event),
        "responseContext": {
            "statusCode": 200,
            "executedVersion": str(function.version),
            **({"functionError": UNHANDLED} if failed else {}),
        },
        "responsePayload": json.loads(last.payload),
    }


def _error_attributes(attempt: Attempt) -> dict[str, str]:
    """Describe the failure in the message attributes of a dead-letter queue."""
    message = str(json.loads(attempt.payload).get("errorMessage", ""))
    return {"RequestID": attempt.request_id, "ErrorCode": "200", "ErrorMessage": message[:_LONGEST_ERROR]}
