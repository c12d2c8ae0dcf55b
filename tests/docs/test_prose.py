"""The pages keep the rules of prose that CONTRIBUTING.md states, as far as they can be measured."""

import re
from pathlib import Path
from statistics import mean

import pytest

from tests.docs.markdown import GENERATED, ROOT, name, rows, sentences

README = ROOT / "README.md"
PAGES = [*(ROOT / page for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *sorted(ROOT.glob("docs/*.md"))]

MEAN, LONGEST = 16, 30  # words of a sentence
LONGEST_DESCRIPTION = 25
WORDS_OF_README = 1_100  # five minutes
FEWEST = 3  # a bold word that opens an item is no sentence
OPENERS = re.compile(r"(Of|What|Whether|Needed are)\b")
RIDDLES = re.compile(r"\b(be it|nor|but for|so many)\b", re.IGNORECASE)

every_page = pytest.mark.parametrize("page", PAGES, ids=name)


def _length(sentence: str) -> int:
    return len(re.findall(r"\S*\w\S*", sentence))


def _all_sentences(page: Path) -> list[str]:
    text = page.read_text("utf-8")
    return [*sentences(text), *sentences(text, of_tables=True)]


@every_page
def test_sentences_are_short_on_average(page: Path) -> None:
    lengths = [_length(sentence) for sentence in sentences(page.read_text("utf-8"))]

    assert mean(length for length in lengths if length >= FEWEST) <= MEAN


@every_page
def test_no_sentence_is_long(page: Path) -> None:
    assert [sentence for sentence in _all_sentences(page) if _length(sentence) > LONGEST] == []


@every_page
def test_no_sentence_opens_backwards(page: Path) -> None:
    assert [sentence for sentence in _all_sentences(page) if OPENERS.match(sentence) and sentence[-1] != "?"] == []


@every_page
def test_no_sentence_has_a_riddle(page: Path) -> None:
    assert [sentence for sentence in _all_sentences(page) if RIDDLES.search(sentence)] == []


def test_readme_takes_five_minutes() -> None:
    written = sentences(GENERATED.sub("", README.read_text("utf-8")))

    assert sum(map(_length, written)) <= WORDS_OF_README


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/*.md")), ids=name)
def test_page_begins_with_who_needs_it(page: Path) -> None:
    assert sentences(page.read_text("utf-8"))[0].startswith("For ")


def test_descriptions_are_short() -> None:
    described = {row[0]: row[1] for row in rows((ROOT / "docs" / "reference.md").read_text("utf-8"))}

    assert described
    assert [key for key, text in described.items() if _length(text) >= LONGEST_DESCRIPTION] == []
