"""The thread pool with the retries that were botocore's default before 1.44: up to four, sooner than the later ones."""

from collections.abc import Collection

from botocore.config import Config

from benchmarks.contestants import threads
from benchmarks.timescale import Timescale


def back_up(timescale: Timescale) -> Collection[str]:
    """Snapshot all volumes; return those that it did not work for."""
    return threads.back_up(timescale, Config(retries={"mode": "legacy"}))
