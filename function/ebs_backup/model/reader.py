"""Strict reading: JSON into a dataclass, by the types of its fields. What is not exactly one is an error.

For what the function itself wrote, or another part of the deployment: a wrong key there is a mistake, never a wish.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


class ShapeError(ValueError):
    """A JSON value is not what it is to be: says which key, which rule and which value."""


def read(kind: type[T], value: Any, where: str) -> T:
    """Return a JSON value as a dataclass; `where` names it in errors."""
    return _read(kind, value, where)  # type: ignore[no-any-return]


def _read(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind):
        return _read_object(kind, value, where)
    if kind is Any:
        return value
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:  # something or null
        return None if value is None else _read(arguments[0], value, where)
    if origin is tuple:
        _check(type(value) is list, where, "a list", value)
        return tuple(_read(arguments[0], each, f"{where}[{n}]") for n, each in enumerate(value))
    if origin is Mapping:
        _check(type(value) is dict, where, "an object", value)
        return {_key(arguments[0], k, where): _read(arguments[1], v, f"{where}.{k}") for k, v in value.items()}
    _check(type(value) is kind, where, f"of type {kind.__name__}", value)
    return value


def _read_object(kind: Any, value: Any, where: str) -> Any:
    _check(type(value) is dict, where, "an object", value)
    known = {field.name: field for field in fields(kind)}
    required = {name for name, field in known.items() if field.default is field.default_factory is MISSING}
    _check(value.keys() <= known.keys(), f"keys of {where}", f"among {', '.join(known)}", sorted(value))
    if missing := sorted(required - value.keys()):
        raise ShapeError(f"{where} must have a value for: {', '.join(missing)}")
    types = get_type_hints(kind)
    return kind(**{name: _read(types[name], each, f"{where}.{name}") for name, each in value.items()})


def _key(kind: Any, key: str, where: str) -> Any:
    """Return an object's key; JSON has strings only, numbers among them."""
    try:
        return kind(key)
    except ValueError:
        raise ShapeError(f"keys of {where} must be of type {kind.__name__}; got: {key!r}") from None


def _check(holds: bool, what: str, rule: str, value: Any) -> None:
    if not holds:
        raise ShapeError(f"{what} must be {rule}; got: {str(value)[:80]!r}")
