"""Builders of what the simulated EC2 holds, and how tests call it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.ec2 import Attachment, Instance, Simulator, Snapshot, Volume, attach

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

HERE = "eu-west-1"
NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
ME = "123456789012"


_SESSION = boto3.Session("key", "secret")


def client(simulator: Simulator, region: str = HERE) -> "EC2Client":
    """Make a client that never retries, so that a test sees each answer."""
    made = _SESSION.client("ec2", region_name=region, config=Config(retries={"total_max_attempts": 1}))
    attach(made, simulator)
    return made


def add_volumes(simulator: Simulator, count: int, region: str = HERE) -> list[str]:
    """Add detached volumes and return their ids."""
    ids = [f"vol-{n:04}" for n in range(count)]
    simulator.regions[region].add(*(Volume(i, f"{region}a") for i in ids))
    return ids


def add_volume(simulator: Simulator, volume_id: str = "vol-1", **details: Any) -> Volume:
    """Add a volume, detached unless it is given attachments."""
    volume = Volume(volume_id, **{"zone": f"{HERE}a", **details})
    simulator.regions[HERE].add(volume)
    return volume


def add_instance(simulator: Simulator, instance_id: str, **volumes: str) -> None:
    """Add an instance with volumes by device: `xvda="vol-root"`."""
    region = simulator.regions[HERE]
    region.add(Instance(instance_id, f"{HERE}a", root_device="/dev/xvda"))
    for device, volume_id in volumes.items():
        place = Attachment(instance_id, f"/dev/{device}")
        region.add(Volume(volume_id, f"{HERE}a", tags={"Name": volume_id}, attachments=(place,)))


def add_snapshot(simulator: Simulator, snapshot_id: str = "snap-1", days_ago: float = 1, **details: Any) -> Snapshot:
    """Add a snapshot that was completed at once, some days ago."""
    start = simulator.clock.now() - timedelta(days=days_ago)
    snapshot = Snapshot(snapshot_id, **{"volume_id": "vol-1", "started": start, "completes": start, **details})
    simulator.regions[HERE].add(snapshot)
    return snapshot


def tags(**values: str) -> Any:
    """Write tags as the TagSpecifications of a snapshot."""
    listed = [{"Key": key, "Value": value} for key, value in values.items()]
    return [{"ResourceType": "snapshot", "Tags": listed}]


def has(**filters: str | list[str]) -> Any:
    """Write filters; an underscore in a name stands for a hyphen."""
    return [
        {"Name": name.replace("_", "-"), "Values": [values] if isinstance(values, str) else values}
        for name, values in filters.items()
    ]


@contextmanager
def refused(code: str) -> Iterator[None]:
    """Expect EC2 to refuse with a code."""
    with pytest.raises(ClientError) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code


def ids(kind: str, resources: list[Any]) -> list[str]:
    """List the ids of resources in order."""
    return sorted(resource[kind] for resource in resources)
