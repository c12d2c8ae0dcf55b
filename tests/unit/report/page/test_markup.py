from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebs_backup.report.page.markup import Markup, code, element, foreign, join


class _Read(HTMLParser):
    """What a browser makes of a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[object] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.seen.append(data)


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1))
def test_visible_text_comes_out_as_it_went_in(text: str) -> None:
    seen = _Read(element("p", text, title=text)).seen

    assert seen[0] == ("p", {"title": text})
    assert "".join(str(part) for part in seen[1:]) == text


@given(st.text(st.characters()))
def test_no_text_makes_an_element(text: str) -> None:
    assert [part for part in _Read(join([text, foreign(text), code(text)])).seen if isinstance(part, tuple)] == [
        ("bdi", {}),
        ("code", {}),
        ("bdi", {}),
    ]


@given(st.text(st.characters(), min_size=1))
def test_every_text_can_be_encoded(text: str) -> None:
    assert join([text]).encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u202e", "[U+202E]"),
        ("\x00", "[U+0000]"),
        ("\u2028", "[U+2028]"),
        ("\ud800", "[U+D800]"),
        ("a\r\n\tb", "a   b"),
        ("\u200d", "\u200d"),
        ("\u00a0", "\u00a0"),
        ("<&>'\"", "&lt;&amp;&gt;&#x27;&quot;"),
    ],
)
def test_invisible_character_is_named_unless_words_need_it(text: str, shown: str) -> None:
    assert join([text]) == shown


def test_markup_stays_as_it_is_with_attributes_as_in_html() -> None:
    made = element("a", Markup("<b>x</b>"), class_="y", aria_label='"', width=1.5, title=None)

    assert made == '<a class="y" aria-label="&quot;" width="1.5"><b>x</b></a>'
    assert element("meta", name="a") == '<meta name="a">'


def test_long_text_is_cut() -> None:
    assert foreign("x" * 300) == f"<bdi>{'x' * 300}</bdi>"
    assert foreign("x" * 301) == f"<bdi>{'x' * 299}…</bdi>"
