import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.tags import creation_tags
from ebs_backup.model.values import Create, Plan, Snapshot, Tag, Volume, World
from ebs_backup.plan.creates import MAX_EXCLUDED_DATA_VOLUMES, plan
from ebs_backup.plan.selection import select
from tests.unit.builders import AT, REGION, RUN, deployment, snapshot, volume, world


def _creates(made: Plan) -> list[tuple[str | None, list[str]]]:
    return [(a.instance_id, [v.id for v in a.volumes]) for a in made.actions if isinstance(a, Create)]


def test_volume_without_an_instance_gets_create_snapshot() -> None:
    made = plan(world(volume("vol-1", "i-1")), deployment(), RUN)

    assert _creates(made) == [("i-1", ["vol-1"])]
    assert made.selected == 1


def test_lone_volume_can_use_either_creating_call() -> None:
    alone, one_of_two, other, shared = (
        volume("vol-1", "i-1"),
        volume("vol-2", "i-2"),
        volume("vol-3", "i-2", tags={"ebs-backup:Skip": "true"}),
        volume("vol-4", "i-4", "i-5"),
    )

    made = plan(world(alone, one_of_two, other, shared, volume("vol-5", None)), deployment(), RUN)

    choices = {a.volumes[0].id: a.operations for a in made.actions if isinstance(a, Create)}
    only = ("CreateSnapshot",)
    assert choices == {"vol-1": ("CreateSnapshot", "CreateSnapshots"), "vol-2": only, "vol-4": only, "vol-5": only}


def test_create_snapshots_is_not_used_without_sets() -> None:
    volumes = (volume("vol-1", "i-1"), volume("vol-2", "i-2"), volume("vol-3", "i-2"))

    made = plan(world(*volumes), deployment(multi_volume_snapshots=False), RUN)

    assert _creates(made) == [(None, ["vol-1"]), (None, ["vol-2"]), (None, ["vol-3"])]
    assert {action.operations for action in made.actions} == {("CreateSnapshot",)}


def test_snapshot_with_another_volumes_tags_is_retagged() -> None:
    late = snapshot("snap-1", "vol-late", VolumeId="vol-1")
    everything = world(volume("vol-1", "i-1"), volume("vol-late", "i-1"), snapshots=(snapshot("snap-2", "vol-1"), late))

    made = plan(everything, deployment(), RUN)

    (tag,) = made.actions
    assert isinstance(tag, Tag)
    assert (tag.snapshot_id, tag.tags["ebs-backup:VolumeId"]) == ("snap-1", "vol-late")


def test_copy_keeps_its_tags() -> None:
    copy = snapshot("snap-1", "vol-ffffffff", VolumeId="vol-1")
    everything = world(volume("vol-1", "i-1"), snapshots=(snapshot("snap-2", "vol-1"), copy))

    assert plan(everything, deployment(), RUN).actions == ()


def test_volumes_of_one_instance_make_one_set() -> None:
    made = plan(world(volume("vol-1", "i-1"), volume("vol-2", "i-1"), volume("vol-3", "i-2")), deployment(), RUN)

    assert _creates(made) == [("i-1", ["vol-1", "vol-2"]), ("i-2", ["vol-3"])]


def test_largest_set_comes_first() -> None:
    volumes = [volume(f"vol-a{n}", "i-a") for n in range(2)] + [volume(f"vol-b{n}", "i-b") for n in range(3)]

    assert [instance for instance, _ in _creates(plan(world(*volumes), deployment(), RUN))] == ["i-b", "i-a"]


def test_set_leaves_out_volumes_that_are_not_selected() -> None:
    skip = {"ebs-backup:Skip": "true"}
    volumes = (
        volume("vol-root", "i-1", device="/dev/xvda", tags=skip),
        volume("vol-1", "i-1", device="/dev/xvdf"),
        volume("vol-2", "i-1", device="/dev/xvdg"),
        volume("vol-3", "i-1", device="/dev/xvdh", tags=skip),
    )

    made = plan(world(*volumes, i_1="/dev/xvda"), deployment(), RUN)

    assert made.actions == (
        Create(
            volumes=(volumes[1], volumes[2]),
            reason="2 volumes of i-1, crash-consistent",
            instance_id="i-1",
            boot_volume_id="vol-root",
            exclude_data_volume_ids=("vol-3",),
        ),
    )


def test_volumes_go_alone_when_the_root_is_unknown() -> None:
    volumes = [volume("vol-1", "i-1"), volume("vol-2", "i-1"), volume("vol-3", "i-1", tags={"ebs-backup:Skip": "true"})]

    made = plan(world(*volumes), deployment(), RUN)

    assert _creates(made) == [(None, ["vol-1"]), (None, ["vol-2"])]
    assert {a.reason for a in made.actions} == {"one by one: the root device of i-1 is unknown"}


