"""How the command ends: its exit codes, and the errors that end it."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The code that a script reads; documented in `ebs-backup --help`."""

    OK = 0
    INCOMPLETE = 1  # a region could not be read, or the deletion brake would hold
    BAD_INPUT = 2  # an option, a file, the credentials
    INTERRUPTED = 130  # as a shell reports a program that Ctrl-C ended: 128 + SIGINT
    BROKEN_PIPE = 141  # as a shell reports a program whose reader has left: 128 + SIGPIPE


class OutputError(Exception):
    """Stdout takes no more; the message says why."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(f"cannot write the output: {cause.strerror}")
        self.reader_has_left = isinstance(cause, BrokenPipeError)


class InputError(Exception):
    """The command cannot begin; the message says why, and what the operator can do."""
