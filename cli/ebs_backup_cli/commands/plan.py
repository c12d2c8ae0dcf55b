"""`ebs-backup plan`: what a run would create, keep and delete, and why."""

from dataclasses import dataclass
from typing import Annotated

import typer

from ebs_backup_cli.errors import ExitCode
from ebs_backup_cli.options import DeploymentOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions(DeploymentOptions):
    """The options of `ebs-backup plan`."""

    json: Annotated[bool, typer.Option("--json", help="Print the run report as JSON: docs/report.md.")] = False


def plan(options: PlanOptions) -> ExitCode:
    """Show what a run would create, keep and delete, and why. Changes nothing in AWS."""
    from ebs_backup_cli import console, plan_view  # noqa: PLC0415 - they import boto3 and rich
    from ebs_backup_cli.names import read_names  # noqa: PLC0415
    from ebs_backup_cli.preview import EVERYTHING, prepare  # noqa: PLC0415

    dry_run = prepare(options)
    with console.progress("Reading regions", len(dry_run.regions)) as through:
        preview = dry_run.make(through, EVERYTHING)
        names = None if options.json else read_names(dry_run, preview)
    with console.output() as stdout:
        if names is None:
            print(preview.json())
        else:
            plan_view.show(preview, names, stdout)
    console.say(*plan_view.notes(preview, names, options))
    return preview.exit_code
