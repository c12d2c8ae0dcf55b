"""The module's output and the function's reports describe a retention in the same words."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from ebs_backup.model.retention import Retention, in_words
from ebs_backup.plan.retention import RULES
from tests.terraform.calls import lay_out

pytestmark = pytest.mark.terraform

EACH_RULE_ALONE = [{rule.name: count} for rule in RULES for count in (1, 2)]
RETENTIONS: list[Mapping[str, int]] = [
    {},
    *EACH_RULE_ALONE,
    {rule.name: 1 for rule in RULES},
    {rule.name: 10**6 for rule in reversed(RULES)},
    {"daily": 7, "weekly": 4, "monthly": 12},
    {"last": 0, "daily": 14, "yearly": 0},
]


def _words_of_the_module(directory: Path, retentions: list[Mapping[str, int]]) -> list[str]:
    lay_out(directory, [{"retention": retention} for retention in retentions], answer="local.retention")
    answers = subprocess.run(
        ["terraform", "console"],
        input="jsonencode(module.call[*].answer)",
        cwd=directory,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    return list(json.loads(json.loads(answers.stdout)))


def test_module_and_function_use_the_same_words(tmp_path: Path) -> None:
    words = _words_of_the_module(tmp_path / "calls", RETENTIONS)
    assert words == [in_words(Retention(**retention)) for retention in RETENTIONS]
