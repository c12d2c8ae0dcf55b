"""The errors that a run may meet, one entry a code: what the run does about it, and what a person can do.

Codes are EC2's, botocore's where no answer came, those of Lambda and Step Functions for an invocation that ended, and
our own. Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html for the codes and what EC2
asks callers to do; https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html for throttling.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus


class Kind(Enum):
    """The way to treat an error."""

    THROTTLED = auto()  # the request was not taken: send it again, slower
    AMBIGUOUS = auto()  # the work may have been done all the same: look before sending it again
    WAIT = auto()  # EC2 asks to wait before the same request can succeed
    GONE = auto()  # what it is about no longer exists
    REGION_FULL = auto()  # no further snapshot can be created in this region
    DENIED = auto()  # by IAM, by an organization's policy, for want of valid credentials or of an enabled region
    REFUSED = auto()  # anything else: sending it again would be refused again


@dataclass(frozen=True, slots=True)
class Code:
    """The meaning of some error codes: for the run the kind and the seconds to wait, for a person the remedy."""

    codes: tuple[str, ...]
    kind: Kind
    remedy: str
    wait_seconds: float | None = None


_BUSY = "The volume or its last snapshot was in transition. The next run tries again."

# Of the waits, EC2 documents the cause of each, and no figure.
ENTRIES = (
    Code(
        ("RequestLimitExceeded", "EC2ThrottledException", "Throttling", "ThrottlingException"),
        Kind.THROTTLED,
        "Other callers used up the account's rate of EC2 calls in this region during the whole run. The next run "
        "tries again. If it happens often, move the schedule to a quieter hour, or ask AWS for a higher API rate.",
    ),
    Code(
        ("InternalError", "InternalFailure", "Unavailable", "ServiceUnavailable", "RequestTimeout"),
        Kind.AMBIGUOUS,
        "A fault at AWS. The next run tries again. If it goes on, see the AWS Health Dashboard.",
    ),
    Code(
        ("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError", "SSLError"),
        Kind.AMBIGUOUS,
        "EC2 in this region did not answer. The next run tries again. If it goes on, see the AWS Health Dashboard, "
        "and check that a region by this name exists.",
    ),
    # The volume was snapshotted within the last 15 seconds: by whom, only a look can tell. It may have been this
    # very run, in a call whose answer was lost or in another invocation.
    Code(
        ("SnapshotCreationPerVolumeRateExceeded",),
        Kind.AMBIGUOUS,
        "Something else takes snapshots of this volume within the same seconds. Find it, and move one of the two "
        "schedules.",
    ),
    Code(
        ("ConcurrentSnapshotLimitExceeded",),
        Kind.WAIT,
        "EC2 is still busy with earlier snapshots of this volume (at most 5 at once, of st1 and sc1 volumes 1). "
        "Take fewer, or wait: a first snapshot of a large volume takes hours.",
        wait_seconds=60.0,
    ),
    Code(
        ("PendingSnapshotLimitExceeded",),
        Kind.WAIT,
        "Too many snapshots of the account are in progress in this region (AWS allows 100 at once). The next run "
        "goes on. Ask AWS Support for more if it happens often.",
        wait_seconds=30.0,
    ),
    Code(("IncorrectState", "InvalidState"), Kind.WAIT, _BUSY, wait_seconds=15.0),
    Code(("ConcurrentTagAccess",), Kind.WAIT, _BUSY, wait_seconds=1.0),
    Code(
        ("InvalidVolume.NotFound", "InvalidSnapshot.NotFound", "InvalidInstanceID.NotFound"),
        Kind.GONE,
        "It was deleted while the run went on. There is nothing to do.",
    ),
    Code(
        ("SnapshotLimitExceeded",),
        Kind.REGION_FULL,
        "The region holds as many snapshots as the account may have (100,000 unless AWS raised it). Set a "
        "retention that keeps fewer, delete what nobody needs, or raise the quota in Service Quotas.",
    ),
    Code(
        ("UnauthorizedOperation", "AccessDenied"),
        Kind.DENIED,
        "Somebody forbids it: the run role's policy or permissions boundary, a key's policy, or an organization's "
        "policy. The message says which. Allow the operation there. If the region is meant to be closed, put it "
        "into exclude_regions or expected_denied_regions.",
    ),
    # All that EC2 says of a region that is not enabled is that it does not take the credentials.
    Code(
        ("AuthFailure", "OptInRequired", "InvalidClientTokenId", "UnrecognizedClientException"),
        Kind.DENIED,
        "The region does not take the account's credentials: most often it is not enabled for the account. Enable "
        "it, or put it into exclude_regions or expected_denied_regions.",
    ),
    Code(
        ("RequestExpired", "ExpiredToken", "SignatureDoesNotMatch"),
        Kind.DENIED,
        "The function's credentials ended or its clock was wrong. Run it again.",
    ),
    Code(("Blocked",), Kind.DENIED, "AWS has suspended the account in this region. AWS Support can tell why."),
    Code(
        ("PendingVerification",),
        Kind.REFUSED,
        "AWS has not verified the account in this region yet. AWS Support can tell why.",
    ),
    Code(
        ("OperationNotPermitted",),
        Kind.REFUSED,
        "The snapshot is locked or managed by another service, which alone can delete it. It stays. If it should "
        "not, release the lock or delete it there.",
    ),
    Code(
        ("TagLimitExceeded", "InvalidTagKey.Malformed", "TagPolicyViolation"),
        Kind.REFUSED,
        "EC2 takes at most 50 tags of a certain form, and the organization may have a tag policy. Correct "
        "snapshot_tags, or turn copy_volume_tags off.",
    ),
    Code(
        ("ResourceLimitExceeded",),
        Kind.REFUSED,
        "A quota of the account is used up in this region. The message says which. Service Quotas shows and raises it.",
    ),
    Code(
        ("InvalidSnapshot.InUse",),
        Kind.REFUSED,
        "An AMI is made of this snapshot, so EC2 keeps it. Deregister the AMI if nobody needs it. The snapshot "
        "goes with a later run.",
    ),
    Code(
        ("CustomerKeyHasBeenRevoked",),
        Kind.REFUSED,
        "The KMS key of the volume is disabled, deleted, or its grant to EC2 was revoked. Enable the key again: "
        "without it, the volume itself cannot be attached any more either.",
    ),
    Code(
        ("Sandbox.Timedout", "States.Timeout", "Runtime.ExitError", "Runtime.OutOfMemory", "Lambda.Unknown"),
        Kind.REFUSED,
        "Lambda ended the function, most often since its time or its memory was used up. Its work until then is "
        "done. The next run goes on. If it happens again, raise timeout or memory_size.",
    ),
    Code(
        ("StoreError",),
        Kind.REFUSED,
        "The region's part of the report could not be kept in the bucket, or not be read from it. Check that the "
        "run role, the bucket's policy and its key allow it. The snapshots are not affected.",
    ),
    Code(
        ("",),
        Kind.REFUSED,
        "The run was out of time before it came to this. The next run goes on with it. If it happens often, raise "
        "timeout (at most 900 seconds), or let a run take many invocations: engine = step_functions.",
    ),
)

CODES: Mapping[str, Code] = {code: entry for entry in ENTRIES for code in entry.codes}

_UNKNOWN = Code(
    (),
    Kind.REFUSED,
    "The message says what AWS objected to. The AWS documentation explains its codes under 'Error codes for the Amazon "
    "EC2 API'. The next run tries again.",
)


def meaning(code: str) -> Code:
    """Return what an error code means; one that is not known is a refusal, and its remedy says where to read on."""
    return CODES.get(code, _UNKNOWN)


def kind_of(code: str, status: int) -> Kind:
    """Return what to do about EC2's error code; a refusal with a server's HTTP status is ambiguous."""
    kind = meaning(code).kind
    return Kind.AMBIGUOUS if kind is Kind.REFUSED and status >= HTTPStatus.INTERNAL_SERVER_ERROR else kind
