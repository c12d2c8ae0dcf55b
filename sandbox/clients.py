"""Makes boto3 clients of the sandbox for whoever calls: the administrator, or a session of a role."""

import threading
from functools import cache
from typing import Any, Final, NamedTuple

import boto3
from botocore.config import Config


class Keys(NamedTuple):
    """What a request is signed with; a session of a role has a token too."""

    access_key: str
    secret_key: str
    token: str | None = None


KEYS: Final = Keys("test", "test")
"""The administrator's."""
_one_at_a_time: Final = threading.Lock()


@cache
def _session() -> boto3.Session:
    """Keep one session for all clients: reading a service's model anew takes longer than most calls."""
    return boto3.Session()


def client(service: str, region: str, endpoint: str, keys: Keys, config: Config | None = None) -> Any:
    """Make a client; boto3's session makes one at a time only."""
    with _one_at_a_time:
        return _session().client(  # type: ignore[call-overload]
            service,
            region_name=region,
            endpoint_url=endpoint,
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            aws_session_token=keys.token,
            config=config,
        )
