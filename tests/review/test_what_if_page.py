"""What if: numbers are tried on the class without a trace, and applied to the file, the class and the log, or refused."""

import re
import shutil
import threading
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from grader.core.errors import Infrastructure
from grader.core.grades import HandIn, Rules
from grader.core.results import Student
from grader.core.store import load_result
from grader.course.rubric import Rubric
from grader.gradebook import Change, open_gradebook
from grader.gradebook.decide_grade import GradeBasis
from grader.intake import safe_name
from grader.marking.publish import EVIDENCE_FOLDER
from grader.marking.regrade import Move
from grader.marking.what_if import Preview, preview
from grader.review import desk as desk_module
from grader.review import what_if_page
from grader.review.desk import Desk
from tests.fakes import ASSIGNMENT, RUBRIC, a_rubric
from tests.review.browsing import SIGHTS, faults, overflow, visiting
from tests.review.desks import SOME, Entrant, RunningDesk, running_desk, serving
from tests.review.server import Answer

COMMENTED = RUBRIC.replace("at_least = 0.8", "at_least = 0.8   # what the lecture promised")
HOSTILE = "<img src=x onerror=alert(1)>\u202e' OR 1=1 --"
CLASS = (SOME[0], Entrant(name="Bo Mwangi", correct=6), *SOME[3:], Entrant(name=HOSTILE, correct=7))
THRESHOLD, PASS_MARK, DUE = "n.check.2.at_least", "n.pass_mark", "n.due"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RunningDesk]:
    with running_desk(tmp_path, CLASS, rubric=COMMENTED) as running:
        running.desk.publish()
        yield running


