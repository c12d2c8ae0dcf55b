"""What any page of the documentation says can be followed: its links lead somewhere, its commands exist."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import botocore.session
import jmespath  # type: ignore[import-untyped]
import pytest
from botocore import xform_name

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.request import Request, parse_request
from tests.docs.markdown import PAGES, ROOT, codes, commands, headings, links, name

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

# https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-options.html
OPTIONS_OF_EVERY_COMMAND = {"--region", "--query", "--output", "--cli-binary-format", "--cli-read-timeout"}

# The call that a waiter makes: https://docs.aws.amazon.com/cli/latest/reference/ec2/wait/
WAITS_WITH = {"volume-available": "describe-volumes"}

every_page = pytest.mark.parametrize("page", PAGES, ids=name)


@every_page
def test_links_lead_to_files_and_headings(page: Path) -> None:
    local = [link for link in links(page.read_text("utf-8")) if not re.match(r"[a-z]+:", link)]

    assert [link for link in local if not _leads_somewhere(page, link)] == []


@every_page
def test_page_names_no_path_of_a_machine(page: Path) -> None:
    assert re.findall(r"(?<![\w.>*/-])/(?:work|opt|root|home|tmp|usr)\b\S*", page.read_text("utf-8")) == []


@every_page
def test_make_targets_exist(page: Path) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    text = page.read_text("utf-8")
    named = [words.split() for words in codes(text)] + list(commands(text))

    assert {words[1] for words in named if words[0] == "make" and words[1:]} <= set(targets)


@every_page
def test_commands_of_the_aws_cli_exist(page: Path) -> None:
    unknown = {
        (" ".join(words[:3]), option)
        for words in map(_without_wait, commands(page.read_text("utf-8")))
        if words[0] == "aws"
        for option in words[3:]
        if option.startswith("--") and option not in _options(*words[1:3]) | OPTIONS_OF_EVERY_COMMAND
    }

    assert unknown == set()


@every_page
def test_queries_of_the_aws_cli_compile(page: Path) -> None:
    for words in commands(page.read_text("utf-8")):
        if "--query" in words:
            jmespath.compile(words[words.index("--query") + 1])


@every_page
def test_commands_read_outputs_of_an_example(page: Path) -> None:
    read = re.findall(r"terraform output -raw (\w+)", page.read_text("utf-8"))
    beside = page.with_name("main.tf")
    example = beside if beside.exists() else ROOT / "examples" / "quickstart" / "main.tf"

    assert set(read) <= set(re.findall(r'^output "(\w+)"', example.read_text("utf-8"), re.MULTILINE))


@every_page
def test_function_takes_the_payloads(page: Path) -> None:
    for payload in _payloads(page.read_text("utf-8")):
        assert isinstance(parse_request(json.loads(payload), "request-id", Deployment(name="ebs-backup"), NOW), Request)


def test_readme_shows_every_key_of_a_payload() -> None:
    payloads = list(_payloads((ROOT / "README.md").read_text("utf-8")))

    assert {key for payload in payloads for key in json.loads(payload)} == {"dry_run", "expire", "regions", "run_id"}


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, fragment = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not fragment or fragment in map(_anchor, headings(target.read_text("utf-8"))))


def _anchor(heading: str) -> str:
    """Name a heading as GitHub does."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _without_wait(words: list[str]) -> list[str]:
    return [*words[:2], *words[3:]] if words[2:3] == ["wait"] else words


def _payloads(text: str) -> Iterator[str]:
    """Yield what is given to the function on a command line or named within a line."""
    for words in commands(text):
        for option in {"--payload", "--input"}.intersection(words):
            yield words[words.index(option) + 1]
    yield from (code for code in codes(text) if code.startswith('{"'))


@cache
def _options(service: str, command: str) -> set[str]:
    model = botocore.session.get_session().get_service_model(service)
    command = WAITS_WITH.get(command, command)
    operation = {xform_name(each, "-"): each for each in model.operation_names}[command]
    shape = model.operation_model(operation).input_shape
    return {f"--{xform_name(member, '-')}" for member in shape.members} if shape else set()
