from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.request import CLOCK_DIFFERENCE, MAX_REGIONS, RequestError, parse_request, regions_to_visit
from ebs_backup.model.request import Request as Asked
from tests.unit.builders import deployment

RUN = "2026-11-23T03:00:00Z"
NOW = datetime(2026, 11, 23, 3, 0, 5, tzinfo=UTC)
TICK = {"source": "aws.events", "detail-type": "Scheduled Event", "time": RUN, "detail": {}}
WHOLE_TICK = TICK | {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "account": "111122223333",
    "region": "eu-west-1",
    "resources": ["arn:aws:events:eu-west-1:111122223333:rule/nightly"],
}


def _parsed(
    event: object, of: Deployment | None = None, *, request_id: str = "request-1", now: datetime = NOW
) -> Asked:
    return parse_request(event, request_id, of or deployment(), now)


# --- a scheduled run ---


@pytest.mark.parametrize("event", [TICK, WHOLE_TICK, {"source": "aws.events", "time": RUN}])
def test_scheduled_event_asks_for_everything_at_its_time(event: object) -> None:
    assert _parsed(event) == Asked(RUN, expires=True)


def test_repeated_delivery_is_the_same_run() -> None:
    assert _parsed(TICK) == _parsed({**TICK, "id": "another"}, request_id="request-2", now=NOW + timedelta(hours=12))


@pytest.mark.parametrize(
    "added",
    [
        {"dry_run": True},
        {"dry_run": False},
        {"Dry_Run": True},
        {"dryRun": True},
        {"regions": ["us-east-1"]},
        {"REGIONS": []},
        {"expire": False},
        {"run_id": "mine"},
        {"detail_type": "Scheduled Event"},
        {"Time": RUN},
        {"": 1},
        {"note": None},
    ],
)
def test_key_added_to_a_scheduled_event_is_refused(added: Mapping[str, object]) -> None:
    with pytest.raises(
        RequestError, match=f"keys of a scheduled event must be among version, .*, detail; got: {next(iter(added))}$"
    ):
        _parsed({**WHOLE_TICK, **added})


@given(st.text().filter(lambda key: key not in WHOLE_TICK))
def test_any_key_of_anothers_is_refused(key: str) -> None:
    with pytest.raises(RequestError):
        _parsed(WHOLE_TICK | {key: True})


@pytest.mark.parametrize("detail", [{"dry_run": True}, None, [], "", 0, False, [{}]])
def test_detail_of_a_scheduled_event_must_be_empty(detail: object) -> None:
    with pytest.raises(RequestError, match="detail of a scheduled event must be empty; got: "):
        _parsed(TICK | {"detail": detail})


@pytest.mark.parametrize("kind", ["scheduled event", "EC2 Instance State-change Notification", "", None, []])
def test_event_of_another_kind_is_refused(kind: object) -> None:
    with pytest.raises(RequestError, match="detail-type of a scheduled event must be Scheduled Event; got: "):
        _parsed(TICK | {"detail-type": kind})


@pytest.mark.parametrize(
    "time",
    [
        None,
        "",
        "mine",
        7,
        [],
        {},
        "2026-11-23",
        "2026-11-23T03:00:00",
        "2026-11-23T03:00:00+00:00",
        "2026-11-23T03:00:00.5Z",
        "2026-11-23t03:00:00z",
        "2026-02-30T03:00:00Z",
        "2026-11-23T25:00:00Z",
        "٢٠٢٦-11-23T03:00:00Z",
        f"{RUN}\n",
        f" {RUN}",
    ],
)
def test_time_of_a_scheduled_event_must_be_one(time: object) -> None:
    with pytest.raises(
        RequestError, match=r"time of a scheduled event must be a time such as 2026-11-23T03:00:00Z; got"
    ):
        _parsed(TICK | {"time": time})


def test_scheduled_event_without_a_time_is_refused() -> None:
    with pytest.raises(RequestError, match=r"time of a scheduled event must be a time such as .*; got: None"):
        _parsed({"source": "aws.events"})


