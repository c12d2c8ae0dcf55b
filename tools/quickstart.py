"""The block to copy from the README: examples/quickstart, with the module's address on GitHub for its source."""

from collections.abc import Callable, Mapping
from pathlib import Path

QUICKSTART = Path(__file__).parents[1] / "examples" / "quickstart" / "main.tf"
LOCAL = '"../.."'
REMOTE = '"git::https://github.com/OWNER/terraform-aws-ebs-backup.git?ref=main"'


def block() -> str:
    """Return the configuration that a user copies."""
    configuration = QUICKSTART.read_text("utf-8")
    if configuration.count(LOCAL) != 1:
        raise ValueError(f"{QUICKSTART} must have {LOCAL} once")
    return f"```hcl\n{configuration.replace(LOCAL, REMOTE)}```"


BLOCKS: Mapping[str, Callable[[], str]] = {"quickstart": block}
