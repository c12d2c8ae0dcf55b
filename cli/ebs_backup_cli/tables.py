"""Tables: drawn, region by region, on a terminal; aligned plain text, a line for each row, for everybody else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table as Drawn
from rich.text import Text

# The most rows of a region that a terminal is shown; a pipe is given all.
MOST_ROWS = 60


@dataclass(frozen=True, slots=True)
class Column:
    """A column; its numbers stand at the right. An id beside a name is for scripts: a terminal goes without it.

    On a terminal it can have the colour of the row, and long text in it can fold.
    """

    name: str
    right: bool = False
    for_scripts: bool = False
    coloured: bool = False
    fold: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A line about something in a region. Rows that follow each other and belong together share a key."""

    region: str
    key: str
    colour: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns, in the order of their regions."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def show(table: Table, console: Console) -> None:
    """Write a table as the console can show it; nothing if it has no rows."""
    if not table.rows:
        return
    if not console.is_terminal:
        print("\n".join(["", *_plain(table)]))
        return
    for region, rows in groupby(table.rows, key=lambda row: row.region):
        console.print()
        _draw(table, region, list(rows), console)


def _plain(table: Table) -> Iterator[str]:
    """Yield lines whose fields are at least two spaces apart, so that `awk -F '  +'` can tell them from each other."""
    lines = [("REGION", *(column.name for column in table.columns))]
    lines += [(row.region, *(cell or "-" for cell in row.cells)) for row in table.rows]
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    right = [False, *(column.right for column in table.columns)]
    for line in lines:
        cells = zip(line, widths, right, strict=True)
        yield "  ".join(cell.rjust(width) if r else cell.ljust(width) for cell, width, r in cells).rstrip()


def _draw(table: Table, region: str, rows: Sequence[Row], console: Console) -> None:
    shown = [n for n, c in enumerate(table.columns) if not c.for_scripts and any(row.cells[n] for row in rows)]
    drawn = Drawn(
        title=f"{region}: {table.title}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in (table.columns[n] for n in shown):
        justify: Literal["left", "right"] = "right" if column.right else "left"
        drawn.add_column(column.name, justify=justify, overflow="fold", no_wrap=not column.fold)
    for row, above in zip(rows[:MOST_ROWS], [None, *rows], strict=False):
        drawn.add_row(*(_cell(row, above, n, table.columns[n]) for n in shown))
    console.print(drawn)
    if len(rows) > MOST_ROWS:
        console.print(
            f"and {len(rows) - MOST_ROWS} more: a pipe is shown all, as in `ebs-backup plan | less`", style="dim"
        )


def _cell(row: Row, above: Row | None, n: int, column: Column) -> Text:
    """Return a cell; long text that rows have in common is shown once."""
    repeated = column.fold and above and above.key == row.key and above.cells[n] == row.cells[n]
    return Text("" if repeated else row.cells[n], style=row.colour if column.coloured else "")
