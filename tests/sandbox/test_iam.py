from typing import Any

import pytest

from sandbox.iam import Need, Verdict, evaluate, evaluate_resource

ALLOWED, NOT_ALLOWED, DENIED = Verdict.ALLOWED, Verdict.NOT_ALLOWED, Verdict.DENIED
VOLUME = "arn:aws:ec2:eu-west-1:123456789012:volume/vol-1"


def statement(**parts: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "ec2:CreateSnapshot", "Resource": "*", **parts}


def judged(*statements: dict[str, Any], resource: str = VOLUME, **context: Any) -> Verdict:
    keys = {key.replace("__", ":"): value for key, value in context.items()}
    return evaluate([{"Statement": list(statements)}], Need("ec2:CreateSnapshot", resource, keys))


def meets(condition: dict[str, Any], **context: Any) -> bool:
    return judged(statement(Condition=condition), **context) is ALLOWED


def test_deny_beats_every_allow_and_the_default_is_deny() -> None:
    assert judged() is NOT_ALLOWED
    assert judged(statement()) is ALLOWED
    assert judged(statement(), statement(Effect="Deny")) is DENIED


@pytest.mark.parametrize(
    "action", ["ec2:CreateSnapshot", "EC2:createsnapshot", "ec2:Create*", "ec2:CreateSnapsho?", "*"]
)
def test_actions_match_by_wildcard_in_any_case(action: str) -> None:
    assert judged(statement(Action=action)) is ALLOWED
    assert judged(statement(Action=["s3:*", action])) is ALLOWED
    without = statement(NotAction=action)
    del without["Action"]
    assert judged(without) is NOT_ALLOWED


@pytest.mark.parametrize(
    ("resource", "verdict"),
    [
        ("arn:aws:ec2:*:123456789012:volume/*", ALLOWED),
        ("arn:aws:ec2:eu-west-?:*:volume/vol-1", ALLOWED),
        ("arn:aws:ec2:*:123456789012:snapshot/*", NOT_ALLOWED),
        ("arn:aws:ec2:*:volume/*", NOT_ALLOWED),
        ("arn:aws:ec2", ALLOWED),
        ("arn:aws:ec2:*:*:VOLUME/*", NOT_ALLOWED),
    ],
)
def test_resources_match_part_by_part(resource: str, verdict: Verdict) -> None:
    assert judged(statement(Resource=resource)) is verdict


def test_not_resource_is_everything_else() -> None:
    without = statement(NotResource="arn:aws:ec2:*:*:snapshot/*")
    del without["Resource"]
    assert judged(without) is ALLOWED
    assert judged(without, resource="arn:aws:ec2:eu-west-1::snapshot/snap-1") is NOT_ALLOWED


def test_account_wildcard_matches_a_snapshots_empty_account() -> None:
    everywhere = statement(Resource="arn:aws:ec2:*:*:snapshot/*")
    assert judged(everywhere, resource="arn:aws:ec2:eu-west-1::snapshot/*") is ALLOWED


def test_escaped_asterisk_matches_no_existing_snapshot() -> None:
    to_be = statement(Resource="arn:aws:ec2:*::snapshot/${*}")
    assert judged(to_be, resource="arn:aws:ec2:eu-west-1::snapshot/*") is ALLOWED
    assert judged(to_be, resource="arn:aws:ec2:eu-west-1::snapshot/snap-1") is NOT_ALLOWED


def test_policy_variables_take_the_requests_values_literally() -> None:
    own = statement(Resource="arn:aws:ec2:*:${aws:PrincipalAccount}:volume/*")
    assert judged(own, aws__PrincipalAccount="123456789012") is ALLOWED
    assert judged(own, aws__PrincipalAccount="*") is NOT_ALLOWED
    assert judged(own) is NOT_ALLOWED
    same = {"StringEquals": {"aws:ResourceTag/Owner": "${aws:PrincipalTag/Name, 'nobody'}"}}
    assert meets(same, **{"aws__ResourceTag/Owner": "me", "aws__PrincipalTag/Name": "me"})
    assert meets(same, **{"aws__ResourceTag/Owner": "nobody"})


@pytest.mark.parametrize(
    ("operator", "wanted", "given", "met"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a*", "ab", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringEqualsIgnoreCase", "a", "A", True),
        ("StringLike", "a*", "ab", True),
        ("StringNotLike", "a*", "ab", False),
        ("ArnLike", "arn:aws:events:*:*:rule/x*", "arn:aws:events:eu-west-1:1:rule/x-1", True),
        ("ArnEquals", "arn:aws:events:*:rule/x", "arn:aws:events:eu-west-1:1:rule/x", False),
        ("ArnNotLike", "arn:aws:events:*:*:rule/x", "arn:aws:events:eu-west-1:1:rule/y", True),
        ("Bool", "true", "true", True),
        ("Bool", True, "true", True),
        ("Bool", "false", "true", False),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThanEquals", 9, "9", True),
        ("NumericGreaterThan", "10", "9", False),
        ("NumericEquals", "9.0", "9", True),
        ("NumericNotEquals", "9", "9", False),
    ],
)
def test_condition_compares_as_its_operator_says(operator: str, wanted: object, given: str, met: bool) -> None:
    assert meets({operator: {"aws:Key": wanted}}, aws__key=given) is met


@pytest.mark.parametrize(
    ("operator", "met"),
    [
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("ArnNotLike", True),
        ("StringEqualsIfExists", True),
        ("BoolIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("NumericLessThan", False),
    ],
)
def test_only_lenient_operators_are_met_without_the_key(operator: str, met: bool) -> None:
    assert meets({operator: {"aws:Key": "1"}}) is met


def test_null_operator_tests_that_a_key_is_present() -> None:
    assert meets({"Null": {"aws:Key": "true"}})
    assert meets({"Null": {"aws:Key": "false"}}, aws__Key="x")
    assert not meets({"Null": {"aws:Key": False}})


def test_quantifiers_judge_keys_with_several_values() -> None:
    keys = ["a", "b"]
    assert meets({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b", "c"]}}, aws__TagKeys=keys)
    assert not meets({"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}, aws__TagKeys=keys)
    assert meets({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}, aws__TagKeys=keys)
    assert not meets({"ForAllValues:StringNotEquals": {"aws:TagKeys": ["a"]}}, aws__TagKeys=keys)
    assert meets({"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["a"]}}, aws__TagKeys=keys)


def test_every_condition_must_be_met() -> None:
    both = {"StringEquals": {"aws:A": "1", "aws:B": "2"}}
    assert meets(both, aws__A="1", aws__B="2")
    assert not meets(both, aws__A="1", aws__B="x")


def test_operator_that_is_not_implemented_never_passes_for_met() -> None:
    with pytest.raises(NotImplementedError, match="IpAddress"):
        meets({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, aws__SourceIp="10.0.0.1")


@pytest.mark.parametrize(
    ("principal", "verdict"),
    [
        ({"Service": "events.amazonaws.com"}, ALLOWED),
        ({"Service": ["lambda.amazonaws.com", "events.amazonaws.com"]}, ALLOWED),
        ({"Service": "lambda.amazonaws.com"}, NOT_ALLOWED),
        ({"AWS": "*"}, ALLOWED),
        ("*", ALLOWED),
    ],
)
def test_resources_policy_names_its_principals(principal: object, verdict: Verdict) -> None:
    policy = {"Statement": [statement(Principal=principal)]}
    need = Need("ec2:CreateSnapshot", VOLUME)
    assert evaluate_resource(policy, need, ["events.amazonaws.com"]) is verdict
