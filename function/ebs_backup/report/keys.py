"""The keys of stored reports, and what they tell of earlier attempts and runs, so that listing them is enough.

Each attempt at a run has a report of its own, which nothing replaces:
`<prefix>YYYY/MM/DD/<run id>.<attempt>.<status>.<percent covered>.created-<number>.deleted-<number>.json`, and the same
with `.html`. Beside it is what the attempt changed: `<run id>.<attempt>.<region>.<token>.changes.jsonl`. An attempt is
named by its start and a token that no other has. No key holds a `:`, which Windows takes in no file name.
Knows nothing of S3.
"""

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ebs_backup.report.schema import Report

LAST_RUNS = 30

# Stands in the key of a run of chosen regions, which says nothing of the others.
_CHOSEN = "chosen-regions"
_KEY = re.compile(
    r".*?(?P<path>\d{4}/\d\d/\d\d/(?P<run_id>[^/]+)\.(?P<started>\d{4}-\d\d-\d\dT\d{6}Z)-[0-9a-f]{8}"
    rf"(?P<chosen>\.{_CHOSEN})?\.(?P<status>completed|failed)\.(?P<percent>none|[0-9.]+)"
    r"\.created-(?P<created>\d+)\.deleted-(?P<deleted>\d+))\.json"
)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d)(\d\d)(\d\dZ)")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One invocation's or one execution's attempt at a run; the token is eight hexadecimal digits."""

    run_id: str
    started_at: datetime
    token: str

    @property
    def stem(self) -> str:
        """How the keys of all that it leaves begin, after the deployment's prefix."""
        at = self.started_at
        return f"{at:%Y/%m/%d}/{in_a_key(self.run_id)}.{at:%Y-%m-%dT%H%M%SZ}-{self.token}"


@dataclass(frozen=True, slots=True)
class EarlierAttempt:
    """The end of an earlier attempt, as its report's key tells; the path leads from the deployment's prefix."""

    run_id: str
    started_at: str
    status: str
    covered_percent: float | None
    created: int
    deleted: int
    of_chosen_regions: bool
    path: str


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """The end of a run, as its report's key tells."""

    run_id: str
    status: str
    covered_percent: float | None


def new_token() -> str:
    """Return what names an attempt: retries of Lambda have the same request id, and two may start in one second."""
    return secrets.token_hex(4)


def in_a_key(run_id: str) -> str:
    """Return a run id as keys hold it."""
    return run_id.replace(":", "")


def report_stem(attempt: Attempt, report: Report) -> str:
    """Return the key of an attempt's report, without the prefix and without the ending that tells its form."""
    percent, totals = report.coverage.percent, report.totals
    share = "none" if percent is None else f"{percent:g}"
    scope = f".{_CHOSEN}" if report.chosen_regions else ""
    done = f"created-{totals.created}.deleted-{totals.deleted}"
    return f"{attempt.stem}{scope}.{report.status}.{share}.{done}"


def changes_key(attempt: Attempt, region: str, token: str) -> str:
    """Return the key of what an attempt changed in a region, without the prefix; a token for each of its rounds."""
    return f"{attempt.stem}.{region}.{token}.changes.jsonl"


def earlier_attempts(keys: Iterable[str]) -> Sequence[EarlierAttempt]:
    """Return the attempts that keys tell of, in their order."""
    return [
        EarlierAttempt(
            run_id=_with_colons(found["run_id"]),
            started_at=_with_colons(found["started"]),
            status=found["status"],
            covered_percent=None if found["percent"] == "none" else float(found["percent"]),
            created=int(found["created"]),
            deleted=int(found["deleted"]),
            of_chosen_regions=bool(found["chosen"]),
            path=found["path"],
        )
        for found in filter(None, map(_KEY.fullmatch, keys))
    ]


def earlier_runs(attempts: Iterable[EarlierAttempt]) -> Sequence[EarlierRun]:
    """Return the last runs, oldest first; a run that failed and then completed is completed."""
    runs: dict[str, EarlierRun] = {}
    for each in attempts:
        before = runs.get(each.run_id)
        if not each.of_chosen_regions and not (before and is_better(before.status, each.status)):
            runs[each.run_id] = EarlierRun(each.run_id, each.status, each.covered_percent)
    return list(runs.values())[-LAST_RUNS:]


def is_better(status: str, other: str) -> bool:
    """Tell whether one attempt's status says more of its run than another's."""
    return (status, other) == ("completed", "failed")


def _with_colons(text: str) -> str:
    """Return a time as run ids have it; another text as it is."""
    return ":".join(found.groups()) if (found := _TIME.fullmatch(text)) else text
