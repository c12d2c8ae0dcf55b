"""Telling of a run: into the log, as metrics, as a report in the bucket, and by failing.

A run that left anything undone fails at the very end, so that error metrics, retries and failure queues do their work.
"""

import json
import logging
from dataclasses import dataclass
from typing import Any

from ebs_backup.report.document import Run, RunFailed, log_run, report, summary
from ebs_backup.report.metrics import metrics
from ebs_backup.report.store import StoreError, store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """A run's report, and the key that it is stored under, without its ending, if it is."""

    report: dict[str, Any]
    key: str | None


def publish(done: Run) -> Published:
    """Tell of a run whose regions are through; raise RunFailed, at the very end, if anything was left undone.

    A run of only some regions gets neither metrics nor a report in the bucket: it says nothing of the account, and
    would hide what a whole run said. A dry run gets metrics of what it measured.
    """
    told = report(done)
    log_run(told)
    key, problem = None, None
    if not done.request.regions:
        for document in metrics(told):
            print(json.dumps(document))  # CloudWatch makes metrics of such a line
        try:
            key = _stored(done, told)
        except StoreError as error:
            log.exception("report_not_stored")
            problem = str(error)
    if problem or done.failed:
        raise RunFailed("\n- ".join(filter(None, [summary(done), problem])))
    return Published(told, key)


def _stored(done: Run, told: dict[str, Any]) -> str | None:
    bucket = done.deployment.report_bucket
    if done.request.dry_run or not bucket:
        return None
    key = store(bucket, done.deployment.report_prefix, told, done.started_at)
    log.info("report_stored", extra={"bucket": bucket, "key": key})
    return key
