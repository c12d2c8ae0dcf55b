"""Owns how a page of documentation is taken apart; must not know what any page says."""

import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
FOLDERS = ("", "docs/", "examples/*/", "modules/*/", "sandbox/")
PAGES = sorted(path for folder in FOLDERS for path in ROOT.glob(f"{folder}*.md"))
GENERATED = re.compile(r"<!-- ([a-z]+)(?:: [\w ]+)? -->.*?<!-- /\1 -->", re.DOTALL)
"""A block that a tool fills."""

_PARSER = MarkdownIt("commonmark").enable("table")


def name(page: Path) -> str:
    """Return a page's path within the project, for a test's id."""
    return str(page.relative_to(ROOT))


def section(text: str, heading: str) -> str:
    """Return what stands under a heading of the second level."""
    tokens = _PARSER.parse(text)
    starts = [(tokens[at + 1].content, *_lines(each)) for at, each in enumerate(tokens) if _is_section(each)]
    [at] = [at for at, (title, *_) in enumerate(starts) if title == heading]
    end = starts[at + 1][1] if starts[at + 1 :] else None
    return "".join(text.splitlines(keepends=True)[starts[at][2] : end])


def headings(text: str) -> list[str]:
    """Return the headings of a page, of any level."""
    tokens = _PARSER.parse(text)
    return [tokens[at + 1].content for at, each in enumerate(tokens) if each.type == "heading_open"]


def rows(text: str) -> list[list[str]]:
    """Return the cells of all tables in a text, without their heads."""
    found: list[list[str]] = []
    for before, token in pairwise(_PARSER.parse(text)):
        if token.type == "tr_open" and before.type != "thead_open":
            found.append([])
        elif token.type == "inline" and before.type == "td_open":
            found[-1].append(token.content)
    return found


def codes(text: str) -> list[str]:
    """Return what is written as code within a line."""
    return [each.content for each in _inline(text) if each.type == "code_inline"]


def links(text: str) -> list[str]:
    """Return where the links and pictures of a text lead."""
    leads = [str(each.attrs.get("href", each.attrs.get("src", ""))) for each in _inline(text)]
    return [lead for lead in leads if lead]


def fences(text: str, *languages: str) -> list[str]:
    """Return the blocks of code in some languages."""
    return [each.content for each in _PARSER.parse(text) if each.type == "fence" and each.info in languages]


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each shell command of a page."""
    for block in fences(text, "shell", "console"):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(line.removeprefix("$ "), comments=True):
                yield words


def sentences(text: str, *, of_tables: bool = False) -> list[str]:
    """Return the sentences of a page's paragraphs, or else of its tables' cells; code counts as one word."""
    tokens = _PARSER.parse(GENERATED.sub("", text))
    wanted = ("td_open",) if of_tables else ("paragraph_open",)
    paragraphs = [
        _words(token.children or ())
        for before, token in pairwise(tokens)
        if token.type == "inline" and before.type in wanted
    ]
    return [sentence for paragraph in paragraphs for sentence in re.split(r"(?<=[.!?])\s+", paragraph) if sentence]


def _words(children: Sequence[Token]) -> str:
    return "".join(map(_word, children)).strip()


def _word(token: Token) -> str:
    match token.type:
        case "text":
            return token.content
        case "softbreak":
            return " "
        case "code_inline":
            return "CODE"
    return ""


def _inline(text: str) -> list[Token]:
    return [child for token in _PARSER.parse(text) for child in token.children or ()]


def _is_section(token: Token) -> bool:
    return token.type == "heading_open" and token.tag == "h2"


def _lines(token: Token) -> tuple[int, int]:
    assert token.map is not None
    return token.map[0], token.map[1]
