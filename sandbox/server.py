"""The front door: one HTTP endpoint for all of AWS, as the AWS_ENDPOINT_URL of any SDK.

Reads who calls which service, authenticates and authorises sessions of roles, and hands over: EC2 to the simulator,
invocations to our Lambda, everything else to moto. The static credentials are the account's administrator.
"""

import io
import json
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

from sandbox import backends, schedules
from sandbox.access import Access, Denied
from sandbox.answers import Refusal, denied, json_answer, refused, unknown_caller
from sandbox.authorization import Asked, HttpRequest, asked_by, key_needs, needs_of
from sandbox.authorization_ec2 import ec2_needs
from sandbox.backends import Session
from sandbox.clients import KEYS
from sandbox.ec2 import AnswerLost, Ec2Error, Simulator, UnknownRegion
from sandbox.ec2.model import ACCOUNT
from sandbox.ec2.service import ADMINISTRATOR
from sandbox.ec2.wire import CONTENT_TYPE, respond
from sandbox.ec2.world import Request as Ec2Request
from sandbox.functions import Functions, NotInvoked
from sandbox.iam import Need, UnknownAction
from sandbox.patches import DeployedFunction
from sandbox.signature import Scope, is_genuine, scope_of
from sandbox.state_machines import StateMachines

CONTROL: Final = "/_sandbox/"
_LOG_TAIL: Final = 4096

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Any], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class _Call:
    """A signed request, its body read."""

    scope: Scope
    request: Request
    body: bytes

    @property
    def asked(self) -> HttpRequest:
        """The request as the tables of authorisation read it."""
        return HttpRequest(
            service=self.scope.service,
            region=self.scope.region,
            account=ACCOUNT,
            method=self.request.method,
            path=self.request.environ["RAW_URI"].partition("?")[0],
            query=self.request.environ["QUERY_STRING"],
            target=self.request.headers.get("X-Amz-Target", ""),
            body=self.body,
            if_none_match=self.request.headers.get("If-None-Match"),
        )


class Front:
    """The WSGI application."""

    def __init__(
        self,
        simulator: Simulator,
        access: Access,
        functions: Functions,
        state_machines: StateMachines,
        control: Callable[[Request], Response],
    ) -> None:
        self._simulator = simulator
        self._access = access
        self._functions = functions
        self._state_machines = state_machines
        self._control = control
        self._moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer a request, or break the connection where the answer is to be lost."""
        request = Request(environ)
        if request.path.startswith(CONTROL):
            return self._control(request)(environ, start_response)
        try:
            return self._answer(request)(environ, start_response)
        except AnswerLost as lost:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError from lost

    def _answer(self, request: Request) -> Wsgi:
        scope = scope_of(request.headers.get("Authorization", ""))
        if scope is None:
            return refused(Refusal("MissingAuthenticationToken", "The request is not signed.", 403), "")
        call = _Call(scope, request, _read_body(request.environ))
        try:
            return self._handed_over(call, self._session(call))
        except Denied as no:
            return refused(denied(str(no), scope.service), scope.service)
        except backends.NoSuchDestination as queue:
            return refused(
                Refusal("AWS.SimpleQueueService.NonExistentQueue", f"There is no queue {queue}."), scope.service
            )
        except UnknownAction as hole:
            message = f"The sandbox does not know what {hole} needs to be allowed."
            return refused(Refusal("SandboxUnknownAction", message), scope.service)
        except Refusal as refusal:
            return refused(refusal, scope.service)

    def _session(self, call: _Call) -> Session | None:
        """Find whose session a request is from, None for the administrator."""
        scope, headers = call.scope, call.request.headers
        if scope.access_key == KEYS.access_key and "X-Amz-Security-Token" not in headers:
            return None
        session = backends.session(scope.access_key)
        if session is None or headers.get("X-Amz-Security-Token") != session.token:
            raise unknown_caller(scope.service)
        url = f"http://{call.request.host}{call.request.environ['RAW_URI']}"
        given = {name.lower(): value for name, value in headers.items()}
        if not is_genuine(
            scope, session.secret_key, method=call.request.method, url=url, headers=given, body=call.body
        ):
            raise unknown_caller(scope.service)
        return session

    def _handed_over(self, call: _Call, session: Session | None) -> Wsgi:
        if call.scope.service == "ec2":
            return self._ec2(call, session)
        if session is not None:
            self._access.require(session, needs_of(call.asked), call.scope.region)
            self._access.require(session, _needs_of_what_it_meets(call), call.scope.region)
        return self._own_answer(call) or self._guarded(call)

    def _ec2(self, call: _Call, session: Session | None) -> Response:
        def authorize(request: Ec2Request) -> None:
            if session is not None:
                try:
                    self._access.require(session, ec2_needs(request, ACCOUNT), request.region.name)
                except Denied as no:
                    message = f"You are not authorized to perform this operation. {no}"
                    raise Ec2Error("UnauthorizedOperation", message) from no

        principal = session.arn if session else ADMINISTRATOR
        try:
            answer = respond(self._simulator, call.body.decode(), call.scope.region, principal, authorize)
        except UnknownRegion as region:
            raise Refusal("SandboxUnknownRegion", f"There is no region {region}.") from region
        return Response(answer.body, answer.status, content_type=CONTENT_TYPE)

    def _own_answer(self, call: _Call) -> Response | None:
        """Answer what moto would not, or not as AWS does; None leaves a request to moto."""
        if call.scope.service == "s3":
            _check_owner(call.request)
        if call.scope.service not in ("events", "lambda", "states"):
            return None
        asked = asked_by(call.asked)
        if asked.action == "Invoke":
            return self._invoke(call, asked)
        if asked.action == "PutRule":
            _check_schedule(asked.parameters.get("ScheduleExpression"))
        if asked.action in ("CreateStateMachine", "UpdateStateMachine"):
            self._state_machines.prepare()
            self._state_machines.check(asked.parameters, call.scope.region)
        return json_answer(_FIXED[asked.action]) if asked.action in _FIXED else None

    def _invoke(self, call: _Call, asked: Asked) -> Response:
        function = backends.function(asked.parameters["FunctionName"], call.scope.region)
        if not isinstance(function, DeployedFunction):
            message = f"Function not found: {asked.parameters['FunctionName']}"
            raise Refusal("ResourceNotFoundException", message, 404)
        event = _event(call.body)
        kind = call.request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return Response(status=204)
        if kind == "Event":
            self._functions.start(function, event)
            return Response(status=202)
        return self._invoke_now(call, function, event)

    def _invoke_now(self, call: _Call, function: DeployedFunction, event: str) -> Response:
        try:
            result = self._functions.invoke(function, event)
        except NotInvoked as refusal:
            raise Refusal(refusal.code, str(refusal), refusal.status) from refusal
        headers = {"X-Amz-Executed-Version": str(function.version)}
        if result.function_error:
            headers["X-Amz-Function-Error"] = result.function_error
        if call.request.headers.get("X-Amz-Log-Type") == "Tail":
            headers["X-Amz-Log-Result"] = b64encode(result.output.encode()[-_LOG_TAIL:]).decode()
        return Response(result.payload, 200, headers, content_type="application/json")

    def _guarded(self, call: _Call) -> Wsgi:
        """Let moto answer; what it does not implement is refused at once, where a 500 would be retried for minutes."""

        def answer(environ: Environ, start_response: Any) -> Iterable[bytes]:
            try:
                return self._moto(environ, start_response)  # type: ignore[no-any-return]
            except Exception as error:
                refusal = Refusal("SandboxNotImplemented", f"{type(error).__name__}: {error}")
                return refused(refusal, call.scope.service)(environ, start_response)

        return answer


_FIXED: Final[dict[str, Any]] = {
    "ListStateMachineVersions": {"stateMachineVersions": []},
    "ValidateStateMachineDefinition": {"result": "OK", "diagnostics": [], "truncated": False},
}


def _needs_of_what_it_meets(call: _Call) -> list[Need]:
    """List what a request needs because of what is there: the key of a queue or a bucket, or of what is not: an object.

    S3 tells that one is missing only to those who may list the bucket, as GetObject's page in its API reference says.
    That a condition on s3:prefix is not met by such a request, which has none, is not verified.
    """
    asked = asked_by(call.asked)
    match call.scope.service, asked.action:
        case "sqs", "SendMessage" | "SendMessageBatch":
            queue = asked.parameters["QueueUrl"].rpartition("/")[2]
            key = backends.key_of(f"arn:aws:sqs:{call.scope.region}:{ACCOUNT}:{queue}")
            return key_needs(key, ("kms:GenerateDataKey", "kms:Decrypt"), "sqs")
        case "s3", "PutObject":
            return key_needs(backends.key_of_bucket(asked.parameters["Bucket"]), ("kms:GenerateDataKey",), "s3")
        case "s3", "GetObject":
            bucket, name = asked.parameters["Bucket"], asked.parameters["Key"]
            if not backends.has_object(bucket, name):
                return [Need("s3:ListBucket", f"arn:aws:s3:::{bucket}")]
            return key_needs(backends.key_of_bucket(bucket), ("kms:Decrypt",), "s3")
    return []


def _read_body(environ: Environ) -> bytes:
    """Read the body and put it back for whoever answers."""
    if "CONTENT_LENGTH" not in environ:
        return b""
    body: bytes = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _event(body: bytes) -> str:
    event = body.decode() or "{}"
    try:
        json.loads(event)
    except ValueError as error:
        message = "Could not parse request body into json"
        raise Refusal("InvalidRequestContentException", message) from error
    return event


def _check_owner(request: Request) -> None:
    """Refuse a request that expects the bucket to be another account's: every bucket here is this one's."""
    if request.headers.get("x-amz-expected-bucket-owner", ACCOUNT) != ACCOUNT:
        raise Refusal("AccessDenied", "Access Denied", 403)


def _check_schedule(expression: str | None) -> None:
    if expression and not schedules.is_valid(expression):
        raise Refusal("ValidationException", "Parameter ScheduleExpression is not valid.")


class _QuietHandler(MotoRequestHandler):
    def log_request(self, *_: object) -> None:
        """Keep the console for what matters: calls and decisions are kept elsewhere."""


def serve(front: Wsgi, port: int) -> BaseWSGIServer:
    """Listen on the loopback interface, on a free port if none is given, each connection in a thread of its own."""
    server = make_server("127.0.0.1", port, front, threaded=True, request_handler=_QuietHandler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server
