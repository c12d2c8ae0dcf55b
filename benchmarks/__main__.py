"""Measures every contestant on every estate, and writes the results, the tables and the pictures.

    python -m benchmarks                  measure everything, in about twenty minutes, as make bench does
    python -m benchmarks --only function  measure one contestant again, on the machine that measured the others
    python -m benchmarks --quick          check in a few seconds that the benchmark works; write nothing

Cloud Custodian and matplotlib get their own environments. A contestant that cannot be installed is skipped, and the
output says so. A failed case stops no other case, but the command fails at its end.
"""

import argparse
import subprocess
import sys
import venv
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from benchmarks.contestants import TITLES
from benchmarks.measure import ROOT, Case, Measurement, measure
from benchmarks.plan import QUICK, plan
from benchmarks.render import PAGE, filled
from benchmarks.results import PATH, Machine, Results, read

REQUIREMENTS: Final = ROOT / "benchmarks" / "requirements"


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the function and other backup tools against EC2's published limits.",
    )
    parser.add_argument("--only", choices=TITLES, help="measure one contestant again and keep the others' results")
    parser.add_argument(
        "--quick", action="store_true", help="check in a few seconds that the benchmark works; write nothing"
    )
    asked = parser.parse_args()
    if asked.quick:
        cases, kept = list(QUICK), Results(Machine.this())
    elif asked.only:
        cases, kept = [case for case in plan() if case.contestant == asked.only], _kept(parser, asked.only)
    else:
        cases, kept = list(plan()), Results(Machine.this())
    new, failed = measured(cases)
    if not asked.quick:
        publish(kept.with_new(new).in_order(plan()))
    if failed:
        sys.exit(f"{len(failed)} of {len(cases)} cases failed and were not measured.")


def _kept(parser: argparse.ArgumentParser, only: str) -> Results:
    """Return the results so far, to which only what the same machine measures may be added."""
    kept, this = read(PATH.read_text("utf-8")), Machine.this()
    if kept.machine != this:
        parser.error(
            f"--only {only} keeps the others' results, measured on {kept.machine}; this is {this}. Measure all."
        )
    return kept


def measured(cases: Iterable[Case]) -> tuple[list[Measurement], list[Case]]:
    """Measure one case after the other, and say so; return what was found, and the cases that failed."""
    found: list[Measurement] = []
    failed: list[Case] = []
    for case in cases:
        python = _environment("custodian") if case.contestant == "custodian" else Path(sys.executable)
        if python is None:
            print(f"{_words(case)} skipped, because it cannot be installed", flush=True)
            continue
        try:
            found.append(measure(case, str(python)))
        except Exception as problem:  # whatever it is, the others have taken their time and are worth keeping
            failed.append(case)
            print(f"{_words(case)} failed: {problem}", flush=True)
        else:
            print(f"{_words(case)} {_found(found[-1])}", flush=True)
    return found, failed


def _found(m: Measurement) -> str:
    return (
        f"{m.started:6.1f} s to the last snapshot, {m.over:6.1f} s in all; {m.throttled} of {m.calls} calls throttled, "
        f"{m.missing} missing, {m.doubled} doubled, {m.deleted} deleted, {m.wrongly_deleted} of them wrongly"
    )


def _words(case: Case) -> str:
    where = f"{case.estate} {case.memory_mib} MB" if case.memory_mib else case.estate
    return f"{where:13} {TITLES[case.contestant]:25}"


@cache
def _environment(name: str) -> Path | None:
    """Return the Python of an environment with what a requirements file names, made if need be; None if that fails."""
    home = ROOT / ".cache" / f"benchmark-{name}"
    python, installed, requirements = home / "bin" / "python", home / "installed", REQUIREMENTS / f"{name}.txt"
    wanted = sha256(requirements.read_bytes()).hexdigest()
    if not installed.exists() or installed.read_text("ascii") != wanted:
        print(f"Installing {name} into {home.relative_to(ROOT)} ...", flush=True)
        venv.create(home, clear=True, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)]
        if subprocess.run(command, check=False).returncode:  # noqa: S603 - our own
            return None
        installed.write_text(wanted, "ascii")
    return python


def publish(found: Results) -> None:
    """Write the results, the page's tables and the pictures."""
    text = found.text()
    PATH.write_text(text, "utf-8")
    PAGE.write_text(filled(PAGE.read_text("utf-8"), read(text)), "utf-8")  # what is written is rounded
    if python := _environment("plot"):
        subprocess.run([python, "-m", "benchmarks.plot"], check=True, cwd=ROOT)  # noqa: S603 - our own
    else:
        print("The pictures stay as they are, because matplotlib cannot be installed.")


if __name__ == "__main__":
    main()
