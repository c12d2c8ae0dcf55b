"""The command as a process: what only a process can show."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from ebs_backup_cli.errors import ExitCode

PROGRAM = str(Path(sys.executable).with_name("ebs-backup"))
RUNS = Path(__file__).parents[2] / "docs" / "runs.md"
# A plan that comes to its end and has something to show, although nobody answers.
UNREACHABLE = ("--region", "eu-west-1", "--timeout", "1")
NOBODY = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of an operator who has set up nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    files = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    return {**kept, **files, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}


def run(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [PROGRAM, *arguments]
    return subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=120)


def write_to(file: IO[str], *arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [PROGRAM, *arguments]
    return subprocess.run(
        command, check=False, env=environment, stdout=file, stderr=subprocess.PIPE, text=True, timeout=120
    )


@pytest.mark.parametrize(
    ("options", "variables", "message"),
    [
        ([], {}, "found no AWS credentials. Name a profile with --profile"),
        ([], {"AWS_ACCESS_KEY_ID": "test"}, "cannot get AWS credentials: Partial credentials found"),
        ([], KEYS, "no AWS region is set. Set AWS_REGION"),
        (["--profile", "nobody"], KEYS, "The config profile (nobody) could not be found"),
        ([], {"AWS_PROFILE": "nobody"}, "The config profile (nobody) could not be found"),
        ([], KEYS | {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "cannot reach EC2"),
    ],
)
def test_missing_setup_is_said_in_a_sentence(
    environment: dict[str, str], options: list[str], variables: dict[str, str], message: str
) -> None:
    done = run("plan", *options, environment=environment | variables)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ebs-backup: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_profile_counts_for_more_than_keys(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile ops]\nregion = eu-west-1\ncredential_process = false\n")

    done = run("plan", "--profile", "ops", environment=environment | KEYS)

    assert "cannot get AWS credentials: Error when retrieving credentials from custom-process" in done.stderr


def test_missing_credential_helper_is_said_in_a_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile ops]\nregion = eu-west-1\ncredential_process = /nowhere/helper\n")

    done = run("plan", "--profile", "ops", environment=environment)

    message = "cannot get AWS credentials: No such file or directory: /nowhere/helper"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"ebs-backup: {message}\n")


def test_credentials_are_asked_for_once(environment: dict[str, str], tmp_path: Path) -> None:
    helper = tmp_path / "helper"
    helper.write_text(f"""#!/bin/sh
echo asked >> {tmp_path}/asked
echo '{{"Version": 1, "AccessKeyId": "test", "SecretAccessKey": "test"}}'
""")
    helper.chmod(0o700)
    (tmp_path / "config").write_text(f"[profile ops]\ncredential_process = {helper}\n")

    done = run("plan", "--profile", "ops", *UNREACHABLE, environment=environment | NOBODY)

    assert done.returncode == 1
    assert (tmp_path / "asked").read_text() == "asked\n"


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_reader_that_leaves_ends_the_command_quietly(environment: dict[str, str], options: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = write_to(closed, "plan", *UNREACHABLE, *options, environment=environment | KEYS | NOBODY)

    assert (done.returncode, done.stderr) == (141, "")


def test_full_disk_is_said_in_a_sentence(environment: dict[str, str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = write_to(full, "plan", *UNREACHABLE, environment=environment | KEYS | NOBODY)

    message = "cannot write the output: No space left on device"
    assert (done.returncode, done.stderr) == (2, f"ebs-backup: {message}\n")


def test_expired_sign_in_is_said_in_a_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    session = "[sso-session work]\nsso_start_url = https://example.com/start\nsso_region = eu-west-1\n"
    profile = "[profile ops]\nsso_session = work\nsso_account_id = 123456789012\nsso_role_name = ops\n"
    (tmp_path / "config").write_text(session + profile)

    done = run("plan", "--profile", "ops", environment=environment)

    assert done.returncode == 2
    assert done.stderr.endswith("Sign in with `aws sso login`\n")


def test_broken_configuration_is_said_in_a_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config").write_text("no configuration")

    done = run("plan", environment=environment | KEYS)

    assert done.returncode == 2
    assert "Unable to parse config file" in done.stderr
    assert "Traceback" not in done.stderr


def test_interrupt_ends_the_command_at_once(environment: dict[str, str]) -> None:
    command = [PROGRAM, "plan", "--region", "eu-west-1"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment |= KEYS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            silent.settimeout(60)
            with silent.accept()[0]:
                process.send_signal(signal.SIGINT)
                _, err = process.communicate(timeout=15)

    assert process.returncode == 130
    assert err == "\nebs-backup: interrupted\n"


def test_help_imports_neither_boto3_nor_rich(environment: dict[str, str]) -> None:
    done = run("plan", "--help", environment=environment | {"PYTHONPROFILEIMPORTTIME": "1"})

    assert done.returncode == 0
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert not {"boto3", "botocore", "rich"} & imported
    assert "ebs_backup_cli.main" in imported


@pytest.mark.parametrize("code", ExitCode)
def test_exit_code_is_in_the_help(code: ExitCode, environment: dict[str, str]) -> None:
    done = run("--help", environment=environment)

    assert re.search(rf"^ +{code:d} +\w", done.stdout, re.MULTILINE)


def test_completion_is_offered_and_documented(environment: dict[str, str]) -> None:
    # The command goes by the shell that started it; after `exit`, bash cannot leave its place to the command.
    within_bash = ["bash", "-c", '"$0" --show-completion; exit', PROGRAM]
    shown = subprocess.run(within_bash, check=False, env=environment, capture_output=True, text=True, timeout=120)

    assert "_EBS_BACKUP_COMPLETE=complete_bash" in shown.stdout
    assert "--install-completion" in run("--help", environment=environment).stdout
    assert "ebs-backup --install-completion" in RUNS.read_text("utf-8")


def test_no_command_shows_the_help(environment: dict[str, str]) -> None:
    done = run(environment=environment)

    assert done.returncode == 2
    assert "Usage: ebs-backup [OPTIONS] COMMAND" in done.stdout + done.stderr
