"""The Lambda function: reads which kind of run an invocation asks for, makes it, and reports what came of it.

A run that left anything undone fails at the very end, so that Lambda's error metric, its retries and its failure queue
do their work: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
"""

import logging
import os
from dataclasses import asdict
from typing import Any, Protocol

from ebs_backup.aws.clock import Clock
from ebs_backup.model.deployment import parse_deployment
from ebs_backup.model.request import parse_request
from ebs_backup.model.time_budget import working_seconds
from ebs_backup.report.publish import publish
from ebs_backup.runs.backup import run

# At INFO botocore logs where the credentials and the endpoint of every client come from.
logging.getLogger("botocore").setLevel(logging.WARNING)


class Context(Protocol):
    """The part of Lambda's context object that the function uses."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the time left until Lambda ends the invocation."""


def lambda_handler(event: Any, context: Context) -> dict[str, Any]:
    """Make one run and return its report, or make one step of the state machine and return its answer.

    Raises RunFailed, at the very end, if a run left anything undone.
    """
    clock = Clock()
    deadline = clock.now() + working_seconds(context.get_remaining_time_in_millis())
    deployment, home_region = parse_deployment(os.environ["POLICY"]), os.environ["AWS_REGION"]
    if isinstance(event, dict) and "step" in event:
        from ebs_backup.runs.rounds import Steps  # noqa: PLC0415 - a cold start without the state machine is quicker for it

        return Steps(deployment, home_region, clock, deadline).take(event)
    request = parse_request(event, context.aws_request_id, deployment, clock.utc())
    done = run(deployment, request, home_region=home_region, clock=clock, deadline=deadline)
    return asdict(publish(done, clock, deadline).report)
