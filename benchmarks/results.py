"""What a benchmark found, as one JSON document: on which machine, and every measurement."""

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Self

from benchmarks.measure import ROOT, Case, Measurement

PATH: Final = ROOT / "benchmarks" / "results.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What it ran on."""

    processor: str
    cores: int
    python: str
    boto3: str

    def __str__(self) -> str:
        return f"{self.cores} cores of {self.processor}, Python {self.python}, boto3 {self.boto3}"

    @classmethod
    def this(cls) -> Self:
        """Describe this machine."""
        return cls(
            processor=f"{_processor()}, {platform.machine()}",
            cores=os.cpu_count() or 1,
            python=platform.python_version(),
            boto3=version("boto3"),
        )


@dataclass(frozen=True, slots=True)
class Results:
    """All measurements by their cases."""

    machine: Machine
    measurements: Mapping[Case, Measurement] = field(default_factory=dict)

    def with_new(self, new: Iterable[Measurement]) -> "Results":
        """Return them with new measurements, which replace those of the same cases."""
        return Results(self.machine, {**self.measurements, **{m.case: m for m in new}})

    def in_order(self, cases: Iterable[Case]) -> "Results":
        """Return those of some cases, in their order, as far as they were measured."""
        return results(self.machine, [self.measurements[case] for case in cases if case in self.measurements])

    def of(self, estate: str) -> tuple[Measurement, ...]:
        """Return those of an estate with all of a machine."""
        return tuple(m for c, m in self.measurements.items() if c.estate == estate and c.memory_mib is None)

    def sized(self, estate: str) -> tuple[Measurement, ...]:
        """Return those of an estate with a Lambda function's share of a core."""
        return tuple(m for c, m in self.measurements.items() if c.estate == estate and c.memory_mib is not None)

    def text(self) -> str:
        """Write them as JSON; what is beyond a thousandth means nothing."""
        measurements = [_rounded(asdict(m)) for m in self.measurements.values()]
        return json.dumps({"machine": asdict(self.machine), "measurements": measurements}, indent=1) + "\n"


def read(text: str) -> Results:
    """Read what `text` wrote."""
    raw = json.loads(text)
    return results(Machine(**raw["machine"]), map(_measurement, raw["measurements"]))


def results(machine: Machine, measurements: Iterable[Measurement]) -> Results:
    """Put measurements together."""
    return Results(machine, {m.case: m for m in measurements})


def _measurement(raw: Mapping[str, Any]) -> Measurement:
    return Measurement(**{**raw, "case": Case(**raw["case"])})


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in values.items()}


def _processor() -> str:
    """Name the processor as Linux does."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
