"""Retention as deployed: what is due is announced, confirmed, and deleted later, and IAM refuses everything else.

The history has a snapshot every fourth day: no more deletions than DeleteSnapshot's bucket gives out at once. The
function goes by the clock of EC2 here. Days pass by an announcement that is put back.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ebs_backup.model.origin import Origin, describe
from sandbox import Sandbox
from sandbox.ec2 import Snapshot
from sandbox.terraform import Terraform
from tests.e2e.conftest import ACCOUNT, HOME, PAST, ROOT, Deployment, empty

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("retention")]

SETTINGS: dict[str, Any] = {
    "name": "keeper",
    "regions": [HOME],
    "retention": {"daily": 7, "monthly": 3},
    "alarm_actions": [f"arn:aws:sns:{HOME}:{ACCOUNT}:on-call"],
}
VOLUME = "vol-0c691dc383ded586f"
YEAR, MONTH = range(2, 366, 4), range(40, 70, 2)
DELETE_AFTER, HOLD = "ebs-backup:DeleteAfter", "ebs-backup:Hold"

# What somebody might put in the place of the function's code.
INTRUDER = """
import boto3

def outcome(call, **parameters):
    try:
        call(**parameters)
    except Exception as error:
        return error.response["Error"]["Code"]
    return "done"

def lambda_handler(event, context):
    ec2, s3 = boto3.client("ec2"), boto3.client("s3")
    report = {"Bucket": event["bucket"], "Key": event["report"], "Body": b"all is well"}
    mark = {"Key": "ebs-backup:Policy", "Value": "keeper"}
    return {
        "delete": {id: outcome(ec2.delete_snapshot, SnapshotId=id) for id in event["delete"]},
        "adopt": outcome(ec2.create_tags, Resources=[event["foreign"]], Tags=[mark]),
        "announce": outcome(ec2.create_tags, Resources=[event["foreign"]], Tags=[mark | {"Key": event["tag"]}]),
        "overwrite": outcome(s3.put_object, **report),
        "write again": outcome(s3.put_object, **report, IfNoneMatch="*"),
        "remove": outcome(s3.delete_object, Bucket=event["bucket"], Key=event["report"]),
    }
"""


def _taken(at: datetime, who: str, marked: bool, made: bool, volume_id: str = VOLUME) -> Snapshot:
    """Return a snapshot with a deployment's tags, or made by it, or both, or neither."""
    run_id = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    words = {"Policy": who, "RunId": run_id, "Region": HOME, "VolumeId": volume_id} if marked else {}
    tags = {f"ebs-backup:{word}": value for word, value in words.items()}
    description = describe(volume_id, Origin(who, run_id, "keep every snapshot")) if made else ""
    id_ = f"snap-{who}-{volume_id[-4:]}-{at:%F}"
    return Snapshot(id_, volume_id, at, at, tags=tags, description=description)


@pytest.fixture(scope="module")
def keeper(aws: Sandbox) -> Iterator[Deployment]:
    """A deployment that gets a retention after a year in which it kept everything, among other snapshots."""
    region, now = aws.ec2.regions[HOME], aws.ec2.clock.now()
    for who, marked, made, days in (
        ("keeper", True, True, YEAR),
        ("another", True, True, MONTH),
        ("nobody", False, False, MONTH),
    ):
        region.add(*(_taken(now - timedelta(days=day), who, marked, made) for day in days))
    region.add(*(_taken(now - timedelta(days=day), "keeper", True, True, "vol-gone") for day in MONTH))
    adopted = [_taken(now - timedelta(days=day), "keeper", True, False, "vol-adopted") for day in MONTH]
    region.add(*adopted)
    with Terraform(ROOT, aws.environment()) as terraform:
        terraform.init()
        terraform.apply(**SETTINGS)
        yield Deployment(aws, terraform, name="keeper", outputs=terraform.output())
        aws.functions.ahead = 0.0
        empty(aws, f"keeper-{ACCOUNT}")
        terraform.destroy(**SETTINGS)


