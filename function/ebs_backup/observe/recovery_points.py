"""The recovery points: what a measurement of coverage depends on in one region."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from ebs_backup.aws.ec2 import MAX_FILTER_VALUES, Region, chunks
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.values import Snapshot, Volume
from ebs_backup.plan.coverage import newest

_STATES: Mapping[str, Sequence[str]] = {"status": ["completed", "pending"]}


def observe_recovery_points(
    region: Region, deployment: Deployment, volumes: Iterable[Volume], at: datetime
) -> tuple[Snapshot, ...]:
    """Read the newest completed and the newest pending snapshot of each volume, whoever made them; raise Ec2Error.

    Those of the days that the objective reaches back to are read for all volumes, older ones only for the few volumes
    that have none in that time. EC2 filters by whole days with a wildcard:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSnapshots.html
    """
    ids = [volume.id for volume in volumes]
    reach = min(math.ceil(deployment.recovery_point_objective_hours / 24) + 1, MAX_FILTER_VALUES - 1)  # and tomorrow
    days = [f"{at - timedelta(days=day):%Y-%m-%dT}*" for day in range(-1, reach)]
    recent = newest(region.each_snapshot({**_STATES, "start-time": days})) if ids else {}
    without = [volume_id for volume_id in ids if (volume_id, "completed") not in recent]
    older = (s for some in chunks(without) for s in region.each_snapshot({**_STATES, "volume-id": some}))
    return tuple({**recent, **newest(older)}.values())
