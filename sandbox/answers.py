"""How AWS's services word a refusal, each in its protocol; knows no service's reasons."""

import json
from typing import Any, Final
from uuid import uuid4
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

_XML: Final = "text/xml"
_JSON: Final = "application/x-amz-json-1.1"


class Refusal(Exception):  # noqa: N818 - AWS's answer, not a failure of this program
    """An answer that refuses a request."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def json_answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with JSON."""
    return Response(json.dumps(content, default=str), status, headers, content_type=_JSON)


def refused(refusal: Refusal, service: str) -> Response:
    """Word a refusal as a service does: the JSON services, S3, EC2, and the older ones that speak XML."""
    code, message, request_id = refusal.code, str(refusal), str(uuid4())
    if service in _JSON_SERVICES:
        headers = {"x-amzn-errortype": code, "x-amzn-requestid": request_id}
        if service == "sqs":
            headers["x-amzn-query-error"] = f"{code};Sender"
        return json_answer({"__type": code, "message": message}, refusal.status, headers)
    text = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    body = {
        "s3": f"<Error>{text}<RequestId>{request_id}</RequestId></Error>",
        "ec2": f"<Response><Errors><Error>{text}</Error></Errors><RequestID>{request_id}</RequestID></Response>",
    }.get(
        service,
        f"<ErrorResponse><Error><Type>Sender</Type>{text}</Error><RequestId>{request_id}</RequestId></ErrorResponse>",
    )
    return Response(body, refusal.status, content_type=_XML)


_JSON_SERVICES: Final = frozenset({"events", "kms", "lambda", "logs", "monitoring", "sqs", "states"})


def denied(message: str, service: str) -> Refusal:
    """Make the refusal for a caller who is known but not allowed."""
    code, status = _DENIED.get(service, ("AccessDeniedException", 400))
    return Refusal(code, message, status)


_DENIED: Final = {
    "ec2": ("UnauthorizedOperation", 403),
    "s3": ("AccessDenied", 403),
    "sns": ("AuthorizationError", 403),
    "sqs": ("AccessDenied", 403),
    "sts": ("AccessDenied", 403),
    "lambda": ("AccessDeniedException", 403),
}


def unknown_caller(service: str) -> Refusal:
    """Make the refusal for credentials that nobody has, or a signature that is not theirs."""
    code, status = _UNKNOWN_CALLER.get(service, ("UnrecognizedClientException", 400))
    message = "AWS was not able to validate the provided access credentials"
    return Refusal(code, message, status)


_UNKNOWN_CALLER: Final = {
    "ec2": ("AuthFailure", 401),
    "s3": ("InvalidAccessKeyId", 403),
    "sns": ("InvalidClientTokenId", 403),
    "sqs": ("InvalidClientTokenId", 403),
    "sts": ("InvalidClientTokenId", 403),
    "lambda": ("UnrecognizedClientException", 403),
}
