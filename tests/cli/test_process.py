"""The command as a process: what only a process can show."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = str(Path(sys.executable).with_name("ebs-backup"))
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


def test_help_documents_the_exit_codes(environment: dict[str, str]) -> None:
    done = run("--help", environment=environment)

    assert "1    a region could not be read, or the deletion brake would hold" in done.stdout


def test_no_command_shows_the_help(environment: dict[str, str]) -> None:
    done = run(environment=environment)

    assert done.returncode == 2
    assert "Usage: ebs-backup [OPTIONS] COMMAND" in done.stdout + done.stderr
