"""Every example applies to the local AWS, changes nothing in a second plan, and can be destroyed.

One sandbox serves all examples at once, because each bucket's lifecycle takes the provider a minute. tests/e2e applies
the quickstart. The local AWS has one account, so the example with several is planned with mocked providers.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import hcl2
import pytest

from sandbox import Sandbox, backends
from sandbox.terraform import Terraform
from tests.terraform.dashboard import faults
from tools.inputs_outputs import declarations

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("examples")]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
WITHOUT_INPUTS = ("retention", "step-functions", "existing-bucket-and-key")
USERS_OF_KEY = {
    "AWS": ["arn:aws:iam::123456789012:root"],
    "Service": ["logs.eu-west-1.amazonaws.com", "events.amazonaws.com"],
}
KEY_POLICY = [
    {"Effect": "Allow", "Principal": {kind: users}, "Action": "kms:*", "Resource": "*"}
    for kind, users in USERS_OF_KEY.items()
]

Applied = dict[str, Terraform]


@pytest.fixture(scope="module")
def aws() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def examples(aws: Sandbox) -> Iterator[Applied]:
    """Apply the examples side by side, and in the end destroy them."""
    inputs: dict[str, dict[str, Any]] = {name: {} for name in WITHOUT_INPUTS}
    inputs["complete"] = _inputs_of_complete(aws)
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        copies = [Terraform(EXAMPLES / name, aws.environment(), within=ROOT) for name in inputs]
        applied = {name: stack.enter_context(copy) for name, copy in zip(inputs, copies, strict=True)}
        list(pool.map(_apply, applied.values(), inputs.values()))
        yield applied
        _empty_buckets(aws)
        list(pool.map(lambda copy, given: copy.destroy(**given), applied.values(), inputs.values()))
    assert aws.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    assert [bucket["Name"] for bucket in aws.client("s3").list_buckets()["Buckets"]] == ["of-the-account"]


def _apply(terraform: Terraform, inputs: dict[str, Any]) -> None:
    terraform.init()
    terraform.apply(**inputs)
    assert not terraform.changes_pending(**inputs)


def _inputs_of_complete(aws: Sandbox) -> dict[str, str]:
    """Make what the account of this example has already."""
    location = {"LocationConstraint": "eu-west-1"}
    aws.client("s3").create_bucket(Bucket="of-the-account", CreateBucketConfiguration=location)
    key = aws.client("kms").create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": KEY_POLICY}))
    topic = aws.client("sns").create_topic(Name="on-call")
    return {
        "bucket": "of-the-account",
        "kms_key_arn": key["KeyMetadata"]["Arn"],
        "on_call_topic_arn": topic["TopicArn"],
    }


def _empty_buckets(aws: Sandbox) -> None:
    """Delete the reports, as a user must before a destroy."""
    s3 = aws.client("s3")
    for bucket in [found["Name"] for found in s3.list_buckets()["Buckets"]]:
        for version in s3.list_object_versions(Bucket=bucket).get("Versions", ()):
            if not version["Key"].endswith(".zip"):
                s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])


@pytest.fixture(scope="module")
def alarms(aws: Sandbox, examples: Applied) -> dict[str, Any]:
    """The alarms of the example `complete`, by their name without that of the deployment."""
    found = aws.client("cloudwatch").describe_alarms(AlarmNamePrefix="production-backup-")["MetricAlarms"]
    assert sorted(alarm["AlarmName"] for alarm in found) == examples["complete"].output()["alarm_names"]
    return {alarm["AlarmName"].removeprefix("production-backup-"): alarm for alarm in found}


@pytest.mark.parametrize("name", [*WITHOUT_INPUTS, "complete"])
def test_example_makes_a_run(aws: Sandbox, examples: Applied, name: str) -> None:
    seen = len(aws.decisions)
    (delivery,) = aws.tick(examples[name].output()["rule_name"])
    if delivery.execution:
        assert (delivery.execution.status, delivery.execution.cause) == ("SUCCEEDED", "")
    else:
        assert [(attempt.function_error, attempt.logs) for attempt in delivery.attempts if attempt.function_error] == []
    assert not [decision for decision in aws.decisions[seen:] if not decision.allowed]


def test_several_accounts_have_a_deployment_each() -> None:
    with Terraform(EXAMPLES / "several-accounts", {}, within=ROOT) as terraform:
        (terraform.directory / "plan.tftest.hcl").write_text(_two_accounts(), "utf-8")
        terraform.init()
        terraform.run("test", "-no-color")


def _two_accounts() -> str:
    """Return a test in which each provider answers as another account."""
    accounts = {"production": "111122223333", "staging": "444455556666"}
    mocks = "".join(
        f"""
        mock_provider "aws" {{
          alias           = "{alias}"
          override_during = plan
          mock_data "aws_caller_identity" {{ defaults = {{ account_id = "{account}" }} }}
          mock_data "aws_partition" {{ defaults = {{ partition = "aws" }} }}
          mock_data "aws_region" {{ defaults = {{ id = "eu-west-1" }} }}
        }}"""
        for alias, account in accounts.items()
    )
    buckets = " && ".join(
        f'strcontains(output.reports_urls.{alias}, "ebs-backup-{account}")' for alias, account in accounts.items()
    )
    return f"""{mocks}
        run "plan" {{
          command = plan
          assert {{
            condition     = {buckets}
            error_message = "Each deployment is in its own account."
          }}
        }}"""


def test_every_example_has_a_readme() -> None:
    for example in EXAMPLES.iterdir():
        text = (example / "README.md").read_text("utf-8")
        assert all(part in text for part in ("**Use it when**", "**Run it", "**Change:**")), example


def test_complete_sets_every_variable() -> None:
    [call] = hcl2.loads((EXAMPLES / "complete" / "main.tf").read_text("utf-8"))["module"]
    declared = {variable.name for variable in declarations((ROOT / "variables.tf").read_text("utf-8"))}
    assert declared <= call['"ebs_backup"'].keys()


def test_alarms_watch_existing_queues_and_state_machine(aws: Sandbox, alarms: dict[str, Any]) -> None:
    dimensions = {(d["Name"], d["Value"]) for alarm in alarms.values() for d in alarm["Dimensions"]}
    queues = {url.rpartition("/")[2] for url in aws.client("sqs").list_queues()["QueueUrls"]}
    machines = {m["stateMachineArn"] for m in aws.client("stepfunctions").list_state_machines()["stateMachines"]}
    assert {value for name, value in dimensions if name == "QueueName"} <= queues
    assert {value for name, value in dimensions if name == "StateMachineArn"} <= machines
    assert {value for name, value in dimensions if name == "Policy"} == {"production-backup"}


def test_failed_run_reaches_the_queue_only_with_the_key(
    aws: Sandbox, examples: Applied, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = examples["complete"].output()["state_machine_arn"]
    monkeypatch.setattr(aws.ec2.regions["eu-west-3"], "denied", True)
    iam, name = aws.client("iam"), "production-backup-state-machine"
    policy = iam.get_role_policy(RoleName=name, PolicyName=name)["PolicyDocument"]
    keyless = policy | {"Statement": [s for s in policy["Statement"] if s["Sid"] != "UseKey"]}
    assert len(keyless["Statement"]) == len(policy["Statement"]) - 1

    iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(keyless))
    _fail(machine)
    assert _failed_runs(aws) == 0
    iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
    _fail(machine)
    assert _failed_runs(aws) == 1


def _fail(machine: str) -> None:
    """Make a run of a region that is denied, and wait for its end."""
    execution = backends.execute(machine, str(uuid4()), json.dumps({"regions": ["eu-west-3"]}))
    assert (execution.status, execution.error) == ("FAILED", "RunFailed")


def _failed_runs(aws: Sandbox) -> int:
    """Take the messages from the queue of failed runs and return their number."""
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName="production-backup-failed-runs")["QueueUrl"]
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return len(messages)


def test_alarm_notifies_topic_and_address(aws: Sandbox, alarms: dict[str, Any]) -> None:
    arns = [topic["TopicArn"] for topic in aws.client("sns").list_topics()["Topics"]]
    [mails, on_call] = [arn for end in (":production-backup-alarms", ":on-call") for arn in arns if arn.endswith(end)]
    for alarm in alarms.values():
        assert set(alarm["AlarmActions"]) == set(alarm["OKActions"]) == {mails, on_call}
        assert alarm["ActionsEnabled"]
    [subscription] = aws.client("sns").list_subscriptions_by_topic(TopicArn=mails)["Subscriptions"]
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "backup@example.com")


def test_queue_is_readable_as_the_alarm_says(aws: Sandbox, alarms: dict[str, Any]) -> None:
    for name in ("failed-runs", "undelivered"):
        [url] = [word for word in alarms[name]["AlarmDescription"].split() if word.startswith("http")]
        assert "Messages" not in aws.client("sqs").receive_message(QueueUrl=url)


def test_dashboard_shows_the_alarms(aws: Sandbox, alarms: dict[str, Any]) -> None:
    found = aws.client("cloudwatch").get_dashboard(DashboardName="production-backup")
    body = json.loads(found["DashboardBody"])
    assert list(faults(body)) == []
    [shown] = [widget["properties"]["alarms"] for widget in body["widgets"] if widget["type"] == "alarm"]
    assert set(shown) == {alarm["AlarmArn"] for alarm in alarms.values()}
