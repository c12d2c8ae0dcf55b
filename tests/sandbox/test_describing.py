from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import EndpointConnectionError

from sandbox.ec2 import Attachment, Simulator
from tests.sandbox.worlds import (
    HERE,
    ME,
    add_instance,
    add_snapshot,
    add_volume,
    add_volumes,
    client,
    has,
    ids,
    refused,
)

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client


def region_names(ec2: "EC2Client", **asked: object) -> set[str]:
    return {region["RegionName"] for region in ec2.describe_regions(**asked)["Regions"]}  # type: ignore[arg-type]


def test_regions_are_the_enabled_ones_unless_all_are_asked_for(simulator: Simulator, ec2: "EC2Client") -> None:
    simulator.regions["ap-east-1"].opt_in_status = "opted-in"
    enabled = region_names(ec2)
    assert len(enabled) == 18
    assert "ap-east-1" in enabled
    assert "af-south-1" not in enabled
    assert "af-south-1" in region_names(ec2, AllRegions=True)


def test_regions_can_be_filtered_by_opt_in_status(simulator: Simulator, ec2: "EC2Client") -> None:
    simulator.regions["ap-east-1"].opt_in_status = "opted-in"
    assert region_names(ec2, Filters=has(opt_in_status="opted-in")) == {"ap-east-1"}
    assert "af-south-1" in region_names(ec2, AllRegions=True, Filters=has(opt_in_status="not-opted-in"))


def test_region_is_found_by_name_even_when_not_enabled(ec2: "EC2Client") -> None:
    assert region_names(ec2, RegionNames=["af-south-1"]) == {"af-south-1"}
    with refused("InvalidParameterValue"):
        ec2.describe_regions(RegionNames=["eu-nowhere-1"])


def test_region_that_is_not_enabled_does_not_know_the_credentials(simulator: Simulator) -> None:
    with refused("AuthFailure"):
        client(simulator, "af-south-1").describe_volumes()


def test_region_that_does_not_exist_has_no_endpoint(simulator: Simulator) -> None:
    with pytest.raises(EndpointConnectionError):
        client(simulator, "eu-nowhere-1").describe_volumes()


def test_denied_region_refuses_everyone_and_names_the_policy(simulator: Simulator) -> None:
    simulator.regions["us-east-1"].denied = True
    with pytest.raises(Exception, match=r"UnauthorizedOperation.*explicit deny in a service control policy"):
        client(simulator, "us-east-1").describe_volumes()


