"""`ebs-backup report`: a page that shows how well the account is covered."""

import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ebs_backup_cli.errors import ExitCode, InputError
from ebs_backup_cli.options import DeploymentOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions(DeploymentOptions):
    """The options of `ebs-backup report`."""

    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Where the page goes.")] = (
        "ebs-backup.html"
    )
    open: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False
    json: Annotated[bool, typer.Option("--json", help="Print the run report as JSON instead: docs/report.md.")] = False


def report(options: ReportOptions) -> ExitCode:
    """Write a page that shows how well the account is covered. Prints its path; changes nothing in AWS."""
    from ebs_backup_cli import advice, console  # noqa: PLC0415 - they import boto3 and rich
    from ebs_backup_cli.preview import EVERYTHING, FOR_A_PAGE, prepare  # noqa: PLC0415

    if options.json and options.open:
        raise InputError("--json writes no page that --open could open; leave one of them out")
    dry_run = prepare(options)
    with console.progress("Reading regions", len(dry_run.regions)) as through:
        preview = dry_run.make(through, EVERYTHING if options.json else FOR_A_PAGE)
    path = Path(options.output)
    if not options.json:
        _write(path, preview.page())
    with console.output():
        print(preview.json() if options.json else path)
    if options.open and not webbrowser.open(path.resolve().as_uri()):
        raise InputError(f"found no browser; open {path} yourself")
    console.say(*advice.problems(preview, options.timeout), *advice.brakes(preview))
    return preview.exit_code


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
