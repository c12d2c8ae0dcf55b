"""Decides whether a role's session or an AWS service may make a call, and keeps every decision."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from sandbox import backends
from sandbox.backends import Session
from sandbox.ec2.model import ACCOUNT
from sandbox.iam import Context, Document, Need, Verdict, evaluate, evaluate_resource

_ROOT: Final = f"arn:aws:iam::{ACCOUNT}:root"


class Decision(NamedTuple):
    """Whether somebody was allowed something."""

    allowed: bool
    action: str
    resource: str
    principal: str


class Denied(Exception):  # noqa: N818 - AWS's own word
    """Somebody may not do something."""

    def __init__(self, principal: str, need: Need, verdict: Verdict) -> None:
        reason = (
            "with an explicit deny in a policy"
            if verdict is Verdict.DENIED
            else f"because no identity-based policy allows the {need.action} action"
        )
        super().__init__(
            f"User: {principal} is not authorized to perform: {need.action} on resource: {need.resource} {reason}"
        )


class Access:
    """The gate: asks the policies of roles and resources and writes the decisions down."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []

    def require(self, session: Session, needs: Iterable[Need], region: str) -> None:
        """Raise Denied unless a session of a role may do all of this."""
        for need in needs:
            judged = Need(need.action, need.resource, {**_global_keys(session, region), **need.context})
            self._settle(session.arn, need, _judge_session(session, judged))

    def require_service(self, service: str, needs: Iterable[Need]) -> None:
        """Raise Denied unless the resources' own policies let one of AWS's services do all of this."""
        for need in needs:
            policy = backends.resource_policy(need.resource) if backends.is_usable(need.resource) else None
            verdict = evaluate_resource(policy, need, [service]) if policy else Verdict.NOT_ALLOWED
            self._settle(service, need, verdict)

    def require_trust(self, service: str, role: backends.Role, context: Context | None = None) -> None:
        """Raise Denied unless a role lets a service assume it."""
        need = Need("sts:AssumeRole", role.arn, context or {})
        self._settle(service, need, evaluate_resource(role.trust, need, [service]))

    def _settle(self, principal: str, need: Need, verdict: Verdict) -> None:
        allowed = verdict is Verdict.ALLOWED
        self.decisions.append(Decision(allowed, need.action, need.resource, principal))
        if not allowed:
            raise Denied(principal, need, verdict)


def _global_keys(session: Session, region: str) -> dict[str, str]:
    """Give the condition keys of every request; the loopback connection stands for a TLS one."""
    return {
        "aws:PrincipalAccount": ACCOUNT,
        "aws:PrincipalArn": session.role.arn,
        "aws:RequestedRegion": region,
        "aws:ResourceAccount": ACCOUNT,
        "aws:SecureTransport": "true",
    }


def _judge_session(session: Session, need: Need) -> Verdict:
    """Judge within one account: any Deny decides, the boundary and the session's policy narrow what the role may.

    A resource's policy may allow what the role's does not, save that a key obeys none but its own policy: a role's
    counts only if that one delegates to the account. A disabled key serves nobody.
    """
    if not backends.is_usable(need.resource):
        return Verdict.DENIED
    by_role = evaluate(session.role.policies, need)
    narrowed = [evaluate([d], need) for d in (session.role.boundary, session.policy) if d is not None]
    policy = backends.resource_policy(need.resource)
    by_resource = _by_resource(policy, need, [session.arn, session.role.arn])
    if Verdict.DENIED in (by_role, by_resource, *narrowed):
        return Verdict.DENIED
    if any(verdict is not Verdict.ALLOWED for verdict in narrowed):
        return Verdict.NOT_ALLOWED
    if by_resource is Verdict.ALLOWED:
        return Verdict.ALLOWED
    if need.action.startswith("kms:") and _by_resource(policy, need, [_ROOT, ACCOUNT]) is not Verdict.ALLOWED:
        return Verdict.NOT_ALLOWED
    return by_role


def _by_resource(policy: Document | None, need: Need, names: list[str]) -> Verdict:
    return evaluate_resource(policy, need, names) if policy else Verdict.NOT_ALLOWED
