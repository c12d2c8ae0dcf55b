"""EC2's protocol: queries in, XML out, both read off botocore's own model of the API."""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final, cast
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.sax.saxutils import escape

import boto3
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape

from sandbox.ec2.errors import AnswerLost, Ec2Error, UnknownRegion
from sandbox.ec2.filters import instant
from sandbox.ec2.service import ACTIONS, ADMINISTRATOR, Simulator
from sandbox.ec2.world import Answer, Parameters, Request
from sandbox.signature import scope_of

_NAMESPACE: Final = "http://ec2.amazonaws.com/doc/2016-11-15/"
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
CONTENT_TYPE: Final = "text/xml;charset=UTF-8"

Tree = dict[str, "str | Tree"]
"""A query's fields nested by the dots in their names."""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response."""

    status: int
    body: bytes


def respond(
    simulator: Simulator,
    query: str,
    region: str,
    principal: str = ADMINISTRATOR,
    authorize: Callable[[Request], None] | None = None,
) -> Response:
    """Answer a form-encoded EC2 query."""
    request_id = str(uuid4())
    try:
        operation, parameters = decode(query)
        answer = simulator.call(operation.name, parameters, region=region, principal=principal, authorize=authorize)
    except Ec2Error as error:
        return Response(error.status, _error(error, request_id).encode())
    return Response(200, encode(operation, answer, request_id).encode())


def decode(query: str) -> tuple[OperationModel, Parameters]:
    """Read a query into the operation it names and parameters as boto3 takes them."""
    tree = _tree(parse_qsl(query, keep_blank_values=True))
    action = tree.pop("Action", "")
    tree.pop("Version", None)
    if not isinstance(action, str) or action not in ACTIONS:
        raise Ec2Error("InvalidAction", f"The action {action} is not valid for this web service.")
    operation = _model().operation_model(action)
    return operation, _read_structure(cast("StructureShape", operation.input_shape), tree)


@cache
def _model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("ec2")


def _tree(fields: list[tuple[str, str]]) -> Tree:
    root: Tree = {}
    for name, value in fields:
        *path, leaf = name.split(".")
        node = root
        for step in path:
            node = _branch(node.setdefault(step, {}), name)
        node[leaf] = value
    return root


def _branch(node: Tree | str, name: str) -> Tree:
    if isinstance(node, str):
        raise Ec2Error("MalformedQueryString", f"The query string is malformed at {name}.")
    return node


def _read(shape: Shape, node: Tree | str, name: str) -> object:
    if isinstance(shape, StructureShape):
        return _read_structure(shape, _branch(node, name))
    try:
        if isinstance(shape, ListShape):
            items = _branch(node, name)
            return [_read(shape.member, items[i], name) for i in sorted(items, key=int)]
        return _SCALARS.get(shape.type_name, str)(str(node))
    except (KeyError, ValueError) as error:
        raise Ec2Error("InvalidParameterValue", f"Value ( {node} ) for parameter {name} is invalid.") from error


_SCALARS: Final[Mapping[str, Callable[[str], object]]] = {
    "boolean": {"true": True, "false": False}.__getitem__,
    "integer": int,
    "long": int,
    "timestamp": datetime.fromisoformat,
}


def _read_structure(shape: StructureShape, node: Tree) -> Parameters:
    members = {_query_name(member, name): (name, member) for name, member in shape.members.items()}
    if unknown := next((key for key in node if key not in members), None):
        raise Ec2Error("UnknownParameter", f"The parameter {unknown} is not recognized")
    read: dict[str, object] = {}
    for key, value in node.items():
        name, member = members[key]
        read[name] = _read(member, value, name)
    if missing := next((name for name in shape.required_members if name not in read), None):
        raise Ec2Error("MissingParameter", f"The request must contain the parameter {missing}")
    return read


def _query_name(shape: Shape, name: str) -> str:
    """Name a field in queries: EC2's clients capitalise the location name, which answers use as it is."""
    if "queryName" in shape.serialization:
        return str(shape.serialization["queryName"])
    location = str(shape.serialization.get("name", name))
    return location[0].upper() + location[1:]


def encode(operation: OperationModel, answer: Answer, request_id: str) -> str:
    """Write an answer as XML."""
    shape = operation.output_shape
    body = "".join(_members(shape, answer)) if isinstance(shape, StructureShape) else "<return>true</return>"
    tag = f"{operation.name}Response"
    return f'{_DECLARATION}<{tag} xmlns="{_NAMESPACE}"><requestId>{request_id}</requestId>{body}</{tag}>'


def _members(shape: StructureShape, structure: Answer) -> Iterator[str]:
    for name, value in structure.items():
        if value is not None:
            member = shape.members[name]
            yield _element(str(member.serialization.get("name", name)), member, value)


def _element(tag: str, shape: Shape, value: object) -> str:
    if isinstance(shape, StructureShape):
        inner = "".join(_members(shape, cast("Answer", value)))
    elif isinstance(shape, ListShape):
        inner = "".join(_element("item", shape.member, item) for item in cast("list[object]", value))
    else:
        inner = _text(value)
    return f"<{tag}>{inner}</{tag}>"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return instant(value)
    return escape(str(value), {"\r": "&#13;"})


def _error(error: Ec2Error, request_id: str) -> str:
    return (
        f"{_DECLARATION}<Response><Errors><Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
        f"</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    )


def attach(
    client_or_session: boto3.Session | BaseClient,
    simulator: Simulator,
    region: str | None = None,
    principal: str = ADMINISTRATOR,
) -> None:
    """Let a simulator in this process answer the EC2 calls of a boto3 session or client, without any socket.

    Botocore still signs, retries and parses: it is handed the same XML over HTTP semantics as from AWS. The
    region is the one a request is signed for, unless one is given.
    """

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        response = _sent(simulator, request, region or _signed_region(request), principal)
        headers = HTTPHeaders.from_pairs([("Content-Type", CONTENT_TYPE)])
        return AWSResponse(request.url, response.status, headers, _Body(response.body))

    caller = client_or_session.meta if isinstance(client_or_session, BaseClient) else client_or_session
    caller.events.register("before-send.ec2", cast("Callable[..., None]", answer))


def _sent(simulator: Simulator, request: AWSPreparedRequest, region: str, principal: str) -> Response:
    try:
        return respond(simulator, _body(request), region, principal)
    except AnswerLost as error:
        raise ConnectionClosedError(endpoint_url=request.url) from error
    except UnknownRegion as error:
        raise EndpointConnectionError(endpoint_url=request.url, error=error) from error


def _body(request: AWSPreparedRequest) -> str:
    body = request.body or ""
    return body.decode() if isinstance(body, bytes) else str(body)


def _signed_region(request: AWSPreparedRequest) -> str:
    authorization = request.headers.get("Authorization", "")
    text = authorization.decode() if isinstance(authorization, bytes) else str(authorization)
    scope = scope_of(text)
    if scope is None:
        raise ValueError("The request is not signed; name the region when attaching.")
    return scope.region


class _Body(io.BytesIO):
    """A response's body as botocore reads it off a connection."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()
