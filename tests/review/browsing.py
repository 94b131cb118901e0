"""A browser on a running desk: a visitor with the token, at a width and in a colour scheme, and all that happened."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize

from tests.browser.conftest import WIDE, Seen
from tests.review.desks import RunningDesk


@contextmanager
def visiting(
    browser: Browser, running: RunningDesk, path: str, *, width: int = WIDE, dark: bool = False, scripts: bool = True
) -> Iterator[Seen]:
    """A page of the desk; `scripts`: whether the browser runs any."""
    size: ViewportSize = {"width": width, "height": 900}
    context = browser.new_context(viewport=size, color_scheme="dark" if dark else "light", java_script_enabled=scripts)
    seen = Seen(context.new_page())
    seen.page.set_default_timeout(20_000)

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            seen.errors.append(message.text)

    seen.page.on("console", note)
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    seen.page.on("request", lambda request: seen.asked.append(request.url))
    try:
        seen.page.goto(running.access.address)
        seen.page.goto(running.origin + path)
        yield seen
    finally:
        context.close()


def faults(page: Page, axe: str) -> list[object]:
    """What axe-core finds on a page, with every fold open."""
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [(fault["id"], [node["html"][:160] for node in fault["nodes"][:3]]) for fault in found["violations"]]
