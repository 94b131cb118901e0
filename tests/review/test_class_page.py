"""The class at a glance: who needs a person and why, filtered, sorted, searched, assigned; published from here."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from grader.core.results import Flag, Status
from grader.gradebook import Change, Superseded, open_gradebook
from grader.review.desk import Desk
from tests.review.browsing import SIGHTS, faults, overflow, visiting
from tests.review.desks import SOME, Entrant, RunningDesk, running_desk

HOSTILE = "<img src=x onerror=alert(1)>\u202e' OR 1=1 --"
FLAGGED = (Flag(kind="similar_code", reason="shares 90 % with <b>somebody</b>", audience="instructor"),)


def names_in(text: str) -> list[str]:
    """The students of the table, in its order."""
    return [found.strip() for found in re.findall(r'<th scope="row"><a href="[^"]*">([^<]*)</a>', text)]


def decide(desk: RunningDesk, student: str, kind: str, value: dict[str, object] | None, **more: str) -> None:
    desk.desk.decide([Change(kind=kind, student=student, author="kim", value=value, reason="seen", **more)])  # type: ignore[arg-type]


def test_queues_hold_who_needs_a_person_until_somebody_looked(a_desk: RunningDesk) -> None:
    assert names_in(a_desk.get("/?queue=needs_review").text) == ["Chi Tanaka"]
    assert names_in(a_desk.get("/?queue=explained").text) == ["Filip Horak"]
    assert names_in(a_desk.get("/?queue=any").text) == ["Bo Mwangi", "Chi Tanaka", "Filip Horak"]
    decide(a_desk, "Chi Tanaka", "looked_at", {})
    page = a_desk.get("/?queue=any")
    assert names_in(page.text) == ["Bo Mwangi", "Filip Horak"]
    assert "<strong>1</strong> of 5 looked at or decided; <strong>2</strong> need a person" in page.text
    assert names_in(a_desk.get("/?queue=settled").text) == ["Chi Tanaka"]
    assert names_in(a_desk.get("/?queue=nonsense").text) == []


def test_an_override_settles_a_submission_and_taking_it_back_opens_it_again(a_desk: RunningDesk) -> None:
    decide(a_desk, "Chi Tanaka", "override", {"points": 50})
    assert names_in(a_desk.get("/?queue=needs_review").text) == []
    decide(a_desk, "Chi Tanaka", "override", None)
    assert names_in(a_desk.get("/?queue=needs_review").text) == ["Chi Tanaka"]


def test_the_table_is_sorted_both_ways_and_searched_by_every_word(a_desk: RunningDesk) -> None:
    rising = names_in(a_desk.get("/?sort=grade").text)
    assert rising[:3] == ["Filip Horak", "Bo Mwangi", "Ada Lind"]
    assert names_in(a_desk.get("/?sort=grade&order=down").text)[-3:] == ["Ada Lind", "Bo Mwangi", "Filip Horak"]
    assert names_in(a_desk.get("/?search=mwa+bo").text) == ["Bo Mwangi"]
    assert names_in(a_desk.get("/?search=emil").text) == ["Dina Haddad", "Emil Berg"]
    assert names_in(a_desk.get("/?search=nobody").text) == []
    assert names_in(a_desk.get("/?sort=no-column").text)[0] == "Ada Lind"


def test_search_passes_over_case_and_accents(tmp_path: Path) -> None:
    with running_desk(tmp_path, [Entrant(name="Zoë de Vries"), Entrant(name="Łukasz Żak")]) as desk:
        assert names_in(desk.get("/?search=zoe+VRIES").text) == ["Zoë de Vries"]
        assert names_in(desk.get("/?search=zak").text) == ["Łukasz Żak"]


def test_whoever_decided_anything_is_named_and_counts_as_progress(a_desk: RunningDesk) -> None:
    decide(a_desk, "Ada Lind", "adjustment", {"points": -5})
    decide(a_desk, "Bo Mwangi", "comment", {"text": "Train longer."}, subject="1")
    decide(a_desk, "Chi Tanaka", "assigned", {"to": "Lou"})
    page = a_desk.get("/")
    assert "<strong>2</strong> of 5 looked at or decided; <strong>3</strong> need a person" in page.text
    assert page.text.count('data-label="Decided by">kim<') == 2
    assert names_in(a_desk.get("/?queue=settled").text) == ["Ada Lind", "Bo Mwangi"]


def test_what_no_student_would_see_is_nothing_to_publish(a_desk: RunningDesk) -> None:
    decide(a_desk, "Ada Lind", "looked_at", {})
    decide(a_desk, "Bo Mwangi", "assigned", {"to": "Lou"})
    assert "an older grade" not in a_desk.get("/").text
    decide(a_desk, "Chi Tanaka", "looked_at", {})  # the page says provisional until then
    assert "1 page shows an older grade" in " ".join(a_desk.get("/").text.split())


def test_a_graders_own_list_holds_what_was_assigned(a_desk: RunningDesk) -> None:
    decide(a_desk, "Ada Lind", "assigned", {"to": "Lou"})
    assert names_in(a_desk.get("/?grader=Lou").text) == ["Ada Lind"]
    assert "<option>Lou</option>" in a_desk.get("/").text


def test_publishing_writes_the_pages_that_show_an_older_grade(a_desk: RunningDesk) -> None:
    decide(a_desk, "Ada Lind", "adjustment", {"points": -5})
    page = a_desk.get("/")
    assert "1 page shows" in page.text
    done = a_desk.post("/publish", {})
    assert (done.status, "1 page was" in done.text) == (200, True)
    shown = (a_desk.out / "index.html").read_text(encoding="utf-8")
    assert "Ada Lind" in shown
    assert "an older grade" not in a_desk.get("/").text
    report = next(a_desk.out.glob("Ada_Lind*/report.html")).read_text(encoding="utf-8")
    assert '<p class="score"><strong>85</strong>' in report and "kim" not in report


def test_grades_are_downloaded_as_they_stand_and_no_name_is_a_formula(tmp_path: Path) -> None:
    with running_desk(tmp_path, [Entrant(name="=cmd()"), Entrant(name="Ada Lind")]) as desk:
        decide(desk, "Ada Lind", "override", {"points": 61.5})
        answer = desk.get("/grades.csv")
    rows = {row["student"]: row["points"] for row in csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))}
    assert rows == {"'=cmd()": "100", "Ada Lind": "61.5"}
    assert "attachment" in answer.headers["content-disposition"]


def test_two_desks_over_one_gradebook_see_each_other_and_overwrite_nothing(place: str, tmp_path: Path) -> None:
    with running_desk(tmp_path, gradebook=place) as one, open_gradebook(place) as book:
        other = Desk(replace(one.desk.options, author="lou"), book)
        before = other.state()
        decide(one, "Ada Lind", "adjustment", {"points": -5})
        (entry,) = other.state().log
        assert (before.log, entry.author) == ((), "kim")
        late = Change(
            kind="adjustment", student="Ada Lind", author="lou", value={"points": 3}, reason="neat", seen=0
        )  # fmt: skip
        with pytest.raises(Superseded) as told:
            other.decide([late])
        assert told.value.newest is not None and told.value.newest.value == {"points": -5.0}
        other.decide([replace(late, seen=entry.id)])
        assert [entry.author for entry in one.desk.state().log] == ["kim", "lou"]


def test_a_row_whose_folder_is_gone_leaves_the_table(a_desk: RunningDesk) -> None:
    key = a_desk.key("Bo Mwangi")
    result = next(a_desk.out.glob("Bo_Mwangi*/result.json"))
    result.unlink()
    a_desk.desk.look_again()
    assert "Bo Mwangi" not in names_in(a_desk.get("/").text)
    gone = a_desk.get(f"/submission/{key}")
    assert (gone.status, "not in the class any more" in gone.text) == (404, True)


@pytest.mark.parametrize(("width", "dark"), SIGHTS)
def test_in_a_browser_by_mouse_and_by_keyboard(
    browser: Browser, axe: str, tmp_path_factory: pytest.TempPathFactory, width: int, dark: bool
) -> None:
    hostile = (*SOME, Entrant(name=HOSTILE, flags=FLAGGED, status=Status.NEEDS_REVIEW))
    root = tmp_path_factory.mktemp("desk")
    with running_desk(root, hostile) as desk, visiting(browser, desk, width=width, dark=dark) as seen:
        page = seen.page
        assert page.locator("tbody tr").count() == 7
        page.get_by_role("link", name="needs a person 4").click()
        assert page.locator("tbody tr").count() == 4
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "search"
        page.keyboard.type("onerror")
        page.keyboard.press("Enter")
        page.wait_for_url("**search=onerror**")
        assert page.locator("tbody tr").count() == 1 and "<img src=x" in page.locator("tbody").inner_text()
        assert page.locator("img").count() == 0, "no name becomes markup"
        page.get_by_role("link", name="Grade", exact=True).click()
        assert page.locator("th[aria-sort=ascending]").inner_text() == "Grade"
        page.keyboard.press("c")
        page.wait_for_url(f"{desk.origin}/")
        page.keyboard.press("n")
        page.wait_for_url("**/submission/**")
        page.goto(desk.origin + "/")
        assert faults(page, axe) == []
        assert overflow(page) <= 0
        assert seen.errors == []


def test_without_a_script_the_class_is_filtered_sorted_and_searched_as_well(
    browser: Browser, a_desk: RunningDesk
) -> None:
    with visiting(browser, a_desk, script=False) as seen:
        seen.page.get_by_label("Search").fill("tanaka")
        seen.page.get_by_role("button", name="Show").click()
        assert seen.page.locator("tbody tr").count() == 1