def test_volumes_go_alone_when_a_set_needs_too_many_exclusions() -> None:
    skip = {"ebs-backup:Skip": "true"}
    others = [volume(f"vol-x{n}", "i-1", device=f"/dev/sd{n}", tags=skip) for n in range(MAX_EXCLUDED_DATA_VOLUMES)]
    chosen = [volume("vol-1", "i-1"), volume("vol-2", "i-1")]

    fits = plan(world(*chosen, *others, i_1="/dev/xvda"), deployment(), RUN)
    too_many = plan(world(*chosen, *others, volume("vol-y", "i-1", tags=skip), i_1="/dev/xvda"), deployment(), RUN)

    assert _creates(fits) == [("i-1", ["vol-1", "vol-2"])]
    assert _creates(too_many) == [(None, ["vol-1"]), (None, ["vol-2"])]
    assert too_many.actions[0].reason == "one by one: i-1 has 41 other volumes, more than a set can exclude"


def test_multi_attach_volume_is_snapshotted_once_outside_sets() -> None:
    volumes = [volume("vol-1", "i-1"), volume("vol-2", "i-1"), volume("vol-m", "i-1", "i-2", device="/dev/xvdm")]

    made = plan(world(*volumes, i_1="/dev/xvda"), deployment(), RUN)

    assert _creates(made) == [("i-1", ["vol-1", "vol-2"]), (None, ["vol-m"])]
    assert isinstance(made.actions[0], Create)
    assert made.actions[0].exclude_data_volume_ids == ("vol-m",)


def test_service_managed_volume_is_snapshotted_alone() -> None:
    made = plan(world(volume("vol-1", None), volume("vol-2", None)), deployment(), RUN)

    assert _creates(made) == [(None, ["vol-1"]), (None, ["vol-2"])]


def test_volume_needs_nothing_when_this_run_has_its_snapshot() -> None:
    made = plan(world(volume("vol-1", "i-1"), snapshots=(snapshot("snap-1", "vol-1", "pending"),)), deployment(), RUN)

    assert made.actions == ()
    assert made.already_there == {"vol-1": "snap-1"}


def test_snapshot_in_error_does_not_count() -> None:
    made = plan(world(volume("vol-1", "i-1"), snapshots=(snapshot("snap-1", "vol-1", "error"),)), deployment(), RUN)

    assert _creates(made) == [("i-1", ["vol-1"])]


def test_snapshots_of_another_run_or_another_deployment_do_not_count() -> None:
    others = (snapshot("snap-1", "vol-1", RunId="earlier"), snapshot("snap-2", "vol-1", Policy="weekly"))

    assert _creates(plan(world(volume("vol-1", "i-1"), snapshots=others), deployment(), RUN)) == [("i-1", ["vol-1"])]


def test_snapshot_from_before_a_scheduled_run_is_none_of_it() -> None:
    early = snapshot("snap-1", "vol-1", started=AT - timedelta(hours=1))

    assert [
        a.operation for a in plan(world(volume("vol-1", "i-1"), snapshots=(early,)), deployment(), RUN).actions
    ] == ["CreateSnapshot"]


@pytest.mark.parametrize("change", [{"origin": None}, {"volume_id": "vol-ffffffff"}], ids=["tags alone", "a copy"])
def test_snapshot_that_others_tagged_hides_no_missing_one(change: dict[str, Any]) -> None:
    forged = replace(snapshot("snap-1", "vol-1"), **change)

    made = plan(world(volume("vol-1", "i-1"), snapshots=(forged,)), deployment(), RUN)

    assert [a.operation for a in made.actions] == ["CreateSnapshot"]


@pytest.mark.parametrize("change", [{"origin": None}, {"volume_id": "vol-ffffffff"}], ids=["tags alone", "a copy"])
def test_snapshot_that_others_tagged_is_not_completed(change: dict[str, Any]) -> None:
    forged = replace(snapshot("snap-1", "vol-1", VolumeId="pending"), **change)

    assert plan(world(snapshots=(forged,)), deployment(), RUN).actions == ()


def test_resumed_run_makes_a_set_of_what_is_still_missing() -> None:
    volumes = [volume(f"vol-{n}", "i-1", device=f"/dev/xvd{n}") for n in "abc"]

    made = plan(world(*volumes, snapshots=(snapshot("snap-1", "vol-a"),), i_1="/dev/xvda"), deployment(), RUN)

    assert _creates(made) == [("i-1", ["vol-b", "vol-c"])]
    assert isinstance(made.actions[0], Create)
    assert made.actions[0].boot_volume_id == "vol-a"


def test_plan_completes_tags_of_an_interrupted_run() -> None:
    left = snapshot("snap-1", "vol-1", RunId="earlier", VolumeId="pending", InstanceId="i-1")

    made = plan(world(volume("vol-1", "i-1"), snapshots=(left,)), deployment(), RUN)

    tag = made.actions[-1]
    assert isinstance(tag, Tag)
    assert (tag.snapshot_id, tag.tags["ebs-backup:VolumeId"]) == ("snap-1", "vol-1")
    assert tag.tags["Name"] == "vol-1 /dev/xvdf of i-1 at earlier"


