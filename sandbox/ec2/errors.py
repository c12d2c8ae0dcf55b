"""What EC2 answers when it refuses: codes with their HTTP status; knows nothing of requests or of state."""

from typing import Final

_STATUS: Final = {
    "AuthFailure": 401,
    "UnauthorizedOperation": 403,
    "DryRunOperation": 412,
    "InternalError": 500,
    "InternalFailure": 500,
    "RequestLimitExceeded": 503,
    "ServiceUnavailable": 503,
    "Unavailable": 503,
}


class Ec2Error(Exception):
    """A refusal as EC2 words it.

    The HTTP status matters: botocore retries RequestLimitExceeded by itself when it comes as 503, and not as
    400.
    """

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status or _STATUS.get(code, 400)


class AnswerLost(Exception):  # noqa: N818 - not EC2's error: the connection breaks before EC2's answer arrives
    """The connection breaks before the caller has read the answer."""


class UnknownRegion(Exception):  # noqa: N818 - not EC2's error: there is nobody to answer
    """There is no such region: its endpoint has no address."""
