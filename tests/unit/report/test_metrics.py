import copy
import json
from typing import Any

import pytest

from ebs_backup.report.metrics import BY_REGION, NAMESPACE, UNITS, metrics
from tests.unit.builders import RUN
from tests.unit.embedded_metric_format import violations
from tests.unit.reports import (
    BRAKED,
    CLOSED,
    EMPTY,
    ONE,
    PLANNED,
    UNREAD,
    VARIED,
    Json,
    hostile,
    huge,
    lacking,
    reported,
    without_any,
)

MISSING = {"eu-west-1": [lacking("vol-3"), without_any("vol-4")]}
ALL = {
    "nothing at all": reported(),
    "one volume": reported(ONE, EMPTY),
    "all that can happen": reported(VARIED, EMPTY, UNREAD, CLOSED, BRAKED, uncovered=MISSING),
    "a dry run": reported(PLANNED, dry_run=True),
    "huge": huge(),
}
each = pytest.mark.parametrize("report", ALL.values(), ids=ALL.keys())


def _values(document: Json) -> Json:
    return {name: value for name, value in document.items() if name in UNITS}


@each
def test_every_document_is_in_the_embedded_metric_format(report: Json) -> None:
    assert [violations(document) for document in metrics(report)] == [[] for _ in metrics(report)]
    assert json.loads(json.dumps(metrics(report), allow_nan=False)) == metrics(report)


@each
def test_every_value_is_declared_and_there_is_one_document_for_each_set_of_dimensions(report: Json) -> None:
    documents = metrics(report)
    directives = [document["_aws"]["CloudWatchMetrics"] for document in documents]

    assert all(len(each) == 1 and each[0]["Namespace"] == NAMESPACE for each in directives)
    for document, (directive,) in zip(documents, directives, strict=True):
        assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == {
            name: UNITS[name] for name in _values(document)
        }
    keys = [tuple(document.get(name) for name in ("Policy", "Region")) for document in documents]
    assert len(set(keys)) == len(keys)


def test_a_run_tells_what_it_found_what_it_did_and_how_it_went() -> None:
    document, region = metrics(reported(VARIED, EMPTY, BRAKED, uncovered=MISSING))

    assert document["Policy"] == "nightly"
    assert document["RunId"] == RUN
    assert _values(document) == {
        "ResourcesTargeted": 6,
        "UncoveredVolumes": 2,
        "CoveragePercent": pytest.approx(66.667, abs=0.001),
        "RecoveryPointAgeMax": 177_120,
        "SnapshotsCreateStarted": 2,
        "SnapshotsCreateFailed": 2,
        "SnapshotsDeleteCompleted": 1,
        "SnapshotsDeleteFailed": 1,
        "RunDuration": 61.5,
        "ThrottledCalls": 2,
        "DeletionBrake": 1,
        "RunFailed": 1,
    }
    assert (region["Policy"], region["Region"]) == ("nightly", "eu-west-1")
    assert _values(region) == dict(zip(BY_REGION, (2, 2, 1), strict=True))


def test_nobody_knows_the_share_that_is_covered_while_a_region_could_not_be_read() -> None:
    values = _values(metrics(reported(ONE, UNREAD))[0])

    assert "CoveragePercent" not in values
    assert values["RunFailed"] == 1


def test_a_run_without_trouble_says_so_in_numbers_so_that_alarms_come_to_rest() -> None:
    values = _values(metrics(reported(ONE))[0])

    assert values["CoveragePercent"] == 100
    assert [values[name] for name in ("UncoveredVolumes", "DeletionBrake", "RunFailed", "SnapshotsCreateFailed")] == [
        0
    ] * 4


def test_all_metrics_there_are_come_from_a_run_with_volumes() -> None:
    assert _values(metrics(reported(ONE))[0]).keys() == UNITS.keys()


def test_without_a_volume_there_is_no_share_and_no_oldest_one() -> None:
    assert UNITS.keys() - _values(metrics(reported(EMPTY))[0]).keys() == {"CoveragePercent", "RecoveryPointAgeMax"}


def test_a_dry_run_tells_only_what_it_found() -> None:
    (document,) = metrics(reported(PLANNED, dry_run=True))

    assert _values(document).keys() == {
        "ResourcesTargeted",
        "UncoveredVolumes",
        "CoveragePercent",
        "RecoveryPointAgeMax",
    }


def test_a_region_in_which_nothing_was_done_costs_nothing() -> None:
    assert [document.get("Region") for document in metrics(reported(EMPTY, ONE, UNREAD))] == [None, "eu-west-1"]


def test_what_was_expected_to_be_denied_is_no_failure() -> None:
    made = reported(VARIED)
    made["regions"]["eu-west-1"]["status"] = "denied"

    assert metrics(made)[0]["SnapshotsCreateFailed"] == 0


def test_a_single_volume_among_many_is_not_rounded_away() -> None:
    made = huge()
    made["coverage"] |= {"selected": 20_000, "covered": 19_999, "percent": 99.9}

    assert metrics(made)[0]["CoveragePercent"] == pytest.approx(99.995)


def test_values_are_as_of_the_end_of_the_run() -> None:
    # 03:00:01 and 61.5 seconds
    assert metrics(reported(ONE))[0]["_aws"]["Timestamp"] == 1_795_402_862_500


def test_a_policy_of_any_name_stays_a_dimension() -> None:
    assert metrics(hostile())[0]["Policy"] == hostile()["policy"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("_aws", "Timestamp"), "now"),
        (("_aws", "Other"), 1),
        (("_aws", "CloudWatchMetrics"), None),
        (("_aws", "CloudWatchMetrics", 0, "Namespace"), ""),
        (("_aws", "CloudWatchMetrics", 0, "Other"), 1),
        (("_aws", "CloudWatchMetrics", 0, "Dimensions"), []),
        (("_aws", "CloudWatchMetrics", 0, "Dimensions"), [["Absent"]]),
        (("_aws", "CloudWatchMetrics", 0, "Dimensions"), [["Policy"] * 31]),
        (("_aws", "CloudWatchMetrics", 0, "Metrics"), [{"Name": "RunFailed"}] * 101),
        (("_aws", "CloudWatchMetrics", 0, "Metrics"), [{"Name": "Absent"}]),
        (("_aws", "CloudWatchMetrics", 0, "Metrics", 0, "Unit"), "Volumes"),
        (("_aws", "CloudWatchMetrics", 0, "Metrics", 0, "StorageResolution"), 30),
        (("_aws", "CloudWatchMetrics", 0, "Metrics", 0, "Name"), ""),
        (("RunFailed",), "no"),
        (("RunFailed",), True),
        (("Policy",), "x" * 1025),
        (("Remark",), "x" * 300_000),
    ],
)
def test_a_document_that_breaks_a_rule_would_be_found(path: tuple[Any, ...], value: Any) -> None:
    document = copy.deepcopy(metrics(reported(ONE))[0])
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value

    assert violations(document)
