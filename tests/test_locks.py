"""What CI installs is pinned by version and hash, and is what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "tools" / "locks"
_ENTRY = re.compile(
    r"(?P<name>[\w.-]+)(?:\[[\w,-]+\])?==(?P<version>[^ ;\\]+)(?: ; [^\\]+)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n"
)


def entries(lock: str) -> dict[str, set[str]]:
    """Return name -> versions, of which the system or the Python may decide; fail on a line without hash."""
    text = (LOCKS / lock).read_text("utf-8")
    assert _ENTRY.sub("", text) == ""
    found: dict[str, set[str]] = {}
    for entry in _ENTRY.finditer(text):
        found.setdefault(entry["name"], set()).add(entry["version"])
    return found


@pytest.mark.parametrize("lock", ["dev.txt", "checkov.txt"])
def test_every_package_is_locked_by_hash(lock: str) -> None:
    assert len(entries(lock)) > 50


def test_lock_is_of_the_versions_asked_for() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]["dev"]
    pins = dict(re.sub(r"\[.*\]", "", pin).split("==") for pin in asked)

    assert {name: {version} for name, version in pins.items()}.items() <= entries("dev.txt").items()
