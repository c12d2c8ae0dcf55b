import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ebs_backup.aws import s3
from ebs_backup.report.publish import store
from ebs_backup.report.schema import Report
from tests.unit.builders import AT
from tests.unit.reports import reported

PREFIX = "nightly/reports/"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        resource = boto3.resource("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
        monkeypatch.setattr(s3, "_client", lambda: resource.meta.client)
        yield resource.create_bucket(Bucket="reports")


def _report(run_id: str = "r1") -> Report:
    return replace(reported(), run_id=run_id)


def test_report_is_stored_as_json_and_as_a_page_that_links_it(bucket: Any) -> None:
    key = store("reports", PREFIX, _report(), AT)

    assert key == "nightly/reports/2026/11/23/r1.completed.none"
    objects = {found.key: found.get() for found in bucket.objects.all()}
    assert {k: o["ContentType"] for k, o in objects.items()} == {
        f"{key}.html": "text/html; charset=utf-8",
        f"{key}.json": "application/json",
    }
    assert objects[f"{key}.json"]["Body"].read().decode() == json.dumps(asdict(_report()), indent=1)
    assert "r1.completed.none.json" in objects[f"{key}.html"]["Body"].read().decode()


def test_page_shows_the_runs_before_it_of_this_deployment_alone(bucket: Any) -> None:
    store("reports", PREFIX, _report("earlier-run"), AT - timedelta(days=1))
    store("reports", "weekly/reports/", _report("a-weekly-run"), AT)

    key = store("reports", PREFIX, _report("this-run"), AT)

    text = bucket.Object(f"{key}.html").get()["Body"].read().decode()
    assert "earlier-run" in text
    assert "a-weekly-run" not in text
