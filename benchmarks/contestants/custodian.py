"""Cloud Custodian, with a policy that snapshots every volume in use, in all regions; runs where c7n is installed."""

import json
import logging
import re
import sys
import tempfile
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from c7n.cli import main as custodian  # type: ignore[import-not-found, unused-ignore]

from benchmarks.timescale import Timescale

_POLICY: Final = {
    "name": "snapshot-volumes",
    "resource": "aws.ebs",
    "filters": [{"State": "in-use"}],
    "actions": [{"type": "snapshot", "copy-volume-tags": True, "tags": {"CreatedBy": "backup"}}],
}
_VOLUME: Final = re.compile(r"vol-[0-9a-f]+")


def back_up(_: Timescale) -> Collection[str]:
    """Snapshot all volumes; return those that its log names with an error."""
    with tempfile.TemporaryDirectory() as folder:
        policies, log = Path(folder, "policies.json"), Path(folder, "log")
        policies.write_text(json.dumps({"policies": [_POLICY]}), "ascii")
        _log_errors(log)
        options = ["--region", "all", "--cache-period", "0", "--output-dir", f"{folder}/output"]
        sys.argv = ["custodian", "run", *options, str(policies)]
        with suppress(SystemExit):  # which tells of policies that failed
            custodian()
        return set(_VOLUME.findall(log.read_text("utf-8")))


def _log_errors(path: Path) -> None:
    handler = logging.FileHandler(path)
    handler.setLevel(logging.ERROR)
    logging.getLogger().addHandler(handler)
