"""The deployment's own snapshots, read with no more than a plan needs to know of each."""

from dataclasses import replace

from ebs_backup.aws.ec2 import Region
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.tags import DELETE_AFTER_TAG, HOLD_TAG, ownership_tag, tag_key
from ebs_backup.model.values import Snapshot


def own_snapshots(region: Region, deployment: Deployment, *tags: tuple[str, str]) -> tuple[Snapshot, ...]:
    """Read the deployment's snapshots that have any of the tags, or all without a tag named; raise Ec2Error.

    Each comes once. One that has its own tags comes with those alone that say whose it is: a region can hold 100,000
    snapshots, and a function as little as 128 MB.
    """
    owned = _filter(*ownership_tag(deployment))
    key = tag_key(deployment, "VolumeId")
    needed = {tag_key(deployment, word) for word in ("Policy", "RunId", "Region", DELETE_AFTER_TAG, HOLD_TAG)} | {key}
    found: dict[str, Snapshot] = {}
    for filters in [owned | _filter(*tag) for tag in tags] or [owned]:
        for s in region.each_snapshot(filters):
            complete = s.tags.get(key) == s.volume_id
            found[s.id] = replace(s, tags={k: v for k, v in s.tags.items() if k in needed}) if complete else s
    return tuple(found.values())


def _filter(key: str, value: str) -> dict[str, list[str]]:
    return {f"tag:{key}": [value]}
