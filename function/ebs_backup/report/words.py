"""Words for numbers, as people write them: counts, shares, ages and durations. Knows nothing of reports or of HTML."""

import math

# Between a number and its unit there is no end of a line.
GAP = "\u00a0"

MINUTES_AN_HOUR = 60
SECONDS_A_MINUTE = 60
HOURS_A_DAY = 24
DAYS_IN_HOURS = 48  # from here on people count in days


def number(value: int) -> str:
    """Return a number as people write it."""
    return f"{value:,}"


def counted(value: int, word: str) -> str:
    """Return a number with its noun."""
    return f"{number(value)} {word}" if value == 1 else f"{number(value)} {word}s"


def share(part: int, whole: int) -> str:
    """Return a percentage that is 100 only if nothing is missing, and 0 only if nothing is there."""
    tenths = math.floor(part * 1000 / whole)
    return f"{max(tenths, min(part, 1)) / 10:g}{GAP}%"


def age(hours: float) -> str:
    """Return an age in the unit that fits it."""
    if hours < 1:
        return f"{math.floor(hours * MINUTES_AN_HOUR)}{GAP}min"
    if hours < DAYS_IN_HOURS:
        return f"{round(hours, 1):g}{GAP}h"
    return f"{round(hours / HOURS_A_DAY, 1):g}{GAP}days"


def duration(seconds: float) -> str:
    """Return how long something took."""
    if round(seconds, 1) < SECONDS_A_MINUTE:
        return f"{round(seconds, 1):g}{GAP}s"
    minutes, rest = divmod(round(seconds), SECONDS_A_MINUTE)
    hours, minutes = divmod(minutes, MINUTES_AN_HOUR)
    return f"{hours}{GAP}h {minutes}{GAP}min" if hours else f"{minutes}{GAP}min {rest}{GAP}s"
