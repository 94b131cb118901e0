"""A student's page in a real browser: it opens, folds, prints, and a keyboard is enough."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import PHONE, WIDE, Visits

STUDENTS = ("passed", "close", "wrong", "unread")


@pytest.mark.parametrize("name", STUDENTS)
@pytest.mark.parametrize("width", [PHONE, WIDE])
def test_a_page_opens_without_a_word_of_complaint_and_fits_its_window(visits: Visits, name: str, width: int) -> None:
    with visits.open(f"{name}.html", width=width) as seen:
        assert seen.page.locator("h1").is_visible()
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        assert seen.errors == [] and seen.dialogs == []
        assert [url for url in seen.asked if not url.startswith(("file:", "data:"))] == []


def test_folds_open_and_close_together_and_one_by_one(visits: Visits) -> None:
    with visits.open("passed.html") as seen:
        page = seen.page
        folds = page.locator("#notebook details")
        assert folds.count() == 2 and page.locator("#notebook details[open]").count() == 1  # an error lies open
        page.get_by_role("button", name="Unfold all").click()
        assert page.locator("#notebook details[open]").count() == 2
        page.get_by_role("button", name="Fold all").click()
        assert page.locator("#notebook details[open]").count() == 0
        page.locator("#network summary").first.click()
        assert page.get_by_text("divided by 255", exact=True).is_visible()


def test_a_page_in_another_language_says_everything_in_it(visits: Visits) -> None:
    with visits.open("italian.html") as seen:
        page = seen.page
        assert page.locator("h1").inner_text() == "Superato"
        assert page.locator("html").get_attribute("lang") == "it"
        assert "Verifiche" in page.locator("#checks").inner_text()
        assert page.locator(".number-line").first.get_attribute("aria-label", timeout=0).startswith("Accuratezza")  # type: ignore[union-attr]
        assert page.locator("#notebook pre").first.inner_text().startswith("import keras")  # a student's own words
        assert page.get_by_role("button", name="English").count() == 0


def test_a_keyboard_reaches_the_report_and_the_folds(visits: Visits) -> None:
    with visits.open("passed.html") as seen:
        page = seen.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.url.endswith("#main")
        page.locator("#network summary").first.focus()
        page.keyboard.press("Enter")
        assert page.locator("#network details").first.get_attribute("open") is not None
        page.keyboard.press("Space")
        assert page.locator("#network details").first.get_attribute("open") is None


def test_links_of_the_page_lead_to_what_they_name(visits: Visits) -> None:
    with visits.open("wrong.html") as seen:
        seen.page.locator(".next-step a").click()
        assert seen.page.url.endswith("#check-1")
        assert seen.page.locator("#check-1").bounding_box()["y"] < 900  # type: ignore[index]


def test_paper_has_no_folds_no_buttons_and_dark_ink(visits: Visits) -> None:
    with visits.open("passed.html", dark=True) as seen:
        page = seen.page
        assert _brightness(page.evaluate("getComputedStyle(document.body).backgroundColor")) < 60
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        assert page.locator("details:not([open])").count() == 0
        assert not page.locator(".contents").is_visible()
        assert _brightness(page.evaluate("getComputedStyle(document.body).backgroundColor")) > 240
        assert _brightness(page.evaluate("getComputedStyle(document.body).color")) < 60
        assert len(page.pdf()) > 20_000
        page.evaluate("window.dispatchEvent(new Event('afterprint'))")
        assert page.locator("details:not([open])").count() > 0


def test_a_page_without_script_says_everything(browser: Browser, pages: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((pages / "passed.html").as_uri())
    assert page.locator("h1").inner_text() == "Passed"
    assert not page.get_by_text("Unfold all").is_visible()
    assert page.locator("#notebook article").count() == 6
    context.close()


def test_the_diagram_draws_a_block_for_every_layer(visits: Visits) -> None:
    with visits.open("passed.html") as seen:
        rows = seen.page.locator(".layers tbody tr")
        heights = [rows.nth(i).locator(".wires").bounding_box()["height"] for i in range(rows.count())]  # type: ignore[index]
        rows_of = [rows.nth(i).bounding_box()["height"] for i in range(rows.count())]  # type: ignore[index]
        assert len(heights) == 8
        assert all(wire >= row for wire, row in zip(heights, rows_of, strict=True)), "a wire has gaps"
        assert seen.page.locator(".layers .block").count() == 8


def test_a_matrix_that_is_wider_than_a_phone_says_so_until_its_end_is_seen(visits: Visits) -> None:
    with visits.open("passed.html", width=PHONE) as seen:
        box = seen.page.locator(".scroll:has(.confusion)")
        cue = seen.page.locator(".scroll:has(.confusion) + .cue")
        assert cue.is_visible()
        box.evaluate("e => e.scrollTo(e.scrollWidth, 0)")
        cue.wait_for(state="hidden")
        row = box.locator("tbody th").first.bounding_box()
        assert row and row["x"] >= 0, "the name of a row stays in sight"
    with visits.open("passed.html", width=WIDE) as seen:
        assert not seen.page.locator(".cue").first.is_visible()


def test_conclusions_stand_among_the_code_and_code_is_coloured_in_both_schemes(visits: Visits) -> None:
    for dark in (False, True):
        with visits.open("passed.html", dark=dark) as seen:
            page = seen.page
            order = page.locator("#notebook :is(.prose, article)").evaluate_all("all => all.map(e => e.className)")
            assert [name.split()[0] for name in order] == ["prose", *["cell"] * 3, "prose", *["cell"] * 3, "prose"]
            assert page.locator("#notebook .prose td").last.inner_text() == "98.4 %"
            colour = "e => getComputedStyle(e).color"
            word, text = page.locator(".source .k").first.evaluate(colour), page.locator("body").evaluate(colour)
            assert word != text


def test_who_handed_in_nothing_has_a_page_of_one_sentence(visits: Visits) -> None:
    with visits.open("absent.html", width=PHONE) as seen:
        page = seen.page
        assert page.locator("main p").all_inner_texts() == ["Nothing was handed in.", "– of 100 points"]
        assert page.locator("main :is(table, nav, article, svg.plot)").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE


def _brightness(colour: str) -> float:
    parts = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    return sum(parts) / 3
