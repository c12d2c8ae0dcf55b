"""Least privilege: a run needs every grant of its role, and every condition stops an attempt."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.ec2 import Attachment, Instance, Volume
from tests.e2e.conftest import BUCKET, DENIED, HOME, Deployment

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("least privilege")]

Policy = dict[str, Any]

GRANTS = [
    ("Observe", "ec2:DescribeVolumes"),
    ("Observe", "ec2:DescribeSnapshots"),
    ("Observe", "ec2:DescribeInstances"),
    ("DiscoverRegions", "ec2:DescribeRegions"),
    ("SnapshotVolumes", "ec2:CreateSnapshot"),
    ("SnapshotVolumes", "ec2:CreateSnapshots"),
    ("SnapshotInstances", "ec2:CreateSnapshots"),
    ("CreateOwnedSnapshots", "ec2:CreateSnapshot"),
    ("CreateOwnedSnapshots", "ec2:CreateSnapshots"),
    ("TagOnCreate", "ec2:CreateTags"),
    ("CompleteTags", "ec2:CreateTags"),
    ("WriteReports", "s3:PutObject"),
    ("ListReports", "s3:ListBucket"),
    ("WriteLogs", "logs:CreateLogStream"),
    ("WriteLogs", "logs:PutLogEvents"),
    ("ReportFailedRuns", "sqs:SendMessage"),
]


@pytest.fixture(scope="module")
def estate(quickstart: Deployment) -> Deployment:
    """The estate with one instance more, some of whose volumes are selected and one is not."""
    region = quickstart.aws.ec2.regions[HOME]
    region.add(Instance("i-partial", f"{HOME}a", root_device="/dev/xvda"))
    for letter, tags in {"a": {"ebs-backup:Skip": "true"}, "b": {}, "c": {}}.items():
        place = Attachment("i-partial", f"/dev/xvd{letter}")
        region.add(Volume(f"vol-partial-{letter}", f"{HOME}a", tags=tags, attachments=(place,)))
    return quickstart


@pytest.fixture
def deployed(estate: Deployment) -> Iterator[Policy]:
    """The policy as Terraform deployed it; it is put back in the end."""
    policy = estate.policy()
    yield copy.deepcopy(policy)
    estate.put_policy(policy)


# --- every grant is needed ---


def _shortcomings(deployment: Deployment, run_id: str) -> set[str]:
    """Make a run as the schedule would, and say what of it is not as it should be."""
    deployment.messages("failed_runs_queue_url")
    deployment.aws.ec2.calls.clear()
    logged = _log_events(deployment)
    delivery = deployment.tick(run_id)
    made = {snapshot.volume_id: snapshot for _, snapshot in deployment.snapshots(run_id)}
    refused = {c.action for c in deployment.aws.ec2.calls if c.region != DENIED and c.outcome != "OK"}
    checks = {
        "the event was not delivered": delivery.delivered,
        "volumes have no snapshot": len(made) > 20,
        "tags are missing": all(s.tags["ebs-backup:VolumeId"] == s.volume_id for s in made.values()),
        "the report was not stored": sum(run_id in key for key in deployment.reports()) == 2,
        "nothing was logged": _log_events(deployment) > logged,
        # This one always fails, because of its one denied region.
        "the failed run was not reported": len(deployment.messages("failed_runs_queue_url")) == 1,
    }
    return {problem for problem, fine in checks.items() if not fine} | refused


def _log_events(deployment: Deployment) -> int:
    return len(deployment.aws.client("logs").filter_log_events(logGroupName="/aws/lambda/ebs-backup")["events"])


def _without(policy: Policy, sid: str, action: str) -> Policy:
    for statement in policy["Statement"]:
        if statement["Sid"] == sid:
            statement["Action"].remove(action)
    return policy | {"Statement": [statement for statement in policy["Statement"] if statement["Action"]]}


def test_role_has_exactly_these_grants(deployed: Policy) -> None:
    assert [(s["Sid"], action) for s in deployed["Statement"] for action in s["Action"]] == GRANTS


def test_run_is_complete_with_all_grants(estate: Deployment, later: str) -> None:
    assert _shortcomings(estate, later) == set()


@pytest.mark.parametrize(("sid", "action"), GRANTS)
def test_run_falls_short_without_any_one_grant(
    estate: Deployment, deployed: Policy, later: str, sid: str, action: str
) -> None:
    estate.put_policy(_without(deployed, sid, action))

    assert _shortcomings(estate, later)


@pytest.mark.parametrize("call", ["CreateSnapshot", "CreateSnapshots"])
def test_creating_call_is_refused_without_leave_to_tag(
    estate: Deployment, deployed: Policy, later: str, call: str
) -> None:
    for statement in deployed["Statement"]:
        if statement["Sid"] == "TagOnCreate":
            statement["Condition"]["StringEquals"]["ec2:CreateAction"].remove(call)
    estate.put_policy(deployed)

    assert call in _shortcomings(estate, later)


# --- every condition stops something ---


@dataclass(frozen=True)
class Intruder:
    """Somebody who has got hold of the run role's credentials, in an account with snapshots of ours and of others."""

    ec2: Any
    s3: Any
    ours: str
    foreign: str
    volume: str

    def create(self, **words: str) -> None:
        """Create a snapshot with these words as tags under our prefix."""
        tags = [{"Key": f"ebs-backup:{word}", "Value": value} for word, value in words.items()]
        specification = [{"ResourceType": "snapshot", "Tags": [*tags, {"Key": "x", "Value": "y"}]}]
        self.ec2.create_snapshot(VolumeId=self.volume, TagSpecifications=specification)

    def tag(self, snapshot_id: str, key: str = "x") -> None:
        """Tag a snapshot."""
        self.ec2.create_tags(Resources=[snapshot_id], Tags=[{"Key": key, "Value": "y"}])


