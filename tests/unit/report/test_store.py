import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from ebs_backup.model.request import Request
from ebs_backup.report import store as module
from ebs_backup.report.document import Run, report
from ebs_backup.report.region import RegionReport, RegionResult, region_report
from ebs_backup.report.store import LAST_RUNS, StoreError, key_of, runs_in, store, store_region, stored_region
from tests.unit.builders import AT, deployment
from tests.unit.reports import ONE, VARIED

PREFIX = "nightly/reports/"


def _report(run_id: str = "r1", **changes: object) -> dict[str, Any]:
    run = Run(deployment=deployment(), request=Request(run_id), started_at=AT, duration_seconds=1.0, regions=())
    return report(run) | changes


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        s3 = boto3.resource("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
        monkeypatch.setattr(module, "_client", lambda: s3.meta.client)
        yield s3.create_bucket(Bucket="reports")


def test_a_report_is_stored_as_json_and_as_a_page_that_links_it(bucket: Any) -> None:
    key = store("reports", PREFIX, _report(), AT)

    assert key == "nightly/reports/2026/11/23/r1.completed.none"
    objects = {found.key: found.get() for found in bucket.objects.all()}
    assert {k: o["ContentType"] for k, o in objects.items()} == {
        f"{key}.html": "text/html; charset=utf-8",
        f"{key}.json": "application/json",
    }
    assert json.load(io.BytesIO(objects[f"{key}.json"]["Body"].read())) == _report()
    assert "r1.completed.none.json" in objects[f"{key}.html"]["Body"].read().decode()


def test_the_page_shows_the_runs_before_it(bucket: Any) -> None:
    store("reports", PREFIX, _report("earlier-run"), AT - timedelta(days=1))

    key = store("reports", PREFIX, _report("this-run"), AT)

    assert "earlier-run" in bucket.Object(f"{key}.html").get()["Body"].read().decode()


def test_reports_of_another_deployment_are_not_shown(bucket: Any) -> None:
    store("reports", "weekly/reports/", _report("a-weekly-run"), AT)

    key = store("reports", PREFIX, _report(), AT)

    assert "a-weekly-run" not in bucket.Object(f"{key}.html").get()["Body"].read().decode()


def test_a_retry_that_succeeds_stands_in_the_history_and_not_the_failure(bucket: Any) -> None:
    assert bucket
    keys = [f"{key_of(PREFIX, _report(status=status), AT)}.json" for status in ("failed", "completed")]

    assert runs_in(sorted(keys, reverse=True)) == [{"run_id": "r1", "status": "completed", "covered_percent": None}]


def test_a_report_that_cannot_be_stored_says_where_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def get_paginator(self, _: str) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListObjectsV2")

    monkeypatch.setattr(module, "_client", Closed)

    with pytest.raises(StoreError, match=r"the report could not be stored in reports: .*AccessDenied"):
        store("reports", PREFIX, _report(), AT)


def test_the_history_is_read_off_the_keys_oldest_first_and_not_longer_than_a_strip() -> None:
    times = [datetime(2026, 1, 1, 3, tzinfo=UTC) + timedelta(days=n) for n in range(LAST_RUNS + 5)]
    reports = [_report(f"{at:%Y-%m-%dT%H:%M:%SZ}", coverage={"percent": 98.5}) for at in times]
    keys = [
        f"{key_of(PREFIX, each, at)}.{form}"
        for each, at in zip(reports, times, strict=True)
        for form in ("html", "json")
    ]

    runs = runs_in(keys)

    assert len(runs) == LAST_RUNS
    assert runs[-1] == {"run_id": "2026-02-04T03:00:00Z", "status": "completed", "covered_percent": 98.5}
    assert [run["run_id"] for run in runs] == sorted(run["run_id"] for run in runs)


@pytest.mark.parametrize("run_id", ["a.b", "x.failed.98", "2026-11-23T03:00:00Z", "r_1-2"])
@pytest.mark.parametrize("percent", [None, 100.0, 99.9, 0.0])
def test_whatever_the_run_id_the_key_can_be_read_back(run_id: str, percent: float | None) -> None:
    key = key_of(PREFIX, _report(run_id, coverage={"percent": percent}), AT)

    assert runs_in([f"{key}.json"]) == [{"run_id": run_id, "status": "completed", "covered_percent": percent}]


def test_other_objects_are_passed_over() -> None:
    assert runs_in(["nightly/reports/readme.txt", "nightly/reports/2026/11/23/x.json", "nightly/abc.zip"]) == []


# --- a region's report ---

KEY = "nightly/rounds/r1/eu-west-1.json"


def _of(result: RegionResult) -> RegionReport:
    return region_report(result, listed=0)


def test_a_regions_report_is_read_back_as_it_was_stored_last(bucket: Any) -> None:
    store_region("reports", KEY, _of(ONE))
    store_region("reports", KEY, _of(VARIED))

    assert stored_region("reports", KEY) == _of(VARIED)
    assert bucket.Object(KEY).get()["ContentType"] == "application/json"


def test_a_regions_report_that_was_never_stored_is_none_and_no_failure(bucket: Any) -> None:
    assert bucket

    assert stored_region("reports", KEY) is None


def test_whether_there_is_a_regions_report_may_be_impossible_to_know(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def get_object(self, **_: str) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")

        def put_object(self, **_: object) -> Any:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")

    monkeypatch.setattr(module, "_client", Closed)

    with pytest.raises(StoreError, match=rf"{KEY} could not be read from reports: .*AccessDenied"):
        stored_region("reports", KEY)
    with pytest.raises(StoreError, match=rf"{KEY} could not be stored in reports: .*AccessDenied"):
        store_region("reports", KEY, _of(ONE))


@pytest.mark.parametrize("text", ["", "[]", '{"region": 1}', '{"region": "r", "regoin": "r"}'])
def test_what_is_no_regions_report_is_not_taken_for_one(bucket: Any, text: str) -> None:
    bucket.put_object(Key=KEY, Body=text.encode())

    with pytest.raises(StoreError, match=rf"{KEY} could not be read from reports"):
        stored_region("reports", KEY)
