"""What each call to EC2 needs to be allowed, as the Service Authorization Reference lists it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sandbox.ec2.errors import Ec2Error
from sandbox.ec2.model import Resource, Snapshot, Volume
from sandbox.ec2.snapshots import included_volumes
from sandbox.ec2.world import Request
from sandbox.iam import Context, Need, UnknownAction


def ec2_needs(request: Request, account: str) -> list[Need]:
    """List what a call to EC2 needs.

    Creating a snapshot needs its action on the volume and on the snapshot to be, each judged alone: only the
    latter has request tags, so a condition on them in a statement that must also match the volume denies the
    call. Tags at creation need ec2:CreateTags as well, with the creating action in ec2:CreateAction.
    """
    if needs := _TABLE.get(request.action):
        return needs(_Caller(request, account))
    raise UnknownAction(f"ec2:{request.action}")


@dataclass(frozen=True, slots=True)
class _Caller:
    request: Request
    account: str

    def need(self, resource: str, context: Context | None = None, action: str | None = None) -> Need:
        here = {"ec2:Region": self.request.region.name}
        return Need(f"ec2:{action or self.request.action}", resource, {**here, **(context or {})})

    def arn(self, kind: str, resource_id: str, region: str | None = None) -> str:
        """Name a resource; a snapshot's ARN has no account."""
        account = "" if kind == "snapshot" else self.account
        return f"arn:aws:ec2:{region or self.request.region.name}:{account}:{kind}/{resource_id}"

    def existing(self, kind: str, resource_id: str, context: Context | None = None) -> Need:
        """Need the action on a resource that is there, or would be if it were."""
        known = _attributes(self.request.region.find(resource_id))
        return self.need(self.arn(kind, resource_id), {**known, **(context or {})})

    def new_snapshot(self, *, copies_tags: bool = False) -> list[Need]:
        tags = {
            tag["Key"]: tag.get("Value", "")
            for specification in self.request.parameters.get("TagSpecifications", ())
            for tag in specification.get("Tags", ())
        }
        requested = _requested(tags)
        snapshot = self.arn("snapshot", "*")
        needs = [self.need(snapshot, requested)]
        if tags or copies_tags:
            creating = {**requested, "ec2:CreateAction": self.request.action}
            needs.append(self.need(snapshot, creating, action="CreateTags"))
        return needs


def _attributes(resource: Resource | None) -> Context:
    if resource is None:
        return {}
    tags = {f"{p}:ResourceTag/{key}": value for key, value in resource.tags.items() for p in ("aws", "ec2")}
    if isinstance(resource, Volume):
        return tags | {"ec2:VolumeType": resource.type, "ec2:Encrypted": str(resource.encrypted).lower()}
    if isinstance(resource, Snapshot):
        owner = {"ec2:Owner": resource.owner, "aws:ResourceAccount": resource.owner}
        return tags | owner | {"ec2:VolumeSize": str(resource.size)}
    return tags | {"ec2:InstanceType": resource.type}


def _requested(tags: Mapping[str, str]) -> Context:
    return {**{f"aws:RequestTag/{k}": v for k, v in tags.items()}, **({"aws:TagKeys": [*tags]} if tags else {})}


def _create_snapshot(caller: _Caller) -> list[Need]:
    return [caller.existing("volume", caller.request.parameters["VolumeId"]), *caller.new_snapshot()]


def _create_snapshots(caller: _Caller) -> list[Need]:
    specification = caller.request.parameters["InstanceSpecification"]
    volumes = [caller.existing("volume", volume.id) for volume in _volumes_of_set(caller.request)]
    copies_tags = "CopyTagsFromSource" in caller.request.parameters
    new = caller.new_snapshot(copies_tags=copies_tags)
    return [caller.existing("instance", specification["InstanceId"]), *volumes, *new]


def _volumes_of_set(request: Request) -> list[Volume]:
    """List the volumes of a set; a set that EC2 will refuse anyway has none to be judged."""
    try:
        return included_volumes(request)
    except Ec2Error:
        return []


def _copy_snapshot(caller: _Caller) -> list[Need]:
    """Need the action on source and destination; the destination's ARN ends in a literal `*`."""
    asked = caller.request.parameters
    source = caller.arn("snapshot", asked["SourceSnapshotId"], asked["SourceRegion"])
    return [caller.need(source), *caller.new_snapshot()]


def _tagging(caller: _Caller) -> list[Need]:
    asked = caller.request.parameters
    requested = _requested({tag["Key"]: tag.get("Value", "") for tag in asked.get("Tags", ())})
    return [caller.existing(_kind(resource_id), resource_id, requested) for resource_id in asked["Resources"]]


def _kind(resource_id: str) -> str:
    kinds = {"snap": "snapshot", "vol": "volume", "i": "instance"}
    return kinds.get(resource_id.partition("-")[0], "*")


def _anything(caller: _Caller) -> list[Need]:
    """Need the action alone: describe calls take no resource."""
    return [caller.need("*")]


def _snapshot(caller: _Caller) -> list[Need]:
    return [caller.existing("snapshot", caller.request.parameters["SnapshotId"])]


_TABLE: Final[Mapping[str, Callable[[_Caller], list[Need]]]] = {
    "CopySnapshot": _copy_snapshot,
    "CreateSnapshot": _create_snapshot,
    "CreateSnapshots": _create_snapshots,
    "CreateTags": _tagging,
    "DeleteSnapshot": _snapshot,
    "DeleteTags": _tagging,
    "DescribeInstances": _anything,
    "DescribeRegions": _anything,
    "DescribeSnapshotAttribute": _snapshot,
    "DescribeSnapshots": _anything,
    "DescribeVolumes": _anything,
    "ModifySnapshotAttribute": _snapshot,
}
