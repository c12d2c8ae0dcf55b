"""The world: what the new snapshots of a run depend on in one region, read with as few calls as possible."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ebs_backup.aws.ec2 import Region
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.tags import PENDING, run_tag, tag_key
from ebs_backup.model.values import World
from ebs_backup.observe.own_snapshots import own_snapshots
from ebs_backup.plan.creates import instance_sets


def observe_world(region: Region, deployment: Deployment, run_id: str) -> World:
    """Read what new snapshots depend on; raise Ec2Error if any part cannot be read, since it would make a wrong plan.

    Its snapshots are those of the run, and those of a set, of whatever run, that lack their own volume's tags.
    """
    marks = run_tag(deployment, run_id), (tag_key(deployment, "VolumeId"), PENDING)
    with ThreadPoolExecutor(1, thread_name_prefix=region.name) as beside:  # two answers take no longer than one
        volumes = beside.submit(region.volumes)
        snapshots = own_snapshots(region, deployment, *marks)
        world = World(region.name, volumes.result(), snapshots)
    partial = [s.instance_id for s in instance_sets(world, deployment, run_id) if s.others]
    return replace(world, root_devices=region.root_devices(partial))
