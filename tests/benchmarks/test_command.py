"""The command keeps what was measured, whatever goes wrong, and mixes nothing that cannot be compared."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.measure import Case, Measurement
from benchmarks.plan import plan
from benchmarks.results import Machine, Results, read, results
from tests.benchmarks.measurements import measurement

KEPT = [replace(measurement(), case=case, date="2026-11-01") for case in plan()]


class Desk:
    """A folder with results and a page, on which the command works with contestants that take no time."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._results, self.page = folder / "results.json", folder / "page.md"
        self._monkeypatch = monkeypatch
        self.failing = ""
        self.page.write_text("<!-- benchmark: machine -->\n<!-- /benchmark -->\n", "utf-8")
        self.put(results(Machine.this(), KEPT))
        monkeypatch.setattr(command, "PATH", self._results)
        monkeypatch.setattr(command, "PAGE", self.page)
        monkeypatch.setattr(command, "_environment", lambda name: None if name == "plot" else Path(sys.executable))
        monkeypatch.setattr(command, "measure", self._measure)

    def put(self, found: Results) -> None:
        """Let these be the results so far."""
        self._results.write_text(found.text(), "utf-8")

    def run(self, *options: str) -> None:
        """Run the command."""
        self._monkeypatch.setattr(sys, "argv", ["benchmarks", *options])
        command.main()

    @property
    def found(self) -> Mapping[Case, Measurement]:
        """The results by now."""
        return read(self._results.read_text("utf-8")).measurements

    def _measure(self, case: Case, _: str) -> Measurement:
        if case.contestant == self.failing:
            raise RuntimeError("it broke")
        return replace(measurement(), case=case, date="2026-11-23")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


def test_command_measures_every_case(desk: Desk) -> None:
    desk.run()

    assert list(desk.found) == list(plan())
    assert {m.date for m in desk.found.values()} == {"2026-11-23"}


def test_failed_case_fails_the_command_and_no_other_case(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    desk.failing = "recipe"
    others = [case for case in plan() if case.contestant != "recipe"]
    count = len(list(plan()))

    with pytest.raises(SystemExit, match=f"{count - len(others)} of {count} cases"):
        desk.run()

    assert list(desk.found) == others
    assert capsys.readouterr().out.count("failed: it broke") == count - len(others)


def test_command_measures_one_contestant_anew(desk: Desk) -> None:
    desk.run("--only", "threads")

    assert list(desk.found) == list(plan())
    assert {case.contestant for case, m in desk.found.items() if m.date == "2026-11-23"} == {"threads"}
    assert "2026-11-01 to 2026-11-23" in desk.page.read_text("utf-8")


def test_failed_measurement_keeps_the_old_result(desk: Desk) -> None:
    desk.failing = "threads"

    with pytest.raises(SystemExit):
        desk.run("--only", "threads")

    assert list(desk.found.values()) == KEPT


def test_results_of_two_machines_are_not_mixed(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    other = replace(Machine.this(), boto3="1.0.0")
    desk.put(results(other, KEPT))

    with pytest.raises(SystemExit):
        desk.run("--only", "threads")

    said = capsys.readouterr().err
    assert str(other) in said
    assert str(Machine.this()) in said
    assert list(desk.found.values()) == KEPT
