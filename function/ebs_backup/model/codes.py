"""What EC2's errors mean for us: wait, look again, leave it, or give up.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html for the codes and what EC2 asks
callers to do; https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html for throttling.
"""

from enum import Enum, auto
from http import HTTPStatus


class Kind(Enum):
    """What to do about an error."""

    THROTTLED = auto()  # the request was not taken: send it again, slower
    AMBIGUOUS = auto()  # the work may have been done all the same: look before sending it again
    WAIT = auto()  # EC2 asks to wait before the same request can succeed
    GONE = auto()  # what it is about no longer exists
    REGION_FULL = auto()  # no further snapshot can be created in this region
    DENIED = auto()  # by IAM, by an organization's policy, for want of valid credentials or of an enabled region
    REFUSED = auto()  # anything else: sending it again would be refused again


_KINDS = {
    Kind.THROTTLED: ("RequestLimitExceeded", "EC2ThrottledException", "Throttling", "ThrottlingException"),
    Kind.AMBIGUOUS: (
        "InternalError",
        "InternalFailure",
        "Unavailable",
        "ServiceUnavailable",
        "RequestTimeout",
        # The volume was snapshotted within the last 15 seconds: by whom, only a look can tell. It may have been this
        # very run, in a call whose answer was lost or in another invocation.
        "SnapshotCreationPerVolumeRateExceeded",
    ),
    Kind.WAIT: (
        "ConcurrentSnapshotLimitExceeded",
        "PendingSnapshotLimitExceeded",
        "IncorrectState",
        "InvalidState",
        "ConcurrentTagAccess",
    ),
    Kind.GONE: ("InvalidVolume.NotFound", "InvalidSnapshot.NotFound", "InvalidInstanceID.NotFound"),
    Kind.REGION_FULL: ("SnapshotLimitExceeded",),
    # A region that is not enabled for the account answers AuthFailure, one behind a service control policy
    # UnauthorizedOperation.
    Kind.DENIED: (
        "UnauthorizedOperation",
        "AuthFailure",
        "OptInRequired",
        "AccessDenied",
        "Blocked",
        "RequestExpired",
        "ExpiredToken",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ),
}
_KIND_OF = {code: kind for kind, codes in _KINDS.items() for code in codes}

# Seconds to wait before the same request can succeed; EC2 documents the cause of each, and no figure.
WAITS = {
    "ConcurrentSnapshotLimitExceeded": 60.0,
    "PendingSnapshotLimitExceeded": 30.0,
    "IncorrectState": 15.0,
    "InvalidState": 15.0,
    "ConcurrentTagAccess": 1.0,
}


def kind_of(code: str, status: int) -> Kind:
    """Return what to do about EC2's error code; an unknown one with a server's HTTP status is ambiguous."""
    return _KIND_OF.get(code, Kind.AMBIGUOUS if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Kind.REFUSED)
