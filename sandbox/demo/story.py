"""What the demonstration shows, in order: a backup, a denied region and its remedy, retention, and the end."""

import re
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Final

from sandbox.demo.account import ALARM, PREFIX, Account, Outcome, why_not
from sandbox.demo.screen import Screen
from sandbox.terraform import Terraform

ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLE: Final = ROOT / "examples" / "quickstart"
REPORTS: Final = ROOT / ".cache" / "demo"
DENIED: Final = "ap-northeast-3"
SHOWN: Final = "eu-west-1"
"""The region whose snapshots show what the retention keeps."""
HISTORY_DAYS: Final = 16
"""Enough for four weeks, on whichever day of the week the demonstration begins."""

EXPECTED: Final = f"""
  expected_denied_regions = ["{DENIED}"]
"""
RETENTION: Final = """
  retention = {
    daily  = 3
    weekly = 4
  }
"""
CONFIRMED: Final = re.compile(r'confirmed_retention = "\w+"')
FORCE_DESTROY: Final = """
  bucket_force_destroy = true
"""
DELAY_DAYS: Final = 3
"""The module's default for `deletion_delay_days`."""


class Story:
    """The demonstration: six days in an account, from the next time that its schedule is due."""

    def __init__(self, screen: Screen, account: Account, terraform: Terraform) -> None:
        self._screen = screen
        self._account = account
        self._terraform = terraform
        self._run_id = ""

    def tell(self) -> None:
        """Show it all, from an account with no backup to one in which only the backups are left."""
        self._introduce()
        self._back_up()
        self._meet_a_denied_region()
        self._delete_old_snapshots()
        self._end()

    # --- the parts ---

    def _introduce(self) -> None:
        volumes = [volume for _, volume in self._account.volumes]
        used = sum(volume.state == "in-use" for volume in volumes)
        held = sum(bool(region.volumes) for region in self._account.regions)
        self._screen.say(
            f"This is a local AWS. It has {used} volumes in use and {len(volumes) - used} detached, "
            f"in {held} of {len(self._account.regions)} enabled regions.\n"
            "Its clock can be moved, so each run of the schedule is at 03:00 UTC of a day to come."
        )

    def _back_up(self) -> None:
        self._screen.heading("1. Every volume in use gets a snapshot")
        with self._screen.step("terraform init"):
            self._terraform.init()
        self._apply("terraform apply in examples/quickstart")
        self._next_run()
        self._account.wait_for_snapshots()
        self._show_snapshots()
        self._show_what_is_left_out()
        self._repeat("The same event arrives again; no volume gets a second snapshot")
        with self._screen.step("terraform plan: no changes"):
            if self._terraform.changes_pending():
                raise SystemExit("The plan after the apply is not empty.")

    def _meet_a_denied_region(self) -> None:
        self._screen.heading("2. An organization's policy denies a region")
        self._screen.say(f"The next day, a service control policy denies [bold]{DENIED}[/].")
        self._account.deny(DENIED)
        self._next_run()
        self._screen.say(f"\nThe alarm [bold]{ALARM}[/] says:")
        self._screen.quote(self._account.alarm_text())
        self._screen.say("The message in that queue says:")
        self._screen.quote(self._account.failure())
        self._screen.say("You know that the region is closed, so you add one line to the module block:")
        self._add(EXPECTED)
        self._repeat("You repeat the run")

    def _delete_old_snapshots(self) -> None:
        self._screen.heading("3. Retention deletes old snapshots")
        self._account.grow_old(HISTORY_DAYS)
        self._screen.say(
            f"Suppose that the module had run for {HISTORY_DAYS} days before. You add a retention to the module block:"
        )
        self._add(RETENTION)
        self._next_run()
        self._screen.say(
            "\nUntil now every snapshot was kept. A mistake must not empty an account, so the deletion brake held.\n"
            "The message in the queue says:"
        )
        message = self._account.failure()
        self._screen.quote(message)
        self._screen.say("You do want them gone, so you confirm this retention by its code:")
        self._add(f"\n  {CONFIRMED.findall(message)[0]}\n")
        self._repeat("You repeat the run; it announces the deletions by tags, and deletes nothing")
        self._show_what_is_announced()
        self._screen.say(
            f"\n{DELAY_DAYS} days pass, here without a run. "
            f"A snapshot with the tag [bold]{PREFIX}Hold[/] would stay for ever.\n"
            "Nobody has set it, so the next run deletes what was announced, and announces what is due since:\n"
        )
        self._account.move(timedelta(days=DELAY_DAYS))
        self._tick()
        self._show_what_is_kept()

    def _end(self) -> None:
        self._screen.heading("4. Snapshots outlive the module")
        shutil.rmtree(REPORTS, ignore_errors=True)
        page = self._account.save_reports(REPORTS)
        self._screen.say(
            "Terraform destroys no bucket that holds reports. To delete them too, you first apply this setting:"
        )
        self._add(FORCE_DESTROY)
        with self._screen.step("terraform destroy") as watch:
            self._terraform.destroy(on_line=watch)
        self._screen.say(f"The {len(self._account.snapshots)} snapshots are still there.\n")
        self._screen.say("The reports were copied before. Open that of the last run in a browser:")
        self._screen.path(page.relative_to(ROOT))

    # --- what happens in them ---

    def _apply(self, what: str = "terraform apply") -> None:
        with self._screen.step(what) as watch:
            self._terraform.apply(on_line=watch)
            self._account.outputs = self._terraform.output()

    def _add(self, text: str) -> None:
        """Add settings to the module block and apply them."""
        self._screen.quote(text, style="cyan")
        file = self._terraform.directory / "main.tf"
        before, source, after = file.read_text(encoding="utf-8").partition('source = "../.."\n')
        file.write_text(before + source + text + after, encoding="utf-8")
        self._apply()

    def _next_run(self) -> None:
        self._account.move_to_schedule()
        self._tick()

    def _tick(self) -> None:
        self._run_id = f"{self._account.now():%Y-%m-%dT03:00:00Z}"
        self._repeat(f"The schedule starts the run of {self._run_id}")

    def _repeat(self, what: str) -> None:
        """Deliver the last event, once more if it was delivered before."""
        with self._screen.step(what):
            outcome = self._account.tick(self._run_id)
        self._screen.detail(_in_words(outcome))

    # --- tables ---

    def _show_snapshots(self) -> None:
        columns = ("Region", "Instance", "Device", "GiB", "Snapshot", "State")
        rows = (row for region in self._account.regions for row in self._account.backed_up(region))
        self._screen.table("Backed up", *columns, rows=rows, right="GiB")

    def _show_what_is_left_out(self) -> None:
        left_out = ((region.name, volume.id, why_not(volume)) for region, volume in self._account.volumes)
        rows = ((region, volume_id, why) for region, volume_id, why in left_out if why)
        self._screen.table("Left out", "Region", "Volume", "Reason", rows=rows)
        self._screen.say()

    def _show_what_is_announced(self) -> None:
        announced = self._account.announced(SHOWN)
        volume_id = min(volume for volume, _, _ in announced)
        rows = ((taken, after) for volume, taken, after in announced if volume == volume_id)
        self._screen.table(f"Announced of {volume_id}", "Taken at", "May be deleted after", rows=rows)

    def _show_what_is_kept(self) -> None:
        kept = list(self._account.kept(SHOWN))
        volume_id = min(volume for volume, _, _ in kept)
        rows = [(taken, reasons) for volume, taken, reasons in kept if volume == volume_id]
        self._screen.table(f"Kept of {volume_id}", "Taken at", "Kept as", rows=rows)
        self._screen.say(f"\n3 daily and 4 weekly snapshots are {len(rows)} in all, since one can be both.")


def _in_words(outcome: Outcome) -> str:
    how = "[green]completed[/]" if outcome.completed else f"[yellow]failed[/] after {outcome.attempts} attempts"
    counts = {
        "volumes selected": outcome.selected,
        "snapshots created": outcome.created,
        "already there": outcome.already_there,
        "announced": outcome.announced,
        "deleted": outcome.deleted,
    }
    return ": ".join((how, ", ".join(f"{count} {what}" for what, count in counts.items() if count)))
