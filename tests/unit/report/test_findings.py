"""What a report comes to; test_page has the words as a reader meets them."""

from dataclasses import replace

import pytest

from ebs_backup.model.values import CREATING, Problem
from ebs_backup.report.findings import (
    DELETING,
    TAGGING,
    assessment,
    failed,
    findings,
    headline,
    uncovered,
    unread_regions,
)
from ebs_backup.report.schema import Report
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
    lacking,
    reported,
)


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (reported(ONE), "good"),
        (reported(ONE, CLOSED), "good"),
        (reported(EMPTY), "unknown"),
        (reported(ONE, uncovered={"eu-west-1": [lacking("vol-1")]}), "bad"),
        (reported(ONE, UNREAD), "bad"),
        (reported(BRAKED), "bad"),
        (reported(PLANNED, dry_run=True), "bad"),
        (reported(NOTHING_SELECTED), "bad"),
        (replace(reported(NOTHING_SELECTED), chosen_regions=True), "unknown"),
        (reported(EXPIRING), "bad"),
    ],
    ids=[
        "good",
        "closed",
        "empty",
        "uncovered",
        "unread",
        "braked",
        "would be braked",
        "nothing selected",
        "nothing selected in chosen regions",
        "made before",
    ],
)
def test_assessment_is_good_only_if_nothing_needs_attention(report: Report, expected: str) -> None:
    assert assessment(report) == expected


def test_slip_that_selects_nothing_is_named() -> None:
    (finding,) = findings(reported(NOTHING_SELECTED, EMPTY))

    assert finding.text == "No volume is selected, though 2 volumes are in use: see include_tags and exclude_tags."


def test_snapshots_of_an_earlier_deployment_are_named() -> None:
    (finding,) = findings(reported(EXPIRING))

    assert finding.text == "1 snapshot that no rule keeps was made before this deployment existed."
    assert finding.section == "deletions"


def test_completed_run_can_leave_volumes_uncovered() -> None:
    made = reported(ONE, uncovered={"eu-west-1": [lacking("vol-1")]})

    assert (made.status, uncovered(made)) == ("completed", 1)
    assert headline(made) == "The one selected volume is not covered"


def test_failed_run_without_a_volume_is_called_failed() -> None:
    assert headline(replace(reported(EMPTY), status="failed")) == "The run did not do all of its work"


def test_failures_are_counted_by_operation_unless_expected() -> None:
    regions = list(reported(VARIED).regions.values())
    closed = [replace(region, status="denied") for region in regions]

    assert [failed(regions, operations) for operations in (CREATING, DELETING, TAGGING)] == [2, 1, 0]
    assert failed(closed, CREATING) == 0


def test_region_read_in_part_is_told_from_one_not_read() -> None:
    cut_short = replace(ONE, problem=Problem("", "Sandbox.Timedout", "Task timed out"))

    assert [finding.text for finding in findings(reported(cut_short, UNREAD))] == [
        "Nothing is known of the volumes in us-east-1, which could not be read.",
        "Not everything is known of the volumes in eu-west-1, which could not be read to the end.",
    ]
    assert headline(reported(cut_short)) == "1 region could not be read to the end"
    assert headline(reported(cut_short, UNREAD)) == "2 regions could not be read"


def test_region_closed_on_purpose_is_no_finding() -> None:
    made = reported(UNREAD, CLOSED, VARIED)

    assert [name for name, region in made.regions.items() if region.problem] == ["us-east-1", "us-west-1"]
    assert unread_regions(made) == ["us-east-1"]
