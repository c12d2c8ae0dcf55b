"""Checkov finds no fault in the module and its examples, and every skipped check has a reason beside it."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
MODULE = [*ROOT.glob("*.tf"), *ROOT.glob("modules/*/*.tf"), *ROOT.glob("examples/*/*.tf")]

pytestmark = [
    pytest.mark.xdist_group("security"),
    pytest.mark.skipif(
        not any(ROOT.glob(".cache/checkov-*/bin/checkov")), reason="no checkov: `make checkov OPTIONS=--install`"
    ),
]


@pytest.fixture(scope="module")
def results() -> list[dict[str, Any]]:
    command = [str(ROOT / "tools" / "checkov"), "--output", "json", "--soft-fail"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [report["results"] for report in _documents(output)]


def _documents(text: str) -> Iterator[Any]:
    """Read JSON documents that follow each other."""
    while text := text.lstrip():
        document, end = json.JSONDecoder().raw_decode(text)
        yield document
        text = text[end:]


def test_checkov_finds_no_fault(results: list[dict[str, Any]]) -> None:
    found = {(check["check_id"], check["resource"]) for result in results for check in result["failed_checks"]}
    assert found == set()
    assert all(len(result["passed_checks"]) > 20 for result in results)


def test_skipped_check_has_a_reason_and_an_effect(results: list[dict[str, Any]]) -> None:
    written = {
        (path.name, check, reason)
        for path in MODULE
        for check, reason in re.findall(r"#checkov:skip=(\w+):?(.*)", path.read_text("utf-8"))
    }
    skipped = {
        (Path(check["file_path"]).name, check["check_id"], check["check_result"]["suppress_comment"])
        for result in results
        for check in result["skipped_checks"]
    }
    assert all(len(reason.split()) > 3 for _, _, reason in written)
    assert written == skipped
