"""Whoever is told of something is told: each thing that can go wrong, done to the deployed stack, moves its alarm.

CloudWatch's own part, the alarm's state and its mail, is not simulated. What the alarm watches is.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox import Sandbox, backends
from sandbox.terraform import Terraform
from tests.e2e.conftest import ACCOUNT, BUCKET, HOME, ROOT, Deployment

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("alarms")]

QUIET: set[str] = set()
SETTINGS: dict[str, Any] = {
    "name": "watched",
    "regions": [HOME],
    "bucket": BUCKET,
    "notification_emails": ["backup@example.com"],
    # The local EC2 is some days behind the function's clock, which measures the age of its snapshots.
    "recovery_point_objective_hours": 168,
}
SERVICES = ["logs.eu-west-1.amazonaws.com", "events.amazonaws.com"]


@dataclass(frozen=True)
class Watched:
    """A deployment whose every part can be broken; `key` encrypts what the module lets a key encrypt."""

    deployment: Deployment
    key: str

    def client(self, service: str) -> Any:
        """Return a client of the administrator."""
        return self.deployment.aws.client(service)

    @property
    def is_in_pieces(self) -> bool:
        """Tell whether only an apply mends this."""
        queues = self.client("sqs").list_queues(QueueNamePrefix="watched-").get("QueueUrls", ())
        function = backends.resource_policy(f"arn:aws:lambda:{HOME}:{ACCOUNT}:function:watched")
        schedule = backends.rule("watched", HOME)
        return (
            len(queues) < 2
            or not (function and function["Statement"])
            or schedule is None
            or schedule.state != "ENABLED"
        )

    def without(self, sid: str) -> None:
        """Take a statement out of the run role's policy."""
        policy = self.deployment.policy()
        left = [statement for statement in policy["Statement"] if statement["Sid"] != sid]
        assert len(left) == len(policy["Statement"]) - 1
        self.deployment.put_policy(policy | {"Statement": left})

    def set(self, **settings: Any) -> None:
        """Change what the function is told."""
        given = json.loads(self.deployment.outputs["deployment"]) | settings
        self.client("lambda").update_function_configuration(
            FunctionName="watched", Environment={"Variables": {"POLICY": json.dumps(given)}}
        )

    def disable_key(self) -> None:
        """Disable the key that encrypts environment, log and queues."""
        self.client("kms").disable_key(KeyId=self.key.rpartition("/")[2])

    def deny_region(self) -> None:
        """Deny the region, as a service control policy does."""
        self.deployment.aws.ec2.regions[HOME].denied = True

    def disconnect(self) -> None:
        """Take from the schedule the leave to invoke the function."""
        self.client("lambda").remove_permission(FunctionName="watched", StatementId="AllowSchedule")

    def lose_event(self) -> None:
        """Let EventBridge reach neither the function nor the queue of undelivered events."""
        self.disconnect()
        self.delete_queue("undelivered")

    def lose_failure(self) -> None:
        """Let a run fail and Lambda not say so."""
        self.deny_region()
        self.without("ReportFailedRuns")

    def delete_queue(self, name: str) -> None:
        """Delete a queue."""
        sqs = self.client("sqs")
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=f"watched-{name}")["QueueUrl"])


@pytest.fixture(scope="module")
def terraform(quickstart: Deployment) -> Iterator[tuple[Terraform, dict[str, Any]]]:
    kms = quickstart.aws.client("kms")
    trusted = {"AWS": f"arn:aws:iam::{ACCOUNT}:root", "Service": SERVICES}
    policy = {"Statement": [{"Effect": "Allow", "Principal": trusted, "Action": "kms:*", "Resource": "*"}]}
    settings = SETTINGS | {"kms_key_arn": kms.create_key(Policy=json.dumps(policy))["KeyMetadata"]["Arn"]}
    with Terraform(ROOT, quickstart.aws.environment()) as terraform:
        terraform.init()
        terraform.apply(**settings)
        yield terraform, settings
        terraform.destroy(**settings)


