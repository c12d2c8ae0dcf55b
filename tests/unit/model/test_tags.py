import dataclasses
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ebs_backup.model.origin import Origin, origin_in
from ebs_backup.model.retention import Retention
from ebs_backup.model.tags import (
    MAX_TAGS,
    announcing_tags,
    completing_tags,
    creation_tags,
    delete_after,
    description,
)
from ebs_backup.model.values import Create, Volume
from tests.unit.builders import AT, REGION, RUN, deployment, snapshot, volume

VOLUME = volume("vol-1", "i-1", device="/dev/xvda", tags={"Name": "web-1 root", "Team": "web"})
ALONE = Create((VOLUME,), "")
SET = Create((VOLUME, volume("vol-2", "i-1")), "", instance_id="i-1")

keys = st.text(min_size=1, max_size=20).filter(lambda k: not k.lower().startswith("aws:"))
tag_maps = st.dictionaries(keys, st.text(max_size=20), max_size=50)


def test_single_snapshot_is_created_with_all_that_a_restore_needs() -> None:
    assert creation_tags(deployment(), ALONE, REGION, RUN) == {
        "Name": "web-1 root vol-1 /dev/xvda of i-1 at 2026-11-23T03:00:00Z",
        "ebs-backup:Policy": "nightly",
        "ebs-backup:RunId": "2026-11-23T03:00:00Z",
        "ebs-backup:Region": "eu-west-1",
        "ebs-backup:VolumeId": "vol-1",
        "ebs-backup:InstanceId": "i-1",
        "ebs-backup:Device": "/dev/xvda",
        "ebs-backup:AvailabilityZone": "eu-west-1a",
        "ebs-backup:VolumeType": "gp3",
        "ebs-backup:Size": "8",
        "ebs-backup:Iops": "3000",
        "ebs-backup:Throughput": "125",
        "Team": "web",
    }


def test_missing_attribute_makes_no_tag() -> None:
    bare = Volume("vol-1", "eu-west-1a", "standard", 8)

    tags = creation_tags(deployment(), Create((bare,), ""), REGION, RUN)

    assert not {"ebs-backup:InstanceId", "ebs-backup:Device", "ebs-backup:Iops"} & tags.keys()
    assert tags["Name"] == "vol-1 at 2026-11-23T03:00:00Z"


def test_set_is_created_with_tags_that_all_its_volumes_share() -> None:
    assert creation_tags(deployment(snapshot_tags={"CostCenter": "42"}), SET, REGION, RUN) == {
        "Name": "volumes of i-1 at 2026-11-23T03:00:00Z",
        "ebs-backup:Policy": "nightly",
        "ebs-backup:RunId": "2026-11-23T03:00:00Z",
        "ebs-backup:Region": "eu-west-1",
        "ebs-backup:VolumeId": "pending",
        "ebs-backup:InstanceId": "i-1",
        "CostCenter": "42",
    }


def test_completed_set_has_the_tags_of_single_snapshots() -> None:
    given_first = creation_tags(deployment(snapshot_tags={"CostCenter": "42"}), SET, REGION, RUN)
    made = dataclasses.replace(snapshot("snap-1", "vol-1"), tags=given_first)

    then = completing_tags(deployment(snapshot_tags={"CostCenter": "42"}), made, VOLUME)

    assert given_first | then == creation_tags(deployment(snapshot_tags={"CostCenter": "42"}), ALONE, REGION, RUN)


def test_completing_never_touches_ownership_run_and_region() -> None:
    made = snapshot("snap-1", "vol-1", VolumeId="pending")

    for known in (VOLUME, None):
        completed = completing_tags(deployment(), made, known)
        assert not {f"ebs-backup:{word}" for word in ("Policy", "RunId", "Region")} & completed.keys()


