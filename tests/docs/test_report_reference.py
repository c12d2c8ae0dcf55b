"""What the documentation says of reports and metrics is what they are."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from ebs_backup.model.reader import read
from ebs_backup.model.time_budget import LISTING, STORING
from ebs_backup.report.changes import changes, lines
from ebs_backup.report.metrics import BY_REGION, UNITS
from ebs_backup.report.page.sections import MAX_ANNOUNCED, MAX_CODES, MAX_EXAMPLES, MAX_REASONS, MAX_UNCOVERED
from ebs_backup.report.schema import MAX_LISTED, SCHEMA, Report
from tests.unit.reports import (
    BRAKED,
    CLOSED,
    EMPTY,
    EXPIRING,
    NOTHING_SELECTED,
    ONE,
    PLANNED,
    UNREAD,
    VARIED,
    hostile,
    huge,
    lacking,
    reported,
    without_any,
)
from tools.report_example import example_report
from tools.report_reference import BLOCKS

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "report.md").read_text("utf-8")
SCHEMA_TEXT = json.loads((DOCS / "report.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA_TEXT, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _as_json(report: Report) -> Any:
    return json.loads(json.dumps(asdict(report)))


REPORTS = {
    "nothing at all": reported(),
    "no volume": reported(EMPTY),
    "one volume": reported(ONE),
    "all that can happen": reported(
        VARIED, EMPTY, UNREAD, CLOSED, BRAKED, uncovered={"eu-west-1": [lacking("vol-1"), without_any("vol-2")]}
    ),
    "a dry run": reported(PLANNED, EMPTY, dry_run=True),
    "deletions": reported(EXPIRING, NOTHING_SELECTED),
    "deletions to come": reported(EXPIRING, dry_run=True),
    "hostile": hostile(),
    "huge": huge(),
    "the example": example_report(),
}


assert EXPIRING.plan is not None
LINES = [json.loads(line) for line in lines("r1", "r", changes(EXPIRING.plan, EXPIRING.outcomes)).splitlines()]
LINE_SCHEMA = {"$defs": SCHEMA_TEXT["$defs"], "$ref": "#/$defs/change"}


def test_page_has_every_block() -> None:
    assert re.findall(r"<!-- report: (\w+) -->", GUIDE) == list(BLOCKS)


def test_schema_is_one_and_of_this_version() -> None:
    Draft202012Validator.check_schema(SCHEMA_TEXT)

    assert SCHEMA_TEXT["properties"]["schema"]["const"] == SCHEMA


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS.keys())
def test_reports_are_as_the_schema_says(report: Report) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(_as_json(report))] == []
    assert read(Report, _as_json(report), "report") == report


def test_changes_are_as_the_schema_says() -> None:
    validator = VALIDATOR.evolve(schema=LINE_SCHEMA)

    assert [error.message for line in LINES for error in validator.iter_errors(line)] == []
    assert not validator.is_valid({**LINES[0], "surprise": 1})


def test_every_documented_key_occurs() -> None:
    occurring = {key for report in REPORTS.values() for key in _keys(_as_json(report))} | set(_keys(LINES))
    documented = {key for part in (SCHEMA_TEXT, *SCHEMA_TEXT["$defs"].values()) for key in part.get("properties", {})}

    assert documented <= occurring


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("status",), "broken"),
        (("started_at",), "yesterday"),
        (("coverage", "selected"), -1),
        (("coverage", "percent"), 101),
        (("totals", "failed"), None),
        (("surprise",), 1),
        (("regions", "eu-west-1", "surprise"), 1),
        (("regions", "eu-west-1", "failed_by_operation"), {"CreateSnapshot": "two"}),
        (("regions", "eu-west-1", "problems", 0, "status"), "odd"),
        (("regions", "eu-west-1", "planned"), None),
        (("regions", "eu-west-1", "uncovered"), [{}]),
    ],
)
def test_schema_refuses_what_is_not_documented(path: tuple[Any, ...], value: Any) -> None:
    report = _as_json(REPORTS["all that can happen"])
    place: Any = report
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value

    assert not VALIDATOR.is_valid(report)


def test_every_metric_is_documented_with_unit_and_dimensions() -> None:
    documented = re.findall(r"^\| `(\w+)` \| (\w+) \| (Policy[^|]*) \|", GUIDE, re.MULTILINE)

    assert documented == [
        (name, unit, "Policy; Policy, Region" if name in BY_REGION else "Policy") for name, unit in UNITS.items()
    ]


@pytest.mark.parametrize(
    "words",
    [
        f"at most {MAX_UNCOVERED} of the volumes",
        f"{MAX_CODES} kinds of problems with {MAX_EXAMPLES} examples each",
        f"the {MAX_REASONS} most frequent reasons",
        f"lists the {MAX_ANNOUNCED} snapshots that go next",
        f"up to {MAX_LISTED} volumes, {MAX_LISTED} problems and {MAX_LISTED} announced snapshots of each region",
        f"Storing takes at most {STORING} seconds",
        f"within {LISTING} seconds",
    ],
)
def test_limits_are_documented_as_they_are(words: str) -> None:
    assert words in " ".join(GUIDE.split())


def test_picture_is_small() -> None:
    picture = (DOCS / "report.png").read_bytes()

    assert picture.startswith(b"\x89PNG")
    assert len(picture) < 200_000


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)
