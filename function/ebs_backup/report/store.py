"""The store: reports as objects in the deployment's bucket.

Those of runs are for auditors and for the strip of the last runs. What a later report needs to know of earlier ones is
in their keys, so that listing them is enough: `<prefix>YYYY/MM/DD/<run id>.<status>.<percent covered>.json`, and the
same with `.html`. Those of regions are for the same run's next round and for its end.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ebs_backup.aws.clients import session
from ebs_backup.model.reader import read
from ebs_backup.report.page import page
from ebs_backup.report.region import RegionReport

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

LAST_RUNS = 30
LAST_DAYS = 40

_KEY = re.compile(r".*/(?P<run_id>[^/]+)\.(?P<status>completed|failed)\.(?P<percent>none|[0-9.]+)\.json")


class StoreError(Exception):
    """A report could not be stored, or not be read; says why."""


def store(bucket: str, prefix: str, report: Mapping[str, Any], at: datetime) -> str:
    """Store a report as JSON and as a page, and return their key without its ending; raise StoreError.

    Stored again, as by the retry of a failed run, it replaces itself or stands beside what the run came to before.
    """
    key = key_of(prefix, report, at)
    try:
        history = runs_in(_earlier_keys(bucket, prefix, at))
        name = f"{key.rpartition('/')[2]}.json"
        _put(bucket, f"{key}.json", "application/json", json.dumps(report, indent=1))
        _put(bucket, f"{key}.html", "text/html; charset=utf-8", page(report, history, json_name=name))
    except (BotoCoreError, ClientError) as error:
        raise StoreError(f"the report could not be stored in {bucket}: {error}") from error
    return key


def store_region(bucket: str, key: str, report: RegionReport) -> None:
    """Store a region's report in place of an earlier one; raise StoreError."""
    try:
        _put(bucket, key, "application/json", json.dumps(asdict(report)))
    except (BotoCoreError, ClientError) as error:
        raise StoreError(f"{key} could not be stored in {bucket}: {error}") from error


def stored_region(bucket: str, key: str) -> RegionReport | None:
    """Return a region's report, or None if there is none; raise StoreError if that cannot be known."""
    try:
        text = _client().get_object(Bucket=bucket, Key=key)["Body"].read()
        return read(RegionReport, json.loads(text), "report")
    except (BotoCoreError, ClientError, ValueError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise StoreError(f"{key} could not be read from {bucket}: {error}") from error


def key_of(prefix: str, report: Mapping[str, Any], at: datetime) -> str:
    """Return a report's key, without the ending that tells its form."""
    percent = report["coverage"]["percent"]
    share = "none" if percent is None else f"{percent:g}"
    return f"{prefix}{at:%Y/%m/%d}/{report['run_id']}.{report['status']}.{share}"


def runs_in(keys: Iterable[str]) -> list[dict[str, Any]]:
    """Return the last runs that keys tell of, oldest first; of each run what became of it in the end."""
    runs: dict[str, dict[str, Any]] = {}
    for found in filter(None, map(_KEY.fullmatch, keys)):
        percent = None if found["percent"] == "none" else float(found["percent"])
        runs[found["run_id"]] = {"run_id": found["run_id"], "status": found["status"], "covered_percent": percent}
    return list(runs.values())[-LAST_RUNS:]


def _earlier_keys(bucket: str, prefix: str, at: datetime) -> Iterator[str]:
    start = f"{prefix}{at - timedelta(days=LAST_DAYS):%Y/%m/%d}"
    pages = _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, StartAfter=start)
    return (found["Key"] for page in pages for found in page.get("Contents", ()))


def _put(bucket: str, key: str, content_type: str, text: str) -> None:
    _client().put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType=content_type)


@cache
def _client() -> "S3Client":
    return session().client("s3", config=Config(retries={"mode": "standard", "total_max_attempts": 5}))
