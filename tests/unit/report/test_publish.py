import json
import logging
import time
from collections import Counter
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest

from ebs_backup.aws import s3
from ebs_backup.aws.clock import Clock
from ebs_backup.model.deployment import Deployment
from ebs_backup.model.request import Request
from ebs_backup.model.retention import Retention
from ebs_backup.model.time_budget import LISTING, RESERVE, STORING, storing_seconds
from ebs_backup.model.values import Outcome, Plan, Status
from ebs_backup.report.document import Run, RunFailed
from ebs_backup.report.keys import earlier_attempts, earlier_runs
from ebs_backup.report.publish import publish, record
from ebs_backup.report.region import RegionResult, combined, region_part
from tests.unit.builders import AT, RUN
from tests.unit.reports import BRAKED, EMPTY, EXPIRING, ONE, UNREAD
from tests.unit.state_machine import Bucket, Killed

DEPLOYMENT = Deployment(
    name="nightly",
    report_bucket="reports",
    report_prefix="nightly/reports/",
    account="123456789012",
    retention=Retention(daily=7),
)


class Store(Bucket):
    """A bucket that can take its time, and lose the function right after an object was stored."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs: set[str] = set()
        self.killed_after = ""

    def put_object(self, *, Key: str, **given: Any) -> None:  # noqa: N803
        super().put_object(Key=Key, **given)
        if self.killed_after and Key.endswith(self.killed_after):
            raise Killed

    def _admit(self, operation: str) -> None:
        if operation in self.hangs:
            time.sleep(60)
        super()._admit(operation)

    def texts(self, ending: str) -> list[str]:
        return [body.decode() for key, body in sorted(self.objects.items()) if key.endswith(ending)]

    @property
    def reports(self) -> list[Any]:
        return [json.loads(text) for text in self.texts(".json")]

    @property
    def changes(self) -> list[list[Any]]:
        return [[json.loads(line) for line in text.splitlines()] for text in self.texts(".changes.jsonl")]


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store()
    monkeypatch.setattr(s3, "_client", lambda: made)
    return made


def _run(*results: RegionResult, regions: tuple[str, ...] = (), minutes: int = 0, **changes: Any) -> Run:
    return Run(
        deployment=DEPLOYMENT,
        request=Request(RUN, regions=regions, expires=True),
        started_at=AT + timedelta(minutes=minutes),
        duration_seconds=1.0,
        regions=[region_part(result, listed=0) for result in results],
        **changes,
    )


def _publish(run: Run, seconds: float = 800.0) -> Any:
    clock = Clock()
    return publish(run, clock, clock.now() + seconds)


def _many(created: int, deleted: int, region: str = "eu-west-1") -> RegionResult:
    """Return what a region came to in which so many snapshots were created and deleted."""
    outcomes = [Outcome(Status.CREATED, f"vol-{n}", "CreateSnapshot", f"snap-new-{n}") for n in range(created)]
    outcomes += [Outcome(Status.DELETED, f"vol-{n}", "DeleteSnapshot", f"snap-old-{n}", "old") for n in range(deleted)]
    return RegionResult(region=region, plan=Plan(region, 4), outcomes=outcomes)


# --- what is stored ---


def test_report_is_stored_as_json_and_as_a_page_that_links_it(bucket: Store) -> None:
    published = _publish(_run(EMPTY, token="0123abcd"))

    stem = "nightly/reports/2026/11/23/2026-11-23T030000Z.2026-11-23T030001Z-0123abcd"
    key = f"{stem}.completed.none.created-0.deleted-0"
    assert published.key == key
    assert set(bucket.objects) == {f"{key}.json", f"{key}.html"}
    assert bucket.reports == [json.loads(json.dumps(asdict(published.report)))]
    assert f'href="./{key.rpartition("/")[2]}.json"' in bucket.texts(".html")[0]


def test_every_change_is_named_in_a_file_that_the_report_names(bucket: Store) -> None:
    published = _publish(_run(EXPIRING, EMPTY))

    (changes,) = bucket.changes
    assert {(each["run_id"], each["region"]) for each in changes} == {(RUN, "eu-north-1")}
    assert Counter(each["change"] for each in changes) == Counter(["created", "withdrawn", "announced", "deleted"])
    (name,) = published.report.regions["eu-north-1"].changes
    assert [key for key in bucket.objects if key.endswith(f"2026/11/23/{name}")]
    assert name in bucket.texts(".html")[0]
    assert published.report.regions["sa-east-1"].changes == ()


def test_answer_of_a_huge_run_stays_small(bucket: Store) -> None:
    made = _publish(_run(*(_many(500, 500, f"region-{n}") for n in range(34)))).report

    assert len(json.dumps(asdict(made))) < 200_000
    assert sum(map(len, bucket.changes)) == 34_000


# --- written once ---


def test_retry_stands_beside_the_attempt_that_did_the_work(bucket: Store) -> None:
    with pytest.raises(RunFailed):
        _publish(_run(_many(4, 12), UNREAD))
    first = dict(bucket.objects)
    _publish(_run(replace(_many(0, 0), plan=Plan("eu-west-1", 4)), minutes=1))

    assert first.items() <= bucket.objects.items()
    assert [(r["status"], r["totals"]["created"], r["totals"]["deleted"]) for r in bucket.reports] == [
        ("failed", 4, 12),
        ("completed", 0, 0),
    ]
    assert [run.status for run in earlier_runs(earlier_attempts(sorted(bucket.objects)))] == ["completed"]
    page = bucket.texts(".html")[1]
    assert "The attempts at this run" in page
    assert '<tr><th scope="row">all together</th><td></td><td class="count">4</td>' in page.replace("\n", "")


def test_two_attempts_of_one_second_leave_two_reports(bucket: Store) -> None:
    for _ in range(2):
        _publish(_run(ONE))

    assert len(bucket.reports) == len(bucket.texts(".html")) == len(bucket.changes) == 2


def test_same_attempt_told_twice_is_on_record_once(bucket: Store, caplog: pytest.LogCaptureFixture) -> None:
    _publish(_run(EMPTY, token="0123abcd"))
    first = dict(bucket.objects)
    _publish(replace(_run(EMPTY, token="0123abcd"), duration_seconds=99.0))

    assert bucket.objects == first
    assert "already_stored" in caplog.messages


def test_interleaved_attempts_replace_nothing_of_each_other(bucket: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put, other = bucket.put_object, [_run(_many(0, 3))]

    def meanwhile(**given: Any) -> None:
        if other:
            _publish(other.pop())
        put(**given)

    monkeypatch.setattr(bucket, "put_object", meanwhile)
    _publish(_run(_many(4, 12)))

    assert sorted(r["totals"]["deleted"] for r in bucket.reports) == [3, 12]
    assert sorted(map(len, bucket.changes)) == [3, 16]


def test_evidence_outlasts_a_kill_before_the_answer(bucket: Store) -> None:
    bucket.killed_after = ".changes.jsonl"
    with pytest.raises(Killed):
        _publish(_run(_many(4, 12)))
    bucket.killed_after = ""
    _publish(_run(_many(0, 0), minutes=1))

    named = [each["snapshot_id"] for changes in bucket.changes for each in changes]
    assert len(named) == len(set(named)) == 16
    assert [r["totals"]["deleted"] for r in bucket.reports] == [0]


def test_rounds_keep_their_changes_beside_each_other(bucket: Store) -> None:
    attempt = _run(token="0123abcd").attempt
    rounds = [record(DEPLOYMENT, attempt, region_part(_many(1, n), listed=0)) for n in (2, 3)]
    run = replace(_run(token="0123abcd"), regions=[combined(*rounds)])

    report = _publish(run).report

    assert report.totals.deleted == sum(len(each) - 1 for each in bucket.changes) == 5
    assert len(set(report.regions["eu-west-1"].changes)) == 2
    assert {key.rpartition("/")[2] for key in bucket.objects} >= set(report.regions["eu-west-1"].changes)


def test_round_without_a_bucket_keeps_nothing(bucket: Store) -> None:
    part = record(replace(DEPLOYMENT, report_bucket=""), _run().attempt, region_part(_many(1, 1), listed=0))

    assert (part.changes, part.report.changes, bucket.objects) == ((), (), {})


# --- runs of chosen regions ---


def test_run_of_chosen_regions_that_changed_anything_is_on_record(
    bucket: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    _publish(_run(_many(0, 12), regions=("eu-west-1",)))

    (report,) = bucket.reports
    assert (report["chosen_regions"], report["totals"]["deleted"]) == (True, 12)
    (metrics,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert metrics["SnapshotsDeleteCompleted"] == 12
    assert not {"RunFailed", "RunDuration", "ResourcesTargeted", "UncoveredVolumes"} & set(metrics)


def test_run_of_chosen_regions_that_changed_nothing_leaves_nothing(
    bucket: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _publish(_run(EMPTY, regions=("sa-east-1",))).key is None
    assert (bucket.objects, capsys.readouterr().out) == ({}, "")


# --- a bucket that does not play along ---


@pytest.mark.parametrize("closed", ["PutObject"])
def test_run_fails_and_says_so_when_its_report_is_not_stored(
    bucket: Store, closed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.closed = {closed}

    with pytest.raises(RunFailed, match=r"the one volume has its snapshot\n- the report could not be stored: .*Denied"):
        _publish(_run(ONE))

    document = json.loads(capsys.readouterr().out.splitlines()[0])
    assert document["RunFailed"] == 1


@pytest.mark.parametrize("trouble", ["closed", "hangs"])
def test_history_that_cannot_be_read_costs_the_strip_alone(
    bucket: Store, trouble: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ebs_backup.report.publish.LISTING", 0.1)
    _publish(_run(ONE))
    setattr(bucket, trouble, {"ListObjectsV2"})

    assert _publish(_run(ONE, minutes=1)).key
    assert [("The last" in text) for text in bucket.texts(".html")] == [False, False]
    assert "history_not_read" in caplog.messages


def test_bucket_that_does_not_answer_ends_the_run_in_time(bucket: Store, caplog: pytest.LogCaptureFixture) -> None:
    bucket.hangs = {"PutObject"}
    caplog.set_level(logging.CRITICAL)
    started = time.monotonic()

    # Reading and the last call took all of the time that they may: what is kept for the report is left.
    with pytest.raises(RunFailed, match="the report could not be stored: S3 did not answer within 1 seconds"):
        _publish(_run(ONE), seconds=2 - RESERVE)

    assert time.monotonic() - started < 2


@pytest.mark.parametrize(("left", "seconds"), [(800.0, STORING), (5 - RESERVE, 4.0), (-RESERVE, 0.0)])
def test_storing_ends_before_lambda_does(left: float, seconds: float) -> None:
    assert storing_seconds(left) == seconds
    assert LISTING < STORING < RESERVE


def test_brake_is_in_the_message_of_the_failed_run_in_full(bucket: Store) -> None:
    assert bucket
    with pytest.raises(RunFailed) as failed:
        _publish(_run(*[replace(UNREAD, region=f"r-{n}") for n in range(30)], BRAKED))

    assert failed.value.args[0].splitlines()[1].endswith('to let them go, set confirmed_retention = "0123abcd"')
