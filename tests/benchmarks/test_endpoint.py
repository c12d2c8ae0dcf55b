"""The endpoint is the sandbox's EC2 with a latency, and loses answers for real."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from benchmarks.estates import ESTATES, HOME
from benchmarks.limit import CHANGE_SECONDS, DESCRIBE_SECONDS
from benchmarks.measure import ROOT

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef

JITTER = 0.1
FAULTY = ESTATES["faulty"]
QUIET = "eu-west-2"  # where no other tool is at work


class Running:
    """An endpoint in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", port: int) -> None:
        self._process = process
        self._port = port

    def client(self, region: str = HOME) -> "EC2Client":
        """Return a client that makes each call once."""
        return boto3.client(
            "ec2",
            region_name=region,
            endpoint_url=f"http://127.0.0.1:{self._port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=20),
        )

    def seen(self) -> Any:
        """End it and return what it saw."""
        said, _ = self._process.communicate()
        return json.loads(said)


@contextmanager
def _running(estate: str, factor: float) -> Iterator[Running]:
    asked = json.dumps({"estate": estate, "factor": factor})
    command = [sys.executable, "-m", "benchmarks.endpoint", asked]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield Running(process, json.loads(process.stdout.readline())["port"])


@pytest.mark.parametrize("factor", [1, 4])
def test_answer_takes_at_least_the_assumed_scaled_time(factor: float) -> None:
    with _running("tiny", factor) as endpoint:
        client = endpoint.client()
        client.describe_regions()  # connects
        began = time.monotonic()
        (volume, *_) = client.describe_volumes(MaxResults=1000)["Volumes"]
        read = time.monotonic()
        client.create_snapshot(VolumeId=volume["VolumeId"])
        created = time.monotonic()

        assert (1 - JITTER) * DESCRIBE_SECONDS / factor <= read - began
        assert (1 - JITTER) * CHANGE_SECONDS / factor <= created - read


def test_endpoint_reports_the_calls_it_saw() -> None:
    with _running("tiny", 10) as endpoint:
        client = endpoint.client()
        (volume, *_) = client.describe_volumes(MaxResults=1000)["Volumes"]
        client.create_snapshot(VolumeId=volume["VolumeId"])
        with pytest.raises(ClientError, match="SnapshotCreationPerVolumeRateExceeded"):
            client.create_snapshot(VolumeId=volume["VolumeId"])
        seen = endpoint.seen()

    assert seen["calls"] == {"DescribeVolumes": 1, "CreateSnapshot": 2}
    assert seen["throttled"] == {}
    assert seen["snapshots"] == {volume["VolumeId"]: 1}
    assert (seen["deleted"], seen["wrongly_deleted"]) == (0, 0)
    assert 0 < seen["first_page_at"] < seen["last_created_at"]
    assert seen["excess_mean_ms"] >= 0


def test_endpoint_counts_right_and_wrong_deletions() -> None:
    history = ESTATES["history"].history
    with _running("history", 4) as endpoint:
        client = endpoint.client()
        (volume, *_) = client.describe_volumes(MaxResults=5)["Volumes"]
        filters: list[FilterTypeDef] = [{"Name": "volume-id", "Values": [volume["VolumeId"]]}]
        earlier = client.describe_snapshots(Filters=filters, MaxResults=1000)["Snapshots"]
        for snapshot in sorted(earlier, key=lambda s: s["StartTime"].date() in history.due)[-3:]:
            client.delete_snapshot(SnapshotId=snapshot["SnapshotId"])
        client.create_snapshot(VolumeId=volume["VolumeId"])
        seen = endpoint.seen()

    assert len(earlier) == len(history.days)
    assert (seen["deleted"], seen["wrongly_deleted"]) == (3, 2)
    assert seen["snapshots"] == {volume["VolumeId"]: 1}


def test_lost_answer_breaks_the_connection_after_the_work() -> None:
    _, (volume_id, *_) = FAULTY.instance_ids(QUIET)[1]
    with _running("faulty", 10) as endpoint:
        with pytest.raises(ConnectionClosedError):
            endpoint.client(QUIET).create_snapshot(VolumeId=volume_id)

        assert endpoint.seen()["snapshots"] == {volume_id: 1}


def test_bucket_starts_almost_empty_beside_another_tool() -> None:
    volumes = [volume_ids[0] for _, volume_ids in FAULTY.instance_ids(HOME)[-20:]]
    with _running("faulty", 1) as endpoint, ThreadPoolExecutor(len(volumes)) as pool:
        client = endpoint.client()
        outcomes = Counter(pool.map(lambda volume_id: _outcome(client, volume_id), volumes))

        assert outcomes["RequestLimitExceeded"] >= len(volumes) / 2


def _outcome(client: "EC2Client", volume_id: str) -> str:
    try:
        client.create_snapshot(VolumeId=volume_id)
    except ClientError as refusal:
        return refusal.response["Error"]["Code"]
    except ConnectionClosedError:
        return "lost"
    return "created"
