"""Pages opened in a real browser, beside a script that looks at them from outside: they themselves stay as they are."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tools.browser import Browser, find_browser

LOOKER = (Path(__file__).parent / "looker.html").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Looks:
    """What the script saw of each page at each width, and what the browser said and asked for meanwhile."""

    pages: Mapping[tuple[str, int], Mapping[str, Any]]
    console: tuple[str, ...]
    requests: tuple[str, ...]


@dataclass(slots=True)
class Site:
    """Pages served to this machine alone."""

    folder: Path
    address: str
    requests: list[str] = field(default_factory=list)


Look = Callable[..., Looks]


@pytest.fixture(scope="session")
def browser() -> Browser:
    found = find_browser()
    if found is None:
        pytest.skip("no chromium, chromium-browser or google-chrome on PATH: `apt-get install chromium`")
    return found


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, "")

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ARG002 - named by its base
            made.requests.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path))) as server:
        made.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def look(browser: Browser, site: Site) -> Look:
    """Return what opens pages, by their names, at the widths and returns what was to be seen of them."""

    def open_all(pages: Mapping[str, str], *widths: int, dark: bool = False) -> Looks:
        for name, text in pages.items():
            (site.folder / f"{name}.html").write_text(text, "utf-8")
        at = [(name, width) for name in pages for width in widths]
        frames = [{"page": name, "width": width} for name, width in at]
        (site.folder / "looker.html").write_text(LOOKER.replace("/* frames */", json.dumps(frames)), "utf-8")
        visit = browser.visit(f"{site.address}/looker.html", dark=dark)
        seen = re.search(r'<pre id="seen">(.*?)</pre>', visit.document, re.DOTALL)
        assert seen, "the script did not come to its end"
        answers = zip(at, json.loads(unescape(seen[1])), strict=True)
        return Looks(dict(answers), visit.console, tuple(site.requests))

    return open_all
