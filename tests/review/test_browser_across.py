"""One check across the class and the comment bank in a real browser: by keyboard, by mouse, without scripts."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from grader.core.evidence import Cell, Output
from grader.gradebook import Change
from tests.pages.builders import png, some_cells
from tests.review.browsing import SIGHTS, faults, overflow, visiting
from tests.review.desks import Entrant, RunningDesk, running_desk

HOSTILE = "<script>document.title='taken'</script>\u202e"
CELLS = (
    Cell(number=1, source=f"# {HOSTILE}", executed=True, outputs=(Output(kind="stream", text=HOSTILE),)),
    Cell(
        number=2, source="plt.show()", executed=True, outputs=(Output(kind="display", text=HOSTILE, png=png(320, 160)),)
    ),
)
ADDRESS = "/check/accuracy?seed=first&shows=figure"


@pytest.fixture(scope="module")
def a_class(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDesk]:
    entrants = [Entrant(name=f"Student {number:02}", correct=number % 11, cells=some_cells()) for number in range(23)]
    with running_desk(
        tmp_path_factory.mktemp("class"), [*entrants, Entrant(name=f"Eve {HOSTILE}", cells=CELLS)]
    ) as made:
        yield made


@pytest.fixture
def a_small_class(tmp_path: Path) -> Iterator[RunningDesk]:
    entrants = [Entrant(name=f"Student {number:02}", correct=number % 11) for number in range(22)]
    with running_desk(tmp_path, entrants) as made:
        yield made


def marked(page: Page) -> str | None:
    return page.locator(".answer.marked").get_attribute("id")


def answers(page: Page) -> list[str]:
    found: list[str] = page.eval_on_selector_all(".answer", "all => all.map(one => one.id)")
    return found


def decided(running: RunningDesk) -> list[tuple[str, object, str]]:
    """Every decision on a check: the answer's place in pages, the points, the reason."""
    rows = {student: f"answer-{row.key}" for row in running.desk.state().rows for student in row.students}
    return [
        (rows[entry.student], entry.value and entry.value["points"], entry.reason) for entry in running.desk.state().log
    ]


def test_a_digit_decides_and_marks_the_next_answer_without_loading_a_page(
    browser: Browser, a_small_class: RunningDesk
) -> None:
    with visiting(browser, a_small_class, ADDRESS) as seen:
        page, order = seen.page, answers(seen.page)
        assert marked(page) == order[0]
        page.evaluate("window.same = true")
        page.keyboard.press("m")
        page.keyboard.type("looked at by hand")
        page.keyboard.press("Escape")
        for place, key in enumerate("213"):  # without waiting for any answer of the desk
            page.keyboard.press(key)
            assert marked(page) == order[place + 1]
        expect(page.locator(".take-back")).to_have_count(3)
        page.keyboard.press("j")
        assert marked(page) == order[4]
        page.keyboard.press("k")
        page.keyboard.press("k")
        page.keyboard.press("u")
        expect(page.locator(f"#{order[2]} .take-back")).to_have_count(0)
        assert marked(page) == order[2]
        page.keyboard.press("e")
        page.keyboard.type("12,5")
        page.keyboard.press("Enter")
        expect(page.locator(f"#{order[3]}.marked")).to_be_visible()
        expect(page.locator("#so-far")).to_contain_text("3 of 22 decided by a person.")
        assert page.evaluate("window.same") is True
        assert seen.errors == []
    by_hand = "looked at by hand"
    assert decided(a_small_class) == [
        (order[0], 35.0, by_hand), (order[1], 0.0, by_hand), (order[2], 70.0, by_hand), (order[2], None, by_hand),
        (order[2], 12.5, by_hand),
    ]  # fmt: skip


def test_after_the_last_answer_of_a_page_comes_the_next_page(browser: Browser, a_small_class: RunningDesk) -> None:
    with visiting(browser, a_small_class, ADDRESS) as seen:
        page = seen.page
        last = page.locator(".answer").last
        last.locator("[name=reason]").fill("by hand")
        last.get_by_role("button", name="full").click()
        page.wait_for_url("**from=20**")
        assert len(answers(page)) == 2
        assert marked(page) == answers(page)[0]


def test_all_of_it_works_without_scripts(browser: Browser, a_small_class: RunningDesk) -> None:
    with visiting(browser, a_small_class, ADDRESS, script=False) as seen:
        page = seen.page
        first = page.locator(".answer").first
        first.get_by_label("Reason").fill("by hand")
        first.get_by_role("button", name="half").click()
        expect(page.locator("#so-far")).to_contain_text("1 of 22 decided by a person.")
        second = page.locator(".answer").nth(1)
        assert page.url.endswith(f"#{second.get_attribute('id')}")
        assert second.get_by_label("Reason").input_value() == "by hand"
        second.get_by_label("Points", exact=True).fill("7")
        second.get_by_role("button", name="Give").click()
        expect(page.locator("#so-far")).to_contain_text("2 of 22 decided by a person.")


