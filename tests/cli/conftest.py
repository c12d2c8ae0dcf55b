"""The command in this process, against the simulator of EC2 and in simulated time."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from typer.testing import CliRunner

from ebs_backup_cli import preview
from ebs_backup_cli.main import app
from sandbox.ec2 import Simulator
from tests.unit.builders import REGION
from tests.unit.conftest import Connect, SimulatedTime, clock, connect, ec2, session  # noqa: F401 - fixtures
from tests.unit.estates import add_instance, add_snapshots


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


class Command:
    """The command `ebs-backup`, for the deployment `nightly`."""

    def plan(self, *options: str) -> Done:
        return self.run("plan", "--name", "nightly", *options)

    def report(self, *options: str) -> Done:
        return self.run("report", "--name", "nightly", *options)

    def run(self, *arguments: str, stdin: str = "") -> Done:
        result = CliRunner().invoke(app, arguments, input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Done(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def command(
    connect: Connect,  # noqa: ARG001, F811
    clock: SimulatedTime,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> Command:
    for name in ("NO_COLOR", "FORCE_COLOR", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(preview, "Clock", lambda: clock)
    return Command()


@pytest.fixture
def estate(ec2: Simulator) -> Simulator:  # noqa: F811
    add_instance(ec2, "i-1", "vol-1", "vol-2")
    add_instance(ec2, "i-2", "vol-3")
    add_instance(ec2, "i-3", "vol-4", skipped=("vol-4",))
    add_snapshots(ec2, "vol-3", days=3)
    region = ec2.regions[REGION]
    region.add(replace(region.instances["i-1"], tags={"Name": "db"}))
    return ec2


def changes(simulator: Simulator) -> list[Any]:
    """Return the calls that were no mere look."""
    return [call for call in simulator.calls if not call.action.startswith("Describe")]
