"""The documentation site, opened from a disk: it can be searched, asks nobody for anything, and fits a phone."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import SIGHTS, Visits
from tests.project.sites import build_site

PAGES = (
    "index.html", "gallery.html", "explanation/what-students-see.html", "reference/commands.html",
    "reference/downloads.html", "reference/rubric-line-by-line.html",
)  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_site(tmp_path_factory.mktemp("site"))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("width", "dark"), SIGHTS)
def test_a_page_fits_and_asks_nobody_for_anything(
    browser: Browser, site: Path, page: str, width: int, dark: bool
) -> None:
    with Visits(browser, site).open(page, width=width, dark=dark) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        assert seen.page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
        assert [address for address in seen.asked if not address.startswith(("file:", "data:"))] == []
        assert seen.errors == []


def test_search_finds_a_page_without_a_server_and_leads_to_it(browser: Browser, site: Path) -> None:
    with Visits(browser, site).open("how-to/install.html") as seen:
        seen.page.locator("input.md-search__input").click()
        seen.page.keyboard.type("user namespaces gitlab")
        result = seen.page.locator(".md-search-result__link").first
        expect(result).to_be_visible()
        result.click()
        seen.page.wait_for_url("**/how-to/grade-on-gitlab.html*")
        assert [address for address in seen.asked if not address.startswith(("file:", "data:", "about:"))] == []
        assert seen.errors == []
