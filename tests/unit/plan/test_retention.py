import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebs_backup.model.reader import ReadError, read_value
from ebs_backup.model.retention import GivenRetention, Retention, in_words
from ebs_backup.model.values import Snapshot, Verdict
from ebs_backup.plan.retention import (
    ENDED_IN_ERROR,
    NEWEST,
    NO_RETENTION,
    NO_RULE,
    RULES,
    VOLUME_GONE,
    by_volume,
    is_by_hand,
    judge,
    judge_orphan,
    kept,
    moment,
    rules_of,
)
from tests.unit import builders

NAMES = [rule.name for rule in RULES]


def taken(when: str | date, state: str = "completed") -> Snapshot:
    """Return a snapshot whose id is when it was taken; a date by itself means three o'clock in the morning, UTC."""
    text = str(when)
    at = datetime.fromisoformat(text if "T" in text else f"{text}T03:00")
    return replace(
        builders.snapshot(text, "vol-1", state), started_at=at if at.tzinfo else at.replace(tzinfo=UTC), origin=None
    )


def days(first: str, last: str) -> list[date]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


def every_day(first: str, last: str, *missed: str) -> list[Snapshot]:
    return [taken(day) for day in days(first, last) if str(day) not in missed]


def gone(verdicts: Iterable[Verdict]) -> dict[str, str]:
    return {v.snapshot.id: ", ".join(v.reasons) for v in verdicts if not v.keep}


def staying(verdicts: Iterable[Verdict]) -> list[Snapshot]:
    return [v.snapshot for v in verdicts if v.keep]


# --- what a rule counts ---


@pytest.mark.parametrize(
    ("retention", "stays"),
    [
        (Retention(last=2), ["2026-03-02T18:59", "2026-03-02T18:05"]),
        (Retention(hourly=2), ["2026-03-02T18:59", "2026-03-02T06:00"]),
        (Retention(daily=2), ["2026-03-02T18:59", "2026-03-01T23:59"]),
        (Retention(weekly=2), ["2026-03-02T18:59", "2026-03-01T23:59"]),
        (Retention(monthly=2), ["2026-03-02T18:59", "2026-02-28T12:00"]),
        (Retention(yearly=2), ["2026-03-02T18:59", "2025-12-31T23:00"]),
    ],
    ids=NAMES,
)
def test_rule_keeps_the_newest_snapshot_of_each_of_its_periods(retention: Retention, stays: list[str]) -> None:
    history = [
        "2025-12-31T23:00",
        "2026-02-28T12:00",
        "2026-03-01T00:01",
        "2026-03-01T23:59",
        "2026-03-02T06:00",
        "2026-03-02T18:05",
        "2026-03-02T18:59",
    ]

    assert list(kept(map(taken, history), retention)) == stays


def test_period_ends_in_utc_for_any_offset() -> None:
    history = map(taken, ["2025-12-31T20:00", "2026-01-01T01:30+02:00", "2026-01-01T09:00"])

    assert list(kept(history, Retention(yearly=2))) == ["2026-01-01T09:00", "2026-01-01T01:30+02:00"]


def test_week_runs_monday_to_sunday_across_new_year() -> None:
    history = map(taken, ["2026-12-27", "2026-12-28", "2027-01-03", "2027-01-04"])

    assert list(kept(history, Retention(weekly=3))) == ["2027-01-04", "2027-01-03", "2026-12-27"]


@pytest.mark.parametrize("name", NAMES)
def test_same_date_in_another_year_is_another_period(name: str) -> None:
    history = map(taken, ["2025-03-03", "2026-03-03"])  # both in the tenth week

    assert list(kept(history, Retention(**{name: 2}))) == ["2026-03-03", "2025-03-03"]


def test_missed_day_takes_no_place() -> None:
    history = every_day("2026-03-01", "2026-03-10", "2026-03-06", "2026-03-07")

    assert list(kept(history, Retention(daily=4))) == ["2026-03-10", "2026-03-09", "2026-03-08", "2026-03-05"]


