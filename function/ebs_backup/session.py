"""The session that all clients come from, so that credentials and the models of services are read once."""

from functools import cache

import boto3


@cache
def session() -> boto3.Session:
    """Return the process's session, of which only one thread at a time may make clients."""
    return boto3.Session()
