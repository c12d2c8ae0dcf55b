"""What docs/operations.md says of alarms, and asks of the log, is so."""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import jmespath  # type: ignore[import-untyped]
import pytest
from awslambdaric.lambda_runtime_log_utils import JsonFormatter  # type: ignore[import-untyped]

from ebs_backup import handler
from ebs_backup.aws import s3
from ebs_backup.report.document import RunFailed
from sandbox.ec2 import Fault, Simulator
from tests.docs.markdown import ROOT, codes, commands, fences, rows, section
from tests.unit.conftest import Connect, SimulatedTime, clock, connect, ec2, session  # noqa: F401 - fixtures
from tests.unit.estates import add_instance, add_snapshots, add_volumes
from tests.unit.state_machine import Bucket

PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
QUERIES = fences(PAGE, "logs")
QUERIES_TO_THE_STATE_MACHINES_LOG = fences(PAGE, "states")

CHECKS = {"The code was replaced"}  # a plan warns of it, and no alarm

COMMANDS = {"fields", "filter", "stats", "sort", "limit"}
WORDS = {"as", "by", "in", "and", "desc", "count", "latest", "ispresent"}
# What CloudWatch Logs and Lambda's own events bring along.
NOT_OURS = re.compile(r"@timestamp|type|record\.[\w.]+")


BEGIN = {"step": "begin", "event": {}, "execution": "e"}
ROUND = {
    "step": "visit",
    "run": {"run_id": "e", "execution": "e", "dry_run": False},
    "region": "eu-west-1",
    "round": 1,
    "stalled": 0,
    "retries": 0,
}


class Context:
    """Lambda's context, with time enough."""

    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 900_000


def fields_of(query: str) -> set[str]:
    """Return the fields that a query reads."""
    bare = re.sub(r'"[^"]*"', "", query)
    words = set(re.findall(r"[@a-zA-Z][\w.@]*", bare))
    return words - COMMANDS - WORDS - set(re.findall(r" as (\w+)", bare))


def paths(value: Any, path: str = "") -> Iterator[str]:
    """Yield the names under which Logs Insights finds what is in a JSON event."""
    nested = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in nested:
        yield from paths(part, f"{path}.{key}".lstrip("."))
    yield path


@pytest.fixture
def events(
    ec2: Simulator,  # noqa: F811
    clock: SimulatedTime,  # noqa: F811
    connect: Connect,  # noqa: ARG001, F811
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> list[dict[str, Any]]:
    """Return what is logged by a run that meets with all sorts of trouble, and by a round, as Lambda's runtime does."""
    deployment = {"name": "nightly", "retention": {"last": 2}, "regions": ["eu-west-1", "us-east-1"]}
    deployment |= {"report_bucket": "bucket", "report_prefix": "reports/", "rounds_prefix": "rounds/"}
    bucket = Bucket()
    monkeypatch.setattr(s3, "_client", lambda: bucket)
    monkeypatch.setenv("POLICY", json.dumps(deployment))
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr(handler, "Clock", lambda: clock)
    add_volumes(ec2, 3)
    add_instance(ec2, "i-1", "vol-old")
    add_instance(ec2, "i-2", "vol-shared")
    add_snapshots(ec2, "vol-old", days=5)
    add_snapshots(ec2, "vol-shared", days=5, shared_with=frozenset({"111122223333"}))
    ec2.inject(Fault("CreateSnapshot", code="InternalError", times=1))
    ec2.inject(Fault("CreateSnapshot", code="RequestLimitExceeded", times=1))
    for action, resource in {"CreateSnapshot": "vol-0002", "CreateSnapshots": "i-eu-west-1-0002"}.items():
        ec2.inject(Fault(action, resource=resource, code="InvalidParameterValue", times=1))
    ec2.regions["us-east-1"].denied = True
    with caplog.at_level(logging.INFO), pytest.raises(RunFailed):
        handler.lambda_handler({"expire": True}, Context())
    with caplog.at_level(logging.INFO):
        handler.lambda_handler(BEGIN, Context())
        handler.lambda_handler(ROUND, Context())
    return [json.loads(JsonFormatter().format(record)) for record in caplog.records]


def test_queries_read_fields_that_runs_log(events: list[dict[str, Any]]) -> None:
    logged = {path for event in events for path in paths(event)}
    asked = {field for query in QUERIES for field in fields_of(query) if not NOT_OURS.fullmatch(field)}

    assert asked - logged == set()


def test_queries_name_events_that_the_function_logs() -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "function").rglob("*.py"))
    asked = {
        event
        for query in QUERIES
        for names in re.findall(r"message (?:=|in) (\[.*?\]|\".*?\")", query)
        for event in re.findall(r'"(\w+)"', names)
    }

    assert len(asked) > len(QUERIES) / 2
    assert {event for event in asked if f'"{event}"' not in sources} == set()


def test_queries_are_made_of_commands_one_a_line() -> None:
    for query in [*QUERIES, *QUERIES_TO_THE_STATE_MACHINES_LOG]:
        first, *others = query.splitlines()
        assert first.split()[0] in COMMANDS
        assert {line.split()[0] for line in others} <= {"|"}
        assert {line.split()[1] for line in others} <= COMMANDS


@pytest.mark.parametrize(
    "event", ["TaskFailed", "TaskTimedOut", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"]
)
def test_history_shows_how_an_execution_failed(event: str) -> None:
    [command] = [words for words in commands(section(PAGE, "The state machine")) if "get-execution-history" in words]
    details = {"error": "RunFailed", "cause": "something is missing"}
    history = [
        {"timestamp": 1, "type": "TaskSucceeded", "taskSucceededEventDetails": {"output": "{}"}},
        {"timestamp": 2, "type": event, f"{event[0].lower()}{event[1:]}EventDetails": details},
    ]

    shown = jmespath.search(command[command.index("--query") + 1], {"events": history})

    assert shown == [[2, event, ["RunFailed", "something is missing"]]]


def test_alarms_refer_to_sections_that_exist() -> None:
    sources = "".join(path.read_text("utf-8") for path in sorted(ROOT.glob("*.tf"))).replace('\\"', '"')
    referred = re.findall(r'local\.manual}, "([^"]+)"(?:, or "([^"]+)")?', sources)
    listed = rows(section(PAGE, "Who gets an alarm"))

    assert len(referred) == len(listed) + len(CHECKS)
    referred_to = {heading for headings in referred for heading in headings if heading}
    assert referred_to >= CHECKS
    assert all(section(PAGE, heading).strip() for heading in referred_to)


def test_table_has_every_alarm() -> None:
    listed = {code for row in rows(section(PAGE, "Who gets an alarm")) for code in codes(row[0])}
    source = (ROOT / "alerts.tf").read_text("utf-8")
    keys = re.findall(r"^    ([a-z-]+) += .*\{$", source.partition("faults = {")[2].partition("alarm_actions")[0], re.M)

    assert listed == {f"ebs-backup-{key}" for key in [*keys, "no-run"]}


def test_example_lets_each_service_use_the_key() -> None:
    example = (ROOT / "examples" / "existing-bucket-and-key" / "main.tf").read_text("utf-8")
    for service, actions, _ in rows(section(PAGE, "A key of your own")):
        [name] = codes(service)
        [allowed] = re.findall(
            rf'Service = "{re.escape(name.partition(".")[0])}\.[^"]+" }}\s+Action +=\s+\[(.*?)\]', example
        )
        assert re.findall(r'"(.*?)"', allowed) == codes(actions)
