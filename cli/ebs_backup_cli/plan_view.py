"""The output of `ebs-backup plan`: what becomes of each volume and of each snapshot, and the totals."""

from collections.abc import Iterator

from rich.console import Console

from ebs_backup.model.retention import in_words
from ebs_backup.model.values import Announce, Create, Delete, Plan, Tag, Verdict
from ebs_backup_cli import advice, tables
from ebs_backup_cli.console import write
from ebs_backup_cli.estimate import seconds_at_least
from ebs_backup_cli.names import Names
from ebs_backup_cli.options import DeploymentOptions
from ebs_backup_cli.preview import Preview
from ebs_backup_cli.tables import Column, Row, Table

_MINUTE = "%Y-%m-%d %H:%M"
_VOLUMES = (
    Column("INSTANCE"),
    Column("DEVICE"),
    Column("VOLUME"),
    Column("NAME"),
    Column("GIB", right=True),
    Column("ACTION", coloured=True),
    Column("WHY", fold=True),
)
_SNAPSHOTS = (
    Column("ACTION", coloured=True),
    Column("TAKEN (UTC)"),
    Column("GOES AFTER (UTC)"),
    Column("BACKUP OF"),
    Column("SNAPSHOT"),
    Column("VOLUME", for_scripts=True),
    Column("WHY", fold=True),
)
_COLOURS = {
    "keep": "dim",
    "withdraw": "green",
    "announce": "yellow",
    "wait": "yellow",
    "delete": "red",
    "due": "magenta",
}


def show(preview: Preview, names: Names, console: Console) -> None:
    """Write all of it to the console."""
    write(console, f"Deployment {preview.deployment.name}: {in_words(preview.deployment.retention)}.")
    plans = [each.plan for each in preview.regions if each.plan]
    tables.show(Table("volumes", _VOLUMES, tuple(row for plan in plans for row in _volumes(plan, names))), console)
    tables.show(
        Table("snapshots", _SNAPSHOTS, tuple(row for plan in plans for row in _snapshots(plan, names))), console
    )
    write(console, "", *_regions(preview), *_totals(preview, plans))


def notes(preview: Preview, names: Names | None, options: DeploymentOptions) -> Iterator[str]:
    """Yield what goes beside the output proper: why names are missing, and what to do next."""
    if names and names.missing:
        yield f"Some names are missing, and ids are shown instead: {names.missing}."
    troubles = [*advice.problems(preview, options.timeout), *advice.brakes(preview)]
    yield from troubles
    if not troubles:
        plans = [each.plan for each in preview.regions if each.plan]
        yield from advice.next_step(preview, of_a_file=bool(options.deployment), seconds=_seconds(preview, plans))


def _volumes(plan: Plan, names: Names) -> Iterator[Row]:
    yield from sorted(_planned(plan, names), key=_by_instance)
    skips = (
        _volume(plan, names, s.volume_id, key=s.volume_id, colour="dim", what="skip", why=s.reason)
        for s in plan.skipped
    )
    yield from sorted(skips, key=_by_instance)


def _by_instance(row: Row) -> tuple[str, str, str]:
    """Return what volumes are sorted by: the instance's name, then what was made together, then the device."""
    instance, device, *_ = row.cells
    return instance, row.key, device


def _planned(plan: Plan, names: Names) -> Iterator[Row]:
    for action in plan.actions:
        if isinstance(action, Create):
            what = f"set of {len(action.volumes)}" if action.is_set else "snapshot"
            key, why = action.volumes[0].id, names.in_words(action.reason)
            for volume in action.volumes:
                yield _volume(plan, names, volume.id, key=key, colour="green", what=what, why=why)
        elif isinstance(action, Tag):
            key = action.snapshot_id
            yield _volume(plan, names, action.volume_id, key=key, colour="cyan", what="tag", why=action.reason)


def _volume(plan: Plan, names: Names, id_: str, *, key: str, colour: str, what: str, why: str) -> Row:
    place = names.place(id_)
    size = "" if place.size_gib is None else str(place.size_gib)
    cells = names.instance(id_), place.device, id_, place.name, size, what, why
    return Row(plan.region, key, colour, cells)


