"""Files on disk, read as the README shows, make the same archive wherever they lie."""

import os
from pathlib import Path

import pytest

from tests.zip.archive import contents, decode
from tests.zip.workspace import USAGE, TerraformError, Workspace, checkout

pytestmark = pytest.mark.terraform

PROGRAM = {
    "package/__init__.py": b"",
    "package/windows.py": b"LINES = 'CR LF'\r\nEND = True\r\n",
    "package/mark.py": b"\xef\xbb\xbfMARK = 'byte order mark'\n",
    "package/deep/er/name é.py": "NAME = '名前'\n".encode(),
    "package/template.py": b"# ${not} %{a} $${template}\n",
}
BESIDES = {"package/__pycache__/windows.cpython-313.pyc": b"\xff", "package/notes.txt": b"", "other.pyc": b"\xff"}


def lay_out(directory: Path, files: dict[str, bytes], umask: int = 0o022) -> Workspace:
    """Check out the README's root module with these files under its function/."""
    function = {f"function/{path}": content for path, content in files.items()}
    return checkout(directory, {"main.tf": USAGE.encode(), **function}, umask=umask)


def test_package_holds_every_python_file_and_nothing_else(tmp_path: Path) -> None:
    package = lay_out(tmp_path, PROGRAM | BESIDES).apply("-auto-approve")["package"]
    assert contents(decode(package)) == PROGRAM


def test_archive_is_the_same_in_any_place_umask_and_age(tmp_path: Path) -> None:
    here = lay_out(tmp_path / "here", PROGRAM)
    there = lay_out(tmp_path / "quite" / "another place", PROGRAM, umask=0o077)
    for file in there.directory.rglob("*.py"):
        os.utime(file, (0, 0))
    assert here.apply("-auto-approve") == there.apply("-auto-approve")


def test_hash_changes_with_one_character(tmp_path: Path) -> None:
    workspace = lay_out(tmp_path, PROGRAM)
    before = workspace.apply("-auto-approve")["package"]["sha256"]
    workspace.write({"function/package/__init__.py": b"\n"})
    assert workspace.apply("-auto-approve")["package"]["sha256"] != before


def test_file_that_is_not_utf8_is_refused_by_name(tmp_path: Path) -> None:
    workspace = lay_out(tmp_path, {"latin.py": "NAME = 'é'\n".encode("latin-1")})
    with pytest.raises(TerraformError, match=r'"\./function/latin\.py"\s+are\s+not\s+valid\s+UTF-8'):
        workspace.terraform("plan", "-no-color")


def test_terraform_composes_characters(tmp_path: Path) -> None:
    package = lay_out(tmp_path, {"accent.py": "e\u0301".encode()}).apply("-auto-approve")["package"]
    assert contents(decode(package)) == {"accent.py": "\u00e9".encode()}
