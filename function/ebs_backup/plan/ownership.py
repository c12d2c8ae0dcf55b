"""Ownership: which snapshots the deployment made. Nothing else is ever counted, completed or deleted."""

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.tags import ownership_tag, tag_key
from ebs_backup.model.values import Snapshot

# EC2 gives every copy this volume id: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Snapshot.html
COPIED_VOLUME_ID = "vol-ffffffff"


def is_own(snapshot: Snapshot, deployment: Deployment) -> bool:
    """Tell whether the deployment made a snapshot, in the run that its tag names.

    Tags alone are no proof, since others can put them on any snapshot. The description is: the creating call writes
    it, and nothing changes it. A copy is never the deployment's, whatever its tags and its description say.
    """
    origin, tags = snapshot.origin, snapshot.tags
    key, name = ownership_tag(deployment)
    return (
        origin is not None
        and (origin.deployment, origin.run_id) == (name, tags.get(tag_key(deployment, "RunId")))
        and tags.get(key) == name
        and snapshot.volume_id != COPIED_VOLUME_ID
    )
