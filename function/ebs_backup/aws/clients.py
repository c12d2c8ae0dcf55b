"""The clients of AWS: each made once per process, from one session, since both cost CPU time."""

from functools import cache

import boto3


@cache
def session() -> boto3.Session:
    """Return the process's session, of which only one thread at a time may make clients."""
    return boto3.Session()
