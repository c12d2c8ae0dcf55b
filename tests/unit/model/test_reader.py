import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest

from ebs_backup.model.reader import ShapeError, read


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


FULL = Outer(
    count=1,
    inner=Inner("a", 1.5),
    maybe=Inner("b"),
    word="w",
    many=(Inner("c"), Inner("d")),
    counts={1.5: 2, 24.0: 1},
    whatever=[1, {"a": None}],
    flag=True,
)
LEAST = {"count": 1, "inner": {"name": "a"}}


def test_what_was_written_is_read_back_as_it_was() -> None:
    assert read(Outer, json.loads(json.dumps(asdict(FULL))), "it") == FULL


def test_what_has_a_default_may_be_left_out_and_what_may_be_null_may_be_null() -> None:
    assert read(Outer, {**LEAST, "maybe": None}, "it") == Outer(1, Inner("a"))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "it must be an object; got: 'None'"),
        ([], r"it must be an object; got: '\[\]'"),
        ({}, "it must have a value for: count, inner"),
        (LEAST | {"conut": 1}, "keys of it must be among count, inner, .*; got: .*conut"),
        (LEAST | {"count": "1"}, "it.count must be of type int; got: '1'"),
        (LEAST | {"count": True}, "it.count must be of type int; got: 'True'"),
        (LEAST | {"count": 1.0}, "it.count must be of type int; got: '1.0'"),
        (LEAST | {"count": None}, "it.count must be of type int; got: 'None'"),
        (LEAST | {"flag": 1}, "it.flag must be of type bool; got: '1'"),
        (LEAST | {"word": 1}, "it.word must be of type str; got: '1'"),
        (LEAST | {"inner": {"name": 1}}, "it.inner.name must be of type str; got: '1'"),
        (LEAST | {"inner": {"name": "a", "hours": 1}}, "it.inner.hours must be of type float; got: '1'"),
        (LEAST | {"many": {}}, "it.many must be a list; got: '{}'"),
        (LEAST | {"many": [{"name": "a"}, {}]}, r"it.many\[1\] must have a value for: name"),
        (LEAST | {"counts": []}, r"it.counts must be an object; got: '\[\]'"),
        (LEAST | {"counts": {"1.5": "2"}}, "it.counts.1.5 must be of type int; got: '2'"),
        (LEAST | {"counts": {"old": 2}}, "keys of it.counts must be of type float; got: 'old'"),
        (LEAST | {"word": ["x" * 1000]}, "it.word must be of type str; got: .{10,90}$"),
    ],
)
def test_anything_else_is_refused_by_key_rule_and_value(value: object, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        read(Outer, value, "it")
