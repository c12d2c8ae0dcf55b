import pytest

from ebs_backup.model.request import Request, RequestError, parse_request, regions_to_visit
from tests.unit.builders import deployment

TICK = {"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-11-23T03:00:00Z", "detail": {}}


def test_scheduled_event_asks_for_everything_at_its_time() -> None:
    assert parse_request(TICK, "request-1", deployment()) == Request("2026-11-23T03:00:00Z")


def test_repeated_delivery_is_the_same_run() -> None:
    again = TICK | {"id": "another"}

    assert parse_request(TICK, "request-1", deployment()) == parse_request(again, "request-2", deployment())


def test_manual_call_is_a_run_of_its_own_named_by_its_request_id() -> None:
    assert parse_request({}, "request-1", deployment()) == Request("request-1")


def test_manual_call_can_resume_a_run_by_name() -> None:
    assert parse_request({"run_id": "2026-11-23T03:00:00Z"}, "request-1", deployment()).run_id == "2026-11-23T03:00:00Z"


def test_manual_run_can_have_a_name_as_long_as_an_executions() -> None:
    assert parse_request({}, "x" * 80, deployment()) == Request("x" * 80)


def test_manual_call_narrows_a_run_to_some_regions_or_to_a_dry_run() -> None:
    request = parse_request({"regions": ["eu-west-1"], "dry_run": True}, "request-1", deployment())

    assert request == Request("request-1", dry_run=True, regions=("eu-west-1",))


@pytest.mark.parametrize("event", [TICK, {}, {"dry_run": False}])
def test_dry_run_deployment_stays_one_whatever_is_asked(event: dict[str, object]) -> None:
    assert parse_request(event, "request-1", deployment(dry_run=True)).dry_run


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ([], r"payload must be an object; got: \[\]"),
        ({"dryrun": True}, "payload keys must be among dry_run, regions, run_id; got: dryrun"),
        ({"dry_run": "yes"}, "payload.dry_run must be true or false; got: 'yes'"),
        ({"regions": "eu-west-1"}, "regions must be a list of strings; got: 'eu-west-1'"),
        ({"regions": []}, r"payload.regions must be one region at least, .*; got: \[\]"),
        ({"regions": ["Ireland"]}, r"payload.regions\[0\] must be a region name such as eu-west-1; got: 'Ireland'"),
        ({"regions": ["us-east-1"]}, "regions must be within the deployment's regions; got: us-east-1"),
        ({"regions": ["eu-west-2"]}, "regions must be within the deployment's regions; got: eu-west-2"),
        ({"run_id": "a b"}, "run_id must be 1 to 80 letters, .*; got: 'a b'"),
        ({"run_id": 7}, "run_id must be a string; got: 7"),
        ({"run_id": "x" * 81}, "run_id must be 1 to 80 letters, .*; got: 'xxx"),
        ({"source": "aws.events"}, "run_id must be .*; got: None"),
    ],
)
def test_any_other_payload_is_refused_by_key_rule_and_value(event: object, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        parse_request(
            event, "request-1", deployment(regions=("eu-west-1", "eu-west-2"), exclude_regions=("eu-west-2",))
        )


def test_every_enabled_region_but_the_excluded_is_visited() -> None:
    visited = regions_to_visit(deployment(exclude_regions=("us-east-1",)), Request("r"), ["us-east-1", "eu-west-1"])

    assert visited == ("eu-west-1",)


def test_list_of_regions_needs_no_lookup() -> None:
    listed = deployment(regions=("eu-west-2", "eu-west-1"))

    assert regions_to_visit(listed, Request("r"), ()) == ("eu-west-1", "eu-west-2")


def test_request_narrows_the_list() -> None:
    listed = deployment(regions=("eu-west-2", "eu-west-1"))

    assert regions_to_visit(listed, Request("r", regions=("eu-west-2",)), ()) == ("eu-west-2",)


def test_run_without_a_region_is_an_error() -> None:
    with pytest.raises(RequestError, match="must leave at least one region"):
        regions_to_visit(deployment(exclude_regions=("eu-west-1",)), Request("r"), ["eu-west-1"])
