"""Owns the question whether CloudWatch accepts a dashboard's body; must not know what the module shows on it.

The answers are those of AWS's page on the structure of metric, text, log and alarm widgets:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

TEXT = {"type": "string"}
NUMBER = {"type": "number"}
FLAG = {"type": "boolean"}
PERIOD = {"type": "integer", "minimum": 60, "multipleOf": 60}
STATISTIC = {"enum": ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]}
ID = {"type": "string", "pattern": "^[a-z][A-Za-z0-9_]*$"}
COLOUR = {"type": "string", "pattern": "^#[0-9a-fA-F]{6}$"}
REGION = {"type": "string", "pattern": "^[a-z]{2,4}(-[a-z]+)+-[0-9]+$"}
ARN = {"type": "string", "pattern": "^arn:[a-z-]+:cloudwatch:[a-z0-9-]+:[0-9]{12}:alarm:.+$"}


def closed(required: str, **properties: Any) -> dict[str, Any]:
    """Return the schema of an object with these properties and no others; the named ones are required."""
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def choice(*values: str) -> dict[str, Any]:
    """Return the schema of one of these words."""
    return {"enum": list(values)}


AXIS = closed("", label=TEXT, min=NUMBER, max=NUMBER, showUnits=FLAG)
AXES = closed("", left=AXIS, right=AXIS)
LINE = closed(
    "value",
    value=NUMBER,
    label=TEXT,
    color=COLOUR,
    fill=choice("above", "below", "none"),
    visible=FLAG,
    yAxis=choice("left", "right"),
)
RENDERING = closed(
    "",
    color=COLOUR,
    id=ID,
    label=TEXT,
    period=PERIOD,
    region=REGION,
    stat=STATISTIC,
    visible=FLAG,
    yAxis=choice("left", "right"),
)
EXPRESSION = closed("expression", expression=TEXT, id=ID, label=TEXT, visible=FLAG, region=REGION, period=PERIOD)
# Namespace, name, up to 30 pairs of a dimension's name and value, and last the rendering.
METRIC = {
    "type": "array",
    "minItems": 1,
    "if": {"prefixItems": [{"type": "object"}]},
    "then": {"prefixItems": [EXPRESSION], "maxItems": 1},
    "else": {"prefixItems": [TEXT, TEXT], "minItems": 2, "items": {"anyOf": [TEXT, RENDERING]}, "maxItems": 63},
}
PROPERTIES = {
    "text": closed("markdown", markdown=TEXT, background=choice("transparent", "solid")),
    "alarm": closed(
        "alarms",
        alarms={"type": "array", "items": ARN, "minItems": 1, "maxItems": 100},
        sortBy=choice("default", "stateUpdatedTimestamp", "timestamp"),
        states={"type": "array", "items": choice("ALARM", "INSUFFICIENT_DATA", "OK")},
        title=TEXT,
    ),
    "log": closed(
        "region query",
        region=REGION,
        query={"type": "string", "pattern": "^SOURCE '[^']+'( \\| SOURCE '[^']+')* \\| ?\\w"},
        title=TEXT,
        view=choice("table", "timeSeries", "bar", "pie"),
    ),
    "metric": closed(
        "region metrics",
        region=REGION,
        metrics={"type": "array", "items": METRIC, "maxItems": 500},
        annotations=closed("", horizontal={"type": "array", "items": LINE}),
        legend=closed("position", position=choice("right", "bottom", "hidden")),
        liveData=FLAG,
        period=PERIOD,
        sparkline=FLAG,
        stacked=FLAG,
        stat=STATISTIC,
        title=TEXT,
        view=choice("timeSeries", "singleValue", "gauge", "bar", "pie", "table"),
        yAxis=AXES,
    ),
}
WIDGET = {
    **closed(
        "type properties",
        type=choice(*PROPERTIES),
        x={"type": "integer", "minimum": 0, "maximum": 23},
        y={"type": "integer", "minimum": 0},
        width={"type": "integer", "minimum": 1, "maximum": 24},
        height={"type": "integer", "minimum": 1, "maximum": 1000},
        properties={"type": "object"},
    ),
    "dependentRequired": {"x": ["y"], "y": ["x"]},
    "allOf": [
        {"if": {"properties": {"type": {"const": type_}}}, "then": {"properties": {"properties": properties}}}
        for type_, properties in PROPERTIES.items()
    ],
}
BODY = closed(
    "widgets",
    widgets={"type": "array", "items": WIDGET, "maxItems": 500},
    start={"type": "string", "pattern": "^-P(T[0-9]+[MH]|[0-9]+[DWM])$"},
    periodOverride=choice("auto", "inherit"),
)


def faults(body: Any) -> Iterator[str]:
    """Yield the faults for which CloudWatch rejects a dashboard's body or leaves a widget empty."""
    for error in Draft202012Validator(BODY).iter_errors(body):
        yield f"{error.json_path}: {error.message}"
    for widget in body["widgets"]:
        if widget["type"] == "metric":
            yield from _metric_faults(widget["properties"].get("metrics", []))


def _metric_faults(metrics: list[list[Any]]) -> Iterator[str]:
    """Yield dimensions that are not in pairs, and ids that are missing or not unique."""
    settings = [metric[-1] for metric in metrics if isinstance(metric[-1], dict)]
    ids = sorted(setting["id"] for setting in settings if "id" in setting)
    yield from (f"{id_} is the id of two metrics" for id_, next_ in pairwise(ids) if id_ == next_)
    for metric in metrics:
        words = [word for word in metric if isinstance(word, str)]
        if len(words) % 2 or words != metric[: len(words)]:
            yield f"{words} are not namespace, name and pairs of dimensions"
    for expression in (setting["expression"] for setting in settings if "expression" in setting):
        named = re.findall(r"\b[a-z]\w*\b", re.sub(r"'[^']*'", "", expression))
        yield from (f"{expression} names {id_}, and no metric has that id" for id_ in named if id_ not in ids)
