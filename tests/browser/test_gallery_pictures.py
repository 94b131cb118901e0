"""The documentation's pictures of pages. `make pictures` keeps them; an ordinary run takes them, and looks for kept ones."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from grader.core.results import Outcome
from grader.selfcheck.estimate import Checked, Unchecked, stand
from grader.selfcheck.text import Card
from tests.browser.conftest import WIDE
from tests.pages.builders import a_check, a_result, an_accuracy

ROOT = Path(__file__).parents[2]
THUMBNAIL = 480  # pixels wide
TALL = {"class-report": ("example-class/index.html", 1640), "student-report": ("reference-exercise1/report.html", 2040)}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    subprocess.run([sys.executable, ROOT / "docs/gallery.py", "render", folder], check=True, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("GRADER_PICTURES")
    return (ROOT / named).resolve() if named else tmp_path_factory.mktemp("pictures")


def shoot(browser: Browser, address: str, path: Path, *, height: int = 900, width: int = WIDE) -> None:
    """A picture of what a window of this size shows."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="light")
    page = context.new_page()
    page.goto(address)
    page.screenshot(path=path, animations="disabled")
    context.close()


def test_every_page_of_the_gallery_has_its_thumbnail(browser: Browser, gallery: Path, pictures: Path) -> None:
    told = (ROOT / "docs/gallery.md").read_text(encoding="utf-8")
    pairs = re.findall(r"\[!\[\]\(images/([\w-]+\.png)\)\]\(gallery/([^)]+)\)", told)
    assert len(pairs) == 6
    for name, page in pairs:
        path = pictures / name
        shoot(browser, (gallery / page).as_uri(), path)
        with Image.open(path) as taken:
            small = taken.convert("RGB").resize(
                (THUMBNAIL, taken.height * THUMBNAIL // taken.width), Image.Resampling.LANCZOS
            )
        small.quantize(64).save(path, optimize=True)
        assert 3_000 < path.stat().st_size < 80_000
        assert (ROOT / "docs/images" / name).is_file(), "make pictures"


@pytest.mark.parametrize("name", TALL)
def test_the_reports_of_the_first_pages_are_pictured(
    browser: Browser, gallery: Path, pictures: Path, name: str
) -> None:
    page, height = TALL[name]
    shoot(browser, (gallery / page).as_uri(), pictures / f"{name}.png", height=height, width=1200)
    with Image.open(pictures / f"{name}.png") as taken:
        fewer = taken.convert("RGB").quantize(128)
    fewer.save(pictures / f"{name}.png", optimize=True)
    assert (pictures / f"{name}.png").stat().st_size > 10_000
    assert (ROOT / "docs/images" / f"{name}.png").is_file(), "make pictures"


def test_the_card_of_a_notebook_is_pictured(browser: Browser, pictures: Path, tmp_path: Path) -> None:
    checks = (
        a_check(name="input_shape", title="The input is one grey image of 28 x 28 pixels", points=5, out_of=5,
                reason="the input has the shape (784,)"),
        a_check(Outcome.FAILED, name="output_units", title="The output has one unit for each class", points=0, out_of=5,
                reason="the last layer has 1 unit; 10 are asked for", hint="Give the last Dense layer 10 units."),
        a_check(name="accuracy", title="The model is accurate enough", points=45, out_of=45, reason="98.42 %; 97 % needed"),
    )  # fmt: skip
    result = a_result(checks=checks, accuracy=an_accuracy(), assignment="exercise1", submission="model")
    left = Unchecked(name="executes", title="The code runs from top to bottom", out_of=10, reason="only a run shows it")
    found = Checked(mode="live", result=result, standing=stand(result, (), (left,)), unchecked=(left,), took_s=6.4)
    (tmp_path / "card.html").write_text(f"<meta charset=utf-8>{Card(found)._repr_html_()}", encoding="utf-8")
    shoot(browser, (tmp_path / "card.html").as_uri(), pictures / "notebook-card.png", width=900, height=280)
    assert (pictures / "notebook-card.png").stat().st_size > 5_000
    assert (ROOT / "docs/images/notebook-card.png").is_file(), "make pictures"
