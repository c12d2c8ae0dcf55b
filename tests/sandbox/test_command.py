import signal
import subprocess
import sys
from collections.abc import Iterator

import boto3
import pytest


@pytest.fixture
def running() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-m", "sandbox", "--port", "0"], stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def test_command_prints_instructions_and_ends_when_interrupted(running: subprocess.Popen[str]) -> None:
    assert running.stdout is not None
    lines = [running.stdout.readline() for _ in range(9)]
    exports = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines if line.startswith("export"))
    ec2 = boto3.Session(exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"]).client(
        "ec2", region_name=exports["AWS_REGION"], endpoint_url=exports["AWS_ENDPOINT_URL"]
    )
    assert len(ec2.describe_volumes()["Volumes"]) == 11
    assert "denies ap-northeast-3" in lines[-2]
    assert "11 in eu-west-1" in lines[-1]
    running.send_signal(signal.SIGINT)
    assert running.wait(10) == 0
