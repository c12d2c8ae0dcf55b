"""Those that are measured: each backs up all volumes in use, in every region that the account has enabled.

Each module has a function `back_up` that does so once and returns the volumes that it says it failed for.
"""

from collections.abc import Mapping
from typing import Final

OURS: Final = "function"
TITLES: Final[Mapping[str, str]] = {
    OURS: "this module",
    "adaptive": "threads, adaptive retries",
    "legacy": "threads, legacy retries",
    "threads": "threads, default retries",
    "custodian": "Cloud Custodian",
    "recipe": "sequential recipe",
}
"""What people call them."""
