import copy
import json
from dataclasses import replace
from typing import Any

import pytest

from ebs_backup.plan.coverage import Coverage
from ebs_backup.report.metrics import ADDING_UP, BY_REGION, NAMESPACE, UNITS, metrics
from ebs_backup.report.schema import Report
from tests.unit.builders import RUN
from tests.unit.embedded_metric_format import violations
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

MISSING = {"eu-west-1": [lacking("vol-3"), without_any("vol-4")]}
ALL = {
    "nothing at all": reported(),
    "one volume": reported(ONE, EMPTY),
    "all that can happen": reported(VARIED, EMPTY, UNREAD, CLOSED, BRAKED, uncovered=MISSING),
    "a dry run": reported(PLANNED, dry_run=True),
    "deletions": reported(EXPIRING, NOTHING_SELECTED),
    "huge": huge(),
}
each = pytest.mark.parametrize("report", ALL.values(), ids=ALL.keys())


def _values(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name in UNITS}


@each
def test_every_document_is_in_the_embedded_metric_format(report: Report) -> None:
    assert [violations(document) for document in metrics(report)] == [[] for _ in metrics(report)]
    assert json.loads(json.dumps(metrics(report), allow_nan=False)) == metrics(report)


@each
def test_every_value_is_declared_once_for_its_dimensions(report: Report) -> None:
    documents = metrics(report)
    directives = [document["_aws"]["CloudWatchMetrics"] for document in documents]

    assert all(len(each) == 1 and each[0]["Namespace"] == NAMESPACE for each in directives)
    for document, (directive,) in zip(documents, directives, strict=True):
        assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == {
            name: UNITS[name] for name in _values(document)
        }
    keys = [tuple(document.get(name) for name in ("Policy", "Region")) for document in documents]
    assert len(set(keys)) == len(keys)


def test_run_sends_every_metric() -> None:
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
        "SnapshotsAnnounced": 0,
        "SnapshotsDeleteCompleted": 1,
        "SnapshotsDeleteFailed": 1,
        "RunDuration": 61.5,
        "ThrottledCalls": 2,
        "DeletionBrake": 1,
        "RegionsUnread": 0,
        "NothingSelected": 0,
        "RunFailed": 1,
    }
    assert (region["Policy"], region["Region"]) == ("nightly", "eu-west-1")
    assert _values(region) == dict(zip(BY_REGION, (2, 2, 1), strict=True))


def test_share_covered_is_missing_if_a_region_was_not_read() -> None:
    values = _values(metrics(reported(ONE, UNREAD))[0])

    assert "CoveragePercent" not in values
    assert values["RunFailed"] == 1


def test_unread_regions_are_counted_unless_denied_as_expected() -> None:
    assert _values(metrics(reported(ONE, UNREAD, CLOSED))[0])["RegionsUnread"] == 1


@pytest.mark.parametrize(
    ("results", "value"), [((NOTHING_SELECTED, EMPTY), 1), ((NOTHING_SELECTED, ONE), 0), ((EMPTY,), 0)]
)
def test_slip_that_selects_nothing_is_told_from_an_empty_account(results: Any, value: int) -> None:
    assert _values(metrics(reported(*results))[0])["NothingSelected"] == value


def test_announcements_are_counted() -> None:
    assert _values(metrics(reported(EXPIRING))[0])["SnapshotsAnnounced"] == 1


def test_run_whose_report_is_not_stored_has_failed() -> None:
    assert _values(metrics(reported(ONE), stored=False)[0])["RunFailed"] == 1


def test_run_of_chosen_regions_sends_only_sums_above_zero() -> None:
    (document,) = metrics(replace(reported(EXPIRING, UNREAD), chosen_regions=True))

    assert _values(document) == dict.fromkeys(ADDING_UP, 1)
    assert metrics(replace(reported(EMPTY), chosen_regions=True)) == []


def test_run_without_trouble_sends_zeros_to_end_alarms() -> None:
    values = _values(metrics(replace(reported(ONE), expires=True))[0])

    assert values["CoveragePercent"] == 100
    assert [values[name] for name in ("UncoveredVolumes", "DeletionBrake", "RunFailed", "SnapshotsCreateFailed")] == [
        0
    ] * 4


def test_run_with_volumes_sends_all_metrics() -> None:
    assert _values(metrics(replace(reported(ONE), expires=True))[0]).keys() == UNITS.keys()


def test_run_without_a_volume_sends_no_share_and_no_age() -> None:
    values = _values(metrics(replace(reported(EMPTY), expires=True))[0])

    assert UNITS.keys() - values.keys() == {"CoveragePercent", "RecoveryPointAgeMax"}


@pytest.mark.parametrize(
    "report",
    [reported(ONE), replace(reported(ONE, UNREAD), expires=True), replace(reported(VARIED), expires=True)],
    ids=["a run by hand", "a region unread", "out of time"],
)
def test_run_that_judged_less_ends_no_alarm_of_the_brake(report: Report) -> None:
    assert "DeletionBrake" not in _values(metrics(report)[0])


def test_dry_run_sends_only_what_it_found() -> None:
    (document,) = metrics(reported(PLANNED, dry_run=True))

    assert _values(document).keys() == {
        "ResourcesTargeted",
        "UncoveredVolumes",
        "CoveragePercent",
        "RecoveryPointAgeMax",
        "RegionsUnread",
        "NothingSelected",
    }


def test_idle_region_sends_no_metrics() -> None:
    assert [document.get("Region") for document in metrics(reported(EMPTY, ONE, UNREAD))] == [None, "eu-west-1"]


def test_expected_denial_counts_as_no_failure() -> None:
    made = reported(VARIED)
    denied = {name: replace(region, status="denied") for name, region in made.regions.items()}

    assert metrics(replace(made, regions=denied))[0]["SnapshotsCreateFailed"] == 0


def test_one_uncovered_volume_among_many_is_not_rounded_away() -> None:
    made = replace(huge(), coverage=Coverage(26.0, selected=20_000, covered=19_999, percent=99.9))

    assert metrics(made)[0]["CoveragePercent"] == pytest.approx(99.995)


def test_timestamp_is_the_end_of_the_run() -> None:
    # 03:00:01 and 61.5 seconds
    assert metrics(reported(ONE))[0]["_aws"]["Timestamp"] == 1_795_402_862_500


def test_deployment_of_any_name_stays_a_dimension() -> None:
    assert metrics(hostile())[0]["Policy"] == hostile().deployment


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
def test_validator_finds_a_broken_rule(path: tuple[Any, ...], value: Any) -> None:
    document = copy.deepcopy(metrics(reported(ONE))[0])
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value

    assert violations(document)