def _snapshots(deployment: Deployment, who: str = "keeper", volume_id: str = VOLUME) -> dict[str, Snapshot]:
    """Return the snapshots of a volume that are a deployment's, or nobody's, by id."""
    found = deployment.aws.ec2.regions[HOME].snapshots_of(volume_id)
    return {s.id: s for s in found if s.tags.get("ebs-backup:Policy", "nobody") == who}


def _announced(deployment: Deployment, volume_id: str = VOLUME) -> set[str]:
    return {id_ for id_, s in _snapshots(deployment, volume_id=volume_id).items() if s.tags.get(DELETE_AFTER)}


def _foreign(deployment: Deployment) -> dict[str, Snapshot]:
    others = [("another", VOLUME), ("nobody", VOLUME), ("keeper", "vol-adopted")]
    return {id_: s for who, volume_id in others for id_, s in _snapshots(deployment, who, volume_id).items()}


def _to_be_kept(snapshots: dict[str, Snapshot]) -> set[str]:
    """Work out what daily = 7 and monthly = 3 leave: the last snapshot of seven days and that of three months."""
    last_of_day, last_of_month = {}, {}
    for run_id, id_ in sorted((s.tags["ebs-backup:RunId"], id_) for id_, s in snapshots.items()):
        last_of_day[run_id[:10]] = last_of_month[run_id[:7]] = id_
    return {*list(last_of_day.values())[-7:], *list(last_of_month.values())[-3:]}


def brake_holds_until_the_retention_is_confirmed(keeper: Deployment, later: str) -> None:
    delivery = keeper.tick(later)

    assert [attempt.function_error for attempt in delivery.attempts] == ["Unhandled"] * 3
    assert keeper.ringing() >= {"failed-runs", "deletion-brake"}
    (record,) = keeper.messages("failed_runs_queue_url")
    words = record["responsePayload"]["errorMessage"]
    assert f'set confirmed_retention = "{keeper.outputs["retention_code"]}"' in words
    assert 'may keep less than "keep every snapshot"' in words
    assert len(_snapshots(keeper)) == len(YEAR) + 1
    assert not _announced(keeper)


def confirmed_run_announces_and_deletes_nothing(keeper: Deployment, later: str) -> None:
    keeper.terraform.apply(**SETTINGS, confirmed_retention=keeper.outputs["retention_code"])
    before, orphans = _snapshots(keeper), _snapshots(keeper, volume_id="vol-gone")

    delivery = keeper.tick(later)

    assert [attempt.function_error for attempt in delivery.attempts] == [None]
    assert "deletion-brake" not in keeper.ringing()
    assert _announced(keeper) == before.keys() - _to_be_kept(before)
    assert _announced(keeper, "vol-gone") == orphans.keys() - _to_be_kept(orphans)
    assert _snapshots(keeper).keys() > before.keys()
    (after,) = {_snapshots(keeper)[id_].tags[DELETE_AFTER] for id_ in _announced(keeper)}
    assert timedelta(days=2.9) < datetime.fromisoformat(after) - keeper.aws.ec2.clock.now() < timedelta(days=3)


def nothing_goes_before_its_time(keeper: Deployment, later: str) -> None:
    before = _snapshots(keeper)

    assert [attempt.function_error for attempt in keeper.tick(later).attempts] == [None]

    assert _snapshots(keeper).keys() > before.keys()


def run_deletes_what_was_announced_and_is_not_held(keeper: Deployment, later: str) -> None:
    due, orphans = _announced(keeper), _announced(keeper, "vol-gone")
    held, *_ = sorted(due)
    _tag(keeper, [*due, *orphans], DELETE_AFTER, PAST)
    _tag(keeper, [held], HOLD, "for the auditors")
    foreign = _foreign(keeper)

    delivery = keeper.tick(later)

    assert [attempt.function_error for attempt in delivery.attempts] == [None]
    assert due & _snapshots(keeper).keys() == {held}
    assert not orphans & _snapshots(keeper, volume_id="vol-gone").keys()
    assert _foreign(keeper) == foreign
    assert not keeper.terraform.changes_pending(**SETTINGS, confirmed_retention=keeper.outputs["retention_code"])


