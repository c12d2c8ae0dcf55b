"""A run's metrics: documents in CloudWatch's embedded metric format, made of the run report.

To be printed one a line: CloudWatch Logs makes metrics of them. docs/report.md says what each means and costs.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from ebs_backup.model.values import CREATING
from ebs_backup.plan.coverage import HOUR
from ebs_backup.report.findings import DELETING, failed, selects_nothing, uncovered, unread_regions
from ebs_backup.report.schema import RegionReport, Report

NAMESPACE = "EBSBackup"

# Data Lifecycle Manager's names for what it has too, each with CloudWatch's unit.
UNITS = {
    "ResourcesTargeted": "Count",
    "CoveragePercent": "Percent",
    "UncoveredVolumes": "Count",
    "RecoveryPointAgeMax": "Seconds",
    "SnapshotsCreateStarted": "Count",
    "SnapshotsCreateFailed": "Count",
    "SnapshotsAnnounced": "Count",
    "SnapshotsDeleteCompleted": "Count",
    "SnapshotsDeleteFailed": "Count",
    "RunDuration": "Seconds",
    "ThrottledCalls": "Count",
    "DeletionBrake": "Count",
    "RegionsUnread": "Count",
    "NothingSelected": "Count",
    "RunFailed": "Count",
}

# Each costs as much again for every region, so that these are only what one asks of a single region.
BY_REGION = ("SnapshotsCreateStarted", "SnapshotsCreateFailed", "SnapshotsDeleteCompleted")

# What a run of chosen regions sends too: sums over a day stay right, and no alarm hears of it.
ADDING_UP = ("SnapshotsCreateStarted", "SnapshotsAnnounced", "SnapshotsDeleteCompleted")

Values = Mapping[str, float]


def metrics(report: Report, *, stored: bool = True) -> list[dict[str, Any]]:
    """Return the documents of a run: one for the deployment, and one for each region that it did something in.

    A dry run does nothing: of it there is only what it measured. A run of chosen regions only adds to what runs did. A
    run whose report could not be `stored` has failed.
    """
    if report.chosen_regions:
        return _of_chosen_regions(report)
    measured = _measured(report)
    if report.dry_run:
        return [_document(report, {}, measured)]
    done = _done(report.regions.values())
    by_region = {name: _done([region]) for name, region in report.regions.items()}
    documents = [_document(report, {}, {**measured, **done, **_run(report, stored=stored)})]
    for name, values in by_region.items():
        if any(values[metric] for metric in BY_REGION):
            documents.append(_document(report, {"Region": name}, {metric: values[metric] for metric in BY_REGION}))
    return documents


def _of_chosen_regions(report: Report) -> list[dict[str, Any]]:
    """Return one document of what was done, without a zero that would stand beside what a whole run said."""
    done = {} if report.dry_run else _done(report.regions.values())
    values = {name: value for name in ADDING_UP if (value := done.get(name))}
    return [_document(report, {}, values)] if values else []


def _measured(report: Report) -> Values:
    """Return what was found; of no volume, or where a region could not be read, nobody knows the share covered."""
    selected, oldest = report.coverage.selected, report.recovery_point_age.max_hours
    values: dict[str, float] = {
        "ResourcesTargeted": selected,
        "UncoveredVolumes": uncovered(report),
        "RegionsUnread": len(unread_regions(report)),
        "NothingSelected": int(selects_nothing(report)),
    }
    if selected and not unread_regions(report):
        values["CoveragePercent"] = report.coverage.covered * 100 / selected
    if oldest is not None:
        values["RecoveryPointAgeMax"] = round(oldest * HOUR)
    return values


def _done(regions: Collection[RegionReport]) -> Values:
    return {
        "SnapshotsCreateStarted": sum(region.created for region in regions),
        "SnapshotsCreateFailed": failed(regions, CREATING),
        "SnapshotsAnnounced": sum(region.announced for region in regions),
        "SnapshotsDeleteCompleted": sum(region.deleted for region in regions),
        "SnapshotsDeleteFailed": failed(regions, DELETING),
    }


def _run(report: Report, *, stored: bool) -> Values:
    regions = report.regions.values()
    return {
        "RunDuration": report.duration_seconds,
        "ThrottledCalls": sum(sum(region.throttled_calls.values()) for region in regions),
        **_brake(report),
        "RunFailed": int(report.status == "failed" or not stored),
    }


def _brake(report: Report) -> Values:
    """Return if the brake held; nothing where a run did not judge everything, or it would end an alarm that holds."""
    if any(region.deletion_brake for region in report.regions.values()):
        return {"DeletionBrake": 1}
    judged = report.expires and not unread_regions(report) and not report.totals.unfinished
    return {"DeletionBrake": 0} if judged else {}


def _document(report: Report, dimensions: Mapping[str, str], values: Values) -> dict[str, Any]:
    """Return a document; its values are as of the run's end, since an alarm may have closed its window at the start."""
    ended = datetime.fromisoformat(report.started_at) + timedelta(seconds=report.duration_seconds)
    dimensions = {"Policy": report.deployment, **dimensions}
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in values],
    }
    metadata = {"Timestamp": int(ended.timestamp() * 1000), "CloudWatchMetrics": [directive]}
    return {"_aws": metadata, **dimensions, "RunId": report.run_id, **values}
