"""The estates are those that the page describes, at every run the same."""

from collections import Counter

import pytest

from benchmarks.estates import ESTATES, REGIONS, VOLUMES_PER_INSTANCE, Estate
from benchmarks.limit import CREATES, Bucket
from sandbox.ec2 import AnswerLost, Ec2Error, Simulator

FAULTY = ESTATES["faulty"]
every_estate = pytest.mark.parametrize("estate", ESTATES.values(), ids=list(ESTATES))


def _filled(estate: Estate) -> Simulator:
    ec2 = Simulator()
    estate.fill(ec2)
    return ec2


@pytest.mark.parametrize(
    ("name", "regions", "volumes", "largest"),
    [
        ("small", 17, 170, 10),
        ("skewed", 17, 3000, 872),
        ("large", 1, 4000, 4000),
        ("medium", 1, 2000, 2000),
        ("history", 1, 2000, 2000),
    ],
)
def test_estate_has_its_documented_size(name: str, regions: int, volumes: int, largest: int) -> None:
    estate = ESTATES[name]

    assert len(estate.instances) == regions
    assert estate.volumes == volumes
    assert max(map(sum, estate.instances.values())) == largest


def test_two_thousand_volumes_are_on_1032_instances() -> None:
    (instances,) = ESTATES["medium"].instances.values()

    assert len(instances) == 1032
    assert ESTATES["history"].instances == ESTATES["medium"].instances


def test_most_instances_have_one_volume_and_some_many() -> None:
    (instances,) = ESTATES["large"].instances.values()
    shares = Counter(instances)

    assert shares[1] / len(instances) == pytest.approx(VOLUMES_PER_INSTANCE[1], abs=0.05)
    assert max(instances) == 24
    assert sum(VOLUMES_PER_INSTANCE.values()) == pytest.approx(1)


@every_estate
def test_estate_has_no_id_twice(estate: Estate) -> None:
    instances = [instance for region in estate.instances for instance in estate.instance_ids(region)]
    ids = [id_ for instance_id, volume_ids in instances for id_ in (instance_id, *volume_ids)]

    assert len(ids) == len(set(ids))


@every_estate
def test_simulator_holds_the_estate_and_no_more(estate: Estate) -> None:
    ec2 = _filled(estate)
    enabled = {name: region for name, region in ec2.regions.items() if region.opt_in_status != "not-opted-in"}

    assert {name: len(region.volumes) for name, region in enabled.items()} == {
        name: sum(counts) for name, counts in estate.instances.items()
    }
    assert all(volume.state == "in-use" for region in enabled.values() for volume in region.volumes.values())


def test_no_snapshot_is_expected_where_ec2_refuses() -> None:
    denied = sum(FAULTY.instances["sa-east-1"])

    assert len(FAULTY.expected()) == 640 - denied - len(FAULTY.trouble.refused)


def test_another_tool_draws_only_on_the_home_region() -> None:
    first, *others = FAULTY.works()

    assert (first.single, first.earlier, first.due) == (Bucket(0, 2), 0, 0)
    assert {work.single for work in others} == {CREATES}


def test_work_includes_the_history_and_due_deletions() -> None:
    (work,) = ESTATES["history"].works()

    assert (work.earlier, work.due) == (22 * 2000, 2000)


def test_refused_volume_is_refused_in_a_set_too() -> None:
    ec2, region = _filled(FAULTY), FAULTY.trouble.refused[0]
    instance_id, volume_ids = FAULTY.instance_ids(region)[0]

    for action, parameters in (
        ("CreateSnapshot", {"VolumeId": volume_ids[-1]}),
        ("CreateSnapshots", {"InstanceSpecification": {"InstanceId": instance_id}}),
    ):
        with pytest.raises(Ec2Error, match="OperationNotPermitted"):
            ec2.call(action, parameters, region=region)


def test_lost_answers_alternate_between_errors_and_breaks() -> None:
    ec2, every = _filled(FAULTY), FAULTY.trouble.lost_one_in
    unlucky = FAULTY.instance_ids(REGIONS[0])[1 : 1 + 2 * every : every]
    lost: list[type[BaseException]] = []
    for _, volume_ids in unlucky:
        with pytest.raises((Ec2Error, AnswerLost)) as failure:
            ec2.call("CreateSnapshot", {"VolumeId": volume_ids[0]}, region=REGIONS[0])
        lost.append(failure.type)

    assert lost == [AnswerLost, Ec2Error]
    assert len(ec2.regions[REGIONS[0]].snapshots) == len(lost)