def test_one_rule_is_enough_to_keep_a_snapshot_and_each_says_so() -> None:
    history = every_day("2026-02-23", "2026-03-03")

    assert kept(history, Retention(last=1, daily=3, weekly=2, monthly=2)) == {
        "2026-03-03": ("newest", "last 1 of 1", "daily 1 of 3", "weekly 1 of 2", "monthly 1 of 2"),
        "2026-03-02": ("daily 2 of 3",),
        "2026-03-01": ("daily 3 of 3", "weekly 2 of 2"),
        "2026-02-28": ("monthly 2 of 2",),
    }


def test_greater_id_is_newer_among_equal_starts() -> None:
    twins = [replace(taken("2026-03-01"), id=snapshot_id) for snapshot_id in ("snap-2", "snap-1", "snap-3")]

    assert list(kept(twins, Retention(daily=1))) == ["snap-3"]
    assert list(kept(twins, Retention(last=2))) == ["snap-3", "snap-2"]


def test_everything_stays_without_a_retention() -> None:
    history = [taken("2020-01-01"), taken("2026-01-01", "error"), taken("2026-01-02", "pending")]

    assert gone(judge(history, Retention())) == {}
    assert gone(judge_orphan(history, Retention(), days=1)) == {}
    assert set(kept(history, Retention()).values()) == {(NO_RETENTION,)}


# --- verdicts ---


def test_every_snapshot_gets_its_verdict_newest_first() -> None:
    history = [
        taken("2026-03-01"),
        taken("2026-03-02"),
        taken("2026-03-03", "error"),
        taken("2026-03-04", "pending"),
        taken("2026-03-05", "recovering"),
    ]

    verdicts = judge(history, Retention(last=1))

    assert [(v.snapshot.id, v.keep, v.reasons) for v in verdicts] == [
        ("2026-03-05", True, ("recovering",)),
        ("2026-03-04", True, ("pending",)),
        ("2026-03-03", False, (ENDED_IN_ERROR,)),
        ("2026-03-02", True, (NEWEST, "last 1 of 1")),
        ("2026-03-01", False, (NO_RULE,)),
    ]


def test_month_of_failed_snapshots_expires_no_good_one() -> None:
    good = every_day("2026-01-01", "2026-01-07")
    failed = [taken(day, "error") for day in days("2026-01-08", "2026-02-08")]

    assert gone(judge([*good, *failed], Retention(daily=7))).keys() == {s.id for s in failed}


# --- volumes that no longer exist ---

ORPHANED = every_day("2026-01-01", "2026-01-10")


def test_all_snapshots_of_an_orphan_are_due() -> None:
    verdicts = judge_orphan(ORPHANED, Retention(daily=3), days=30)

    assert Counter(gone(verdicts).values()) == {NO_RULE: 7, VOLUME_GONE: 3}
    assert [v.snapshot.id for v in verdicts if v.gone] == ["2026-01-10", "2026-01-09", "2026-01-08"]


def test_orphan_keeps_its_last_snapshots_without_a_limit() -> None:
    assert judge_orphan(ORPHANED, Retention(daily=3), days=None) == judge(ORPHANED, Retention(daily=3))


def test_pending_snapshot_of_an_orphan_stays() -> None:
    history = [*ORPHANED, taken("2026-02-08", "pending")]

    assert [s.state for s in staying(judge_orphan(history, Retention(last=1), days=30))] == ["pending"]


def test_orphan_without_a_completed_snapshot_goes() -> None:
    history = [taken("2026-01-01", "error")]

    assert gone(judge_orphan(history, Retention(last=1), days=30)) == {"2026-01-01": ENDED_IN_ERROR}


# --- what counts ---


def test_archived_snapshots_take_no_place() -> None:
    archived = [replace(taken(day), storage_tier="archive") for day in days("2026-01-08", "2026-01-10")]

    assert list(kept([*every_day("2026-01-01", "2026-01-07"), *archived], Retention(daily=2))) == [
        "2026-01-07",
        "2026-01-06",
    ]


def test_snapshots_are_grouped_by_volume_in_the_order_of_ids() -> None:
    first, second, other = (builders.snapshot(f"snap-{n}", f"vol-{n % 2}") for n in (1, 3, 2))

    groups = by_volume([first, other, second])

    assert list(groups.items()) == [("vol-0", (other,)), ("vol-1", (first, second))]


# --- a retention as it is written ---


