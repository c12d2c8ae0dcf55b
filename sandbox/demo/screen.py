"""How the demonstration looks: headings, steps with their progress, tables and quotations.

Knows nothing of AWS.
"""

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from textwrap import TextWrapper, dedent, indent
from typing import Final

from rich import box
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

WIDTH: Final = 100
"""How many columns the output has where no terminal says how wide it is."""
_SECONDS_BETWEEN_LINES: Final = 15
_CHANGE: Final = re.compile(
    r"(?:module\.\w+\.)*(?P<resource>\S+): (?P<what>Creating|Modifying|Destroying|\w+ complete)\b"
)
"""What Terraform prints of a resource's change, as its UI's hooks write it."""


class Underway:
    """The resources that Terraform is working on, as the lines it prints tell."""

    def __init__(self) -> None:
        self._resources: dict[str, None] = {}

    def read(self, line: str) -> None:
        """Take one line of Terraform's output into account."""
        if change := _CHANGE.match(line):
            if change["what"].endswith("complete"):
                self._resources.pop(change["resource"], None)
            else:
                self._resources[change["resource"]] = None

    def __str__(self) -> str:
        """Name the resource that has taken longest so far, if Terraform is working on any."""
        # A copy, since another thread adds to it.
        return next(iter(list(self._resources)), "")


class Screen:
    """Where the demonstration is shown: a terminal, or a plain file with no colours and no moving lines."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        if not self._console.is_terminal:
            self._console.width = WIDTH

    def say(self, text: str = "") -> None:
        """Print text, in rich's markup."""
        self._console.print(text)

    def heading(self, text: str) -> None:
        """Begin a part of the demonstration."""
        self._console.print(f"\n[bold underline]{text}[/]\n")

    def detail(self, text: str) -> None:
        """Print what belongs to the step above."""
        self._console.print(f"  {text}")

    def quote(self, text: str, style: str = "yellow") -> None:
        """Print somebody else's words as they are, indented, between two empty lines."""
        wrap = TextWrapper(self._console.width - 4, break_long_words=False, break_on_hyphens=False)
        lines = [part for line in dedent(text).strip().splitlines() for part in wrap.wrap(line)]
        self._console.print(Text(indent("\n".join(["", *lines, ""]), "    "), style=style), soft_wrap=True)

    def path(self, path: Path) -> None:
        """Print where a file is, in one line however long, so that it can be copied."""
        self._console.print(Text(f"  {path}", style="bold"), soft_wrap=True)

    def table(self, title: str, *columns: str, rows: Iterable[tuple[str, ...]], right: str = "") -> None:
        """Print a table below an empty line, with no cell cut short; `right` names a column of numbers."""
        table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for column in columns:
            table.add_column(column, no_wrap=True, justify="right" if column == right else "left")
        for row in rows:
            table.add_row(*row)
        with self._console.capture() as captured:
            self._console.print(table)
        # rich fills each line up with spaces, which nobody wants in a file.
        lines = captured.get().rstrip().splitlines()
        self._console.file.write("\n".join(["", *(line.rstrip() for line in lines), ""]))

    @contextmanager
    def step(self, what: str) -> Iterator[Callable[[str], None]]:
        """Show that a step is going on and, at its end, how long it took.

        The caller passes on what Terraform prints, line by line; a step without any takes no notice.
        """
        start, underway = time.monotonic(), Underway()
        live = self._moving if self._console.is_terminal else self._line_by_line
        with live(what, underway):
            yield underway.read
        self._console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - start:.0f} s[/]")

    def _moving(self, what: str, underway: Underway) -> AbstractContextManager[object]:
        columns = (
            SpinnerColumn(),
            TextColumn(what),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[underway]}", table_column=Column(no_wrap=True)),
        )
        progress = Progress(*columns, console=self._console, transient=True)
        progress.add_task(what, total=None, underway=underway)
        return progress

    @contextmanager
    def _line_by_line(self, what: str, underway: Underway) -> Iterator[None]:
        """Print a line from time to time, so that nobody takes the step for dead."""
        ended = threading.Event()

        def watch() -> None:
            start = time.monotonic()
            while not ended.wait(_SECONDS_BETWEEN_LINES):
                self._console.print(f"  {what}: {time.monotonic() - start:.0f} s {underway}".rstrip())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
