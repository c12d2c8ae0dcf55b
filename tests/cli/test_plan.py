"""`ebs-backup plan`."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from ebs_backup.model.terms import parse_terms
from sandbox.ec2 import Attachment, Fault, Simulator, Volume
from tests.cli.conftest import Command, changes
from tests.unit.builders import REGION
from tests.unit.estates import add_instance, add_snapshots, add_volumes

CONFIRMED = ("--retention", "daily=2", "--confirmed-retention", parse_terms("keep 2 daily").code)  # type: ignore[union-attr]


def test_plan_shows_every_action_with_its_reason(command: Command, estate: Simulator) -> None:
    done = command.plan(*CONFIRMED)

    assert done.code == 0
    assert done.out.splitlines()[:14] == [
        "Deployment nightly: keep 2 daily.",
        "",
        "REGION     INSTANCE  DEVICE     VOLUME  NAME          GIB  ACTION    WHY",
        "eu-west-1  db        /dev/xvda  vol-1   vol-1 of i-1    8  set of 2  2 volumes of db, crash-consistent",
        "eu-west-1  db        /dev/xvdb  vol-2   vol-2 of i-1    8  set of 2  2 volumes of db, crash-consistent",
        "eu-west-1  i-2       /dev/xvda  vol-3   vol-3 of i-2    8  snapshot  no snapshot of this run yet",
        "eu-west-1  i-3       /dev/xvda  vol-4   -               8  skip      opted out by tag ebs-backup:Skip",
        "",
        "REGION     ACTION  TAKEN (UTC)       GOES AFTER (UTC)  BACKUP OF     SNAPSHOT        VOLUME  WHY",
        "eu-west-1  keep    2026-11-22 03:00  -                 vol-3 of i-2  snap-vol-3-001  vol-3   newest, daily 1 of 2",  # noqa: E501
        "eu-west-1  keep    2026-11-21 03:00  -                 vol-3 of i-2  snap-vol-3-002  vol-3   daily 2 of 2",
        "eu-west-1  delete  2026-11-20 03:00  2026-11-01 03:00  vol-3 of i-2  snap-vol-3-003  vol-3   kept by no rule",
        "",
        done.out.splitlines()[13],
    ]
    assert done.out.splitlines()[13].startswith("Nothing in ap-northeast-1, ")
    assert not changes(estate)


def test_plan_ends_with_totals_and_the_next_step(command: Command, estate: Simulator) -> None:
    assert estate
    done = command.plan(*CONFIRMED)

    assert done.out.splitlines()[-2:] == [
        "Snapshots: 3 to create (1 crash-consistent set; 24 GiB of volumes), 0 to announce, 1 to delete, 2 to keep.",
        "Volumes skipped: 1. Regions read: 17 of 17. Duration at EC2's request limits: under a minute.",
    ]
    assert done.err.startswith("Nothing was changed. Apply the Terraform module")


def test_plan_tells_when_a_run_needs_several_invocations(command: Command, ec2: Simulator, tmp_path: Path) -> None:
    add_volumes(ec2, 22)
    file = tmp_path / "deployment.json"
    each = ("CreateSnapshot", "CreateSnapshots")
    limits = {"request_rates": dict.fromkeys(each, 0.01), "request_bursts": dict.fromkeys(each, 1)}
    file.write_text(json.dumps({"name": "nightly", **limits}))

    done = command.plan("--deployment", str(file))

    assert "Duration at EC2's request limits: at least 17 minutes." in done.out
    assert "set engine = step_functions" in done.err


def test_json_lists_everything(command: Command, estate: Simulator) -> None:
    add_snapshots(estate, "vol-1", days=600)

    done = command.plan(*CONFIRMED, "--json")

    assert done.code == 0
    region = json.loads(done.out)["regions"]["eu-west-1"]
    assert (len(region["verdicts"]), region["verdicts_not_listed"]) == (603, 0)
    assert (len(region["actions"]), region["actions_not_listed"]) == (601, 0)


def test_options_change_the_deployment_of_a_file(command: Command, tmp_path: Path, estate: Simulator) -> None:
    assert estate
    file = tmp_path / "deployment.json"
    file.write_text(json.dumps({"name": "ours", "retention": {"daily": 9}, "multi_volume_snapshots": False}))

    done = command.plan("--deployment", str(file), "--retention", "last=2")

    assert done.out.startswith("Deployment nightly: keep 2 last.")
    assert "vol-1 of i-1    8  snapshot  no snapshot of this run yet" in done.out
    assert done.err == "Nothing was changed. The deployment's next run does this.\n"


def test_deployment_can_come_through_a_pipe(command: Command) -> None:
    deployment = '{"name": "ours", "retention": {"daily": 9}}'

    assert command.run("plan", "--deployment", "-", stdin=deployment).out.startswith("Deployment ours: keep 9 daily.")


def test_brake_is_shown_and_fails_the_command(command: Command, estate: Simulator) -> None:
    add_snapshots(estate, "vol-1", days=60, kept=60)

    done = command.plan("--retention", "daily=2")

    assert done.code == 1
    assert (
        'deletion brake: 59 snapshots are due under "keep 2 daily", which may keep less than "keep 2 last"' in done.out
    )
    assert 'confirmed_retention = "55747b67"\n' in done.out
    assert re.search(r"eu-west-1 +due +2026-11-20", done.out)
    assert "0 to announce, 0 to delete, 4 to keep" in done.out
    assert "eu-west-1: the brake holds back what is due." in done.err


def test_plan_shows_what_is_announced_withdrawn_and_waited_for(command: Command, ec2: Simulator) -> None:
    add_volumes(ec2, 1)
    newest, kept_again, due, announced = add_snapshots(ec2, "vol-0000", days=4, kept=9, terms="keep 2 daily")
    region = ec2.regions[REGION]
    for snapshot_id in (kept_again, announced):
        made = region.snapshots[snapshot_id]
        region.add(replace(made, tags={**made.tags, "ebs-backup:DeleteAfter": "2026-11-25T03:00:00Z"}))

    done = command.plan("--retention", "daily=2")

    rows = [line.split("  ") for line in done.out.splitlines() if "snap-vol" in line]
    fates = {next(c for c in row if c.startswith("snap-")): (row[1], "2026-11-25 03:00" in row) for row in rows}
    assert fates[newest] == ("keep", False)
    assert fates[kept_again] == ("withdraw", False)
    assert fates[due][0] == "announce"
    assert fates[announced] == ("wait", True)
    assert "2026-11-26 03:00" in done.out, "three days ahead"
    assert "1 to announce, 0 to delete, 2 to keep, 1 announced before, 1 no longer to go." in done.out
    assert (done.code, changes(ec2)) == (0, [])


def test_region_option_narrows_what_is_read(command: Command, estate: Simulator) -> None:
    command.plan("--region", REGION, "--region", "eu-west-2")

    assert {call.region for call in estate.calls} == {"eu-west-1", "eu-west-2"}


def test_unread_region_is_shown_and_fails_the_command(command: Command, ec2: Simulator) -> None:
    ec2.regions["us-east-1"].denied = True

    done = command.plan()

    assert done.code == 1
    assert "us-east-1" not in done.out
    assert "Regions read: 16 of 17." in done.out
    assert done.err.startswith("us-east-1: not read: DescribeSnapshots: UnauthorizedOperation: ")
    assert "\nYour credentials may not do this there" in done.err
    assert done.err.count("us-east-1: ") == 1


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("AccessDenied", "Your credentials may not do this there"),
        ("AuthFailure", "leave it out with --exclude-region"),
        ("ExpiredToken", "Your credentials have expired, or your computer's clock is wrong"),
        ("Blocked", "AWS has suspended the account in this region"),
    ],
)
def test_advice_is_for_the_person_at_the_terminal(command: Command, ec2: Simulator, code: str, advice: str) -> None:
    ec2.inject(Fault("DescribeVolumes", code=code))

    done = command.plan("--region", REGION, "--region", "us-east-1")

    assert advice in done.err
    assert not re.search("run role|next run|The function", done.err)


def test_expected_denial_does_not_fail_the_command(command: Command, ec2: Simulator, tmp_path: Path) -> None:
    ec2.regions["us-east-1"].denied = True
    file = tmp_path / "deployment.json"
    file.write_text('{"name": "nightly", "expected_denied_regions": ["us-east-1"]}')

    done = command.plan("--deployment", str(file))

    assert done.code == 0
    assert "us-east-1: denied, as expected." in done.out
    assert "Regions read: 16 of 17." in done.out


def test_rows_are_sorted_by_name(command: Command, ec2: Simulator) -> None:
    region = ec2.regions[REGION]
    for number, name in enumerate(("web", "db", "cache")):
        add_instance(ec2, f"i-{number}", f"vol-{number}")
        region.add(replace(region.instances[f"i-{number}"], tags={"Name": name}))

    rows = [line.split() for line in command.plan().out.splitlines() if " vol-" in line]

    assert [row[1] for row in rows] == ["cache", "db", "web"]


def test_tag_options_narrow_what_is_selected(command: Command, ec2: Simulator) -> None:
    region = ec2.regions[REGION]
    add_instance(ec2, "i-1", "vol-1", "vol-2", "vol-3")
    for id_, tags in {"vol-1": {"Env": "prod-eu"}, "vol-2": {"Env": "prod-eu", "Scratch": "yes"}}.items():
        region.add(replace(region.volumes[id_], tags=tags))

    done = command.plan("--include-tag", "Env=prod*", "--exclude-tag", "Scratch=*")

    assert "Snapshots: 1 to create" in done.out
    assert "excluded by tag Scratch=*" in done.out
    assert "not included: no tag Env=prod*" in done.out


def test_ids_stand_in_for_names_that_are_denied(command: Command, ec2: Simulator) -> None:
    add_instance(ec2, "i-1", "vol-1")
    ec2.inject(Fault("DescribeInstances", code="UnauthorizedOperation", times=9))

    done = command.plan()

    assert done.code == 0
    assert "eu-west-1  i-1       /dev/xvda  vol-1" in done.out
    assert done.err.splitlines()[0] == (
        "Some names are missing, and ids are shown instead: DescribeInstances: UnauthorizedOperation in eu-west-1."
    )


def test_snapshot_without_its_own_tags_is_shown(command: Command, ec2: Simulator) -> None:
    add_instance(ec2, "i-1", "vol-1")
    (snapshot_id,) = add_snapshots(ec2, "vol-1", days=1)
    made = ec2.regions[REGION].snapshots[snapshot_id]
    ec2.regions[REGION].add(replace(made, tags={**made.tags, "ebs-backup:VolumeId": "pending"}))

    assert "  tag       a set is created with common tags only" in command.plan().out


def test_multi_attach_volume_is_shown_with_both_instances(command: Command, ec2: Simulator) -> None:
    for instance in ("i-1", "i-2"):
        add_instance(ec2, instance)
    places = tuple(Attachment(instance, "/dev/sdf") for instance in ("i-1", "i-2"))
    ec2.regions[REGION].add(Volume("vol-1", f"{REGION}a", type="io2", iops=100, attachments=places))

    assert "eu-west-1  i-1, i-2  /dev/sdf  vol-1" in command.plan().out


def test_empty_account_gets_a_hint(command: Command) -> None:
    assert "No volume is selected." in command.plan().err


def test_time_that_runs_out_fails_the_command(command: Command, ec2: Simulator) -> None:
    ec2.inject(Fault("DescribeVolumes", code="RequestLimitExceeded", times=1000))

    done = command.plan("--timeout", "60", "--region", REGION)

    assert done.code == 1
    assert "Time ran out after 60 seconds" in done.err


def test_terminal_gets_tables(command: Command, monkeypatch: pytest.MonkeyPatch, estate: Simulator) -> None:
    assert estate
    monkeypatch.setenv("FORCE_COLOR", "1")

    done = command.plan("--retention", "daily=2")

    assert "eu-west-1: volumes" in done.out
    assert "\x1b[32mset of 2" in done.out
    assert done.out.count("2 volumes of db, crash-consistent") == 1


def test_no_color_leaves_tables_without_colours(
    command: Command, monkeypatch: pytest.MonkeyPatch, estate: Simulator
) -> None:
    assert estate
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")

    done = command.plan()

    assert "eu-west-1: volumes" in done.out
    assert "\x1b[32m" not in done.out


def test_long_table_is_cut_on_a_terminal_alone(
    command: Command, monkeypatch: pytest.MonkeyPatch, ec2: Simulator
) -> None:
    add_volumes(ec2, 70)
    piped = command.plan().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    drawn = command.plan().out

    assert (piped.count("no snapshot of"), drawn.count("no snapshot of")) == (70, 60)
    assert "and 10 more: a pipe is shown all" in drawn


def test_terminal_sees_how_many_regions_are_read(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")

    assert "17/17" in command.plan().err
