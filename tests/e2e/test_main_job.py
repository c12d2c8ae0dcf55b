"""The main job: the deployed function runs from its own zip, with its own role, on its own schedule."""

import io
import json
import zipfile
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.ec2 import Attachment, Instance, Volume
from sandbox.terraform import Terraform
from tests.e2e.conftest import BUCKET, DENIED, HOME, ROOT, Deployment

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("main job")]


def _in_use(deployment: Deployment) -> Counter[str]:
    regions = deployment.aws.ec2.regions.values()
    open_ones = [r for r in regions if r.opt_in_status != "not-opted-in" and not r.denied]
    volumes = [v for region in open_ones for v in region.volumes.values()]
    return Counter(v.id for v in volumes if v.state == "in-use" and v.tags.get("ebs-backup:Skip") != "true")


def _covered(deployment: Deployment, run_id: str) -> Counter[str]:
    return Counter(snapshot.volume_id for _, snapshot in deployment.snapshots(run_id))


def test_plan_is_empty_after_applying_a_saved_plan(quickstart: Deployment) -> None:
    assert not quickstart.terraform.changes_pending()


def test_first_plan_warns_that_nobody_is_told(quickstart: Deployment) -> None:
    assert "Nobody is told" in quickstart.first_plan
    assert quickstart.first_plan.count("Warning:") == 1
    assert "Warning:" not in _plan(quickstart)


def _plan(deployment: Deployment) -> str:
    return deployment.terraform.run("plan", "-input=false").stdout


def test_plan_tells_of_code_replaced_elsewhere(quickstart: Deployment) -> None:
    functions, s3 = quickstart.aws.client("lambda"), quickstart.aws.client("s3")
    (key,) = [
        o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix="ebs-backup/")["Contents"] if "zip" in o["Key"]
    ]
    package = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    other, told = io.BytesIO(), "Somebody has replaced the code of ebs-backup"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("ebs_backup/handler.py", "def lambda_handler(event, context): return None")
    checksum = {"ChecksumAlgorithm": "SHA256", "ContentType": "application/zip"}

    functions.update_function_code(FunctionName="ebs-backup", ZipFile=other.getvalue())
    assert told in _plan(quickstart)
    s3.put_object(Bucket=BUCKET, Key=key, Body=other.getvalue(), **checksum)
    assert told in _plan(quickstart)  # function and bucket agree, and both contradict the record of the upload
    functions.update_function_code(FunctionName="ebs-backup", ZipFile=package)
    assert told in _plan(quickstart)
    s3.put_object(Bucket=BUCKET, Key=key, Body=package, **checksum)
    assert "Warning:" not in _plan(quickstart)


def test_run_snapshots_every_in_use_volume_once(quickstart: Deployment, later: str) -> None:
    assert quickstart.tick(later).delivered

    assert _covered(quickstart, later) == _in_use(quickstart)
    assert len(_in_use(quickstart)) > 20


def test_snapshot_tags_hold_what_a_restore_needs(quickstart: Deployment, later: str) -> None:
    quickstart.tick(later)

    for region, snapshot in quickstart.snapshots(later):
        volume = quickstart.aws.ec2.regions[region].volumes[snapshot.volume_id]
        tags = snapshot.tags
        assert tags["Name"].startswith(f"{volume.tags['Name']} {volume.id}" if "Name" in volume.tags else volume.id)
        assert tags["Name"].endswith(later)
        assert tags["CostCenter"] == "backup"
        assert {key.removeprefix("ebs-backup:"): value for key, value in tags.items() if key.startswith("ebs-")} == {
            "Policy": "ebs-backup",
            "RunId": later,
            "Region": region,
            "VolumeId": volume.id,
            "InstanceId": volume.attachments[0].instance_id,
            "Device": volume.attachments[0].device,
            "AvailabilityZone": volume.zone,
            "VolumeType": volume.type,
            "Size": str(volume.size),
        } | ({"Iops": str(volume.iops)} if volume.iops else {}) | (
            {"Throughput": str(volume.throughput)} if volume.throughput else {}
        )
        assert volume.tags.items() - {("Name", volume.tags.get("Name"))} <= tags.items()


def test_run_fails_when_a_region_is_denied(quickstart: Deployment, later: str) -> None:
    quickstart.messages("failed_runs_queue_url")

    delivery = quickstart.tick(later)

    assert [attempt.function_error for attempt in delivery.attempts] == ["Unhandled"] * 3
    (record,) = quickstart.messages("failed_runs_queue_url")
    assert record["requestPayload"]["time"] == later
    assert record["responsePayload"]["errorType"] == "RunFailed"
    assert record["responsePayload"]["errorMessage"].splitlines()[1].startswith(f"- {DENIED}: DescribeSnapshots: Una")


def test_duplicate_event_changes_nothing(quickstart: Deployment, later: str) -> None:
    quickstart.tick(later)
    before = quickstart.snapshots()

    quickstart.tick(later)

    assert quickstart.snapshots() == before


def test_run_finds_new_regions_and_volumes_without_an_apply(quickstart: Deployment, later: str) -> None:
    region = quickstart.aws.ec2.regions["eu-south-2"]
    region.opt_in_status = "opted-in"
    region.add(Instance("i-new", "eu-south-2a"))
    region.add(Volume("vol-new", "eu-south-2a", attachments=(Attachment("i-new", "/dev/xvda"),)))
    home = quickstart.aws.ec2.regions[HOME]
    (detached,) = [v for v in home.volumes.values() if v.state == "available"]
    home.add(replace(detached, attachments=(Attachment(next(iter(home.instances)), "/dev/sdz"),)))

    quickstart.tick(later)

    assert {"vol-new", detached.id} <= _covered(quickstart, later).keys()


