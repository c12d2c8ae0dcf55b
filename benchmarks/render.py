"""Makes the tables of docs/performance.md from the results; a test fails when the page has others."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from benchmarks.contestants import OURS, TITLES
from benchmarks.estates import ESTATES, TIMES, Estate, Trouble
from benchmarks.limit import Limit, limit
from benchmarks.measure import ROOT, Measurement
from benchmarks.quota import MIB_PER_CORE
from benchmarks.results import Results

PAGE: Final = ROOT / "docs" / "performance.md"

# The aim: at most so many times the limit where that is long, else so many seconds more, and so few calls throttled.
LONG_SECONDS: Final = 20.0
MOST_TIMES: Final = 1.1
MOST_SECONDS_MORE: Final = 3.0
MOST_THROTTLED: Final = 0.02

_MANY_SECONDS: Final = 100
_MANY_TIMES: Final = 10

_MARKED: Final = re.compile(
    r"(?P<begin><!-- benchmark: (?P<name>[\w ]+) -->\n).*?(?P<end><!-- /benchmark -->)", re.DOTALL
)


def filled(page: str, results: Results) -> str:
    """Return a page with the content of its marked blocks made anew."""
    return _MARKED.sub(lambda m: f"{m['begin']}\n{_block(m['name'], results)}\n\n{m['end']}", page)


def machine(results: Results) -> str:
    """Say what it ran on, and when."""
    dates = sorted({m.date for m in results.measurements.values()})
    return f"{' to '.join(dict.fromkeys((dates[0], dates[-1])))}, {results.machine}"


def aims(results: Results) -> str:
    """Hold what the function reached against its aim."""
    return _table(
        ("estate", "limit: last snapshot started", "reached", "limit: all done", "reached", "throttled", "aim"),
        [_aim(m) for name in ESTATES for m in ranked(results.of(name)) if m.case.contestant == OURS],
    )


def estate(results: Results, name: str) -> str:
    """Compare the contestants on an estate, the fastest first that left nothing out."""
    head: tuple[str, ...] = (
        "contestant", "last snapshot started", f"{TIMES} limit", "through", "calls", "throttled", "missing", "doubled",
        "wrongly failed", "peak memory", "CPU",
    )  # fmt: skip
    rows = [_compared(m) for m in ranked(results.of(name))]
    if ESTATES[name].due:
        head += ("deleted", "wrongly deleted")
        rows = [(*_compared(m), _deleted(m), f"{m.wrongly_deleted:,}") for m in ranked(results.of(name))]
    return f"{_limits(name)}\n\n{_table(head, rows)}"


def sizes(results: Results, name: str) -> str:
    """Compare the contestants at the share of a core that a Lambda function has by its memory size."""
    rows = [_sized(m, m.case.memory_mib) for m in results.sized(name) if m.case.memory_mib]
    head = (
        "memory size", "of a core", "contestant", "imports", "first page", "last snapshot started", "whole",
        "GB-seconds", "peak memory",
    )  # fmt: skip
    return _table(head, rows)


def scales(results: Results) -> str:
    """Show what another factor of time does to the same measurement."""
    rows = [
        (ESTATES[m.case.estate].title, f"{m.case.factor:g} {TIMES}", seconds(m.started), seconds(m.over))
        for m in results.of("medium")
        if m.case.contestant == OURS
    ]
    return _table(("estate", "time", "last snapshot started", "through"), rows)


def worth(results: Results) -> str:
    """Show what each measurement is worth: its timescale and what that adds, and how busy the endpoint was."""
    rows = [
        (
            ESTATES[m.case.estate].title + (f", {m.case.memory_mib:,} MB" if m.case.memory_mib else ""),
            TITLES[m.case.contestant],
            f"{m.case.factor:g} {TIMES}",
            f"{m.cpu_inflation:.0%}",
            f"{m.endpoint_cpu_share:.0%}",
            f"{1000 * m.endpoint_excess:.0f} ms",
        )
        for m in results.measurements.values()
    ]
    head = ("estate", "contestant", "time", "added by scaling, at most", "endpoint's CPU", "answers late by")
    return _table(head, rows)


_BLOCKS: Final[Mapping[str, Callable[[Results], str]]] = {
    "machine": machine,
    "aims": aims,
    "scales": scales,
    "worth": worth,
}
_BLOCKS_OF_ESTATES: Final[Mapping[str, Callable[[Results, str], str]]] = {"estate": estate, "sizes": sizes}


def _block(name: str, results: Results) -> str:
    kind, _, argument = name.partition(" ")
    return _BLOCKS_OF_ESTATES[kind](results, argument) if argument else _BLOCKS[kind](results)


def ranked(measurements: Iterable[Measurement]) -> list[Measurement]:
    """Sort by time, after those that left nothing out those that did; of several timescales keep the slowest."""
    slowest: dict[str, Measurement] = {}
    for m in sorted(measurements, key=lambda m: -m.case.factor):
        slowest[m.case.contestant] = m
    return sorted(slowest.values(), key=lambda m: (m.missing > 0 or m.doubled > 0, m.started))


def gigabyte_seconds(m: Measurement) -> float:
    """Return what Lambda bills a run of the function for, its start included."""
    return m.whole * (m.case.memory_mib or 0) / 1024


def bound(m: Measurement) -> Limit:
    """Return the limit of a measurement's estate."""
    return limit(ESTATES[m.case.estate].works())


