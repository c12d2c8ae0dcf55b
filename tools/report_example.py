"""The report that the documentation shows: of the function itself, run on a small estate on a day with some trouble.

The estate is simulated, and so is the time, so that the report is the same whenever it is made.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import boto3

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.origin import Origin, describe
from ebs_backup.model.request import Request
from ebs_backup.model.retention import Retention
from ebs_backup.report.document import Run, report
from ebs_backup.report.keys import EarlierAttempt, changes_key, earlier_attempts
from ebs_backup.report.region import RegionPart, region_part
from ebs_backup.report.schema import Report
from ebs_backup.runs.visit import Visitor
from sandbox.ec2 import Attachment, Clock, Fault, Instance, Region, Simulator, Snapshot, Volume
from tools.simulated import SimulatedTime, connected

BEGAN = datetime(2026, 11, 23, 3, 0, 4, tzinfo=UTC)
RUN_ID = "2026-11-23T03:00:00Z"
# Of snapshots before the run: 7 that the retention keeps, one that is due since this day, and three that are announced
# since the day that each was due. The oldest of them goes.
DAYS = 11
KEPT = 7
SECONDS_A_CALL = 0.15

IRELAND, FRANKFURT, VIRGINIA, CLOSED = "eu-west-1", "eu-central-1", "us-east-1", "us-west-1"
QUIET = ("ap-northeast-1", "ap-south-1", "ca-central-1", "eu-north-1", "sa-east-1", "us-west-2")
DEPLOYMENT = Deployment(
    name="nightly",
    regions=(IRELAND, FRANKFURT, VIRGINIA, CLOSED, *QUIET),
    expected_denied_regions=(CLOSED,),
    retention=Retention(daily=KEPT, monthly=12),
)
REVOKED = "The specified customer key arn:aws:kms:eu-west-1:123456789012:key/4c2f has been revoked."


@cache
def example_report() -> Report:
    """Return the report of one run on the estate."""
    ec2 = Simulator(Clock(stopped_at=BEGAN))
    ec2.pending_seconds = 3600.0
    _fill(ec2)
    ec2.hooks.append(lambda _: ec2.clock.advance(SECONDS_A_CALL))
    time = SimulatedTime(ec2)
    visitor = Visitor(
        deployment=DEPLOYMENT,
        request=Request(RUN_ID, expires=True),
        at=BEGAN,
        clock=time,
        deadline=BEGAN.timestamp() + 800,
    )
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=IRELAND)  # noqa: S106 - no secret
    with connected(ec2, session):
        # One region after the other: side by side, they would share the simulated time by chance.
        parts = [region_part(visitor.visit(name), listed=0) for name in sorted(DEPLOYMENT.regions)]
    run = Run(
        deployment=DEPLOYMENT,
        request=Request(RUN_ID, expires=True),
        started_at=BEGAN,
        duration_seconds=(ec2.clock.now() - BEGAN).total_seconds(),
        regions=parts,
        token="5f2c9a01",  # noqa: S106 - no secret
    )
    return report(replace(run, regions=[_with_file(part, run) for part in parts]))


def _with_file(part: RegionPart, run: Run) -> RegionPart:
    """Return a region's part with the name of the file that its changes are stored in."""
    if not part.changes:
        return part
    name = changes_key(run.attempt, part.region, "89abcdef").rpartition("/")[2]
    return replace(part, report=replace(part.report, changes=(name,)))


def example_history() -> Sequence[EarlierAttempt]:
    """Return the four weeks of runs before it, as their reports' keys tell of them."""
    bad = {4: "completed.99.1", 17: "failed.91.4", 18: "completed.97.4"}
    ago = {BEGAN - timedelta(days): bad.get(days, "completed.100") for days in range(27, 0, -1)}
    return earlier_attempts(
        f"nightly/reports/{at:%Y/%m/%d/%Y-%m-%dT030000Z.%Y-%m-%dT030004Z}-0123abcd.{end}.created-72.deleted-68.json"
        for at, end in ago.items()
    )


