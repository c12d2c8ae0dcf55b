"""The first step: read what a plan depends on in one region, with as few calls as it takes."""

from .ec2 import Region
from .model import World
from .plan import instance_sets
from .policy import Policy
from .tags import PENDING, policy_tag, run_tag, tag_key


def observe(region: Region, policy: Policy, run_id: str) -> World:
    """Read a region; raise Ec2Error if any part of it cannot be read, since half a world makes a wrong plan.

    Of the snapshots only those matter that this run has made, and those of a set, of whatever run, that still lack
    the tags of their own volume.
    """
    owner, run = policy_tag(policy), run_tag(policy, run_id)
    snapshots = {
        snapshot.id: snapshot
        for key, value in (run, (tag_key(policy, "VolumeId"), PENDING))
        for snapshot in region.snapshots({f"tag:{owner[0]}": [owner[1]], f"tag:{key}": [value]})
    }
    volumes = region.volumes()
    world = World(region.name, volumes, tuple(snapshots.values()))
    partial = [s.instance_id for s in instance_sets(world, policy, run_id) if s.others]
    return World(region.name, volumes, world.snapshots, region.root_devices(partial))