def _aim(m: Measurement) -> tuple[str, ...]:
    least = bound(m)
    return (
        ESTATES[m.case.estate].title,
        seconds(least.both_buckets),
        f"{seconds(m.started)} ({m.started / least.both_buckets:.2f} {TIMES})",
        seconds(least.complete),
        f"{seconds(m.over)} ({m.over / least.complete:.2f} {TIMES})",
        f"{m.throttled / m.calls:.1%}",
        _verdict(m),
    )


def _verdict(m: Measurement) -> str:
    """Say which parts of the aim were missed, if any; of what faults do to the time until all is done nothing is known.

    The limit does know what another tool leaves of the bucket, but not of lost answers.
    """
    least, where = bound(m), ESTATES[m.case.estate]
    troubled = where.trouble != Trouble()
    parts = {
        "last snapshot started": _near(m.started, least.both_buckets),
        "all done": troubled or _near(m.over, least.complete),
        "throttled": m.throttled / m.calls < MOST_THROTTLED,
        "snapshots": not m.missing + m.doubled,
        "deletions": m.deleted == where.due and not m.wrongly_deleted,
    }
    if missed := [part for part, reached in parts.items() if not reached]:
        return f"missed: {', '.join(missed)}"
    return "reached; all done not judged" if troubled else "reached"


def _sized(m: Measurement, size: int) -> tuple[str, ...]:
    return (
        f"{size:,} MB",
        f"{size / MIB_PER_CORE:.0%}",
        _title(m) + _left(m),
        seconds(m.imported),
        seconds(m.first_page),
        seconds(m.imported + m.started),
        seconds(m.whole),
        f"{gigabyte_seconds(m):.1f}",
        _memory(m),
    )


def _near(reached: float, least: float) -> bool:
    return reached <= (least * MOST_TIMES if least > LONG_SECONDS else least + MOST_SECONDS_MORE)


def _limits(name: str) -> str:
    where = ESTATES[name]
    least = limit(where.works())
    return (
        f"Limit: {seconds(least.both_buckets)} until the last snapshot is started "
        f"({seconds(least.by_instance)} by CreateSnapshots alone, {seconds(least.one_by_one)} one volume a call), "
        f"{seconds(least.complete)} until each has its own tags{_and_deletions(where)}."
    )


def _and_deletions(where: Estate) -> str:
    return f" and {where.due:,} earlier ones are deleted" if where.due else ""


def _deleted(m: Measurement) -> str:
    return f"{m.deleted:,} of {ESTATES[m.case.estate].due:,}"


def _compared(m: Measurement) -> tuple[str, ...]:
    return (
        f"{_title(m)}, ended by an error" if m.error else _title(m),
        seconds(m.started),
        times(m),
        seconds(m.over),
        f"{m.calls:,}",
        f"{m.throttled:,} ({m.throttled / m.calls:.1%})" if m.throttled else "0",
        f"{m.missing:,}",
        f"{m.doubled:,}",
        f"{m.wrongly_failed:,}",
        _memory(m),
        seconds(m.cpu_seconds),
    )


def times(m: Measurement) -> str:
    """Write by how many times a measurement exceeds the limit."""
    ratio = m.started / bound(m).both_buckets
    return f"{ratio:.0f}" if ratio >= _MANY_TIMES else f"{ratio:.2f}"


def _title(m: Measurement) -> str:
    title = TITLES[m.case.contestant]
    return f"**{title}**" if m.case.contestant == OURS else title


def _left(m: Measurement) -> str:
    """Say what a function did not get done before its time was up."""
    undone = {"snapshots": m.missing, "deletions": ESTATES[m.case.estate].due - m.deleted}
    left = [f"{count:,} {what}" for what, count in undone.items() if count]
    return f", {' and '.join(left)} left for its next attempt" if left else ""


def _memory(m: Measurement) -> str:
    return f"{m.memory_mib:.0f} MiB"


def seconds(value: float) -> str:
    """Write seconds to about three digits."""
    digits = 0 if value >= _MANY_SECONDS else 1 if value >= 1 else 2
    return f"{value:,.{digits}f} s"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join([_row(head), "|---" * len(head) + "|", *map(_row, rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
