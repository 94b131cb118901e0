"""A desk in the machine's own Chromium: pages at a width and in a colour scheme, what axe finds in them."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser.conftest import SIGHTS as SIGHTS
from tests.browser.conftest import WIDE, Seen
from tests.review.desks import RunningDesk


@contextmanager
def visiting(
    browser: Browser, desk: RunningDesk, path: str = "/", *, width: int = WIDE, dark: bool = False, script: bool = True
) -> Iterator[Seen]:
    """Who opened the printed address, and then the page at `path`; afterwards nothing foreign was asked for."""
    size: ViewportSize = {"width": width, "height": 900}
    context = browser.new_context(viewport=size, color_scheme="dark" if dark else "light", java_script_enabled=script)
    seen = Seen(context.new_page())
    seen.page.on("console", lambda said: seen.errors.append(said.text) if said.type in ("error", "warning") else None)
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    seen.page.on("request", lambda request: seen.asked.append(request.url))

    def dismiss(dialog: object) -> None:
        seen.dialogs.append(str(dialog))
        dialog.dismiss()  # type: ignore[attr-defined]

    seen.page.on("dialog", dismiss)
    seen.page.goto(desk.access.address)
    if path != "/":
        seen.page.goto(desk.origin + path)
    yield seen
    foreign = [address for address in seen.asked if not address.startswith((f"{desk.origin}/", "data:"))]
    context.close()
    assert (foreign, seen.dialogs) == ([], [])


def faults(page: Page, axe: str) -> list[tuple[str, list[str]]]:
    """What axe-core finds wrong on a page with every fold open; an empty list where nothing is."""
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [(fault["id"], [node["html"][:160] for node in fault["nodes"][:3]]) for fault in found["violations"]]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))
