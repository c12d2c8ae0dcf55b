"""What docs/runs.md says of the command `ebs-backup` is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT, codes, commands, rows, section

PREVIEW = section((ROOT / "docs" / "runs.md").read_text("utf-8"), "Preview")
COMMAND = Path(sys.executable).with_name("ebs-backup")


def _help(*command: str) -> str:
    return subprocess.run([COMMAND, *command, "--help"], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def options() -> set[str]:
    return set(re.findall(r"--[a-z-]+", _help() + _help("plan") + _help("report")))


def test_options_of_the_command_exist(options: set[str]) -> None:
    named = [words.split() for words in codes(PREVIEW) if words.startswith("--")]
    called = [words[words.index("ebs-backup") :] for words in commands(PREVIEW) if "ebs-backup" in words]

    assert {word for words in [*named, *called] for word in words if word.startswith("--")} <= options


def test_exit_codes_are_those_of_the_help() -> None:
    epilog = _help().partition("Exit codes:")[2].partition("Environment:")[0]

    assert [row[0] for row in rows(PREVIEW)] == re.findall(r"^ +(\d+) ", epilog, re.MULTILINE)
