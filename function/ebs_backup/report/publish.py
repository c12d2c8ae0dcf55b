"""Tells of a run: into the log, as a report in the bucket, as metrics, and by failing.

A run that left anything undone fails at the very end, so that error metrics, retries and failure queues do their work.
What is stored is evidence: nothing ever replaces it.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from ebs_backup.aws import s3
from ebs_backup.aws.clock import Clock
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.time_budget import LISTING, storing_seconds
from ebs_backup.model.values import Plan
from ebs_backup.report.changes import deletions, lines
from ebs_backup.report.document import Run, RunFailed, log_run, report, summary
from ebs_backup.report.keys import (
    Attempt,
    EarlierAttempt,
    changes_key,
    earlier_attempts,
    new_token,
    report_stem,
)
from ebs_backup.report.metrics import metrics
from ebs_backup.report.page import page
from ebs_backup.report.region import RegionPart
from ebs_backup.report.schema import Report

LAST_DAYS = 40

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """A run's report, and the key that it is stored under, without its ending, if it is."""

    report: Report
    key: str | None


def publish(done: Run, clock: Clock, deadline: float) -> Published:
    """Tell of a run whose regions are through; raise RunFailed, at the very end, if anything was left undone.

    The deadline is that of new work, in the clock's seconds. A run of chosen regions leaves a report if it changed
    anything, and sends no metric that would hide what a whole run said. A dry run sends metrics of what it measured.
    """
    named, unstored = _named(done)
    made = report(named)
    log_run(made)
    key, problem = None, None
    try:
        if _leaves_report(named):
            key = s3.within(storing_seconds(deadline - clock.now()), lambda: store(named, made, unstored))
    except s3.StoreError as error:
        log.exception("report_not_stored")
        problem = f"the report could not be stored: {error}"
    for values in metrics(made, stored=problem is None):
        print(json.dumps(values))  # CloudWatch makes metrics of such a line
    if problem or done.failed:
        raise RunFailed("\n- ".join(filter(None, [summary(done), problem])))
    return Published(made, key)


def record(deployment: Deployment, attempt: Attempt, part: RegionPart) -> RegionPart:
    """Store what one round of an attempt changed, and return its part without that; raise StoreError.

    No other round, and no other try at this one, stores it under the same key.
    """
    if not part.changes or not deployment.report_bucket:
        return replace(part, changes=())
    named, key = _with_key(part, attempt)
    _store_changes(deployment, attempt, part, key)
    return named


def record_deletions(deployment: Deployment, attempt: Attempt, region: str, plan: Plan) -> None:
    """Store what a plan deletes, before it is deleted: a crash then leaves a trace all the same; raise StoreError."""
    if deployment.report_bucket and (some := tuple(deletions(plan))):
        key = changes_key(attempt, region, new_token())
        _store_lines(deployment, key, lines(attempt.run_id, region, some))


def store(done: Run, made: Report, unstored: Sequence[tuple[RegionPart, str]]) -> str:
    """Store the evidence of an attempt: its changes, its report as JSON and as a page; return the report's key.

    The key is without its ending. Raises StoreError. A report that is there already is this very attempt's: an answer
    was lost, and nobody else knows the key.
    """
    deployment = done.deployment
    for part, key in unstored:
        _store_changes(deployment, done.attempt, part, key)
    stem = report_stem(done.attempt, made)
    key = f"{deployment.report_prefix}{stem}"
    name = f"{stem.rpartition('/')[2]}.json"
    _create(deployment, f"{key}.json", "application/json", json.dumps(asdict(made), indent=1))
    text = page(made, _history(done), json_name=name)
    _create(deployment, f"{key}.html", "text/html; charset=utf-8", text)
    log.info("report_stored", extra={"bucket": deployment.report_bucket, "key": key})
    return key


def _leaves_report(done: Run) -> bool:
    worth_it = not done.request.regions or done.changed_anything
    return bool(done.deployment.report_bucket) and not done.request.dry_run and worth_it


def _named(done: Run) -> tuple[Run, Sequence[tuple[RegionPart, str]]]:
    """Return a run whose regions name the objects of their changes, and what is to be stored under which key."""
    if not _leaves_report(done):
        return done, ()
    unstored = [(part, *_with_key(part, done.attempt)) for part in done.regions if part.changes]
    named = {part.region: with_key for part, with_key, _ in unstored}
    regions = [named.get(part.region, part) for part in done.regions]
    return replace(done, regions=regions), [(part, key) for part, _, key in unstored]


def _with_key(part: RegionPart, attempt: Attempt) -> tuple[RegionPart, str]:
    key = changes_key(attempt, part.region, new_token())
    changes = (*part.report.changes, key.rpartition("/")[2])
    return replace(part, changes=(), report=replace(part.report, changes=changes)), key


def _store_changes(deployment: Deployment, attempt: Attempt, part: RegionPart, key: str) -> None:
    _store_lines(deployment, key, lines(attempt.run_id, part.region, part.changes))


def _store_lines(deployment: Deployment, key: str, text: str) -> None:
    _create(deployment, f"{deployment.report_prefix}{key}", "text/plain; charset=utf-8", text)  # browsers show it


def _create(deployment: Deployment, key: str, content_type: str, text: str) -> None:
    try:
        s3.create(deployment.bucket, key, content_type, text)
    except s3.ObjectExistsError:
        log.warning("already_stored", extra={"bucket": deployment.report_bucket, "key": key})


def _history(done: Run) -> Sequence[EarlierAttempt]:
    """Return the attempts before this one; none if S3 does not tell in time: they adorn the page and prove nothing."""
    prefix = done.deployment.report_prefix
    start = f"{prefix}{done.started_at - timedelta(days=LAST_DAYS):%Y/%m/%d}"
    try:
        found = s3.within(LISTING, lambda: earlier_attempts(s3.keys(done.deployment.bucket, prefix, start)))
        return [each for each in found if not each.path.startswith(done.attempt.stem)]
    except s3.StoreError as error:
        log.warning("history_not_read", extra={"error_message": str(error)})
        return ()
