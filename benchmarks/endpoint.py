"""An EC2 endpoint to measure against: the sandbox's simulator behind a socket, in a process of its own.

    python -m benchmarks.endpoint '{"estate": "small", "factor": 4}'

prints one line when it listens and, at the end of its input, one with what it saw; both are JSON. It answers as late as
EC2 is assumed to, and accounts for every delay of its own, so that a measurement shows what it is worth.
"""

import asyncio
import contextlib
import json
import ssl
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import Final

from benchmarks.estates import BEGINNING, ESTATES, HOME, Estate
from benchmarks.limit import CHANGE_SECONDS, DESCRIBE_SECONDS
from benchmarks.timescale import Timescale
from sandbox.ec2 import AnswerLost, Clock, Ec2Error, Simulator, Snapshot
from sandbox.ec2.service import OK
from sandbox.ec2.wire import CONTENT_TYPE, Response, decode, respond
from sandbox.signature import scope_of

JITTER: Final = 0.1
"""Answers take up to so much less or more than on average, as a share of it."""
_ATTENTION_EVERY: Final = 0.005
_THROTTLED: Final = "RequestLimitExceeded"
_CALLER: Final = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/benchmark</Arn><UserId>AIDAEXAMPLE</UserId>
<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the endpoint saw; times are seconds of its timescale.

    `excess_mean_ms` is by how many of the machine's milliseconds an answer left later than it should have: from waiting
    to be attended to, and from work that took longer than the latency. `snapshots` are the new ones of each volume;
    of those that were there before, `deleted` are gone, and `wrongly_deleted` although the retention keeps them.
    """

    calls: Mapping[str, int]
    throttled: Mapping[str, int]
    snapshots: Mapping[str, int]
    deleted: int
    wrongly_deleted: int
    first_page_at: float
    last_created_at: float
    cpu_share: float
    excess_mean_ms: float


class ScaledClock(Clock):
    """The simulator's time at the measurement's scale."""

    def __init__(self, timescale: Timescale) -> None:
        super().__init__()
        self._timescale = timescale

    def now(self) -> datetime:
        """Tell the time."""
        return self._timescale.utc()


class Endpoint:
    """Answers HTTP requests, each after the latency that its action is assumed to have."""

    def __init__(self, estate: Estate, timescale: Timescale) -> None:
        self._estate = estate
        self._timescale = timescale
        self._ec2 = Simulator(ScaledClock(timescale))
        self._random = Random(estate.name)  # noqa: S311 - jitter, no secret
        self._late: list[float] = []
        self._unattended: list[float] = []
        estate.fill(self._ec2)
        self._earlier = {s.id: s.started.date() in estate.history.due for s in self._snapshots()}
        decode("Action=DescribeRegions")  # reads the model of EC2's API, which takes some time at the first call only
        self._began, self._began_cpu = time.monotonic(), time.process_time()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until the client closes it or an answer is to be lost."""
        try:
            while True:
                await self._answer(*await _request(reader), writer)
        except (asyncio.IncompleteReadError, ConnectionError, AnswerLost):
            writer.transport.abort()

    async def _answer(self, headers: Mapping[str, str], body: str, writer: asyncio.StreamWriter) -> None:
        arrived = time.monotonic()
        latency = self._latency(body)
        await asyncio.sleep(latency / 2)  # EC2 works somewhere between the request's arrival and its answer
        try:
            response = self._respond(headers, body)
        finally:
            await asyncio.sleep(arrived + latency - time.monotonic())
        writer.write(_http(response))
        self._late.append(time.monotonic() - arrived - latency)
        await writer.drain()

    def _latency(self, body: str) -> float:
        action = body.partition("Action=")[2]
        average = DESCRIBE_SECONDS if action.startswith(("Describe", "Get")) else CHANGE_SECONDS
        return self._timescale.real(average * self._random.uniform(1 - JITTER, 1 + JITTER))

    def _respond(self, headers: Mapping[str, str], body: str) -> Response:
        scope = scope_of(headers.get("authorization", ""))
        if scope is None:
            return Response(400, b"The request is not signed.")
        if scope.service == "sts":
            return Response(200, _CALLER)
        return respond(self._ec2, body, scope.region)

    async def watch(self) -> None:
        """Measure, again and again, how long the process leaves unattended what has arrived."""
        while True:
            due = time.monotonic() + _ATTENTION_EVERY
            await asyncio.sleep(_ATTENTION_EVERY)
            self._unattended.append(time.monotonic() - due)

    async def draw(self) -> None:
        """Be another tool that has emptied the home region's CreateSnapshot bucket, and goes on to use it."""
        rate, taken = self._estate.trouble.taken_per_second, 0
        while rate:
            due = self._ec2.limits.rate("CreateSnapshot").burst + self._timescale.now() * rate
            for _ in range(taken, int(due)):
                with contextlib.suppress(Ec2Error):
                    self._ec2.limits.take("CreateSnapshot", HOME, {}, self._ec2.clock.now())
            taken = int(due)
            await asyncio.sleep(self._timescale.real(1 / rate))

    def seen(self) -> Seen:
        """Return what was seen until now."""
        calls = self._ec2.calls
        pages = [self._at(call.at) for call in calls if call.action == "DescribeVolumes" and call.outcome == OK]
        created = [s for s in self._snapshots() if s.id not in self._earlier]
        gone = self._earlier.keys() - {s.id for s in self._snapshots()}
        return Seen(
            calls=dict(Counter(call.action for call in calls)),
            throttled=dict(Counter(call.action for call in calls if call.outcome == _THROTTLED)),
            snapshots=dict(Counter(snapshot.volume_id for snapshot in created)),
            deleted=len(gone),
            wrongly_deleted=sum(not self._earlier[snapshot_id] for snapshot_id in gone),
            first_page_at=min(pages, default=0.0),
            last_created_at=max((self._at(snapshot.started) for snapshot in created), default=0.0),
            cpu_share=(time.process_time() - self._began_cpu) / (time.monotonic() - self._began),
            excess_mean_ms=1000 * (_mean(self._late) + _mean(self._unattended)),
        )

    def _snapshots(self) -> list[Snapshot]:
        return [s for region in self._ec2.regions.values() for s in region.snapshots.values()]

    def _at(self, when: datetime) -> float:
        """Return when a call that was worked on at a time was answered, on average."""
        return when.timestamp() - self._timescale.utc_origin + CHANGE_SECONDS / 2


