"""IAM's evaluation of policies: statements, conditions, policy variables; knows no service and no request.

What is not implemented raises: a condition that cannot be judged must never pass for one that is met.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

Document = Mapping[str, Any]
Context = Mapping[str, str | Sequence[str]]
"""Condition keys, in any case, and their values in the request."""

_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
_ARN_PARTS: Final = 6
_COLON: Final = re.compile(r":(?![^{]*\})")
"""One between the parts of an ARN, not within a policy variable."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a caller must be allowed: an action on a resource in a context."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)


class UnknownAction(Exception):  # noqa: N818 - a hole in the tables of needs, not an error of the caller
    """Nobody has written down yet what this action needs."""


class Verdict(Enum):
    """What a set of policies says."""

    ALLOWED = "allowed"
    NOT_ALLOWED = "not allowed"
    DENIED = "explicitly denied"


def evaluate(documents: Iterable[Document], need: Need) -> Verdict:
    """Judge a need by identity-based policies: a Deny beats any Allow, and nothing is allowed unless stated."""
    return _verdict(s["Effect"] for s in _statements(documents) if applies(s, need))


def evaluate_resource(document: Document, need: Need, principals: Iterable[str]) -> Verdict:
    """Judge a need by a resource-based policy, which must name one of the caller's names as principal.

    Such a policy may leave out its Resource where it can only mean the resource that carries it.
    """
    names = list(principals)
    concerned = (s for s in _statements([document]) if _names(s, names) and applies(s, need))
    return _verdict(s["Effect"] for s in concerned)


def _verdict(effects: Iterable[str]) -> Verdict:
    found = set(effects)
    if "Deny" in found:
        return Verdict.DENIED
    return Verdict.ALLOWED if "Allow" in found else Verdict.NOT_ALLOWED


def _statements(documents: Iterable[Document]) -> Iterable[Document]:
    for document in documents:
        yield from _listed(document["Statement"])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def applies(statement: Document, need: Need) -> bool:
    """Tell whether a statement is about this need: its action, its resource and its conditions."""
    context = {key.lower(): value for key, value in need.context.items()}
    return (
        _action_matches(statement, need.action)
        and _resource_matches(statement, need.resource, context)
        and _conditions_met(statement.get("Condition", {}), context)
    )


def _action_matches(statement: Document, action: str) -> bool:
    named = _listed(statement.get("Action", statement.get("NotAction")))
    found = any(_wild(pattern.lower(), {}).fullmatch(action.lower()) for pattern in named)
    return found == ("Action" in statement)


def _resource_matches(statement: Document, resource: str, context: Context) -> bool:
    if "Resource" not in statement and "NotResource" not in statement:
        return True
    named = _listed(statement.get("Resource", statement.get("NotResource")))
    found = any(_arn_matches(pattern, resource, context) for pattern in named)
    return found == ("Resource" in statement)


def _arn_matches(pattern: str, arn: str, context: Context) -> bool:
    """Match an ARN part by part: a wildcard never reaches over a colon, save in the last part.

    The parts that a pattern leaves out match anything.
    """
    wanted, given = _COLON.split(pattern, _ARN_PARTS - 1), arn.split(":", _ARN_PARTS - 1)
    if pattern == "*" or len(given) < _ARN_PARTS:
        return _matches(pattern, arn, context)
    wanted += ["*"] * (_ARN_PARTS - len(wanted))
    return all(_matches(part, value, context) for part, value in zip(wanted, given, strict=True))


def _matches(pattern: str, value: str, context: Context) -> bool:
    try:
        return _wild(pattern, context).fullmatch(value) is not None
    except _NoValue:
        return False


class _NoValue(Exception):  # noqa: N818 - not an error: the pattern then matches nothing
    """A policy variable has no value in this request."""


def _wild(pattern: str, context: Context) -> re.Pattern[str]:
    """Compile a pattern with `*` and `?`, in which `${key}` stands for a condition key's value, taken literally."""
    pieces = _VARIABLE.split(pattern)
    compiled = [re.escape(_value(p, context)) if n % 2 else _wildcards(p) for n, p in enumerate(pieces)]
    return re.compile("".join(compiled), re.DOTALL)


def _wildcards(text: str) -> str:
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")


def _value(variable: str, context: Context) -> str:
    """Give a policy variable's value: `*`, `?` and `$` stand for themselves, a default follows a comma."""
    if variable in ("*", "?", "$"):
        return variable
    key, _, default = (part.strip() for part in variable.partition(","))
    value = context.get(key.lower())
    if isinstance(value, str):
        return value
    if default:
        return default.strip("'")
    raise _NoValue


def _conditions_met(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    return all(
        _condition_met(operator, [_text(value) for value in _listed(wanted)], key.lower(), context)
        for operator, tests in conditions.items()
        for key, wanted in tests.items()
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _condition_met(operator: str, wanted: list[str], key: str, context: Context) -> bool:
    """Judge one condition key.

    Without the key in the request a condition fails, unless its operator is negated, ends in IfExists, or is
    quantified by ForAllValues.
    """
    quantifier, _, name = operator.rpartition(":")
    base = name.removesuffix("IfExists")
    if base == "Null":
        return (key not in context) == (wanted[0] == "true")
    negated = "Not" in base
    test = _operator(base.replace("Not", ""))
    if key not in context:
        return name != base or quantifier == "ForAllValues" or (negated and not quantifier)
    given = context[key]
    values = [given] if isinstance(given, str) else given
    hits = [any(test(want, value, context) for want in wanted) != negated for value in values]
    return all(hits) if quantifier == "ForAllValues" or (negated and not quantifier) else any(hits)


Test = Callable[[str, str, Context], bool]


def _operator(name: str) -> Test:
    if name in _OPERATORS:
        return _OPERATORS[name]
    if name.startswith("Numeric") and name.removeprefix("Numeric") in _COMPARISONS:
        compare = _COMPARISONS[name.removeprefix("Numeric")]
        return lambda want, value, _: compare(float(value), float(want))
    raise NotImplementedError(f"condition operator {name}")


def _equal(want: str, value: str, context: Context) -> bool:
    try:
        literal = "".join(_value(piece, context) if n % 2 else piece for n, piece in enumerate(_VARIABLE.split(want)))
    except _NoValue:
        return False
    return literal == value


_OPERATORS: Final[Mapping[str, Test]] = {
    "StringEquals": _equal,
    "StringEqualsIgnoreCase": lambda want, value, context: _equal(want.lower(), value.lower(), context),
    "StringLike": _matches,
    "ArnEquals": _arn_matches,
    "ArnLike": _arn_matches,
    "Bool": lambda want, value, _: want.lower() == value.lower(),
}

_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "Equals": lambda value, want: value == want,
    "LessThan": lambda value, want: value < want,
    "LessThanEquals": lambda value, want: value <= want,
    "GreaterThan": lambda value, want: value > want,
    "GreaterThanEquals": lambda value, want: value >= want,
}


def _names(statement: Document, names: Sequence[str]) -> bool:
    """Tell whether a statement's principal is one of these names: ARNs, service principals, or an account's root."""
    principal = statement["Principal"]
    if principal == "*":
        return True
    named = [name for kind in principal.values() for name in _listed(kind)]
    return "*" in named or not set(named).isdisjoint(names)
