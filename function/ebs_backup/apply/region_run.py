"""One run in one region, until its deadline: what all the parts of an executor have in common."""

from dataclasses import dataclass

from ebs_backup.aws.clock import Clock
from ebs_backup.aws.ec2 import Region
from ebs_backup.model.deployment import Deployment


@dataclass(frozen=True, slots=True)
class RegionRun:
    """Where, for which deployment and by which run it is done; the deadline is in the clock's seconds."""

    region: Region
    deployment: Deployment
    run_id: str
    clock: Clock
    deadline: float

    @property
    def is_over(self) -> bool:
        """True once the deadline is past: nothing may start any more."""
        return self.clock.now() >= self.deadline