@pytest.mark.parametrize(
    ("value", "retention"),
    [
        ({}, Retention()),
        ({"daily": 7}, Retention(daily=7)),
        ({"daily": 7.0, "weekly": 0}, Retention(daily=7)),
        ({name: n for n, name in enumerate(NAMES)}, Retention(hourly=1, daily=2, weekly=3, monthly=4, yearly=5)),
    ],
)
def test_retention_is_read(value: dict[str, Any], retention: Retention) -> None:
    found = read_value(GivenRetention, value, "retention")

    assert found == retention
    assert all(type(number) is int for number in asdict(found).values())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "retention must be an object; got: None"),
        (7, "retention must be an object; got: 7"),
        (["daily"], r"retention must be an object; got: \['daily'\]"),
        ({"dayly": 7, "daily": 7, "Weekly": 1}, f"retention keys must be among {', '.join(NAMES)}; got: Weekly, dayly"),
        ({"daily": -1}, "retention.daily must be from 0 to 10000; got: -1"),
        ({"daily": 1.5}, "retention.daily must be a whole number; got: 1.5"),
        ({"daily": float("inf")}, "retention.daily must be a whole number; got: inf"),
        ({"daily": float("nan")}, "retention.daily must be a whole number; got: nan"),
        ({"daily": True}, "retention.daily must be a whole number; got: True"),
        ({"daily": "7"}, "retention.daily must be a whole number; got: '7'"),
        ({"daily": None}, "retention.daily must be a whole number; got: None"),
        (
            {"daily": 0, "weekly": 0.0},
            r"retention must be empty to delete nothing, or keep something; got: \{'daily': 0, 'weekly': 0.0\}",
        ),
    ],
)
def test_wrong_retention_is_refused_by_key_rule_and_value(value: Any, message: str) -> None:
    with pytest.raises(ReadError, match=f"^{message}$"):
        read_value(GivenRetention, value, "retention")


def test_retention_has_exactly_the_rules_there_are() -> None:
    assert [field.name for field in fields(Retention)] == NAMES


@pytest.mark.parametrize(
    ("retention", "words"),
    [
        (Retention(last=3, daily=7, weekly=4, monthly=1), "keep 3 last, 7 daily, 4 weekly, 1 monthly"),
        (Retention(yearly=2), "keep 2 yearly"),
        (Retention(), "keep every snapshot"),
    ],
)
def test_retention_can_be_read_aloud(retention: Retention, words: str) -> None:
    assert in_words(retention) == words


# --- the tools whose words these are ---


def test_restics_example_of_sundays_gives_restics_result() -> None:
    # https://restic.readthedocs.io/en/stable/060_forget.html: `--keep-daily 4`, a backup every Sunday for 12 weeks.
    sundays = [day for day in days("2019-09-01", "2019-11-17") if day.isoweekday() == 7]

    assert len(sundays) == 12
    assert list(kept(map(taken, sundays), Retention(daily=4))) == [
        "2019-11-17",
        "2019-11-10",
        "2019-11-03",
        "2019-10-27",
    ]


def test_restics_example_of_100_years_gives_restics_result() -> None:
    # The same page: a backup every day for 100 years and `--keep-daily 7 --keep-weekly 5 --keep-monthly 12
    # --keep-yearly 75` leave 7 for their day, 4 more for their week, 12 or 11 for their month, 75 or 74 for their year.
    # So it is on a Sunday, but for one month and one year less: the newest of all is the newest of its month and year.
    retention = Retention(daily=7, weekly=5, monthly=12, yearly=75)
    survivors = every_day("1927-01-01", "2026-03-07")
    counts = {}
    for day in days("2026-03-08", "2027-03-07"):
        reasons = kept([*survivors, taken(day)], retention)
        survivors = [taken(snapshot_id) for snapshot_id in reasons]
        firsts = Counter(next(r for r in why if r != NEWEST).split()[0] for why in reasons.values())
        counts[day] = tuple(firsts[name] for name in ("daily", "weekly", "monthly", "yearly"))

    assert {c[:2] for day, c in counts.items() if day.isoweekday() == 7} == {(7, 4)}
    assert {c[:2] for day, c in counts.items() if day.isoweekday() != 7} == {(7, 3)}
    assert {c[2] for c in counts.values()} == {11, 10}
    assert {c[3] for c in counts.values()} == {74, 73}


