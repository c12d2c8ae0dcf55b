"""The quickstart, deployed for real on the local AWS: planned on one machine, applied on another."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.ec2 import Snapshot
from sandbox.events import Delivery
from sandbox.terraform import Terraform

ROOT = Path(__file__).resolve().parents[2]
QUICKSTART = ROOT / "examples" / "quickstart"
HOME = "eu-west-1"
DENIED = "ap-northeast-3"
ACCOUNT = "123456789012"
BUCKET = f"ebs-backup-{ACCOUNT}"
"""The quickstart's bucket, which other deployments share: applying one of its own takes the provider a minute."""

# Each test is an hour later, and the function, whose clock is the machine's, refuses a run of a time to come.
_BEHIND = timedelta(days=5)
PAST = f"{datetime.now(UTC) - _BEHIND - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
"""A time that is past by EC2's clock too, which is behind the machine's."""


@dataclass
class Deployment:
    """One deployment of the module, and what users and tests do with it."""

    aws: Sandbox
    terraform: Terraform
    name: str = "ebs-backup"
    outputs: dict[str, Any] = field(default_factory=dict)
    first_plan: str = ""

    def tick(self, time: str) -> Delivery:
        """Let the schedule tick."""
        (delivery,) = self.aws.tick(self.name, time=time)
        return delivery

    def invoke(self, **payload: object) -> tuple[str | None, Any]:
        """Invoke the function by hand; return its error, if any, and what it returned."""
        answer = self.aws.client("lambda").invoke(FunctionName=self.name, Payload=json.dumps(payload))
        return answer.get("FunctionError"), json.loads(answer["Payload"].read())

    def snapshots(self, run_id: str | None = None) -> list[tuple[str, Snapshot]]:
        """Return region and snapshot of all that this deployment made, or of one run."""
        return [
            (region.name, snapshot)
            for region in self.aws.ec2.regions.values()
            for snapshot in region.snapshots.values()
            if snapshot.tags.get("ebs-backup:Policy") == self.name
            and run_id in (None, snapshot.tags.get("ebs-backup:RunId"))
        ]

    def messages(self, output: str) -> list[Any]:
        """Take all messages from a queue that an output names."""
        sqs, url, taken = self.aws.client("sqs"), self.outputs[output], []
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            taken += [json.loads(message["Body"]) for message in found]
            for message in found:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    def ringing(self) -> set[str]:
        """Return the alarms that would be in alarm: their last value, or the length of their queue, is above zero."""
        found = self.aws.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{self.name}-")["MetricAlarms"]
        return {a["AlarmName"].removeprefix(f"{self.name}-") for a in found if self._rings(a)}

    def _rings(self, alarm: dict[str, Any]) -> bool:
        dimensions = {d["Name"]: d["Value"] for d in alarm["Dimensions"]}
        if queue := dimensions.get("QueueName"):
            return self._length(queue) > 0
        wanted = (alarm["Namespace"], alarm["MetricName"], dimensions)
        values = [d.value for d in self.aws.metrics.sent if (d.namespace, d.name, d.dimensions) == wanted]
        if alarm["Statistic"] == "SampleCount":
            return not values
        return bool(values) and values[-1] > alarm["Threshold"]

    def _length(self, queue: str) -> int:
        """Return the number of messages in a queue; in none that is gone."""
        sqs, asked = self.aws.client("sqs"), "ApproximateNumberOfMessages"
        urls = sqs.list_queues(QueueNamePrefix=queue).get("QueueUrls", ())
        return sum(int(sqs.get_queue_attributes(QueueUrl=u, AttributeNames=[asked])["Attributes"][asked]) for u in urls)

    def reports(self, run_id: str = "") -> list[str]:
        """Return the keys of the reports that this deployment has stored, of one run or of all."""
        stored = [key for key in _keys(self.aws, BUCKET) if key.startswith(f"{self.name}/reports/")]
        of_run = [key for key in stored if run_id.replace(":", "") in key.replace(":", "")]
        return [key for key in of_run if not key.endswith(".changes.jsonl")]

    def policy(self) -> Any:
        """Return the run role's policy as deployed."""
        return self.aws.client("iam").get_role_policy(RoleName=self.name, PolicyName=self.name)["PolicyDocument"]

    def put_policy(self, document: object) -> None:
        """Replace the run role's policy."""
        self.aws.client("iam").put_role_policy(
            RoleName=self.name, PolicyName=self.name, PolicyDocument=json.dumps(document)
        )


def _keys(aws: Sandbox, bucket: str) -> list[str]:
    answer = aws.client("s3").list_objects_v2(Bucket=bucket)
    return [found["Key"] for found in answer.get("Contents", ())]


def empty(aws: Sandbox, bucket: str) -> None:
    """Delete the reports, as a user has to, since destroying stops at a bucket that holds any."""
    for key in _keys(aws, bucket):
        if not key.endswith(".zip"):
            aws.client("s3").delete_object(Bucket=bucket, Key=key)


@pytest.fixture(scope="package")
def aws() -> Iterator[Sandbox]:
    with Sandbox(estate=ROOT / "sandbox" / "estates" / "demo.json") as sandbox:
        sandbox.ec2.pending_seconds = 0.0
        sandbox.ec2.clock.advance(-_BEHIND.total_seconds())
        yield sandbox


@pytest.fixture(scope="package")
def quickstart(aws: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Plan on one runner, which is gone before another one, at another place and with another umask, applies."""
    plan = tmp_path_factory.mktemp("artifact") / "saved.tfplan"
    with Terraform(QUICKSTART, aws.environment(), within=ROOT) as planner:
        planner.init()
        said = planner.run("plan", "-input=false", f"-out={plan}").stdout
    umask = os.umask(0o077)
    try:
        with Terraform(QUICKSTART, aws.environment(), within=ROOT) as terraform:
            terraform.init()
            terraform.run("apply", "-input=false", str(plan))
            yield Deployment(aws, terraform, outputs=terraform.output(), first_plan=said)
            empty(aws, BUCKET)
            terraform.destroy()
    finally:
        os.umask(umask)


@pytest.fixture
def later(aws: Sandbox) -> str:
    """Move on by an hour, so that no rule about what was just done is in the way; return a time for a run."""
    aws.ec2.clock.advance(3600)
    return aws.ec2.clock.now().strftime("%Y-%m-%dT%H:%M:00Z")
