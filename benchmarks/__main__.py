"""Measures everything, and writes down what was found.

    python -m benchmarks                  all of it, in a quarter of an hour; make bench does this
    python -m benchmarks --only function  one contestant anew, beside the others' results
    python -m benchmarks --quick          a few seconds, to see that it works; writes nothing

Cloud Custodian and matplotlib come into environments of their own; what cannot be installed is left out, and said.
"""

import argparse
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.contestants import TITLES
from benchmarks.measure import ROOT, Case, Measurement, measure
from benchmarks.plan import QUICK, plan
from benchmarks.render import PAGE, filled
from benchmarks.results import PATH, Machine, Results, read, results

REQUIREMENTS: Final = ROOT / "benchmarks" / "requirements"


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure, and write down what was found.")
    parser.add_argument("--only", choices=TITLES, help="measure one contestant anew and keep the others' results")
    parser.add_argument("--quick", action="store_true", help="see that it works, and write nothing")
    asked = parser.parse_args()
    if asked.quick:
        list(measured(QUICK))
        return
    kept = read(PATH.read_text("utf-8")).measurements if asked.only else {}
    new = {m.case: m for m in measured(case for case in plan() if asked.only in (None, case.contestant))}
    everything = (({**kept, **new}).get(case) for case in plan())
    publish(results(Machine.this(), filter(None, everything)))


def measured(cases: Iterable[Case]) -> Iterator[Measurement]:
    """Measure one case after the other, and say so."""
    for case in cases:
        python = _environment("custodian") if case.contestant == "custodian" else Path(sys.executable)
        if python is None:
            print(f"{_words(case)} skipped: it cannot be installed", flush=True)
            continue
        m = measure(case, str(python))
        print(
            f"{_words(case)} {m.started:6.1f} s to the last snapshot, {m.over:6.1f} s in all; "
            f"{m.throttled} of {m.calls} calls throttled, {m.missing} missing, {m.doubled} doubled",
            flush=True,
        )
        yield m


def _words(case: Case) -> str:
    where = f"{case.estate} {case.memory_mib} MB" if case.memory_mib else case.estate
    return f"{where:13} {TITLES[case.contestant]:25}"


@cache
def _environment(name: str) -> Path | None:
    """Return the Python of an environment with what a requirements file names, made if need be; None if that fails."""
    home = ROOT / ".cache" / f"benchmark-{name}"
    python, complete = home / "bin" / "python", home / "complete"
    if not complete.exists():
        print(f"Installing {name} into {home.relative_to(ROOT)} ...", flush=True)
        venv.create(home, clear=True, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS / f"{name}.txt")]
        if subprocess.run(command, check=False).returncode:  # noqa: S603 - our own
            return None
        complete.touch()
    return python


def publish(found: Results) -> None:
    """Write the results, the page's tables and the pictures."""
    PATH.write_text(found.text(), "utf-8")
    PAGE.write_text(filled(PAGE.read_text("utf-8"), found), "utf-8")
    if python := _environment("plot"):
        subprocess.run([python, "-m", "benchmarks.plot"], check=True, cwd=ROOT)  # noqa: S603 - our own
    else:
        print("The pictures are left as they are: matplotlib cannot be installed.")


if __name__ == "__main__":
    main()
