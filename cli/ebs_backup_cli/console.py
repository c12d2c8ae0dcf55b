"""Where the command writes: data to stdout, all else to stderr; colours and bars for terminals alone.

rich goes by NO_COLOR, FORCE_COLOR and TERM itself: https://no-color.org, https://force-color.org
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ebs_backup_cli.errors import OutputError


class _Stdout(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would end the process


@contextmanager
def output() -> Iterator[Console]:
    """Give the console for data, no terminal if somebody reads it through a pipe; raise OutputError if it fails.

    Whatever writes to stdout does so in this context.
    """
    try:
        yield _Stdout(highlight=False, emoji=False)
        sys.stdout.flush()
    except OSError as error:
        raise OutputError(error) from error


def stderr() -> Console:
    """Return the console for everything else."""
    return Console(stderr=True, highlight=False, emoji=False)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[str], object]]:
    """Show on a terminal how many of some are through; the caller names each as it is. Nothing of it stays."""
    console = stderr()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[last]}")
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total, last="")
        yield lambda last: bar.update(task, advance=1, last=last)


def say(*notes: str) -> None:
    """Write notes to stderr, a line each."""
    write(stderr(), *notes)


def write(console: Console, *lines: str) -> None:
    """Write lines of text; a terminal's are broken between words."""
    for line in lines:
        console.print(line, markup=False, soft_wrap=not console.is_terminal)