def test_a_decision_that_somebody_else_made_first_is_told_in_its_answer(
    browser: Browser, a_small_class: RunningDesk
) -> None:
    with visiting(browser, a_small_class, ADDRESS) as seen:
        page = seen.page
        row = a_small_class.desk.row(answers(page)[0].removeprefix("answer-"))
        a_small_class.desk.decide(
            [
                Change(
                    kind="check",
                    subject="accuracy",
                    student=row.students[0],
                    author="lee",
                    reason="mine",
                    value={"points": 5.0},
                )
            ]
        )
        page.locator(".answer").first.get_by_label("Reason").fill("a long thought")
        page.locator(".answer").first.get_by_role("button", name="half").click()
        refused = page.locator(".answer").first.locator(".refused")
        expect(refused).to_contain_text("This was changed by lee meanwhile.")
        expect(refused).to_contain_text("mine")
        refused.get_by_role("button", name="Send again").click()
        expect(page.locator("#so-far")).to_contain_text("1 of 22 decided by a person.")
        expect(refused).to_have_count(0)
    assert [points for _, points, _ in decided(a_small_class)] == [5.0, 35.0]
    assert decided(a_small_class)[-1][2] == "a long thought"


def test_what_was_decided_after_a_refused_answer_is_kept_all_the_same(
    browser: Browser, a_small_class: RunningDesk
) -> None:
    with visiting(browser, a_small_class, ADDRESS) as seen:
        page, order = seen.page, answers(seen.page)
        page.keyboard.press("j")
        page.keyboard.press("m")
        page.keyboard.type("by hand")
        page.keyboard.press("Escape")
        page.keyboard.press("1")
        page.keyboard.press("k")
        page.keyboard.press("k")
        expect(page.locator(".take-back")).to_have_count(1)
        page.locator(f"#{order[0]} [name=reason]").fill("")
        page.keyboard.press("Escape")
        for key in ("3", "j", "2"):  # the first has no reason
            page.keyboard.press(key)
        expect(page.locator(f"#{order[0]} .refused")).to_contain_text("Other points than a check gave need a reason.")
        expect(page.locator(f"#{order[2]} .take-back")).to_have_count(1)
    assert [(answer, points) for answer, points, _ in decided(a_small_class)] == [(order[1], 0.0), (order[2], 35.0)]


def slowly(route: Route) -> None:
    """Decisions take their time: the next keys are pressed before the desk answers."""
    if route.request.method == "POST":
        time.sleep(0.4)
    route.continue_()


def test_a_second_thought_on_an_answer_is_kept_while_the_first_is_under_way(
    browser: Browser, a_small_class: RunningDesk
) -> None:
    with visiting(browser, a_small_class, ADDRESS) as seen:
        page, order = seen.page, answers(seen.page)
        page.route("**/check/**", slowly)
        page.locator(f"#{order[0]} [name=reason]").fill("by hand")
        page.keyboard.press("Escape")
        for key in ("1", "k", "3", "1", "1", "k", "u"):
            page.keyboard.press(key)
        page.locator(f"#{order[1]} [name=reason]").fill("typed meanwhile")
        for _ in range(200):
            if len(decided(a_small_class)) == 5:
                break
            page.wait_for_timeout(50)
        expect(page.locator("#so-far")).to_contain_text("2 of 22 decided by a person.")
        assert page.locator(f"#{order[1]} [name=reason]").input_value() == "typed meanwhile"
        expect(page.locator(f"#{order[1]} [name=reason]")).to_be_focused()
        expect(page.locator(".refused")).to_have_count(0)
        assert seen.errors == []
    assert [(answer, points) for answer, points, _ in decided(a_small_class)] == [
        (order[0], 0.0), (order[0], 70.0), (order[1], 0.0), (order[2], 0.0), (order[2], None),
    ]  # fmt: skip


