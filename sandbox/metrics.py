"""CloudWatch's metrics as far as alarms need them: what AWS's services and a function's log send; judges no alarm."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

OF_EXECUTIONS: Final = {"FAILED": "ExecutionsFailed", "TIMED_OUT": "ExecutionsTimedOut", "ABORTED": "ExecutionsAborted"}
"""How Step Functions counts an execution, by its end."""


@dataclass(frozen=True, slots=True)
class Datum:
    """One value of a metric, oldest first in the list of all."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    value: float


class Metrics:
    """What was sent so far."""

    def __init__(self) -> None:
        self.sent: list[Datum] = []

    def send(self, namespace: str, name: str, dimensions: Mapping[str, str], value: float = 1) -> None:
        """Keep a value."""
        self.sent.append(Datum(namespace, name, dimensions, value))

    def read_log(self, lines: Iterable[str]) -> None:
        """Keep what a log holds in CloudWatch's embedded metric format."""
        for line in lines:
            if '"CloudWatchMetrics"' in line:
                self._read(json.loads(line))

    def _read(self, document: Mapping[str, Any]) -> None:
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = {name: str(document[name]) for name in names}
                for metric in directive["Metrics"]:
                    self.send(directive["Namespace"], metric["Name"], dimensions, document[metric["Name"]])