def _fill(ec2: Simulator) -> None:
    """Add servers with one volume and with three, most with backups, and what goes wrong with some."""
    ireland, frankfurt, virginia = (ec2.regions[name] for name in (IRELAND, FRANKFURT, VIRGINIA))
    for region, singles, sets in ((ireland, 20, 6), (frankfurt, 10, 3), (virginia, 6, 2)):
        names = [f"{region.name}-web-{n}" for n in range(singles)]
        for volume_id in _volumes(region, *((name,) for name in names)):
            _back_up(region, volume_id)
        clusters = [[f"{region.name}-app-{n}-{part}" for part in ("root", "data", "log")] for n in range(sets)]
        for volume_id in _volumes(region, *clusters):
            _back_up(region, volume_id)
    ec2.regions[CLOSED].denied = True
    _add_trouble(ec2, ireland, frankfurt, virginia)


def _add_trouble(ec2: Simulator, ireland: Region, frankfurt: Region, virginia: Region) -> None:
    """Add a revoked key, a snapshot behind an AMI, a held one, a slow one, other tools, and volumes that opt out."""
    (orders,) = _volumes(ireland, ["orders-db"])
    _back_up(ireland, orders, newest=2)
    for resource in (orders, _id("i", "orders-db")):
        ec2.inject(Fault(resource=resource, code="CustomerKeyHasBeenRevoked", message=REVOKED, times=None))
    behind_ami, held = (_id("snap", f"{_id('vol', f'{IRELAND}-web-{n}')} {DAYS}") for n in range(2))
    ireland.add(replace(ireland.snapshots[behind_ami], image_id=_id("ami", "web")))
    tags = {**ireland.snapshots[held].tags, "ebs-backup:Hold": "audit of 2026"}
    ireland.add(replace(ireland.snapshots[held], tags=tags))
    (archive,) = _volumes(frankfurt, ["archive"], created=BEGAN - timedelta(hours=27))
    began = BEGAN - timedelta(hours=24)
    frankfurt.add(_snapshot(archive, 1, FRANKFURT, completes=began + timedelta(hours=60)))
    for name, tag in (("legacy-1", "aws:dlm:lifecycle-policy-id"), ("legacy-2", "aws:backup:source-resource")):
        (volume_id,) = _volumes(virginia, [name])
        virginia.add(replace(_snapshot(volume_id, 1, VIRGINIA), tags={tag: "x"}))
    _volumes(virginia, ["scratch-1"], ["scratch-2"], tags={"ebs-backup:Skip": "true"})


def _volumes(
    region: Region, *servers: Iterable[str], created: datetime | None = None, tags: dict[str, str] | None = None
) -> list[str]:
    """Add a server for each group of volume names, and return the volumes' ids."""
    ids = []
    for names in map(list, servers):
        instance = Instance(_id("i", names[0]), f"{region.name}a", root_device="/dev/xvda")
        region.add(instance)
        for name, letter in zip(names, "abc", strict=False):
            place = Attachment(instance.id, f"/dev/xvd{letter}")
            volume = Volume(_id("vol", name), instance.zone, tags={"Name": name, **(tags or {})}, attachments=(place,))
            region.add(replace(volume, created=created or volume.created))
            ids.append(volume.id)
    return ids


def _back_up(region: Region, volume_id: str, newest: int = 1) -> None:
    region.add(*(_snapshot(volume_id, days, region.name) for days in range(newest, DAYS + 1)))


def _snapshot(volume_id: str, days_ago: int, region: str, completes: datetime | None = None) -> Snapshot:
    """Return a snapshot that the deployment made some days before the run."""
    started = BEGAN - timedelta(days=days_ago)
    run_id = f"{started:%Y-%m-%dT03:00:00Z}"
    words = {"Policy": "nightly", "RunId": run_id, "Region": region, "VolumeId": volume_id}
    since = days_ago - KEPT - 1  # days; announced in the run of that day
    if since > 0:
        goes = BEGAN + timedelta(days=DEPLOYMENT.deletion_delay_days - since)
        words["DeleteAfter"] = f"{goes:%Y-%m-%dT%H:%M:%SZ}"
    return Snapshot(
        id=_id("snap", f"{volume_id} {days_ago}"),
        volume_id=volume_id,
        started=started,
        completes=completes or started,
        description=describe(volume_id, Origin("nightly", run_id, DEPLOYMENT.terms.words)),
        tags={f"ebs-backup:{word}": value for word, value in words.items()},
    )


def _id(prefix: str, name: str) -> str:
    """Return an id in EC2's form that is always the same for a name."""
    return f"{prefix}-0{hashlib.sha256(name.encode()).hexdigest()[:16]}"