def _tag(deployment: Deployment, snapshot_ids: list[str], key: str, value: str) -> None:
    """Tag snapshots as somebody in the account may do."""
    deployment.aws.client("ec2").create_tags(Resources=snapshot_ids, Tags=[{"Key": key, "Value": value}])


def run_fails_without_any_one_grant_to_delete(keeper: Deployment, times: Iterator[str]) -> None:
    policy = keeper.policy()
    for sid, announced in (("AnnounceDeletions", ""), ("InspectOwnedSnapshots", PAST), ("ExpireOwnedSnapshots", PAST)):
        old = _taken(keeper.aws.ec2.clock.now() - timedelta(days=200), "keeper", True, True)
        keeper.aws.ec2.regions[HOME].add(old)
        if announced:
            _tag(keeper, [old.id], DELETE_AFTER, announced)
        keeper.put_policy(policy | {"Statement": [s for s in policy["Statement"] if s["Sid"] != sid]})
        delivery = keeper.tick(next(times))
        (record,) = keeper.messages("failed_runs_queue_url")
        assert delivery.attempts[-1].function_error == "Unhandled"
        assert "UnauthorizedOperation" in record["responsePayload"]["errorMessage"]
        assert old.id in _snapshots(keeper)
    keeper.put_policy(policy)


def altered_function_meets_iam(keeper: Deployment) -> None:
    handler = keeper.terraform.directory / "function" / "ebs_backup" / "handler.py"
    handler.write_text(INTRUDER)
    keeper.terraform.apply(**SETTINGS)
    s3, bucket = keeper.aws.client("s3"), f"keeper-{ACCOUNT}"
    report = next(o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"] if "/reports/" in o["Key"])
    evidence = s3.get_object(Bucket=bucket, Key=report)["Body"].read()
    held = next(id_ for id_, s in _snapshots(keeper).items() if HOLD in s.tags)
    own = sorted(_snapshots(keeper).keys() - _announced(keeper) - {held})
    withdrawn, announced, *_ = own
    _tag(keeper, [withdrawn], DELETE_AFTER, "")
    _tag(keeper, [announced, held], DELETE_AFTER, PAST)
    foreign = _foreign(keeper)
    _tag(keeper, [*foreign], DELETE_AFTER, PAST)  # whoever may tag can announce what is not the deployment's
    stay = {held, withdrawn, own[2], *(id_ for id_, s in foreign.items() if s.volume_id == VOLUME)}

    error, found = keeper.invoke(
        bucket=bucket,
        report=report,
        delete=[*sorted(stay), announced],
        foreign=next(id_ for id_ in foreign if "nobody" in id_),
        tag=DELETE_AFTER,
    )

    assert error is None
    assert found.pop("delete") == dict.fromkeys(sorted(stay), "UnauthorizedOperation") | {announced: "done"}
    assert found == {
        "adopt": "UnauthorizedOperation",
        "announce": "UnauthorizedOperation",
        "overwrite": "AccessDenied",
        "write again": "PreconditionFailed",
        "remove": "AccessDenied",
    }
    assert s3.get_object(Bucket=bucket, Key=report)["Body"].read() == evidence


def test_retention_deletes_only_what_it_may(keeper: Deployment, aws: Sandbox) -> None:
    """Each step builds on the one before, so they are one test."""
    times = _hours(aws)
    brake_holds_until_the_retention_is_confirmed(keeper, next(times))
    confirmed_run_announces_and_deletes_nothing(keeper, next(times))
    nothing_goes_before_its_time(keeper, next(times))
    run_deletes_what_was_announced_and_is_not_held(keeper, next(times))
    run_fails_without_any_one_grant_to_delete(keeper, times)
    altered_function_meets_iam(keeper)


def _hours(aws: Sandbox) -> Iterator[str]:
    """Yield times for runs, each an hour after the one before."""
    while True:
        aws.ec2.clock.advance(3600)
        aws.functions.ahead = (aws.ec2.clock.now() - datetime.now(UTC)).total_seconds()
        yield aws.ec2.clock.now().strftime("%Y-%m-%dT%H:%M:00Z")
