import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebs_backup.plan.selection import matches, select
from tests.unit.builders import deployment, volume


def _reason(tags: dict[str, str], **of_policy: object) -> str | None:
    selection = select(deployment(**of_policy), [volume("vol-1", "i-1", tags=tags)])
    return None if selection.selected else selection.skipped[0].reason


def test_every_volume_is_selected_without_tag_settings() -> None:
    assert _reason({}) is None


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"Env": "prod", "Team": "data"}, None),
        ({"Env": "production", "Team": "data"}, None),
        ({"Env": "prod"}, "not included: no tag Team=data"),
        ({"Env": "test", "Team": "data"}, "not included: no tag Env=prod*"),
        ({"env": "prod", "Team": "data"}, "not included: no tag Env=prod*"),
    ],
)
def test_volume_must_carry_every_included_tag(tags: dict[str, str], reason: str | None) -> None:
    assert _reason(tags, include_tags={"Env": "prod*", "Team": "data"}) == reason


@pytest.mark.parametrize(
    ("tags", "reason"),
    [({}, None), ({"Tier": "hot"}, None), ({"Tier": "scratch-1"}, "excluded by tag Tier=scratch*")],
)
def test_volume_is_left_out_by_one_excluded_tag(tags: dict[str, str], reason: str | None) -> None:
    assert _reason(tags, exclude_tags={"Tier": "scratch*", "Other": "*"}) == reason


def test_exclusion_wins_over_inclusion() -> None:
    both = {"include_tags": {"Env": "*"}, "exclude_tags": {"Env": "test"}}

    assert _reason({"Env": "test"}, **both) == "excluded by tag Env=test"


@pytest.mark.parametrize(
    ("value", "opts_out"), [("true", True), ("True", True), ("false", False), ("", False), ("no", False)]
)
def test_volume_opts_out_only_by_true(value: str, opts_out: bool) -> None:
    reason = _reason({"ebs-backup:Skip": value})

    assert reason == ("opted out by tag ebs-backup:Skip" if opts_out else None)


def test_opt_out_tag_has_the_deployments_prefix() -> None:
    assert _reason({"b:Skip": "true"}, tag_prefix="b:") == "opted out by tag b:Skip"
    assert _reason({"ebs-backup:Skip": "true"}, tag_prefix="b:") is None


@given(st.text())
def test_value_without_an_asterisk_matches_itself_alone(value: str) -> None:
    literal = value.replace("*", "")
    assert matches(literal, literal)
    assert not matches(literal, literal + "x")


@given(st.text(), st.text(), st.text())
def test_asterisk_stands_for_any_run_of_characters(start: str, middle: str, end: str) -> None:
    pattern = f"{start.replace('*', '')}*{end.replace('*', '')}"

    assert matches(pattern, pattern.replace("*", middle))


def test_other_characters_are_literal() -> None:
    assert not matches("a.c", "abc")
    assert not matches("[ab]", "a")
    assert not matches("?", "a")


@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_pattern_matches_what_its_regular_expression_does(pattern: str, value: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), value, re.DOTALL) is not None

    assert matches(pattern, value) == expected


def test_pattern_of_many_asterisks_holds_nothing_up() -> None:
    assert not matches("*a" * 127 + "*b", "a" * 256)
