"""The session and the clients of AWS: each is made once per process, because making one costs CPU time."""

import threading
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from ebs_backup.model.time_budget import CONNECT_TIMEOUT, READ_TIMEOUT

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

# The most connections to one region, where AWS has raised what it lets through.
MAX_CONNECTIONS = 32

_making = threading.Lock()  # guards `session`, by which only one thread at a time may make a client


@cache
def session() -> boto3.Session:
    """Return the process's session."""
    return boto3.Session()


def ec2_client(region: str) -> "EC2Client":
    """Return EC2's client of a region."""
    with _making:
        return _ec2_client(region)


@cache
def _ec2_client(region: str) -> "EC2Client":
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        max_pool_connections=MAX_CONNECTIONS,
        parameter_validation=False,  # an eighth of the CPU time of a call, spent on what mypy has checked
    )
    return session().client("ec2", region_name=region, config=config)
