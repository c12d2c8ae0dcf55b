import pytest

from ebs_backup.report.words import age, counted, duration, share


@pytest.mark.parametrize(("value", "words"), [(0, "0 volumes"), (1, "1 volume"), (20_000, "20,000 volumes")])
def test_numbers_are_counted(value: int, words: str) -> None:
    assert counted(value, "volume") == words


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (0, 3, "0 %"),
        (1, 3, "33.3 %"),
        (2, 3, "66.6 %"),
        (3, 3, "100 %"),
        (19_999, 20_000, "99.9 %"),
        (1, 20_000, "0.1 %"),
    ],
)
def test_share_is_all_or_nothing_only_if_it_is(part: int, whole: int, words: str) -> None:
    assert share(part, whole).replace("\u00a0", " ") == words


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (0, "0 min"),
        (0.1, "6 min"),
        (0.999, "59 min"),
        (1, "1 h"),
        (26, "26 h"),
        (47.96, "48 h"),
        (48, "2 days"),
        (49.2, "2.1 days"),
    ],
)
def test_ages_are_in_the_unit_that_fits(hours: float, words: str) -> None:
    assert age(hours).replace("\u00a0", " ") == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (41.518, "41.5 s"),
        (59.97, "1 min 0 s"),
        (61.5, "1 min 2 s"),
        (3599.7, "1 h 0 min"),
        (7262, "2 h 1 min"),
    ],
)
def test_durations_are_in_units_that_fit(seconds: float, words: str) -> None:
    assert duration(seconds).replace("\u00a0", " ") == words
