"""A class' page in a real browser: sorted and filtered by keyboard, quick with 500 rows, bearable with 10,000."""

import re
import time

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import PHONE, WIDE, Visits

COLLISIONS = """() => {
  const found = [];
  for (const plot of document.querySelectorAll("svg.plot")) {
    const boxes = [...plot.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
    boxes.forEach(([one, a], place) => boxes.slice(place + 1).forEach(([other, b]) => {
      const apart = a.right <= b.left || b.right <= a.left || a.bottom - 4 <= b.top || b.bottom - 4 <= a.top;
      if (!apart && a.width && b.width) found.push([one, other]);
    }));
  }
  return found;
}"""


def column(page: Page, number: int) -> list[str]:
    """What stands in a column, from top to bottom."""
    found: list[str] = page.evaluate(
        "n => [...document.querySelectorAll('.students tbody tr')].map(row => row.cells[n].textContent.trim())", number
    )
    return found


def sorted_by(page: Page) -> list[tuple[str, str]]:
    headings = page.locator(".students thead th").all()
    states = [(heading.inner_text(), heading.get_attribute("aria-sort") or "") for heading in headings]
    return [(name, state) for name, state in states if state != "none"]


@pytest.mark.parametrize("width", [PHONE, WIDE])
def test_a_class_opens_without_a_word_of_complaint_and_fits_its_window(visits: Visits, width: int) -> None:
    with visits.open("class-40.html", width=width) as seen:
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        assert seen.errors == []
        assert [url for url in seen.asked if not url.startswith(("file:", "data:"))] == []


def test_five_hundred_rows_open_in_two_seconds_and_are_sorted_by_keyboard(visits: Visits) -> None:
    with visits.open("class-500.html") as seen:
        page = seen.page
        took: list[float] = []
        while len(took) < 5 and min(took, default=2_000) >= 2_000:  # the lowest is the page's own, whatever runs beside
            page.reload()
            took.append(page.evaluate("performance.getEntriesByType('navigation')[0].domComplete"))
        assert min(took) < 2_000, took
        assert page.locator(".students tbody tr").count() == 500
        page.locator("#standing").focus()
        names = ("Student", "Status", "Points")
        for name in names:
            while page.evaluate("document.activeElement.textContent") != name:
                page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert sorted_by(page) == [("Points", "descending")]
        points = [float(text.split()[0]) for text in column(page, 2) if text != "–"]
        assert points == sorted(points, reverse=True)
        page.keyboard.press("Space")
        assert sorted_by(page) == [("Points", "ascending")]
        assert [float(text.split()[0]) for text in column(page, 2) if text != "–"] == sorted(points)
        assert page.evaluate("document.activeElement.textContent") == "Points", "the place in the page is lost"


def test_names_are_sorted_as_people_sort_them(visits: Visits) -> None:
    with visits.open("class-500.html") as seen:
        page = seen.page
        page.get_by_role("button", name="Student", exact=True).click()
        assert sorted_by(page) == [("Student", "descending")]
        names = column(page, 0)
        assert names[0].startswith("Łukasz") and names[-1].startswith("Ada")


def test_a_filter_and_a_standing_narrow_the_table_and_say_how_far(visits: Visits) -> None:
    with visits.open("class-500.html") as seen:
        page = seen.page
        page.get_by_label("Filter").fill("ada cast")
        shown = column(page, 0)
        assert shown and all("Ada Castro" in name for name in shown)
        assert page.locator("#shown").inner_text() == f"{len(shown)} of 500 shown"
        page.get_by_label("Filter").fill("")
        page.get_by_label("Show", exact=True).select_option("needs_review")
        assert set(column(page, 1)) == {"needs review"}
        page.get_by_label("Show", exact=True).select_option("flagged")
        assert all("late submission" in text for text in column(page, 5))
        page.get_by_label("Filter").fill("nobody at all")
        assert column(page, 0) == [] and page.locator("#shown").inner_text() == "0 of 500 shown"


