"""A dry run of the backup, by the very code that the function runs: the only module that knows how one is made.

What the rest of the command sees is a `Preview`.
"""

import json
import logging
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from ebs_backup.aws import clients
from ebs_backup.aws.clock import Clock
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.request import Request, RequestError, parse_request, regions_to_visit
from ebs_backup.model.values import Plan, Problem
from ebs_backup.report.document import report
from ebs_backup.report.page import page
from ebs_backup.report.region import RegionResult
from ebs_backup.report.schema import Report
from ebs_backup.runs.backup import MAX_ACTIONS, run
from ebs_backup_cli import rules
from ebs_backup_cli.account import Account, check_expired, open_account
from ebs_backup_cli.errors import ExitCode, InputError
from ebs_backup_cli.options import DeploymentOptions, read_deployment

# How many actions and verdicts the report lists: all of them, or no more than a page can show.
EVERYTHING, FOR_A_PAGE = sys.maxsize, MAX_ACTIONS
# Seconds before the deadline from when on a call that EC2 throttles is given up: the longest pause before another one.
_TOO_LATE = 8


@dataclass(frozen=True, slots=True)
class RegionPreview:
    """One region: its plan, and what kept it from being read; a denial may be expected."""

    region: str
    plan: Plan | None
    problem: Problem | None
    denied_as_expected: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """The result of a dry run, in the order of the regions' names; `report` is the run's."""

    deployment: Deployment
    regions: tuple[RegionPreview, ...]
    report: Report
    timed_out: bool

    @property
    def exit_code(self) -> ExitCode:
        """INCOMPLETE if a region could not be read, or the deletion brake would hold."""
        unread = any(each.problem and not each.denied_as_expected for each in self.regions)
        brake = any(each.plan and each.plan.brake for each in self.regions)
        return ExitCode.INCOMPLETE if unread or brake else ExitCode.OK

    def json(self) -> str:
        """Return the run report as docs/report.md documents it."""
        return json.dumps(asdict(self.report), indent=2)

    def page(self) -> str:
        """Return the run report as a page."""
        return page(self.report, history=())


@dataclass(frozen=True, slots=True)
class DryRun:
    """A dry run that can begin: the regions are known, and the deadline is in the clock's seconds."""

    account: Account
    deployment: Deployment
    request: Request
    clock: Clock
    deadline: float

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that it reads."""
        return regions_to_visit(self.deployment, self.request, ())

    def make(self, watch: Callable[[str], object], listed: int) -> Preview:
        """Read all regions, showing `watch` the name of each as it is through; raise InputError if no longer let in."""
        results: dict[str, RegionResult] = {}

        def keep(result: RegionResult) -> None:
            results[result.region] = result
            watch(result.region)

        made = run(
            self.deployment,
            self.request,
            home_region=self.account.home_region,
            clock=self.clock,
            deadline=self.deadline,
            watch=keep,
            listed=listed,
        )
        check_expired([result.problem.code if result.problem else "" for result in results.values()])
        whole = report(made)
        regions = tuple(_region(results[name], whole.regions[name].status) for name in sorted(results))
        return Preview(self.deployment, regions, whole, timed_out=self.clock.now() >= self.deadline - _TOO_LATE)


def prepare(options: DeploymentOptions) -> DryRun:
    """Read the options, find the account and its regions; raise InputError if anything is wrong or missing."""
    logging.getLogger("ebs_backup").addHandler(logging.NullHandler())  # the command says what there is to say
    if not 0 < options.timeout < math.inf:
        raise InputError(f"--timeout must be a number of seconds above 0; got: {options.timeout:g}")
    clock, deployment = Clock(), read_deployment(options)
    rules.check_regions(options.region or (), options.exclude_region or ())
    deadline = clock.now() + options.timeout
    try:
        request = parse_request(_payload(options), "", deployment, clock.utc())
        account = open_account(clients.session, options.profile, request.regions, options.exclude_region or ())
        if not (request.regions or deployment.regions):
            deployment = replace(deployment, regions=account.enabled_regions())
        regions_to_visit(deployment, request, ())
    except RequestError as error:
        raise InputError(rules.in_options(str(error))) from None
    return DryRun(account, deployment, request, clock, deadline)


def _payload(options: DeploymentOptions) -> dict[str, object]:
    """Return what a person would ask the function for."""
    run_id = options.run_id or f"preview-{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    regions: dict[str, Sequence[str]] = {"regions": list(dict.fromkeys(options.region))} if options.region else {}
    return {"run_id": run_id, "dry_run": True, **regions}


def _region(result: RegionResult, status: str) -> RegionPreview:
    return RegionPreview(result.region, result.plan, result.problem, denied_as_expected=status == "denied")