def test_volumes_come_in_pages_and_none_is_lost(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volumes(simulator, 12)
    pages = list(ec2.get_paginator("describe_volumes").paginate(PaginationConfig={"PageSize": 5}))
    assert [len(page["Volumes"]) for page in pages] == [5, 5, 2]
    assert len({volume["VolumeId"] for page in pages for volume in page["Volumes"]}) == 12


def test_token_stays_good_when_volumes_come_and_go(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volumes(simulator, 12)
    first = ec2.describe_volumes(MaxResults=5)
    simulator.regions[HERE].remove("vol-0004")
    simulator.regions[HERE].remove("vol-0000")
    rest = ec2.describe_volumes(NextToken=first["NextToken"])
    assert len(rest["Volumes"]) == 7


def test_page_holds_at_most_a_thousand(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volumes(simulator, 1001)
    assert len(ec2.describe_volumes(MaxResults=5000)["Volumes"]) == 1000
    assert len(ec2.describe_volumes()["Volumes"]) == 1001


def test_page_of_fewer_than_five_is_refused(ec2: "EC2Client") -> None:
    with refused("InvalidParameterValue"):
        ec2.describe_volumes(MaxResults=4)


def test_token_of_another_action_or_of_nobody_is_refused(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volumes(simulator, 6)
    of_volumes = ec2.describe_volumes(MaxResults=5)["NextToken"]
    for token in (of_volumes, "nonsense", "bm9uc2Vuc2U="):
        with refused("InvalidPaginationToken"):
            ec2.describe_snapshots(NextToken=token)


def test_pages_and_ids_exclude_each_other(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volumes(simulator, 1)
    add_instance(simulator, "i-1")
    add_snapshot(simulator)
    with refused("InvalidParameterCombination"):
        ec2.describe_volumes(VolumeIds=["vol-0000"], MaxResults=5)
    with refused("InvalidParameterCombination"):
        ec2.describe_instances(InstanceIds=["i-1"], MaxResults=5)
    with refused("InvalidParameterCombination"):
        ec2.describe_snapshots(SnapshotIds=["snap-1"], MaxResults=5)


def test_unknown_id_is_an_error(ec2: "EC2Client") -> None:
    with refused("InvalidVolume.NotFound"):
        ec2.describe_volumes(VolumeIds=["vol-gone"])
    with refused("InvalidInstanceID.NotFound"):
        ec2.describe_instances(InstanceIds=["i-gone"])
    with refused("InvalidSnapshot.NotFound"):
        ec2.describe_snapshots(SnapshotIds=["snap-gone"])
    with refused("InvalidVolumeID.Malformed"):
        ec2.describe_volumes(VolumeIds=["i-1"])


def test_volumes_are_filtered_by_state_attachment_and_tags(simulator: Simulator, ec2: "EC2Client") -> None:
    add_instance(simulator, "i-1", xvda="vol-root", sdf="vol-data")
    add_volume(simulator, "vol-loose", tags={"Team": "shop"})

    def found(**filters: str | list[str]) -> list[str]:
        return ids("VolumeId", ec2.describe_volumes(Filters=has(**filters))["Volumes"])

    assert found(status="in-use") == ["vol-data", "vol-root"]
    assert found(status=["available", "in-use"]) == ["vol-data", "vol-loose", "vol-root"]
    assert found(**{"attachment.instance-id": "i-1", "attachment.device": "/dev/sd?"}) == ["vol-data"]
    assert found(**{"tag:Team": "sh*"}) == ["vol-loose"]
    assert found(**{"tag:Team": "Sh*"}) == []
    assert found(tag_key="Name") == ["vol-data", "vol-root"]


def test_backslash_takes_a_wildcard_literally(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator, "vol-star", tags={"Name": "a*"})
    add_volume(simulator, "vol-other", tags={"Name": "ab"})
    found = ec2.describe_volumes(Filters=has(**{"tag:Name": r"a\*"}))["Volumes"]
    assert ids("VolumeId", found) == ["vol-star"]


def test_unknown_filter_and_too_many_values_are_refused(ec2: "EC2Client") -> None:
    with refused("InvalidParameterValue"):
        ec2.describe_volumes(Filters=has(state="in-use"))
    with refused("FilterLimitExceeded"):
        ec2.describe_volumes(Filters=has(volume_id=[f"vol-{n}" for n in range(201)]))
    assert ec2.describe_volumes(Filters=has(volume_id=[f"vol-{n}" for n in range(200)]))["Volumes"] == []


def test_volume_without_tags_has_no_tags_field(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator)
    assert "Tags" not in ec2.describe_volumes()["Volumes"][0]


def test_service_managed_attachment_has_no_instance_or_device(simulator: Simulator, ec2: "EC2Client") -> None:
    held = Attachment(None, None, owning_service="workspaces.amazonaws.com")
    add_volume(simulator, attachments=(held,), managed_by="workspaces.amazonaws.com")
    (volume,) = ec2.describe_volumes()["Volumes"]
    assert volume["State"] == "in-use"
    assert volume["Operator"]["Managed"]
    assert not {"InstanceId", "Device"} & volume["Attachments"][0].keys()


def test_instance_shows_its_root_device_and_all_its_volumes(simulator: Simulator, ec2: "EC2Client") -> None:
    add_instance(simulator, "i-1", xvda="vol-root", sdf="vol-data")
    add_instance(simulator, "i-2")
    (reservation,) = ec2.describe_instances(Filters=has(instance_id="i-1"))["Reservations"]
    (instance,) = reservation["Instances"]
    assert instance["RootDeviceName"] == "/dev/xvda"
    devices = {m["DeviceName"]: m["Ebs"]["VolumeId"] for m in instance["BlockDeviceMappings"]}
    assert devices == {"/dev/xvda": "vol-root", "/dev/sdf": "vol-data"}


def test_snapshots_include_public_ones_without_an_owner_filter(simulator: Simulator, ec2: "EC2Client") -> None:
    add_snapshot(simulator)
    owners = {s["OwnerId"] for s in ec2.describe_snapshots()["Snapshots"]}
    assert ME in owners
    assert len(owners) > 1
    assert ids("SnapshotId", ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]) == ["snap-1"]
    assert ids("SnapshotId", ec2.describe_snapshots(OwnerIds=[ME])["Snapshots"]) == ["snap-1"]


def test_private_snapshot_of_another_account_is_not_shown(simulator: Simulator, ec2: "EC2Client") -> None:
    add_snapshot(simulator, "snap-theirs", owner="999999999999")
    add_snapshot(simulator, "snap-shared", owner="999999999999", shared_with=frozenset({ME}))
    assert ids("SnapshotId", ec2.describe_snapshots(OwnerIds=["999999999999"])["Snapshots"]) == ["snap-shared"]
    assert ec2.describe_snapshots(SnapshotIds=["snap-theirs"])["Snapshots"] == []


def test_snapshots_are_filtered_by_start_time_volume_tier_and_tag(simulator: Simulator, ec2: "EC2Client") -> None:
    add_snapshot(simulator, "snap-old", days_ago=31, tier="archive", tags={"Run": "a b"})
    add_snapshot(simulator, "snap-new", days_ago=1, volume_id="vol-2")

    def found(**filters: str) -> list[str]:
        return ids("SnapshotId", ec2.describe_snapshots(OwnerIds=["self"], Filters=has(**filters))["Snapshots"])

    assert found(start_time="2026-10-2*") == ["snap-old"]
    assert found(start_time="2026-11-22T03:00:00.000Z") == ["snap-new"]
    assert found(volume_id="vol-2") == ["snap-new"]
    assert found(storage_tier="archive") == ["snap-old"]
    assert found(**{"tag:Run": "a b"}) == ["snap-old"]
    assert found(status="completed") == ["snap-new", "snap-old"]


def test_new_snapshot_can_stay_invisible_for_a_while(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator)
    simulator.visible_after_seconds = 5
    created = ec2.create_snapshot(VolumeId="vol-1")["SnapshotId"]
    assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []
    with refused("InvalidSnapshot.NotFound"):
        ec2.describe_snapshots(SnapshotIds=[created])
    simulator.clock.advance(5)
    assert ids("SnapshotId", ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]) == [created]
