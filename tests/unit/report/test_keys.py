from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebs_backup.report.keys import (
    LAST_RUNS,
    Attempt,
    EarlierRun,
    changes_key,
    earlier_attempts,
    earlier_runs,
    new_token,
    report_stem,
)
from ebs_backup.report.schema import Report
from tests.unit.builders import AT, RUN
from tests.unit.reports import EXPIRING, reported

PREFIX = "nightly/reports/"


def _report(status: str = "completed", percent: float | None = None, *, chosen_regions: bool = False) -> Report:
    made = reported(EXPIRING)
    coverage = replace(made.coverage, percent=percent)
    return replace(made, status=status, coverage=coverage, chosen_regions=chosen_regions)


def _key(run_id: str = RUN, report: Report | None = None, at: datetime = AT, name: str = "0123abcd") -> str:
    return f"{PREFIX}{report_stem(Attempt(run_id, at, name), report or _report())}.json"


def test_key_says_how_the_attempt_went() -> None:
    assert _key(report=_report("failed", 97.2)) == (
        "nightly/reports/2026/11/23/2026-11-23T030000Z.2026-11-23T030001Z-0123abcd.failed.97.2.created-1.deleted-1.json"
    )


@given(st.text("abc:.-_09", min_size=1, max_size=80), st.sampled_from(["completed", "failed"]))
def test_key_is_a_file_name_on_any_system(run_id: str, status: str) -> None:
    keys = _key(run_id, _report(status, 97.2)), changes_key(Attempt(run_id, AT, "0123abcd"), "eu-west-1", "89abcdef")

    assert not any(set(key) & set(':*?"<>|\\ ') for key in keys)
    assert all(len(part) <= 255 for key in keys for part in key.split("/"))


def test_tokens_differ_between_invocations_of_one_second() -> None:
    assert len({new_token() for _ in range(1000)}) == 1000


def test_run_that_failed_and_then_completed_is_completed() -> None:
    later = AT + timedelta(minutes=1)
    keys = [_key(report=_report("failed", 0.0)), _key(report=_report("completed", 99.0), at=later)]

    assert earlier_runs(earlier_attempts(keys)) == [EarlierRun(RUN, "completed", 99.0)]
    assert earlier_runs(earlier_attempts(reversed(keys))) == [EarlierRun(RUN, "completed", 99.0)]


def test_run_of_chosen_regions_hides_no_failed_run() -> None:
    keys = [_key(report=_report("failed")), _key(report=_report(chosen_regions=True), at=AT + timedelta(hours=1))]

    assert earlier_runs(earlier_attempts(keys)) == [EarlierRun(RUN, "failed", None)]
    assert [each.of_chosen_regions for each in earlier_attempts(keys)] == [False, True]


def test_history_is_oldest_first_and_no_longer_than_a_strip() -> None:
    times = [datetime(2026, 1, 1, 3, tzinfo=UTC) + timedelta(days=n) for n in range(LAST_RUNS + 5)]
    keys = [_key(f"{at:%Y-%m-%dT%H:%M:%SZ}", _report(percent=98.5), at) for at in times]

    runs = earlier_runs(earlier_attempts([*keys, *(key.replace(".json", ".html") for key in keys)]))

    assert len(runs) == LAST_RUNS
    assert runs[-1] == EarlierRun("2026-02-04T03:00:00Z", "completed", 98.5)
    assert [run.run_id for run in runs] == sorted(run.run_id for run in runs)


@pytest.mark.parametrize("run_id", ["a.b", "x.failed.98", RUN, "r_1-2", "x.2026-11-23T030001Z-0123abcd.failed.1"])
@pytest.mark.parametrize("percent", [None, 100.0, 99.9, 0.0])
def test_key_is_read_back_whatever_the_run_id(run_id: str, percent: float | None) -> None:
    (found,) = earlier_attempts([_key(run_id, _report(percent=percent))])

    assert (found.run_id, found.status, found.covered_percent) == (run_id, "completed", percent)
    assert (found.started_at, found.created, found.deleted) == ("2026-11-23T03:00:01Z", 1, 1)
    assert f"{PREFIX}{found.path}.json" == _key(run_id, _report(percent=percent))


def test_other_objects_are_passed_over() -> None:
    changes = f"{PREFIX}{changes_key(Attempt(RUN, AT, '0123abcd'), 'eu-west-1', '89abcdef')}"

    assert earlier_attempts(["nightly/reports/readme.txt", "nightly/reports/2026/11/23/x.json", changes]) == []
