"""Module and function describe a retention in the same words, and the code that confirms it is the same."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ebs_backup.model.deployment import parse_deployment
from ebs_backup.model.retention import in_words
from ebs_backup.plan.retention import RULES
from tests.terraform.calls import lay_out

pytestmark = pytest.mark.terraform

EACH_RULE_ALONE = [{rule.name: count} for rule in RULES for count in (1, 2)]
SETTINGS: list[Mapping[str, Any]] = [
    {"retention": {}},
    *({"retention": retention} for retention in EACH_RULE_ALONE),
    {"retention": {rule.name: 1 for rule in RULES}},
    {"retention": {rule.name: 10_000 for rule in reversed(RULES)}, "orphan_retention_days": 36500},
    {"retention": {"daily": 7, "weekly": 4, "monthly": 12}, "orphan_retention_days": 90},
    {"retention": {"last": 0, "daily": 14, "yearly": 0}, "schedule_expression": "rate(12 hours)"},
    {"retention": {"last": 14}, "schedule_expression": "rate(12 hours)"},
    {"retention": {"hourly": 24, "last": 0}, "schedule_expression": "cron(0/30 * ? * MON-FRI *)"},
]
ANSWER = "{ retention = local.retention, terms = local.terms, retention_code = local.retention_code }"


def _answers_of_the_module(directory: Path, settings: list[Mapping[str, Any]]) -> list[dict[str, str]]:
    objective = {"recovery_point_objective_hours": 26}
    lay_out(directory, [objective | dict(each) for each in settings], answer=ANSWER)
    answers = subprocess.run(
        ["terraform", "console"],
        input="jsonencode(module.call[*].answer)",
        cwd=directory,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    return list(json.loads(json.loads(answers.stdout)))


def test_module_and_function_use_the_same_words_and_code(tmp_path: Path) -> None:
    schedule = {"schedule_expression": "cron(0 3 * * ? *)"}  # the module's default
    deployments = [parse_deployment(json.dumps({"name": "d", **schedule, **each})) for each in SETTINGS]
    assert _answers_of_the_module(tmp_path / "calls", SETTINGS) == [
        {"retention": in_words(d.retention), "terms": d.terms.words, "retention_code": d.terms.code}
        for d in deployments
    ]
