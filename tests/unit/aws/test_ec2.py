from datetime import UTC, datetime

import pytest
from botocore.exceptions import NoCredentialsError

from ebs_backup.aws.ec2 import PAGE_SIZE, READ_ATTEMPTS, Region
from ebs_backup.aws.error import Ec2Error
from ebs_backup.model.codes import Kind
from ebs_backup.model.time_budget import GRACE
from ebs_backup.model.values import Attachment, Create, Volume
from sandbox.ec2 import Attachment as Place
from sandbox.ec2 import Fault, Simulator
from sandbox.ec2 import Volume as Ec2Volume
from tests.unit.builders import REGION
from tests.unit.conftest import Connect, SimulatedTime
from tests.unit.estates import add_instance, add_snapshots, add_volumes, detached


def test_every_page_is_read(ec2: Simulator, region: Region) -> None:
    ids = add_volumes(ec2, PAGE_SIZE + 1)

    assert sorted(volume.id for volume in region.volumes()) == ids
    assert region.calls == {"DescribeVolumes": 2}


def test_volume_is_read_with_all_that_a_restore_needs(ec2: Simulator, region: Region) -> None:
    place = Place("i-1", "/dev/xvda")
    ec2.regions[REGION].add(
        Ec2Volume(
            "vol-1", "eu-west-1b", 100, "gp3", iops=4000, throughput=250, tags={"Name": "db"}, attachments=(place,)
        )
    )

    (read,) = region.volumes()

    created = datetime(2026, 1, 1, tzinfo=UTC)
    at = (Attachment("i-1", "/dev/xvda"),)
    assert read == Volume("vol-1", "eu-west-1b", "gp3", 100, 4000, 250, at, {"Name": "db"}, created)


def test_detached_volumes_are_not_in_use(ec2: Simulator, region: Region) -> None:
    add_instance(ec2, "i-1", "vol-1")
    ec2.regions[REGION].add(detached("vol-2"))

    assert [volume.id for volume in region.volumes()] == ["vol-1"]


def test_managed_attachment_has_no_instance_and_no_device(ec2: Simulator, region: Region) -> None:
    ec2.regions[REGION].add(
        Ec2Volume("vol-1", "eu-west-1a", attachments=(Place(None, None, owning_service="sagemaker"),))
    )

    assert region.volumes()[0].attachments == (Attachment(None, None),)


def test_only_own_snapshots_with_the_asked_tags_are_read(ec2: Simulator, region: Region) -> None:
    add_instance(ec2, "i-1", "vol-1", "vol-2")
    region.create(_one("vol-1"), "CreateSnapshot", {"Owner": "us"}, "ours")
    region.create(_one("vol-2"), "CreateSnapshot", {"Owner": "them"}, "theirs")

    _, found = region.snapshots({"tag:Owner": ["us"]})
    assert [s.volume_id for s in found] == ["vol-1"]


def test_root_devices_are_read_in_chunks(ec2: Simulator, region: Region) -> None:
    add_volumes(ec2, 201)
    ids = sorted(ec2.regions[REGION].instances)

    assert region.root_devices([*ids, "i-unknown"]) == dict.fromkeys(ids, "/dev/xvda")
    assert region.calls["DescribeInstances"] == 2


def test_set_is_created_in_one_call(ec2: Simulator, region: Region) -> None:
    add_instance(ec2, "i-1", "vol-root", "vol-1", "vol-2", "vol-3")
    create = Create((), "", instance_id="i-1", boot_volume_id="vol-1", exclude_data_volume_ids=("vol-3",))

    made = region.create(create, "CreateSnapshots", {"Set": "yes"}, "a set")

    assert sorted(s.volume_id for s in made) == ["vol-1", "vol-2"]
    assert all(s.tags == {"Set": "yes"} and s.state == "pending" for s in made)


def test_disabled_region_is_denied(connect: Connect) -> None:
    with pytest.raises(Ec2Error, match="DescribeVolumes: AuthFailure") as caught:
        connect("ap-east-1").volumes()

    assert caught.value.kind is Kind.DENIED


def test_unknown_region_fails_after_some_attempts(connect: Connect) -> None:
    nowhere = connect("eu-nowhere-1")

    with pytest.raises(Ec2Error, match="DescribeVolumes: EndpointConnectionError"):
        nowhere.volumes()

    assert nowhere.calls["DescribeVolumes"] == READ_ATTEMPTS


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "InternalError", "Unavailable"])
def test_reading_goes_on_after_throttling_and_lost_answers(ec2: Simulator, region: Region, code: str) -> None:
    add_volumes(ec2, 1)
    ec2.inject(Fault("DescribeVolumes", code=code, times=READ_ATTEMPTS - 1))

    assert len(region.volumes()) == 1


