"""The example with everything switched on is applied to the local AWS, changes nothing a second time, and goes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from sandbox import Sandbox, backends
from sandbox.terraform import Terraform
from tests.terraform.dashboard import faults

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("examples")]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def aws() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def complete(aws: Sandbox) -> Iterator[Terraform]:
    with Terraform(ROOT / "examples" / "complete", aws.environment(), within=ROOT) as terraform:
        terraform.init()
        terraform.apply()
        yield terraform
        _empty(aws)  # as a user has to, who wants to destroy a bucket with reports in it
        terraform.destroy()
        assert aws.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
        assert aws.client("s3").list_buckets()["Buckets"] == []


def _empty(aws: Sandbox) -> None:
    s3 = aws.client("s3")
    [bucket] = [found["Name"] for found in s3.list_buckets()["Buckets"]]
    for version in s3.list_object_versions(Bucket=bucket).get("Versions", ()):
        if not version["Key"].endswith(".zip"):
            s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])


@pytest.fixture(scope="module")
def alarms(aws: Sandbox, complete: Terraform) -> dict[str, Any]:
    found = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert sorted(alarm["AlarmName"] for alarm in found) == complete.output()["alarm_names"]
    return {alarm["AlarmName"].removeprefix("production-backup-"): alarm for alarm in found}


def test_what_is_applied_is_what_was_planned(complete: Terraform) -> None:
    assert not complete.changes_pending()


def test_there_is_an_alarm_for_everything_that_can_go_wrong(alarms: dict[str, Any]) -> None:
    assert {name: alarm["EvaluationPeriods"] * alarm["Period"] // 60 for name, alarm in alarms.items()} == {
        "aborted": 15,
        "deletion-brake": 15,
        "failed-runs": 15,
        "no-run": 62 * 60,
        "timed-out": 15,
        "uncovered-volumes": 15,
        "undelivered": 15,
    }


def test_alarms_watch_queues_that_there_are_and_the_metrics_of_the_policy(aws: Sandbox, alarms: dict[str, Any]) -> None:
    dimensions = {(d["Name"], d["Value"]) for alarm in alarms.values() for d in alarm["Dimensions"]}
    queues = {url.rpartition("/")[2] for url in aws.client("sqs").list_queues()["QueueUrls"]}
    policy = json.loads(
        aws.client("lambda").get_function_configuration(FunctionName="production-backup")["Environment"]["Variables"][
            "POLICY"
        ]
    )
    assert {value for name, value in dimensions if name == "QueueName"} == queues
    assert {name for name, _ in dimensions} == {"QueueName", "Policy", "StateMachineArn"}
    assert {value for name, value in dimensions if name == "Policy"} == {policy["name"]}
    [machine] = aws.client("stepfunctions").list_state_machines()["stateMachines"]
    assert {value for name, value in dimensions if name == "StateMachineArn"} == {machine["stateMachineArn"]}


def test_within_the_boundary_a_run_can_be_made(aws: Sandbox, complete: Terraform) -> None:
    (delivery,) = aws.tick(complete.output()["rule_name"])
    assert delivery.execution
    assert (delivery.execution.status, delivery.execution.cause) == ("SUCCEEDED", "")
    assert not [decision for decision in aws.decisions if not decision.allowed]


@pytest.mark.usefixtures("complete")
def test_a_run_that_failed_is_told_of_by_whoever_may_use_the_key(aws: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws.ec2.regions["eu-west-3"], "denied", True)
    iam, name = aws.client("iam"), "production-backup-state-machine"
    policy = iam.get_role_policy(RoleName=name, PolicyName=name)["PolicyDocument"]
    keyless = policy | {"Statement": [s for s in policy["Statement"] if s["Sid"] != "UseKey"]}
    assert len(keyless["Statement"]) == len(policy["Statement"]) - 1

    iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(keyless))
    _fail(aws, "eu-west-3")
    assert _failed_runs(aws) == 0
    iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
    _fail(aws, "eu-west-3")
    assert _failed_runs(aws) == 1


def _fail(aws: Sandbox, region: str) -> None:
    """Make a run of a region that is denied, and wait for the end."""
    steps = aws.client("stepfunctions")
    [machine] = [found["stateMachineArn"] for found in steps.list_state_machines()["stateMachines"]]
    execution = backends.execute(machine, str(uuid4()), json.dumps({"regions": [region]}))
    assert (execution.status, execution.error) == ("FAILED", "RunFailed")


def _failed_runs(aws: Sandbox) -> int:
    """Take what is in the queue of failed runs, and say how much it was."""
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName="production-backup-failed-runs")["QueueUrl"]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return len(messages)


def test_people_and_machines_are_told_when_an_alarm_begins_and_ends(aws: Sandbox, alarms: dict[str, Any]) -> None:
    topics = {arn.rpartition(":")[2]: arn for arn in (t["TopicArn"] for t in aws.client("sns").list_topics()["Topics"])}
    assert topics.keys() == {"production-backup-alarms", "production-backup-on-call"}
    for alarm in alarms.values():
        assert set(alarm["AlarmActions"]) == set(alarm["OKActions"]) == set(topics.values())
        assert alarm["ActionsEnabled"]
    [subscription] = aws.client("sns").list_subscriptions()["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "backup@example.com")
    assert subscription["TopicArn"] == topics["production-backup-alarms"]


def test_an_alarms_queue_can_be_read_as_its_description_says(aws: Sandbox, alarms: dict[str, Any]) -> None:
    for name in ("failed-runs", "undelivered"):
        [url] = [word for word in alarms[name]["AlarmDescription"].split() if word.startswith("http")]
        assert "Messages" not in aws.client("sqs").receive_message(QueueUrl=url)


def test_the_dashboard_shows_the_alarms(aws: Sandbox, complete: Terraform, alarms: dict[str, Any]) -> None:
    found = aws.client("cloudwatch").get_dashboard(DashboardName=complete.output()["dashboard_name"])
    body = json.loads(found["DashboardBody"])
    assert list(faults(body)) == []
    [shown] = [widget["properties"]["alarms"] for widget in body["widgets"] if widget["type"] == "alarm"]
    assert set(shown) == {alarm["AlarmArn"] for alarm in alarms.values()}
