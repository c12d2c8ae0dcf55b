"""The tags of a snapshot: whose it is, of which run, and what a restore needs once volume and instance are gone.

Precedence: ours, then the deployment's `snapshot_tags`, then the volume's own. Ownership, run and region are part of
the creating call and nothing ever changes them afterwards; the role's IAM conditions say the same.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.origin import Origin, describe
from ebs_backup.model.values import Attachment, Create, Snapshot, Volume

# EC2 takes at most 50 tags per resource and values of at most 256 characters (a description: 255):
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
MAX_TAGS = 50
MAX_LABEL = 255

# A snapshot with this tag, whatever its value, is never deleted.
HOLD_TAG = "Hold"
# Says after which time, in ISO 8601 UTC, a snapshot may be deleted. It is empty where the announcement was withdrawn,
# since the role may not take tags away.
DELETE_AFTER_TAG = "DeleteAfter"
_TIME = "%Y-%m-%dT%H:%M:%SZ"

# The value of the VolumeId tag of a snapshot whose own tags are still to come.
PENDING = "pending"


def tag_key(deployment: Deployment, word: str) -> str:
    """Return the key under which a snapshot carries one of our words, such as `VolumeId`."""
    return f"{deployment.tag_prefix}{word}"


def ownership_tag(deployment: Deployment) -> tuple[str, str]:
    """Return the key and value that mark a snapshot as this deployment's own."""
    return tag_key(deployment, "Policy"), deployment.name


def run_tag(deployment: Deployment, run_id: str) -> tuple[str, str]:
    """Return the key and value that mark a snapshot as one of a run."""
    return tag_key(deployment, "RunId"), run_id


def announcing_tags(deployment: Deployment, delete_after: datetime | None) -> dict[str, str]:
    """Return the tag that announces the deletion of a snapshot, or withdraws it."""
    return {tag_key(deployment, DELETE_AFTER_TAG): f"{delete_after:{_TIME}}" if delete_after else ""}


def delete_after(deployment: Deployment, snapshot: Snapshot) -> datetime | None:
    """Return after which time a snapshot may be deleted; None unless a tag announces it in the form used here."""
    try:
        text = snapshot.tags.get(tag_key(deployment, DELETE_AFTER_TAG), "")
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def creation_tags(deployment: Deployment, create: Create, region: str, run_id: str) -> dict[str, str]:
    """Return the tags of the creating call: all of them for one volume, the common ones for a set.

    CreateSnapshots gives every snapshot of a set the same tags, so that each volume's own follow in CreateTags;
    until then `PENDING` stands where its id will be.
    """
    marks = dict([ownership_tag(deployment), run_tag(deployment, run_id), (tag_key(deployment, "Region"), region)])
    if not create.is_set:
        volume = create.volumes[0]
        return _completed(_own_tags(deployment, volume, run_id) | marks, deployment, volume.tags)
    common = {"Name": _clipped(_subject(create), run_id)} | _prefixed(
        deployment, VolumeId=PENDING, InstanceId=create.instance_id
    )
    return _completed(common | marks, deployment, {})


def completing_tags(deployment: Deployment, snapshot: Snapshot, volume: Volume | None) -> dict[str, str]:
    """Return the tags that a set's snapshot still lacks; only a few when its volume is not known to be in use.

    If it bears those of another volume, what is not its own is emptied: a run cannot take a tag away.
    """
    run_id = snapshot.tags.get(tag_key(deployment, "RunId"), "")
    wrong = dict.fromkeys(_of_another_volume(deployment, snapshot), "")
    if volume is None:
        name = _clipped(snapshot.volume_id, run_id)
        return wrong | {"Name": name} | _prefixed(deployment, VolumeId=snapshot.volume_id, Size=snapshot.size_gib)
    if snapshot.tags.get(tag_key(deployment, "InstanceId")) not in volume.instance_ids:
        volume = replace(volume, attachments=())  # it has moved since, and the snapshot says where it was
    of_creation = replace(deployment, snapshot_tags={})
    common = {key: value for key, value in snapshot.tags.items() if key not in wrong}
    wanted = wrong | _completed({**common, **_own_tags(deployment, volume, run_id)}, of_creation, volume.tags)
    return {key: value for key, value in wanted.items() if snapshot.tags.get(key) != value}


def _of_another_volume(deployment: Deployment, snapshot: Snapshot) -> list[str]:
    """Return the keys of the tags that a snapshot bears of another volume, where its VolumeId is that one's."""
    if snapshot.tags.get(tag_key(deployment, "VolumeId")) in (PENDING, snapshot.volume_id):
        return []
    common = {
        tag_key(deployment, word) for word in ("Policy", "RunId", "Region", "InstanceId")
    } | deployment.snapshot_tags.keys()
    return [key for key in snapshot.tags if key not in common]


def description(deployment: Deployment, create: Create, run_id: str) -> str:
    """Return the description of what a create makes: what it is of, and the origin that proves whose it is."""
    return describe(_subject(create), Origin(deployment.name, run_id, deployment.terms.words))


def _subject(create: Create) -> str:
    return f"volumes of {create.instance_id}" if create.is_set else _volume(create.volumes[0])


def _volume(volume: Volume) -> str:
    at = _attachment(volume)
    place = f" {at.device} of {at.instance_id}" if at.instance_id else ""
    name = f"{volume.tags['Name']} " if volume.tags.get("Name") else ""
    return f"{name}{volume.id}{place}"


def _attachment(volume: Volume) -> Attachment:
    """Return a volume's attachment; the first by instance id, when there are several."""
    return volume.attachments[0] if volume.attachments else Attachment(None, None)


def _clipped(what: str, run_id: str) -> str:
    end = f" at {run_id}"
    return what[: MAX_LABEL - len(end)] + end


def _own_tags(deployment: Deployment, volume: Volume, run_id: str) -> dict[str, str]:
    at = _attachment(volume)
    return {"Name": _clipped(_volume(volume), run_id)} | _prefixed(
        deployment,
        VolumeId=volume.id,
        InstanceId=at.instance_id,
        Device=at.device,
        AvailabilityZone=volume.availability_zone,
        VolumeType=volume.type,
        Size=volume.size_gib,
        Iops=volume.iops,
        Throughput=volume.throughput_mibps,
    )


def _prefixed(deployment: Deployment, **values: str | int | None) -> dict[str, str]:
    return {tag_key(deployment, key): str(value) for key, value in values.items() if value is not None}


def _completed(ours: Mapping[str, str], deployment: Deployment, volume_tags: Mapping[str, str]) -> dict[str, str]:
    """Add the deployment's tags and, as far as EC2's limit allows, the volume's own."""
    tags = {**deployment.snapshot_tags, **ours}
    if deployment.copy_volume_tags:
        for key in sorted(volume_tags):
            # IAM does not tell keys apart by case: a variant of ours would make its conditions ambiguous.
            reserved = key.lower().startswith(("aws:", deployment.tag_prefix.lower())) or key in tags
            if not reserved and len(tags) < MAX_TAGS:
                tags[key] = volume_tags[key]
    return tags
