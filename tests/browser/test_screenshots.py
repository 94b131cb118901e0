"""Every kind of page as a dark phone and a light desk show it; `GRADER_SCREENSHOTS=folder` keeps the pictures."""

import os
from pathlib import Path

import pytest
from PIL import Image

from tests.browser.conftest import SIGHTS, Visits

PAGES = ("passed", "close", "wrong", "unread", "absent", "italian", "class-40", "grades")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("GRADER_SCREENSHOTS")
    kept = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    kept.mkdir(parents=True, exist_ok=True)
    return kept


@pytest.mark.parametrize(("width", "dark"), SIGHTS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_wide_as_its_window_and_has_the_colours_of_its_scheme(
    visits: Visits, folder: Path, name: str, width: int, dark: bool
) -> None:
    path = folder / f"{name}-{width}-{'dark' if dark else 'light'}.png"
    with visits.open(f"{name}.html", width=width, dark=dark) as seen:
        seen.page.screenshot(path=path, full_page=True, animations="disabled")
    with Image.open(path) as taken:
        shown = taken.convert("L")
        assert shown.width == width
        by_light = shown.histogram()
    paper, ink = (sum(by_light[:64]), sum(by_light[192:])) if dark else (sum(by_light[192:]), sum(by_light[:64]))
    assert paper > 0.6 * sum(by_light) and ink > 500, "paper and ink"
