"""HTML that cannot be broken into: every text is escaped, unless it was made here.

Knows elements; nothing of reports.
"""

import html
import unicodedata
from collections.abc import Iterable

_VOID = ("link", "meta")

# Invisible, and yet part of how words and emoji are written.
_JOINERS = "\u200c\u200d"
# Cc, Cf, Cs: control characters, among them those that turn the direction of writing, and halves of surrogate pairs,
# which no encoding takes; Zl, Zp: line breaks by another name.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


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


def whole(text: str) -> Markup:
    """Return a text that no line ends in, such as a region's name with its hyphens."""
    return element("span", text, class_="whole")


def _escaped(text: str) -> str:
    return html.escape("".join(character if character.isprintable() else _seen(character) for character in text))


def _seen(character: str) -> str:
    if character in "\t\n\r":
        return " "
    if character in _JOINERS or unicodedata.category(character) not in _UNSEEN:
        return character
    return f"[U+{ord(character):04X}]"