def _snapshots(plan: Plan, names: Names) -> Iterator[Row]:
    actions = {a.snapshot_id: a for a in plan.actions if isinstance(a, (Announce, Delete))}
    for verdict in sorted(plan.verdicts, key=lambda v: (names.label(v.snapshot.volume_id), v.snapshot.volume_id)):
        snapshot = verdict.snapshot
        action = actions.get(snapshot.id)
        what = _fate(plan, verdict, action)
        taken, label = f"{snapshot.started_at:{_MINUTE}}", names.label(snapshot.volume_id)
        after = (action.delete_after if isinstance(action, Announce) else None) or verdict.delete_after
        goes_after = f"{after:{_MINUTE}}" if after else ""
        cells = what, taken, goes_after, label, snapshot.id, snapshot.volume_id, ", ".join(verdict.reasons)
        yield Row(plan.region, snapshot.id, _COLOURS[what], cells)


def _fate(plan: Plan, verdict: Verdict, action: Announce | Delete | None) -> str:
    """Return what becomes of a snapshot; what is due stays as long as the brake holds."""
    if isinstance(action, Delete):
        return "delete"
    if action:
        return "announce" if action.delete_after else "withdraw"
    if verdict.keep:
        return "keep"
    return "due" if plan.brake else "wait"


def _regions(preview: Preview) -> Iterator[str]:
    """Yield what there is to say of whole regions."""
    for each in preview.regions:
        if each.denied_as_expected:
            yield f"{each.region}: denied, as expected."
        if each.plan and each.plan.brake:
            yield f"{each.region}: deletion brake: {each.plan.brake}"
    if empty := [each.region for each in preview.regions if each.plan and _is_empty(each.plan)]:
        yield f"Nothing in {', '.join(empty)}."


def _is_empty(plan: Plan) -> bool:
    return not (plan.selected or plan.skipped or plan.verdicts or plan.actions)


def _totals(preview: Preview, plans: list[Plan]) -> Iterator[str]:
    creates = [action for plan in plans for action in plan.actions if isinstance(action, Create)]
    deletes = sum(isinstance(action, Delete) for plan in plans for action in plan.actions)
    announces = [action for plan in plans for action in plan.actions if isinstance(action, Announce)]
    withdraws = sum(action.delete_after is None for action in announces)
    waits = sum(region.waiting for region in preview.report.regions.values())
    keeps = sum(verdict.keep for plan in plans for verdict in plan.verdicts)
    volumes = [volume for create in creates for volume in create.volumes]
    sets = sum(create.is_set for create in creates)
    size = sum(volume.size_gib for volume in volumes)
    skipped = sum(len(plan.skipped) for plan in plans)
    there = sum(len(plan.already_there) for plan in plans)
    yield (
        f"Snapshots: {len(volumes)} to create ({counted(sets, 'crash-consistent set')}; {size:,} GiB of volumes), "
        f"{len(announces) - withdraws} to announce, {deletes} to delete, {keeps} to keep"
        f"{_if_any(waits, 'announced before')}{_if_any(withdraws, 'no longer to go')}{_if_any(there, 'already there')}."
    )
    unread = sum(each.problem is not None for each in preview.regions)
    yield (
        f"Volumes skipped: {skipped}. Regions read: {len(preview.regions) - unread} of {len(preview.regions)}. "
        f"Duration at EC2's request limits: {_duration(_seconds(preview, plans))}."
    )


def _if_any(number: int, words: str) -> str:
    return f", {number} {words}" if number else ""


def _seconds(preview: Preview, plans: list[Plan]) -> float:
    """Return what the slowest region needs: they go at the same time."""
    return max((seconds_at_least(plan, preview.deployment.limits) for plan in plans), default=0.0)


def _duration(seconds: float) -> str:
    if seconds < 60:  # noqa: PLR2004 - a minute
        return "under a minute"
    return f"at least {counted(round(seconds / 60), 'minute')}"


def counted(number: int, word: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