DENIAL = "UnauthorizedOperation|AccessDenied"
OURS = {"Policy": "ebs-backup", "RunId": "r", "Region": "r"}
Attack = Callable[[Intruder], object]

# What a condition forbids: (statement, operator, key) -> an attempt that only this condition is in the way of.
CONDITIONS: dict[tuple[str, str, str], Attack] = {
    ("CreateOwnedSnapshots", "StringEquals", "aws:RequestTag/ebs-backup:Policy"): lambda intruder: intruder.create(
        **OURS | {"Policy": "weekly"}
    ),
    ("CreateOwnedSnapshots", "Null", "aws:RequestTag/ebs-backup:RunId"): lambda intruder: intruder.create(
        Policy="ebs-backup", Region="r"
    ),
    ("CreateOwnedSnapshots", "Null", "aws:RequestTag/ebs-backup:Region"): lambda intruder: intruder.create(
        Policy="ebs-backup", RunId="r"
    ),
    ("TagOnCreate", "StringEquals", "ec2:CreateAction"): lambda intruder: intruder.tag(intruder.foreign),
    ("CompleteTags", "StringEquals", "aws:ResourceTag/ebs-backup:Policy"): lambda intruder: intruder.tag(
        intruder.foreign
    ),
    ("CompleteTags", "Null", "aws:RequestTag/ebs-backup:Policy"): lambda intruder: intruder.tag(
        intruder.ours, "ebs-backup:Policy"
    ),
    ("CompleteTags", "Null", "aws:RequestTag/ebs-backup:RunId"): lambda intruder: intruder.tag(
        intruder.ours, "ebs-backup:RunId"
    ),
    ("CompleteTags", "Null", "aws:RequestTag/ebs-backup:Region"): lambda intruder: intruder.tag(
        intruder.ours, "ebs-backup:Region"
    ),
    ("ListReports", "StringLike", "s3:prefix"): lambda intruder: intruder.s3.list_objects_v2(Bucket=BUCKET),
}

