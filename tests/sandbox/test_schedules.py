import pytest

from sandbox.schedules import is_valid


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minute)",
        "rate(1 hour)",
        "rate(1 day)",
        "rate(2 minutes)",
        "rate(10 days)",
        "cron(0 3 * * ? *)",
        "cron(0/15 * ? * MON-FRI *)",
        "cron(59 23 31 12 ? 2199)",
        "cron(0 3 L * ? *)",
        "cron(0 3 15W * ? *)",
        "cron(0 3 ? * 2#1 *)",
        "cron(0 3 ? * FRIL *)",
        "cron(0,30 8-17/2 1,15 JAN,JUL ? 2026-2030)",
    ],
)
def test_schedule_is_valid(expression: str) -> None:
    assert is_valid(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "banana",
        "at(2026-11-23T03:00:00)",
        "rate(1 days)",
        "rate(1 minutes)",
        "rate(5 hour)",
        "rate(0 days)",
        "rate(-1 days)",
        "rate(01 day)",
        "rate(1day)",
        "rate(1 week)",
        "cron(0 3 * * ?)",
        "cron(0 3 * * ? * *)",
        "cron(0 3 * * * *)",
        "cron(0 3 ? * ? *)",
        "cron(0 3 1 * 1 *)",
        "cron(60 3 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 3 32 * ? *)",
        "cron(0 3 * 13 ? *)",
        "cron(0 3 ? * 8 *)",
        "cron(0 3 ? * 0 *)",
        "cron(0 3 * * ? 1969)",
        "cron(0/0 3 * * ? *)",
        "cron(0 3 ? * 2#6 *)",
        "cron(? 3 * * ? *)",
        "cron(0 3 * * ? *) ",
    ],
)
def test_schedule_is_invalid(expression: str) -> None:
    assert not is_valid(expression)
