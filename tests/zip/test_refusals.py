"""What cannot be in an archive is refused while planning, by a message with the rule and what broke it."""

import json
from pathlib import Path

import pytest

from tests.zip.workspace import EVERY_TREE, TerraformError, Trees, checkout

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("refused trees")]

NO_SEGMENT = "A path is relative and none of its segments is empty, `.` or `..`"
CHARACTERS = "A path has neither backslashes nor NUL characters"
THROUGH_A_FILE = "A path cannot lead through another file"
LENGTH = "A path has at most 65,535 bytes in UTF-8"
NUMBER = "An archive holds 1 to 65,535 files"
NULL = "The text of a file may be empty but not null"

REFUSED: dict[str, tuple[dict[str, str | None], str]] = {
    "no file": ({}, f"{NUMBER}; got: 0."),
    "an absolute path": ({"/a.py": ""}, f'{NO_SEGMENT}; got: ["/a.py"].'),
    "an empty path": ({"": ""}, f'{NO_SEGMENT}; got: [""].'),
    "a directory's path": ({"b/": ""}, f'{NO_SEGMENT}; got: ["b/"].'),
    "an empty segment": ({"a//b": ""}, f'{NO_SEGMENT}; got: ["a//b"].'),
    "a segment `.`": ({"./c": ""}, f'{NO_SEGMENT}; got: ["./c"].'),
    "a segment `..`": ({"a/../b": "", "..": "", "a/b": ""}, f'{NO_SEGMENT}; got: ["..","a/../b"].'),
    "a backslash": ({"a\\b": ""}, f'{CHARACTERS}; got: ["a\\\\b"].'),
    "a NUL": ({"a\0b": ""}, f'{CHARACTERS}; got: ["a\\u0000b"].'),
    "a path through a file": ({"a": "", "a/b/c": "", "a.b": ""}, f'{THROUGH_A_FILE}; got: ["a/b/c"].'),
    "a path too long": ({"é" * 32_768: ""}, f'{LENGTH}; got longer ones that begin with: ["{"é" * 60}"].'),
    "a null text": ({"a": None, "b": ""}, f'{NULL}; got null for: ["a"].'),
    "too many files": (dict.fromkeys(map(str, range(65_536)), ""), f"{NUMBER}; got: 65536."),
}


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return what one plan of all refused trees says."""
    trees: Trees = {name: files for name, (files, _) in REFUSED.items()}
    workspace = checkout(
        tmp_path_factory.mktemp("refused"),
        {"main.tf": EVERY_TREE, "terraform.tfvars.json": json.dumps({"trees": trees}).encode()},
    )
    with pytest.raises(TerraformError) as refusal:
        workspace.terraform("plan", "-json")
    lines = map(json.loads, str(refusal.value).splitlines())
    return [line["diagnostic"]["detail"] for line in lines if line["type"] == "diagnostic"]


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_files_are_refused_with_the_rule_and_the_value(messages: list[str], case: str) -> None:
    _, message = REFUSED[case]
    assert len([detail for detail in messages if detail.startswith(message)]) == 1


def test_each_refusal_has_one_reason(messages: list[str]) -> None:
    assert len(messages) == len(REFUSED)


def test_null_files_are_refused(tmp_path: Path) -> None:
    root = b'module "package" {\n  source = "./modules/zip"\n  files  = null\n}\n'
    workspace = checkout(tmp_path, {"main.tf": root})
    with pytest.raises(TerraformError, match=r"may\s+not\s+be\s+set\s+to\s+null"):
        workspace.terraform("plan", "-no-color")