def test_throttled_reading_ends_at_the_deadline(ec2: Simulator, clock: SimulatedTime, connect: Connect) -> None:
    ec2.inject(Fault("DescribeVolumes", code="RequestLimitExceeded", times=None))
    start = clock.now()

    with pytest.raises(Ec2Error, match="RequestLimitExceeded"):
        connect(REGION, start + 100).volumes()

    assert 90 < clock.now() - start <= 100


def test_reading_without_an_answer_ends_after_some_attempts(ec2: Simulator, region: Region) -> None:
    ec2.inject(Fault("DescribeVolumes", lost="reset", times=None))

    with pytest.raises(Ec2Error, match="ConnectionClosedError"):
        region.volumes()

    assert region.calls == {"DescribeVolumes": READ_ATTEMPTS}


def test_reading_by_pages_ends_a_little_after_the_deadline(
    ec2: Simulator, connect: Connect, clock: SimulatedTime
) -> None:
    add_volumes(ec2, PAGE_SIZE + 1)
    region = connect(REGION, deadline=clock.now())
    assert len(region.volumes()) == PAGE_SIZE + 1

    ec2.inject(Fault("DescribeVolumes", latency=GRACE))
    with pytest.raises(Ec2Error, match="out of time before all was read"):
        region.volumes()


def test_request_never_sent_is_no_lost_answer(region: Region) -> None:
    def refuse(**_: object) -> None:
        raise NoCredentialsError

    region._client.meta.events.register("before-sign.ec2", refuse)
    with pytest.raises(Ec2Error, match="NoCredentialsError") as caught:
        region.volumes()

    assert caught.value.kind is Kind.REFUSED


def test_description_and_tags_are_as_given(ec2: Simulator, region: Region) -> None:
    add_instance(ec2, "i-1", "vol-1")

    region.create(_one("vol-1"), "CreateSnapshot", {"Name": "Büro"}, "B?ro | nightly, run 1, keep 7 daily")

    (made,) = ec2.regions[REGION].snapshots_of("vol-1")
    assert (made.description, made.tags["Name"]) == ("B?ro | nightly, run 1, keep 7 daily", "Büro")


def test_origin_and_completion_of_snapshots_are_read(ec2: Simulator, region: Region) -> None:
    add_snapshots(ec2, "vol-1", days=1)

    _, (found,) = region.snapshots({})

    assert found.origin
    assert (found.origin.deployment, found.origin.terms) == ("nightly", "keep 2 last")
    assert found.completed_at == found.started_at


def test_volume_is_gone_only_if_ec2_says_so(ec2: Simulator, region: Region) -> None:
    add_instance(ec2, "i-1", "vol-1")
    assert (region.is_gone("vol-1"), region.is_gone("vol-2")) == (False, True)

    ec2.inject(Fault("DescribeVolumes", code="UnauthorizedOperation"))
    with pytest.raises(Ec2Error):
        region.is_gone("vol-2")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("CreateSnapshot", lost="error"),
        Fault("CreateSnapshot", lost="reset"),
        Fault("CreateSnapshot", code="RequestLimitExceeded"),
    ],
)
def test_client_never_sends_a_creating_call_twice(ec2: Simulator, region: Region, fault: Fault) -> None:
    add_instance(ec2, "i-1", "vol-1")
    ec2.inject(fault)

    with pytest.raises(Ec2Error):
        region.create(_one("vol-1"), "CreateSnapshot", {}, "")

    assert [call.action for call in ec2.calls] == ["CreateSnapshot"]


@pytest.mark.parametrize("lost", ["error", "reset"])
def test_lost_answer_is_ambiguous(ec2: Simulator, region: Region, lost: str) -> None:
    add_instance(ec2, "i-1", "vol-1")
    ec2.inject(Fault("CreateSnapshot", lost=lost))  # type: ignore[arg-type]

    with pytest.raises(Ec2Error) as caught:
        region.create(_one("vol-1"), "CreateSnapshot", {}, "")

    assert caught.value.kind is Kind.AMBIGUOUS


def _one(volume_id: str) -> Create:
    return Create((Volume(volume_id, "eu-west-1a", "gp3", 8),), "")
