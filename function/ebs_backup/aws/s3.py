"""S3: puts, gets and lists objects of one bucket. Knows nothing of what they hold."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import cache
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ebs_backup.aws.clients import session
from ebs_backup.model.deployment import Bucket
from ebs_backup.model.time_budget import S3_ATTEMPTS, S3_CONNECT_TIMEOUT, S3_READ_TIMEOUT

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

T = TypeVar("T")

# How S3 answers a put that may not replace an object: it is there, or another put of it is under way.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
_THERE, _UNDER_WAY = "PreconditionFailed", "ConditionalRequestConflict"
# Seconds to wait while another put is under way.
_PAUSES = (0.2, 1.0)


class StoreError(Exception):
    """An object could not be stored or not be read: the message says which and why."""


class ObjectExistsError(StoreError):
    """An object that nothing may replace is there already, or is being stored at this moment."""


def create(bucket: Bucket, key: str, content_type: str, text: str) -> None:
    """Store a text where there is none yet; raise ObjectExistsError, or StoreError.

    A put whose answer is lost is sent again, and then finds what it has stored itself: that counts as stored.
    """
    sent_before = False
    for pause in (*_PAUSES, None):
        try:
            return _put(bucket, key, content_type, text, IfNoneMatch="*")
        except BotoCoreError as error:
            raise _not_stored(bucket, key, error) from error
        except ClientError as error:
            code = error.response["Error"]["Code"]
            sent_before |= bool(error.response["ResponseMetadata"].get("RetryAttempts"))
            if code not in (_THERE, _UNDER_WAY):
                raise _not_stored(bucket, key, error) from error
            if code == _THERE and sent_before:
                return None
            if code == _THERE or pause is None:
                raise ObjectExistsError(f"{key} is in {bucket.name} already") from error
            time.sleep(pause)
    return None


def put(bucket: Bucket, key: str, content_type: str, text: str) -> None:
    """Store a text in place of an earlier one; raise StoreError."""
    try:
        _put(bucket, key, content_type, text)
    except (BotoCoreError, ClientError) as error:
        raise _not_stored(bucket, key, error) from error


def get(bucket: Bucket, key: str) -> str | None:
    """Return a text, or None if there is none; raise StoreError if that cannot be known."""
    try:
        return _client().get_object(Bucket=bucket.name, Key=key, **_owner(bucket))["Body"].read().decode()
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise StoreError(f"{key} could not be read from {bucket.name}: {error}") from error


def keys(bucket: Bucket, prefix: str, start_after: str) -> Iterator[str]:
    """Yield the keys under a prefix that come after another one, in their order; raise StoreError."""
    try:
        paginator = _client().get_paginator("list_objects_v2")
        for page in paginator.paginate(Bucket=bucket.name, Prefix=prefix, StartAfter=start_after, **_owner(bucket)):
            yield from (found["Key"] for found in page.get("Contents", ()))
    except (BotoCoreError, ClientError) as error:
        raise StoreError(f"{prefix} could not be listed in {bucket.name}: {error}") from error


def within(seconds: float, work: Callable[[], T]) -> T:
    """Return what work with S3 returns; raise StoreError if it takes longer, as names that do not resolve can.

    It then goes on by itself, and nobody waits for it.
    """
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    Thread(target=run, name="s3", daemon=True).start()
    try:
        return result.result(timeout=seconds)
    except TimeoutError:
        raise StoreError(f"S3 did not answer within {seconds:.0f} seconds") from None


def _put(bucket: Bucket, key: str, content_type: str, text: str, **condition: Any) -> None:
    about = {"ContentType": content_type, **_owner(bucket), **condition}
    _client().put_object(Bucket=bucket.name, Key=key, Body=text.encode(), **about)


def _not_stored(bucket: Bucket, key: str, error: Exception) -> StoreError:
    return StoreError(f"{key} could not be stored in {bucket.name}: {error}")


def _owner(bucket: Bucket) -> Mapping[str, Any]:
    """Return what makes S3 refuse a bucket of the same name that is somebody else's.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
    """
    return {"ExpectedBucketOwner": bucket.account} if bucket.account else {}


@cache
def _client() -> "S3Client":
    config = Config(
        retries={"mode": "standard", "total_max_attempts": S3_ATTEMPTS},
        connect_timeout=S3_CONNECT_TIMEOUT,
        read_timeout=S3_READ_TIMEOUT,
    )
    return session().client("s3", config=config)
