"""S3: puts, gets and lists objects of one bucket. Knows nothing of what they hold."""

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ebs_backup.aws.clients import session

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


class StoreError(Exception):
    """An object could not be stored or not be read: the message says which and why."""


class ObjectExistsError(Exception):
    """There is an object of that key already: the message says which."""


def put(bucket: str, key: str, content_type: str, text: str) -> None:
    """Store a text in place of an earlier one; raise StoreError."""
    try:
        _client().put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType=content_type)
    except (BotoCoreError, ClientError) as error:
        raise StoreError(f"{key} could not be stored in {bucket}: {error}") from error


def create(bucket: str, key: str, content_type: str, text: str) -> None:
    """Store a text unless there is one already, which raises ObjectExistsError; raise StoreError.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
    """
    try:
        _client().put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType=content_type, IfNoneMatch="*")
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "PreconditionFailed":
            raise ObjectExistsError(f"{key} is in {bucket} already") from error
        raise StoreError(f"{key} could not be stored in {bucket}: {error}") from error


def get(bucket: str, key: str) -> str | None:
    """Return a text, or None if there is none; raise StoreError if that cannot be known."""
    try:
        return _client().get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise StoreError(f"{key} could not be read from {bucket}: {error}") from error


def keys(bucket: str, prefix: str, start_after: str) -> Iterator[str]:
    """Yield the keys under a prefix that come after another one, in their order; raise StoreError."""
    try:
        pages = (
            _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, StartAfter=start_after)
        )
        for page in pages:
            yield from (found["Key"] for found in page.get("Contents", ()))
    except (BotoCoreError, ClientError) as error:
        raise StoreError(f"{prefix} could not be listed in {bucket}: {error}") from error


@cache
def _client() -> "S3Client":
    return session().client("s3", config=Config(retries={"mode": "standard", "total_max_attempts": 5}))
