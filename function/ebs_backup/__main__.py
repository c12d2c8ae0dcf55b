"""The command line: `python -m ebs_backup plan` shows what a run would do, `report` how well the account is covered.

With the caller's own credentials, and by the same path as the deployed function's dry run, so that it shows the same.
Changes nothing.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError

from ebs_backup.aws.clock import Clock, SystemClock
from ebs_backup.model.deployment import Deployment, DeploymentError, parse_deployment
from ebs_backup.model.request import Request
from ebs_backup.preview import coloured, plain, preview
from ebs_backup.report.document import Run, RunFailed, report
from ebs_backup.report.page import page
from ebs_backup.report.region import RegionResult
from ebs_backup.runs.backup import MAX_ACTIONS, run

_LISTS = {"region": "regions", "exclude_region": "exclude_regions"}
_WORDS = (
    "name",
    "tag_prefix",
    "orphan_retention_days",
    "max_deletions_per_run",
    "max_deletions_percent",
    "recovery_point_objective_hours",
)


def main(arguments: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Do what is asked; return 0, 1 if a region could not be read or the deletion brake holds, or 2 for bad input."""
    options, progress = _parser().parse_args(arguments), _Progress()
    logging.getLogger("ebs_backup").addHandler(logging.NullHandler())  # the output says what there is to say
    try:
        done = run(
            _policy(vars(options)),
            Request(options.run_id or f"preview-{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", dry_run=True),
            home_region=boto3.Session().region_name or "us-east-1",
            clock=clock or SystemClock(),
            deadline=float("inf"),  # nobody ends it but the person who waits for it
            watch=progress,
            listed=options.listed,
        )
        options.show(done, progress.results, options)
    except (OSError, ValueError, BotoCoreError, RunFailed) as error:
        print(f"ebs_backup: {error}", file=sys.stderr)
        return 2
    finally:
        progress.clear()
    return int(done.failed or any(region.report.deletion_brake for region in done.regions))


def _show_plan(done: Run, results: Sequence[RegionResult], options: argparse.Namespace) -> None:
    if options.json:
        print(json.dumps(asdict(report(done)), indent=2))
    else:
        print("\n".join(preview(done.deployment, results, coloured if _takes_colour() else plain)))


def _write_page(done: Run, _: Sequence[RegionResult], options: argparse.Namespace) -> None:
    Path(options.output).write_text(page(report(done), history=()), encoding="utf-8")
    print(options.output)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ebs_backup", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="plan|report")
    plan = commands.add_parser("plan", help="show what a run would create, keep and delete, and why")
    plan.add_argument("--json", action="store_true", help="print the run report instead")
    plan.set_defaults(show=_show_plan, listed=sys.maxsize)
    pages = commands.add_parser("report", help="write a page that shows how well the account is covered")
    pages.add_argument("--output", default="ebs-backup.html", metavar="FILE", help="the page (default: %(default)s)")
    pages.set_defaults(show=_write_page, listed=MAX_ACTIONS)
    for command in (plan, pages):
        _add_policy_options(command)
    return parser


def _add_policy_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--policy", metavar="FILE", help="the policy as JSON: the text of the module's output `policy`")
    add("--name", help="name of the deployment whose snapshots are looked at (default: ebs-backup)")
    add("--tag-prefix", metavar="PREFIX", help="beginning of its tags' keys (default: ebs-backup:)")
    add("--region", action="append", metavar="NAME", help="a region to look at (default: all enabled)")
    add("--exclude-region", action="append", metavar="NAME", help="a region to leave out")
    add("--retention", metavar="RULES", help="such as daily=7,weekly=4,monthly=12 (default: keep all)")
    for variable in ("orphan_retention_days", "max_deletions_per_run", "max_deletions_percent"):
        add(_flag(variable), type=int, metavar="NUMBER", help=f"as the variable {variable}")
    add("--recovery-point-objective-hours", type=float, metavar="HOURS", help="as the variable of that name")
    add("--run-id", metavar="ID", help="a run to resume (default: a new one)")


def _flag(variable: str) -> str:
    return f"--{variable.replace('_', '-')}"


def _policy(options: Mapping[str, Any]) -> Deployment:
    """Read the policy file, if there is one, and put the flags over it."""
    text = Path(options["policy"]).read_text(encoding="utf-8") if options["policy"] else '{"name": "ebs-backup"}'
    parse_deployment(text)  # for what it says of a file that is none
    given = json.loads(text)
    given |= {word: options[word] for word in _WORDS if options[word] is not None}
    given |= {key: options[flag] for flag, key in _LISTS.items() if options[flag]}
    if options["retention"] is not None:
        given["retention"] = _retention(options["retention"])
    return parse_deployment(json.dumps(given))


def _retention(rules: str) -> dict[str, int]:
    """Read `daily=7,weekly=4`."""
    pairs = [rule.partition("=") for rule in rules.split(",") if rule]
    try:
        return {key.strip(): int(number) for key, _, number in pairs}
    except ValueError:
        raise DeploymentError(f"--retention must be rules such as daily=7,weekly=4; got: {rules}") from None


class _Progress:
    """Collects what came of the regions, and counts them on a terminal, beside the output proper."""

    def __init__(self) -> None:
        self._results: dict[str, RegionResult] = {}

    @property
    def results(self) -> Sequence[RegionResult]:
        return [self._results[region] for region in sorted(self._results)]

    def __call__(self, result: RegionResult) -> None:
        self._results[result.region] = result
        if sys.stderr.isatty():
            through = f"{len(self._results)} regions read, {result.region} last"
            print(f"\r\x1b[K{through}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _takes_colour() -> bool:
    """Go by the terminal, and by https://no-color.org."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


if __name__ == "__main__":
    sys.exit(main())
