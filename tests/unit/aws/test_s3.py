from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from ebs_backup.aws import s3


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        resource = boto3.resource("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
        monkeypatch.setattr(s3, "_client", lambda: resource.meta.client)
        yield resource.create_bucket(Bucket="reports")


class Closed:
    """A client that S3 denies everything."""

    def __getattr__(self, operation: str) -> Any:
        def deny(*_: object, **__: object) -> None:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)

        return deny


def test_text_is_read_back_as_it_was_stored_last(bucket: Any) -> None:
    s3.put("reports", "a/b.json", "application/json", "first")
    s3.put("reports", "a/b.json", "application/json", "é")

    assert s3.get("reports", "a/b.json") == "é"
    assert bucket.Object("a/b.json").get()["ContentType"] == "application/json"


def test_missing_text_is_none(bucket: Any) -> None:
    assert bucket
    assert s3.get("reports", "a/b.json") is None


def test_keys_are_listed_under_the_prefix_after_the_start(bucket: Any) -> None:
    for key in ("a/1", "a/2", "a/3", "b/4"):
        bucket.put_object(Key=key, Body=b"")

    assert list(s3.keys("reports", "a/", "a/1")) == ["a/2", "a/3"]
    assert list(s3.keys("reports", "c/", "c/1")) == []


def test_denial_says_which_object_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_client", Closed)

    with pytest.raises(s3.StoreError, match=r"^k could not be stored in b: .*AccessDenied"):
        s3.put("b", "k", "text/plain", "")
    with pytest.raises(s3.StoreError, match=r"^k could not be read from b: .*AccessDenied"):
        s3.get("b", "k")
    with pytest.raises(s3.StoreError, match=r"^a/ could not be listed in b: .*AccessDenied"):
        list(s3.keys("b", "a/", "a/1"))
