"""What is packed comes back: the same paths, the same bytes, in an archive that every reader takes."""

import hashlib
import random
import stat
import string
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.zip.archive import (
    UNZIP,
    assert_laid_out_as_directory_says,
    assert_unzip_finds_no_fault,
    contents,
    decode,
    entries,
)
from tests.zip.workspace import Pack, Package

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("trees")]

needs_unzip = pytest.mark.skipif(UNZIP is None, reason="no unzip: `apt-get install unzip`")


def noise(size: int) -> str:
    """Return text that hardly compresses."""
    return "".join(random.Random(size).choices(string.printable, k=size))  # noqa: S311 - no secret


PROGRAM = {
    "package/__init__.py": "",
    "package/greeting.py": "from package.words.german import HELLO\n\nGREETING = f'{HELLO}!'\n",
    "package/words/__init__.py": "",
    "package/words/german.py": "HELLO = 'Grüß Gott'\n",
}

TREES = {
    "one file": {"handler.py": "print('hello')\n"},
    "one empty file": {"empty.py": ""},
    "a program": PROGRAM,
    "200 files": {f"package/part_{n % 7}/module_{n}.py": f"NUMBER = {n}\n" * n for n in range(200)},
    "1 MB that compresses": {"large.py": "NUMBER = 1\n" * 100_000, "next.py": "after = 1\n"},
    "1 MB that does not": {"large.txt": noise(1 << 20), "next.txt": "after"},
    "sizes about a byte's border": {f"{n}.txt": noise(n) for n in range(195, 260)},
    "line endings": {"crlf.txt": "a\r\nb\r\n", "cr.txt": "a\rb\r", "mixed.txt": "\r\r\n\n\r", "none.txt": "a"},
    "unicode paths": {"ünïcödé/日本語.py": "1", "😀/👩🏽‍🚀.txt": "2", "a b/ c ": "3", "x̣̃/ཧྐྵ": "4"},
    "unicode texts": {
        "every byte": "".join(map(chr, range(256))),
        "byte order mark": "\ufeffa",
        "combining": "q\u0323\u0301 \u0915\u094d\u0937\u093f",
        "joined": "👨‍👩‍👧‍👦🇪🇺",
        "edges": "\ud7ff\ue000\uffff\U00010000\U0010ffff",
    },
    "paths of dots": {"...": "", "..a": "", "a..b/.hidden": "", "..../...": ""},
    "names like options": {"-tq": "a", "--": "b", "*": "c", "?[a]": "d"},
    "template signs": {"${a}.txt": "${b} %{ if c } $${d}"},
}


@pytest.fixture(scope="module")
def packages(pack: Pack) -> dict[str, Package]:
    return pack(TREES)


@pytest.fixture(params=TREES)
def tree(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def archive(packages: dict[str, Package], tree: str) -> bytes:
    return decode(packages[tree])


def test_every_file_comes_back_byte_for_byte(archive: bytes, tree: str) -> None:
    assert contents(archive) == {path: text.encode() for path, text in TREES[tree].items()}


@needs_unzip
def test_unzip_accepts_the_archive(archive: bytes, tmp_path: Path) -> None:
    assert_unzip_finds_no_fault(archive, tmp_path)


def test_local_headers_match_the_directory(archive: bytes) -> None:
    assert_laid_out_as_directory_says(archive)


def test_files_lie_in_the_order_of_their_paths(archive: bytes, tree: str) -> None:
    assert [entry.filename for entry in entries(archive)] == sorted(TREES[tree])


def test_file_has_mode_0644_and_the_oldest_date(archive: bytes) -> None:
    for entry in entries(archive):
        assert entry.create_system == 3, "modes are UNIX's"
        assert entry.external_attr >> 16 == stat.S_IFREG | 0o644
        assert entry.date_time == (1980, 1, 1, 0, 0, 0)


def test_file_is_deflated_and_needs_zip_2_0(archive: bytes) -> None:
    for entry in entries(archive):
        assert entry.compress_type == zipfile.ZIP_DEFLATED
        assert entry.extract_version == zipfile.DEFAULT_VERSION


def test_hash_is_that_of_the_base64_text(packages: dict[str, Package], tree: str) -> None:
    package = packages[tree]
    assert package["sha256"] == hashlib.sha256(package["base64"].encode()).hexdigest()


def test_second_run_makes_the_same_bytes(pack: Pack, packages: dict[str, Package]) -> None:
    assert pack(TREES) == packages


def test_longest_path_comes_back(pack: Pack) -> None:
    path = "é" * 32_767 + "a"
    assert len(path.encode()) == 65_535
    archive = decode(pack({"longest": {path: "text"}})["longest"])
    assert contents(archive) == {path: b"text"}


def test_python_imports_from_the_archive(packages: dict[str, Package], tmp_path: Path) -> None:
    file = tmp_path / "program.zip"
    file.write_bytes(decode(packages["a program"]))
    program = (
        f"import sys; sys.path.insert(0, {str(file)!r}); from package.greeting import GREETING; print(ascii(GREETING))"
    )
    ran = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, encoding="utf-8", check=True)
    assert ran.stdout == f"{'Grüß Gott!'!a}\n"


@needs_unzip
@pytest.mark.parametrize("tree", ["a program", "unicode paths"], indirect=True)
def test_unzip_leaves_files_that_all_may_read(archive: bytes, tree: str, tmp_path: Path) -> None:
    file = tmp_path / "archive.zip"
    file.write_bytes(archive)
    root = tmp_path / "unpacked"
    # Without a UTF-8 locale unzip writes other characters than ASCII as escapes.
    subprocess.run(["unzip", "-q", file, "-d", root], umask=0, env={"LC_ALL": "C.UTF-8"}, check=True)
    files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    assert {path: file.read_text(encoding="utf-8") for path, file in files.items()} == TREES[tree]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files.values()} == {0o644}


Directory = Mapping[str, "str | Directory"]


def composed(text: str) -> str:
    """Return the form that every string has in Terraform."""
    return unicodedata.normalize("NFC", text)


# Python and Terraform may know different versions of Unicode, and each composes only what it knows.
assigned = st.characters(codec="utf-8", exclude_categories=["Cn"])
segments = (
    st.text(assigned.filter(lambda character: character not in "/\\\0"), min_size=1, max_size=12)
    .map(composed)
    .filter(lambda segment: segment not in {".", ".."})
)
texts = st.text(assigned).map(composed)
directories = st.recursive(
    st.dictionaries(segments, texts, min_size=1, max_size=4),
    lambda inner: st.dictionaries(segments, texts | inner, min_size=1, max_size=4),
    max_leaves=8,
)


def flat(directory: Directory, above: str = "") -> dict[str, str]:
    """Return the texts of a directory and all below it by their paths."""
    files: dict[str, str] = {}
    for name, inner in directory.items():
        path = f"{above}{name}"
        files |= {path: inner} if isinstance(inner, str) else flat(inner, f"{path}/")
    return files


# A run of Terraform costs the same for one tree as for many, so that each example is many.
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(directories.map(flat), min_size=25, max_size=25))
def test_any_text_files_come_back(
    pack: Pack, tmp_path_factory: pytest.TempPathFactory, trees: list[dict[str, str]]
) -> None:
    numbered = {str(number): tree for number, tree in enumerate(trees)}
    packages = pack(numbered)
    directory = tmp_path_factory.mktemp("generated")
    for number, tree in numbered.items():
        archive = decode(packages[number])
        assert contents(archive) == {path: text.encode() for path, text in tree.items()}
        assert_laid_out_as_directory_says(archive)
        if UNZIP:
            assert_unzip_finds_no_fault(archive, directory)
