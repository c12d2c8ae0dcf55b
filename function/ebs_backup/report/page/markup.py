"""HTML that cannot be broken into: every text is escaped, unless it was made here.

Knows elements, and words for numbers; nothing of reports.
"""

import html
import math
import unicodedata
from collections.abc import Iterable

_VOID = ("link", "meta")

# Invisible, and yet part of how words and emoji are written.
_JOINERS = "\u200c\u200d"
# Cc, Cf, Cs: control characters, among them those that turn the direction of writing, and halves of surrogate pairs,
# which no encoding takes; Zl, Zp: line breaks by another name.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")

# Between a number and its unit there is no end of a line.
GAP = "\u00a0"

MINUTES_AN_HOUR = 60
SECONDS_A_MINUTE = 60
HOURS_A_DAY = 24
DAYS_IN_HOURS = 48  # from here on people count in days


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, /, *content: str, **attributes: str | float | None) -> Markup:
    """Return an element; a content that is no Markup is text, an attribute that is None is left out.

    Attributes are named as in HTML, with `_` for `-`, and after what Python reserves: `class_`, `aria_label`.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    end = "" if name in _VOID else f"{join(content)}</{name}>"
    return Markup(f"<{name}{written}>{end}")


def join(parts: Iterable[str]) -> Markup:
    """Return parts one after the other, those escaped that are no Markup."""
    return Markup("".join(part if isinstance(part, Markup) else _escaped(part) for part in parts))


def foreign(text: str, longest: int = 300) -> Markup:
    """Return a text that others chose, cut where it is too long, and kept from turning its surroundings around."""
    return element("bdi", text if len(text) <= longest else f"{text[: longest - 1]}…")


def code(text: str, longest: int = 120) -> Markup:
    """Return an id, a code or a key as such."""
    return element("code", foreign(text, longest))


def _escaped(text: str) -> str:
    return html.escape("".join(character if character.isprintable() else _seen(character) for character in text))


def _seen(character: str) -> str:
    """Return what stands for a character that one cannot see."""
    if character in "\t\n\r":
        return " "
    if character in _JOINERS or unicodedata.category(character) not in _UNSEEN:
        return character
    return f"[U+{ord(character):04X}]"


# --- words for numbers ---


def number(value: int) -> str:
    """Return a number as people write it."""
    return f"{value:,}"


def counted(value: int, word: str) -> str:
    """Return so many of something."""
    return f"{number(value)} {word}" if value == 1 else f"{number(value)} {word}s"


def share(part: int, whole: int) -> str:
    """Return a percentage that is 100 only if nothing is missing, and 0 only if nothing is there."""
    tenths = math.floor(part * 1000 / whole)
    return f"{max(tenths, min(part, 1)) / 10:g}{GAP}%"


def age(hours: float) -> str:
    """Return an age in the unit that fits it."""
    if hours < 1:
        return f"{math.floor(hours * MINUTES_AN_HOUR)}{GAP}min"
    if hours < DAYS_IN_HOURS:
        return f"{round(hours, 1):g}{GAP}h"
    return f"{round(hours / HOURS_A_DAY, 1):g}{GAP}days"


def duration(seconds: float) -> str:
    """Return how long something took."""
    if round(seconds, 1) < SECONDS_A_MINUTE:
        return f"{round(seconds, 1):g}{GAP}s"
    minutes, rest = divmod(round(seconds), SECONDS_A_MINUTE)
    hours, minutes = divmod(minutes, MINUTES_AN_HOUR)
    return f"{hours}{GAP}h {minutes}{GAP}min" if hours else f"{minutes}{GAP}min {rest}{GAP}s"
