"""The operator's AWS account: credentials, home region and enabled regions, checked before anything else.

Whatever is wrong with them is an InputError that says what to do.
"""

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from ebs_backup_cli.errors import InputError

# At most 25 seconds for each of two attempts.
CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 2})

EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_REJECTED = ("AuthFailure", "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException")
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

_NONE = (
    "found no AWS credentials. Name a profile with --profile, or set AWS_PROFILE; "
    "`aws configure` and `aws configure sso` make one"
)
_EXPIRED = "the AWS credentials have expired. Renew them, for example with `aws sso login`, and try again"


@dataclass(frozen=True, slots=True)
class Account:
    """An account whose credentials were found."""

    session: boto3.Session
    home_region: str

    def client(self, region: str) -> Any:
        """Return a client of EC2; only one thread at a time may ask."""
        return self.session.client("ec2", region_name=region, config=CONFIG)

    def enabled_regions(self) -> tuple[str, ...]:
        """Return the regions that the account has enabled; raise InputError if AWS does not tell."""
        try:
            answer = self.client(self.home_region).describe_regions()
        except ClientError as error:
            raise InputError(_about(error)) from None
        except BotoCoreError as error:
            raise InputError(f"cannot reach EC2 in {self.home_region}: {error}") from None
        return tuple(sorted(region["RegionName"] for region in answer["Regions"]))


def open_account(
    make_session: Callable[[], boto3.Session], profile: str | None, regions: Sequence[str], excluded: Sequence[str]
) -> Account:
    """Find credentials and home region; raise InputError if either is missing, or if a region is named that is none.

    The session is made once the profile is the process's own.
    """
    if profile:
        _use_profile(profile)
    try:
        session = make_session()
        credentials = session.get_credentials()
        if credentials is None:
            raise InputError(_NONE)
        credentials.get_frozen_credentials()
    except ProfileNotFound as error:
        raise InputError(f"{error}. `aws configure list-profiles` lists those there are") from None
    except NoCredentialsError:
        raise InputError(_NONE) from None
    except (SSOError, TokenRetrievalError) as error:
        raise InputError(f"{error}. Sign in with `aws sso login`") from None
    except OSError as error:  # a helper program of the profile, or a file
        raise InputError(f"cannot get AWS credentials: {error.strerror}: {error.filename}") from None
    except (BotoCoreError, ClientError) as error:
        raise InputError(f"cannot get AWS credentials: {error}") from None
    _check_names(session, (*regions, *excluded))
    return Account(session, _home_region(session, regions))


def check_expired(codes: Collection[str]) -> None:
    """Raise InputError if the regions failed, one and all, since the credentials have expired."""
    if codes and set(codes) <= set(EXPIRED):
        raise InputError(_EXPIRED)


def _use_profile(profile: str) -> None:
    """Make a profile the process's own: as for the AWS CLI, it then counts for more than keys in the environment."""
    os.environ["AWS_PROFILE"] = profile
    for key in _KEYS:
        os.environ.pop(key, None)


def _home_region(session: boto3.Session, named: Iterable[str]) -> str:
    """Return the region that is asked which regions there are."""
    region = next(iter(named), None) or os.environ.get("AWS_REGION") or session.region_name
    if not region:
        raise InputError("no AWS region is set. Set AWS_REGION, or name a region with --region")
    return region


def _check_names(session: boto3.Session, named: Iterable[str]) -> None:
    partitions = session.get_available_partitions()
    known = [name for partition in partitions for name in session.get_available_regions("ec2", partition)]
    for name in named:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "if AWS has just opened it, a newer boto3 knows it"
            raise InputError(f"there is no region {name}; {hint}")


def _about(error: ClientError) -> str:
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if code in EXPIRED:
        return _EXPIRED
    if code in _REJECTED:
        return f"AWS does not accept the credentials ({code}). Check --profile, AWS_PROFILE and the keys themselves"
    return f"cannot list the account's regions ({code}: {message}). Name them with --region"
