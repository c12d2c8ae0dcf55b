"""The one writer of generated blocks: fills each marked block of the pages; must not know what a block says.

    make docs

fills the pages anew; a test tells when one is out of date. A block stands between `<!-- kind: name -->` and
`<!-- /kind -->`, or without a name if there is one of its kind.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tools import inputs_outputs, quickstart, report_reference, retention_calendar

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]

Makers = Mapping[str, Callable[[], str]]

MAKERS: Makers = {
    **quickstart.BLOCKS,
    **inputs_outputs.BLOCKS,
    **{f"retention: {name}": make for name, make in retention_calendar.BLOCKS.items()},
    **{f"report: {name}": make for name, make in report_reference.BLOCKS.items()},
}

_BLOCK = re.compile(
    r"(?P<begin><!-- (?P<name>(?P<kind>\w+)(?:: \w+)?) -->\n).*?(?P<end><!-- /(?P=kind) -->)", re.DOTALL
)


def filled(text: str, makers: Makers = MAKERS) -> str:
    """Return a text with each block that has a maker made anew; the others are left alone."""

    def block(match: re.Match[str]) -> str:
        make = makers.get(match["name"])
        return f"{match['begin']}\n{make()}\n\n{match['end']}" if make else match[0]

    return _BLOCK.sub(block, text)


def main() -> None:
    """Fill the blocks of all pages."""
    for page in PAGES:
        page.write_text(filled(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
