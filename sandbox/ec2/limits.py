"""How much EC2 lets one account do: its request rates and its quotas, with the published numbers."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sandbox.ec2.errors import Ec2Error


@dataclass(frozen=True, slots=True)
class Rate:
    """A token bucket: how many calls at once, and how many more each second."""

    burst: float
    refill: float


MUTATING: Final = Rate(50, 5)
NON_MUTATING: Final = Rate(100, 20)
UNBOUNDED: Final = Rate(50, 10)
"""For a describe call that neither asks for pages nor filters."""
PUBLISHED: Final[Mapping[str, Rate]] = {
    "CreateSnapshot": Rate(100, 5),
    "CreateSnapshots": Rate(100, 5),
    "CreateTags": Rate(100, 10),
    "DeleteSnapshot": Rate(100, 5),
    "DeleteTags": Rate(100, 10),
    "ModifySnapshotAttribute": Rate(100, 5),
}
_PAGEABLE: Final = frozenset({"DescribeInstances", "DescribeSnapshots", "DescribeVolumes"})
_BOUNDS: Final = ("MaxResults", "NextToken", "Filters", "VolumeIds", "SnapshotIds", "InstanceIds")


@dataclass(frozen=True, slots=True)
class Quotas:
    """What a region and a volume can hold.

    AWS publishes 100 pending snapshots per account, but whether that binds CreateSnapshot is not certain;
    None here means that it does not.
    """

    snapshots: int = 100_000
    pending: int | None = None
    copies: int = 20
    seconds_between_snapshots: float = 15.0
    concurrent: int = 5
    concurrent_by_type: Mapping[str, int] = field(default_factory=lambda: {"st1": 1, "sc1": 1})

    def concurrent_for(self, volume_type: str) -> int:
        """Say how many snapshots of one volume may be pending at once."""
        return self.concurrent_by_type.get(volume_type, self.concurrent)


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled: datetime


class Limits:
    """The request rates of an account: a bucket of tokens per region and action, shared by all callers."""

    def __init__(self, rates: Mapping[str, Rate] = PUBLISHED) -> None:
        self.enabled = True
        self.rates = dict(rates)
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self._lock = threading.Lock()

    def take(self, action: str, region: str, parameters: Mapping[str, Any], now: datetime) -> None:
        """Take a token for a call, or refuse the call."""
        kind = _kind(action, parameters)
        if self.enabled and not self._taken(kind, region, now):
            raise Ec2Error("RequestLimitExceeded", "Request limit exceeded.")

    def rate(self, kind: str) -> Rate:
        """Say at what rate a kind of call may come."""
        if kind in self.rates:
            return self.rates[kind]
        if kind.endswith("/unbounded"):
            return UNBOUNDED
        return NON_MUTATING if kind.startswith("Describe") else MUTATING

    def _taken(self, kind: str, region: str, now: datetime) -> bool:
        rate = self.rate(kind)
        with self._lock:
            bucket = self._buckets.setdefault((region, kind), _Bucket(rate.burst, now))
            gained = (now - bucket.filled).total_seconds() * rate.refill
            bucket.tokens, bucket.filled = min(rate.burst, bucket.tokens + max(0.0, gained)), now
            taken = bucket.tokens >= 1
            bucket.tokens -= taken
            return taken


def _kind(action: str, parameters: Mapping[str, Any]) -> str:
    bounded = action not in _PAGEABLE or any(parameters.get(name) for name in _BOUNDS)
    return action if bounded else f"{action}/unbounded"
