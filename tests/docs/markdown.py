"""Owns how a page of documentation is taken apart; must not know what any page says."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("modules/*/*.md"), *ROOT.glob("sandbox/*.md"))
)


def name(page: Path) -> str:
    """Return a page's path within the project, for a test's id."""
    return str(page.relative_to(ROOT))


def section(text: str, heading: str) -> str:
    """Return what stands under a heading of the second level."""
    [found] = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return str(found)


def rows(text: str) -> list[list[str]]:
    """Return the cells of all tables in a text, without their heads."""
    lines = [line.strip("|").split(" | ") for line in re.findall(r"(?<=\|\n)\|(?!-).+", text)]
    return [[cell.strip() for cell in line] for line in lines]


def codes(text: str) -> list[str]:
    """Return what is written as code within a line."""
    return re.findall(r"`([^`\n]+)`", text)


def fences(text: str, language: str) -> list[str]:
    """Return the blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each shell command of a page."""
    for block in fences(re.sub(r"^ +", "", text, flags=re.MULTILINE), "(?:shell|console)"):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(line.removeprefix("$ "), comments=True):
                yield words