@pytest.mark.parametrize("age", [timedelta(), timedelta(hours=12), timedelta(days=1)])
def test_scheduled_event_expires_for_as_long_as_it_may_be_delivered(age: timedelta) -> None:
    assert _parsed(TICK, now=datetime(2026, 11, 23, 3, tzinfo=UTC) + age).expires


@pytest.mark.parametrize("time", ["1970-01-01T00:00:00Z", "2026-11-22T03:00:04Z", "0001-01-01T00:00:00Z"])
def test_scheduled_event_of_long_ago_backs_up_and_expires_nothing(time: str) -> None:
    assert _parsed(TICK | {"time": time}) == Asked(time, expires=False)


# --- a run by hand ---


def test_manual_call_is_a_run_of_its_own_named_by_its_request_id() -> None:
    assert _parsed({}) == Asked("request-1")


def test_manual_call_can_resume_a_run_by_name() -> None:
    assert _parsed({"run_id": RUN}) == Asked(RUN)


def test_manual_run_can_have_a_name_as_long_as_an_executions() -> None:
    assert _parsed({}, request_id="x" * 80) == Asked("x" * 80)


@pytest.mark.parametrize("run_id", ["request-1", RUN])
@pytest.mark.parametrize(("asked", "expires"), [({}, False), ({"expire": False}, False), ({"expire": True}, True)])
def test_manual_call_expires_only_what_it_says(run_id: str, asked: Mapping[str, object], expires: bool) -> None:
    assert _parsed({"run_id": run_id, **asked}).expires == expires


@pytest.mark.parametrize("run_id", ["1970-01-01T00:00:00Z", "2026-11-22T03:00:04Z"])
def test_manual_call_expires_nothing_in_a_run_of_long_ago(run_id: str) -> None:
    assert not _parsed({"run_id": run_id}).expires
    with pytest.raises(RequestError, match=f"expire must be false for a run of more than a day ago; got: '{run_id}'"):
        _parsed({"run_id": run_id, "expire": True})


def test_manual_call_narrows_a_run_to_some_regions_or_to_a_dry_run() -> None:
    request = _parsed({"regions": ["eu-west-1"], "dry_run": True})

    assert request == Asked("request-1", dry_run=True, regions=("eu-west-1",))


