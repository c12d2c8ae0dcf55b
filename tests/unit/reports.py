"""Run reports to make pages and metrics of, made of results of every kind."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.request import Request
from ebs_backup.model.values import (
    Announce,
    Create,
    Delete,
    Outcome,
    Plan,
    Problem,
    Skip,
    Status,
    Tag,
    Verdict,
)
from ebs_backup.plan.coverage import VolumeCoverage
from ebs_backup.report.document import Run, report
from ebs_backup.report.keys import EarlierAttempt
from ebs_backup.report.region import RegionResult, region_part
from ebs_backup.report.schema import Report
from ebs_backup.runs.backup import MAX_ACTIONS
from tests.unit.builders import AT, RUN, snapshot, volume


def reported(
    *results: RegionResult,
    dry_run: bool = False,
    uncovered: Mapping[str, Sequence[VolumeCoverage]] | None = None,
    name: str = "nightly",
) -> Report:
    """Return the report of a run; each region's uncovered volumes are given, the others are covered."""
    full = [
        replace(result, dry_run=dry_run, coverages=_coverages(result, (uncovered or {}).get(result.region, ())))
        for result in results
    ]
    return report(
        Run(
            deployment=Deployment(name=name),
            request=Request(RUN, dry_run=dry_run, expires=True),
            started_at=AT,
            duration_seconds=61.5,
            regions=[region_part(result, listed=MAX_ACTIONS // len(full)) for result in full],
        )
    )


def lacking(volume_id: str, hours: float = 49.2, **changes: Any) -> VolumeCoverage:
    """Return a volume that is not covered, since its newest snapshot is too old."""
    made = VolumeCoverage(
        volume_id=volume_id,
        name="orders-db",
        age_hours=hours,
        newest_snapshot_id="snap-old",
        newest_by="this deployment",
        reason="CreateSnapshot refused: CustomerKeyHasBeenRevoked",
        remedy="Enable the key again.",
    )
    return replace(made, **changes)


def without_any(volume_id: str, hours: float = 30.0) -> VolumeCoverage:
    """Return a volume that is not covered, since it has no snapshot at all."""
    return lacking(volume_id, hours, newest_snapshot_id=None, newest_by=None)


def _coverages(result: RegionResult, uncovered: Sequence[VolumeCoverage]) -> Sequence[VolumeCoverage]:
    selected = result.plan.selected if result.plan else 0
    covered = lacking("vol-c", 0.1, reason="", remedy="")
    return [*uncovered, *[covered] * (selected - len(uncovered))]


# --- what runs come to ---

DENIED = Problem("DescribeVolumes", "UnauthorizedOperation", "explicit deny in a service control policy")
REVOKED = Problem("CreateSnapshot", "CustomerKeyHasBeenRevoked", "the key is gone")
IN_USE = Problem("DeleteSnapshot", "InvalidSnapshot.InUse", "in use by ami-1")

BRAKE = (
    '30 snapshots are due under "keep 1 daily", which may keep less than "keep 7 daily", under which snapshots were '
    "made; "
    'to let them go, set confirmed_retention = "0123abcd"'
)
EMPTY = RegionResult(region="sa-east-1", plan=Plan("sa-east-1", 0))
ONE = RegionResult(
    region="eu-west-1",
    plan=Plan("eu-west-1", 1),
    outcomes=(Outcome(Status.CREATED, "vol-1", "CreateSnapshot", "snap-1"),),
    duration_seconds=1.0,
    api_calls={"DescribeVolumes": 1, "CreateSnapshot": 1},
)
VARIED = RegionResult(
    region="eu-west-1",
    plan=Plan("eu-west-1", 5, already_there={"vol-0": "snap-0"}, skipped=(Skip("vol-9", "opted out by tag Skip"),)),
    outcomes=(
        Outcome(Status.CREATED, "vol-1", "CreateSnapshot", "snap-1"),
        Outcome(Status.SET_REFUSED, "vol-2", "CreateSnapshots", problem=Problem("CreateSnapshots", "Odd", "no")),
        Outcome(Status.CREATED, "vol-2", "CreateSnapshot", "snap-2", "one by one: EC2 refused the set of i-1: Odd"),
        Outcome(Status.FAILED, "vol-3", "CreateSnapshot", problem=REVOKED),
        Outcome(Status.UNFINISHED, "vol-4", "CreateSnapshots", reason="out of time"),
        Outcome(Status.SKIPPED, "vol-8", "CreateSnapshot", reason="deleted during the run", problem=REVOKED),
        Outcome(Status.TAGGED, "vol-1", "CreateTags", "snap-1"),
        Outcome(Status.DELETED, "vol-1", "DeleteSnapshot", "snap-8", "kept by no rule"),
        Outcome(
            Status.KEPT, "vol-1", "DeleteSnapshot", "snap-9", "EC2 refuses to delete it: InvalidSnapshot.InUse", IN_USE
        ),
        Outcome(Status.FAILED, "vol-1", "DeleteSnapshot", "snap-7", problem=Problem("DeleteSnapshot", "Odd", "no")),
    ),
    duration_seconds=12.34567,
    api_calls={"DescribeVolumes": 1, "CreateSnapshot": 4},
    throttled_calls={"CreateSnapshot": 2},
)
UNREAD = RegionResult(region="us-east-1", problem=DENIED)
CLOSED = RegionResult(region="us-west-1", problem=DENIED, denial_expected=True)
BRAKED = RegionResult(region="us-east-2", plan=Plan("us-east-2", 1, brake=BRAKE))
PLANNED = RegionResult(
    region="eu-west-1",
    plan=Plan(
        "eu-west-1",
        2,
        actions=(
            Create((volume("vol-1"), volume("vol-2")), "2 volumes of i-1, crash-consistent", instance_id="i-1"),
            Tag("snap-2", "vol-2", {}, "a set is created with common tags only"),
        ),
        verdicts=(Verdict(snapshot("snap-1", "vol-1"), keep=True, reasons=("newest", "daily 1 of 7")),),
        brake=BRAKE,
    ),
)

GOES = datetime(2026, 11, 26, 3, 0, 1, tzinfo=UTC)
NO_RULE, BEFORE = ("kept by no rule",), ("kept by no rule", "made before this deployment existed")
# One snapshot is announced, one waits, one is kept again, one goes, and two stay though no rule keeps them.
EXPIRING = RegionResult(
    region="eu-north-1",
    plan=Plan(
        "eu-north-1",
        1,
        actions=(
            Announce("snap-w", "vol-1", "daily 1 of 7", None),
            Announce("snap-a", "vol-1", ", ".join(BEFORE), GOES),
            Delete("snap-d", "vol-1", "kept by no rule"),
        ),
        verdicts=(
            Verdict(snapshot("snap-w", "vol-1"), keep=True, reasons=("daily 1 of 7",)),
            Verdict(snapshot("snap-a", "vol-1"), keep=False, reasons=BEFORE),
            Verdict(snapshot("snap-b", "vol-1"), keep=False, reasons=NO_RULE, delete_after=GOES - timedelta(days=1)),
            Verdict(snapshot("snap-d", "vol-1"), keep=False, reasons=NO_RULE, delete_after=GOES - timedelta(days=9)),
            Verdict(snapshot("snap-h", "vol-1"), keep=True, reasons=("held by tag ebs-backup:Hold",)),
            Verdict(snapshot("snap-z", "vol-1"), keep=True, reasons=("in the archive tier",)),
        ),
    ),
    outcomes=(
        Outcome(Status.CREATED, "vol-1", "CreateSnapshot", "snap-n", started_at=AT),
        Outcome(Status.WITHDRAWN, "vol-1", "CreateTags", "snap-w", "daily 1 of 7"),
        Outcome(Status.ANNOUNCED, "vol-1", "CreateTags", "snap-a", ", ".join(BEFORE)),
        Outcome(Status.DELETED, "vol-1", "DeleteSnapshot", "snap-d", "kept by no rule"),
    ),
)
# A slip in include_tags: both volumes in use are left out.
NOTHING_SELECTED = RegionResult(
    region="eu-west-3",
    plan=Plan("eu-west-3", 0, skipped=(Skip("vol-1", "not included: no tag Bakcup=true"), Skip("vol-2", "so is this"))),
)

# Markup, quotes, letters from right to left, the marks that turn the direction around, control characters, a lone
# surrogate, and marks stacked upon one another.
HOSTILE = (
    '<script>alert("1")</script><img src=x onerror=alert(2)>\'"&amp;\u202egnp.exe\u2066\x00\x1b[31m\ud800'
    "\u05e9\u05dc\u05d5\u05ddZ" + "\u0301" * 40
)
HOSTILE_NAME = (HOSTILE * 3)[:256]

HUGE_REGION = 589  # of 34 alike: 20,026 volumes


def hostile() -> Report:
    """Return a report in which every text that others choose is hostile."""
    problem = Problem("CreateSnapshot", HOSTILE[:90], HOSTILE * 10)
    outcomes = (
        Outcome(Status.FAILED, f"vol-{HOSTILE}", "CreateSnapshot", f"snap-{HOSTILE}", HOSTILE, problem),
        Outcome(Status.CREATED, "vol-2", "CreateSnapshot", "snap-2", HOSTILE_NAME),
        Outcome(Status.DELETED, "vol-3", "DeleteSnapshot", "snap-3", HOSTILE_NAME),
        Outcome(Status.KEPT, "vol-4", "DeleteSnapshot", "snap-4", HOSTILE_NAME),
    )
    plan = Plan("eu-west-1", 4, skipped=(Skip("vol-5", HOSTILE_NAME),), brake=HOSTILE_NAME)
    ids: dict[str, Any] = {"newest_snapshot_id": HOSTILE_NAME, "newest_by": HOSTILE_NAME}
    bad = lacking(f"vol-{HOSTILE}", name=HOSTILE_NAME, reason=HOSTILE * 3, remedy=HOSTILE * 3, **ids)
    result = RegionResult(region="eu-west-1", plan=plan, outcomes=outcomes)
    made = reported(result, uncovered={"eu-west-1": [bad]}, name=HOSTILE_NAME)
    return replace(made, run_id=HOSTILE_NAME[:80])


def huge() -> Report:
    """Return the report of 20,000 volumes in 34 regions on the day when nothing went right."""
    problems = [Problem("CreateSnapshot", f"Code{n:04}", HOSTILE * 20) for n in range(30)]
    outcomes = [
        Outcome(Status.FAILED, f"vol-{n:017x}", "CreateSnapshot", reason=f"{n} {HOSTILE}", problem=problems[n % 30])
        for n in range(HUGE_REGION)
    ]
    outcomes += [Outcome(Status.DELETED, "vol-1", "DeleteSnapshot", "snap-1", f"{n} {HOSTILE}") for n in range(20)]
    texts: dict[str, Any] = {"name": HOSTILE_NAME, "reason": HOSTILE * 2, "remedy": HOSTILE * 2}
    bad = [lacking(f"vol-{n:017x}", **texts) for n in range(HUGE_REGION)]
    names = [f"region-{n}" for n in range(34)]
    results = [RegionResult(region=name, plan=Plan(name, HUGE_REGION), outcomes=outcomes) for name in names]
    return reported(*results, uncovered=dict.fromkeys(names, bad))


def run_before(
    days_ago: int, status: str = "completed", percent: float | None = 100.0, **changes: Any
) -> EarlierAttempt:
    """Return the one attempt at an earlier run as the page's history has it."""
    day = f"2026-11-{23 - days_ago:02}"
    made = EarlierAttempt(
        run_id=f"{day}T03:00:00Z",
        started_at=f"{day}T03:00:04Z",
        status=status,
        covered_percent=percent,
        created=4,
        deleted=12,
        of_chosen_regions=False,
        path=f"{day.replace('-', '/')}/{day}T030000Z.{day}T030004Z-0123abcd.{status}.100.created-4.deleted-12",
    )
    return replace(made, **changes)
