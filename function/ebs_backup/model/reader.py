"""Strict reading: JSON into a dataclass, by the types of its fields. Anything else is an error.

A misspelt key or a wrong type would otherwise quietly leave volumes without a backup. Knows nothing of what it reads.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")

MAX_SHOWN = 80


class ReadError(ValueError):
    """A JSON value breaks a rule: the message says which key, which rule and which value."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition on a JSON value beyond its type; a field says so with `Annotated`."""

    words: str
    holds: Callable[[Any], bool]


def at_least(least: int) -> Rule:
    """Return the rule of a number that may not be smaller."""
    return Rule(f"{least} or more", lambda number: number >= least)


@dataclass(frozen=True, slots=True)
class _Scalar:
    one: str
    many: str
    holds: Callable[[Any], bool]


# JSON has one kind of number, in which 7 and 7.0 are the same; to Python, True is an int as well.
_SCALARS: Mapping[Any, _Scalar] = {
    str: _Scalar("a string", "strings", lambda value: type(value) is str),
    bool: _Scalar("true or false", "flags", lambda value: type(value) is bool),
    int: _Scalar("a whole number", "whole numbers", lambda value: type(value) in (int, float) and value % 1 == 0),
    float: _Scalar("a number", "numbers", lambda value: type(value) in (int, float) and math.isfinite(value)),
    datetime: _Scalar("a time in ISO 8601 with an offset", "times", lambda value: _time(value) is not None),
}


def read(kind: type[T], value: Any, where: str) -> T:
    """Return a JSON value as a dataclass; `where` names it in a ReadError."""
    return read_value(kind, value, where)  # type: ignore[no-any-return]


def read_value(kind: Any, value: Any, where: str) -> Any:
    """Return a JSON value as any type that a field may have; `where` names it in a ReadError."""
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _read_object(kind, value, where)
    if kind not in _SCALARS:
        return _read_generic(kind, value, where)
    _check(_SCALARS[kind].holds(value), where, _SCALARS[kind].one, value)
    return _time(value) if kind is datetime else kind(value)


def _time(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return at if at.utcoffset() is not None else None


def _read_generic(kind: Any, value: Any, where: str) -> Any:
    origin, (inner, *more) = get_origin(kind), get_args(kind)
    if origin is Annotated:
        made = read_value(inner, value, where)
        _check(more[0].holds(value), where, more[0].words, value)
        return made
    if origin is tuple:
        _check(type(value) is list, where, f"a list of {_many(inner)}", value)
        return tuple(read_value(inner, each, f"{where}[{n}]") for n, each in enumerate(value))
    if origin is Mapping:
        _check(type(value) is dict, where, f"an object of {_many(more[0])}", value)
        return {_read_key(inner, k, where): read_value(more[0], v, f"{where}.{k}") for k, v in value.items()}
    return None if value is None else read_value(inner, value, where)  # a union: something or null


def _read_object(kind: Any, value: Any, where: str) -> Any:
    _check(type(value) is dict, where, "an object", value)
    known = {field.name: field for field in fields(kind)}
    if unknown := sorted(value.keys() - known.keys()):
        raise ReadError(f"{where} keys must be among {', '.join(known)}; got: {', '.join(unknown)}")
    required = {name for name, field in known.items() if field.default is field.default_factory is MISSING}
    if missing := sorted(required - value.keys()):
        raise ReadError(f"{where} must have a value for: {', '.join(missing)}")
    types = get_type_hints(kind, include_extras=True)
    return kind(**{name: read_value(types[name], each, f"{where}.{name}") for name, each in value.items()})


def _read_key(kind: Any, key: str, where: str) -> Any:
    """Return an object's key; JSON has strings only, numbers among them."""
    plain, *rules = get_args(kind) or (kind,)
    try:
        made = plain(key)
    except ValueError:
        raise ReadError(f"{where} keys must be {_SCALARS[plain].many}; got: {key!r}") from None
    for rule in rules:
        _check(rule.holds(key), f"{where} keys", rule.words, key)
    return made


def _many(kind: Any) -> str:
    plain = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return _SCALARS[plain].many if plain in _SCALARS else "objects"


def _check(holds: bool, what: str, rule: str, value: Any) -> None:
    if not holds:
        raise ReadError(f"{what} must be {rule}; got: {repr(value)[:MAX_SHOWN]}")
