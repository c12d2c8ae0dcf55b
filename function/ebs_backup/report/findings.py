"""The findings of a run report, in words: the one line that matters most, then whatever needs somebody's attention.

Knows nothing of HTML.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ebs_backup.model.values import CREATING
from ebs_backup.report.schema import RegionReport, Report
from ebs_backup.report.words import age, counted, number

DELETING = ("DeleteSnapshot",)
TAGGING = ("CreateTags",)

MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that needs attention, and the id of the section that tells more."""

    text: str
    section: str


def headline(report: Report) -> str:
    """Return the one line that matters most."""
    selected, missing, unread = report.coverage.selected, uncovered(report), unread_regions(report)
    if missing:
        return _missing(missing, selected)
    if unread:
        to_the_end = " to the end" if _partly_read(report) == unread else ""
        return f"{counted(len(unread), 'region')} could not be read{to_the_end}"
    if selected == 0:
        return "No volume is selected" if report.status == "completed" else "The run did not do all of its work"
    everything = "The one selected volume is" if selected == 1 else f"All {number(selected)} volumes are"
    return f"{everything} covered" + (", but the run did not do all of its work" if report.status == "failed" else "")


def assessment(report: Report) -> str:
    """Return good, bad, or unknown where there is nothing to judge."""
    if report.status == "failed" or any(findings(report)):
        return "bad"
    return "good" if report.coverage.selected else "unknown"


def findings(report: Report) -> Iterator[Finding]:
    """Yield what needs attention, the gravest first."""
    if missing := uncovered(report):
        objective = age(report.coverage.objective_hours)
        have = "has" if missing == 1 else "have"
        yield Finding(
            f"{counted(missing, 'volume')} {have} no completed snapshot of the last {objective}.", "uncovered"
        )
    if selects_nothing(report):
        in_use = sum(region.in_use for region in report.regions.values())
        are = f"{counted(in_use, 'volume')} {'is' if in_use == 1 else 'are'}"
        yield Finding(f"No volume is selected, though {are} in use: see include_tags and exclude_tags.", "coverage")
    yield from _unread(report)
    for operations, ending in ((CREATING, "created"), (DELETING, "deleted"), (TAGGING, "given all of its tags")):
        if count := failed(report.regions.values(), operations):
            words = ending if count == 1 else ending.replace("its", "their")
            yield Finding(f"{counted(count, 'snapshot')} could not be {words}.", "problems")
    yield from _deletions(report)


def _deletions(report: Report) -> Iterator[Finding]:
    if braked := {name: region.deletion_brake for name, region in report.regions.items() if region.deletion_brake}:
        would = "would hold" if report.dry_run else "held"
        first = next(iter(braked.values()))
        yield Finding(f"The deletion brake {would} in {_named(list(braked))}: {first}.", "deletions")
    if earlier := sum(region.before_deployment for region in report.regions.values()):
        were = "was" if earlier == 1 else "were"
        words = f"{counted(earlier, 'snapshot')} that no rule keeps {were} made before this deployment existed."
        yield Finding(words, "deletions")


def selects_nothing(report: Report) -> bool:
    """Tell whether volumes are in use and a run of all regions selects none: a slip in a tag does that."""
    regions = report.regions.values()
    return not report.chosen_regions and not report.totals.selected and any(region.in_use for region in regions)


def _unread(report: Report) -> Iterator[Finding]:
    partly = _partly_read(report)
    if unknown := [name for name in unread_regions(report) if name not in partly]:
        yield Finding(f"Nothing is known of the volumes in {_named(unknown)}, which could not be read.", "problems")
    if partly:
        words = f"Not everything is known of the volumes in {_named(partly)}, which could not be read to the end."
        yield Finding(words, "problems")


def uncovered(report: Report) -> int:
    """Return how many selected volumes are not covered."""
    return report.coverage.selected - report.coverage.covered


def unread_regions(report: Report) -> list[str]:
    """Return the regions that could not be read, those excepted where that was expected."""
    return [name for name, region in report.regions.items() if region.problem and region.status == "failed"]


def _partly_read(report: Report) -> list[str]:
    return [name for name in unread_regions(report) if report.regions[name].selected]


def failed(regions: Iterable[RegionReport], operations: Iterable[str]) -> int:
    """Return how often operations failed or were not finished, where that was not expected."""
    unexpected = [region.failed_by_operation for region in regions if region.status != "denied"]
    return sum(counts.get(operation, 0) for counts in unexpected for operation in operations)


def _missing(missing: int, selected: int) -> str:
    if selected == 1:
        return "The one selected volume is not covered"
    if missing == selected:
        return f"None of the {number(selected)} volumes is covered"
    return f"{number(missing)} of {number(selected)} volumes {'is' if missing == 1 else 'are'} not covered"


def _named(regions: list[str]) -> str:
    more = len(regions) - MAX_NAMED
    return ", ".join(regions[:MAX_NAMED]) + (f" and {counted(more, 'more region')}" if more > 0 else "")
