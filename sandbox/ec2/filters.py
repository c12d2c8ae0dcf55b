"""EC2's filters: which exist for each resource, and how those of a request match; knows no action."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

from sandbox.ec2.errors import Ec2Error
from sandbox.ec2.model import Attachment, Instance, Region, Snapshot, Volume

MOST_VALUES: Final = 200

T = TypeVar("T")
Values = Callable[[T], Iterable[str]]
"""What a filter compares: the values a resource has under the filter's name."""
Match = Callable[[T], bool]


class Tagged(Protocol):
    """A resource with tags."""

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags."""


TaggedT = TypeVar("TaggedT", bound=Tagged)


def instant(at: datetime) -> str:
    """Write a time as EC2 does, which is the text that time filters compare."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def word(value: object) -> str:
    """Write a value as filters compare it: truth in small letters, nothing as the empty word."""
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _one(read: Callable[[T], object]) -> Values[T]:
    return lambda resource: (word(read(resource)),)


def _attached(read: Callable[[Attachment], object]) -> Values[Volume]:
    return lambda volume: [word(read(attachment)) for attachment in volume.attachments]


VOLUME: Final[Mapping[str, Values[Volume]]] = {
    "attachment.attach-time": _attached(lambda a: instant(a.since)),
    "attachment.delete-on-termination": _attached(lambda a: a.delete_on_termination),
    "attachment.device": _attached(lambda a: a.device),
    "attachment.instance-id": _attached(lambda a: a.instance_id),
    "attachment.status": _attached(lambda a: a.state),
    "availability-zone": _one(lambda v: v.zone),
    "create-time": _one(lambda v: instant(v.created)),
    "encrypted": _one(lambda v: v.encrypted),
    "multi-attach-enabled": _one(lambda v: v.multi_attach),
    "operator.managed": _one(lambda v: v.managed_by is not None),
    "operator.principal": _one(lambda v: v.managed_by),
    "size": _one(lambda v: v.size),
    "status": _one(lambda v: v.state),
    "volume-id": _one(lambda v: v.id),
    "volume-type": _one(lambda v: v.type),
}


def of_snapshots(now: datetime) -> Mapping[str, Values[Snapshot]]:
    """Name the snapshot filters; what a snapshot's status and progress are depends on the time."""
    return {
        "description": _one(lambda s: s.description),
        "encrypted": _one(lambda s: s.encrypted),
        "owner-alias": _one(lambda s: s.owner_alias),
        "owner-id": _one(lambda s: s.owner),
        "progress": _one(lambda s: s.progress(now)),
        "snapshot-id": _one(lambda s: s.id),
        "start-time": _one(lambda s: instant(s.started)),
        "status": _one(lambda s: s.state(now)),
        "storage-tier": _one(lambda s: s.tier),
        "volume-id": _one(lambda s: s.volume_id),
        "volume-size": _one(lambda s: s.size),
    }


def of_instances(region: Region) -> Mapping[str, Values[Instance]]:
    """Name the instance filters; an instance's block devices are the attachments of its region's volumes."""

    def devices(instance: Instance) -> list[str]:
        attachments = (a for v in region.volumes_of(instance.id) for a in v.attachments)
        return [word(a.device) for a in attachments if a.instance_id == instance.id]

    return {
        "availability-zone": _one(lambda i: i.zone),
        "block-device-mapping.device-name": devices,
        "block-device-mapping.volume-id": lambda i: [v.id for v in region.volumes_of(i.id)],
        "instance-id": _one(lambda i: i.id),
        "instance-state-name": _one(lambda i: i.state),
        "instance-type": _one(lambda i: i.type),
        "root-device-name": _one(lambda i: i.root_device),
    }


REGION: Final[Mapping[str, Values[Region]]] = {
    "endpoint": _one(lambda r: f"ec2.{r.name}.amazonaws.com"),
    "opt-in-status": _one(lambda r: r.opt_in_status),
    "region-name": _one(lambda r: r.name),
}


def matching(filters: Sequence[Mapping[str, Any]], known: Mapping[str, Values[T]]) -> Match[T]:
    """Compile a request's filters: a resource matches if it has one of the values of every filter.

    EC2 takes at most 200 values in one filter.
    """
    tests = [_test(f.get("Name", ""), f.get("Values", ()), known) for f in filters]
    return lambda resource: all(test(resource) for test in tests)


def matching_tags(filters: Sequence[Mapping[str, Any]], known: Mapping[str, Values[TaggedT]]) -> Match[TaggedT]:
    """Compile the filters of a resource that has tags, which adds `tag:<key>` and `tag-key`."""
    tag_filters: dict[str, Values[TaggedT]] = {"tag-key": lambda resource: resource.tags}
    for name in (f.get("Name", "") for f in filters):
        if name.startswith("tag:"):
            tag_filters[name] = _tag(name.removeprefix("tag:"))
    return matching(filters, {**known, **tag_filters})


def _tag(key: str) -> Values[TaggedT]:
    return lambda resource: (resource.tags[key],) if key in resource.tags else ()


def _test(name: str, wanted: Sequence[str], known: Mapping[str, Values[T]]) -> Match[T]:
    if len(wanted) > MOST_VALUES:
        message = f"The maximum number of filter values specified on a single call is {MOST_VALUES}"
        raise Ec2Error("FilterLimitExceeded", message)
    if name not in known:
        raise Ec2Error("InvalidParameterValue", f"The filter '{name}' is invalid")
    values, accepts = known[name], _acceptor(wanted)
    return lambda resource: any(accepts(value) for value in values(resource))


def _acceptor(wanted: Sequence[str]) -> Callable[[str], bool]:
    """Compile values with wildcards: `*` any characters, `?` one, a backslash before a literal one."""
    if not any(mark in value for value in wanted for mark in "*?\\"):
        return frozenset(wanted).__contains__
    pattern = re.compile("|".join(map(_pattern, wanted)), re.DOTALL)
    return lambda value: pattern.fullmatch(value) is not None


def _pattern(wanted: str) -> str:
    signs = {"*": ".*", "?": "."}
    tokens = re.findall(r"\\.|.", wanted, re.DOTALL)
    return "".join(signs.get(token) or re.escape(token[-1]) for token in tokens)
