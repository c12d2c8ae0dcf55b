"""Retention as deployed: the brake holds, the right snapshots of a year go, and IAM refuses to delete foreign ones.

The history has a snapshot every fourth day: no more deletions than DeleteSnapshot's bucket gives out at once.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.ec2 import Snapshot
from sandbox.terraform import Terraform
from tests.e2e.conftest import ACCOUNT, HOME, ROOT, Deployment, empty

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("retention")]

SETTINGS: dict[str, Any] = {
    "name": "keeper",
    "regions": [HOME],
    "retention": {"daily": 7, "monthly": 3},
}
LOOSE = {"max_deletions_percent": 100, "max_deletions_per_run": 5000}
VOLUME = "vol-0c691dc383ded586f"
YEAR, MONTH = range(1, 366, 4), range(40, 70, 2)


def _taken(at: datetime, policy: str | None, volume_id: str = VOLUME) -> Snapshot:
    words = {"Policy": policy, "RunId": f"{at:%F}", "Region": HOME, "VolumeId": volume_id} if policy else {}
    tags = {f"ebs-backup:{word}": str(value) for word, value in words.items()}
    return Snapshot(f"snap-{policy}-{volume_id[-4:]}-{at:%F}", volume_id, at, at, tags=tags)


@pytest.fixture(scope="module")
def keeper(aws: Sandbox) -> Iterator[Deployment]:
    """A deployment with a retention, and a history: a year of its own, and some of another deployment's and others'."""
    region, now = aws.ec2.regions[HOME], aws.ec2.clock.now()
    for policy, days in {"keeper": YEAR, "another": MONTH, None: MONTH}.items():
        region.add(*(_taken(now - timedelta(days=day), policy) for day in days))
    region.add(*(_taken(now - timedelta(days=day), "keeper", "vol-gone") for day in MONTH))
    with Terraform(ROOT, aws.environment()) as terraform:
        terraform.init()
        terraform.apply(**SETTINGS)
        yield Deployment(aws, terraform, name="keeper", outputs=terraform.output())
        empty(aws, f"keeper-{ACCOUNT}")
        terraform.destroy(**SETTINGS)


def _snapshots(deployment: Deployment, policy: str | None, volume_id: str = VOLUME) -> dict[str, datetime]:
    """Return snapshot id -> start of a volume's snapshots that are a policy's, or nobody's."""
    found = deployment.aws.ec2.regions[HOME].snapshots_of(volume_id)
    return {s.id: s.started for s in found if s.tags.get("ebs-backup:Policy") == policy}


def _to_be_kept(snapshots: Mapping[str, datetime]) -> set[str]:
    """Work out what daily = 7 and monthly = 3 leave: the last snapshot of seven days and that of three months."""
    last_of_day, last_of_month = {}, {}
    for id_, at in sorted(snapshots.items(), key=lambda item: item[1]):
        last_of_day[at.date()] = last_of_month[at.year, at.month] = id_
    return {*list(last_of_day.values())[-7:], *list(last_of_month.values())[-3:]}


def brake_holds_when_most_of_a_history_would_go(keeper: Deployment, later: str) -> None:
    delivery = keeper.tick(later)

    assert [attempt.function_error for attempt in delivery.attempts] == ["Unhandled"] * 3
    (record,) = keeper.messages("failed_runs_queue_url")
    words = record["responsePayload"]["errorMessage"]
    assert "nothing was deleted in 1 regions" in words
    assert "- eu-west-1: deletion brake: would delete " in words
    assert words.endswith("more than max_deletions_percent = 50")
    assert len(_snapshots(keeper, "keeper")) == len(YEAR) + 1


def dry_run_shows_what_would_go_and_changes_nothing(keeper: Deployment) -> None:
    error, report = keeper.invoke(dry_run=True)

    verdicts = report["regions"][HOME]["verdicts"]
    assert error is None
    assert report["retention"] == keeper.outputs["retention"]
    assert all(verdict["reasons"] for verdict in verdicts)
    assert {v["snapshot_id"] for v in verdicts if v["keep"] and v["volume_id"] == VOLUME} == _to_be_kept(
        _snapshots(keeper, "keeper")
    )
    assert len(_snapshots(keeper, "keeper")) == len(YEAR) + 1