def test_another_language_reaches_the_table_its_filter_and_its_order(visits: Visits) -> None:
    with visits.open("italian-class.html") as seen:
        page = seen.page
        assert "Studente" in page.locator(".students thead").inner_text()
        page.locator("#filter").fill("da rivedere")
        assert set(column(page, 1)) == {"da rivedere"}
        assert page.locator("#shown").inner_text().endswith("su 40 mostrati")
        assert (page.locator("#filter").get_attribute("placeholder") or "").startswith("un nome")
        assert page.locator("#standing option").first.inner_text() == "tutti"


def test_ten_thousand_rows_are_shown_some_at_a_time(visits: Visits) -> None:
    with visits.open("class-10000.html") as seen:
        page = seen.page
        assert page.locator(".students tbody tr").count() == 500
        assert page.locator("#shown").inner_text() == "500 of 10,000 shown"
        page.get_by_role("button", name="Show more").click()
        assert page.locator(".students tbody tr").count() == 1_000
        started = time.monotonic()
        page.get_by_role("button", name="Accuracy").click()
        assert sorted_by(page) == [("Accuracy", "descending")]
        assert time.monotonic() - started < 10
        best = [float(text.removesuffix("\u00a0%")) for text in column(page, 4)[:50]]
        assert best == sorted(best, reverse=True) and best[0] == 99.2
        page.get_by_label("Filter").fill("499-19")
        assert len(column(page, 0)) == 1
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert page.locator(".students tbody tr").count() == 10_000


def test_every_link_of_the_table_leads_to_a_page(visits: Visits) -> None:
    with visits.open("class-40.html") as seen:
        seen.page.locator(".students tbody a").first.click()
        assert seen.page.locator("h1").inner_text() == "Passed"


def test_grades_stand_beside_points_with_what_changed_them(visits: Visits) -> None:
    with visits.open("grades.html") as seen:
        page = seen.page
        page.get_by_role("button", name="Grade").click()
        assert sorted_by(page) == [("Grade", "descending")]
        grades = " | ".join(column(page, 3))
        assert "2 days late: -20" in grades and "77 set by Prof. Rossi: shown in person" in grades
        assert "excused by Prof. Rossi: ill" in grades
        assert "Zeno Absent" in column(page, 0)


def test_on_a_phone_each_student_is_a_card_with_the_points_first(visits: Visits) -> None:
    with visits.open("grades.html", width=PHONE) as seen:
        page = seen.page
        card = page.locator(".students tbody tr").first
        name, grade, status = (card.locator(part).first.bounding_box() for part in ("th", "td.first", "td:not(.first)"))
        assert name and grade and status
        assert name["y"] < grade["y"] <= status["y"] and grade["x"] + grade["width"] <= PHONE
        label = "e => getComputedStyle(e, '::before').content"
        assert [cell.evaluate(label) for cell in card.locator("td.first").all()] == ['"Earned"', '"Grade"']
        page.get_by_role("button", name="Grade").click()
        assert sorted_by(page) == [("Grade", "descending")]


def test_a_dot_of_the_accuracies_leads_to_its_report_by_keyboard_too(visits: Visits) -> None:
    with visits.open("class-40.html") as seen:
        page = seen.page
        dot = page.locator(".wide .strip-of-accuracies a").first
        told = dot.get_attribute("aria-label") or ""
        assert re.fullmatch(r"[^:]+: [\d.]+\u00a0%", told)
        dot.focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/passed.html")
        assert page.locator("h1").inner_text() == "Passed"


@pytest.mark.parametrize("width", [PHONE, WIDE])
@pytest.mark.parametrize("name", ["class-40", "grades", "italian-class", "passed", "italian"])
def test_no_label_of_a_chart_lies_on_another(visits: Visits, name: str, width: int) -> None:
    """As the browser letters them, which the grader only estimates."""
    with visits.open(f"{name}.html", width=width) as seen:
        collisions = seen.page.evaluate(COLLISIONS)
    assert collisions == []


def test_how_a_run_ended_is_told_by_a_fold_that_a_finger_and_a_keyboard_open(visits: Visits) -> None:
    with visits.open("class-40.html", width=PHONE) as seen:
        fold = seen.page.locator(".students tbody details").first
        fold.locator("summary").focus()
        seen.page.keyboard.press("Enter")
        assert fold.get_attribute("open") is not None and seen.page.locator("[title]").count() == 0
