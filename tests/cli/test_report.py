"""`ebs-backup report`."""

import json
import webbrowser
from pathlib import Path
from unittest.mock import Mock

import pytest

from sandbox.ec2 import Simulator
from tests.cli.conftest import Command, changes


def test_report_writes_a_page_and_prints_its_path(command: Command, estate: Simulator, tmp_path: Path) -> None:
    file = tmp_path / "page.html"

    done = command.report("--output", str(file))

    assert (done.code, done.out, done.err) == (0, f"{file}\n", "")
    assert "vol-1" in file.read_text(encoding="utf-8")
    assert not changes(estate)


def test_report_opens_the_page(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Mock(return_value=True)
    monkeypatch.setattr(webbrowser, "open", opened)
    file = tmp_path / "page.html"

    assert command.report("--output", str(file), "--open").code == 0
    opened.assert_called_once_with(file.as_uri())


def test_json_is_printed_in_place_of_the_page(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    done = command.report("--json")

    assert json.loads(done.out)["dry_run"] is True
    assert list(tmp_path.iterdir()) == []


def test_report_tells_of_an_unread_region(command: Command, ec2: Simulator, tmp_path: Path) -> None:
    ec2.regions["us-east-1"].denied = True

    done = command.report("--output", str(tmp_path / "page.html"))

    assert done.code == 1
    assert done.err.startswith("us-east-1: not read: DescribeSnapshots: UnauthorizedOperation: ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "/nowhere/page.html"], "cannot write /nowhere/page.html: No such file or directory"),
        (["--json", "--open"], "--json writes no page that --open could open"),
    ],
)
def test_report_refuses_what_it_cannot_do(command: Command, options: list[str], message: str) -> None:
    done = command.report(*options)

    assert (done.code, done.out) == (2, "")
    assert message in done.err
