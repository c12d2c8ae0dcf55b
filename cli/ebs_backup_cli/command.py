"""A command: takes its options as one typed value, and ends with an exit code and a sentence, never with a traceback.

Knows typer, and nothing of what commands do.
"""

import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Any, NoReturn, TypeVar, get_type_hints

import typer

from ebs_backup_cli.errors import ExitCode, InputError, OutputError

Options = TypeVar("Options")


def add_command(app: typer.Typer, options: type[Options], command: Callable[[Options], ExitCode]) -> None:
    """Add a command to an app: the fields of its options, a dataclass, are what typer reads from the command line."""

    def run(**values: Any) -> NoReturn:
        raise typer.Exit(_end(lambda: command(options(**values))))

    types = get_type_hints(options, include_extras=True)
    run.__signature__ = inspect.Signature([_parameter(f, types) for f in fields(options)])  # type: ignore[attr-defined,arg-type]
    run.__annotations__ = types
    app.command(command.__name__, help=command.__doc__)(run)


def _parameter(field: "Field[Any]", types: dict[str, Any]) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is MISSING else field.default
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=types[field.name])


def _end(command: Callable[[], ExitCode]) -> ExitCode:
    try:
        return command()
    except InputError as error:
        print(f"ebs-backup: {error}", file=sys.stderr)
        return ExitCode.BAD_INPUT
    except OutputError as error:
        # The interpreter flushes stdout once more at its end: https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.reader_has_left:
            return ExitCode.BROKEN_PIPE
        print(f"ebs-backup: {error}", file=sys.stderr)
        return ExitCode.BAD_INPUT
    except KeyboardInterrupt:
        print("\nebs-backup: interrupted", file=sys.stderr, flush=True)
        os._exit(ExitCode.INTERRUPTED)  # a normal end waits for the threads that still read
