"""The distribution: built, installed into a fresh environment, and used against a local AWS."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

from sandbox import Sandbox
from sandbox.estate import DEMO

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]

pytestmark = pytest.mark.xdist_group("distribution")


@dataclass(frozen=True, slots=True)
class Installed:
    """The command in an environment of its own, with an operator's variables."""

    program: Path
    variables: Mapping[str, str]

    def __call__(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, **self.variables}
        environment.pop("PYTHONPATH", None)
        command = [str(self.program), *arguments]
        return subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", home], check=True)
    subprocess.run([home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", wheel], check=True)
    with Sandbox(estate=DEMO) as aws:
        yield Installed(home / "bin" / "ebs-backup", aws.environment())


def test_wheel_holds_both_packages_and_their_types(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.split("/")[0] for name in names} == {"ebs_backup", "ebs_backup_cli", f"ebs_backup-{VERSION}.dist-info"}
    assert {"ebs_backup/py.typed", "ebs_backup_cli/py.typed"} <= set(names)


def test_installed_command_knows_its_version(command: Installed) -> None:
    assert command("--version").stdout == f"ebs-backup {VERSION}\n"


def test_installed_plan_names_instances(command: Installed) -> None:
    done = command("plan", "--exclude-region", "ap-northeast-3")

    assert done.returncode == 0
    assert re.search(r"eu-west-1 +db-1 +/dev/sdf +vol-0536864472894e1a8 +- +500 +set of 3 ", done.stdout)
    assert "\x1b" not in done.stdout


def test_installed_plan_follows_the_schema(command: Installed) -> None:
    done = command("plan", "--json")

    assert done.returncode == 1  # the demo's account denies a region
    schema = json.loads((ROOT / "docs" / "report.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(done.stdout))


def test_installed_report_writes_the_page(command: Installed, tmp_path: Path) -> None:
    page = tmp_path / "page.html"

    done = command("report", "--exclude-region", "ap-northeast-3", "--output", str(page))

    assert (done.returncode, done.stdout, done.stderr) == (0, f"{page}\n", "")
    assert page.read_text("utf-8").startswith("<!doctype html>")


def test_reader_that_leaves_ends_the_command_quietly(command: Installed) -> None:
    read, write = os.pipe()
    os.close(read)
    environment = {**os.environ, **command.variables}
    arguments = [str(command.program), "plan", "--json", "--region", "eu-west-1"]
    done = subprocess.run(arguments, check=False, env=environment, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)

    assert (done.returncode, done.stderr) == (141, "")
