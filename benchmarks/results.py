"""What a benchmark found, as one JSON document: on which machine, and every measurement."""

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Self

from benchmarks.measure import ROOT, Case, Measurement

PATH: Final = ROOT / "benchmarks" / "results.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What it ran on."""

    date: str
    processor: str
    cores: int
    python: str
    boto3: str

    @classmethod
    def this(cls) -> Self:
        """Describe this machine, and today."""
        return cls(
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            processor=f"{_processor()}, {platform.machine()}",
            cores=os.cpu_count() or 1,
            python=platform.python_version(),
            boto3=version("boto3"),
        )


@dataclass(frozen=True, slots=True)
class Results:
    """All measurements by their cases, in the order in which they were made."""

    machine: Machine
    measurements: Mapping[Case, Measurement] = field(default_factory=dict)

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
