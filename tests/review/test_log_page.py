"""The log says who decided what, when and why, and what stood before; undoing is one more entry; publishing says so."""

import pytest
from playwright.sync_api import Browser

from grader.gradebook import Change
from tests.review.browsing import SIGHTS, faults, overflow, visiting
from tests.review.desks import SOME, Entrant, RunningDesk, running_desk

HOSTILE = "<img src=x onerror=alert(1)>\u202e"


def decide(desk: RunningDesk, student: str, points: float, reason: str, author: str = "kim") -> None:
    change = Change(kind="adjustment", student=student, author=author, value={"points": points}, reason=reason)
    desk.desk.decide([change])


def test_each_line_tells_what_stood_before_and_since(a_desk: RunningDesk) -> None:
    decide(a_desk, "Ada Lind", -5, "untidy")
    decide(a_desk, "Ada Lind", 3, "on second thoughts", author="lou")
    text = " ".join(a_desk.get("/log").text.split())
    assert "2 decisions" in text and text.index("on second thoughts") < text.index("untidy"), "the newest first"
    assert text.count("<button>Undo<") == 1, "what does not stand any more can't be undone"
    newest = text[text.index("<tbody>") :]
    assert newest.index("-5") < newest.index("+3"), "before, then"
    assert "lou" in newest and "kim" in newest


def test_the_log_is_narrowed_to_one_submission_and_paged(a_desk: RunningDesk) -> None:
    for number in range(205):
        decide(a_desk, ("Ada Lind", "Bo Mwangi")[number % 2], number + 1, f"number {number}.")
    first = a_desk.get("/log").text
    assert "number 204." in first and "number 4." not in first and "from=200" in first
    assert "number 4." in a_desk.get("/log?from=200").text
    own = a_desk.get(f"/log?student={a_desk.key('Bo Mwangi')}").text
    assert "103" not in own.partition("decision")[0] and "102 decisions" in " ".join(own.split())
    assert a_desk.get("/log?from=nonsense").status == 200


@pytest.mark.parametrize(("width", "dark"), SIGHTS)
def test_the_log_and_publishing_in_a_browser(
    browser: Browser, axe: str, tmp_path_factory: pytest.TempPathFactory, width: int, dark: bool
) -> None:
    root = tmp_path_factory.mktemp("desk")
    with (
        running_desk(root, (*SOME, Entrant(name=HOSTILE))) as desk,
        visiting(browser, desk, "/log", width=width, dark=dark) as seen,
    ):
        decide(desk, HOSTILE, -5, HOSTILE, author=HOSTILE)
        decide(desk, "Ada Lind", 3, "tidy")
        page = seen.page
        page.reload()
        assert page.locator("tbody tr").count() == 2 and page.locator("img").count() == 0
        assert (faults(page, axe), overflow(page) <= 0) == ([], True)
        page.get_by_role("button", name="Undo").first.focus()
        page.keyboard.press("Enter")
        page.get_by_text("taken back").wait_for()
        assert page.locator("tbody tr").count() == 3
        page.keyboard.press("c")
        page.get_by_role("button", name="Publish").click()
        page.get_by_role("heading", name="Published").wait_for()
        assert "1 page was written again" in page.locator("main").inner_text()
        assert (faults(page, axe), overflow(page) <= 0) == ([], True)
        assert seen.errors == []
