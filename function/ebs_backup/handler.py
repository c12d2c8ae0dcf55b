"""The Lambda function: reads what it is to do, makes the run, tells what came of it.

A run that left anything undone fails at the very end, so that Lambda's error metric, its retries and its failure queue
do their work: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
"""

import json
import logging
import os
from typing import Any, Protocol

from .ec2 import CONNECT_TIMEOUT, READ_TIMEOUT
from .metrics import metrics
from .pacing import SystemClock
from .policy import Policy, parse_policy
from .report import Run, RunFailed, log_report, report, summary
from .request import parse_request
from .run import run
from .store import StoreError, store

log = logging.getLogger(__name__)

# Seconds before Lambda's timeout at which nothing new starts: the last call may take its time, then comes the report.
RESERVE = CONNECT_TIMEOUT + READ_TIMEOUT + 5

# At INFO it tells of every client where its credentials and its endpoint come from.
logging.getLogger("botocore").setLevel(logging.WARNING)


class Context(Protocol):
    """What the function uses of Lambda's context object."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the time left until Lambda ends the invocation."""


def lambda_handler(event: Any, context: Context) -> dict[str, Any]:
    """Make one run and return its report; raise RunFailed, at the very end, if anything was left undone."""
    clock = SystemClock()
    deadline = clock.now() + context.get_remaining_time_in_millis() / 1000 - RESERVE
    policy = parse_policy(os.environ["POLICY"])
    request = parse_request(event, context.aws_request_id, policy)
    done = run(policy, request, home_region=os.environ["AWS_REGION"], clock=clock, deadline=deadline)
    told = report(done)
    log_report(done)
    problem = None if request.regions else _publish(policy, done, told)
    if problem or done.failed:
        raise RunFailed("\n- ".join(filter(None, [summary(done), problem])))
    return told


def _publish(policy: Policy, done: Run, told: dict[str, Any]) -> str | None:
    """Send a run's metrics and store its report; return why that was not possible.

    Not for a run of only some regions: it says nothing of the account, and would hide what a whole run said.
    """
    for document in metrics(told):
        print(json.dumps(document))  # CloudWatch makes metrics of such a line
    if done.request.dry_run or not policy.report_bucket:
        return None
    try:
        key = store(policy.report_bucket, policy.report_prefix, told, done.started_at)
    except StoreError as error:
        log.exception("report_not_stored")
        return str(error)
    log.info("report_stored", extra={"bucket": policy.report_bucket, "key": key})
    return None
