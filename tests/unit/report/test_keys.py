from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ebs_backup.report.keys import LAST_RUNS, EarlierRun, earlier_runs, key_of
from ebs_backup.report.schema import Report
from tests.unit.builders import AT
from tests.unit.reports import reported

PREFIX = "nightly/reports/"


def _report(run_id: str = "r1", status: str = "completed", percent: float | None = None) -> Report:
    made = reported()
    return replace(made, run_id=run_id, status=status, coverage=replace(made.coverage, percent=percent))


def test_retry_that_succeeds_replaces_the_failure_in_the_history() -> None:
    keys = [f"{key_of(PREFIX, _report(status=status), AT)}.json" for status in ("failed", "completed")]

    assert earlier_runs(sorted(keys, reverse=True)) == [EarlierRun("r1", "completed", None)]


def test_history_is_oldest_first_and_no_longer_than_a_strip() -> None:
    times = [datetime(2026, 1, 1, 3, tzinfo=UTC) + timedelta(days=n) for n in range(LAST_RUNS + 5)]
    named = [(key_of(PREFIX, _report(f"{at:%Y-%m-%dT%H:%M:%SZ}", percent=98.5), at)) for at in times]

    runs = earlier_runs(f"{key}.{ending}" for key in named for ending in ("html", "json"))

    assert len(runs) == LAST_RUNS
    assert runs[-1] == EarlierRun("2026-02-04T03:00:00Z", "completed", 98.5)
    assert [run.run_id for run in runs] == sorted(run.run_id for run in runs)


@pytest.mark.parametrize("run_id", ["a.b", "x.failed.98", "2026-11-23T03:00:00Z", "r_1-2"])
@pytest.mark.parametrize("percent", [None, 100.0, 99.9, 0.0])
def test_key_is_read_back_whatever_the_run_id(run_id: str, percent: float | None) -> None:
    key = key_of(PREFIX, _report(run_id, percent=percent), AT)

    assert earlier_runs([f"{key}.json"]) == [EarlierRun(run_id, "completed", percent)]


def test_other_objects_are_passed_over() -> None:
    assert earlier_runs(["nightly/reports/readme.txt", "nightly/reports/2026/11/23/x.json", "nightly/abc.zip"]) == []
