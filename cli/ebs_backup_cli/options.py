"""The options that commands share, and the deployment that they describe."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ebs_backup.model.deployment import Deployment, DeploymentError, parse_deployment
from ebs_backup_cli import rules
from ebs_backup_cli.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsOptions:
    """Where a command looks, as whom, and for how long."""

    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="Profile of the AWS configuration whose credentials to use.")
    ] = None
    region: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REGION", help="Look at this region only; may be given several times.  [all that are enabled]"
        ),
    ] = None
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="Stop reading after this time.  [900]", show_default=False),
    ] = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentOptions(AwsOptions):
    """Which deployment a command is about: a file, and what is to be different from it."""

    deployment: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Read the deployment from FILE: the text of the module's output `deployment`; - is stdin.",
        ),
    ] = None
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the deployment that owns the snapshots.  [ebs-backup]")
    ] = None
    tag_prefix: Annotated[
        str | None, typer.Option(metavar="PREFIX", help="Start of its tags' keys.  [ebs-backup:]")
    ] = None
    exclude_region: Annotated[
        list[str] | None, typer.Option(metavar="REGION", help="Leave this region out; may be given several times.")
    ] = None
    include_tag: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=PATTERN", help="Only volumes with this tag, `*` for any text; may be given several times."
        ),
    ] = None
    exclude_tag: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=PATTERN", help="No volumes with this tag; may be given several times."),
    ] = None
    retention: Annotated[
        str | None, typer.Option(metavar="RULES", help="Such as daily=7,weekly=4,monthly=12.  [keep every snapshot]")
    ] = None
    orphan_retention_days: Annotated[
        int | None, typer.Option(metavar="DAYS", help="As the module's variable of that name.")
    ] = None
    confirmed_retention: Annotated[
        str | None, typer.Option(metavar="CODE", help="As the module's variable of that name.")
    ] = None
    deletion_delay_days: Annotated[
        int | None, typer.Option(metavar="DAYS", help="As the module's variable of that name.")
    ] = None
    recovery_point_objective_hours: Annotated[
        float | None, typer.Option(metavar="HOURS", help="As the module's variable of that name.")
    ] = None
    run_id: Annotated[str | None, typer.Option(metavar="ID", help="Go on with this run.  [a new one]")] = None


_AS_THEY_ARE = (
    "name",
    "tag_prefix",
    "orphan_retention_days",
    "confirmed_retention",
    "deletion_delay_days",
    "recovery_point_objective_hours",
)


def read_deployment(options: DeploymentOptions) -> Deployment:
    """Read the deployment's file, if there is one, and put the options over it; raise InputError if it is wrong."""
    file = _file(options.deployment) if options.deployment else {"name": "ebs-backup"}
    given = _given(options)
    try:
        deployment = parse_deployment(json.dumps(file | given))
    except DeploymentError as error:
        raise InputError(rules.in_options(str(error))) from None
    rules.check(deployment, given.keys())
    return deployment


def _given(options: DeploymentOptions) -> dict[str, Any]:
    """Return the fields of the deployment that options give."""
    given: dict[str, Any] = {key: value for key in _AS_THEY_ARE if (value := getattr(options, key)) is not None}
    if options.exclude_region:
        given["exclude_regions"] = options.exclude_region
    if options.include_tag:
        given["include_tags"] = _tags("--include-tag", options.include_tag)
    if options.exclude_tag:
        given["exclude_tags"] = _tags("--exclude-tag", options.exclude_tag)
    if options.retention is not None:
        given["retention"] = _retention(options.retention)
    return given


def _file(name: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InputError(f"cannot read {name}: {reason}") from None
    try:
        parse_deployment(text)
    except DeploymentError as error:
        raise InputError(f"{name}: {error}; `terraform output -raw deployment` writes a right one") from None
    found: dict[str, Any] = json.loads(text)
    return found


def _retention(rules: str) -> dict[str, int]:
    """Read `daily=7,weekly=4`."""
    pairs = [rule.partition("=") for rule in rules.split(",") if rule]
    try:
        return {key.strip(): int(number) for key, _, number in pairs}
    except ValueError:
        raise InputError(f"--retention must be rules such as daily=7,weekly=4; got: {rules}") from None


def _tags(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Read `Env=prod*`, given once or more."""
    tags: dict[str, str] = {}
    for text in texts:
        key, is_one, pattern = text.partition("=")
        if not is_one:
            raise InputError(f"{option} must be KEY=PATTERN, such as Env=prod*; got: {text}")
        if tags.setdefault(key, pattern) != pattern:
            raise InputError(f"{option} must name a key once only; got: {key}={tags[key]} and {text}")
    return tags
