"""One measurement: an endpoint with an estate, one contestant against it, and what came of both."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import botocore

from benchmarks.estates import ESTATES, HOME
from benchmarks.quota import MIB_PER_CORE, PERIOD, limit_cpu
from benchmarks.timescale import Timescale

ROOT: Final = Path(__file__).parents[1]
_LONGEST_COMPLAINT: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is to be measured: a contestant on an estate, at how many times the speed of real time.

    With `memory_mib` it gets the share of a core that a Lambda function of this size has, and speaks TLS.
    """

    estate: str
    contestant: str
    factor: float
    memory_mib: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What came of a case, in seconds of real time.

    `started` is when the last snapshot was started and `over` when the contestant was through, both from when its
    packages were imported. `imported`, `first_page` and `whole` are from the start of its process: until that moment,
    until EC2 told of the first volumes, until its end. `wrongly_failed` are volumes that it says have failed although
    they have a snapshot. Of the snapshots that were there before, `deleted` are gone, and `wrongly_deleted` although
    the retention keeps them.

    `cpu_inflation` bounds the error that the timescale makes. Computing takes as long as ever, and so counts `factor`
    times: this is the part of `over` that would be gone if none of it had overlapped with waiting. With a share of a
    core there is none, since the share is scaled too. `endpoint_excess` is by how much answers came later than was
    asked of the endpoint, on average.
    """

    case: Case
    date: str
    started: float
    over: float
    imported: float
    first_page: float
    whole: float
    calls: int
    throttled: int
    missing: int
    doubled: int
    wrongly_failed: int
    deleted: int
    wrongly_deleted: int
    memory_mib: float
    cpu_seconds: float
    cpu_inflation: float
    endpoint_cpu_share: float
    endpoint_excess: float
    error: str | None


@dataclass(frozen=True, slots=True)
class _Server:
    """An endpoint that runs, and where it keeps its certificate if it speaks TLS."""

    process: "subprocess.Popen[str]"
    port: int
    timescale: Timescale
    authorities: Path | None

    def environment(self) -> dict[str, str]:
        """Return what lets AWS's clients find it, and nothing else of this machine's configuration."""
        scheme = "https" if self.authorities else "http"
        trust = {"AWS_CA_BUNDLE": str(self.authorities)} if self.authorities else {}
        return trust | {
            "AWS_ENDPOINT_URL": f"{scheme}://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "benchmark",
            "AWS_REGION": HOME,
            "AWS_DEFAULT_REGION": HOME,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def seen(self) -> Mapping[str, Any]:
        """Return what it saw, and end it."""
        said, _ = self.process.communicate()
        seen: Mapping[str, Any] = json.loads(said)
        return seen


def measure(case: Case, python: str = sys.executable) -> Measurement:
    """Let a contestant back an estate up, in a process and against an endpoint of its own."""
    with tempfile.TemporaryDirectory() as folder, _serving(case, Path(folder)) as server:
        spawned = server.timescale.now()
        effort = _contend(case, server, Path(folder), python)
        whole = server.timescale.now() - spawned
        return _measured(case, effort, server.seen(), spawned=spawned, whole=whole)


@contextmanager
def _serving(case: Case, folder: Path) -> Iterator[_Server]:
    certificate = _certificate(folder) if case.memory_mib else None
    asked = {"estate": case.estate, "factor": case.factor, "certificate": certificate and str(certificate)}
    process = subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, "-m", "benchmarks.endpoint", json.dumps(asked)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout  # noqa: S101 - for the type checker
        ready = json.loads(process.stdout.readline())
        authorities = _authorities(folder, certificate) if certificate else None
        try:
            yield _Server(process, ready["port"], Timescale(**ready["timescale"]), authorities)
        except BaseException:
            process.kill()  # nobody asks it what it saw
            raise


def _certificate(folder: Path) -> Path:
    """Make a certificate for this machine, with its key, that vouches for itself."""
    path = folder / "endpoint.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command = ["openssl", "req", *kind, *subject, "-keyout", str(path), "-out", str(folder / "certificate")]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - a fixed command
    path.write_bytes(path.read_bytes() + (folder / "certificate").read_bytes())
    return path


def _authorities(folder: Path, certificate: Path) -> Path:
    """Add the endpoint's certificate to botocore's authorities: reading them all is part of every connection's cost."""
    path = folder / "authorities.pem"
    theirs = Path(botocore.__file__).with_name("cacert.pem").read_bytes()
    path.write_bytes(theirs + certificate.with_name("certificate").read_bytes())
    return path


def _contend(case: Case, server: _Server, folder: Path, python: str) -> Mapping[str, Any]:
    """Run the contestant to its end and return what it says of itself."""
    code = folder / "function"
    # As Lambda has it: without byte code, so that its own sources are compiled at every start.
    shutil.copytree(ROOT / "function", code, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{code}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "POLICY": json.dumps(ESTATES[case.estate].policy),
        **server.environment(),
        **server.timescale.environment(),
    }
    command = [python, "-m", "benchmarks.contestants", case.contestant]
    said, complaints = folder / "said", folder / "complaints"
    with said.open("wb") as out, complaints.open("wb") as err:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)  # noqa: S603 - our own
        if case.memory_mib:
            limit_cpu(process, case.factor * case.memory_mib / MIB_PER_CORE, PERIOD / case.factor)
        if process.wait():
            raise RuntimeError(f"{case} failed: {complaints.read_text()[-_LONGEST_COMPLAINT:]}")
    effort: Mapping[str, Any] = json.loads(said.read_text().splitlines()[-1])
    return effort


def _measured(
    case: Case, effort: Mapping[str, Any], seen: Mapping[str, Any], *, spawned: float, whole: float
) -> Measurement:
    snapshots = seen["snapshots"]
    over = effort["ended_at"] - effort["imported_at"]
    return Measurement(
        case=case,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        started=seen["last_created_at"] - effort["imported_at"],
        over=over,
        imported=effort["imported_at"] - spawned,
        first_page=seen["first_page_at"] - spawned,
        whole=whole,
        calls=sum(seen["calls"].values()),
        throttled=sum(seen["throttled"].values()),
        missing=len(ESTATES[case.estate].expected() - snapshots.keys()),
        doubled=sum(count > 1 for count in snapshots.values()),
        wrongly_failed=len(snapshots.keys() & effort["failed"]),
        deleted=seen["deleted"],
        wrongly_deleted=seen["wrongly_deleted"],
        memory_mib=effort["memory_mib"],
        cpu_seconds=effort["cpu_seconds"],
        cpu_inflation=0.0 if case.memory_mib else (case.factor - 1) * effort["cpu_seconds"] / over,
        endpoint_cpu_share=seen["cpu_share"],
        endpoint_excess=case.factor * seen["excess_mean_ms"] / 1000,
        error=effort["error"],
    )