def test_completing_works_for_a_volume_that_is_no_longer_in_use() -> None:
    made = snapshot("snap-1", "vol-1", VolumeId="pending")

    assert completing_tags(deployment(), made, None) == {
        "Name": "vol-1 at 2026-11-23T03:00:00Z",
        "ebs-backup:VolumeId": "vol-1",
        "ebs-backup:Size": "8",
    }


def test_completing_keeps_what_was_true_at_creation() -> None:
    made = snapshot("snap-1", "vol-1", VolumeId="pending", InstanceId="i-before")

    completed = completing_tags(deployment(snapshot_tags={"CostCenter": "new"}), made, VOLUME)

    assert not {"ebs-backup:InstanceId", "ebs-backup:Device", "CostCenter"} & completed.keys()
    assert completed["Name"] == "web-1 root vol-1 at 2026-11-23T03:00:00Z"


def test_key_that_differs_from_ours_in_case_is_not_copied() -> None:
    theirs = {"EBS-Backup:Policy": "x", "Ebs-backup:runid": "y", "Team": "web"}

    tags = creation_tags(deployment(), Create((volume("vol-1", "i-1", tags=theirs),), ""), REGION, RUN)

    assert theirs.keys() & tags.keys() == {"Team"}


def test_our_tags_win_over_the_users_and_those_over_the_volumes() -> None:
    mine = volume("vol-1", "i-1", tags={"Team": "volume", "Name": "n", "ebs-backup:Policy": "theirs"})

    tags = creation_tags(deployment(snapshot_tags={"Team": "policy"}), Create((mine,), ""), REGION, RUN)

    assert tags["Team"] == "policy"
    assert tags["Name"] == "n vol-1 /dev/xvdf of i-1 at 2026-11-23T03:00:00Z"
    assert tags["ebs-backup:Policy"] == "nightly"


def test_tags_of_aws_and_tags_under_our_prefix_are_not_copied() -> None:
    theirs = {"aws:autoscaling:groupName": "g", "AWS:x": "y", "ebs-backup:Skip": "false", "Team": "web"}

    tags = creation_tags(deployment(), Create((volume("vol-1", "i-1", tags=theirs),), ""), REGION, RUN)

    assert theirs.keys() & tags.keys() == {"Team"}


def test_copying_the_volumes_tags_can_be_switched_off() -> None:
    assert "Team" not in creation_tags(deployment(copy_volume_tags=False), ALONE, REGION, RUN)


@given(tag_maps, tag_maps)
def test_tags_are_never_more_than_ec2_takes(of_volume: dict[str, str], others: dict[str, str]) -> None:
    of_policy = {key: value for key, value in list(others.items())[:38] if not key.startswith("ebs-backup:")}
    mine = volume("vol-1", "i-1", tags=of_volume)

    tags = creation_tags(deployment(snapshot_tags=of_policy), Create((mine,), ""), REGION, RUN)

    assert len(tags) <= MAX_TAGS
    assert of_policy.keys() - {"Name"} <= tags.keys()
    assert tags["ebs-backup:Policy"] == "nightly"


@given(st.text(max_size=256))
def test_name_fits_into_a_tag_and_ends_with_the_run(name: str) -> None:
    create = Create((volume("vol-1", "i-1", tags={"Name": name}),), "")
    text = creation_tags(deployment(), create, REGION, RUN)["Name"]

    assert len(text) <= 255
    assert text.endswith(" at 2026-11-23T03:00:00Z")


@given(st.text(max_size=256))
def test_description_proves_whose_snapshot_it_is(name: str) -> None:
    create = Create((volume("vol-1", "i-1", tags={"Name": name}),), "")

    origin = origin_in(description(deployment(retention=Retention(daily=7)), create, RUN))

    assert origin == Origin("nightly", RUN, "keep 7 daily")


def test_mark_of_an_announcement_is_read_back() -> None:
    for at in (AT.replace(microsecond=0), None):
        marked = replace(snapshot("snap-1", "vol-1"), tags=announcing_tags(deployment(), at))
        assert delete_after(deployment(), marked) == at
