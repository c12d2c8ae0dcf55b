"""The tables of docs/report.md, made of the schema that reports are checked against, of a report, and of the metrics.

`tools.docs` writes them into the page.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ebs_backup.report.metrics import BY_REGION, UNITS
from tools.report_example import IRELAND, example_report

SCHEMA_FILE = Path(__file__).parents[1] / "docs" / "report.schema.json"

# CloudWatch's price of a custom metric that is sent in every hour of a month, for the first 10,000 in us-east-1:
# https://aws.amazon.com/cloudwatch/pricing/
DOLLARS_A_METRIC = 0.30
HOURS_A_DAY = 24

_TITLES = {
    "totals": "`totals`",
    "coverage": "`coverage`",
    "recovery_point_age": "`recovery_point_age`",
    "bucket": "`recovery_point_age.histogram[]`",
    "region": "`regions.<name>`",
    "uncovered": "`regions.<name>.uncovered[]`",
    "problem": "`regions.<name>.problems[]`",
    "announcement": "`regions.<name>.announcements[]`",
    "action": "`regions.<name>.actions[]`",
    "verdict": "`regions.<name>.verdicts[]`",
    "change": "A line of `*.changes.jsonl`",
}


def fields() -> str:
    """Return a table of the report's keys, and one for each object within it."""
    schema = json.loads(SCHEMA_FILE.read_text("utf-8"))
    parts = [_fields(schema)]
    for name, title in _TITLES.items():
        part = schema["$defs"][name]
        parts.append(f"### {title}\n\n{part['description']}\n\n{_fields(part)}")
    return "\n\n".join(parts)


def example() -> str:
    """Return a report as it is, with one of its regions."""
    report = example_report()
    shown = replace(report, regions={IRELAND: report.regions[IRELAND]})
    return f"```json\n{json.dumps(asdict(shown), indent=2, ensure_ascii=False)}\n```"


def costs() -> str:
    """Return what the metrics cost a month, by the regions that a run does something in and by the schedule."""
    rows = [(regions, len(UNITS) + len(BY_REGION) * regions) for regions in (1, 3, 17, 34)]
    return _table(
        ("regions with volumes", "metrics", "one run a day", "a run every hour"),
        ((str(regions), str(metrics), _dollars(metrics / HOURS_A_DAY), _dollars(metrics)) for regions, metrics in rows),
    )


def _dollars(metrics: float) -> str:
    return f"${metrics * DOLLARS_A_METRIC:.2f}"


def _fields(part: Mapping[str, Any]) -> str:
    described = {key: _described(field) for key, field in part["properties"].items()}
    return _table(
        ("key", "type", "what it is"),
        ((f"`{key}`", _type(field), field["description"]) for key, field in described.items()),
    )


def _described(field: Mapping[str, Any]) -> Mapping[str, Any]:
    """Put a field's own words over those of the definition it refers to."""
    if "$ref" not in field:
        return field
    name = field["$ref"].rpartition("/")[2]
    return {**json.loads(SCHEMA_FILE.read_text("utf-8"))["$defs"][name], **field}


def _type(field: Mapping[str, Any]) -> str:
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    types = field["type"] if isinstance(field["type"], list) else [field["type"]]
    named = [_counts(field) if type_ == "object" and "required" not in field else type_ for type_ in types]
    return " or ".join(named)


def _counts(field: Mapping[str, Any]) -> str:
    return "object of integers" if field["additionalProperties"].get("type") == "integer" else "object"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    return "\n".join([_row(head), "|---" * len(head) + "|", *map(_row, rows)])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


BLOCKS: Mapping[str, Callable[[], str]] = {"fields": fields, "example": example, "costs": costs}