def rubric_path(desk: RunningDesk) -> Path:
    return desk.course.assignment_file(ASSIGNMENT)


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{re.escape(name)}" value="([^"]*)"', page)
    assert found is not None, name
    return found[1]


def typed(desk: RunningDesk, **numbers: str) -> dict[str, str]:
    """The form as a browser sends it, with other numbers."""
    page = desk.get("/what-if").text
    fields = dict(re.findall(r'<input id="(n\.[^"]*)" name="[^"]*" value="([^"]*)"', page))
    assert len(fields) > 8
    return {**fields, **{name: hidden(page, name) for name in ("digest", "seen")}, **numbers}


def previewed(desk: RunningDesk, form: dict[str, str]) -> tuple[Answer, dict[str, str]]:
    """The preview, and the form that applies it."""
    shown = desk.post("/what-if", form)
    return shown, {**form, "previewed": hidden(shown.text, "previewed")}


def movers(page: str) -> dict[str, list[str]]:
    """Who moves, with what is said."""
    rows = re.findall(r'<tr><th scope="row">(?:<a[^>]*>)?([^<]*)(?:</a>)?</th>((?:<td>[^<]*</td>)+)</tr>', page)
    return {name: re.findall(r"<td>([^<]*)</td>", cells) for name, cells in rows}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "sqlite" not in path.name
    }


def test_a_preview_says_who_moves_and_why_and_leaves_no_trace(desk: RunningDesk) -> None:
    before, rubric = snapshot(desk.out), rubric_path(desk).read_bytes()
    shown = desk.post("/what-if", typed(desk, **{THRESHOLD: "0.6"}))
    assert shown.status == 200
    moved = movers(shown.text)
    assert moved["Bo Mwangi"] == ["30 (not passed)", "100 (passed)", "accuracy 0 -&gt; 70"]
    assert len(moved) == 2 and HOSTILE not in shown.text
    assert "<strong>2 students move</strong> of 6" in shown.text
    assert "Passed: 3 now, <strong>5</strong> then" in shown.text
    assert shown.text.count("<svg") == 2
    assert (snapshot(desk.out), rubric_path(desk).read_bytes()) == (before, rubric)
    assert desk.desk.book.review_log(ASSIGNMENT) == []


def test_applying_writes_the_file_marks_the_class_and_logs_it(desk: RunningDesk) -> None:
    _, form = previewed(desk, typed(desk, **{THRESHOLD: "0.6", PASS_MARK: "50"}))
    done = desk.post("/what-if/apply", {**form, "reason": "the test was hard"})
    assert (done.status, "marked again: 2 students moved." in done.text) == (200, True)
    text = rubric_path(desk).read_text()
    assert "at_least = 0.6   # what the lecture promised\n" in text and "pass_mark = 50\n" in text
    grades = {grade.student.name: grade.points for grade in desk.desk.book.grades(ASSIGNMENT)}
    assert grades["Bo Mwangi"] == 100
    (entry,) = desk.desk.book.review_log(ASSIGNMENT)
    assert (entry.kind, entry.author, entry.reason) == ("rubric", "kim", "the test was hard")
    assert entry.value == {
        "changes": ["Whole rubric: pass mark 60 -> 50", "Check 3, accuracy: at_least 0.8 -> 0.6"],
    }
    assert "0.8 -&gt; 0.6" in desk.get("/log").text and 'action="/undo"' not in desk.get("/log").text
    assert desk.desk.options.rubric.assignment.pass_mark == 50
    assert "<strong>100</strong>" in next(desk.out.glob("Bo_Mwangi*/report.html")).read_text(encoding="utf-8")
    assert desk.desk.state().unpublished == ()
    again = desk.post("/what-if", typed(desk, **{THRESHOLD: "0.8"}))
    assert movers(again.text)["Bo Mwangi"][:2] == ["100 (passed)", "30 (not passed)"]


def test_what_was_typed_after_the_preview_is_shown_before_it_is_applied(desk: RunningDesk) -> None:
    rubric = rubric_path(desk).read_bytes()
    _, form = previewed(desk, typed(desk, **{THRESHOLD: "0.7"}))
    other = desk.post("/what-if/apply", {**form, THRESHOLD: "0.6"})
    assert (other.status, "This is what you typed last" in other.text) == (400, True)
    assert len(movers(other.text)) == 2
    assert rubric_path(desk).read_bytes() == rubric
    assert (
        desk.post("/what-if/apply", {**form, THRESHOLD: "0.6", "previewed": hidden(other.text, "previewed")}).status
        == 200
    )


@pytest.mark.parametrize(
    ("numbers", "key", "said"),
    [
        ({THRESHOLD: "97"}, "check.2.at_least", "97 is more than 1."),
        ({PASS_MARK: "sixty"}, "pass_mark", "`sixty` is not a number."),
        ({PASS_MARK: "101"}, "pass_mark", "the checks add up to 100 points"), ({"n.late.grace": "10"}, "late.grace", "10"),
        ({DUE: "2026-11-20T12:00:00"}, "due", "is another moment in every time zone"),
        ({PASS_MARK: '"><b>x'}, "pass_mark", "is not a number"),
    ],
)  # fmt: skip
def test_nonsense_has_its_sentence_beside_the_field_and_what_was_typed_stays(
    desk: RunningDesk, numbers: dict[str, str], key: str, said: str
) -> None:
    shown = desk.post("/what-if", typed(desk, **numbers))
    assert shown.status == 200
    fault = re.search(rf'<span id="fault-{re.escape(key)}" class="fault">([^<]+)</span>', shown.text)
    assert fault is not None and said in fault[1]
    ((name, text),) = numbers.items()
    shown_value = hidden(shown.text, name)
    assert shown_value == text.replace('"', "&#34;").replace("<", "&lt;").replace(">", "&gt;")
    assert "/what-if/apply" not in shown.text
    refused = desk.post("/what-if/apply", typed(desk, **numbers, previewed="x"))
    assert refused.status == 400


def test_a_file_that_was_edited_by_hand_is_not_overwritten_and_the_difference_is_shown(desk: RunningDesk) -> None:
    _, form = previewed(desk, typed(desk, **{PASS_MARK: "50"}))
    edited = rubric_path(desk).read_text().replace("at_least = 0.8", "at_least = 0.75")
    rubric_path(desk).write_text(edited)
    refused = desk.post("/what-if/apply", form)
    assert refused.status == 409
    assert '<th scope="row">check 3.at_least</th><td>0.8</td><td>0.75</td>' in refused.text
    assert (hidden(refused.text, PASS_MARK), hidden(refused.text, THRESHOLD)) == ("50", "0.75")
    assert rubric_path(desk).read_text() == edited
    assert desk.desk.book.review_log(ASSIGNMENT) == []
    again = {**form, "digest": hidden(refused.text, "digest"), THRESHOLD: "0.75"}
    _, form = previewed(desk, again)
    assert desk.post("/what-if/apply", form).status == 200
    assert tomllib.loads(rubric_path(desk).read_text())["pass_mark"] == 50


def test_a_file_that_is_edited_while_it_is_applied_is_not_overwritten(
    desk: RunningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, form = previewed(desk, typed(desk, **{PASS_MARK: "50"}))
    edited = rubric_path(desk).read_text().replace("at_least = 0.8", "at_least = 0.75")

    def slowly(moves: Sequence[Move], rubric: Rubric, rules: Rules, bases: Iterable[GradeBasis]) -> Preview:
        rubric_path(desk).write_text(edited)
        return preview(moves, rubric, rules, bases)

    monkeypatch.setattr(what_if_page, "preview", slowly)
    refused = desk.post("/what-if/apply", form)
    assert (refused.status, "<td>0.75</td>" in refused.text) == (409, True)
    assert rubric_path(desk).read_text() == edited
    assert desk.desk.book.review_log(ASSIGNMENT) == []


def test_a_file_that_can_not_be_followed_any_more_is_said(desk: RunningDesk) -> None:
    form = typed(desk, **{PASS_MARK: "50"})
    rubric_path(desk).write_text("schema = [")
    for answer in (desk.get("/what-if"), desk.post("/what-if", form)):
        assert (answer.status, "not a TOML file" in answer.text) == (503, True)


def test_of_two_who_change_the_rubric_at_once_the_second_is_told(desk: RunningDesk) -> None:
    with open_gradebook(desk.out) as book, serving(Desk(desk.desk.options, book), desk.course) as other:
        _, mine = previewed(desk, typed(desk, **{PASS_MARK: "50"}))
        _, theirs = previewed(other, typed(other, **{PASS_MARK: "40"}))
        answers: list[Answer] = []
        both = [
            threading.Thread(target=lambda d=d, f=f: answers.append(d.post("/what-if/apply", f)))
            for d, f in ((desk, mine), (other, theirs))
        ]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()
    assert sorted(answer.status for answer in answers) == [200, 409]
    log = desk.desk.book.review_log(ASSIGNMENT)
    assert len(log) == 1
    pass_mark = tomllib.loads(rubric_path(desk).read_text())["pass_mark"]
    assert log[0].value == {"changes": [f"Whole rubric: pass mark 60 -> {pass_mark}"]}


def test_a_file_that_can_not_be_written_leaves_nothing_in_the_log(
    desk: RunningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*more: object) -> None:
        raise Infrastructure("the disk is full.", "Make room.")

    monkeypatch.setattr(what_if_page, "write_changes", full)
    _, form = previewed(desk, typed(desk, **{PASS_MARK: "50"}))
    refused = desk.post("/what-if/apply", form)
    assert (refused.status, "the disk is full" in refused.text) == (503, True)
    assert desk.desk.book.review_log(ASSIGNMENT) == []
    assert tomllib.loads(rubric_path(desk).read_text())["pass_mark"] == 60


OTHERWISE = "The marks are not those of the rubric file."


def test_an_apply_that_ended_before_the_class_was_marked_is_said_by_every_desk_and_finished_by_a_button(
    desk: RunningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(what_if_page, "regrade", ending)
        _, form = previewed(desk, typed(desk, **{THRESHOLD: "0.6", PASS_MARK: "50"}))
        assert desk.post("/what-if/apply", form).status == 503
    options = replace(desk.desk.options, rubric=a_rubric(desk.course))
    with open_gradebook(desk.out) as book, serving(Desk(options, book), desk.course) as later:
        for page in (later.get("/"), later.get("/what-if")):
            assert OTHERWISE in page.text
            assert "5 submissions were marked by another rubric." in page.text
            assert "The pass mark, the deadline or another rule" in page.text
        unchanged = later.post("/what-if", typed(later))
        assert movers(unchanged.text)["Bo Mwangi"][:2] == ["30 (not passed)", "100 (passed)"]
        done = later.post("/what-if/mark-again", {})
        assert (done.status, "<h1>The class was marked again</h1>" in done.text) == (200, True)
        assert OTHERWISE not in later.get("/").text + later.get("/what-if").text
        log = book.review_log(ASSIGNMENT)
        assert [entry.value for entry in log][1:] == [
            {"changes": ["the class was marked again by the rubric file as it is"]}
        ]
    grades = {grade.student.name: grade.points for grade in desk.desk.book.grades(ASSIGNMENT)}
    assert grades["Bo Mwangi"] == 100
    assert "<strong>100</strong>" in next(desk.out.glob("Bo_Mwangi*/report.html")).read_text(encoding="utf-8")


def ending(*more: object, **named: object) -> None:
    raise Infrastructure("the machine ends.", "Start it again.")


def test_a_hand_in_that_was_never_run_has_the_maximum_and_the_pass_mark_of_the_new_rubric(desk: RunningDesk) -> None:
    for student in ("Filip Horak", "Bo Mwangi"):
        extra = 59 if student == "Filip Horak" else 29
        points = Change(kind="adjustment", student=student, author="kim", value={"points": extra}, reason="on paper")
        desk.desk.decide([points])
    _, form = previewed(desk, typed(desk, **{"n.check.2.points": "50", PASS_MARK: "58"}))
    assert desk.post("/what-if/apply", form).status == 200
    grades = {grade.student.name: grade for grade in desk.desk.book.grades(ASSIGNMENT)}
    said = [(grades[name].points, grades[name].out_of, grades[name].passed) for name in ("Filip Horak", "Bo Mwangi")]
    assert said == [(59, 80, True), (59, 80, True)]
    assert OTHERWISE not in desk.get("/").text


def test_what_can_not_be_marked_again_is_counted_and_named(desk: RunningDesk) -> None:
    shutil.rmtree(desk.out / safe_name("Ada Lind") / EVIDENCE_FOLDER)
    result = load_result(desk.out / safe_name("Bo Mwangi"))
    assert result is not None
    later = HandIn(
        student=Student(name="Bo Mwangi"), digest="0" * 64, name="later.ipynb", folder=safe_name("Bo Mwangi")
    )
    desk.desk.book.record(result, later, rubric_digest=desk.desk.options.rubric.digest)
    shown, form = previewed(desk, typed(desk, **{THRESHOLD: "0.6"}))
    assert [name for name in movers(shown.text) if name in ("Ada Lind", "Bo Mwangi")] == []
    done = desk.post("/what-if/apply", form)
    for page in (shown.text, done.text):
        assert "2 students have a submission that can't be marked again:" in page
        assert "<li>Ada Lind: no evidence of it is stored here</li>" in page
        assert (
            "<li>Bo Mwangi: what is stored here is another hand-in than the one that counts in the gradebook</li>"
            in page
        )


def test_overrides_above_a_lowered_maximum_are_named_before_and_after_until_a_person_decides_again(
    desk: RunningDesk,
) -> None:
    decided = Change(kind="override", student="Ada Lind", author="kim", value={"points": 100}, reason="viva")
    desk.desk.decide([decided])
    shown, form = previewed(desk, typed(desk, **{"n.check.2.points": "50"}))
    assert "1 override is above the new maximum." in shown.text and "<li>Ada Lind: 100 of 80</li>" in shown.text
    moving = re.search(r"<strong>(\d+ students move)</strong>", shown.text)
    done = desk.post("/what-if/apply", form)
    assert moving is not None and f"marked again: {moving[1]}d." in done.text
    assert "Of 1 more submission only the points of checks changed" in done.text
    assert "<li>Ada Lind: 100 of 80</li>" in done.text
    assert "above maximum" in desk.get("/?queue=above_maximum").text
    assert desk.desk.row(desk.key("Ada Lind")).queues == ("above_maximum",)
    desk.desk.decide([replace(decided, value={"points": 80}, time=datetime.now(UTC))])
    assert desk.desk.row(desk.key("Ada Lind")).queues == ()


def test_an_override_that_was_above_the_maximum_on_purpose_is_not_asked_about(desk: RunningDesk) -> None:
    desk.desk.book.override("Bo Mwangi", author="kim", reason="a prize", points=120, above_maximum=True)
    assert "above the new maximum" not in desk.post("/what-if", typed(desk, **{"n.check.2.points": "50"})).text
    assert "above_maximum" not in desk.desk.row(desk.key("Bo Mwangi")).queues


def test_marks_that_the_gradebook_took_and_no_page_shows_are_said(desk: RunningDesk) -> None:
    write_numbers(desk, "at_least = 0.8", "at_least = 0.6")
    before = snapshot(desk.out)
    assert desk.post("/what-if/mark-again", {}).status == 200
    for name, data in before.items():  # as if it had ended before it wrote them
        (desk.out / name).write_bytes(data)
    desk.desk.look_again()
    assert "2 submissions were marked by another rubric." in desk.get("/").text
    desk.post("/what-if/mark-again", {})
    assert OTHERWISE not in desk.get("/").text


def test_a_class_that_was_marked_by_its_file_has_no_such_banner(desk: RunningDesk) -> None:
    write_numbers(desk, "at_least", "# a comment\nat_least")
    desk.desk.look_again()
    assert OTHERWISE not in desk.get("/").text + desk.get("/what-if").text


def test_a_desk_follows_the_rubric_that_a_colleague_changed(desk: RunningDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "LOOK_AGAIN", 0.0)
    with open_gradebook(desk.out) as book, serving(Desk(desk.desk.options, book), desk.course) as other:
        assert '<td class="right">20</td>' in other.get("/check").text
        _, form = previewed(desk, typed(desk, **{"n.check.0.points": "35"}))
        assert desk.post("/what-if/apply", form).status == 200
        assert '<td class="right">35</td>' in other.get("/check").text
        assert "of 35" in other.get("/check/executes?seed=1").text


def test_a_rubric_file_that_can_not_be_followed_is_said_and_the_desk_goes_on(
    desk: RunningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "LOOK_AGAIN", 0.0)
    whole = rubric_path(desk).read_text()
    rubric_path(desk).write_text("schema = [")
    shown = desk.get("/")
    assert (shown.status, "The rubric file can't be followed" in shown.text) == (200, True)
    assert "Bo Mwangi" in shown.text and 'action="/what-if/mark-again"' not in shown.text
    assert desk.post("/what-if/mark-again", {}).status == 503
    rubric_path(desk).write_text(whole)
    assert "can't be followed" not in desk.get("/").text


def write_numbers(desk: RunningDesk, was: str, now: str) -> None:
    text = rubric_path(desk).read_text()
    assert was in text
    rubric_path(desk).write_text(text.replace(was, now, 1))


def test_a_decision_of_a_person_stays_and_a_late_rule_moves_by_time_alone(desk: RunningDesk) -> None:
    points = Change(kind="override", student="Bo Mwangi", author="kim", value={"points": 77}, reason="viva")
    desk.desk.decide([points])
    shown = desk.post("/what-if", typed(desk, **{THRESHOLD: "0.6"}))
    assert "Bo Mwangi" not in movers(shown.text)
    assert "<strong>1 student moves</strong>" in shown.text


@pytest.mark.parametrize(("width", "dark"), SIGHTS)
def test_in_a_browser_by_mouse_and_by_keyboard(
    browser: Browser, axe: str, tmp_path: Path, width: int, dark: bool
) -> None:
    with running_desk(tmp_path, CLASS, rubric=COMMENTED) as desk, visiting(
        browser, desk, "/what-if", width=width, dark=dark
    ) as seen:  # fmt: skip
        page = seen.page
        assert (faults(page, axe), overflow(page)) == ([], 0)
        page.locator(f'[id="{THRESHOLD}"]').fill("0.6")
        page.get_by_text("2 students move").wait_for()
        assert page.locator(".movers tbody tr").count() == 2
        assert (faults(page, axe), overflow(page)) == ([], 0)
        page.locator(f'[id="{PASS_MARK}"]').fill("many")
        page.get_by_text("`many` is not a number.").wait_for()
        assert page.locator('[aria-invalid="true"]').count() == 1
        assert (faults(page, axe), overflow(page)) == ([], 0)
        page.locator(f'[id="{PASS_MARK}"]').fill("60")
        page.get_by_text("2 students move").wait_for()
        page.locator(f'[data-slides="{THRESHOLD}"]').focus()
        page.keyboard.press("Home")
        assert page.locator(f'[id="{THRESHOLD}"]').input_value() == "0"
        page.locator(f'[id="{THRESHOLD}"]').fill("0.695")
        page.keyboard.press("ArrowUp")
        assert page.locator(f'[id="{THRESHOLD}"]').input_value() == "0.7"
        page.get_by_text("1 student moves").wait_for()
        page.keyboard.press("Escape")
        page.keyboard.press("d")
        page.get_by_text("Nothing is changed yet.").wait_for()
        assert page.locator(f'[id="{THRESHOLD}"]').input_value() == "0.8"
        page.locator(f'[id="{THRESHOLD}"]').fill("0.6")
        page.get_by_text("2 students move").wait_for()
        page.locator("#reason").fill("hard test")
        page.keyboard.press("Escape")
        page.keyboard.press("a")
        page.get_by_role("heading", name="The rubric was changed").wait_for()
        assert (faults(page, axe), overflow(page)) == ([], 0)
        page.go_back()
        assert seen.errors == []
    assert "at_least = 0.6   # what the lecture promised" in rubric_path(desk).read_text()


@pytest.mark.parametrize(("width", "dark"), SIGHTS)
def test_marks_of_another_rubric_are_said_for_everybody_in_a_browser(
    browser: Browser, axe: str, tmp_path: Path, width: int, dark: bool
) -> None:
    with running_desk(tmp_path, CLASS, rubric=COMMENTED) as desk:
        write_numbers(desk, "pass_mark = 60", "pass_mark = 50")
        decided = Change(kind="override", student="Ada Lind", author="kim", value={"points": 100}, reason="viva")
        desk.desk.decide([decided])
        shutil.rmtree(desk.out / safe_name("Ada Lind") / EVIDENCE_FOLDER)
        with visiting(browser, desk, "/", width=width, dark=dark) as seen:
            page = seen.page
            assert (faults(page, axe), overflow(page)) == ([], 0)
            page.get_by_role("link", name="See who would move").click()
            page.locator('[id="n.check.2.points"]').fill("50")
            page.get_by_text("1 student has a submission").wait_for()
            assert (faults(page, axe), overflow(page)) == ([], 0)
            page.get_by_role("button", name="Mark the class again", exact=True).click()
            page.get_by_role("heading", name="The class was marked again").wait_for()
            assert (faults(page, axe), overflow(page)) == ([], 0)
            assert seen.errors == []
        assert OTHERWISE not in desk.get("/").text


def test_without_a_script_a_preview_is_a_button(browser: Browser, axe: str, tmp_path: Path) -> None:
    with running_desk(tmp_path, CLASS, rubric=COMMENTED) as desk, visiting(
        browser, desk, "/what-if", script=False
    ) as seen:  # fmt: skip
        page = seen.page
        assert not page.locator(".slider").first.is_visible()
        page.locator(f'[id="{THRESHOLD}"]').fill("0.6")
        page.get_by_role("button", name="Preview").click()
        page.get_by_text("2 students move").wait_for()
        page.get_by_role("button", name="Apply").click()
        page.get_by_role("heading", name="The rubric was changed").wait_for()