def run_deletes_what_no_rule_keeps_and_nothing_foreign(keeper: Deployment, later: str) -> None:
    keeper.terraform.apply(**SETTINGS | LOOSE)
    before, orphans = _snapshots(keeper, "keeper"), _snapshots(keeper, "keeper", "vol-gone")

    delivery = keeper.tick(later)

    after = _snapshots(keeper, "keeper")
    assert [attempt.function_error for attempt in delivery.attempts] == [None]
    assert after.keys() & before.keys() == _to_be_kept(before)
    assert len(after.keys() - before.keys()) == 1
    assert _snapshots(keeper, "keeper", "vol-gone").keys() == _to_be_kept(orphans)
    assert len(_snapshots(keeper, "another")) == len(_snapshots(keeper, None)) == len(MONTH)
    assert not keeper.terraform.changes_pending(**SETTINGS | LOOSE)


def second_plan_deletes_only_what_the_new_snapshot_replaces(keeper: Deployment) -> None:
    _, report = keeper.invoke(dry_run=True)

    verdicts = report["regions"][HOME]["verdicts"]
    going = {v["snapshot_id"] for v in verdicts if not v["keep"] and v["volume_id"] == VOLUME}
    assert going == _snapshots(keeper, "keeper").keys() - _to_be_kept(_snapshots(keeper, "keeper"))
    assert len(going) <= 2


def run_fails_without_a_grant_to_delete(keeper: Deployment, later: str) -> None:
    policy = keeper.policy()
    sids = [statement["Sid"] for statement in policy["Statement"]]
    assert {"InspectOwnedSnapshots", "ExpireOwnedSnapshots"} <= set(sids)
    old = _taken(keeper.aws.ec2.clock.now() - timedelta(days=200), "keeper")
    keeper.aws.ec2.regions[HOME].add(old)
    for sid in ("InspectOwnedSnapshots", "ExpireOwnedSnapshots"):
        keeper.put_policy(policy | {"Statement": [s for s in policy["Statement"] if s["Sid"] != sid]})
        error, answer = keeper.invoke(run_id=f"{later}-{sid}")
        keeper.aws.ec2.clock.advance(60)
        assert (error, "UnauthorizedOperation" in answer["errorMessage"]) == ("Unhandled", True)
        assert old.id in _snapshots(keeper, "keeper")
    keeper.put_policy(policy)


def altered_function_cannot_delete_foreign_snapshots(keeper: Deployment, later: str) -> None:
    package = keeper.terraform.directory / "function" / "ebs_backup"
    ours = "if marks <= s.tags.items() and s.tags.get(key) in (s.volume_id, PENDING)"
    shared = "if accounts := self._run.region.shared_with(delete.snapshot_id):"
    for file, honest, altered in (
        ("observe/own_snapshots.py", "owned = _filter(*ownership_tag(deployment))", "owned: dict[str, list[str]] = {}"),
        ("plan/expiry.py", ours, "if True"),
        ("apply/executor.py", shared, "if accounts := ():"),
    ):
        source = (package / file).read_text()
        assert honest in source
        (package / file).write_text(source.replace(honest, altered))
    keeper.terraform.apply(**SETTINGS | LOOSE)
    keeper.messages("failed_runs_queue_url")
    keeper.aws.ec2.calls.clear()

    keeper.tick(later)

    tried = [call.outcome for call in keeper.aws.ec2.calls if call.action == "DeleteSnapshot"]
    (record,) = keeper.messages("failed_runs_queue_url")
    assert len(_snapshots(keeper, "another")) == len(_snapshots(keeper, None)) == len(MONTH)
    assert "UnauthorizedOperation" in record["responsePayload"]["errorMessage"]
    assert tried.count("UnauthorizedOperation") >= len(MONTH)


def test_retention_deletes_only_what_it_may(keeper: Deployment, aws: Sandbox, later: str) -> None:
    """Each step builds on the one before, so they are one test."""
    times = _hours(aws, later)
    brake_holds_when_most_of_a_history_would_go(keeper, next(times))
    dry_run_shows_what_would_go_and_changes_nothing(keeper)
    run_deletes_what_no_rule_keeps_and_nothing_foreign(keeper, next(times))
    second_plan_deletes_only_what_the_new_snapshot_replaces(keeper)
    run_fails_without_a_grant_to_delete(keeper, next(times))
    altered_function_cannot_delete_foreign_snapshots(keeper, next(times))


def _hours(aws: Sandbox, first: str) -> Iterator[str]:
    """Yield times for runs, each an hour after the one before."""
    for hour in range(3, 24):
        yield first.replace("T03:", f"T{hour:02}:")
        aws.ec2.clock.advance(3600)
