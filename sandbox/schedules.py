"""EventBridge's grammar of schedule expressions for rules; knows no rule and no time."""

import re
from dataclasses import dataclass
from typing import Final

_RATE: Final = re.compile(r"rate\((?:1 (?:minute|hour|day)|(?P<many>[1-9]\d*) (?:minutes|hours|days))\)")
_CRON: Final = re.compile(r"cron\((?P<fields>[^()]*)\)")
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True, slots=True)
class _Field:
    """What one field of a cron expression takes: numbers, names for them, and forms of its own."""

    first: int
    last: int
    names: tuple[str, ...] = ()
    extra: str = ""

    def accepts(self, text: str) -> bool:
        return all(self._accepts_item(item) for item in text.split(","))

    def _accepts_item(self, item: str) -> bool:
        if self.extra and re.fullmatch(self.extra, item):
            return True
        values, slash, step = item.partition("/")
        if slash and not (step.isdecimal() and int(step) > 0):
            return False
        return values == "*" or all(self._accepts_value(value) for value in values.split("-", 1))

    def _accepts_value(self, value: str) -> bool:
        return value in self.names or (value.isdecimal() and self.first <= int(value) <= self.last)


_FIELDS: Final = (
    _Field(0, 59),
    _Field(0, 23),
    _Field(1, 31, extra=r"\?|L|([1-9]|[12]\d|3[01])W"),
    _Field(1, 12, names=_MONTHS),
    _Field(1, 7, names=_DAYS, extra=rf"\?|([1-7]|{'|'.join(_DAYS)})?L|([1-7]|{'|'.join(_DAYS)})#[1-5]"),
    _Field(1970, 2199),
)
_DAY_OF_MONTH: Final = 2
_DAY_OF_WEEK: Final = 4


def is_valid(expression: str) -> bool:
    """Tell whether EventBridge takes an expression for a rule.

    A rate of one has its unit in the singular, any other in the plural; a cron expression has six fields, of which
    exactly one of the two day fields is `?`.
    """
    if rate := _RATE.fullmatch(expression):
        return rate["many"] != "1"
    cron = _CRON.fullmatch(expression)
    fields = cron["fields"].split() if cron else []
    return (
        len(fields) == len(_FIELDS)
        and (fields[_DAY_OF_MONTH] == "?") != (fields[_DAY_OF_WEEK] == "?")
        and all(field.accepts(text) for field, text in zip(_FIELDS, fields, strict=True))
    )
