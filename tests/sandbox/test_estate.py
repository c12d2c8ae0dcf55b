import json

import pytest

from sandbox.ec2 import Simulator
from sandbox.estate import DEMO, EstateError, load
from tests.sandbox.worlds import HERE


def test_names_become_ids_and_the_instances_name_tag(simulator: Simulator) -> None:
    load(simulator, {"regions": {HERE: {"instances": {"web-1": {"volumes": {"/dev/xvda": {}, "/dev/sdf": {}}}}}}})
    here = simulator.regions[HERE]
    assert set(here.volumes) == {"vol-web-1-xvda", "vol-web-1-sdf"}
    assert here.instances["i-web-1"].tags == {"Name": "web-1"}
    assert here.volumes["vol-web-1-sdf"].attachments[0].device == "/dev/sdf"
    assert (here.volumes["vol-web-1-sdf"].iops, here.volumes["vol-web-1-sdf"].throughput) == (3000, 125)


def test_volume_can_have_no_several_or_managed_attachments(simulator: Simulator) -> None:
    load(
        simulator,
        {
            "regions": {
                HERE: {
                    "instances": {"a": {}, "b": {}},
                    "volumes": {
                        "loose": {"type": "st1", "size": 500},
                        "shared": {"type": "io2", "iops": 100, "multi_attach": True, "on": {"a": "/x", "b": "/x"}},
                        "held": {"managed_by": "workspaces.amazonaws.com"},
                    },
                }
            }
        },
    )
    volumes = simulator.regions[HERE].volumes
    assert volumes["vol-loose"].state == "available"
    assert [a.instance_id for a in volumes["vol-shared"].attachments] == ["i-a", "i-b"]
    assert volumes["vol-held"].attachments[0].instance_id is None


def test_regions_are_opted_in_and_denied(simulator: Simulator) -> None:
    load(simulator, {"opted_in": ["ap-east-1"], "denied": ["us-east-1"]})
    assert simulator.regions["ap-east-1"].opt_in_status == "opted-in"
    assert simulator.regions["us-east-1"].denied


def test_snapshots_have_an_age_and_inherit_from_their_volume(simulator: Simulator) -> None:
    load(
        simulator,
        {
            "regions": {
                HERE: {
                    "volumes": {"data": {"size": 70, "encrypted": True}},
                    "snapshots": {
                        "old": {"volume": "data", "days_ago": 31, "image_id": "ami-1"},
                        "dated": {"volume": "vol-gone", "started": "2026-01-31T03:00:00Z", "locked": True},
                        "unfinished": {"volume": "data", "state": "pending"},
                        "broken": {"volume": "data", "state": "error", "shared_with": ["all"]},
                    },
                }
            }
        },
    )
    now, snapshots = simulator.clock.now(), simulator.regions[HERE].snapshots
    assert (now - snapshots["snap-old"].started).days == 31
    assert (snapshots["snap-old"].size, snapshots["snap-old"].encrypted) == (70, True)
    assert snapshots["snap-dated"].volume_id == "vol-gone"
    states = {name: snapshot.state(now) for name, snapshot in snapshots.items()}
    assert states == {
        "snap-old": "completed",
        "snap-dated": "completed",
        "snap-unfinished": "pending",
        "snap-broken": "error",
    }


@pytest.mark.parametrize(
    ("description", "where"),
    [
        ({"region": {}}, "the estate has no region"),
        ({"regions": {"eu-nowhere-1": {}}}, "no region eu-nowhere-1"),
        ({"denied": ["eu-nowhere-1"]}, "no region eu-nowhere-1"),
        ({"regions": {HERE: {"instance": {}}}}, "eu-west-1 has no instance"),
        ({"regions": {HERE: {"instances": {"web-1": {"colour": "red"}}}}}, "eu-west-1 instances web-1: .*colour"),
        ({"regions": {HERE: {"volumes": {"v": {"on": {"nobody": "/x"}}}}}}, "eu-west-1 volumes v: .*nobody"),
        ({"regions": {HERE: {"snapshots": {"s": {"volume": "v", "state": "odd"}}}}}, "eu-west-1 snapshots s: .*odd"),
    ],
)
def test_mistake_is_named_with_its_place(simulator: Simulator, description: dict[str, object], where: str) -> None:
    with pytest.raises(EstateError, match=where):
        load(simulator, description)


def test_demo_estate_is_small_and_has_every_kind_of_volume(simulator: Simulator) -> None:
    load(simulator, DEMO)
    volumes = [v for region in simulator.regions.values() for v in region.volumes.values()]
    instances = [i for region in simulator.regions.values() for i in region.instances.values()]
    assert 20 <= len(volumes) <= 30
    assert any(volume.state == "available" for volume in volumes)
    assert any(volume.tags.get("ebs-backup:Skip") == "true" for volume in volumes)
    assert any(instance.state == "stopped" for instance in instances)
    assert any(region.denied for region in simulator.regions.values())
    assert len(json.loads(DEMO.read_text())["regions"]) == 5
