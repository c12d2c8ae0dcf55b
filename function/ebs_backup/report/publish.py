"""Tells of a run: into the log, as metrics, as a report in the bucket, and by failing.

A run that left anything undone fails at the very end, so that error metrics, retries and failure queues do their work.
"""

import json
import logging
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from ebs_backup.aws import s3
from ebs_backup.report.document import Run, RunFailed, log_run, report, summary
from ebs_backup.report.keys import earlier_runs, key_of
from ebs_backup.report.metrics import metrics
from ebs_backup.report.page import page
from ebs_backup.report.schema import Report

LAST_DAYS = 40

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """A run's report, and the key that it is stored under, without its ending, if it is."""

    report: Report
    key: str | None


def publish(done: Run) -> Published:
    """Tell of a run whose regions are through; raise RunFailed, at the very end, if anything was left undone.

    A run of only some regions gets no metrics and no report in the bucket: it says nothing of the account, and
    would hide what a whole run said. A dry run gets metrics of what it measured.
    """
    made = report(done)
    log_run(made)
    key, problem = None, None
    if not done.request.regions:
        for document in metrics(made):
            print(json.dumps(document))  # CloudWatch makes metrics of such a line
        try:
            key = _stored(done, made)
        except s3.StoreError as error:
            log.exception("report_not_stored")
            problem = f"the report could not be stored: {error}"
    if problem or done.failed:
        raise RunFailed("\n- ".join(filter(None, [summary(done), problem])))
    return Published(made, key)


def store(bucket: str, prefix: str, report: Report, at: datetime) -> str:
    """Store a report as JSON and as a page, and return their key without its ending; raise StoreError.

    Stored again, as by the retry of a failed run, it replaces itself or stands beside what the run came to before.
    """
    key = key_of(prefix, report, at)
    history = earlier_runs(s3.keys(bucket, prefix, f"{prefix}{at - timedelta(days=LAST_DAYS):%Y/%m/%d}"))
    name = f"{key.rpartition('/')[2]}.json"
    s3.put(bucket, f"{key}.json", "application/json", json.dumps(asdict(report), indent=1))
    s3.put(bucket, f"{key}.html", "text/html; charset=utf-8", page(report, history, json_name=name))
    return key


def _stored(done: Run, made: Report) -> str | None:
    bucket = done.deployment.report_bucket
    if done.request.dry_run or not bucket:
        return None
    key = store(bucket, done.deployment.report_prefix, made, done.started_at)
    log.info("report_stored", extra={"bucket": bucket, "key": key})
    return key
