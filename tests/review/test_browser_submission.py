"""A submission in a real browser: by keyboard, by mouse, without scripts, on a phone, and with hostile content."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from grader.core.evidence import Cell, Output
from grader.core.grades import grades_of
from grader.core.results import Flag
from tests.browser.conftest import PHONE, WIDE
from tests.browser.test_hostile_pages import payload
from tests.pages.builders import png, some_cells
from tests.review.browsing import SIGHTS, faults, overflow, visiting
from tests.review.desks import Entrant, RunningDesk, running_desk
from tests.review.test_submission import MANUAL

EVIL = payload("http://127.0.0.1:9")
NAME = 'Zoë <script>window.ran=1</script>"onmouseover=window.ran=1 \u202egpj'


def total(desk: RunningDesk, name: str) -> float | None:
    return grades_of(desk.desk.row(desk.key(name)).result)[0].points


def test_a_queue_is_gone_through_by_keyboard_alone(browser: Browser, a_desk: RunningDesk) -> None:
    with visiting(browser, a_desk) as seen:
        page = seen.page
        page.goto(f"{a_desk.origin}/?queue=open")
        page.keyboard.press("n")
        expect(page.locator("h1")).to_contain_text("Ada Lind")
        for key in "jjj":
            page.keyboard.press(key)
        marked = page.locator(".check.marked")
        expect(marked).to_have_attribute("id", "check-3")
        expect(marked).to_be_focused()
        page.keyboard.press("k")
        expect(page.locator(".check.marked")).to_have_attribute("id", "check-2")
        page.keyboard.press("j")
        page.keyboard.press("e")
        page.keyboard.type("45")
        page.keyboard.press("Tab")
        page.keyboard.type("two networks in one")
        page.keyboard.press("Enter")
        expect(page.locator("#check-3.marked .stands")).to_contain_text("45 / 70")
        page.keyboard.press("m")
        page.keyboard.type("Name the axes.")
        page.keyboard.press("Escape")
        page.keyboard.press("s")
        expect(page.locator(".given .words")).to_have_text("Name the axes.")
        assert total(a_desk, "Ada Lind") == 65
        page.keyboard.press("u")
        expect(page.locator(".given")).to_have_count(0)
        page.keyboard.press("u")
        expect(page.locator("#check-3 .stands")).to_contain_text("70 / 70")
        page.keyboard.press("l")
        expect(page.locator("h1")).to_contain_text("Bo Mwangi")
        page.keyboard.press("n")
        expect(page.locator("h1")).to_contain_text("Chi Tanaka")
        page.keyboard.press("p")
        expect(page.locator("h1")).to_contain_text("Bo Mwangi")
    assert a_desk.desk.row(a_desk.key("Ada Lind")).review.looked_at == "kim"


@pytest.mark.parametrize(
    ("width", "dark", "scripts"), [(WIDE, False, True), (PHONE, True, True), (PHONE, False, False)]
)
def test_everything_is_decided_by_mouse(
    browser: Browser, a_desk: RunningDesk, width: int, dark: bool, scripts: bool
) -> None:
    with visiting(browser, a_desk, width=width, dark=dark, script=scripts) as seen:
        page = seen.page
        page.get_by_role("link", name="Ada Lind").click()
        cell = page.locator("#cell-3")
        if scripts:
            cell.locator(".line").nth(5).click()
        else:
            cell.locator("> details > summary").last.click()
            cell.get_by_label("Line").fill("6")
        cell.get_by_label("Comment on cell 3").fill("Why five epochs?")
        cell.get_by_label("Points").fill("-2")
        cell.get_by_label("keep it for others").check()
        cell.get_by_role("button", name="Save").click()
        expect(cell.locator(".given .words")).to_contain_text("Why five epochs?")
        assert cell.locator("pre.source").count() == 2, "the comment stands between the lines"
        check = page.locator("#check-2")
        check.locator("summary").click()
        check.get_by_label("Points").first.fill("4")
        check.get_by_label("Reason").fill("it was not")
        check.get_by_role("button", name="Set").click()
        expect(check.locator(".stands")).to_contain_text("4 / 10")
        page.get_by_label("More or fewer").fill("-1")
        page.get_by_label("Reason", exact=True).locator("visible=true").last.fill("late by mail")
        page.get_by_role("button", name="Give or take").click()
        expect(page.get_by_role("button", name="Take back -1 points")).to_be_visible()
        assert total(a_desk, "Ada Lind") == 90 - 2 - 6 - 1
        page.get_by_label("Who looks at it").fill("Mara Weber")
        page.get_by_role("button", name="Hand over").click()
        expect(page.locator(".history")).to_contain_text("grader: – → Mara Weber")
        page.get_by_text("Fix all points, or excuse").click()
        page.get_by_label("Reason (for colleagues)").fill("ill")
        page.get_by_label("To the student").fill("Get well soon.")
        page.get_by_role("button", name="Excuse", exact=True).click()
        expect(page.locator(".standing h2")).to_contain_text("Excused")
        page.get_by_role("button", name="Undo points in all").click()
        expect(page.locator(".standing h2")).to_contain_text("Passed")
        page.get_by_role("button", name="Looked at, and on").click()
        expect(page.locator("h1")).to_contain_text("Bo Mwangi")
        assert not scripts or overflow(page) <= 0
        assert seen.errors == []
    assert a_desk.desk.row(a_desk.key("Ada Lind")).review.looked_at == "kim"


@pytest.fixture(scope="module")
def hostile_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDesk]:
    """A class of hostile names and outputs, with hostile comments at every place, by a hostile author."""
    outputs = (Output(kind="stream", text=EVIL), Output(kind="display", text=EVIL, png=png()))
    cells = (Cell(number=1, source=EVIL, executed=True, outputs=outputs), *some_cells()[1:])
    entrants = (
        Entrant(name=NAME, cells=cells, flags=(Flag(kind="odd", reason=EVIL),)),
        Entrant(name="Dina and Emil", members=("Dina Haddad", f"Emil {EVIL[:80]}"), cells=cells),
    )
    author = 'kim "><img src=x onerror=window.ran=1>'
    with running_desk(tmp_path_factory.mktemp("hostile"), entrants, author=author) as desk:
        for name in (entrant.name for entrant in entrants):
            to = f"/submission/{desk.key(name)}/decide"
            seen = " ".join("0" for _ in desk.desk.row(desk.key(name)).students)
            places: tuple[dict[str, str | int], ...] = ({"cell": 1, "line": 2}, {"cell": 2}, {"check": "trained"}, {})
            for number, fields in enumerate(places):
                typed: dict[str, str | int] = {
                    "kind": "comment",
                    "id": f"{number:032}",
                    "text": EVIL[:3_000],
                    "points": -1,
                    "seen": seen,
                }
                assert desk.post(to, {**typed, **fields, "keep": number % 2 or ""}).status == 303
            check: dict[str, str | int] = {
                "kind": "check",
                "check": "trained",
                "points": 2,
                "reason": EVIL[:3_000],
                "seen": seen,
            }
            decided = desk.post(to, check)
            assert decided.status == 303
            assert desk.post(to, {"kind": "assigned", "to": '<b>"x', "seen": seen}).status == 303
        yield desk


@pytest.mark.parametrize(("width", "dark"), SIGHTS)
@pytest.mark.parametrize("name", [NAME, "Dina and Emil"])
def test_axe_finds_nothing_and_hostile_content_does_nothing(
    browser: Browser, axe: str, hostile_desk: RunningDesk, width: int, dark: bool, name: str
) -> None:
    path = f"/submission/{hostile_desk.key(name)}"
    with visiting(browser, hostile_desk, path, width=width, dark=dark) as seen:
        page = seen.page
        page.keyboard.press("j")
        page.evaluate("document.getElementById('trap')?.click()")
        page.mouse.move(300, 300)
        assert faults(page, axe) == [] and overflow(page) <= 0
        assert page.evaluate("window.ran") is None
        assert page.locator("iframe, object, embed, video, base").count() == 0
        assert "⟨U+202E⟩" in page.locator("body").inner_text()
        assert seen.errors == []


def test_leaving_with_words_that_were_not_saved_asks_first(browser: Browser, a_desk: RunningDesk) -> None:
    with visiting(browser, a_desk) as seen:
        page = seen.page
        page.goto(f"{a_desk.origin}/submission/{a_desk.key('Ada Lind')}")
        page.keyboard.press("m")
        page.keyboard.type("ten minutes of thought")
        page.keyboard.press("Escape")
        page.keyboard.press("n")
        page.wait_for_timeout(500)
        assert len(seen.dialogs) == 1 and "beforeunload" in seen.dialogs.pop()
        expect(page.locator("h1")).to_contain_text("Ada Lind")
        expect(page.locator("#text-whole")).to_have_value("ten minutes of thought")
        page.get_by_role("button", name="Looked at", exact=True).click()
        page.wait_for_timeout(500)
        assert "beforeunload" in seen.dialogs.pop(), "another form would be lost as well"
        page.keyboard.press("s")
        expect(page.locator(".given .words")).to_have_text("ten minutes of thought")
        page.keyboard.press("n")
        expect(page.locator("h1")).to_contain_text("Bo Mwangi")
        assert seen.dialogs == [], "what was saved is not asked for"


def test_what_was_changed_in_another_tab_is_shown_and_the_text_is_still_there(
    browser: Browser, a_desk: RunningDesk
) -> None:
    with visiting(browser, a_desk) as seen:
        first = seen.page
        address = f"{a_desk.origin}/submission/{a_desk.key('Ada Lind')}?queue=open"
        first.goto(address)
        second = first.context.new_page()
        second.goto(address)
        for page, points, reason in ((first, "-5", "no axes"), (second, "-1", "only one axis")):
            page.get_by_label("More or fewer").fill(points)
            page.locator("#more-reason").fill(reason)
        for page in (first, second):
            page.get_by_role("button", name="Give or take").click()
            expect(page.locator("main")).to_contain_text("no axes")
        expect(second.locator("h1")).to_contain_text("changed by kim meanwhile")
        expect(second.locator("main")).to_contain_text("no axes")
        expect(second.get_by_label("reason")).to_have_value("only one axis")
        second.get_by_role("button", name="Send again").click()
        expect(second.get_by_label("More or fewer")).to_have_value("-1")
        first.go_back()
        expect(first.get_by_label("More or fewer")).to_have_value("-1")  # the page as it is now, not as it was
    assert [entry.reason for entry in a_desk.desk.state().log] == ["no axes", "only one axis"]


def test_a_desk_that_does_not_answer_any_more_leaves_the_text_where_it_is(browser: Browser, tmp_path: Path) -> None:
    with ended_under_a_page(browser, tmp_path) as page:
        page.locator("#comments ~ form button").click()
        told = page.locator("[data-trouble]")
        expect(told).to_contain_text("does not answer")
        expect(told).to_be_visible()
        expect(page.locator("#text-whole")).to_have_value("ten minutes of thought")


@contextmanager
def ended_under_a_page(browser: Browser, root: Path) -> Iterator[Page]:
    """A page with a comment that was typed, of a desk that was ended since."""
    context = browser.new_context(viewport={"width": WIDE, "height": 900})
    page = context.new_page()
    with running_desk(root) as desk:
        page.goto(desk.access.address)
        page.goto(f"{desk.origin}/submission/{desk.key('Ada Lind')}")
        page.locator("#text-whole").fill("ten minutes of thought")
    yield page
    context.close()


def test_a_saved_comment_is_used_with_a_few_keys(browser: Browser, a_desk: RunningDesk) -> None:
    saved: dict[str, str | int] = {
        "kind": "comment",
        "id": "a" * 32,
        "text": "Name the axes.",
        "points": "-2",
        "keep": 1,
        "seen": 0,
    }
    assert a_desk.post(f"/submission/{a_desk.key('Bo Mwangi')}/decide", saved).status == 303
    with visiting(browser, a_desk) as seen:
        page = seen.page
        page.goto(f"{a_desk.origin}/submission/{a_desk.key('Ada Lind')}")
        page.keyboard.press("m")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.type("Name the axes.")
        page.keyboard.press("Control+Enter")
        expect(page.locator(".given .words")).to_have_text(re.compile("Name the axes. *-2"))
    assert total(a_desk, "Ada Lind") == 88


def test_a_level_of_the_marked_check_has_a_key(browser: Browser, tmp_path: Path) -> None:
    with running_desk(tmp_path, rubric=MANUAL) as desk, visiting(browser, desk) as seen:
        page = seen.page
        page.goto(f"{desk.origin}/submission/{desk.key('Ada Lind')}")
        page.keyboard.press("2")
        expect(page.locator("#check-4 .stands")).to_contain_text("awaits a person")
        for key in "jjjj2":
            page.keyboard.press(key)
        expect(page.locator("#check-4.marked .stands")).to_contain_text("5 / 10")
        assert total(desk, "Ada Lind") == 95
