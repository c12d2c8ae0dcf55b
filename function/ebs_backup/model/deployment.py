"""The deployment: what one use of the module is to back up, as Terraform hands it over."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from ebs_backup.model.limits import PUBLISHED, Limit
from ebs_backup.model.reader import ReadError, Rule, at_least, read
from ebs_backup.model.retention import GivenRetention, Retention
from ebs_backup.model.terms import Terms, terms_of

NO_RETENTION = Retention()

Name = Annotated[str, Rule("a name", bool)]
Count = Annotated[int, at_least(1)]
Above0 = Annotated[float, Rule("above 0", lambda number: number > 0)]
Burst = Annotated[float, at_least(1)]  # or no request could be made
Operation = Annotated[str, Rule(f"among {', '.join(PUBLISHED)}", PUBLISHED.__contains__)]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, and the account that it must belong to; empty if that is not known."""

    name: str
    account: str = ""


class DeploymentError(ValueError):
    """The deployment is not valid: the message says which key, which rule and which value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The volumes that one use of the module backs up, and how; the fields are the module's variables."""

    name: Name
    tag_prefix: str = "ebs-backup:"
    regions: tuple[str, ...] = ()
    exclude_regions: tuple[str, ...] = ()
    expected_denied_regions: tuple[str, ...] = ()
    include_tags: Mapping[str, str] = field(default_factory=dict)
    exclude_tags: Mapping[str, str] = field(default_factory=dict)
    multi_volume_snapshots: bool = True
    copy_volume_tags: bool = True
    snapshot_tags: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False
    retention: GivenRetention = NO_RETENTION
    confirmed_retention: str = ""
    deletion_delay_days: Count = 3
    orphan_retention_days: Count | None = None
    schedule_expression: str = ""
    created_at: datetime | None = None
    recovery_point_objective_hours: Above0 = 26.0
    report_bucket: str = ""
    account: str = ""
    report_prefix: str = ""
    rounds_prefix: str = ""
    # A Step Functions execution ends at 25,000 events. A round has some 10 of them, and as many as 40 regions share an
    # execution: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
    max_rounds: Count = 40
    # When Step Functions ends an execution: as long as 48 rounds of 900 seconds, each with a minute for its end.
    max_run_seconds: Count = 48 * 960
    request_rates: Mapping[Operation, Above0] = field(default_factory=dict)
    request_bursts: Mapping[Operation, Burst] = field(default_factory=dict)

    @property
    def bucket(self) -> Bucket:
        """The bucket that reports go to."""
        return Bucket(self.report_bucket, self.account)

    @property
    def terms(self) -> Terms:
        """All that decides how long a snapshot is kept."""
        return terms_of(self.retention, self.orphan_retention_days, self.schedule_expression)

    @property
    def limits(self) -> Mapping[str, Limit]:
        """How many requests EC2 takes, by operation: as published, unless the deployment says otherwise."""
        bursts, rates = self.request_bursts, self.request_rates
        return {o: Limit(bursts.get(o, limit.burst), rates.get(o, limit.rate)) for o, limit in PUBLISHED.items()}


def parse_deployment(text: str) -> Deployment:
    """Read a deployment from JSON; raise DeploymentError for anything else."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise DeploymentError(f"the deployment must be JSON: {error}") from None
    try:
        return read(Deployment, given, "deployment")
    except ReadError as error:
        raise DeploymentError(str(error)) from None
