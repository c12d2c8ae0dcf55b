"""The figures of docs/limits.md follow from EC2's rates and the time that a run has."""

from ebs_backup.apply.pacing import SPARE
from ebs_backup.aws.ec2 import PAGE_SIZE
from ebs_backup.model.limits import PUBLISHED, Limit
from ebs_backup.model.time_budget import RESERVE
from tests.docs.markdown import ROOT, rows, section

PAGE = (ROOT / "docs" / "limits.md").read_text("utf-8")
RATES_SECTION = section(PAGE, "EC2's request rates")
RATES = " ".join(RATES_SECTION.split())
ENGINE = section(PAGE, "Large regions: the engine")

TIME = 900 - RESERVE
HISTORY = 22  # snapshots of each volume: the sum of the rules that README.md shows
CREATES, TAGS, DELETES = (PUBLISHED[call] for call in ("CreateSnapshots", "CreateTags", "DeleteSnapshot"))


def _seconds(limit: Limit, requests: float) -> float:
    """Return how long so many requests take."""
    return max(0.0, requests - (limit.burst - SPARE)) / limit.rate


def _requests(limit: Limit) -> float:
    """Return how many requests an invocation can make."""
    return limit.burst - SPARE + limit.rate * TIME


def test_rates_are_those_of_the_code() -> None:
    stated = {action: (int(burst), int(rate)) for action, burst, rate in rows(RATES_SECTION)}

    assert stated == {action: (limit.burst, limit.rate) for action, limit in PUBLISHED.items()}


def test_a_thousand_volumes_take_the_time_stated() -> None:
    alone = _seconds(CREATES, 1000 / 2)
    in_sets = max(alone, _seconds(TAGS, 1000))

    assert 80 <= alone <= in_sets <= 95
    assert "take a minute and a half" in RATES
    assert f"Deleting as many snapshots takes {_seconds(DELETES, 1000) / 60:.0f} minutes more" in RATES


def test_largest_regions_follow_from_rates_and_time() -> None:
    creates = PUBLISHED["CreateSnapshot"]
    with_deletions = next(
        n
        for n in range(10_000)
        if max(_seconds(creates, n / 2), _seconds(TAGS, n)) + n * HISTORY / PAGE_SIZE + _seconds(DELETES, n) > TIME
    )
    largest = [min(2 * _requests(creates), _requests(TAGS)), _requests(creates), with_deletions]
    stated = [row[0] for row in rows(ENGINE) if row[0].startswith("**")]

    assert stated == [f"**{number // 100 * 100:,.0f}**" for number in largest]


def test_arithmetic_is_shown_with_the_codes_numbers() -> None:
    text, creates = " ".join(ENGINE.split()), PUBLISHED["CreateSnapshot"]

    assert f"starts nothing in the last {RESERVE} seconds" in text
    assert f"98 + {TAGS.rate}/s \u00d7 {TIME} s = {_requests(TAGS):,.0f} requests" in text
    assert f"2 \u00d7 (98 + {creates.rate}/s \u00d7 {TIME} s) = {2 * _requests(creates):,.0f}" in text
    assert f"{HISTORY} snapshots of each volume at an estimated second for every {PAGE_SIZE:,}" in text


def test_readme_names_the_largest_regions() -> None:
    all_created, _, with_deletions = (row[0].strip("*") for row in rows(ENGINE) if row[0].startswith("**"))
    size = section((ROOT / "README.md").read_text("utf-8"), "Size")

    assert f"One run does {all_created} volumes in a region, or {with_deletions} if it deletes" in size
