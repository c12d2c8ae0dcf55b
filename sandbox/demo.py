"""The demonstration: applies the quickstart to a local AWS, lets its schedule tick, and shows what came of it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table

from sandbox import Sandbox
from sandbox.ec2 import Region, Snapshot, Volume
from sandbox.estate import DEMO
from sandbox.terraform import Terraform

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / ".cache" / "demo" / "report.html"
PREFIX: Final = "ebs-backup:"
FIRST, SECOND, THIRD = (f"2026-11-{day}T03:00:00Z" for day in (23, 24, 25))
HISTORY_DAYS: Final = 12

RETENTION: Final = """
  expected_denied_regions = ["ap-northeast-3"]

  retention = {
    daily  = 3
    weekly = 4
  }
"""
LOOSER: Final = """
  max_deletions_percent = 100
"""


class Demo:
    """One demonstration, told on a console."""

    def __init__(self, console: Console, aws: Sandbox, terraform: Terraform) -> None:
        self._console = console
        self._aws = aws
        self._terraform = terraform
        self._outputs: dict[str, Any] = {}

    def run(self) -> None:
        """Show it all, from an empty account to one in which only the backups are left."""
        self._say_what_there_is()
        with self._step("terraform init"):
            self._terraform.init()
        self._apply("terraform apply: examples/quickstart")
        self._tick("The schedule ticks", FIRST)
        self._show_snapshots()
        self._show_what_was_left_out()
        self._tick("The same event arrives once more", FIRST)
        with self._step("terraform plan: nothing to change"):
            if self._terraform.changes_pending():
                raise SystemExit("The plan after the apply is not empty.")
        self._demonstrate_retention()
        self._save_page()
        with self._step("terraform destroy"):
            self._empty_bucket()
            self._terraform.destroy()
        left = sum(len(_of_the_account(region)) for region in self._aws.ec2.regions.values())
        self._console.print(f"\nThe machine is gone. Its {left} snapshots are still there, as backups should be.")
        self._console.print(f"The report of the last run, as a page: [bold]{PAGE.relative_to(ROOT)}[/]")

    # --- the main job ---

    def _say_what_there_is(self) -> None:
        volumes = [v for region in self._aws.ec2.regions.values() for v in region.volumes.values()]
        used = sum(volume.state == "in-use" for volume in volumes)
        held = sum(bool(region.volumes) for region in self._aws.ec2.regions.values())
        self._console.print(
            f"A local AWS with {used} volumes in use and {len(volumes) - used} detached, in {held} of "
            f"{len(_enabled(self._aws))} enabled regions;\nthe organization denies one region.\n"
        )

    def _apply(self, what: str) -> None:
        with self._step(what) as note:
            self._terraform.apply(on_line=lambda line: note(line) if "complete after" in line else None)
            self._outputs = self._terraform.output()

    def _tick(self, what: str, at: str) -> None:
        with self._step(f"{what}: {at}"):
            (delivery,) = self._aws.tick(self._outputs["rule_name"], time=at)
        if not delivery.delivered:
            raise SystemExit(f"The event was not delivered: {delivery.reason}")
        for number, attempt in enumerate(delivery.attempts, start=1):
            totals = _report(attempt.logs)["totals"]
            told = ", ".join(f"{totals[key]} {key.replace('_', ' ')}" for key in _TOLD if totals[key])
            how = "[yellow]failed[/]   " if attempt.function_error else "[green]completed[/]"
            self._console.print(f"    attempt {number} {how} {told}")

    def _show_snapshots(self) -> None:
        time.sleep(self._aws.ec2.pending_seconds)  # until the snapshots are completed
        table = _table("Backed up", "Region", "Instance", "Device", "GiB", "Snapshot", "State")
        table.columns[3].justify = "right"
        for region in _enabled(self._aws):
            for row in [_row(region, snapshot) for snapshot in self._list_snapshots(region)]:
                table.add_row(*row)
            table.add_section()
        self._console.print()
        self._console.print(table)
        self._console.print(f"[dim]aws ec2 describe-snapshots --owner-ids self \\\n  --filters '{self._filter}'[/]\n")

    @property
    def _filter(self) -> str:
        return str(self._outputs["snapshot_filter"])

    def _list_snapshots(self, region: Region) -> list[Any]:
        """List the snapshots as the output of the module says they can be listed."""
        if region.denied:
            return []
        name, values = (part.partition("=")[2] for part in self._filter.split(",", 1))
        answer = self._aws.client("ec2", region=region.name).describe_snapshots(
            OwnerIds=["self"], Filters=[{"Name": name, "Values": values.split(",")}]
        )
        return sorted(answer["Snapshots"], key=lambda s: (_tags(s)[f"{PREFIX}InstanceId"], _tags(s)[f"{PREFIX}Device"]))

    def _show_what_was_left_out(self) -> None:
        table = _table("Left out", "Region", "Volume", "Why")
        for region in _enabled(self._aws):
            for volume in region.volumes.values():
                if why := _why_not(volume):
                    table.add_row(region.name, volume.id, why)
        self._console.print(table)
        self._console.print("\nThe denied region fails the run, which says so in the queue of failed runs:")
        self._say_failure()

    def _say_failure(self) -> None:
        sqs, url = self._aws.client("sqs"), self._outputs["failed_runs_queue_url"]
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        error = json.loads(message["Body"])["responsePayload"]["errorMessage"]
        self._console.print(f"[yellow]{error}[/]\n", soft_wrap=True)

    # --- retention ---

    def _demonstrate_retention(self) -> None:
        self._aws.ec2.clock.advance(24 * 3600)
        for region in self._aws.ec2.regions.values():
            for snapshot in _of_the_account(region):
                region.add(*_history(snapshot))
        self._console.print(f"\nNow suppose that it has run for {HISTORY_DAYS} days, and add to the block:")
        self._add_to_the_block(RETENTION)
        self._apply("terraform apply")
        self._say_failures_before()
        self._tick("The schedule ticks", SECOND)
        self._console.print("\nThat may be a mistake. The brake holds, and the run says so:")
        self._say_failure()
        self._add_to_the_block(LOOSER)
        self._apply("terraform apply")
        self._tick("The schedule ticks", THIRD)
        self._show_what_is_kept()

    def _add_to_the_block(self, text: str) -> None:
        self._console.print(f"[cyan]{text}[/]", end="")
        file = self._terraform.directory / "main.tf"
        start, mark, rest = file.read_text(encoding="utf-8").partition('source = "../.."\n')
        file.write_text(start + mark + text + rest, encoding="utf-8")

    def _say_failures_before(self) -> None:
        """Take the repeated event's failure out of the queue: it has been told."""
        self._aws.client("sqs").purge_queue(QueueUrl=self._outputs["failed_runs_queue_url"])

    def _show_what_is_kept(self) -> None:
        answer = self._aws.client("lambda").invoke(
            FunctionName=self._outputs["function_name"], Payload=json.dumps({"dry_run": True, "regions": ["eu-west-1"]})
        )
        verdicts = json.loads(answer["Payload"].read())["regions"]["eu-west-1"]["verdicts"]
        volume_id = verdicts[0]["volume_id"]
        table = _table(f"What is left of {volume_id}", "Taken", "Kept as")
        for verdict in verdicts:
            if verdict["volume_id"] == volume_id and verdict["keep"]:
                table.add_row(verdict["started_at"][:16].replace("T", " "), ", ".join(verdict["reasons"]))
        self._console.print()
        self._console.print(table)

    # --- the end ---

    def _save_page(self) -> None:
        s3, bucket = self._aws.client("s3"), self._bucket()
        found = s3.list_objects_v2(Bucket=bucket)["Contents"]
        pages = [each["Key"] for each in found if each["Key"].endswith(".html") and THIRD in each["Key"]]
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_bytes(s3.get_object(Bucket=bucket, Key=pages[-1])["Body"].read())

    def _bucket(self) -> str:
        (bucket,) = self._aws.client("s3").list_buckets()["Buckets"]
        return str(bucket["Name"])

    def _empty_bucket(self) -> None:
        """Take the reports away first: destroying stops at a bucket that still has some."""
        s3, bucket = self._aws.client("s3"), self._bucket()
        for each in s3.list_objects_v2(Bucket=bucket)["Contents"]:
            if "/reports/" in each["Key"]:
                s3.delete_object(Bucket=bucket, Key=each["Key"])

    @contextmanager
    def _step(self, what: str) -> Iterator[Any]:
        """Show that something goes on, and afterwards how long it took; the caller may note how far it is."""
        start = time.monotonic()
        with self._console.status(what) as status:
            yield lambda note: status.update(f"{what} [dim]{note.strip()[:90]}[/]")
        self._console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - start:.0f} s[/]")


