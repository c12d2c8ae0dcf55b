"""Reads archives back with other people's tools, and front to back without them; must not know how they are made."""

import base64
import io
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path

UNZIP = shutil.which("unzip")

LOCAL_HEADER = struct.Struct("<4sHHHHHIIIHH")
"""Signature, version, flags, method, time, date, CRC-32, compressed size, size, path's length, extra field's length."""

END_RECORD = struct.Struct("<4sHHHHIIH")
"""Signature, disk, directory's disk, entries on this disk, entries, directory's size, its offset, comment's length."""


def decode(package: dict[str, str]) -> bytes:
    """Return the archive that the module's outputs hold."""
    return base64.b64decode(package["base64"], validate=True)


def entries(archive: bytes) -> list[zipfile.ZipInfo]:
    """Return what the central directory says of each file."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return opened.infolist()


def contents(archive: bytes) -> dict[str, bytes]:
    """Return each file's content, after its CRC-32 was checked."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {path: opened.read(path) for path in opened.namelist()}


def assert_laid_out_as_directory_says(archive: bytes) -> None:
    """Walk the archive from front to end, as a reader of a stream does, and hold what is met to the central directory.

    zipfile looks past most of what local headers and the end record say: a fault in them would go unseen.
    """
    position = 0
    files = entries(archive)
    for entry in files:
        assert (entry.volume, entry.header_offset) == (0, position)
        position = assert_file_matches(archive, position, entry)
    end = len(archive) - END_RECORD.size
    on_one_disk = (0, 0, len(files), len(files))
    assert END_RECORD.unpack_from(archive, end) == (b"PK\5\6", *on_one_disk, end - position, position, 0)


def assert_file_matches(archive: bytes, position: int, entry: zipfile.ZipInfo) -> int:
    """Hold the file at a position to its entry in the directory, and return the position after it."""
    signature, version, flags, method, time, date, *numbers = LOCAL_HEADER.unpack_from(archive, position)
    path = entry.filename.encode()
    assert signature == b"PK\3\4"
    assert (version, flags, method) == (entry.extract_version, entry.flag_bits, entry.compress_type)
    assert (time, date) == (0, 1 << 5 | 1)
    assert numbers == [entry.CRC, entry.compress_size, entry.file_size, len(path), 0]
    start = position + LOCAL_HEADER.size + len(path)
    assert archive[position + LOCAL_HEADER.size : start] == path
    return start + entry.compress_size


def assert_unzip_finds_no_fault(archive: bytes, directory: Path) -> None:
    """Have unzip test the archive, which it takes from a file only."""
    assert UNZIP is not None
    file = directory / "archive.zip"
    file.write_bytes(archive)
    tested = subprocess.run([UNZIP, "-tq", file], capture_output=True, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr
