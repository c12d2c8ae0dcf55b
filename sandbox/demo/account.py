"""What the demonstration does in the local AWS, and reads from it, as a user of the module could."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sandbox import Sandbox, backends
from sandbox.ec2 import Region, Snapshot, Volume

PREFIX: Final = "ebs-backup:"
DELETE_AFTER: Final = f"{PREFIX}DeleteAfter"
ALARM: Final = "ebs-backup-failed-runs"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one scheduled event, all attempts of it together."""

    attempts: int
    completed: bool
    selected: int
    created: int
    already_there: int
    announced: int
    deleted: int


class Account:
    """The account that the module is applied to; `outputs` are those of the quickstart."""

    def __init__(self, aws: Sandbox) -> None:
        self._aws = aws
        self.outputs: dict[str, Any] = {}

    # --- what there is ---

    @property
    def regions(self) -> list[Region]:
        """The enabled regions, by name."""
        return [region for _, region in sorted(self._aws.ec2.regions.items()) if region.opt_in_status != "not-opted-in"]

    @property
    def volumes(self) -> list[tuple[Region, Volume]]:
        """Every volume, and its region."""
        return [(region, volume) for region in self.regions for volume in region.volumes.values()]

    @property
    def snapshots(self) -> list[tuple[Region, Snapshot]]:
        """Every snapshot that the module made, and its region."""
        found = ((region, s) for region in self.regions for s in list(region.snapshots.values()))
        return [(region, snapshot) for region, snapshot in found if f"{PREFIX}Policy" in snapshot.tags]

    def backed_up(self, region: Region) -> list[tuple[str, ...]]:
        """List a region's snapshots as the module's output `snapshot_filter` says they can be listed."""
        name, values = (part.partition("=")[2] for part in self.outputs["snapshot_filter"].split(",", 1))
        answer = self._aws.client("ec2", region=region.name).describe_snapshots(
            OwnerIds=["self"], Filters=[{"Name": name, "Values": values.split(",")}]
        )
        return sorted(_row(region, snapshot) for snapshot in answer["Snapshots"])

    # --- what happens ---

    def now(self) -> datetime:
        """Tell the time in EC2."""
        return self._aws.ec2.clock.now()

    def move_to_schedule(self) -> None:
        """Move the clocks to the time at which the schedule starts its next run."""
        now = self.now()
        today = now.replace(hour=3, minute=0, second=0, microsecond=0)
        due = today if today > now else today + timedelta(days=1)
        self.move(due - now)

    def move(self, time: timedelta) -> None:
        """Move the clocks of EC2 and of the function forward."""
        self._aws.ec2.clock.advance(time.total_seconds())
        self._aws.functions.ahead += time.total_seconds()

    def wait_for_snapshots(self) -> None:
        """Wait until every snapshot is completed; later ones complete at once, so that nobody waits again."""
        self._aws.ec2.clock.sleep(self._aws.ec2.pending_seconds)
        self._aws.ec2.pending_seconds = 0

    def deny(self, name: str) -> None:
        """Deny a region, as a service control policy of the organization does."""
        self._aws.ec2.regions[name].denied = True

    def tick(self, run_id: str) -> Outcome:
        """Deliver the event of the schedule and return what came of it."""
        (delivery,) = self._aws.tick(self.outputs["rule_name"], time=run_id)
        if not delivery.delivered:
            raise SystemExit(f"The event was not delivered: {delivery.reason}")
        totals = [_totals(attempt.logs) for attempt in delivery.attempts]
        return Outcome(
            attempts=len(totals),
            completed=not delivery.attempts[-1].function_error,
            selected=totals[-1]["selected"],
            created=sum(each["created"] for each in totals),
            already_there=totals[0]["already_there"],
            announced=sum(each["announced"] for each in totals),
            deleted=sum(each["deleted"] for each in totals),
        )

    def grow_old(self, days: int) -> None:
        """Put in what daily runs would have left before the first snapshot of each volume."""
        backends.age_roles(timedelta(days=days + 1))
        oldest: dict[str, tuple[Region, Snapshot]] = {}
        for region, snapshot in sorted(self.snapshots, key=lambda found: found[1].started):
            oldest.setdefault(snapshot.volume_id, (region, snapshot))
        for region, snapshot in oldest.values():
            region.add(*_history(snapshot, days))

    # --- what it says ---

    def failure(self) -> str:
        """Take the newest failure out of the queue of failed runs and return what it says."""
        sqs, url = self._aws.client("sqs"), self.outputs["failed_runs_queue_url"]
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return str(json.loads(message["Body"])["responsePayload"]["errorMessage"])

    def alarm_text(self) -> str:
        """Return what the alarm on failed runs tells whoever gets it."""
        (alarm,) = self._aws.client("cloudwatch").describe_alarms(AlarmNames=[ALARM])["MetricAlarms"]
        return str(alarm["AlarmDescription"])

    def announced(self, region: str) -> list[tuple[str, str, str]]:
        """List the announced snapshots in a region: volume, when it was taken, and after which time it may go."""
        here = (s for r, s in self.snapshots if r.name == region and s.tags.get(DELETE_AFTER))
        found = sorted(here, key=lambda s: (s.volume_id, s.started), reverse=True)
        return [(s.volume_id, f"{s.started:%Y-%m-%d %H:%M}", _minute(s.tags[DELETE_AFTER])) for s in found]

    def kept(self, region: str) -> Iterator[tuple[str, str, str]]:
        """Ask a dry run for the snapshots in a region that the retention keeps: volume, time and reasons."""
        answer = self._aws.client("lambda").invoke(
            FunctionName=self.outputs["function_name"], Payload=json.dumps({"dry_run": True, "regions": [region]})
        )
        for verdict in json.loads(answer["Payload"].read())["regions"][region]["verdicts"]:
            if verdict["keep"]:
                yield verdict["volume_id"], _minute(verdict["started_at"]), ", ".join(verdict["reasons"])

    # --- the reports ---

    def save_reports(self, folder: Path) -> Path:
        """Copy all that runs stored into a folder, so that the pages' links work there; return the last page."""
        s3 = self._aws.client("s3")
        (bucket,) = s3.list_buckets()["Buckets"]
        stored = s3.list_objects_v2(Bucket=bucket["Name"])["Contents"]
        files: dict[Path, datetime] = {}
        for found in (each for each in stored if "/reports/" in each["Key"]):
            file = folder / found["Key"].partition("/reports/")[2]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(s3.get_object(Bucket=bucket["Name"], Key=found["Key"])["Body"].read())
            files[file] = found["LastModified"]
        return max((file for file in files if file.suffix == ".html"), key=lambda file: (files[file], file.name))


