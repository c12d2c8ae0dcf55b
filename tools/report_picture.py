"""The picture of a run report that the documentation shows: a small estate on a day with two volumes in trouble.

    PYTHONPATH=function python -m tools.report_picture docs/report.png

takes it with a headless Chromium. The page is made by the code that makes everybody's.
"""

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ebs_backup.report.page import page
from tools.browser import find_browser

WIDTH, HEIGHT = 1024, 978

RUN = datetime(2026, 11, 23, 3, tzinfo=UTC)

QUIET = ("ap-northeast-1", "ap-south-1", "ca-central-1", "eu-north-1", "sa-east-1", "us-west-2")

REVOKED = {
    "volume_id": "vol-0b7c41d90a3e5f682",
    "snapshot_id": None,
    "status": "failed",
    "operation": "CreateSnapshot",
    "code": "CustomerKeyHasBeenRevoked",
    "message": "The specified customer key arn:aws:kms:eu-west-1:123456789012:key/4c2f… has been revoked.",
}
IN_USE = {
    "volume_id": "vol-02f4d8a16c7b39e05",
    "snapshot_id": "snap-0d5e21f7a98b3c640",
    "status": "kept",
    "operation": "DeleteSnapshot",
    "code": "InvalidSnapshot.InUse",
    "message": "The snapshot snap-0d5e21f7a98b3c640 is currently in use by ami-0f3a9c1d7e5b28644",
}


def example_report() -> dict[str, Any]:
    """Return a report such as a small estate has: 120 volumes in 3 of 9 regions, 2 of them not covered."""
    regions = {
        "eu-west-1": _region(
            selected=74,
            covered=73,
            created=73,
            deleted=71,
            kept=1,
            failed=1,
            status="failed",
            problems=[REVOKED, IN_USE],
            failed_by_operation={"CreateSnapshot": 1},
            kept_because={"EC2 refuses to delete it: InvalidSnapshot.InUse": 1},
            uncovered=[
                _uncovered(
                    "vol-0b7c41d90a3e5f682",
                    "orders-db-2",
                    49.2,
                    "CreateSnapshot refused: CustomerKeyHasBeenRevoked",
                    "Enable the KMS key of the volume again.",
                )
            ],
        ),
        "eu-central-1": _region(
            selected=31,
            covered=30,
            created=31,
            deleted=31,
            uncovered=[
                _uncovered(
                    "vol-0e93a6f2b1c8d4705",
                    "archive-1",
                    27.0,
                    "snapshot pending since 22 November 2026, 03:00 UTC",
                    "Wait: a first snapshot of a large volume takes hours.",
                )
            ],
        ),
        "us-east-1": _region(
            selected=15,
            covered=15,
            created=15,
            deleted=12,
            skipped=2,
            skipped_because={"opted out by tag ebs-backup:Skip": 2},
        ),
    } | {name: _region() for name in QUIET}
    counts = ("selected", "created", "already_there", "tagged", "deleted", "kept", "skipped", "failed", "unfinished")
    return {
        "schema": 1,
        "policy": "nightly",
        "retention": "keeps of each volume one a day for 7 days, one a week for 4 weeks, and always the newest; "
        "deletes the others; counts only periods with a completed snapshot, and keeps the newest of each",
        "run_id": "2026-11-23T03:00:00Z",
        "dry_run": False,
        "status": "failed",
        "started_at": "2026-11-23T03:00:04+00:00",
        "duration_seconds": 41.518,
        "totals": {count: sum(region[count] for region in regions.values()) for count in counts},
        "coverage": {"objective_hours": 26.0, "selected": 120, "covered": 118, "percent": 98.3},
        "recovery_point_age": {
            "max_hours": 49.2,
            "median_hours": 24.0,
            "histogram": _histogram({1: 9, 3: 4, 6: 0, 12: 0, 24: 97, 26: 8, 48: 1, 96: 1, 168: 0, None: 0}),
            "never": 0,
        },
        "recovery_points_by": {
            "this deployment": 113,
            "Data Lifecycle Manager": 4,
            "AWS Backup": 2,
            "by hand or another tool": 1,
        },
        "regions": regions,
    }


def example_history() -> list[dict[str, Any]]:
    """Return the four weeks of runs before it."""
    bad = {4: ("completed", 99.1), 17: ("failed", 91.4), 18: ("completed", 97.4)}
    ago = {days: bad.get(days, ("completed", 100.0)) for days in range(27, 0, -1)}
    return [
        {"run_id": f"{RUN - timedelta(days):%Y-%m-%dT%H:%M:%SZ}", "status": status, "covered_percent": percent}
        for days, (status, percent) in ago.items()
    ]


def main(path: str) -> int:
    """Take the picture."""
    browser = find_browser()
    if browser is None:
        print("no Chromium found on PATH", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.html"
        file.write_text(page(example_report(), example_history(), json_name="report.json"), "utf-8")
        browser.picture(file.as_uri(), Path(path).resolve(), WIDTH, HEIGHT)
    return 0


def _region(**changes: Any) -> dict[str, Any]:
    """Return a region's part of a report, one without any volume but for the changes."""
    return {
        "status": "completed",
        "selected": 0,
        "covered": 0,
        "created": 0,
        "already_there": 0,
        "tagged": 0,
        "deleted": 0,
        "kept": 0,
        "skipped": 0,
        "failed": 0,
        "unfinished": 0,
        "failed_by_operation": {},
        "skipped_because": {},
        "apart_because": {},
        "deleted_because": {"kept by no rule": changes["deleted"]} if changes.get("deleted") else {},
        "kept_because": {},
        "deletion_brake": None,
        "problems": [],
        "problems_not_listed": 0,
        "uncovered": [],
        "uncovered_not_listed": 0,
        "recovery_points_by": {"this deployment": changes["covered"]} if changes.get("covered") else {},
        "oldest_recovery_point_hours": 24.0 if changes.get("selected") else None,
        "duration_seconds": 3.2,
        "api_calls": {"DescribeVolumes": 1, "DescribeSnapshots": 1, "CreateSnapshot": changes.get("created", 0)},
        "throttled_calls": {},
    } | changes


def _uncovered(volume_id: str, name: str, hours: float, reason: str, remedy: str) -> dict[str, Any]:
    return {
        "volume_id": volume_id,
        "name": name,
        "age_hours": hours,
        "newest_snapshot_id": "snap-0" + volume_id[-16:],
        "newest_by": "this deployment",
        "reason": reason,
        "remedy": remedy,
    }


def _histogram(volumes: dict[int | None, int]) -> list[dict[str, Any]]:
    return [{"up_to_hours": bound, "volumes": count} for bound, count in volumes.items()]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