BORGS_YEAR = every_day("2015-01-01", "2015-12-31", "2015-12-19")
BORGS_DAYS = [str(day) for day in reversed(days("2015-12-17", "2015-12-31")) if str(day) != "2015-12-19"]
BORGS_MONTHS = ["2015-11-30", "2015-10-31", "2015-09-30", "2015-08-31", "2015-07-31", "2015-06-30"]


def test_borgs_example_needs_one_month_more() -> None:
    # https://borgbackup.readthedocs.io/en/stable/usage/prune.html: `--keep-daily 14 --keep-monthly 6 --keep-yearly 1`.
    # Borg's rules pass over what an earlier one keeps, so that its months begin with November.
    as_borg_says = kept(BORGS_YEAR, Retention(daily=14, monthly=6, yearly=1))
    one_more = kept(BORGS_YEAR, Retention(daily=14, monthly=7, yearly=1))

    assert list(as_borg_says) == [*BORGS_DAYS, *BORGS_MONTHS[:-1]]
    assert list(one_more) == [*BORGS_DAYS, *BORGS_MONTHS]


def test_oldest_snapshot_does_not_fill_missing_periods() -> None:
    # Borg keeps 2015-01-01 for its unfilled yearly rule, and so does restic: https://github.com/restic/restic/pull/4366
    assert "2015-01-01" not in kept(BORGS_YEAR, Retention(daily=14, yearly=2))


# --- laws, over histories of any shape ---

START = datetime(2024, 12, 20, tzinfo=UTC)
moments = st.one_of(
    st.integers(0, 60 * 24 * 3).map(lambda n: START + timedelta(minutes=n)),  # several an hour
    st.integers(0, 24 * 60).map(lambda n: START + timedelta(hours=n)),  # several a day
    st.integers(0, 1000).map(lambda n: START + timedelta(days=n)),  # over three years
    st.integers(2015, 2027).map(lambda year: START.replace(year=year)),  # once a year
)


@st.composite
def histories(draw: st.DrawFn, prefix: str = "snap") -> list[Snapshot]:
    times = draw(st.lists(moments, max_size=25))
    ids = draw(st.permutations(range(len(times))))
    return [
        replace(taken(START.date()), id=f"{prefix}-{n:02}", started_at=at) for n, at in zip(ids, times, strict=True)
    ]


numbers = st.integers(0, 4)
retentions = st.builds(Retention, **dict.fromkeys(NAMES, numbers)).filter(lambda retention: bool(retention.counts))


def _merged(one: Retention, other: Retention) -> Retention:
    return Retention(**{name: max(getattr(one, name), getattr(other, name)) for name in NAMES})


def _places(reasons: Mapping[str, tuple[str, ...]], rule: str) -> dict[int, str]:
    """Return the place in a rule -> the snapshot that has it."""
    split = [(snapshot_id, reason.split()) for snapshot_id, why in reasons.items() for reason in why]
    return {int(words[1]): snapshot_id for snapshot_id, words in split if words[0] == rule and len(words) > 1}


PERIOD_LABELS = {"hourly": "%Y-%m-%d %H", "daily": "%Y-%m-%d", "weekly": "%G-%V", "monthly": "%Y-%m", "yearly": "%Y"}


def _as_the_manual_says(history: list[Snapshot], retention: Retention) -> set[str]:
    """Return what restic's manual says: of the last n periods with a snapshot the most recent one, and the last n."""
    by_age = sorted(history, key=lambda s: (s.started_at, s.id))
    found = {s.id for s in by_age[len(by_age) - min(retention.last, len(by_age)) :]}
    for name, label in PERIOD_LABELS.items():
        most_recent = {s.started_at.strftime(label): s.id for s in by_age}
        count = getattr(retention, name)
        found |= {most_recent[period] for period in sorted(most_recent, reverse=True)[:count]}
    return found


@given(histories(), retentions)
def test_rules_and_newest_decide_what_is_kept(history: list[Snapshot], retention: Retention) -> None:
    newest = {s.id for s in history if s == max(history, key=lambda s: (s.started_at, s.id))}

    assert kept(history, retention).keys() == _as_the_manual_says(history, retention) | newest


