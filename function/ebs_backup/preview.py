"""What a dry run shows a person: each region's actions and verdicts, line by line.

Pure text from a run's results; knows terminals only as far as colours go.
"""

from collections.abc import Callable, Iterator, Sequence

from ebs_backup.model.deployment import Deployment
from ebs_backup.model.retention import in_words
from ebs_backup.model.values import Action, Create, Plan, Verdict
from ebs_backup.report.region import RegionResult

Paint = Callable[[str, str], str]

_COLOURS = {"create": "32", "tag": "36", "delete": "31", "keep": "2", "skip": "2", "problem": "1;31"}


def plain(_: str, text: str) -> str:
    """Leave a text as it is."""
    return text


def coloured(kind: str, text: str) -> str:
    """Give a text the colour of its kind, as terminals take it."""
    return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m"


def preview(deployment: Deployment, results: Sequence[RegionResult], paint: Paint) -> Iterator[str]:
    """Yield the lines that show what a run would do, region by region, and why."""
    yield f"Deployment {deployment.name}: {in_words(deployment.retention)}."
    quiet = [result.region for result in results if result.plan and not _has_anything(result.plan)]
    for result in results:
        if result.region not in quiet:
            yield from _region(result, paint)
    if quiet:
        yield f"\nNothing in {', '.join(quiet)}."
    yield f"\n{_totals(results)}"


def _has_anything(plan: Plan) -> bool:
    return bool(plan.selected or plan.skipped or plan.verdicts or plan.actions)


def _region(result: RegionResult, paint: Paint) -> Iterator[str]:
    if result.problem:
        yield f"\n{result.region}"
        expected = ", as expected" if result.is_expected(result.problem) else ""
        problem = result.problem
        yield paint("problem", f"  not read{expected}: {problem.operation}: {problem.code}: {problem.message}")
    if result.plan:
        yield f"\n{result.region}: {_counted(result.plan.selected, 'volume')} selected"
        yield from _lines(result.plan, paint)


def _lines(plan: Plan, paint: Paint) -> Iterator[str]:
    for action in plan.actions:
        if action.operation != "DeleteSnapshot":  # those are shown as verdicts, among the snapshots that stay
            yield paint(_kind(action), f"  {_kind(action):7} {_about(action)}  {action.reason}")
    for skip in plan.skipped:
        yield paint("skip", f"  {'skip':7} {skip.volume_id}  {skip.reason}")
    if plan.brake:
        yield paint("problem", f"  deletion brake: {plan.brake}; nothing is deleted")
    for verdict in plan.verdicts:
        yield _verdict(verdict, paint)


def _kind(action: Action) -> str:
    return "create" if isinstance(action, Create) else "tag"


def _about(action: Action) -> str:
    if isinstance(action, Create):
        return " + ".join(volume.id for volume in action.volumes)
    return action.snapshot_id


def _verdict(verdict: Verdict, paint: Paint) -> str:
    kind, snapshot = "keep" if verdict.keep else "delete", verdict.snapshot
    taken = f"{snapshot.started_at:%Y-%m-%d %H:%M}"
    return paint(kind, f"  {kind:7} {snapshot.id}  {snapshot.volume_id}  {taken}  {', '.join(verdict.reasons)}")


def _totals(results: Sequence[RegionResult]) -> str:
    plans = [result.plan for result in results if result.plan]
    creates = sum(len(a.volumes) for plan in plans for a in plan.actions if isinstance(a, Create))
    deletes = sum(a.operation == "DeleteSnapshot" for plan in plans for a in plan.actions)
    keeps = sum(verdict.keep for plan in plans for verdict in plan.verdicts)
    unread = sum(result.problem is not None for result in results)
    parts = [f"{creates} to create", f"{deletes} to delete", f"{keeps} to keep"]
    parts += [f"{_counted(unread, 'region')} not read"] if unread else []
    return f"Snapshots: {', '.join(parts)}."


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
