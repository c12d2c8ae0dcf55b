"""Builders of what a benchmark finds."""

from dataclasses import replace

from benchmarks.measure import Case, Measurement

_ORDINARY = Measurement(
    case=Case(estate="small", contestant="function", factor=1),
    date="2026-11-23",
    started=2.0,
    over=3.0,
    imported=0.5,
    first_page=1.0,
    whole=4.0,
    calls=1000,
    throttled=0,
    missing=0,
    doubled=0,
    wrongly_failed=0,
    deleted=0,
    wrongly_deleted=0,
    memory_mib=90.0,
    cpu_seconds=2.0,
    cpu_inflation=0.0,
    endpoint_cpu_share=0.1,
    endpoint_excess=0.001,
    error=None,
)


def measurement(
    estate: str = "small",
    contestant: str = "function",
    factor: float = 1.0,
    function_mib: int | None = None,
    **values: object,
) -> Measurement:
    """Return a measurement, by default one that reached the aim."""
    case = Case(estate=estate, contestant=contestant, factor=factor, memory_mib=function_mib)
    return replace(_ORDINARY, case=case, **values)  # type: ignore[arg-type]
