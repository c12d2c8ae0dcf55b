"""Estates: a readable description of what an account holds in EC2, put into the simulator.

Without an id of its own, a resource gets one from its name: instance `web-1` is `i-web-1`, its volume on `/dev/sdf` is
`vol-web-1-sdf`, a volume `archive` is `vol-archive`, a snapshot `monday` is `snap-monday`. An unknown key is an error.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sandbox.ec2 import Attachment, Instance, Region, Simulator, Snapshot, Volume
from sandbox.ec2.model import ACCOUNT

DEMO: Final = Path(__file__).with_name("estates") / "demo.json"
"""A small estate with every kind of volume and one denied region."""

Description = Mapping[str, Any]

_PERFORMANCE: Final[Mapping[str, Mapping[str, int]]] = {
    "gp2": {"iops": 100},
    "gp3": {"iops": 3000, "throughput": 125},
}
"""What a volume has unless its description says otherwise."""


class EstateError(ValueError):
    """An estate's description is wrong."""


def load(simulator: Simulator, description: Description | str | Path) -> None:
    """Put an estate into the simulator: a description, or the path of a JSON file with one.

    `opted_in` names regions the account has asked for, `denied` those that a service control policy denies; `regions`
    maps each region to its `instances`, `volumes` and `snapshots`.
    """
    estate = description if isinstance(description, Mapping) else json.loads(Path(description).read_text())
    _check_keys(estate, ("opted_in", "denied", "regions"), "the estate")
    for name in estate.get("opted_in", ()):
        _region(simulator, name).opt_in_status = "opted-in"
    for name in estate.get("denied", ()):
        _region(simulator, name).denied = True
    for name, contents in estate.get("regions", {}).items():
        _fill(_region(simulator, name), contents, simulator.clock.now())


def _region(simulator: Simulator, name: str) -> Region:
    if name not in simulator.regions:
        raise EstateError(f"there is no region {name}")
    return simulator.regions[name]


def _check_keys(description: Description, known: tuple[str, ...], where: str) -> None:
    if unknown := description.keys() - set(known):
        raise EstateError(f"{where} has no {', '.join(sorted(unknown))}; it has {', '.join(known)}")


def _fill(region: Region, contents: Description, now: datetime) -> None:
    _check_keys(contents, ("instances", "volumes", "snapshots"), region.name)
    for kind, place in (("instances", launch), ("volumes", place_volume)):
        for name, details in contents.get(kind, {}).items():
            _placed(place, f"{region.name} {kind} {name}", region, name, details)
    for name, details in contents.get("snapshots", {}).items():
        _placed(place_snapshot, f"{region.name} snapshots {name}", region, name, {"now": now, **details})


def _placed(place: Any, where: str, region: Region, name: str, details: Description) -> None:
    try:
        place(region, name, **details)
    except (TypeError, ValueError, KeyError) as error:
        raise EstateError(f"{where}: {error}") from error


def launch(
    region: Region,
    name: str,
    *,
    volumes: Mapping[str, Description] | None = None,
    id: str | None = None,  # noqa: A002 - the key in descriptions
    zone: str | None = None,
    root_device: str = "/dev/xvda",
    tags: Mapping[str, str] | None = None,
    **details: Any,
) -> Instance:
    """Launch an instance with volumes by device, by default one root volume; its name becomes its Name tag."""
    instance = Instance(
        id=id or f"i-{name}",
        zone=zone or f"{region.name}a",
        root_device=root_device,
        tags={"Name": name, **(tags or {})},
        **details,
    )
    region.add(instance)
    for device, volume in (volumes or {root_device: {}}).items():
        place_volume(
            region, f"{name}-{Path(device).name}", **{"zone": instance.zone, "on": {instance.id: device}, **volume}
        )
    return instance


def place_volume(
    region: Region,
    name: str,
    *,
    id: str | None = None,  # noqa: A002 - the key in descriptions
    zone: str | None = None,
    type: str = "gp3",  # noqa: A002 - the key in descriptions
    encrypted: bool = False,
    kms_key_id: str | None = None,
    on: Mapping[str, str] | None = None,
    managed_by: str | None = None,
    **details: Any,
) -> Volume:
    """Make a volume; `on` maps the instances it is attached to to devices, `managed_by` names a service that holds it.

    A service's attachment has neither instance nor device.
    """
    attachments = [Attachment(_instance_id(region, who), device) for who, device in (on or {}).items()]
    if managed_by:
        attachments.append(Attachment(None, None, owning_service=managed_by))
    volume = Volume(
        id=id or f"vol-{name}",
        zone=zone or f"{region.name}a",
        type=type,
        encrypted=encrypted or kms_key_id is not None,
        kms_key_id=kms_key_id or (default_key(region) if encrypted else None),
        attachments=tuple(attachments),
        managed_by=managed_by,
        **{**_PERFORMANCE.get(type, {}), **details},
    )
    region.add(volume)
    return volume


def _instance_id(region: Region, name: str) -> str:
    found = next((i for i in (name, f"i-{name}") if i in region.instances), None)
    named = (i.id for i in region.instances.values() if i.tags.get("Name") == name)
    chosen = found or next(named, None)
    if chosen is None:
        raise EstateError(f"there is no instance {name} in {region.name}")
    return chosen


def default_key(region: Region) -> str:
    """Return the ARN of the key that EBS uses by default."""
    return f"arn:aws:kms:{region.name}:{ACCOUNT}:key/0eb50eb5-0eb5-0eb5-0eb5-0eb50eb50eb5"


def place_snapshot(
    region: Region,
    name: str,
    *,
    volume: str,
    now: datetime,
    id: str | None = None,  # noqa: A002 - the key in descriptions
    started: str | None = None,
    days_ago: float = 0,
    state: str = "completed",
    shared_with: tuple[str, ...] = (),
    **details: Any,
) -> Snapshot:
    """Make a snapshot of a volume, which may be gone by now; it started at a time or some days ago."""
    if state not in ("completed", "pending", "error"):
        raise EstateError(f"there is no state {state}")
    start = datetime.fromisoformat(started) if started else now - timedelta(days=days_ago)
    source = region.volumes.get(volume) or region.volumes.get(f"vol-{volume}")
    inherited = {"size": source.size, "encrypted": source.encrypted, "kms_key_id": source.kms_key_id} if source else {}
    snapshot = Snapshot(
        id=id or f"snap-{name}",
        volume_id=source.id if source else volume,
        started=start,
        completes=now + timedelta(days=1) if state == "pending" else start,
        fails=state == "error",
        shared_with=frozenset(shared_with),
        **{**inherited, **details},
    )
    region.add(snapshot)
    return snapshot