def test_every_decision_that_was_refused_is_told_with_whose_it_is_and_can_be_sent_again(
    browser: Browser, a_small_class: RunningDesk, axe: str
) -> None:
    names = {f"answer-{row.key}": row.students[0] for row in a_small_class.desk.state().rows}
    with visiting(browser, a_small_class, ADDRESS) as seen:
        page, order = seen.page, answers(seen.page)
        page.route("**/check/**", slowly)
        for key in "111":
            page.keyboard.press(key)
        expect(page.locator(".refused")).to_have_count(3)
        told = page.get_by_role("alert")
        expect(told).to_have_text(f"Not saved: {', '.join(names[answer] for answer in order[:3])}")
        assert marked(page) == order[3]
        assert faults(page, axe) == []
        told.get_by_role("link", name=names[order[1]]).click()
        assert marked(page) == order[1]
        refused = page.locator(f"#{order[1]} .refused")
        expect(refused).to_contain_text("Not saved: none 0")
        refused.get_by_label("reason").fill("by hand")
        refused.get_by_role("button", name="Send again").click()
        expect(page.locator("#so-far")).to_contain_text("1 of 22 decided by a person.")
        expect(told).to_have_text(f"Not saved: {names[order[0]]}, {names[order[2]]}")
    assert decided(a_small_class) == [(order[1], 0.0, "by hand")]


def test_the_page_that_refuses_says_whose_answer_it_is(a_small_class: RunningDesk) -> None:
    row = a_small_class.desk.state().rows[3]
    refused = a_small_class.post("/check/accuracy", {"row": row.key, "level": "1", "seen": "0"})
    assert refused.status == 400 and f"It is about {row.students[0]}." in refused.text


def test_a_desk_that_went_away_is_told_and_what_was_typed_stays(browser: Browser, a_small_class: RunningDesk) -> None:
    with visiting(browser, a_small_class, ADDRESS) as seen:
        page = seen.page
        page.locator(".answer").first.get_by_label("Reason").fill("a long thought")
        page.route("**/check/**", lambda route: route.abort())
        page.locator(".answer").first.get_by_role("button", name="half").click()
        expect(page.get_by_role("alert")).to_contain_text("does not answer: nothing was saved")
        assert page.locator(".answer").first.get_by_label("Reason").input_value() == "a long thought"
        page.unroute("**/check/**")
        page.locator(".answer").first.get_by_role("button", name="half").click()
        expect(page.locator("#so-far")).to_contain_text("1 of 22 decided by a person.")
        expect(page.get_by_role("alert")).to_have_text("")


@pytest.mark.parametrize(("width", "dark"), SIGHTS)
@pytest.mark.parametrize(
    "path", ["/check", ADDRESS, "/check/accuracy?seed=a&shows=cell:1", "/check?figure=1", "/comments"]
)
def test_axe_finds_nothing_and_nothing_hostile_runs(
    browser: Browser, a_class: RunningDesk, axe: str, path: str, width: int, dark: bool
) -> None:
    state = a_class.desk.state()
    if not state.saved:
        value = {"text": HOSTILE, "points": -1.0}
        a_class.desk.decide([Change(kind="saved_comment", subject="s", author="kim", value=value)])
    with visiting(browser, a_class, path, width=width, dark=dark) as seen:
        assert faults(seen.page, axe) == []
        assert "taken" not in seen.page.title()
        assert overflow(seen.page) <= 0
        assert seen.errors == []


def test_a_saved_comment_is_made_changed_and_deleted_by_keyboard(browser: Browser, a_small_class: RunningDesk) -> None:
    with visiting(browser, a_small_class, "/comments") as seen:
        page = seen.page
        page.keyboard.press("m")
        page.keyboard.type("The axes have no names.")
        page.keyboard.press("Tab")
        page.keyboard.type("-2")
        page.keyboard.press("Control+Enter")
        expect(page.locator("article.saved-comment")).to_contain_text("not used yet")
        key = next(iter(a_small_class.desk.state().saved))
        names = [row.students[0] for row in a_small_class.desk.state().rows[:3]]
        value = {"text": "", "saved": key}
        a_small_class.desk.decide(
            [Change(kind="comment", subject="c", student=name, author="kim", value=value) for name in names]
        )
        page.get_by_text("Change or delete").click()
        article = page.locator("article.saved-comment")
        article.get_by_label("Text").fill("Name the axes.")
        article.get_by_label("Points").fill("-4")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_role("status")).to_contain_text("3 students have it")
        assert page.locator(".movers tbody tr").count() == 3
        page.keyboard.press("s")
        expect(page.locator("article.saved-comment")).to_contain_text("Name the axes.")
        page.get_by_text("Change or delete").click()
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Delete a saved comment")
        page.get_by_role("button", name="Delete it").click()
        expect(page.locator("article.saved-comment")).to_have_count(0)
        assert seen.errors == []
    comments = [grade.review.comments[0] for grade in a_small_class.desk.book.grades() if grade.review]
    assert [(comment.text, comment.points) for comment in comments] == [("Name the axes.", -4.0)] * 3
