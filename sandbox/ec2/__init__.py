"""A strict simulator of the part of EC2 that deals with volumes and their snapshots."""

from sandbox.ec2.clock import Clock
from sandbox.ec2.errors import AnswerLost, Ec2Error, UnknownRegion
from sandbox.ec2.faults import Fault
from sandbox.ec2.limits import Limits, Quotas, Rate
from sandbox.ec2.model import Attachment, Instance, Region, Snapshot, Volume
from sandbox.ec2.service import Call, Simulator
from sandbox.ec2.wire import attach
from sandbox.ec2.world import Request

__all__ = [
    "AnswerLost",
    "Attachment",
    "Call",
    "Clock",
    "Ec2Error",
    "Fault",
    "Instance",
    "Limits",
    "Quotas",
    "Rate",
    "Region",
    "Request",
    "Simulator",
    "Snapshot",
    "UnknownRegion",
    "Volume",
    "attach",
]