_TOLD: Final = ("selected", "created", "already_there", "deleted", "failed", "unfinished")


def main() -> None:
    """Run the demonstration."""
    console = Console(highlight=False)
    example = ROOT / "examples" / "quickstart"
    with Sandbox(estate=DEMO) as aws, Terraform(example, aws.environment(), within=ROOT) as terraform:
        Demo(console, aws, terraform).run()


def _table(title: str, *columns: str) -> Table:
    """Return a table that fits into 80 columns with whole ids in it."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _enabled(aws: Sandbox) -> list[Region]:
    return [region for _, region in sorted(aws.ec2.regions.items()) if region.opt_in_status != "not-opted-in"]


def _of_the_account(region: Region) -> list[Snapshot]:
    return [s for s in region.snapshots.values() if f"{PREFIX}Policy" in s.tags]


def _history(snapshot: Snapshot) -> Iterator[Snapshot]:
    """Return what earlier runs would have left of a snapshot's volume."""
    for day in range(1, HISTORY_DAYS + 1):
        taken = snapshot.started - timedelta(days=day)
        tags = {**snapshot.tags, f"{PREFIX}RunId": f"{taken:%Y-%m-%dT03:00:00Z}"}
        yield Snapshot(f"{snapshot.id}{day:02}", snapshot.volume_id, taken, taken, size=snapshot.size, tags=tags)


def _report(logs: str) -> Any:
    events = (json.loads(line) for line in logs.splitlines() if line.startswith("{"))
    return next(event["report"] for event in events if event.get("message") == "run_completed")


def _row(region: Region, snapshot: Any) -> tuple[str, ...]:
    tags = _tags(snapshot)
    instance = region.instances[tags[f"{PREFIX}InstanceId"]]
    return (
        region.name,
        instance.tags.get("Name", instance.id),
        tags[f"{PREFIX}Device"],
        str(snapshot["VolumeSize"]),
        snapshot["SnapshotId"],
        snapshot["State"],
    )


def _tags(snapshot: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in snapshot["Tags"]}


def _why_not(volume: Volume) -> str | None:
    if volume.state != "in-use":
        return "not attached to anything"
    return f"opted out by its tag {PREFIX}Skip" if volume.tags.get(f"{PREFIX}Skip") == "true" else None


if __name__ == "__main__":
    main()