@given(histories(), retentions)
def test_newest_completed_snapshot_always_stays(history: list[Snapshot], retention: Retention) -> None:
    verdicts = judge([*history, taken("2030-01-01", "pending"), taken("2030-01-02", "error")], retention)

    assert [(v.keep, v.reasons[:1]) for v in verdicts[2:3]] == [(True, (NEWEST,))] * bool(history)


@given(histories(), retentions)
def test_rules_places_are_counted_from_one_without_a_gap(history: list[Snapshot], retention: Retention) -> None:
    reasons = kept(history, retention)

    for rule, count in rules_of(retention):
        periods = {rule.period(snapshot) for snapshot in history}
        assert list(_places(reasons, rule.name)) == list(range(1, min(count, len(periods)) + 1))


@given(histories(), retentions, st.randoms(use_true_random=False))
def test_verdicts_do_not_depend_on_order(history: list[Snapshot], retention: Retention, rng: random.Random) -> None:
    shuffled = rng.sample(history, len(history))
    keys = rng.sample(NAMES, len(NAMES))
    rewritten = Retention(**{key: getattr(retention, key) for key in keys})

    assert judge(shuffled, rewritten) == judge(history, retention)
    assert list(kept(shuffled, rewritten)) == list(kept(history, retention))


@given(histories(), retentions, retentions)
def test_combined_retentions_keep_what_either_keeps(history: list[Snapshot], a: Retention, b: Retention) -> None:
    assert kept(history, _merged(a, b)).keys() == kept(history, a).keys() | kept(history, b).keys()


@given(histories(), retentions, st.sampled_from(NAMES), st.integers(1, 10))
def test_greater_number_deletes_no_more(history: list[Snapshot], retention: Retention, name: str, by: int) -> None:
    raised = replace(retention, **{name: getattr(retention, name) + by})

    assert gone(judge(history, raised)).keys() <= gone(judge(history, retention)).keys()


@given(histories(), histories("late"), retentions)
def test_earlier_deletions_change_no_later_verdict(
    history: list[Snapshot], later: list[Snapshot], retention: Retention
) -> None:
    left = staying(judge(history, retention))

    assert kept([*left, *later], retention) == kept([*history, *later], retention)


@given(histories(), retentions)
def test_second_judgement_deletes_nothing(history: list[Snapshot], retention: Retention) -> None:
    noise = [taken("2025-06-01", "error"), taken("2025-06-02", "pending")]

    assert gone(judge(staying(judge([*history, *noise], retention)), retention)) == {}


@given(histories(), retentions)
def test_incomplete_snapshots_change_no_verdict_on_completed(history: list[Snapshot], retention: Retention) -> None:
    noise = [taken(day, state) for day in ("2024-12-20", "2025-06-01", "2030-01-01") for state in ("pending", "error")]

    assert kept([*history, *noise], retention) == kept(history, retention)


@given(histories(), moments, retentions)
def test_newer_snapshot_takes_only_its_own_or_the_last_place(
    history: list[Snapshot], moment: datetime, retention: Retention
) -> None:
    newer = replace(taken("2030-01-01"), started_at=max([moment, *(s.started_at for s in history)]), id="snap-newer")
    before, after = kept(history, retention), kept([*history, newer], retention)
    own = {s.id: s for s in history}

    for rule, count in rules_of(retention):
        lost = {
            (place, snapshot_id)
            for place, snapshot_id in _places(before, rule.name).items()
            if snapshot_id not in _places(after, rule.name).values()
        }
        assert len(lost) <= 1
        assert all(place == count or rule.period(own[id_]) == rule.period(newer) for place, id_ in lost)


@given(histories(), retentions, st.data())
def test_manual_deletion_takes_no_other_snapshot_along(
    history: list[Snapshot], retention: Retention, data: st.DataObject
) -> None:
    lost = {data.draw(st.sampled_from(history)).id} if history else set()

    assert kept([s for s in history if s.id not in lost], retention).keys() >= kept(history, retention).keys() - lost


@given(histories(), retentions)
def test_orphan_keeps_nothing_once_days_are_given(history: list[Snapshot], retention: Retention) -> None:
    assert staying(judge_orphan(history, retention, days=30)) == []


# --- 400 days and more, one run a day ---


