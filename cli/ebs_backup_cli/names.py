"""The names of instances and volumes, which a plan knows by their ids: an ornament, for which nothing may fail.

Whatever cannot be read is shown by its id instead, and `Names.missing` says why.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ebs_backup.model.values import Create, Plan, Volume
from ebs_backup_cli.account import Account
from ebs_backup_cli.preview import DryRun, Preview, RegionPreview

# EC2 takes at most 200 values a filter: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
_CHUNK = 200
_THREADS = 8


@dataclass(frozen=True, slots=True)
class Place:
    """A volume as a person knows it; what is not known is empty."""

    name: str = ""
    instance_ids: tuple[str, ...] = ()
    device: str = ""
    size_gib: int | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """Volume id -> its place, and instance id -> its name; `missing` says why names are missing, if they are."""

    places: Mapping[str, Place] = field(default_factory=dict)
    instances: Mapping[str, str] = field(default_factory=dict)
    missing: str = ""

    def place(self, volume_id: str) -> Place:
        """Return a volume's place, as far as it is known."""
        return self.places.get(volume_id, Place())

    def instance(self, volume_id: str) -> str:
        """Return the names of the instances that a volume is attached to, or their ids."""
        return ", ".join(self.instances.get(id_) or id_ for id_ in self.place(volume_id).instance_ids)

    def label(self, volume_id: str) -> str:
        """Return the few words by which a person knows a volume; its id if there are none."""
        place = self.place(volume_id)
        return place.name or f"{self.instance(volume_id)} {place.device}".strip() or volume_id

    def in_words(self, reason: str) -> str:
        """Return a reason with an instance's name in the place of its id."""
        return " ".join(self._word(word) for word in reason.split(" "))

    def _word(self, word: str) -> str:
        id_ = word.rstrip(",:")
        return word.replace(id_, self.instances.get(id_) or id_) if id_.startswith("i-") else word


def read_names(dry_run: DryRun, preview: Preview) -> Names:
    """Read the names of whatever a preview shows."""
    planned = [(each, each.plan) for each in preview.regions if each.plan]
    with ThreadPoolExecutor(_THREADS) as pool:
        readers = [_Reader(dry_run.account, each, plan, dry_run) for each, plan in planned if _ids(plan)]
        found = list(pool.map(_Reader.read, readers))
    missing = {each.missing: reader.region for each, reader in zip(found, readers, strict=True) if each.missing}
    return Names(
        places={id_: place for each in found for id_, place in each.places.items()},
        instances={id_: name for each in found for id_, name in each.instances.items()},
        missing="; ".join(f"{why} in {region}" for why, region in missing.items()),
    )


class _Reader:
    """Reads the names in one region."""

    def __init__(self, account: Account, region: RegionPreview, plan: Plan, dry_run: DryRun) -> None:
        self.region = region.region
        self._plan = plan
        self._client = account.client(region.region)
        self._dry_run = dry_run

    def read(self) -> Names:
        places = {volume.id: _place(volume) for volume in _volumes(self._plan)}
        instances: dict[str, str] = {}
        try:
            for raw in self._pages(
                "describe_volumes", "volume-id", [id_ for id_ in _ids(self._plan) if id_ not in places]
            ):
                places |= {volume["VolumeId"]: _raw_place(volume) for volume in raw["Volumes"]}
            ids = {id_ for place in places.values() for id_ in place.instance_ids}
            for raw in self._pages("describe_instances", "instance-id", sorted(ids)):
                found = [instance for reservation in raw["Reservations"] for instance in reservation["Instances"]]
                instances |= {instance["InstanceId"]: _name(instance) for instance in found}
        except ClientError as error:
            return Names(places, instances, f"{error.operation_name}: {error.response['Error']['Code']}")
        except BotoCoreError as error:
            return Names(places, instances, str(error))
        return Names(places, instances)

    def _pages(self, method: str, name: str, ids: Sequence[str]) -> Iterator[Any]:
        for start in range(0, len(ids), _CHUNK):
            if self._dry_run.clock.now() >= self._dry_run.deadline:
                return
            filters = [{"Name": name, "Values": list(ids[start : start + _CHUNK])}]
            yield from self._client.get_paginator(method).paginate(Filters=filters)


def _ids(plan: Plan) -> list[str]:
    """Return the ids of all volumes that a plan shows."""
    acted = (id_ for action in plan.actions for id_ in _ids_of(action))
    return sorted({*acted, *(s.volume_id for s in plan.skipped), *(v.snapshot.volume_id for v in plan.verdicts)})


def _ids_of(action: Any) -> Iterable[str]:
    return [volume.id for volume in action.volumes] if isinstance(action, Create) else [action.volume_id]


def _volumes(plan: Plan) -> Iterator[Volume]:
    for action in plan.actions:
        if isinstance(action, Create):
            yield from action.volumes


def _place(volume: Volume) -> Place:
    device = volume.attachments[0].device if volume.attachments else None
    return Place(volume.tags.get("Name", ""), volume.instance_ids, device or "", volume.size_gib)


def _raw_place(raw: Any) -> Place:
    attachments = raw.get("Attachments", ())
    instances = tuple(a["InstanceId"] for a in attachments if "InstanceId" in a)
    device = next((a["Device"] for a in attachments if "Device" in a), "")
    return Place(_name(raw), instances, device, raw["Size"])


def _name(raw: Any) -> str:
    return next((tag["Value"] for tag in raw.get("Tags", ()) if tag["Key"] == "Name"), "")
