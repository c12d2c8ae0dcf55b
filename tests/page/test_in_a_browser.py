"""The page of a report as a browser shows it: it fits, it can be read, and it does nothing but be shown."""

import pytest

from ebs_backup.report.page import page
from tests.page.conftest import Look, Looks, Site
from tests.unit.reports import (
    BRAKED,
    CLOSED,
    EMPTY,
    PLANNED,
    UNREAD,
    VARIED,
    hostile,
    huge,
    lacking,
    reported,
    run_before,
)
from tools.browser import Browser
from tools.report_example import example_history, example_report

PHONE, DESKTOP = 375, 1280
# https://www.w3.org/TR/WCAG22/#contrast-minimum
ENOUGH_CONTRAST = 4.5
SMALLEST_TEXT = 13

HISTORY = [run_before(3, percent=None), run_before(2, "failed", 12.5), run_before(1, percent=99.9)]
PAGES = {
    "empty": page(reported(), []),
    "quiet": page(reported(EMPTY), []),
    "example": page(example_report(), example_history(), json_name="report.json"),
    "varied": page(
        reported(VARIED, EMPTY, UNREAD, CLOSED, BRAKED, uncovered={"eu-west-1": [lacking("vol-1")]}), HISTORY
    ),
    "dry": page(reported(PLANNED, dry_run=True), HISTORY),
    "hostile": page(hostile(), HISTORY),
    "huge": page(huge(), example_history()),
}

pytestmark = pytest.mark.xdist_group("browser")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_fits_is_easy_to_read_and_silent(look: Look, dark: bool) -> None:
    looks = look(PAGES, PHONE, DESKTOP, dark=dark)

    assert looks.console == ()
    assert set(looks.requests) == {"/looker.html", *(f"/{name}.html" for name in PAGES)}
    assert _too_wide(looks) == {}
    assert _hard_to_read(looks) == {}
    assert all(seen["flat"] == 0 for seen in looks.pages.values())
    assert {seen["background"] for seen in looks.pages.values()} == {
        "rgb(14, 19, 24)" if dark else "rgb(244, 246, 248)"
    }


def test_markup_that_got_into_a_page_would_still_do_nothing(look: Look) -> None:
    evil = "<script>ran = 1</script><img src=evil.png onerror='ran = 2'><p style='width: 3000px'>wide</p>"
    looks = look({"evil": PAGES["example"].replace("<h1>", f"{evil}<h1>")}, PHONE)

    assert not looks.pages["evil", PHONE]["ran"]
    assert _too_wide(looks) == {}
    assert "/evil.png" not in looks.requests


def test_browser_sees_what_the_tests_look_for(look: Look) -> None:
    bad = "<!doctype html><body style='background: #fff'><p style='color: #999; width: 500px'>pale</p><svg></svg>"
    looks = look({"bad": f"{bad}<script>ran = 1; console.log('said')</script><img src=x.png>"}, PHONE)

    assert _too_wide(looks).keys() == _hard_to_read(looks).keys() == {("bad", PHONE)}
    assert looks.pages["bad", PHONE]["ran"]
    assert any("said" in line for line in looks.console)
    assert "/x.png" in looks.requests


def test_page_can_be_printed(browser: Browser, site: Site) -> None:
    (site.folder / "page.html").write_text(PAGES["example"], "utf-8")
    browser.paper(f"{site.address}/page.html", site.folder / "page.pdf")

    assert 1 <= (site.folder / "page.pdf").read_bytes().count(b"/Type /Page\n") <= 5


def _too_wide(looks: Looks) -> dict[tuple[str, int], object]:
    wide = {at: (seen["scrollWidth"], seen["beyond"]) for at, seen in looks.pages.items()}
    return {at: found for at, found in wide.items() if found[0] > at[1] or found[1]}


def _hard_to_read(looks: Looks) -> dict[tuple[str, int], object]:
    pale = {at: [r for r in seen["ratios"] if r["ratio"] < ENOUGH_CONTRAST] for at, seen in looks.pages.items()}
    small = {at: seen["smallest"] < SMALLEST_TEXT for at, seen in looks.pages.items()}
    return {at: (pale[at], small[at]) for at in looks.pages if pale[at] or small[at]}
