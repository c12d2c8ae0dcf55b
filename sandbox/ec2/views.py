"""How EC2 shows its resources: values of the model as boto3 returns them; None marks an absent field."""

from datetime import datetime
from typing import Any, Final

from sandbox.ec2 import tags
from sandbox.ec2.model import ACCOUNT, Attachment, Instance, Region, Snapshot, Volume

View = dict[str, Any]

_STATE_CODES: Final = {
    "pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80,
}  # fmt: skip


def region_view(region: Region) -> View:
    """Show a region."""
    return {
        "RegionName": region.name,
        "Endpoint": f"ec2.{region.name}.amazonaws.com",
        "OptInStatus": region.opt_in_status,
    }


def volume_view(volume: Volume) -> View:
    """Show a volume; one without tags has no Tags at all."""
    return {
        "VolumeId": volume.id,
        "AvailabilityZone": volume.zone,
        "Size": volume.size,
        "VolumeType": volume.type,
        "Iops": volume.iops,
        "Throughput": volume.throughput,
        "State": volume.state,
        "CreateTime": volume.created,
        "Encrypted": volume.encrypted,
        "KmsKeyId": volume.kms_key_id,
        "MultiAttachEnabled": volume.multi_attach,
        "OutpostArn": volume.outpost_arn,
        "Operator": {"Managed": volume.managed_by is not None, "Principal": volume.managed_by},
        "SnapshotId": "",
        "Attachments": [_attachment_view(volume, attachment) for attachment in volume.attachments],
        "Tags": tags.listed(volume.tags) or None,
    }


def _attachment_view(volume: Volume, attachment: Attachment) -> View:
    return {
        "VolumeId": volume.id,
        "InstanceId": attachment.instance_id,
        "Device": attachment.device,
        "State": attachment.state,
        "AttachTime": attachment.since,
        "DeleteOnTermination": attachment.delete_on_termination,
        "InstanceOwningService": attachment.owning_service,
    }


def instance_view(instance: Instance, volumes: list[Volume]) -> View:
    """Show an instance with the volumes attached to it."""
    return {
        "InstanceId": instance.id,
        "InstanceType": instance.type,
        "State": {"Code": _STATE_CODES[instance.state], "Name": instance.state},
        "LaunchTime": instance.launched,
        "Placement": {"AvailabilityZone": instance.zone},
        "RootDeviceName": instance.root_device,
        "RootDeviceType": "ebs",
        "BlockDeviceMappings": [
            _mapping_view(volume, attachment)
            for volume in volumes
            for attachment in volume.attachments
            if attachment.instance_id == instance.id
        ],
        "Tags": tags.listed(instance.tags) or None,
    }


def _mapping_view(volume: Volume, attachment: Attachment) -> View:
    ebs = {
        "VolumeId": volume.id,
        "Status": attachment.state,
        "AttachTime": attachment.since,
        "DeleteOnTermination": attachment.delete_on_termination,
    }
    return {"DeviceName": attachment.device, "Ebs": ebs}


def reservation_view(instance: Instance, volumes: list[Volume]) -> View:
    """Show an instance within a reservation of its own."""
    return {
        "ReservationId": instance.id.replace("i-", "r-", 1),
        "OwnerId": ACCOUNT,
        "Instances": [instance_view(instance, volumes)],
    }


def snapshot_view(snapshot: Snapshot, now: datetime) -> View:
    """Show a snapshot as DescribeSnapshots does; one without tags has no Tags at all."""
    state = snapshot.state(now)
    return _common(snapshot) | {
        "State": state,
        "Progress": snapshot.progress(now),
        "CompletionTime": snapshot.completes if state == "completed" else None,
        "KmsKeyId": snapshot.kms_key_id,
        "OwnerAlias": snapshot.owner_alias,
        "StorageTier": snapshot.tier,
        "Tags": tags.listed(snapshot.tags) or None,
    }


def created_view(snapshot: Snapshot) -> View:
    """Show a snapshot as the creating calls do: pending, no progress, and tags even if there are none."""
    return _common(snapshot) | {"State": "pending", "Progress": "", "Tags": tags.listed(snapshot.tags)}


def _common(snapshot: Snapshot) -> View:
    return {
        "SnapshotId": snapshot.id,
        "VolumeId": snapshot.volume_id,
        "VolumeSize": snapshot.size,
        "StartTime": snapshot.started,
        "Description": snapshot.description,
        "OwnerId": snapshot.owner,
        "Encrypted": snapshot.encrypted,
        "OutpostArn": snapshot.outpost_arn,
        "AvailabilityZone": snapshot.local_zone,
    }