def test_tags_of_another_deployments_snapshots_are_left_alone() -> None:
    foreign = snapshot("snap-1", "vol-1", Policy="weekly", VolumeId="pending")

    assert not [a for a in plan(world(snapshots=(foreign,)), deployment(), RUN).actions if isinstance(a, Tag)]


def test_plan_tags_nothing_afterwards_without_sets() -> None:
    left = snapshot("snap-1", "vol-1", RunId="earlier", VolumeId="pending")

    made = plan(world(volume("vol-1", "i-1"), snapshots=(left,)), deployment(multi_volume_snapshots=False), RUN)

    assert [action.operation for action in made.actions] == ["CreateSnapshot"]


# --- laws, over estates of any shape ---

instances = st.sampled_from(["i-1", "i-2", "i-3"])
volumes_of_any_shape = st.builds(
    lambda places, skipped: (places, skipped),
    st.lists(instances | st.none(), min_size=1, max_size=3, unique=True),
    st.booleans(),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    shapes = draw(st.lists(volumes_of_any_shape, max_size=12))
    volumes = [
        volume(f"vol-{n:02}", *places, device=f"/dev/xvd{n}", tags={"ebs-backup:Skip": "true"} if skipped else {})
        for n, (places, skipped) in enumerate(shapes)
    ]
    done = draw(st.lists(st.sampled_from(volumes), unique_by=lambda v: v.id)) if volumes else []
    states = draw(st.lists(st.sampled_from(["pending", "completed", "error"]), min_size=len(done), max_size=len(done)))
    snapshots = [snapshot(f"snap-{v.id}", v.id, state) for v, state in zip(done, states, strict=True)]
    roots = {i: f"/dev/xvd{draw(st.integers(0, 12))}" for i in ("i-1", "i-2", "i-3") if draw(st.booleans())}
    return World(REGION, tuple(volumes), tuple(snapshots), roots)


def _as_ec2_would(create: Create, everything: World) -> list[Volume]:
    """Return the volumes that EC2 includes in a create."""
    if create.instance_id is None:
        return list(create.volumes)
    at = [(v, a.device) for v in everything.volumes for a in v.attachments if a.instance_id == create.instance_id]
    root = everything.root_devices.get(create.instance_id)
    out = {v.id for v, device in at if create.boot_volume_id and device == root}
    assert not {v.id for v, device in at if device == root} & set(create.exclude_data_volume_ids)
    return [v for v, _ in at if v.id not in out | set(create.exclude_data_volume_ids)]


def _applied(everything: World, made: Plan, by: Deployment) -> World:
    new: list[Snapshot] = []
    for action in made.actions:
        if isinstance(action, Create):
            tags = creation_tags(by, action, everything.region, RUN)
            new += [replace(snapshot(f"new-{v.id}", v.id), tags=tags) for v in _as_ec2_would(action, everything)]
    complete = {a.snapshot_id: a.tags for a in made.actions if isinstance(a, Tag)}
    all_of_them = [replace(s, tags={**s.tags, **complete.get(s.id, {})}) for s in everything.snapshots]
    return replace(everything, snapshots=(*all_of_them, *new))


@given(worlds(), st.booleans())
def test_each_selected_volume_ends_with_one_good_snapshot(
    everything: World,
    sets: bool,
) -> None:
    by = deployment(multi_volume_snapshots=sets)
    before = {s.volume_id for s in everything.snapshots if s.state != "error"}

    made = plan(everything, by, RUN)

    new = Counter(v.id for a in made.actions if isinstance(a, Create) for v in _as_ec2_would(a, everything))
    selected = {v.id for v in select(by, everything.volumes).selected}
    assert new == Counter(selected - before)
    assert made.already_there.keys() == selected & before


@given(worlds())
def test_second_plan_creates_nothing(everything: World) -> None:
    once = _applied(everything, plan(everything, deployment(), RUN), deployment())
    again = plan(once, deployment(), RUN)

    assert all(isinstance(action, Tag) for action in again.actions)
    assert plan(_applied(once, again, deployment()), deployment(), RUN).actions == ()


@given(worlds(), st.randoms(use_true_random=False))
def test_plan_does_not_depend_on_the_order_of_lists(everything: World, rng: random.Random) -> None:
    shuffled = replace(
        everything,
        volumes=tuple(rng.sample(everything.volumes, len(everything.volumes))),
        snapshots=tuple(rng.sample(everything.snapshots, len(everything.snapshots))),
    )

    assert plan(shuffled, deployment(), RUN) == plan(everything, deployment(), RUN)


@given(worlds())
def test_every_action_has_its_reason(everything: World) -> None:
    made = plan(everything, deployment(), RUN)

    assert all(action.reason for action in made.actions)
    assert all(skip.reason for skip in made.skipped)