@pytest.mark.parametrize("event", [TICK, {}, {"dry_run": False}, {"expire": True}])
def test_dry_run_deployment_stays_one_whatever_is_asked(event: dict[str, object]) -> None:
    assert _parsed(event, deployment(dry_run=True)).dry_run


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ([], r"payload must be an object; got: \[\]"),
        ("aws.events", "payload must be an object; got: 'aws.events'"),
        ({"dryrun": True}, "payload keys must be among dry_run, expire, regions, run_id; got: dryrun"),
        ({"Source": "aws.events", "time": RUN}, "payload keys must be among .*; got: Source, time"),
        ({"source": "AWS.EVENTS", "time": RUN}, "payload keys must be among .*; got: source, time"),
        ({"source": ["aws.events"]}, "payload keys must be among .*; got: source"),
        ({"dry_run": "yes"}, "payload.dry_run must be true or false; got: 'yes'"),
        ({"expire": "true"}, "payload.expire must be true or false; got: 'true'"),
        ({"expire": 1}, "payload.expire must be true or false; got: 1"),
        ({"expire": None}, "payload.expire must be true or false; got: None"),
        ({"expires": True}, "payload keys must be among dry_run, expire, regions, run_id; got: expires"),
        ({"regions": "eu-west-1"}, "regions must be a list of strings; got: 'eu-west-1'"),
        ({"regions": []}, rf"payload.regions must be 1 to {MAX_REGIONS} different regions, .*; got: \[\]"),
        ({"regions": ["eu-west-1"] * 2}, "payload.regions must be 1 to .* different regions"),
        ({"regions": [f"eu-west-{n}" for n in range(MAX_REGIONS + 1)]}, "payload.regions must be 1 to .* regions"),
        ({"regions": ["Ireland"]}, r"payload.regions\[0\] must be a region name such as eu-west-1; got: 'Ireland'"),
        ({"regions": ["eu-west-\u0661"]}, r"payload.regions\[0\] must be a region name"),
        ({"regions": ["eu-west-1\n"]}, r"payload.regions\[0\] must be a region name"),
        ({"regions": ["../eu-west-1"]}, r"payload.regions\[0\] must be a region name"),
        ({"regions": ["us-east-1"]}, "regions must be within the deployment's regions; got: us-east-1"),
        ({"regions": ["eu-west-2"]}, "regions must be within the deployment's regions; got: eu-west-2"),
        ({"run_id": ""}, "run_id must be 1 to 80 letters, .*; got: ''"),
        ({"run_id": "a b"}, "run_id must be 1 to 80 letters, .*; got: 'a b'"),
        ({"run_id": "../a"}, "run_id must be 1 to 80 letters, .*; got: '../a'"),
        ({"run_id": "a/b"}, "run_id must be 1 to 80 letters, .*; got: 'a/b'"),
        ({"run_id": 7}, "run_id must be a string; got: 7"),
        ({"run_id": "x" * 81}, "run_id must be 1 to 80 letters, .*; got: 'xxx"),
    ],
)
def test_any_other_payload_is_refused_by_key_rule_and_value(event: object, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        _parsed(event, deployment(regions=("eu-west-1", "eu-west-2"), exclude_regions=("eu-west-2",)))


@pytest.mark.parametrize(
    "region", ["eu-west-1", "us-gov-west-1", "us-isob-east-1", "ap-southeast-7", "mx-central-1", "eusc-de-east-1"]
)
def test_every_region_can_be_asked_for(region: str) -> None:
    assert _parsed({"regions": [region]}).regions == (region,)


# --- a time to come ---


@pytest.mark.parametrize("event", [TICK, {"run_id": RUN}, {"run_id": RUN, "dry_run": True}])
def test_id_of_a_run_to_come_is_refused(event: object) -> None:
    early = datetime(2026, 11, 23, 3, tzinfo=UTC) - CLOCK_DIFFERENCE

    assert _parsed(event, now=early).run_id == RUN
    with pytest.raises(
        RequestError, match=rf"run_id must not be a time to come; it is 2026-11-23T02:54:59Z; got: '{RUN}'"
    ):
        _parsed(event, now=early - timedelta(seconds=1))


@given(st.datetimes(datetime(2026, 11, 23, 3, 6), datetime(9999, 1, 1)))  # noqa: DTZ001 - hypothesis wants them so
def test_no_run_of_any_time_to_come_is_begun(at: datetime) -> None:
    for event in ({"run_id": f"{at:%Y-%m-%dT%H:%M:%SZ}"}, TICK | {"time": f"{at:%Y-%m-%dT%H:%M:%SZ}"}):
        with pytest.raises(RequestError, match="must not be a time to come"):
            _parsed(event)


# --- its regions ---


def test_every_enabled_region_but_the_excluded_is_visited() -> None:
    visited = regions_to_visit(deployment(exclude_regions=("us-east-1",)), Asked("r"), ["us-east-1", "eu-west-1"])

    assert visited == ("eu-west-1",)


def test_list_of_regions_needs_no_lookup() -> None:
    listed = deployment(regions=("eu-west-2", "eu-west-1"))

    assert regions_to_visit(listed, Asked("r"), ()) == ("eu-west-1", "eu-west-2")


def test_request_narrows_the_list() -> None:
    listed = deployment(regions=("eu-west-2", "eu-west-1"))

    assert regions_to_visit(listed, Asked("r", regions=("eu-west-2",)), ()) == ("eu-west-2",)


def test_run_without_a_region_is_an_error() -> None:
    with pytest.raises(RequestError, match="must leave at least one region"):
        regions_to_visit(deployment(exclude_regions=("eu-west-1",)), Asked("r"), ["eu-west-1"])
