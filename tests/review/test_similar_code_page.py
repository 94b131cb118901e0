"""Pairs of similar code: side by side with what they share marked, a verdict with a reason, and no student ever sees it."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from grader.core.decision_log import pair_subject
from grader.core.evidence import Cell
from grader.core.results import Flag
from grader.core.store import RESULT
from grader.exports.csv_files import write_gradebook
from grader.gradebook import Change
from grader.marking.publish import OutputOptions
from grader.marking.regrade import regrade
from grader.marking.similarity import KIND, PAIRS, Compared, load_compared, save_compared
from grader.review.desk import Desk
from grader.run.similar_code import compare_again
from tests.marking.test_shared_code import passage
from tests.review.browsing import SIGHTS, faults, overflow, visiting
from tests.review.desks import Entrant, RunningDesk, running_desk, serving

SHARED = passage(*range(10, 20))
HOSTILE = "Mal</script><img src=x onerror=alert(1)>\u202e"
FLAG = Flag(kind=KIND, reason="shares 97 % with somebody", audience="instructor")


def code(*sources: str) -> tuple[Cell, ...]:
    return tuple(Cell(number=number, source=source, executed=True) for number, source in enumerate(sources, 1))


PAIR = (
    Entrant(name="Ada Lind", cells=code(passage(101), SHARED), flags=(FLAG,)),
    Entrant(name="Bo Mwangi", cells=code(passage(201), passage(202), passage(203))),
    Entrant(name=HOSTILE, cells=code(f"# </pre><script>alert(1)</script>\n{SHARED}", passage(301)), flags=(FLAG,)),
)


def compare(desk: RunningDesk) -> None:
    compare_again(desk.out, desk.course, desk.desk.assignment)
    desk.desk.look_again()


@pytest.fixture
def pair_desk(tmp_path: Path) -> Iterator[RunningDesk]:
    with running_desk(tmp_path, PAIR) as desk:
        compare(desk)
        yield desk


def mark_again(desk: RunningDesk) -> None:
    output = OutputOptions(out=desk.out, course=desk.course)
    assert len(regrade(desk.desk.options.rubric, output, dry_run=False, book=desk.desk.book)) == 3
    desk.desk.look_again()


def address(desk: RunningDesk) -> str:
    return f"/pairs/{desk.key('Ada Lind')}/{desk.key(HOSTILE)}"


def seen(desk: RunningDesk) -> str:
    found = re.search(r'name="seen" value="(\d+)"', desk.get(address(desk)).text)
    assert found is not None
    return found[1]


def decide(desk: RunningDesk, verdict: str, reason: str = "they sat together", **more: str) -> int:
    fields = {"seen": seen(desk), "verdict": verdict, "reason": reason, **more}
    return desk.post(address(desk), fields).status


def test_the_list_holds_the_pairs_with_shares_and_verdict(pair_desk: RunningDesk) -> None:
    text = pair_desk.get("/pairs").text
    assert f'href="{address(pair_desk)}"' in text
    assert "1 pair, 1 without a verdict" in text and "Bo Mwangi" not in text
    assert decide(pair_desk, "talk to them") == 303
    text = pair_desk.get("/pairs").text
    assert "0 without a verdict" in text and "kim: they sat together" in text


def test_the_shared_stretch_is_marked_on_both_sides_with_one_number(pair_desk: RunningDesk) -> None:
    text = pair_desk.get(address(pair_desk)).text
    marks = re.findall(r"<mark[^>]*>(.*?)</mark>", text, re.S)
    said = [re.sub(r"<[^>]*>", "", mark) for mark in marks]
    assert len(said) == 2 and said[0] == said[1] and said[0].startswith("1")
    assert (
        'id="first-1"' in text and 'href="#first-1"' in text and 'id="second-1"' in text and 'href="#second-1"' in text
    )
    assert "onerror=alert(1)&gt;⟨U+202E⟩" in text
    assert "<img" not in text and "<script>alert" not in text


def test_a_verdict_needs_a_choice_and_a_reason_and_the_text_is_kept(pair_desk: RunningDesk) -> None:
    assert decide(pair_desk, "report", "") == 400
    answer = pair_desk.post(address(pair_desk), {"seen": "0", "verdict": "guilty", "reason": "what I typed"})
    assert (answer.status, "what I typed" in answer.text) == (400, True)
    assert pair_desk.desk.state().log == ()


def test_the_newest_verdict_stands_and_who_saw_an_older_one_is_told(pair_desk: RunningDesk) -> None:
    assert decide(pair_desk, "report") == 303
    late = pair_desk.post(address(pair_desk), {"seen": "0", "verdict": "innocent", "reason": "meanwhile"})
    assert (late.status, "meanwhile" in late.text) == (409, True)
    assert decide(pair_desk, "innocent", "the same book") == 303
    assert [entry.value for entry in pair_desk.desk.state().log] == [{"verdict": "report"}, {"verdict": "innocent"}]
    text = pair_desk.get(address(pair_desk)).text
    assert "<strong>innocent</strong>. the same book" in text


def test_an_innocent_pair_leaves_the_queue_and_comes_back_when_that_is_taken_back(pair_desk: RunningDesk) -> None:
    def waiting() -> set[str]:
        return {row.result.student for row in pair_desk.desk.state().rows if KIND in row.queues}

    assert waiting() == {"Ada Lind", HOSTILE}
    for verdict in ("talk to them", "report"):
        decide(pair_desk, verdict)
        assert waiting() == {"Ada Lind", HOSTILE}
    decide(pair_desk, "innocent")
    assert waiting() == set()
    assert "queue=similar_code" not in pair_desk.get("/").text
    taken_back = Change(kind="similarity", subject=pair_subject("Ada Lind", HOSTILE), author="kim", value=None)
    pair_desk.desk.decide([taken_back])
    assert waiting() == {"Ada Lind", HOSTILE}


def test_a_verdict_is_in_the_log_with_both_names_and_undone_there(pair_desk: RunningDesk) -> None:
    decide(pair_desk, "report", "word for word")
    log = pair_desk.get("/log").text
    assert "similar code: Ada Lind and Mal&lt;/script&gt;" in log and "\u202e" not in log and "word for word" in log
    entry = pair_desk.desk.state().log[-1]
    assert pair_desk.post("/undo", {"seen": entry.id, "kind": "similarity"}).status == 303
    assert "1 without a verdict" in pair_desk.get("/pairs").text
    assert len(pair_desk.desk.state().log) == 2


def test_pairs_and_verdicts_survive_a_regrade(pair_desk: RunningDesk) -> None:
    decide(pair_desk, "innocent", "the same book")
    before = load_compared(pair_desk.out)
    mark_again(pair_desk)
    assert load_compared(pair_desk.out) == before
    text = pair_desk.get(address(pair_desk)).text
    assert "the same book" in text and "<mark" in text


def test_no_verdict_is_ever_in_what_students_or_platforms_get(pair_desk: RunningDesk) -> None:
    decide(pair_desk, "report", "a very secret reason")
    mark_again(pair_desk)
    assert pair_desk.post("/publish", {}).status == 200
    written = [path for path in pair_desk.out.rglob("*") if path.is_file() and "sqlite" not in path.name]
    assert len([path for path in written if path.name in (RESULT, "report.html")]) == 6
    for path in written:
        assert b"secret reason" not in path.read_bytes(), path
        assert b"similarity" not in path.read_bytes(), path
    results = [row.result for row in pair_desk.desk.state().rows]
    assert "secret" not in write_gradebook(results)
    for row in pair_desk.desk.state().rows:
        page = (row.folder / "report.html").read_text(encoding="utf-8")
        others = {other.result.student for other in pair_desk.desk.state().rows} - {row.result.student}
        assert not any(other.split("<")[0] in page for other in others)


def test_code_that_was_handed_in_anew_is_not_marked_and_says_so(pair_desk: RunningDesk) -> None:
    path = next(pair_desk.out.glob("Ada_Lind*/evidence/evidence.json"))
    path.write_text(path.read_text(encoding="utf-8").replace("total", "amount"), encoding="utf-8")
    text = pair_desk.get(address(pair_desk)).text
    assert "handed in again since" in text and "<mark" not in text
    compare(pair_desk)
    assert "<mark" in pair_desk.get(address(pair_desk)).text


def test_an_older_folder_is_compared_from_here(tmp_path: Path) -> None:
    with running_desk(tmp_path, PAIR) as desk:
        text = desk.get("/pairs").text
        assert "No pairs are kept" in text
        assert desk.post("/pairs/compare", {}).status == 503
        able = replace(desk.desk.options, compare=lambda: compare_again(desk.out, desk.course, desk.desk.assignment))
        with serving(Desk(able, desk.desk.book), desk.course) as other:
            assert (other.post("/pairs/compare", {}).to, (desk.out / PAIRS).is_file()) == ("/pairs", True)
            assert "1 pair, 1 without a verdict" in other.get("/pairs").text


def test_a_damaged_file_of_pairs_and_a_pair_of_who_is_gone_are_no_fault(pair_desk: RunningDesk) -> None:
    assert pair_desk.get("/pairs/0000000000000000/1111111111111111").status == 404
    (pair_desk.out / PAIRS).write_text('{"pairs": 7', encoding="utf-8")
    pair_desk.desk.look_again()
    assert "No pairs are kept" in pair_desk.get("/pairs").text
    assert pair_desk.get(address(pair_desk)).status == 404


def test_a_pair_with_an_earlier_year_is_shown_marked_and_decided_like_any_other(tmp_path: Path) -> None:
    earlier = tmp_path / "2025" / "handed-in"
    earlier.mkdir(parents=True)
    (earlier / "Cy <b>Old.py").write_text(f"# </pre><script>alert(1)</script>\n{SHARED}\n", encoding="utf-8")
    with running_desk(tmp_path / "desk", PAIR[:2]) as desk:
        save_compared(desk.out, Compared(pairs=(), left_out={}, against=(str(earlier),)))
        compare(desk)
        text = desk.get("/pairs").text
        assert "Cy &lt;b&gt;Old (2025/handed-in)" in text and str(earlier) in text and "lines</td>" in text
        place = f"/pairs/{desk.key('Ada Lind')}/{0:016x}"
        text = desk.get(place).text
        said = [re.sub(r"<[^>]*>", "", mark) for mark in re.findall(r"<mark[^>]*>(.*?)</mark>", text, re.S)]
        assert len(said) == 2 and said[0] == said[1] and "the longest has" in text and "<script>alert" not in text
        fields = {
            "seen": re.findall(r'name="seen" value="(\d+)"', text)[0],
            "verdict": "innocent",
            "reason": "his tutor",
        }
        assert desk.post(place, fields).status == 303
        assert "innocent" in desk.get("/pairs").text and not desk.desk.state().rows[0].queues
        assert "Ada Lind and Cy &lt;b&gt;Old of 2025/handed-in" in desk.get("/log").text
        marked = json.loads((desk.out / PAIRS).read_text(encoding="utf-8"))
        for word in ("against", "earlier", "engine"):  # as an older grader kept it
            del marked[word]
        (desk.out / PAIRS).write_text(json.dumps({**marked, "pairs": []}), encoding="utf-8")
        desk.desk.look_again()
        assert "No two submissions of this class" in desk.get("/pairs").text


@pytest.mark.parametrize(("width", "dark"), SIGHTS)
def test_in_a_browser_by_mouse_and_by_keyboard(
    browser: Browser, axe: str, tmp_path_factory: pytest.TempPathFactory, width: int, dark: bool
) -> None:
    with running_desk(tmp_path_factory.mktemp("desk"), PAIR) as desk:
        compare(desk)
        with visiting(browser, desk, "/pairs", width=width, dark=dark) as found:
            page = found.page
            assert (faults(page, axe), overflow(page) <= 0) == ([], True)
            page.keyboard.press("n")
            page.wait_for_url("**/pairs/*/*")
            page.locator("#first-1 a").first.click()
            assert page.locator("mark:target").get_attribute("id") == "second-1"
            page.locator("#second-1 a").focus()
            page.keyboard.press("Enter")
            assert page.locator("mark:target").get_attribute("id") == "first-1"
            assert (faults(page, axe), overflow(page) <= 0) == ([], True)
            page.keyboard.press("v")
            page.keyboard.press("Space")
            page.keyboard.press("Tab")
            page.keyboard.type("both cite the same book")
            page.keyboard.press("Control+Enter")
            page.get_by_text("Decided by kim").wait_for()
            assert page.get_by_role("radio", name="Innocent").is_checked()
            page.get_by_role("radio", name="Talk to them").check()
            page.get_by_label("Reason").fill("<b>not so sure</b>")
            page.get_by_role("button", name="Keep the verdict").click()
            page.get_by_text("<b>not so sure</b>").wait_for()
            page.get_by_role("link", name="All pairs").click()
            assert "0 without a verdict" in page.locator("main").inner_text()
            assert found.errors == []
