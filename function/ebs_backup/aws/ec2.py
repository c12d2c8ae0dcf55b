"""One region of EC2: reads it, carries out one action, names the errors. Knows nothing of plans.

The client never retries by itself. None of the creating calls takes a client token, so a request sent again after a
lost answer could make a second snapshot. Whoever sends it again must look first, and only the executor can.
"""

import itertools
import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from sys import intern
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004
from botocore.parsers import ResponseParserError

from ebs_backup.aws.clients import ec2_client
from ebs_backup.aws.clock import Clock
from ebs_backup.aws.error import Ec2Error
from ebs_backup.model.codes import Kind, kind_of
from ebs_backup.model.origin import origin_in
from ebs_backup.model.time_budget import GRACE
from ebs_backup.model.values import Attachment, Create, Snapshot, Volume

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

# EC2 returns at most 1,000 volumes or snapshots a page and takes at most 200 values a filter:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
PAGE_SIZE = 1000
MAX_FILTER_VALUES = 200
# How often a reading call is made that gets no answer, and the longest wait between two such calls, in seconds.
READ_ATTEMPTS = 5
MAX_PAUSE = 8.0


class Region:
    """One region of EC2, counting the calls it makes and those that EC2 throttled.

    From `GRACE` seconds after the deadline, in the clock's seconds, it reads no more: whatever was not read by then is
    a failure, and there is time left to tell of it.
    """

    def __init__(self, name: str, client: "EC2Client", clock: Clock, deadline: float = float("inf")) -> None:
        self.name = name
        self.calls: Counter[str] = Counter()
        self.throttled: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._client = client
        self._clock = clock
        self._deadline = deadline

    def enabled_regions(self) -> tuple[str, ...]:
        """Return the names of the regions that the account has enabled; EC2 leaves out the others by default."""
        _, answer = self._read("describe_regions")
        return tuple(sorted(region["RegionName"] for region in answer["Regions"]))

    def volumes(self) -> tuple[Volume, ...]:
        """Return the volumes in use: attached, to a running instance or to a stopped one."""
        # A volume that changes place between two pages is returned twice.
        return tuple({volume.id: volume for volume in self._each_volume({"status": ["in-use"]})}.values())

    def volumes_of(self, instance_ids: Sequence[str]) -> tuple[Volume, ...]:
        """Return the volumes that are attached to instances now."""
        found = (v for chunk in chunks(instance_ids) for v in self._each_volume({"attachment.instance-id": chunk}))
        return tuple({volume.id: volume for volume in found}.values())

    def snapshots(self, filters: Mapping[str, Sequence[str]]) -> tuple[float, tuple[Snapshot, ...]]:
        """Return when EC2 was asked for the first page, and the account's own snapshots that pass all filters.

        A filter has at most 200 values. What is older than the question would have been among them.
        """
        pages = list(self._pages("describe_snapshots", OwnerIds=["self"], Filters=_filters(filters)))
        found = (_snapshot(raw) for _, page in pages for raw in page["Snapshots"])
        return pages[0][0], tuple({snapshot.id: snapshot for snapshot in found}.values())

    def each_snapshot(self, filters: Mapping[str, Sequence[str]]) -> Iterator[Snapshot]:
        """Yield the same page by page, for whoever keeps only a few of them; one may come twice."""
        for _, page in self._pages("describe_snapshots", OwnerIds=["self"], Filters=_filters(filters)):
            yield from map(_snapshot, page["Snapshots"])

    def root_devices(self, instance_ids: Sequence[str]) -> dict[str, str]:
        """Return instance id -> name of its root device, for those that exist and have one."""
        found = {}
        for chunk in chunks(instance_ids):
            for _, page in self._pages("describe_instances", Filters=_filters({"instance-id": chunk})):
                instances = [i for reservation in page["Reservations"] for i in reservation["Instances"]]
                found.update({i["InstanceId"]: i["RootDeviceName"] for i in instances if i.get("RootDeviceName")})
        return found

    def existing_volume_ids(self, volume_ids: Sequence[str]) -> frozenset[str]:
        """Return those of the ids whose volume exists, in whatever state."""
        return frozenset(v.id for chunk in chunks(volume_ids) for v in self._each_volume({"volume-id": chunk}))

    def is_gone(self, volume_id: str) -> bool:
        """Tell whether EC2 says of a volume, asked for it by its id, that it does not exist.

        That is a plainer word than an answer that leaves the volume out, which may be an incomplete one.
        """
        try:
            self._read("describe_volumes", VolumeIds=[volume_id])
        except Ec2Error as error:
            if error.code == "InvalidVolume.NotFound":
                return True
            raise
        return False

    def create(self, create: Create, operation: str, tags: Mapping[str, str], description: str) -> tuple[Snapshot, ...]:
        """Start the snapshots of a create, by one of its operations: EC2 makes all of a set's, or none."""
        common = {
            "Description": description,
            "TagSpecifications": [{"ResourceType": "snapshot", "Tags": _tag_list(tags)}],
        }
        if operation == "CreateSnapshot":
            return (_snapshot(self._call("create_snapshot", VolumeId=create.volumes[0].id, **common)),)
        instance: dict[str, Any] = {
            "InstanceId": create.instance_id,
            "ExcludeBootVolume": create.boot_volume_id is not None,
        }
        if create.exclude_data_volume_ids:
            instance["ExcludeDataVolumeIds"] = list(create.exclude_data_volume_ids)
        answer = self._call("create_snapshots", InstanceSpecification=instance, **common)
        return tuple(_snapshot(snapshot) for snapshot in answer["Snapshots"])

    def tag(self, snapshot_ids: Sequence[str], tags: Mapping[str, str]) -> None:
        """Add tags to snapshots, all or none, replacing the values of those they have."""
        self._call("create_tags", Resources=list(snapshot_ids), Tags=_tag_list(tags))

    def shared_with(self, snapshot_id: str) -> tuple[str, ...]:
        """Return the accounts that may restore a snapshot, or `all` for everybody."""
        _, answer = self._read(
            "describe_snapshot_attribute", SnapshotId=snapshot_id, Attribute="createVolumePermission"
        )
        return tuple(p.get("UserId") or p["Group"] for p in answer["CreateVolumePermissions"])

    def delete(self, snapshot_id: str) -> None:
        """Delete a snapshot."""
        self._call("delete_snapshot", SnapshotId=snapshot_id)

    def _each_volume(self, filters: Mapping[str, Sequence[str]]) -> Iterator[Volume]:
        for _, page in self._pages("describe_volumes", Filters=_filters(filters)):
            yield from map(_volume, page["Volumes"])

    def _pages(self, method: str, **parameters: Any) -> Iterator[tuple[float, Any]]:
        while True:
            asked_at, page = self._read(method, MaxResults=PAGE_SIZE, **parameters)
            yield asked_at, page
            if not page.get("NextToken"):
                return
            parameters["NextToken"] = page["NextToken"]

    def _read(self, method: str, **parameters: Any) -> tuple[float, Any]:
        """Make a call that changes nothing; again while EC2 throttles it, and some times if its answer is lost.

        Return when the call was made that was answered, too.
        """
        for attempt in itertools.count(1):
            asked_at = self._clock.now()
            if asked_at >= self._deadline + GRACE:
                raise Ec2Error(self._operation(method), "", "out of time before all was read", Kind.AMBIGUOUS)
            try:
                return asked_at, self._call(method, **parameters)
            except Ec2Error as error:
                pause = random.uniform(0.5, 1) * min(MAX_PAUSE, 2.0 ** min(attempt, READ_ATTEMPTS) / 2)  # noqa: S311 - jitter, no secret
                lost_too_often = error.kind is Kind.AMBIGUOUS and attempt >= READ_ATTEMPTS
                too_late = self._clock.now() + pause >= self._deadline
                if error.kind not in (Kind.THROTTLED, Kind.AMBIGUOUS) or lost_too_often or too_late:
                    raise
                self._clock.sleep(pause)
        raise AssertionError("counting never ends")

    def _operation(self, method: str) -> str:
        return str(self._client.meta.method_to_api_mapping[method])

    def _call(self, method: str, **parameters: Any) -> Any:
        operation = self._operation(method)
        with self._counting:
            self.calls[operation] += 1
        try:
            return getattr(self._client, method)(**parameters)
        except (ClientError, BotoCoreError, ResponseParserError) as failure:
            error = _error(operation, failure)
            with self._counting:
                self.throttled[operation] += error.kind is Kind.THROTTLED
            raise error from failure


def chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Divide values into portions that one filter takes."""
    return (values[start : start + MAX_FILTER_VALUES] for start in range(0, len(values), MAX_FILTER_VALUES))


def connect(name: str, clock: Clock, deadline: float) -> Region:
    """Return a region by its name, for calls until the deadline, in the clock's seconds."""
    return Region(name, ec2_client(name), clock, deadline)


def _error(operation: str, failure: Exception) -> Ec2Error:
    """Name a failure; where EC2 may have been reached but did not answer, nobody knows whether the work was done."""
    if isinstance(failure, ClientError):
        error = failure.response["Error"]
        status = failure.response["ResponseMetadata"]["HTTPStatusCode"]
        return Ec2Error(operation, error["Code"], error["Message"], kind_of(error["Code"], status))
    unanswered = isinstance(failure, (HTTPClientError, ConnectionError, ResponseParserError))
    kind = Kind.AMBIGUOUS if unanswered else Kind.REFUSED
    return Ec2Error(operation, type(failure).__name__, str(failure), kind)


def _filters(filters: Mapping[str, Sequence[str]]) -> list[Any]:
    return [{"Name": name, "Values": list(values)} for name, values in filters.items()]


def _tag_list(tags: Mapping[str, str]) -> list[Any]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _tags(raw: Any) -> dict[str, str]:
    # Strings that thousands of volumes and snapshots have in common are kept once: interned, here and below.
    return {intern(tag["Key"]): intern(tag["Value"]) for tag in raw.get("Tags", ())}


def _device(attachment: Any) -> str | None:
    return intern(attachment["Device"]) if "Device" in attachment else None


def _volume(raw: Any) -> Volume:
    attachments = [Attachment(a.get("InstanceId"), _device(a)) for a in raw.get("Attachments", ())]
    return Volume(
        id=intern(raw["VolumeId"]),
        availability_zone=intern(raw["AvailabilityZone"]),
        type=intern(raw["VolumeType"]),
        size_gib=raw["Size"],
        iops=raw.get("Iops"),
        throughput_mibps=raw.get("Throughput"),
        attachments=tuple(sorted(attachments, key=lambda a: a.instance_id or "")),
        tags=_tags(raw),
        created_at=raw["CreateTime"].astimezone(UTC),
    )


def _snapshot(raw: Any) -> Snapshot:
    return Snapshot(
        id=raw["SnapshotId"],
        volume_id=intern(raw["VolumeId"]),
        started_at=raw["StartTime"].astimezone(UTC),
        state=intern(raw["State"]),
        size_gib=raw["VolumeSize"],
        tags=_tags(raw),
        storage_tier=intern(raw.get("StorageTier", "standard")),
        origin=origin_in(raw.get("Description", "")),
        completed_at=raw["CompletionTime"].astimezone(UTC) if "CompletionTime" in raw else None,
    )
