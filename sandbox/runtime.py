"""Runs a deployed package as Lambda does: AWS's own runtime client in a process of its own, fed by a Runtime API.

Every invocation is a cold start. Memory, disk and processor are not limited. Knows nothing of functions' configuration
beyond what it is given, and nothing of moto.
"""

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, Self
from uuid import uuid4

_MOVED_CLOCK: Final = """
import datetime, runpy, sys

ahead = datetime.timedelta(seconds=float(sys.argv.pop(1)))

class Moved(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) + ahead

datetime.datetime = Moved
runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
"""
"""Starts the runtime client where `datetime` tells another time than the machine's clock."""
UNHANDLED: Final = "Unhandled"
_NEXT: Final = "/2018-06-01/runtime/invocation/next"


@dataclass(frozen=True, slots=True)
class Invocation:
    """One event for one handler, whose clock is `ahead` of this machine's by so many seconds."""

    handler: str
    event: str
    function_arn: str
    timeout: float
    environment: Mapping[str, str]
    request_id: str = field(default_factory=lambda: str(uuid4()))
    ahead: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an invocation: the payload, Lambda's word for a failure, and what was printed."""

    request_id: str
    payload: str
    function_error: str | None
    output: str
    seconds: float


def unpack(package: bytes, folder: Path) -> None:
    """Unpack a deployed zip."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        archive.extractall(folder)


def run(code: Path, invocation: Invocation) -> Result:
    """Run one invocation to its end: an answer, an error, an exit or the timeout."""
    started = time.monotonic()
    with _RuntimeApi(invocation) as api, tempfile.TemporaryFile() as output:
        process = _start(code, invocation, api, output.fileno())
        try:
            ended = api.wait(process, started + invocation.timeout)
        finally:
            _kill(process)
        output.seek(0)
        printed = output.read().decode(errors="replace")
    payload = ended.payload if ended else _abnormal_end(invocation, process)
    failed = ended is None or ended.is_error
    seconds = time.monotonic() - started
    return Result(invocation.request_id, payload, UNHANDLED if failed else None, printed, seconds)


def _start(code: Path, invocation: Invocation, api: "_RuntimeApi", output: int) -> subprocess.Popen[bytes]:
    """Start the runtime client with nothing of this process's environment but the path."""
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": str(code),
        "PYTHONPATH": str(code),
        **invocation.environment,
        "_HANDLER": invocation.handler,
        "AWS_LAMBDA_RUNTIME_API": api.address,
    }
    client = ["-c", _MOVED_CLOCK, str(invocation.ahead)] if invocation.ahead else ["-m", "awslambdaric"]
    return subprocess.Popen(
        [sys.executable, *client, invocation.handler],
        cwd=code,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the function with all processes it started: it leads a process group of its own."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _abnormal_end(invocation: Invocation, process: subprocess.Popen[bytes]) -> str:
    """Word an end without an answer: killed when time was up, or gone by itself."""
    if process.returncode == -signal.SIGKILL:
        kind, what = "Sandbox.Timedout", f"Task timed out after {invocation.timeout:.2f} seconds"
    else:
        kind, what = "Runtime.ExitError", f"Runtime exited with error: exit status {process.returncode}"
    return json.dumps({"errorType": kind, "errorMessage": f"RequestId: {invocation.request_id} Error: {what}"})


@dataclass(frozen=True, slots=True)
class _Answer:
    payload: str
    is_error: bool


class _RuntimeApi:
    """Lambda's Runtime API on the loopback interface: hands one event out and takes one answer in."""

    def __init__(self, invocation: Invocation) -> None:
        self.invocation = invocation
        self.handed_out = False
        self._answer: _Answer | None = None
        self._answered = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._answered.set()
        self._server.shutdown()
        self._server.server_close()

    def wait(self, process: subprocess.Popen[bytes], deadline: float) -> _Answer | None:
        """Wait for the answer while the process lives and time is left."""
        while not self._answered.wait(0.02):
            if process.poll() is not None or time.monotonic() > deadline:
                self._answered.wait(0.1)  # the last words of a process may still be on their way
                break
        return self._answer

    def take(self, answer: _Answer) -> None:
        self._answer = answer
        self._answered.set()

    def wait_for_end(self) -> None:
        """Keep a runtime that asks for more work waiting, as Lambda does when it freezes it."""
        self._answered.wait()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Take a broken connection as what it is: the end of a process that was killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


def _handler(api: _RuntimeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing on the console."""

        def do_GET(self) -> None:
            """Hand the event out, once."""
            if self.path != _NEXT or api.handed_out:
                api.wait_for_end()
                return
            api.handed_out = True
            work = api.invocation
            deadline = round((time.time() + work.timeout) * 1000)
            self._reply(
                200,
                work.event.encode(),
                {
                    "Lambda-Runtime-Aws-Request-Id": work.request_id,
                    "Lambda-Runtime-Deadline-Ms": str(deadline),
                    "Lambda-Runtime-Invoked-Function-Arn": work.function_arn,
                    "Content-Type": "application/json",
                },
            )

        def do_POST(self) -> None:
            """Take the answer, or the error of handler or start."""
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self._reply(202, b'{"status":"OK"}', {"Content-Type": "application/json"})
            api.take(_Answer(body, is_error=self.path.endswith("/error")))

        def _reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler
