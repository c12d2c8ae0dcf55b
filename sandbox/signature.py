"""Signature Version 4: who a request says it is from, what it is for, and whether it was signed with a given secret."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_AUTHORIZATION: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]*)/(?P<service>[^/]+)/aws4_request,"
    r"\s*SignedHeaders=(?P<headers>[^,]+),\s*Signature=(?P<signature>[0-9a-f]+)"
)


@dataclass(frozen=True, slots=True)
class Scope:
    """The access key, region and service that a request was signed for, and its signature over some headers."""

    access_key: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


def scope_of(authorization: str) -> Scope | None:
    """Read an Authorization header, None if it is not a signature of this version."""
    found = _AUTHORIZATION.match(authorization)
    if found is None:
        return None
    headers = tuple(found["headers"].split(";"))
    return Scope(found["key"], found["region"], found["service"], headers, found["signature"])


def is_genuine(
    scope: Scope, secret_key: str, *, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> bool:
    """Tell whether a request was signed with this secret; the session token is among the signed headers."""
    signed = {name: headers[name] for name in scope.signed_headers if name in headers}
    request = AWSRequest(method=method, url=url, data=body, headers=signed)
    request.context["timestamp"] = headers.get("x-amz-date", "")
    kind = S3SigV4Auth if scope.service == "s3" else SigV4Auth
    auth = kind(Credentials(scope.access_key, secret_key), scope.service, scope.region)
    expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return compare_digest(expected, scope.signature)
