"""The example with everything switched on is applied to the local AWS, changes nothing a second time, and goes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import Sandbox
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
        terraform.destroy()
        assert aws.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
        assert aws.client("s3").list_buckets()["Buckets"] == []


@pytest.fixture(scope="module")
def alarms(aws: Sandbox, complete: Terraform) -> dict[str, Any]:
    found = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert sorted(alarm["AlarmName"] for alarm in found) == complete.output()["alarm_names"]
    return {alarm["AlarmName"].removeprefix("production-backup-"): alarm for alarm in found}


def test_what_is_applied_is_what_was_planned(complete: Terraform) -> None:
    assert not complete.changes_pending()


def test_there_is_an_alarm_for_everything_that_can_go_wrong(alarms: dict[str, Any]) -> None:
    assert alarms.keys() == {"deletion-brake", "failed-runs", "no-run", "uncovered-volumes", "undelivered"}
    assert {name: alarm["EvaluationPeriods"] * alarm["Period"] // 60 for name, alarm in alarms.items()} == {
        "deletion-brake": 15,
        "failed-runs": 15,
        "no-run": 62 * 60,
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
    assert {name for name, _ in dimensions} == {"QueueName", "Policy"}
    assert {value for name, value in dimensions if name == "Policy"} == {policy["name"]}


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