def test_manual_dry_run_reports_a_plan_and_changes_nothing(quickstart: Deployment, later: str) -> None:
    before = quickstart.snapshots()

    error, report = quickstart.invoke(dry_run=True, regions=[HOME], run_id=later)

    assert error is None
    assert report["regions"][HOME]["planned"]["CreateSnapshots"] >= 2
    assert quickstart.snapshots() == before


def test_manual_run_reaches_only_the_regions_asked_for(quickstart: Deployment, later: str) -> None:
    error, report = quickstart.invoke(regions=["us-east-1"], run_id=later)

    assert (error, report["status"]) == (None, "completed")
    assert {region for region, _ in quickstart.snapshots(later)} == {"us-east-1"}


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"dryrun": True}, "payload keys must be among dry_run, expire, regions, run_id; got: dryrun"),
        ({"regions": "eu-west-1"}, "payload.regions must be a list of strings; got: 'eu-west-1'"),
    ],
)
def test_wrong_payload_is_refused(quickstart: Deployment, payload: dict[str, Any], message: str) -> None:
    error, answer = quickstart.invoke(**payload)

    assert (error, answer["errorType"], answer["errorMessage"]) == ("Unhandled", "RequestError", message)


def test_event_waits_in_its_queue_when_undeliverable(quickstart: Deployment, later: str) -> None:
    function = quickstart.aws.client("lambda")
    function.remove_permission(FunctionName=quickstart.name, StatementId="AllowSchedule")

    delivery = quickstart.tick(later)

    url = quickstart.aws.client("sqs").get_queue_url(QueueName="ebs-backup-undelivered")["QueueUrl"]
    quickstart.outputs["undelivered"] = url
    assert not delivery.delivered
    assert delivery.reason.startswith("NO_PERMISSIONS")
    assert [message["time"] for message in quickstart.messages("undelivered")] == [later]
    assert quickstart.terraform.changes_pending()
    quickstart.terraform.apply()
    assert quickstart.tick(later).delivered


def test_log_holds_a_run_as_events(quickstart: Deployment, later: str) -> None:
    quickstart.tick(later)

    found = quickstart.aws.client("logs").filter_log_events(logGroupName="/aws/lambda/ebs-backup")["events"]

    text = "\n".join(event["message"] for event in found)
    for event in ("run_started", "snapshot_create_started", "region_completed", "run_completed"):
        assert f'"message": "{event}"' in text
    assert '"logger": "botocore' not in text


def test_run_leaves_json_page_and_metrics(quickstart: Deployment, later: str) -> None:
    quickstart.tick(later)

    stored = {key.rpartition(".")[2]: key for key in quickstart.reports(later)}
    assert stored.keys() == {"json", "html"}
    assert ".failed." in stored["json"]  # for its one denied region
    s3 = quickstart.aws.client("s3")
    page = s3.get_object(Bucket=BUCKET, Key=stored["html"])["Body"].read().decode()
    report = json.loads(s3.get_object(Bucket=BUCKET, Key=stored["json"])["Body"].read())
    assert (report["run_id"], report["regions"][DENIED]["status"]) == (later, "failed")
    assert DENIED in page
    found = quickstart.aws.client("logs").filter_log_events(logGroupName="/aws/lambda/ebs-backup")["events"]
    documents = [json.loads(event["message"]) for event in found if '"_aws"' in event["message"]]
    assert any(document["RunId"] == later and document["RunFailed"] == 1 for document in documents)


def test_function_is_updated_in_place_when_its_source_changes(quickstart: Deployment) -> None:
    source = quickstart.terraform.directory.parents[1] / "function" / "ebs_backup" / "__init__.py"
    before = quickstart.aws.client("lambda").get_function(FunctionName="ebs-backup")["Configuration"]

    source.write_text(source.read_text() + "\n# changed\n")
    said = quickstart.terraform.apply()

    after = quickstart.aws.client("lambda").get_function(FunctionName="ebs-backup")["Configuration"]
    assert "Apply complete! Resources: 2 added, 1 changed, 2 destroyed." in said
    assert (after["FunctionArn"], after["CodeSha256"] != before["CodeSha256"]) == (before["FunctionArn"], True)
    assert not quickstart.terraform.changes_pending()


def test_deployments_in_one_account_do_not_disturb_each_other(quickstart: Deployment, later: str) -> None:
    with Terraform(ROOT, quickstart.aws.environment()) as terraform:
        terraform.init()
        settings: dict[str, Any] = {"name": "weekly", "include_tags": {"Content": "data*"}}
        settings |= {"regions": [HOME, DENIED], "expected_denied_regions": [DENIED], "bucket": BUCKET}
        terraform.apply(**settings)
        weekly = Deployment(quickstart.aws, terraform, name="weekly", outputs=terraform.output())
        before = quickstart.snapshots()

        delivery = weekly.tick(later)

        assert [attempt.function_error for attempt in delivery.attempts] == [None]
        assert {(region, snapshot.tags["Content"]) for region, snapshot in weekly.snapshots(later)} == {(HOME, "data")}
        with pytest.raises(ClientError, match="UnauthorizedOperation"):
            quickstart.aws.client("ec2", "us-east-1", weekly.outputs["role_arn"]).describe_volumes(MaxResults=5)
        assert len(weekly.reports()) == 2
        assert quickstart.snapshots() == before
        assert not terraform.changes_pending(**settings)
        assert not quickstart.terraform.changes_pending()
        terraform.destroy(**settings)
    assert quickstart.tick(later).delivered
