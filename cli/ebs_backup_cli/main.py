"""The command `ebs-backup`: what it can do, and how it is called."""

from typing import Annotated

import typer

from ebs_backup_cli.command import add_command
from ebs_backup_cli.commands.plan import PlanOptions, plan
from ebs_backup_cli.commands.report import ReportOptions, report

_EPILOG = """\
\b
Exit codes:
  0    all is well
  1    a region could not be read, or the deletion brake would hold
  2    bad input: an option, a file, missing or expired credentials, no region
  130  interrupted by Ctrl-C
  141  the reader of the output has left: a pipe into head, for example

\b
Environment:
  AWS_PROFILE, ...  credentials, as for the AWS CLI
  AWS_REGION        the region that is asked which regions there are, unless
                    --region names one
  NO_COLOR          no colours
  FORCE_COLOR       tables and colours, in a pipe too
"""

# Plain help, since rich alone takes longer to import than all the rest.
app = typer.Typer(
    help="See what terraform-aws-ebs-backup would do in your AWS account, and how well its EBS volumes are covered.",
    epilog=_EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - `--help` goes without

        print(f"ebs-backup {version('ebs-backup')}")
        raise typer.Exit


@app.callback()
def _main(
    _: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options that go before any command."""


add_command(app, PlanOptions, plan)
add_command(app, ReportOptions, report)


def main() -> None:
    """Run the command that the arguments name, and exit."""
    app(prog_name="ebs-backup")