def _a_day_later(existing: list[Snapshot]) -> list[Snapshot]:
    return [replace(s, state="completed") if s.state == "pending" else s for s in existing]


@pytest.mark.parametrize("seed", range(3))
def test_rules_stay_full_over_400_days_with_gaps(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a history, no secret
    retention = Retention(last=2, daily=7, weekly=4, monthly=6)
    full = {"last 2 of 2", "daily 7 of 7", "weekly 4 of 4", "monthly 6 of 6"}
    existing: list[Snapshot] = []
    completed: list[Snapshot] = []
    full_since = None

    for number, day in enumerate(days("2025-01-15", "2026-02-18")):
        if rng.random() < 0.2:
            continue  # no run
        verdicts = judge(_a_day_later(existing), retention)
        existing = staying(verdicts)
        reasons = {reason for v in verdicts for reason in v.reasons}
        full_since = number if full_since is None and full <= reasons else full_since

        assert [s.id for s in existing] == list(kept(completed, retention))
        assert full_since is None or full <= reasons

        new = taken(day, "error" if rng.random() < 0.1 else "pending")
        existing.append(new)
        completed += _a_day_later([new] if new.state == "pending" else [])

    assert full_since is not None
    assert full_since < 6 * 31


def test_daily_history_stays_at_its_documented_size() -> None:
    retention = Retention(daily=7, weekly=4, monthly=12, yearly=3)
    existing: list[Snapshot] = []
    sizes: list[int] = []

    for day in days("2023-01-01", "2027-12-31"):
        existing = staying(judge([*existing, taken(day)], retention))
        sizes.append(len(existing))

    assert set(sizes[2 * 366 :]) == {20, 21, 22, 23}
    assert sizes[:7] == [1, 2, 3, 4, 5, 6, 7]


# --- the time that a snapshot stands for ---


def scheduled(run_at: datetime, started_at: datetime) -> Snapshot:
    """Return a snapshot of the run of that time, however late it was started."""
    made = builders.snapshot(
        f"{run_at:%Y-%m-%dT%H:%M}", "vol-1", started=started_at, RunId=f"{run_at:%Y-%m-%dT%H:%M:%SZ}"
    )
    return replace(made, tags={})


BOUNDARIES = [
    datetime.fromisoformat(f"{each}+00:00")
    for each in (
        "2026-11-25T00:00",
        "2026-11-25T13:00",
        "2026-11-30T00:00",
        "2027-01-01T00:00",
        "2028-02-29T00:00",
        "2028-03-01T00:00",
    )
]


@given(st.sampled_from(BOUNDARIES), st.integers(-10, 10), st.lists(st.integers(0, 7200), min_size=9, max_size=9))
def test_period_of_a_scheduled_run_is_that_of_its_scheduled_time(
    boundary: datetime, minutes: int, delays: list[int]
) -> None:
    runs = [boundary + timedelta(days=day, minutes=minutes) for day in range(-4, 5)]
    history = [scheduled(at, at + timedelta(seconds=delay)) for at, delay in zip(runs, delays, strict=True)]

    kept_days = [snapshot_id[:10] for snapshot_id in kept(history, Retention(daily=7))]

    assert kept_days == [f"{at:%Y-%m-%d}" for at in reversed(runs[-7:])]


@pytest.mark.parametrize("late", [timedelta(days=1, seconds=1), timedelta(seconds=-1), timedelta(days=20000)])
def test_snapshot_of_another_day_stands_for_that_day(late: timedelta) -> None:
    at = datetime(2026, 11, 23, 3, tzinfo=UTC)

    made = scheduled(at, at + late)

    assert (moment(made), is_by_hand(made)) == (at + late, True)


@given(histories(), st.lists(moments, max_size=8), retentions)
def test_runs_by_hand_take_no_place_from_scheduled_ones(
    history: list[Snapshot], by_hand: list[datetime], retention: Retention
) -> None:
    others = [builders.snapshot(f"hand-{n}", "vol-1", started=at, RunId=f"by-hand-{n}") for n, at in enumerate(by_hand)]

    assert kept([*history, *others], retention).keys() >= kept(history, retention).keys() - {
        max(history, key=lambda s: (s.started_at, s.id)).id for _ in history[:1]
    }
