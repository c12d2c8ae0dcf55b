"""What a test makes go wrong: descriptions of faults, and which of them a call meets."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, the calls it befalls (None: any), and how often (None: always).

    `code` refuses before any work is done. `lost` does the work and then loses the answer, as an HTTP 500 or
    as a broken connection: the two ways in which a caller cannot know whether its snapshot exists.
    `snapshots_fail` lets the created snapshots end in the state `error`.
    """

    action: str | None = None
    region: str | None = None
    resource: str | None = None
    code: str | None = None
    message: str = "Injected fault."
    status: int | None = None
    lost: Literal["error", "reset"] | None = None
    latency: float = 0.0
    snapshots_fail: bool = False
    times: int | None = 1

    def befalls(self, action: str, region: str, parameters: Mapping[str, Any]) -> bool:
        """Tell whether this fault concerns a call."""
        return (
            self.action in (None, action)
            and self.region in (None, region)
            and (self.resource is None or self.resource in _words(parameters))
        )


class Faults:
    """The faults still to happen, in the order they were injected."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = threading.Lock()

    def inject(self, fault: Fault) -> None:
        """Let a fault happen to the next calls it concerns."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Let nothing more go wrong."""
        with self._lock:
            self._waiting.clear()

    def due(self, action: str, region: str, parameters: Mapping[str, Any]) -> Fault | None:
        """Take the one fault that befalls a call, if any; it happens once less often from now on."""
        with self._lock:
            for place, fault in enumerate(self._waiting):
                if fault.befalls(action, region, parameters):
                    self._waiting[place : place + 1] = _after(fault)
                    return fault
        return None


def _after(fault: Fault) -> list[Fault]:
    if fault.times is None:
        return [fault]
    return [replace(fault, times=fault.times - 1)] if fault.times > 1 else []


def _words(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from chain.from_iterable(map(_words, value.values()))
    elif isinstance(value, (list, tuple)):
        yield from chain.from_iterable(map(_words, value))
