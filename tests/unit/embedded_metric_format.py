"""What CloudWatch asks of a document in the embedded metric format, rule by rule.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

# The smaller of the limits that AWS has documented for a log event.
MAX_BYTES = 256 * 1024

_PER_SECOND = ("Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes")
_SIZES = (*_PER_SECOND, "Bits", "Kilobits", "Megabits", "Gigabits", "Terabits", "Count")
UNITS = {"Seconds", "Microseconds", "Milliseconds", "Percent", "None", *_SIZES, *(f"{size}/Second" for size in _SIZES)}


def violations(document: Any) -> list[str]:
    """Return what is wrong with a document."""
    metadata = document.get("_aws") if isinstance(document, dict) else None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("CloudWatchMetrics"), list):
        return ["a document has an _aws object with a list CloudWatchMetrics"]
    return [
        *_of_document(document, metadata),
        *(v for d in metadata["CloudWatchMetrics"] for v in _of_directive(d, document)),
    ]


def _of_document(document: Mapping[str, Any], metadata: Mapping[str, Any]) -> Iterator[str]:
    if type(metadata.get("Timestamp")) is not int:
        yield "Timestamp is a whole number of milliseconds"
    if metadata.keys() - {"Timestamp", "CloudWatchMetrics"}:
        yield "_aws has no other members"
    if len(json.dumps(document).encode()) > MAX_BYTES:
        yield "a document is no longer than a log event"


def _of_directive(directive: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    if directive.keys() != {"Namespace", "Dimensions", "Metrics"}:
        yield "a directive has a Namespace, Dimensions and Metrics"
        return
    if not _is_text(directive["Namespace"], 1024):
        yield "a namespace has 1 to 1024 characters"
    if len(directive["Metrics"]) > 100:
        yield "a directive has at most 100 metrics"
    if not directive["Dimensions"] or any(len(names) > 30 for names in directive["Dimensions"]):
        yield "a directive has sets of at most 30 dimensions"
    names = [name for each in directive["Dimensions"] for name in each]
    if not all(_is_text(name, 250) and _is_text(document.get(name), 1024) for name in names):
        yield "a dimension is a string at the root"
    for metric in directive["Metrics"]:
        yield from _of_metric(metric, document)


def _of_metric(metric: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    if not _is_text(metric.get("Name"), 1024) or metric.keys() - {"Name", "Unit", "StorageResolution"}:
        yield "a metric has a name, and else only a unit and a resolution"
    if metric.get("Unit", "None") not in UNITS or metric.get("StorageResolution", 60) not in (1, 60):
        yield "units and resolutions are CloudWatch's"
    value = document.get(metric.get("Name", ""))
    values = value if isinstance(value, list) else [value]
    if len(values) > 100 or not all(type(each) in (int, float) for each in values):
        yield "a metric's value is a number at the root, or at most 100 of them"


def _is_text(value: Any, longest: int) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= longest
