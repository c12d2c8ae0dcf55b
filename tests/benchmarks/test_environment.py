"""An environment of others is made once, and again when what it is to hold has changed."""

import subprocess
import venv
from pathlib import Path

import pytest

from benchmarks import __main__ as command


class Installer:
    """Counts what it is asked to install, and can fail to."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.fails = False
        monkeypatch.setattr(command, "ROOT", root)
        monkeypatch.setattr(command, "REQUIREMENTS", root)
        monkeypatch.setattr(venv, "create", lambda home, **_: Path(home).mkdir(parents=True, exist_ok=True))
        monkeypatch.setattr(subprocess, "run", self._run)

    def _run(self, command: list[str], **_: object) -> "subprocess.CompletedProcess[bytes]":
        self.asked += 1
        return subprocess.CompletedProcess(command, int(self.fails))

    def environment(self) -> Path | None:
        """Ask for the environment as a command started anew does."""
        command._environment.cache_clear()
        return command._environment("tool")


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    (tmp_path / "tool.txt").write_text("tool==1")
    return Installer(tmp_path, monkeypatch)


def test_environment_is_made_once(installer: Installer) -> None:
    assert installer.environment() == installer.environment()
    assert installer.asked == 1


def test_environment_is_made_anew_when_a_pin_changes(installer: Installer, tmp_path: Path) -> None:
    installer.environment()
    (tmp_path / "tool.txt").write_text("tool==2")
    installer.environment()

    assert installer.asked == 2


def test_failed_environment_is_made_again_by_the_next_command(installer: Installer) -> None:
    installer.fails = True
    assert installer.environment() is None

    installer.fails = False
    assert installer.environment()
