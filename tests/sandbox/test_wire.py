from typing import TYPE_CHECKING
from urllib.parse import urlencode

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.ec2 import Clock, Simulator, attach
from sandbox.ec2.wire import respond
from tests.sandbox.worlds import HERE, NOW, add_volume, client

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

XML_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cn"], include_characters="\t\n\r"), max_size=40
)


def answer(simulator: Simulator, **fields: str) -> tuple[int, str]:
    response = respond(simulator, urlencode(fields), HERE)
    return response.status, response.body.decode()


@given(value=XML_TEXT)
def test_tag_keeps_any_text(value: str) -> None:
    simulator = Simulator(Clock(NOW))
    add_volume(simulator)
    ec2 = client(simulator)
    ec2.create_tags(Resources=["vol-1"], Tags=[{"Key": "k", "Value": value}])
    assert ec2.describe_volumes()["Volumes"][0]["Tags"] == [{"Key": "k", "Value": value}]


def test_lists_within_lists_arrive_in_order(simulator: Simulator) -> None:
    fields = {
        "Filter.2.Name": "tag:Name",
        "Filter.2.Value.1": "a",
        "Filter.2.Value.2": "b",
        "Filter.1.Name": "status",
        "Filter.1.Value.1": "in-use",
        "MaxResults": "7",
    }
    answer(simulator, Action="DescribeVolumes", **fields)
    assert simulator.calls[-1].parameters == {
        "Filters": [{"Name": "status", "Values": ["in-use"]}, {"Name": "tag:Name", "Values": ["a", "b"]}],
        "MaxResults": 7,
    }


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Action": "TerminateInstances"}, "InvalidAction"),
        ({}, "InvalidAction"),
        ({"Action": "DescribeVolumes", "Colour": "red"}, "UnknownParameter"),
        ({"Action": "DescribeVolumes", "MaxResults": "many"}, "InvalidParameterValue"),
        ({"Action": "DescribeVolumes", "DryRun": "perhaps"}, "InvalidParameterValue"),
        ({"Action": "DescribeVolumes", "VolumeId.x": "vol-1"}, "InvalidParameterValue"),
        ({"Action": "DescribeVolumes", "Filter": "x", "Filter.1.Name": "y"}, "MalformedQueryString"),
        ({"Action": "CreateSnapshot"}, "MissingParameter"),
    ],
)
def test_wrong_query_is_refused_by_code(simulator: Simulator, fields: dict[str, str], code: str) -> None:
    status, body = answer(simulator, **fields)
    assert status == 400
    assert f"<Code>{code}</Code>" in body


def test_one_session_reaches_every_region(simulator: Simulator) -> None:
    session = boto3.Session("key", "secret")
    attach(session, simulator)
    for region in ("eu-west-1", "us-east-1"):
        simulator.regions[region].add(*simulator.regions[HERE].volumes.values())
        session.client("ec2", region_name=region).describe_volumes()
    assert [call.region for call in simulator.calls] == ["eu-west-1", "us-east-1"]


def test_botocore_sees_request_ids_and_times_with_their_zone(simulator: Simulator, ec2: "EC2Client") -> None:
    add_volume(simulator)
    created = ec2.create_snapshot(VolumeId="vol-1")
    assert len(created["ResponseMetadata"]["RequestId"]) == 36
    assert created["StartTime"].utcoffset() is not None
