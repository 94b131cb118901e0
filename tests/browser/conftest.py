"""Debian's Chromium, driven by Playwright, on pages that lie on disk; and a witness of every address that is asked for."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, ViewportSize, sync_playwright

from tests.browser.pages import write_pages

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip
AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
WIDE, PHONE = 1280, 390
SIGHTS = [(WIDE, False), (PHONE, True)]  # width in pixels, dark: no rule of the style sheets looks at both


def lacking(what: str) -> None:
    """Fail in CI, skip elsewhere, with what is to be done."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="module")  # while it is open a loop of asyncio runs in this thread, which other tests can't have
def browser() -> Iterator[Browser]:
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        lacking("There is no Chromium on this machine (Debian: apt install chromium).")
    alone = () if os.geteuid() else ("--no-sandbox",)  # Chromium's own sandbox can't be made by root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*QUIET, *alone])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    if not AXE.is_file():
        lacking("axe-core is not there: npm ci --prefix tests/browser")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one page of every kind."""
    return write_pages(tmp_path_factory.mktemp("pages"))


@dataclass
class Seen:
    """A page in a browser, and all that happened to it."""

    page: Page
    errors: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


class Visits:
    """Opens pages from disk, each in a context of its own: nothing is kept from one to the next."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self._folder = folder

    @contextmanager
    def open(self, name: str, *, width: int = WIDE, dark: bool = False) -> Iterator[Seen]:
        """A page below the folder (or an absolute path), at a width and in a colour scheme."""
        size: ViewportSize = {"width": width, "height": 900}
        context = self._browser.new_context(viewport=size, color_scheme="dark" if dark else "light")
        seen = Seen(context.new_page())

        def note(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                seen.errors.append(message.text)

        def dismiss(dialog: Dialog) -> None:
            seen.dialogs.append(dialog.message)
            dialog.dismiss()

        seen.page.on("console", note)
        seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
        seen.page.on("request", lambda request: seen.asked.append(request.url))
        seen.page.on("dialog", dismiss)
        seen.page.goto((self._folder / name).as_uri())
        yield seen
        context.close()


@pytest.fixture
def visits(browser: Browser, pages: Path) -> Visits:
    return Visits(browser, pages)


@dataclass
class Witness:
    """A server on this machine that answers anything and remembers who asked."""

    port: int
    asked: list[str]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def witness() -> Iterator[Witness]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 (the name is http.server's)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Witness(server.server_port, asked)
    server.shutdown()
    server.server_close()
