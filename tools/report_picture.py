"""The picture of a run report that the documentation shows.

    .venv/bin/python -m tools.report_picture docs/report.png

takes it with a headless Chromium. The page is made by the code that makes everybody's.
"""

import sys
import tempfile
from pathlib import Path

from ebs_backup.report.page import page
from tools.browser import find_browser
from tools.report_example import example_history, example_report

WIDTH, HEIGHT = 1024, 1062


def main(path: str) -> int:
    """Take the picture."""
    browser = find_browser()
    if browser is None:
        print("no Chromium found on PATH", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.html"
        file.write_text(page(example_report(), example_history(), json_name="report.json"), "utf-8")
        browser.picture(file.as_uri(), Path(path).resolve(), WIDTH, HEIGHT)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
