"""The pages keep the rules of prose that CONTRIBUTING.md states, as far as they can be measured."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import pytest

from ebs_backup.model.codes import ENTRIES
from tests.docs.markdown import GENERATED, ROOT, name, rows, sentences

README = ROOT / "README.md"
PAGES = [*(ROOT / page for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md")), *sorted(ROOT.glob("docs/*.md"))]

MEAN, LONGEST = 16, 30  # words of a sentence
LONGEST_DESCRIPTION = 25
WORDS_OF_README = 1_100  # five minutes
FEWEST = 3  # a bold word that opens an item is no sentence
OPENERS = re.compile(r"(Of|What|Whether|Needed are)\b")
RIDDLES = re.compile(r"\b(be it|nor|but for|so many)\b", re.IGNORECASE)

CODE = [path for folder in ("cli", "function") for path in sorted((ROOT / folder).rglob("*.py"))]
LONGEST_NAME = 60  # of a test, `test_` not counted

every_page = pytest.mark.parametrize("page", PAGES, ids=name)


def _length(sentence: str) -> int:
    return len(re.findall(r"\S*\w\S*", sentence))


def _all_sentences(page: Path) -> list[str]:
    text = page.read_text("utf-8")
    return [*sentences(text), *sentences(text, of_tables=True)]


def _alarms() -> Iterator[str]:
    """Yield the lines of the alarms' descriptions; a value that Terraform puts in counts as a word."""
    for text in re.findall(r"description\s*= (?:trimspace\()?<<-EOT\n(.*?)\n\s*EOT", _terraform("alerts"), re.DOTALL):
        yield from map(str.strip, text.splitlines())


def _refusals() -> list[str]:
    return re.findall(r'error_message = "(.*)"$', _terraform("variables"), re.MULTILINE)


def _terraform(file: str) -> str:
    return re.sub(r"\$\{(?:[^{}]|\{[^{}]*\})*\}", "value", (ROOT / f"{file}.tf").read_text("utf-8"))


MESSAGES = {"alarms": list(_alarms()), "refusals": _refusals(), "remedies": [entry.remedy for entry in ENTRIES]}


def _docstrings(file: Path) -> Iterator[str]:
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    documented = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, kinds)]
    return filter(None, map(ast.get_docstring, documented))


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


@pytest.mark.parametrize("kind", MESSAGES)
def test_messages_follow_the_rules_of_pages(kind: str) -> None:
    said = [sentence for text in MESSAGES[kind] for sentence in sentences(text)]

    assert len(said) > 10
    assert [each for each in said if _length(each) > LONGEST or OPENERS.match(each) or RIDDLES.search(each)] == []


@pytest.mark.parametrize("file", CODE, ids=name)
def test_docstrings_open_straight_and_have_no_riddle(file: Path) -> None:
    assert [text for text in _docstrings(file) if OPENERS.match(text) or RIDDLES.search(text)] == []


def test_names_of_tests_are_short() -> None:
    found = (re.findall(r"def test_(\w+)", file.read_text("utf-8")) for file in ROOT.glob("tests/**/test_*.py"))

    assert [each for names in found for each in names if len(each) >= LONGEST_NAME] == []