@pytest.fixture
def watched(aws: Sandbox, terraform: tuple[Terraform, dict[str, Any]], later: str) -> Iterator[Watched]:
    """A deployment after a run in which nothing was wrong; in the end all is mended."""
    applied, settings = terraform
    deployment = Deployment(aws, applied, name="watched", outputs=applied.output())
    for _ in range(2):  # the first run measures before its own snapshots are there
        deployment.tick(later)
    assert deployment.ringing() == QUIET
    watched, policy = Watched(deployment, settings["kms_key_arn"]), deployment.policy()
    yield watched
    aws.ec2.regions[HOME].denied = False
    aws.client("kms").enable_key(KeyId=settings["kms_key_arn"].rpartition("/")[2])
    deployment.put_policy(policy)
    watched.set()
    if watched.is_in_pieces:
        applied.apply(**settings)
    for queue in ("failed_runs_queue_url", "undelivered_queue_url"):
        deployment.messages(queue)
    aws.metrics.sent.clear()


BROKEN: dict[str, tuple[Callable[[Watched], object], set[str]]] = {
    "region cannot be read": (Watched.deny_region, {"failed-runs", "regions-unread"}),
    "no volume is selected": (lambda w: w.set(include_tags={"Backpu": "yes"}), {"nothing-selected"}),
    "volumes are not covered": (
        lambda w: w.set(recovery_point_objective_hours=1),
        {"uncovered-volumes"},
    ),
    "report cannot be stored": (lambda w: w.without("WriteReports"), {"failed-runs"}),
    "function cannot begin": (lambda w: w.set(retention="gone"), {"failed-runs"}),
    "event is not delivered": (Watched.disconnect, {"undelivered"}),
    "event is lost": (Watched.lose_event, {"lost-events"}),
    "failure is lost": (Watched.lose_failure, {"lost-failures", "regions-unread"}),
    "key is disabled": (Watched.disable_key, {"lost-failures"}),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_part_moves_its_alarm(watched: Watched, case: str) -> None:
    breaks, alarms = BROKEN[case]
    aws = watched.deployment.aws
    aws.ec2.clock.advance(3600)

    breaks(watched)
    watched.deployment.tick(f"{aws.ec2.clock.now():%Y-%m-%dT%H:%M:00Z}")

    # A deleted queue has no length, and with it its alarm ends.
    assert alarms <= watched.deployment.ringing()


def test_failed_store_of_the_report_is_a_failed_run(watched: Watched) -> None:
    watched.deployment.aws.ec2.clock.advance(3600)
    watched.without("WriteReports")

    watched.deployment.tick(f"{watched.deployment.aws.ec2.clock.now():%Y-%m-%dT%H:%M:00Z}")

    failed = [datum.value for datum in watched.deployment.aws.metrics.sent if datum.name == "RunFailed"]
    assert failed[-1] == 1


def test_disabled_key_leaves_no_run_and_the_topic(watched: Watched) -> None:
    """Nothing runs, logs or keeps a message; the alarm without any metric begins, and its topic needs no key."""
    aws = watched.deployment.aws
    aws.metrics.sent.clear()
    watched.disable_key()

    watched.deployment.tick(f"{aws.ec2.clock.now():%Y-%m-%dT%H:%M:00Z}")

    assert watched.deployment.ringing() == {"no-run", "lost-failures"}
    topic = watched.client("sns").get_topic_attributes(TopicArn=watched.deployment.outputs["topic_arn"])
    assert "KmsMasterKeyId" not in topic["Attributes"]


def test_pause_begins_the_alarm_for_missing_runs(watched: Watched, terraform: tuple[Terraform, dict[str, Any]]) -> None:
    applied, settings = terraform
    watched.deployment.aws.metrics.sent.clear()

    applied.apply(**settings, schedule_enabled=False)

    assert not watched.deployment.tick("2020-01-01T03:00:00Z").delivered
    assert watched.deployment.ringing() == {"no-run"}
