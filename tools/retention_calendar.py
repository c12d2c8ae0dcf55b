"""The calendars and tables of the documentation, made by the code that they describe; tools/docs.py puts them there."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby

from ebs_backup.model.retention import Retention, in_words
from ebs_backup.model.values import Snapshot
from ebs_backup.plan.retention import NEWEST, judge, kept

POLICY = Retention(daily=7, weekly=4, monthly=12, yearly=3)
SNAPSHOTS_PER_REGION = 100_000  # https://docs.aws.amazon.com/general/latest/gr/ebs-service.html


def policy() -> str:
    """Return the example's policy, as it is written and as it is read aloud."""
    counts = list(POLICY.counts.items())
    width = max(len(name) for name, _ in counts)
    lines = ["retention = {", *(f"  {name:{width}} = {count}" for name, count in counts), "}"]
    return f"{_fenced(lines, 'hcl')}\n\n> {in_words(POLICY)}"


def calendar() -> str:
    """Return what the policy leaves of a snapshot a day, taken over three years."""
    return _calendar(POLICY, _days(date(2023, 11, 1), date(2026, 11, 18)))


def reasons() -> str:
    """Return the verdicts on each snapshot of a volume that is backed up twice a day."""
    times = [at + timedelta(hours=h) for at in _days(date(2026, 11, 11), date(2026, 11, 16)) for h in (0, 12)]
    states = {datetime(2026, 11, 14, 15, tzinfo=UTC): "error", times[-1]: "pending"}
    verdicts = judge((_taken(at, states.get(at, "completed")) for at in times), Retention(last=2, daily=4, weekly=2))
    rows = [(f"{v.snapshot.started_at:%a %d %b %H:%M}", v.keep, ", ".join(v.reasons)) for v in verdicts]
    head = ["| taken | | reasons |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {at} | {'keep' if keep else '**delete**'} | {why} |" for at, keep, why in rows)])


def stalled() -> str:
    """Return what is left a few days after a schedule that had stalled for three weeks goes on."""
    history = [*_days(date(2026, 10, 1), date(2026, 10, 19)), *_days(date(2026, 11, 9), date(2026, 11, 12))]
    return _calendar(Retention(daily=7, weekly=4), history)


def sizes() -> str:
    """Return how many snapshots of a volume there are once policies have filled."""
    daily, often = timedelta(days=1), timedelta(hours=6)
    cases = [
        (daily, Retention(last=3)),
        (daily, Retention(daily=7)),
        (daily, Retention(daily=7, weekly=4)),
        (daily, Retention(daily=7, weekly=4, monthly=12)),
        (daily, POLICY),
        (often, Retention(last=8, daily=7, weekly=4, monthly=12)),
    ]
    head = ["| `retention` | runs | snapshots of a volume | volumes in a region |", "|---|---|---|---|"]
    return "\n".join(head + [_size(every, retention) for every, retention in cases])


BLOCKS: Mapping[str, Callable[[], str]] = {
    block.__name__: block for block in (policy, calendar, reasons, stalled, sizes)
}


def _calendar(retention: Retention, history: Iterable[datetime]) -> str:
    """Draw a line for each month that holds a snapshot: a letter for one that stays, a dot for one that is gone."""
    letters = dict.fromkeys(history, ".")
    for snapshot_id, why in kept(map(_taken, letters), retention).items():
        letters[datetime.fromisoformat(snapshot_id)] = next(reason[0] for reason in why if reason != NEWEST)
    lines = [f"{'':9}1   5    10   15   20   25   30"]
    for month, days in groupby(letters, lambda at: f"{at:%Y-%m}"):
        marks = {at.day: letters[at] for at in days}
        line = f"{month}  " + "".join(marks.get(day, " ") for day in range(1, 32)).rstrip()
        lines.append(line if set(marks.values()) != {"."} else "  ...")
    return _fenced([line for line, _ in groupby(lines)])


def _size(every: timedelta, retention: Retention) -> str:
    """Let runs go on for two years after two years of history, and count after each, its new snapshot included."""
    start = datetime(2027, 1, 1, 3, tzinfo=UTC)
    survivors = [_taken(start - n * every) for n in range(1, timedelta(days=800) // every)]
    counts = set()
    for n in range(timedelta(days=731) // every):
        survivors = [v.snapshot for v in judge(survivors, retention) if v.keep]
        survivors.append(_taken(start + n * every))
        counts.add(len(survivors))
    few, many = min(counts), max(counts)
    written = ", ".join(f"{rule} = {count}" for rule, count in retention.counts.items())
    runs = "daily" if every == timedelta(days=1) else f"every {every // timedelta(hours=1)} hours"
    return f"| `{written}` | {runs} | {few if few == many else f'{few} to {many}'} | {SNAPSHOTS_PER_REGION // many:,} |"


def _days(first: date, last: date) -> Iterator[datetime]:
    for n in range((last - first).days + 1):
        yield datetime.combine(first + timedelta(days=n), time(3), UTC)


def _taken(at: datetime, state: str = "completed") -> Snapshot:
    return Snapshot(at.isoformat(), "vol-1", at, state, size_gib=8)


def _fenced(lines: Iterable[str], language: str = "text") -> str:
    return "\n".join([f"```{language}", *lines, "```"])
