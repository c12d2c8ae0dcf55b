"""A headless Chromium, if there is one: for the picture of the report, and for the tests that open it."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Visit:
    """What a browser put out: the document as it became, and what it had to say about it."""

    document: str
    console: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser by the path of its program."""

    program: str

    def visit(self, address: str, *, dark: bool = False) -> Visit:
        """Open an address and return the document once its scripts are through."""
        done = self._run(["--dump-dom", "--virtual-time-budget=10000", address], dark=dark)
        # The console's lines, among others of the browser's own: [...:INFO:CONSOLE:1] "...", source: ...
        return Visit(done.stdout, tuple(line for line in done.stderr.splitlines() if ":CONSOLE" in line))

    def picture(self, address: str, path: Path, width: int, height: int, *, dark: bool = False) -> None:
        """Save the top of an address as a PNG file."""
        self._run([f"--screenshot={path}", f"--window-size={width},{height}", "--hide-scrollbars", address], dark=dark)

    def paper(self, address: str, path: Path) -> None:
        """Print an address into a PDF file."""
        self._run([f"--print-to-pdf={path}", "--no-pdf-header-footer", address])

    def _run(self, options: Sequence[str], *, dark: bool = False) -> subprocess.CompletedProcess[str]:
        scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
        with tempfile.TemporaryDirectory() as profile:
            # Its sandbox does not start for root, as whom containers run; it opens nothing but pages of ours.
            command = [self.program, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
            command += ["--disable-dev-shm-usage", "--enable-logging=stderr", "--log-level=0", scheme, *options]
            return subprocess.run(  # noqa: S603 - a browser found on PATH
                command, capture_output=True, text=True, check=True, timeout=TIMEOUT_SECONDS
            )


def find_browser() -> Browser | None:
    """Return the first browser found on PATH."""
    programs = (shutil.which(name) for name in NAMES)
    return next((Browser(program) for program in programs if program), None)
