"""`python -m ebs_backup plan`, against the simulated EC2."""

import json
import re
import sys
from pathlib import Path

import pytest

from ebs_backup.__main__ import main
from sandbox.ec2 import Simulator
from tests.unit.builders import REGION
from tests.unit.conftest import Connect, SimulatedTime
from tests.unit.estates import add_instance, add_snapshots


class Terminal:
    """The command, and what it printed."""

    def __init__(self, clock: SimulatedTime, capture: pytest.CaptureFixture[str]) -> None:
        self._clock = clock
        self._capture = capture
        self.out = self.err = ""

    def plan(self, *flags: str) -> int:
        return self._run("plan", *flags)

    def report(self, *flags: str) -> int:
        return self._run("report", *flags)

    def _run(self, command: str, *flags: str) -> int:
        status = main([command, "--name", "nightly", *flags], clock=self._clock)
        self.out, self.err = self._capture.readouterr()
        return status


@pytest.fixture
def terminal(
    connect: Connect,  # noqa: ARG001
    clock: SimulatedTime,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Terminal:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    return Terminal(clock, capsys)


@pytest.fixture
def estate(ec2: Simulator) -> Simulator:
    add_instance(ec2, "i-1", "vol-1", "vol-2")
    add_instance(ec2, "i-2", "vol-3")
    add_instance(ec2, "i-3", "vol-4", skipped=("vol-4",))
    add_snapshots(ec2, "vol-3", days=3)
    return ec2


def test_a_person_sees_what_would_be_created_kept_and_deleted_and_why(terminal: Terminal, estate: Simulator) -> None:
    status = terminal.plan("--retention", "daily=2", "--run-id", "preview")

    assert (status, terminal.err) == (0, "")
    lines = terminal.out.splitlines()
    assert lines[0].startswith("Deployment nightly: keep 2 daily.")
    assert lines[2:9] == [
        "eu-west-1: 3 volumes selected",
        "  create  vol-1 + vol-2  2 volumes of i-1, crash-consistent",
        "  create  vol-3  no snapshot of this run yet",
        "  skip    vol-4  opted out by tag ebs-backup:Skip",
        "  keep    snap-vol-3-001  vol-3  2026-11-22 03:00  newest, daily 1 of 2",
        "  keep    snap-vol-3-002  vol-3  2026-11-21 03:00  daily 2 of 2",
        "  delete  snap-vol-3-003  vol-3  2026-11-20 03:00  kept by no rule",
    ]
    assert lines[-1] == "Snapshots: 3 to create, 1 to delete, 2 to keep."
    assert lines[-3].startswith("Nothing in ap-northeast-1, ")
    assert not [call for call in estate.calls if not call.action.startswith("Describe")]


def test_a_script_gets_the_run_report_with_nothing_left_out(terminal: Terminal, estate: Simulator) -> None:
    add_snapshots(estate, "vol-1", days=600)

    assert terminal.plan("--retention", "daily=2", "--max-deletions-percent", "100", "--json") == 0

    region = json.loads(terminal.out)["regions"]["eu-west-1"]
    assert (len(region["verdicts"]), region["verdicts_not_listed"]) == (603, 0)
    assert (len(region["actions"]), region["actions_not_listed"]) == (601, 0)


def test_the_policy_of_a_deployment_can_be_read_from_a_file_and_changed_by_flags(
    terminal: Terminal, tmp_path: Path, estate: Simulator
) -> None:
    assert estate
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"name": "ours", "retention": {"daily": 9}, "multi_volume_snapshots": False}))

    terminal.plan("--policy", str(file), "--retention", "last=1")

    assert terminal.out.startswith("Deployment nightly: keep 1 last.")
    assert "  create  vol-1  no snapshot of this run yet" in terminal.out


def test_the_deletion_brake_shows_and_makes_the_command_fail(terminal: Terminal, estate: Simulator) -> None:
    add_snapshots(estate, "vol-1", days=60)

    assert terminal.plan("--retention", "daily=2") == 1
    assert "  deletion brake: would delete 59 of 63 snapshots" in terminal.out
    assert terminal.out.splitlines()[-1] == "Snapshots: 3 to create, 0 to delete, 4 to keep."


def test_only_the_regions_asked_for_are_read(terminal: Terminal, estate: Simulator) -> None:
    terminal.plan("--region", REGION, "--region", "eu-west-2")

    assert {call.region for call in estate.calls} == {"eu-west-1", "eu-west-2"}


def test_a_region_that_cannot_be_read_is_told_of_and_makes_the_command_fail(terminal: Terminal, ec2: Simulator) -> None:
    ec2.regions["us-east-1"].denied = True

    assert terminal.plan() == 1
    assert "us-east-1\n  not read: DescribeSnapshots: UnauthorizedOperation: " in terminal.out
    assert "1 region not read." in terminal.out


def test_the_page_of_a_report_is_written_with_the_callers_own_credentials(
    terminal: Terminal, estate: Simulator, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"

    assert terminal.report("--output", str(file)) == 0
    assert terminal.out == f"{file}\n"
    assert "vol-1" in file.read_text(encoding="utf-8")
    assert not [call for call in estate.calls if not call.action.startswith("Describe")]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--retention", "dayly=7"], "deployment.retention keys must be among .*; got: dayly"),
        (["--retention", "daily"], "--retention must be rules such as daily=7,weekly=4; got: daily"),
        (
            ["--orphan-retention-days", "0"],
            "deployment.orphan_retention_days must be 1 or more; got: 0",
        ),
        (["--policy", "/nowhere.json"], "No such file or directory: '/nowhere.json'"),
        (["--region", "us-east-1", "--exclude-region", "us-east-1"], "must leave at least one region"),
    ],
)
def test_bad_input_is_told_in_a_sentence_and_no_traceback(terminal: Terminal, flags: list[str], message: str) -> None:
    assert terminal.plan(*flags) == 2
    assert terminal.out == ""
    assert terminal.err.startswith("ebs_backup: ")
    assert re.search(message, terminal.err)


def test_a_file_that_is_no_policy_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text("[]")

    assert terminal.plan("--policy", str(file)) == 2
    assert "deployment must be an object" in terminal.err


class Screen:
    """A stream that is a terminal."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_terminal_gets_colours_unless_it_wants_none(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, estate: Simulator, no_color: str, coloured: bool
) -> None:
    assert estate
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("NO_COLOR", no_color)

    terminal.plan()

    assert ("\x1b[32m  create" in screen.text) == coloured


def test_a_terminal_sees_how_far_it_is_and_nothing_of_that_stays(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)

    terminal.plan()

    assert "17 regions read" in screen.text
    assert screen.text.endswith("\r\x1b[K")
