"""The keys of stored reports, and what they tell of earlier runs, so that listing them is enough.

They are `<prefix>YYYY/MM/DD/<run id>.<status>.<percent covered>.json`, and the same with `.html`. Knows nothing of S3.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ebs_backup.report.schema import Report

LAST_RUNS = 30

_KEY = re.compile(r".*/(?P<run_id>[^/]+)\.(?P<status>completed|failed)\.(?P<percent>none|[0-9.]+)\.json")


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """The end of a run, as its report's key tells."""

    run_id: str
    status: str
    covered_percent: float | None


def key_of(prefix: str, report: Report, at: datetime) -> str:
    """Return a report's key, without the ending that tells its form."""
    percent = report.coverage.percent
    share = "none" if percent is None else f"{percent:g}"
    return f"{prefix}{at:%Y/%m/%d}/{report.run_id}.{report.status}.{share}"


def earlier_runs(keys: Iterable[str]) -> Sequence[EarlierRun]:
    """Return the last runs that keys tell of, oldest first; of each run what became of it in the end."""
    runs: dict[str, EarlierRun] = {}
    for found in filter(None, map(_KEY.fullmatch, keys)):
        percent = None if found["percent"] == "none" else float(found["percent"])
        runs[found["run_id"]] = EarlierRun(found["run_id"], found["status"], percent)
    return list(runs.values())[-LAST_RUNS:]
