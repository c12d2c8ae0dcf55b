"""What is measured: who backs up which estate, and at which factor of time."""

from collections.abc import Iterator, Mapping
from typing import Final

from benchmarks.contestants import OURS
from benchmarks.measure import Case

# So fast that computing hardly tells, and no faster than real time where many calls are made at the same moment.
_FACTORS: Final[Mapping[str, Mapping[str, float]]] = {
    "small": {"function": 1, "threads": 1, "adaptive": 1, "custodian": 1.5, "recipe": 3},
    "skewed": {"function": 1, "threads": 3, "legacy": 5, "adaptive": 5, "custodian": 6, "recipe": 8},
    "medium": {"function": 4},
    "history": {"function": 4},
    "large": {"function": 4, "threads": 8, "adaptive": 16, "custodian": 14, "recipe": 12},
    "faulty": {"function": 3, "threads": 6, "adaptive": 8, "custodian": 8, "recipe": 8},
}
# The same again at another factor, to see what difference that makes.
_AGAIN: Final = Case(estate="medium", contestant=OURS, factor=8)
# By a Lambda function's memory size. Its share of a core grows with the factor, and must stay below a whole one.
_SIZES: Final[Mapping[str, Mapping[int, float]]] = {
    "small": {128: 6, 256: 5, 512: 3, 1769: 1},
    "skewed": {256: 3, 512: 2},
    "history": {256: 6},
}
_SIZED: Final[Mapping[str, tuple[str, ...]]] = {
    "small": (OURS, "threads", "recipe"),
    "skewed": (OURS,),
    "history": (OURS,),
}

QUICK: Final = (Case(estate="tiny", contestant=OURS, factor=2), Case(estate="tiny", contestant="threads", factor=2))
"""What shows in a few seconds that measuring works."""


def plan() -> Iterator[Case]:
    """List all that is measured, in order."""
    for estate, factors in _FACTORS.items():
        for contestant, factor in factors.items():
            yield Case(estate=estate, contestant=contestant, factor=factor)
    yield _AGAIN
    for estate, sizes in _SIZES.items():
        for size, factor in sizes.items():
            for contestant in _SIZED[estate]:
                yield Case(estate=estate, contestant=contestant, factor=factor, memory_mib=size)
