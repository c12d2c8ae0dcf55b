"""EC2 answering: what happens to every call, whatever it asks for, and what answers which action."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sandbox.ec2 import describing, snapshots, tagging
from sandbox.ec2.clock import Clock
from sandbox.ec2.errors import AnswerLost, Ec2Error, UnknownRegion
from sandbox.ec2.faults import Fault, Faults
from sandbox.ec2.limits import Limits
from sandbox.ec2.model import Region
from sandbox.ec2.world import Answer, Parameters, Request, World

ACTIONS: Final[Mapping[str, Callable[[World, Request], Answer]]] = {
    "CopySnapshot": snapshots.copy_snapshot,
    "CreateSnapshot": snapshots.create_snapshot,
    "CreateSnapshots": snapshots.create_snapshots,
    "CreateTags": tagging.create_tags,
    "DeleteSnapshot": snapshots.delete_snapshot,
    "DeleteTags": tagging.delete_tags,
    "DescribeInstances": describing.describe_instances,
    "DescribeRegions": describing.describe_regions,
    "DescribeSnapshotAttribute": snapshots.describe_snapshot_attribute,
    "DescribeSnapshots": describing.describe_snapshots,
    "DescribeVolumes": describing.describe_volumes,
    "ModifySnapshotAttribute": snapshots.modify_snapshot_attribute,
}

ADMINISTRATOR: Final = "administrator"
OK: Final = "OK"


@dataclass(frozen=True, slots=True)
class Call:
    """What is kept of a call: `outcome` is OK, EC2's error code, or AnswerLost."""

    at: datetime
    region: str
    action: str
    outcome: str
    principal: str
    parameters: Parameters


class Simulator(World):
    """A strict EC2 for volumes and their snapshots: one account, every commercial region.

    Usable from many threads. `hooks` are called with every request before it is worked on, outside any lock,
    so that a test can change the world in the middle of a run; one may raise an Ec2Error.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__()
        self.clock = clock or Clock()
        self.limits = Limits()
        self.faults = Faults()
        self.hooks: list[Callable[[Request], None]] = []
        self.calls: list[Call] = []
        self._lock = threading.Lock()

    def inject(self, fault: Fault) -> None:
        """Make something go wrong."""
        self.faults.inject(fault)

    def call(
        self,
        action: str,
        parameters: Parameters | None = None,
        *,
        region: str,
        principal: str = ADMINISTRATOR,
        authorize: Callable[[Request], None] | None = None,
    ) -> Answer:
        """Answer one call, or raise EC2's refusal; `authorize` raises when the caller may not do this."""
        asked = parameters or {}
        outcome = OK
        try:
            return self._answer(action, asked, region, principal, authorize)
        except Ec2Error as error:
            outcome = error.code
            raise
        except AnswerLost:
            outcome = AnswerLost.__name__
            raise
        finally:
            self.calls.append(Call(self.clock.now(), region, action, outcome, principal, asked))

    def _answer(
        self,
        action: str,
        parameters: Parameters,
        region_name: str,
        principal: str,
        authorize: Callable[[Request], None] | None,
    ) -> Answer:
        region = self._region(region_name)
        work = ACTIONS.get(action)
        if work is None:
            raise Ec2Error("InvalidAction", f"The action {action} is not simulated.")
        fault = self.faults.due(action, region_name, parameters) or _NO_FAULT
        self._admit(action, parameters, region, fault)
        request = Request(action, parameters, region, principal, self.clock.now(), fault.snapshots_fail)
        _check_policy(request)
        for hook in self.hooks:
            hook(request)
        if authorize:
            authorize(request)
        if parameters.get("DryRun"):
            raise Ec2Error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
        with region.lock:
            answer = work(self, request)
        _deliver(fault)
        return answer

    def _region(self, name: str) -> Region:
        """Find a region; one that the account has not enabled does not know its credentials."""
        if name not in self.regions:
            raise UnknownRegion(name)
        region = self.regions[name]
        if region.opt_in_status == "not-opted-in":
            raise Ec2Error("AuthFailure", "AWS was not able to validate the provided access credentials")
        return region

    def _admit(self, action: str, parameters: Parameters, region: Region, fault: Fault) -> None:
        if fault.latency:
            self.clock.sleep(fault.latency)
        if fault.code:
            raise Ec2Error(fault.code, fault.message, fault.status)
        self.limits.take(action, region.name, parameters, self.clock.now())


_NO_FAULT: Final = Fault()


def _deliver(fault: Fault) -> None:
    """Lose the answer to work that has been done, if that is the fault."""
    if fault.lost == "error":
        raise Ec2Error("InternalError", "An internal error has occurred")
    if fault.lost == "reset":
        raise AnswerLost


def _check_policy(request: Request) -> None:
    """Refuse every caller in a region that the organisation denies, the administrator included."""
    if request.region.denied:
        message = (
            f"You are not authorized to perform this operation. User: {request.principal} is not authorized "
            f"to perform: ec2:{request.action} with an explicit deny in a service control policy"
        )
        raise Ec2Error("UnauthorizedOperation", message)