def why_not(volume: Volume) -> str | None:
    """Say why a volume is not backed up, None if it is."""
    if volume.state != "in-use":
        return "not attached to an instance"
    return f"opted out by the tag {PREFIX}Skip" if volume.tags.get(f"{PREFIX}Skip") == "true" else None


def _minute(time: str) -> str:
    """Shorten a time as AWS writes it."""
    return time[:16].replace("T", " ")


def _totals(logs: str) -> dict[str, int]:
    """Return the totals in the report that a run logs at its end."""
    events = (json.loads(line) for line in logs.splitlines() if line.startswith("{"))
    report = next((event["report"] for event in events if event.get("message") == "run_completed"), None)
    if report is None:
        raise SystemExit(f"The run did not come to its end; it logged:\n{logs}")
    totals: dict[str, int] = report["totals"]
    return totals


def _history(snapshot: Snapshot, days: int) -> Iterator[Snapshot]:
    for day in range(1, days + 1):
        taken = snapshot.started - timedelta(days=day)
        run_id = f"{taken:%Y-%m-%dT03:00:00Z}"
        yield Snapshot(
            f"{snapshot.id}{day:02}",
            snapshot.volume_id,
            taken,
            taken,
            size=snapshot.size,
            description=snapshot.description.replace(snapshot.tags[f"{PREFIX}RunId"], run_id),
            tags={**snapshot.tags, f"{PREFIX}RunId": run_id},
        )


def _row(region: Region, snapshot: Any) -> tuple[str, ...]:
    tags = {tag["Key"]: tag["Value"] for tag in snapshot["Tags"]}
    instance = region.instances[tags[f"{PREFIX}InstanceId"]]
    name = instance.tags.get("Name", instance.id)
    return (
        region.name,
        name,
        tags[f"{PREFIX}Device"],
        str(snapshot["VolumeSize"]),
        snapshot["SnapshotId"],
        snapshot["State"],
    )
