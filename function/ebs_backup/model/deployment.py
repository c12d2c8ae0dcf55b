"""The deployment: what one use of the module is to back up, as Terraform hands it over.

Parsing is strict, since a misspelt key or a wrong type would otherwise quietly leave volumes without a backup.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from typing import Any

from ebs_backup.model.limits import PUBLISHED
from ebs_backup.model.retention import Retention, RetentionError, parse_retention
from ebs_backup.model.terms import Terms, terms_of

NO_RETENTION = Retention()


class DeploymentError(ValueError):
    """The deployment is not one: says which key, which rule and which value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What one deployment backs up, and how; the fields are the module's variables."""

    name: str
    tag_prefix: str = "ebs-backup:"
    regions: tuple[str, ...] = ()
    exclude_regions: tuple[str, ...] = ()
    expected_denied_regions: tuple[str, ...] = ()
    include_tags: Mapping[str, str] = field(default_factory=dict)
    exclude_tags: Mapping[str, str] = field(default_factory=dict)
    multi_volume_snapshots: bool = True
    copy_volume_tags: bool = True
    snapshot_tags: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False
    retention: Retention = NO_RETENTION
    confirmed_retention: str = ""
    deletion_delay_days: int = 3
    orphan_retention_days: int | None = None
    schedule_expression: str = ""
    created_at: datetime | None = None
    recovery_point_objective_hours: float = 26.0
    report_bucket: str = ""
    report_prefix: str = ""
    rounds_prefix: str = ""
    request_rates: Mapping[str, float] = field(default_factory=dict)
    request_bursts: Mapping[str, float] = field(default_factory=dict)

    @property
    def terms(self) -> Terms:
        """All that decides how long a snapshot is kept."""
        return terms_of(self.retention, self.orphan_retention_days, self.schedule_expression)


def parse_deployment(text: str) -> Deployment:
    """Read a deployment from JSON; raise PolicyError for anything that is not exactly one."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise DeploymentError(f"the deployment must be JSON: {error}") from None
    if not isinstance(given, dict):
        raise DeploymentError(f"the deployment must be a JSON object; got: {text[:80]}")
    known = {f.name: f for f in fields(Deployment)}
    if unknown := sorted(given.keys() - known.keys()):
        raise DeploymentError(f"deployment keys must be among {', '.join(known)}; got: {', '.join(unknown)}")
    required = [name for name, f in known.items() if f.default is f.default_factory is MISSING]
    if missing := [name for name in required if not given.get(name)]:
        raise DeploymentError(f"the deployment must have a value for: {', '.join(missing)}")
    return Deployment(**{key: _READERS[known[key].type](key, value) for key, value in given.items()})


def strings(what: str, value: Any) -> tuple[str, ...]:
    """Return a JSON list of strings as a tuple; raise PolicyError for anything else."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DeploymentError(f"{what} must be a list of strings; got: {value!r}")
    return tuple(value)


def _retention(_: str, value: Any) -> Retention:
    try:
        return parse_retention(value)
    except RetentionError as error:
        raise DeploymentError(f"deployment key retention: {error}") from None


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise DeploymentError(f"deployment key {key} must be a string; got: {value!r}")
    return value


def _flag(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise DeploymentError(f"deployment key {key} must be true or false; got: {value!r}")
    return value


def _texts(key: str, value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise DeploymentError(f"deployment key {key} must be an object of strings; got: {value!r}")
    return value


def _count(key: str, value: Any) -> int:
    if type(value) is not int or value < 1:
        raise DeploymentError(f"deployment key {key} must be a whole number, 1 or more; got: {value!r}")
    return value


def _positive(key: str, value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise DeploymentError(f"deployment key {key} must be a number above 0; got: {value!r}")
    return float(value)


def _by_operation(key: str, value: Any) -> Mapping[str, float]:
    if not isinstance(value, dict):
        raise DeploymentError(f"deployment key {key} must be an object of numbers; got: {value!r}")
    if unknown := sorted(value.keys() - PUBLISHED.keys()):
        raise DeploymentError(
            f"keys of deployment key {key} must be among {', '.join(PUBLISHED)}; got: {', '.join(unknown)}"
        )
    numbers = {operation: _positive(f"{key}: {operation}", number) for operation, number in value.items()}
    if key == "request_bursts" and (low := {o: n for o, n in numbers.items() if n < 1}):
        raise DeploymentError(
            f"deployment key {key} must hold numbers of 1 or more, or no request could be made; got: {low}"
        )
    return numbers


_READERS: Mapping[Any, Callable[[str, Any], Any]] = {
    str: _text,
    bool: _flag,
    int: _count,
    int | None: lambda key, value: None if value is None else _count(key, value),
    float: _positive,
    tuple[str, ...]: lambda key, value: strings(f"deployment key {key}", value),
    Mapping[str, str]: _texts,
    Mapping[str, float]: _by_operation,
    Retention: _retention,
}