# What no statement grants.
FORBIDDEN: dict[str, Attack] = {
    "delete a foreign snapshot": lambda intruder: intruder.ec2.delete_snapshot(SnapshotId=intruder.foreign),
    "delete one of our own snapshots": lambda intruder: intruder.ec2.delete_snapshot(SnapshotId=intruder.ours),
    "share a snapshot": lambda intruder: intruder.ec2.modify_snapshot_attribute(
        SnapshotId=intruder.ours, Attribute="createVolumePermission", OperationType="add", UserIds=["111122223333"]
    ),
    "copy a snapshot": lambda intruder: intruder.ec2.copy_snapshot(
        SourceRegion=HOME, SourceSnapshotId=intruder.foreign
    ),
    "tag a volume": lambda intruder: intruder.tag(intruder.volume),
    "read a report": lambda intruder: intruder.s3.get_object(Bucket=BUCKET, Key="ebs-backup/reports/x.json"),
    "delete a report": lambda intruder: intruder.s3.delete_object(Bucket=BUCKET, Key="ebs-backup/reports/x.json"),
    "replace the package": lambda intruder: intruder.s3.put_object(Bucket=BUCKET, Key="ebs-backup/x.zip", Body=b""),
    "take tags away": lambda intruder: intruder.ec2.delete_tags(Resources=[intruder.ours], Tags=[{"Key": "Name"}]),
}


@pytest.fixture
def intruder(estate: Deployment, later: str) -> Intruder:
    """Let a run make snapshots of ours and somebody else make one of his own."""
    estate.invoke(run_id=later, regions=[HOME])
    ours = next(snapshot.id for region, snapshot in estate.snapshots(later) if region == HOME)
    estate.aws.ec2.clock.advance(60)
    foreign = estate.aws.client("ec2").create_snapshot(VolumeId="vol-partial-a")["SnapshotId"]
    role = estate.aws.client("iam").get_role(RoleName=estate.name)["Role"]["Arn"]
    ec2, s3 = (estate.aws.client(service, role_arn=role) for service in ("ec2", "s3"))
    return Intruder(ec2, s3, ours, foreign, "vol-partial-b")


def test_role_has_exactly_these_conditions(deployed: Policy) -> None:
    found = {
        (statement["Sid"], operator, key)
        for statement in deployed["Statement"]
        for operator, keys in statement.get("Condition", {}).items()
        for key in keys
    }

    assert found == CONDITIONS.keys()


@pytest.mark.parametrize("condition", CONDITIONS, ids=" ".join)
def test_attempt_is_refused_by_its_condition_alone(
    estate: Deployment, deployed: Policy, intruder: Intruder, condition: tuple[str, str, str]
) -> None:
    sid, operator, key = condition
    attack = CONDITIONS[condition]

    with pytest.raises(ClientError, match=DENIAL):
        attack(intruder)

    for statement in deployed["Statement"]:
        if statement["Sid"] == sid:
            del statement["Condition"][operator][key]
    estate.put_policy(deployed)
    attack(intruder)


@pytest.mark.parametrize("attempt", FORBIDDEN)
def test_attempt_is_refused_without_a_grant(intruder: Intruder, attempt: str) -> None:
    with pytest.raises(ClientError, match=DENIAL):
        FORBIDDEN[attempt](intruder)


def test_role_reaches_no_other_queue_and_lists_no_bucket(estate: Deployment) -> None:
    role = estate.aws.client("iam").get_role(RoleName=estate.name)["Role"]["Arn"]
    sqs, s3 = (estate.aws.client(service, role_arn=role) for service in ("sqs", "s3"))
    undelivered = estate.aws.client("sqs").get_queue_url(QueueName="ebs-backup-undelivered")["QueueUrl"]

    with pytest.raises(ClientError, match="AccessDenied"):
        sqs.send_message(QueueUrl=undelivered, MessageBody="{}")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_buckets()
