"""What is wrong with options, files and credentials is said in a sentence, with exit code 2."""

import re
from pathlib import Path

import pytest

from sandbox.ec2 import Fault, Simulator
from tests.cli.conftest import Command
from tests.unit.builders import REGION


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--retention", "dayly=7"], "ebs-backup: --retention keys must be among .*; got: dayly"),
        (["--retention", "daily"], "--retention must be rules such as daily=7,weekly=4; got: daily"),
        (["--retention", "daily=10001"], "--retention daily must be from 0 to 10000; got: 10001"),
        (["--retention", "daily=0"], "--retention must be empty to delete nothing, or keep something"),
        (["--name", "bad name"], "--name must be 1 to 36 lower-case letters, .*; got: bad name"),
        (["--tag-prefix", "AWS:x"], "--tag-prefix must be 1 to 112 letters, .*; got: AWS:x"),
        (["--confirmed-retention", "yes"], "--confirmed-retention must be the 8 hexadecimal digits .*; got: yes"),
        (["--orphan-retention-days", "0"], "ebs-backup: --orphan-retention-days must be 1 or more; got: 0"),
        (["--orphan-retention-days", "30"], "--orphan-retention-days needs --retention"),
        (["--deletion-delay-days", "0"], "--deletion-delay-days must be 1 or more; got: 0"),
        (["--deletion-delay-days", "366"], "--deletion-delay-days must be 1 to 365 days; got: 366"),
        (["--recovery-point-objective-hours", "0"], "--recovery-point-objective-hours must be above 0"),
        (["--include-tag", "Env"], "--include-tag must be KEY=PATTERN, such as .*; got: Env"),
        (["--exclude-tag", "=x"], "--exclude-tag must have a key of 1 to 128"),
        (["--include-tag", "A=1", "--include-tag", "A=2"], "--include-tag must name a key once only; got: A=1 and A=2"),
        (["--include-tag", "A=1", "--exclude-tag", "A=1"], "a tag that --include-tag asks for; got in both: A=1"),
        (["--deletion-delay-days", "half"], "Invalid value for '--deletion-delay-days'"),
        (["--timeout", "0"], "--timeout must be a number of seconds above 0; got: 0"),
        (["--deployment", "/nowhere.json"], "cannot read /nowhere.json: No such file or directory"),
        (["--deployment", "/"], "cannot read /: Is a directory"),
        (
            ["--region", "us-east-1", "--exclude-region", "us-east-1"],
            "--exclude-region must not name a region that --region asks for; got in both: us-east-1",
        ),
        (["--exclude-region", "xx-nowhere-9"], "there is no region xx-nowhere-9; if AWS has just opened it"),
        (["--region", "eu-west-1x"], "ebs-backup: --region must be a region name such as eu-west-1; got: 'eu-west-1x'"),
        (["--region", "eu-wets-1"], "there is no region eu-wets-1; did you mean eu-west-1?"),
        (["--run-id", "with space"], "ebs-backup: --run-id must be 1 to 80 letters"),
        (["--colour"], "No such option"),
    ],
)
def test_wrong_option_is_refused(command: Command, options: list[str], message: str) -> None:
    done = command.plan(*options)

    assert (done.code, done.out) == (2, "")
    assert re.search(message, done.err)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", "deployment must be an object"),
        (b"{", "deployment must be JSON"),
        (b"\xff", "cannot read .*: it is not UTF-8 text"),
        (b'{"nmae": "nightly"}', "deployment keys must be among .*; got: nmae"),
    ],
)
def test_wrong_deployment_file_is_refused(command: Command, tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "deployment.json"
    file.write_bytes(content)

    done = command.plan("--deployment", str(file))

    assert done.code == 2
    assert re.search(message, done.err)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ExpiredToken", "the AWS credentials have expired"),
        ("RequestExpired", "the AWS credentials have expired"),
        ("AuthFailure", "AWS does not accept the credentials (AuthFailure)"),
        ("UnauthorizedOperation", "Name them with --region"),
    ],
)
def test_command_needs_to_know_the_regions(command: Command, ec2: Simulator, code: str, message: str) -> None:
    ec2.inject(Fault("DescribeRegions", code=code, times=9))

    done = command.plan()

    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_credentials_that_expire_in_every_region_are_refused(command: Command, ec2: Simulator) -> None:
    for action in ("DescribeVolumes", "DescribeSnapshots"):
        ec2.inject(Fault(action, code="ExpiredToken", times=9))

    done = command.plan("--region", REGION)

    assert (done.code, done.out) == (2, "")
    assert "the AWS credentials have expired" in done.err
