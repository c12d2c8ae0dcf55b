import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import pytest

from ebs_backup.model.reader import ReadError, Rule, at_least, read


@dataclass(frozen=True)
class Inner:
    name: str
    hours: float = 0.0


@dataclass(frozen=True)
class Outer:
    count: int
    inner: Inner
    maybe: Inner | None = None
    word: str | None = None
    many: tuple[Inner, ...] = ()
    counts: Mapping[float, int] = field(default_factory=dict)
    whatever: Any = None
    flag: bool = False
    rate: Annotated[float, at_least(1)] | None = None
    rates: Mapping[Annotated[str, Rule("short", lambda key: len(key) < 3)], int] = field(default_factory=dict)


FULL = Outer(
    count=1,
    inner=Inner("a", 1.5),
    maybe=Inner("b"),
    word="w",
    many=(Inner("c"), Inner("d")),
    counts={1.5: 2, 24.0: 1},
    whatever=[1, {"a": None}],
    flag=True,
    rate=2.5,
    rates={"ab": 1},
)
LEAST = {"count": 1, "inner": {"name": "a"}}


def test_value_is_read_back_as_it_was_written() -> None:
    assert read(Outer, json.loads(json.dumps(asdict(FULL))), "it") == FULL


def test_fields_with_a_default_may_be_left_out_or_be_null() -> None:
    assert read(Outer, {**LEAST, "maybe": None}, "it") == Outer(1, Inner("a"))


def test_number_is_read_whether_it_is_written_7_or_7_0() -> None:
    made = read(Outer, {"count": 7.0, "inner": {"name": "a", "hours": 1}}, "it")

    assert (repr(made.count), repr(made.inner.hours)) == ("7", "1.0")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "it must be an object; got: None"),
        ([], r"it must be an object; got: \[\]"),
        ({}, "it must have a value for: count, inner"),
        (LEAST | {"conut": 1}, "it keys must be among count, inner, .*; got: conut"),
        (LEAST | {"count": "1"}, "it.count must be a whole number; got: '1'"),
        (LEAST | {"count": True}, "it.count must be a whole number; got: True"),
        (LEAST | {"count": 1.5}, "it.count must be a whole number; got: 1.5"),
        (LEAST | {"count": None}, "it.count must be a whole number; got: None"),
        (LEAST | {"flag": 1}, "it.flag must be true or false; got: 1"),
        (LEAST | {"word": 1}, "it.word must be a string; got: 1"),
        (LEAST | {"inner": {"name": 1}}, "it.inner.name must be a string; got: 1"),
        (LEAST | {"inner": {"name": "a", "hours": float("inf")}}, "it.inner.hours must be a number; got: inf"),
        (LEAST | {"many": {}}, "it.many must be a list of objects; got: {}"),
        (LEAST | {"many": [{"name": "a"}, {}]}, r"it.many\[1\] must have a value for: name"),
        (LEAST | {"counts": []}, r"it.counts must be an object of whole numbers; got: \[\]"),
        (LEAST | {"counts": {"1.5": "2"}}, "it.counts.1.5 must be a whole number; got: '2'"),
        (LEAST | {"counts": {"old": 2}}, "it.counts keys must be numbers; got: 'old'"),
        (LEAST | {"word": ["x" * 1000]}, "it.word must be a string; got: .{10,80}$"),
        (LEAST | {"rate": 0.5}, "it.rate must be 1 or more; got: 0.5"),
        (LEAST | {"rates": {"abc": 1}}, "it.rates keys must be short; got: 'abc'"),
    ],
)
def test_anything_else_is_refused_by_key_rule_and_value(value: object, message: str) -> None:
    with pytest.raises(ReadError, match=message):
        read(Outer, value, "it")
