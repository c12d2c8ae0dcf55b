"""CreateTags and DeleteTags."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from sandbox.ec2 import tags
from sandbox.ec2.errors import Ec2Error
from sandbox.ec2.model import Resource
from sandbox.ec2.world import Answer, Request, World

MOST_RESOURCES: Final = 1000


def create_tags(world: World, request: Request) -> Answer:
    """Add tags to resources, or none to any if one of them cannot take them."""
    added = tags.checked(request.parameters["Tags"])
    return _changed(world, request, lambda had: tags.within_limit({**had, **added}))


def delete_tags(world: World, request: Request) -> Answer:
    """Take tags away from resources; a tag that is not there needs nothing."""
    removals = request.parameters.get("Tags", ())
    return _changed(world, request, lambda had: tags.without(had, removals))


def _changed(world: World, request: Request, change: Callable[[tags.Tags], dict[str, str]]) -> Answer:
    ids = request.parameters["Resources"]
    if len(ids) > MOST_RESOURCES:
        raise Ec2Error("InvalidParameterValue", f"At most {MOST_RESOURCES} resources can be tagged in one call.")
    resources = [_resource(world, request, resource_id) for resource_id in ids]
    request.region.add(*(replace(resource, tags=change(resource.tags)) for resource in resources))
    return {}


def _resource(world: World, request: Request, resource_id: str) -> Resource:
    if resource_id.startswith("snap-"):
        return request.snapshot(resource_id, world.account)
    if resource_id.startswith("vol-"):
        return request.volume(resource_id)
    if resource_id.startswith("i-"):
        return request.instance(resource_id)
    raise Ec2Error("InvalidID", f"The ID '{resource_id}' is not valid")
