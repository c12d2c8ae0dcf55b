import re

import pytest

from ebs_backup.report.page.charts import LEAST, TICK_HEIGHT, WIDTH, bar, tick


def _rects(chart: str) -> list[tuple[str, float, float]]:
    found = re.findall(r'<rect class="(\w+)" x="([\d.]+)" width="([\d.]+)"', chart)
    return [(kind, float(x), float(width)) for kind, x, width in found]


def test_segments_stand_side_by_side_on_a_track() -> None:
    assert _rects(bar([("good", 3), ("none", 0), ("bad", 1)], 8)) == [
        ("track", 0, WIDTH),
        ("good", 0, 375),
        ("bad", 375, 125),
    ]


def test_single_one_of_many_can_be_seen() -> None:
    assert _rects(bar([("good", 1), ("bad", 1)], 20_000))[1:] == [("good", 0, LEAST), ("bad", LEAST, LEAST)]


@pytest.mark.parametrize("whole", [20_000, 1_000_000])
def test_segments_stay_within_the_bar(whole: int) -> None:
    _, good, bad = _rects(bar([("good", whole - 1), ("bad", 1)], whole))

    assert good[1] + good[2] <= WIDTH
    assert bad[1] + bad[2] <= WIDTH
    assert bad[2] == LEAST


def test_bar_of_nothing_is_only_the_track() -> None:
    assert _rects(bar([("good", 0)], 0)) == [("track", 0, WIDTH)]


@pytest.mark.parametrize(("percent", "height"), [(100, TICK_HEIGHT), (50, TICK_HEIGHT / 2), (0, TICK_HEIGHT * 0.15)])
def test_tick_is_as_high_as_its_percentage_and_never_nothing(percent: float, height: float) -> None:
    assert f'height="{height:g}" y="{TICK_HEIGHT - height:g}"' in tick("good", percent)
