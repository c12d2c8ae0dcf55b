"""The function of this module, with the policy that the environment holds as on Lambda, but another clock.

Leaves out what comes before a run and after its report: the handler, metrics, what is stored in S3.
"""

import logging
import os
from collections.abc import Collection
from typing import TYPE_CHECKING, cast

from benchmarks.timescale import Timescale
from ebs_backup.model.deployment import parse_deployment
from ebs_backup.model.request import Request
from ebs_backup.model.values import CREATING
from ebs_backup.report.document import report
from ebs_backup.report.region import RegionResult
from ebs_backup.runs.backup import run

if TYPE_CHECKING:
    from ebs_backup.aws.clock import Clock

_INVOCATION_SECONDS = 865.0
"""Lambda's longest time for one invocation, less what the function keeps for its end."""


def back_up(timescale: Timescale) -> Collection[str]:
    """Make a run and its report, with a log line for each snapshot, which goes nowhere and is no JSON."""
    _log_to_nowhere()
    failed: set[str] = set()

    def watch(region: RegionResult) -> None:
        failed.update(outcome.volume_id for outcome in region.failures if outcome.operation in CREATING)

    done = run(
        parse_deployment(os.environ["POLICY"]),
        Request(run_id="benchmark", expires=True),
        home_region=os.environ["AWS_REGION"],
        clock=cast("Clock", timescale),  # has all that a clock has, but cannot know the function
        deadline=timescale.now() + _INVOCATION_SECONDS,
        watch=watch,
    )
    report(done)
    return failed


def _log_to_nowhere() -> None:
    logging.basicConfig(filename=os.devnull, level=logging.INFO)
    logging.getLogger("botocore").setLevel(logging.WARNING)
