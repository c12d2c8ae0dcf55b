import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws

from ebs_backup.aws import s3
from ebs_backup.model.deployment import Bucket
from ebs_backup.model.time_budget import RESERVE, S3_CALL_TIMEOUT

REPORTS = Bucket("reports")
THERE = "<Error><Code>PreconditionFailed</Code><Message>it is there</Message></Error>"
UNDER_WAY = "<Error><Code>ConditionalRequestConflict</Code><Message>a put is under way</Message></Error>"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        resource = boto3.resource("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
        monkeypatch.setattr(s3, "_client", lambda: resource.meta.client)
        yield resource.create_bucket(Bucket="reports")


class Closed:
    """A client that S3 denies everything."""

    def __getattr__(self, operation: str) -> Any:
        def deny(*_: object, **__: object) -> None:
            error: Any = {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {}}
            raise ClientError(error, operation)

        return deny


class Server:
    """S3 at the other end of a connection: answers puts one after the other, as it is told to.

    An answer is a status and a body, or what is done in place of one.
    """

    def __init__(self) -> None:
        self.answers: list[tuple[int, str] | Callable[[Any], None]] = []
        self.puts: list[dict[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                server.puts.append(dict(self.headers))
                answer = server.answers.pop(0)
                if callable(answer):
                    answer(self)
                    return
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(answer[1])))
                self.end_headers()
                self.wfile.write(answer[1].encode())

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server()
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="k",
        aws_secret_access_key="s",
        endpoint_url=f"http://127.0.0.1:{made.http.server_port}",
        config=Config(retries={"mode": "standard", "total_max_attempts": 2}, read_timeout=1),
    )
    monkeypatch.setattr(s3, "_client", lambda: client)
    yield made
    made.http.shutdown()
    made.http.server_close()


def _lose(handler: Any) -> None:
    """Close the connection after the put went through."""
    handler.close_connection = True
    with contextlib.suppress(OSError):
        handler.connection.close()


def test_text_is_read_back_as_it_was_stored_last(bucket: Any) -> None:
    s3.put(REPORTS, "a/b.json", "application/json", "first")
    s3.put(REPORTS, "a/b.json", "application/json", "é")

    assert s3.get(REPORTS, "a/b.json") == "é"
    assert bucket.Object("a/b.json").get()["ContentType"] == "application/json"


def test_missing_text_is_none(bucket: Any) -> None:
    assert bucket
    assert s3.get(REPORTS, "a/b.json") is None


def test_keys_are_listed_under_the_prefix_after_the_start(bucket: Any) -> None:
    for key in ("a/1", "a/2", "a/3", "b/4"):
        bucket.put_object(Key=key, Body=b"")

    assert list(s3.keys(REPORTS, "a/", "a/1")) == ["a/2", "a/3"]
    assert list(s3.keys(REPORTS, "c/", "c/1")) == []


def test_denial_says_which_object_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_client", Closed)

    for store in (s3.put, s3.create):
        with pytest.raises(s3.StoreError, match=r"^k could not be stored in reports: .*AccessDenied"):
            store(REPORTS, "k", "text/plain", "")
    with pytest.raises(s3.StoreError, match=r"^k could not be read from reports: .*AccessDenied"):
        s3.get(REPORTS, "k")
    with pytest.raises(s3.StoreError, match=r"^a/ could not be listed in reports: .*AccessDenied"):
        list(s3.keys(REPORTS, "a/", "a/1"))


# --- what is written once ---


def test_create_asks_s3_to_replace_nothing(server: Server) -> None:
    server.answers = [(200, "")]

    s3.create(REPORTS, "k", "text/plain", "text")

    assert server.puts[0]["If-None-Match"] == "*"


def test_object_that_is_there_is_told_from_a_failure(server: Server) -> None:
    server.answers = [(412, THERE)]

    with pytest.raises(s3.ObjectExistsError, match=r"^k is in reports already$"):
        s3.create(REPORTS, "k", "text/plain", "text")


def test_put_whose_answer_was_lost_counts_as_stored(server: Server) -> None:
    server.answers = [_lose, (412, THERE)]

    s3.create(REPORTS, "k", "text/plain", "text")

    assert len(server.puts) == 2


def test_own_put_under_way_is_waited_for(server: Server) -> None:
    server.answers = [_lose, (409, UNDER_WAY), (412, THERE)]

    s3.create(REPORTS, "k", "text/plain", "text")

    assert server.answers == []


def test_put_that_was_under_way_and_failed_is_made_again(server: Server) -> None:
    server.answers = [(409, UNDER_WAY), (200, "")]

    s3.create(REPORTS, "k", "text/plain", "text")

    assert server.answers == []


def test_put_of_another_that_stays_under_way_is_told(server: Server) -> None:
    server.answers = [(409, UNDER_WAY)] * 3

    with pytest.raises(s3.ObjectExistsError):
        s3.create(REPORTS, "k", "text/plain", "text")


# --- whose bucket it is ---


class Recorder:
    """A client that keeps what it was asked with."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def __getattr__(self, _: str) -> Any:
        def keep(*_: object, **parameters: Any) -> Any:
            self.asked.append(parameters)
            return self if not parameters else {"Body": self} if parameters.get("Key") else []

        return keep

    def decode(self) -> str:
        return ""


@pytest.mark.parametrize(("account", "owner"), [("123456789012", ["123456789012"] * 4), ("", [None] * 4)])
def test_every_call_names_the_owner_of_the_bucket(
    account: str, owner: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    monkeypatch.setattr(s3, "_client", lambda: recorder)
    bucket = Bucket("reports", account)

    s3.put(bucket, "k", "text/plain", "")
    s3.create(bucket, "k", "text/plain", "")
    s3.get(bucket, "k")
    list(s3.keys(bucket, "a/", "a/1"))

    assert [asked.get("ExpectedBucketOwner") for asked in recorder.asked if asked] == owner


# --- how long it may take ---


def test_two_calls_that_hang_fit_into_the_time_kept_for_the_end() -> None:
    config: Any = s3._client().meta.config
    attempt = config.connect_timeout + config.read_timeout

    assert attempt * config.retries["total_max_attempts"] < S3_CALL_TIMEOUT
    assert 2 * S3_CALL_TIMEOUT < RESERVE


def test_work_that_takes_too_long_is_given_up() -> None:
    started = time.monotonic()

    with pytest.raises(s3.StoreError, match=r"^S3 did not answer within 0 seconds$"):
        s3.within(0.05, lambda: time.sleep(5))

    assert time.monotonic() - started < 1


def test_work_in_time_is_as_if_done_at_once() -> None:
    assert s3.within(1, lambda: 7) == 7
    with pytest.raises(KeyError):
        s3.within(1, lambda: dict[str, int]()["x"])
