"""What a person can do about an error: EC2's codes, botocore's and our own, in words.

Knows nothing of how the run itself treats them. Sources of the codes' meanings:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

_ALLOW = (
    "Somebody forbids it: the run role's policy or permissions boundary, a key's policy, or an organization's policy. "
    "The message says which. Allow the operation there; if the region is meant to be closed, put it into "
    "exclude_regions or expected_denied_regions."
)
_ENABLE = (
    "The region does not take the account's credentials: most often it is not enabled for the account. Enable it, or "
    "put it into exclude_regions or expected_denied_regions."
)
_ASK_AWS = "AWS has suspended or not yet verified the account in this region. AWS Support can tell why."
_THROTTLED = (
    "Other callers used up the account's rate of EC2 calls in this region during the whole run. The next run tries "
    "again. If it happens often, move the schedule to a quieter hour, or ask AWS for a higher API rate."
)
_SERVER = "A fault at AWS. The next run tries again; if it goes on, see the AWS Health Dashboard."
_NETWORK = (
    "No answer from EC2 in this region. The next run tries again; if it goes on, see the AWS Health Dashboard, and "
    "whether a region by this name exists."
)
_GONE = "It was deleted while the run went on. There is nothing to do."
_BUSY = "The volume or its last snapshot was in transition. The next run tries again."
_CREDENTIALS = "The function's credentials ended or its clock was wrong. Run it again."
_LOCKED = (
    "The snapshot is locked or managed by another service, which alone can delete it. It stays; if it should not, "
    "release the lock or delete it there."
)
_TAGS = (
    "EC2 takes at most 50 tags of a certain form, and the organization may have a tag policy. "
    "Correct snapshot_tags, or turn copy_volume_tags off."
)

_ENDED = (
    "Lambda ended the function, most often since its time or its memory was used up; what it had done until then is "
    "done. The next run goes on. If it happens again, raise timeout or memory_size."
)

_REMEDIES = {
    "": "The run was out of time before it came to this. The next run goes on with it. If it happens often, raise "
    "timeout (at most 900 seconds), or let a run take many invocations: engine = step_functions.",
    **dict.fromkeys(
        ("Sandbox.Timedout", "States.Timeout", "Runtime.ExitError", "Runtime.OutOfMemory", "Lambda.Unknown"), _ENDED
    ),
    "StoreError": "What was found in the region could not be kept in the bucket, or not be read from it. See whether "
    "the run role, the bucket's policy and its key allow it; the snapshots are not affected.",
    **dict.fromkeys(("UnauthorizedOperation", "AccessDenied", "AccessDeniedException"), _ALLOW),
    **dict.fromkeys(("AuthFailure", "OptInRequired", "InvalidClientTokenId", "UnrecognizedClientException"), _ENABLE),
    **dict.fromkeys(("Blocked", "PendingVerification"), _ASK_AWS),
    **dict.fromkeys(("RequestLimitExceeded", "EC2ThrottledException", "Throttling", "ThrottlingException"), _THROTTLED),
    **dict.fromkeys(
        ("InternalError", "InternalFailure", "Unavailable", "ServiceUnavailable", "RequestTimeout"), _SERVER
    ),
    **dict.fromkeys(
        ("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError", "SSLError"),
        _NETWORK,
    ),
    **dict.fromkeys(
        ("InvalidVolume.NotFound", "InvalidSnapshot.NotFound", "InvalidInstanceID.NotFound"),
        _GONE,
    ),
    **dict.fromkeys(("IncorrectState", "InvalidState", "ConcurrentTagAccess"), _BUSY),
    **dict.fromkeys(
        (
            "RequestExpired",
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidClientTokenId",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        ),
        _CREDENTIALS,
    ),
    "OperationNotPermitted": _LOCKED,
    **dict.fromkeys(("TagLimitExceeded", "InvalidTagKey.Malformed", "TagPolicyViolation"), _TAGS),
    "SnapshotCreationPerVolumeRateExceeded": "Something else takes snapshots of this volume within the same seconds. "
    "Find it, and move one of the two schedules.",
    "ConcurrentSnapshotLimitExceeded": "EC2 is still busy with earlier snapshots of this volume (at most 5 at once, "
    "of st1 and sc1 volumes 1). Take fewer, or wait: a first snapshot of a large volume takes hours.",
    "PendingSnapshotLimitExceeded": "Too many snapshots of the account are in progress in this region (AWS allows 100 "
    "at once). The next run goes on; ask AWS Support for more if it happens often.",
    "SnapshotLimitExceeded": "The region holds as many snapshots as the account may have (100,000 unless AWS raised "
    "it). Set a retention that keeps fewer, delete what nobody needs, or raise the quota in Service Quotas.",
    "ResourceLimitExceeded": "A quota of the account is used up in this region; the message says which. Service "
    "Quotas shows and raises it.",
    "InvalidSnapshot.InUse": "An AMI is made of this snapshot, so EC2 keeps it. Deregister the AMI if nobody needs "
    "it; the snapshot goes with a later run.",
    "CustomerKeyHasBeenRevoked": "The KMS key of the volume is disabled, deleted, or its grant to EC2 was revoked. "
    "Enable the key again: without it, the volume itself cannot be attached any more either.",
}

_DEFAULT = (
    "The message says what AWS objected to; its codes are explained under 'Error codes for the Amazon EC2 API' in the "
    "AWS documentation. The next run tries again."
)


def remedy(error_code: str) -> str:
    """Return what to do about an error, or where to read on about one that is not known."""
    return _REMEDIES.get(error_code, _DEFAULT)


def is_known(error_code: str) -> bool:
    """Tell whether there is a remedy for just this error."""
    return error_code in _REMEDIES
