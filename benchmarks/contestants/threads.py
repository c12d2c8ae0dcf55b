"""The same recipe with ten threads in each region, all regions at once, and botocore's default retries.

What goes wrong with one volume or one region stops no other.
"""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from benchmarks.timescale import Timescale

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import VolumeTypeDef

THREADS_PER_REGION = 10


def back_up(_: Timescale, config: Config | None = None) -> Collection[str]:
    """Snapshot all volumes; return those that it did not work for."""
    regions = [region["RegionName"] for region in boto3.client("ec2").describe_regions()["Regions"]]
    clients = [boto3.client("ec2", region_name=region, config=config) for region in regions]
    with ThreadPoolExecutor(len(regions)) as pool:
        return [volume_id for failed in pool.map(_region, clients) for volume_id in failed]


def _region(ec2: "EC2Client") -> list[str]:
    try:
        volumes = _volumes(ec2)
    except (BotoCoreError, ClientError):
        return []
    with ThreadPoolExecutor(THREADS_PER_REGION) as pool:
        worked = pool.map(lambda volume: _snapshot(ec2, volume), volumes)
    return [volume["VolumeId"] for volume, well in zip(volumes, worked, strict=True) if not well]


def _volumes(ec2: "EC2Client") -> list["VolumeTypeDef"]:
    pages = ec2.get_paginator("describe_volumes").paginate(
        Filters=[{"Name": "status", "Values": ["in-use"]}],
        PaginationConfig={"PageSize": 1000},
    )
    return [volume for page in pages for volume in page["Volumes"]]


def _snapshot(ec2: "EC2Client", volume: "VolumeTypeDef") -> bool:
    tags = [*volume.get("Tags", ()), {"Key": "CreatedBy", "Value": "backup"}]
    try:
        ec2.create_snapshot(
            VolumeId=volume["VolumeId"],
            Description=f"Backup of {volume['VolumeId']}",
            TagSpecifications=[{"ResourceType": "snapshot", "Tags": tags}],
        )
    except (BotoCoreError, ClientError):
        return False
    return True
