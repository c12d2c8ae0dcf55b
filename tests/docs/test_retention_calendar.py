"""What the documentation shows of retention is what the code does."""

import re
from pathlib import Path

import pytest

from tools.retention_calendar import BLOCKS, filled

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "retention.md"
PAGES = [path for path in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))) if path.exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_calendars_and_tables_are_up_to_date(page: Path) -> None:
    text = page.read_text("utf-8")

    assert filled(text) == text, "out of date: PYTHONPATH=function python -m tools.retention_calendar <the page>"


def test_the_guide_shows_them_all() -> None:
    assert re.findall(r"<!-- retention: (\w+) -->", GUIDE.read_text("utf-8")) == list(BLOCKS)


def test_a_block_that_is_out_of_date_is_made_anew_and_the_rest_is_left_alone() -> None:
    stale = "Before.\n<!-- retention: calendar -->\nold\n<!-- /retention -->\nAfter.\n"

    assert (
        filled(stale)
        == f"Before.\n<!-- retention: calendar -->\n\n{BLOCKS['calendar']()}\n\n<!-- /retention -->\nAfter.\n"
    )
