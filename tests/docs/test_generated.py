"""The generated parts of the pages are those that the tools make."""

import re
from pathlib import Path

import pytest

from tests.docs.markdown import name
from tools.docs import MAKERS, PAGES, filled


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_generated_parts_are_up_to_date(page: Path) -> None:
    text = page.read_text("utf-8")

    assert filled(text) == text, "out of date: make docs"


def test_every_maker_has_a_place() -> None:
    pages = "".join(page.read_text("utf-8") for page in PAGES)

    assert set(re.findall(r"<!-- (\w+(?:: \w+)?) -->", pages)) >= MAKERS.keys()


def test_filling_leaves_the_rest_alone() -> None:
    stale = "Before.\n<!-- kind: one -->\nold\n<!-- /kind -->\nAfter.\n<!-- other -->\nkept\n<!-- /other -->\n"

    assert filled(stale, {"kind: one": lambda: "new"}) == stale.replace("old", "\nnew\n")
