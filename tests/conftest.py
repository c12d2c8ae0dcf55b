"""Tests that lack a tool are skipped, and pytest names them at its end; with `--no-skips` that is a failure."""

from collections.abc import Sequence

import pytest
from hypothesis import settings

# How long an example takes depends on what else the machine does.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail if any test is skipped")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if exitstatus == pytest.ExitCode.OK and _forbidden(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if skipped := _forbidden(config):
        terminalreporter.write_line(f"--no-skips: {len(skipped)} tests were skipped", red=True)


def _forbidden(config: pytest.Config) -> Sequence[object]:
    """Return the reports of tests that were skipped and must not be; a worker of xdist has none."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return reporter.stats.get("skipped", ()) if reporter and config.getoption("--no-skips") else ()
