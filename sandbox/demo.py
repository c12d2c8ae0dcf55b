"""The demonstration: applies the quickstart to a local AWS, lets its schedule tick, and shows what came of it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from sandbox import Sandbox
from sandbox.ec2 import Region, Snapshot, Volume
from sandbox.terraform import Terraform

ROOT: Final = Path(__file__).resolve().parent.parent
ESTATE: Final = ROOT / "sandbox" / "estates" / "demo.json"
TICK: Final = "2026-11-23T03:00:00Z"
PREFIX: Final = "ebs-backup:"


class Demo:
    """One demonstration, told on a console."""

    def __init__(self, console: Console, aws: Sandbox, terraform: Terraform) -> None:
        self._console = console
        self._aws = aws
        self._terraform = terraform

    def run(self) -> None:
        """Show it all, from an empty account to an empty account."""
        self._say_what_there_is()
        with self._step("terraform apply (examples/quickstart)"):
            self._terraform.init()
            self._terraform.apply()
        outputs = self._terraform.output()
        self._tick("The schedule ticks", outputs["rule_name"])
        self._show_snapshots(outputs["snapshot_filter"])
        self._show_failed_run(outputs["failed_runs_queue_url"])
        self._tick("The same event arrives a second time", outputs["rule_name"])
        with self._step("terraform plan: nothing to change"):
            if self._terraform.changes_pending():
                raise SystemExit("The plan after the apply is not empty.")
        with self._step("terraform destroy"):
            self._terraform.destroy()
        left = sum(len(_of_the_account(region)) for region in self._aws.ec2.regions.values())
        self._console.print(f"\nThe machine is gone; the {left} snapshots stay, as backups should.")

    def _say_what_there_is(self) -> None:
        volumes = [v for region in self._aws.ec2.regions.values() for v in region.volumes.values()]
        used = sum(volume.state == "in-use" for volume in volumes)
        held = sum(bool(region.volumes) for region in self._aws.ec2.regions.values())
        self._console.print(
            f"A local AWS at {self._aws.endpoint}: {used} volumes in use and {len(volumes) - used} detached, "
            f"in {held} of {len(_enabled(self._aws))} enabled regions; one region is denied by the organization.\n"
        )

    @contextmanager
    def _step(self, what: str) -> Iterator[None]:
        start = time.monotonic()
        with self._console.status(what):
            yield
        self._console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - start:.1f} s[/]")

    def _tick(self, what: str, rule: str) -> None:
        with self._step(f"{what}: {TICK}"):
            (delivery,) = self._aws.tick(rule, time=TICK)
        if not delivery.delivered:
            raise SystemExit(f"The event was not delivered: {delivery.reason}")
        for number, attempt in enumerate(delivery.attempts, start=1):
            totals = _run_completed(attempt.logs)["totals"]
            told = ", ".join(
                f"{totals[key]} {key.replace('_', ' ')}" for key in ("selected", "created", "already_there")
            )
            how = "[yellow]failed[/]" if attempt.function_error else "[green]completed[/]"
            self._console.print(f"    attempt {number} {how}: {told}")

    def _show_snapshots(self, snapshot_filter: str) -> None:
        time.sleep(self._aws.ec2.pending_seconds)  # until the snapshots are completed
        table = Table("Region", "Instance", "Device", "Volume", "Size", "Snapshot", "State", title="\nBacked up")
        for column in table.columns[4:5]:
            column.justify = "right"
        for region in _enabled(self._aws):
            for snapshot in self._list_snapshots(region, snapshot_filter):
                table.add_row(*_row(region, snapshot))
            table.add_section()
        self._console.print(table)
        self._console.print(f"[dim]aws ec2 describe-snapshots --owner-ids self --filters '{snapshot_filter}'[/]\n")

    def _list_snapshots(self, region: Region, snapshot_filter: str) -> list[Any]:
        """List the snapshots as the output of the module says they can be listed."""
        if region.denied:
            return []
        name, values = (part.partition("=")[2] for part in snapshot_filter.split(",", 1))
        answer = self._aws.client("ec2", region=region.name).describe_snapshots(
            OwnerIds=["self"], Filters=[{"Name": name, "Values": values.split(",")}]
        )
        return sorted(answer["Snapshots"], key=lambda s: (_tags(s)[PREFIX + "InstanceId"], _tags(s)[PREFIX + "Device"]))

    def _show_failed_run(self, queue_url: str) -> None:
        table = Table("Not backed up", "Why")
        for region in _enabled(self._aws):
            for volume in region.volumes.values():
                if why := _why_not(volume):
                    table.add_row(f"{region.name}  {volume.id}", why)
        (message,) = self._aws.client("sqs").receive_message(QueueUrl=queue_url)["Messages"]
        error = json.loads(message["Body"])["responsePayload"]["errorMessage"]
        table.add_row("[red]the run failed, and says so[/]\nin its queue of failed runs", error)
        self._console.print(table)
        self._console.print(
            "[dim]A region that is meant to be denied goes into expected_denied_regions; then the run completes.[/]\n"
        )


def main() -> None:
    """Run the demonstration."""
    console = Console(highlight=False)
    example = ROOT / "examples" / "quickstart"
    with Sandbox(estate=ESTATE) as aws, Terraform(example, aws.environment(), within=ROOT) as terraform:
        Demo(console, aws, terraform).run()


def _enabled(aws: Sandbox) -> list[Region]:
    return [region for _, region in sorted(aws.ec2.regions.items()) if region.opt_in_status != "not-opted-in"]


def _of_the_account(region: Region) -> list[Snapshot]:
    return [s for s in region.snapshots.values() if f"{PREFIX}Policy" in s.tags]


def _run_completed(logs: str) -> Any:
    events = (json.loads(line) for line in logs.splitlines() if line.startswith("{"))
    return next(event["report"] for event in events if event.get("message") == "run_completed")


def _row(region: Region, snapshot: Any) -> tuple[str, ...]:
    tags = _tags(snapshot)
    instance = region.instances[tags[f"{PREFIX}InstanceId"]]
    return (
        region.name,
        instance.tags.get("Name", instance.id),
        tags[f"{PREFIX}Device"],
        snapshot["VolumeId"],
        f"{snapshot['VolumeSize']} GiB",
        snapshot["SnapshotId"],
        snapshot["State"],
    )


def _tags(snapshot: Any) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in snapshot["Tags"]}


def _why_not(volume: Volume) -> str | None:
    if volume.state != "in-use":
        return f"{volume.state}: not attached to anything"
    return f"opted out by its tag {PREFIX}Skip" if volume.tags.get(f"{PREFIX}Skip") == "true" else None


if __name__ == "__main__":
    main()
