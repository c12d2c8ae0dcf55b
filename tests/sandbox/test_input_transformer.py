import json
from typing import Any

import pytest

from sandbox.events import input_of

EVENT: dict[str, Any] = {
    "time": "2026-11-23T03:00:00Z",
    "detail-type": "Scheduled Event",
    "detail": {"volumes": ["vol-1", "vol-2"]},
    "resources": [],
}
PATHS = {
    "time": "$.time",
    "kind": "$.detail-type",
    "second": "$.detail.volumes[1]",
    "detail": "$.detail",
    "none": "$.a.b[3]",
}


def transformed(template: str) -> Any:
    return json.loads(input_of({"InputTransformer": {"InputPathsMap": PATHS, "InputTemplate": template}}, EVENT))


def test_target_gets_the_event_unless_it_has_its_own_input() -> None:
    assert json.loads(input_of({}, EVENT)) == EVENT
    assert input_of({"Input": '{"dry_run": true}'}, EVENT) == '{"dry_run": true}'


@pytest.mark.parametrize(
    ("template", "result"),
    [
        ('{"t": <time>, "k": <kind>}', {"t": "2026-11-23T03:00:00Z", "k": "Scheduled Event"}),
        ('{"t": "run of <time>"}', {"t": "run of 2026-11-23T03:00:00Z"}),
        ('{"v": <second>, "d": <detail>}', {"v": "vol-2", "d": {"volumes": ["vol-1", "vol-2"]}}),
        ('{"n": <none>}', {"n": None}),
        ('{"q": "\\"<time>\\""}', {"q": '"2026-11-23T03:00:00Z"'}),
        ('{"all": <aws.events.event.json>}', {"all": EVENT}),
    ],
)
def test_template_takes_json_values_and_bare_text_in_quotes(template: str, result: object) -> None:
    assert transformed(template) == result
