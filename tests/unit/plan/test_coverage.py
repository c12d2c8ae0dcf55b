from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebs_backup.model.values import Outcome, Problem, Snapshot, Status, Volume
from ebs_backup.plan.coverage import (
    BOUNDS,
    Coverage,
    VolumeCoverage,
    ages,
    coverage,
    creator,
    measure,
    newest,
    recovery_point_age,
)
from tests.unit.builders import AT, deployment, snapshot, volume

OLD = volume("vol-1", "i-1", tags={"Name": "db-1 data"})
POLICY = deployment(recovery_point_objective_hours=26.0)


def _taken(hours_ago: float, state: str = "completed", snapshot_id: str = "snap-1") -> Snapshot:
    return snapshot(snapshot_id, "vol-1", state, started=AT - timedelta(hours=hours_ago))


def _one(*snapshots: Snapshot, outcomes: tuple[Outcome, ...] = (), of: Volume = OLD) -> VolumeCoverage:
    (measured,) = measure(POLICY, [replace(of, created_at=of.created_at or _ago(999))], snapshots, outcomes, AT)
    return measured


def _ago(hours: float) -> datetime:
    return AT - timedelta(hours=hours)


@pytest.mark.parametrize(("hours", "covered"), [(0, True), (25.9, True), (26, True), (26.1, False), (400, False)])
def test_volume_is_covered_up_to_the_objective(hours: float, covered: bool) -> None:
    measured = _one(_taken(hours))

    assert (measured.covered, measured.age_hours) == (covered, hours)


def test_only_completed_snapshots_are_recovery_points() -> None:
    measured = _one(_taken(1, "pending", "snap-3"), _taken(2, "error", "snap-2"), _taken(30, snapshot_id="snap-1"))

    assert (measured.newest_snapshot_id, measured.covered) == ("snap-1", False)
    assert measured.reason == "snapshot pending since 2026-11-23 02:00 UTC"


def test_archived_snapshot_is_no_recovery_point() -> None:
    archived = replace(_taken(1, snapshot_id="snap-2"), storage_tier="archive")

    measured = _one(archived)

    assert (measured.covered, measured.newest_snapshot_id) == (False, None)
    assert measured.reason == "its snapshots are archived, the newest is snap-2"
    assert "up to 72 hours" in measured.remedy
    assert _one(archived, _taken(30)).newest_snapshot_id == "snap-1"
    assert _one(archived, _taken(20)).covered


def test_failure_of_an_archived_volume_is_its_reason() -> None:
    failed = Outcome(Status.FAILED, "vol-1", "CreateSnapshot", problem=Problem("CreateSnapshot", "Odd", ""))

    measured = _one(replace(_taken(1), storage_tier="archive"), outcomes=(failed,))

    assert measured.reason == "CreateSnapshot refused: Odd"


def test_new_volume_ages_from_its_creation() -> None:
    assert _one(of=replace(OLD, created_at=_ago(2))).covered
    measured = _one(of=replace(OLD, created_at=_ago(27)))
    assert measured.reason == "it has no completed snapshot"
    assert measured.remedy.startswith("A run makes its first snapshot")


REFUSED = Problem("CreateSnapshot", "CustomerKeyHasBeenRevoked", "no key")


@pytest.mark.parametrize(
    ("outcomes", "reason"),
    [
        ([], "its newest completed snapshot is too old"),
        ([Outcome(Status.CREATED, "vol-1", "CreateSnapshot", "s")], "its next snapshot was started by this run"),
        ([Outcome(Status.FAILED, "vol-1", "CreateSnapshot", problem=REFUSED)], "CreateSnapshot refused: CustomerKeyH"),
        (
            [Outcome(Status.UNFINISHED, "vol-1", "CreateSnapshots", reason="out of time")],
            "CreateSnapshots: out of time",
        ),
        (
            [
                Outcome(Status.SET_REFUSED, "vol-1", "CreateSnapshots", problem=REFUSED),
                Outcome(Status.CREATED, "vol-1", "CreateSnapshot", "s"),
                Outcome(Status.FAILED, "vol-1", "CreateTags", "s", problem=REFUSED),
            ],
            "its next snapshot was started by this run",
        ),
    ],
)
def test_uncovered_volume_says_why(outcomes: list[Outcome], reason: str) -> None:
    measured = _one(_taken(48), outcomes=tuple(outcomes))

    assert measured.reason.startswith(reason)
    assert measured.remedy


def test_first_snapshot_has_a_reason_of_its_own() -> None:
    created = Outcome(Status.CREATED, "vol-1", "CreateSnapshot", "s")

    assert _one(outcomes=(created,)).reason == "its first snapshot was started by this run"


@pytest.mark.parametrize(
    ("tags", "maker"),
    [
        ({"ebs-backup:Policy": "nightly"}, "this deployment"),
        ({"ebs-backup:Policy": "weekly"}, "another deployment of this module"),
        ({"aws:dlm:lifecycle-policy-id": "policy-1"}, "Data Lifecycle Manager"),
        ({"aws:backup:source-resource": "vol-1"}, "AWS Backup"),
        ({"Name": "before the upgrade"}, "by hand or another tool"),
        ({}, "by hand or another tool"),
    ],
)
def test_maker_of_a_recovery_point_is_named(tags: dict[str, str], maker: str) -> None:
    made = replace(_taken(1), tags=tags)

    assert creator(POLICY, made) == maker
    assert _one(made).newest_by == maker


def test_rounding_never_hides_a_gap() -> None:
    assert coverage(POLICY, 10_000, 9_999).percent == 99.9
    assert coverage(POLICY, 5, 5).percent == 100.0


def test_share_is_none_without_a_selected_volume() -> None:
    assert coverage(POLICY, 0, 0) == Coverage(26.0, selected=0, covered=0, percent=None)
    assert recovery_point_age({}, 0).max_hours is None


@given(st.lists(st.floats(0, 2000) | st.none(), max_size=60))
def test_every_volume_is_in_one_class_or_has_no_snapshot(hours: list[float | None]) -> None:
    measured = [_one(_taken(age)) if age is not None else _one() for age in hours]

    summed = recovery_point_age(ages(measured), len(measured))

    assert sum(each.volumes for each in summed.histogram) + summed.never == len(hours)
    assert [each.up_to_hours for each in summed.histogram] == [*BOUNDS, None]
    for each, above in zip(summed.histogram, (-1, *BOUNDS), strict=True):
        upper = each.up_to_hours or float("inf")
        assert each.volumes == sum(above < m.age_hours <= upper for m in measured if m.newest_snapshot_id)


@given(st.lists(st.tuples(st.integers(0, 500), st.sampled_from(["completed", "pending", "error"])), max_size=20))
def test_newest_snapshot_is_found_whatever_the_order(history: list[tuple[int, str]]) -> None:
    snapshots = [_taken(hours, state, f"snap-{n}") for n, (hours, state) in enumerate(history)]
    completed = [s.started_at for s in snapshots if s.state == "completed"]

    found = newest(snapshots).get(("vol-1", "completed"))

    assert (found.started_at if found else None) == max(completed, default=None)
