"""CloudWatch accepts the dashboard's body, and dashboard and alarms use metrics that runs send.

PutDashboard only warns of most mistakes, and a widget with a mistake stays empty.
"""

import json
import re
from itertools import accumulate
from typing import Any

import pytest

from ebs_backup.report.metrics import NAMESPACE, UNITS
from tests.terraform.dashboard import faults

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("every_policy")]

COLUMNS = 24
GRAPH = {"region": "eu-west-1", "metrics": [["EBSBackup", "RunFailed", "Policy", "p"]]}
LOG = {"region": "eu-west-1", "query": "SOURCE 'group' | fields level"}
ALARM = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a"

Widget = dict[str, Any]


@pytest.fixture(scope="module")
def bodies(planned: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [json.loads(dashboard["dashboard_body"]) for dashboard in planned["aws_cloudwatch_dashboard"]]


@pytest.fixture(scope="module")
def graphs(bodies: list[dict[str, Any]]) -> list[Widget]:
    return [widget["properties"] for body in bodies for widget in body["widgets"] if widget["type"] == "metric"]


def test_dashboard_has_the_documented_structure(bodies: list[dict[str, Any]]) -> None:
    assert {fault for body in bodies for fault in faults(body)} == set()


def test_widgets_fill_every_row(bodies: list[dict[str, Any]]) -> None:
    for body in bodies:
        rights = list(accumulate(widget["width"] for widget in body["widgets"]))
        heights = {right: widget["height"] for right, widget in zip(rights, body["widgets"], strict=True)}
        rows = [[r for r in rights if end - COLUMNS < r <= end] for end in range(COLUMNS, rights[-1] + 1, COLUMNS)]
        assert [row[-1] % COLUMNS for row in rows] == [0] * len(rows)
        assert [len({heights[right] for right in row}) for row in rows] == [1] * len(rows)


def test_dashboard_shows_metrics_that_runs_send(graphs: list[Widget]) -> None:
    metrics = [metric for graph in graphs for metric in graph["metrics"]]
    plain = {tuple(metric[:3]) for metric in metrics if len(metric) > 1}
    searched = {
        re.findall(r"\{(.+?)} .*MetricName=\"(.+?)\"", m[0]["expression"])[0] for m in metrics if "SEARCH" in str(m)
    }
    assert {name for _, name, _ in plain} | {name for _, name in searched} < UNITS.keys()
    assert {(namespace, dimension) for namespace, _, dimension in plain} == {(NAMESPACE, "Policy")}
    assert {schema for schema, _ in searched} == {f"{NAMESPACE},Policy,Region"}


def test_alarms_watch_metrics_that_runs_send(planned: dict[str, list[Any]]) -> None:
    alarms = [a for a in planned["aws_cloudwatch_metric_alarm"] if not a["namespace"].startswith("AWS/")]
    assert {alarm["namespace"] for alarm in alarms} == {NAMESPACE}
    assert {alarm["metric_name"] for alarm in alarms} <= UNITS.keys()
    assert {name for alarm in alarms for name in alarm["dimensions"]} == {"Policy"}


@pytest.mark.parametrize(
    ("type_", "properties"),
    [
        ("text", {"markdown": "# Hello"}),
        ("alarm", {"alarms": [ALARM]}),
        ("log", LOG),
        ("metric", GRAPH),
        ("metric", GRAPH | {"metrics": [[*GRAPH["metrics"][0], {"id": "a"}], [{"expression": "a / 60"}]]}),
        ("metric", GRAPH | {"annotations": {"horizontal": [{"value": 26.5, "label": "objective"}]}}),
    ],
)
def test_documented_widget_has_no_fault(type_: str, properties: Widget) -> None:
    assert list(faults({"start": "-P30D", "widgets": [{"type": type_, "properties": properties}]})) == []


@pytest.mark.parametrize(
    ("widget", "fault"),
    [
        ({"type": "graph", "properties": {}}, "'graph' is not one of"),
        ({"type": "text", "properties": {"text": "Hello"}}, "'markdown' is a required property"),
        ({"type": "text", "width": 25, "properties": {"markdown": ""}}, "25 is greater than the maximum of 24"),
        ({"type": "text", "x": 0, "properties": {"markdown": ""}}, "'y' is a dependency of 'x'"),
        ({"type": "alarm", "properties": {"alarms": []}}, "[] should be non-empty"),
        ({"type": "alarm", "properties": {"alarms": ["name"]}}, "'name' does not match"),
        ({"type": "log", "properties": LOG | {"query": "fields level"}}, "'fields level' does not match"),
        ({"type": "metric", "properties": {"metrics": []}}, "'region' is a required property"),
        ({"type": "metric", "properties": GRAPH | {"period": 90}}, "90 is not a multiple of 60"),
        ({"type": "metric", "properties": GRAPH | {"stat": "Max"}}, "'Max' is not one of"),
        ({"type": "metric", "properties": GRAPH | {"colour": "red"}}, "'colour' was unexpected"),
        ({"type": "metric", "properties": GRAPH | {"metrics": [["EBSBackup"]]}}, "is too short"),
        ({"type": "metric", "properties": GRAPH | {"metrics": [["EBSBackup", "RunFailed", "Policy"]]}}, "are not"),
        ({"type": "metric", "properties": GRAPH | {"metrics": [[{"expression": "a / 60"}]]}}, "no metric has that id"),
        (
            {"type": "metric", "properties": GRAPH | {"metrics": [[{"expression": "1", "id": "a"}]] * 2}},
            "a is the id of two metrics",
        ),
    ],
)
def test_fault_in_a_widget_is_found(widget: Widget, fault: str) -> None:
    assert [fault in found for found in faults({"widgets": [widget]})].count(True) == 1