def _mean(values: list[float]) -> float:
    return sum(values) / max(1, len(values))


async def _request(reader: asyncio.StreamReader) -> tuple[Mapping[str, str], str]:
    """Read the headers of an HTTP request, by their names in small letters, and its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    fields = (line.partition(":") for line in head.split("\r\n")[1:])
    headers = {name.lower(): value.strip() for name, _, value in fields}
    return headers, (await reader.readexactly(int(headers.get("content-length", "0")))).decode()


def _http(response: Response) -> bytes:
    lines = (
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
        f"Content-Type: {CONTENT_TYPE}",
        f"Content-Length: {len(response.body)}",
    )
    return "\r\n".join([*lines, "", ""]).encode() + response.body


async def serve(estate: Estate, factor: float, certificate: Path | None) -> None:
    """Listen on a free port of this machine, say so, and serve until the input ends."""
    endpoint = Endpoint(estate, timescale := Timescale.starting_now(factor, BEGINNING))
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    server = await asyncio.start_server(endpoint.converse, "127.0.0.1", 0, ssl=context, limit=1 << 20)
    print(json.dumps({"port": server.sockets[0].getsockname()[1], "timescale": asdict(timescale)}), flush=True)
    loop = asyncio.get_running_loop()
    background = [loop.create_task(endpoint.watch()), loop.create_task(endpoint.draw())]
    await loop.run_in_executor(None, sys.stdin.read)
    print(json.dumps(asdict(endpoint.seen())), flush=True)
    for task in background:
        task.cancel()
    server.close()


def main(given: str) -> None:
    """Serve as a JSON object says: an estate's name, the time's factor, and a certificate's path or none."""
    asked = json.loads(given)
    certificate = Path(asked["certificate"]) if asked.get("certificate") else None
    asyncio.run(serve(ESTATES[asked["estate"]], asked["factor"], certificate))


if __name__ == "__main__":
    main(sys.argv[1])
