"""Expiry on a strict EC2, whatever is killed, refused or lost: nothing goes sooner than announced, and nothing held."""

import contextlib
from dataclasses import replace
from datetime import datetime, timedelta

import boto3
from hypothesis import given, settings
from hypothesis import strategies as st

from ebs_backup.aws.error import Ec2Error
from ebs_backup.model.retention import Retention
from sandbox.ec2 import Clock, Fault, Request, Simulator
from tests.unit.apply.runs import Runs, at_call, region_of
from tests.unit.builders import REGION, deployment
from tests.unit.conftest import SimulatedTime
from tests.unit.estates import add_snapshots, add_volumes

DELAY = timedelta(days=3)
FAULTS = [
    Fault("CreateTags", lost="error"),
    Fault("CreateTags", code="RequestLimitExceeded"),
    Fault("CreateTags", code="UnauthorizedOperation"),
    Fault("DeleteSnapshot", lost="error"),
    Fault("DeleteSnapshot", code="InternalError"),
    Fault("DescribeSnapshots", code="Unavailable"),
    Fault("DescribeVolumes", code="UnauthorizedOperation"),
]


class Killed(BaseException):
    """The invocation ended at once, as when Lambda's time is over."""


def _kill() -> None:
    raise Killed


class Witness:
    """Sees every call that reaches EC2, and holds each deletion against what was announced before."""

    def __init__(self, ec2: Simulator) -> None:
        self.ec2 = ec2
        self.announced: dict[str, datetime] = {}
        self.deleted: list[str] = []
        self.wrong: list[str] = []  # raised within a call, the executor would take it for a failure of that call

    def __call__(self, request: Request) -> None:
        now, text = self.ec2.clock.now(), str(request.parameters)
        if request.action == "CreateTags" and "ebs-backup:DeleteAfter" in text:
            for snapshot_id in self.ec2.regions[REGION].snapshots:
                if snapshot_id in text:
                    self.announced.setdefault(snapshot_id, now)
        if request.action == "DeleteSnapshot":
            snapshot_id = str(request.parameters["SnapshotId"])
            known = self.ec2.regions[REGION].snapshots.get(snapshot_id)
            if self.announced.get(snapshot_id, now) + DELAY > now + timedelta(seconds=1):
                self.wrong.append(f"{snapshot_id} goes sooner than announced")
            if known and "ebs-backup:Hold" in known.tags:
                self.wrong.append(f"{snapshot_id} is held")
            self.deleted.append(snapshot_id)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.none() | st.sampled_from(FAULTS), st.integers(1, 40)), max_size=8),
    st.integers(2, 9),
)
def test_no_kill_or_fault_deletes_more_or_sooner_than_announced(
    session: boto3.Session, nights: list[tuple[int, Fault | None, int]], history: int
) -> None:
    ec2 = Simulator(Clock(stopped_at=datetime.fromisoformat("2026-11-23T03:00:05+00:00")))
    add_volumes(ec2, 2)
    old = [add_snapshots(ec2, volume_id, days=history, kept=history) for volume_id in ("vol-0000", "vol-0001")]
    held = old[0][-1]
    region = ec2.regions[REGION]
    marked = region.snapshots[held]
    region.add(replace(marked, tags={**marked.tags, "ebs-backup:Hold": "auditors"}))
    runs = Runs(ec2, region_of(session, ec2, SimulatedTime(ec2)))
    witness = Witness(ec2)
    by = deployment(retention=Retention(last=2))

    for calls, fault, hours in [*nights, (10**6, None, 96), (10**6, None, 96), (10**6, None, 96)]:
        ec2.hooks[:] = [witness, at_call(calls, _kill)]
        if fault:
            ec2.inject(fault)
        with contextlib.suppress(Killed, Ec2Error):
            runs.run(by, run_id=f"{ec2.clock.now():%Y-%m-%dT%H:%M:%SZ}")
        ec2.clock.advance(hours * 3600)

    assert (witness.wrong, held in region.snapshots) == ([], True)
    assert {s for some in old for s in some[2:]} - {held} <= set(witness.deleted)


def test_witness_sees_a_deletion_that_was_not_announced(session: boto3.Session) -> None:
    ec2 = Simulator(Clock(stopped_at=datetime.fromisoformat("2026-11-23T03:00:05+00:00")))
    add_snapshots(ec2, "vol-1", days=3)  # marked by nobody that the witness saw
    runs = Runs(ec2, region_of(session, ec2, SimulatedTime(ec2)))
    witness = Witness(ec2)
    ec2.hooks[:] = [witness]

    runs.run(deployment(retention=Retention(last=2)))

    assert witness.wrong == ["snap-vol-1-003 goes sooner than announced"]
