"""One submission: what its page shows, what a form decides, and where it leads."""

import re
from collections.abc import Mapping

import pytest

from grader.core.grades import grades_of
from tests.review.desks import Answer, RunningDesk


def decide(desk: RunningDesk, name: str, kind: str, **fields: str | int | float) -> Answer:
    """A form of a submission's page, sent."""
    return desk.post(f"/submission/{desk.key(name)}/decide", {"kind": kind, **fields})


def points(desk: RunningDesk, name: str) -> list[float | None]:
    """What each student of a submission gets now."""
    return [grade.points for grade in grades_of(desk.desk.row(desk.key(name)).result)]


def page(desk: RunningDesk, name: str, query: str = "") -> str:
    answer = desk.get(f"/submission/{desk.key(name)}{query}")
    assert answer.status == 200, answer.text
    return answer.text


def hidden(text: str, kind: str) -> Mapping[str, str]:
    """The hidden fields of the first form of a kind."""
    for form in re.findall(r"<form.*?</form>", text, re.DOTALL):
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
        if fields.get("kind") == kind:
            return fields
    raise AssertionError(f"there is no form of the kind {kind}")


def test_the_page_shows_the_notebook_the_checks_and_what_stands(a_desk: RunningDesk) -> None:
    text = page(a_desk, "Ada Lind")
    assert "plt.plot(history.history" in text and "data:image/png;base64," in text and "NameError" in text
    assert all(f'id="check-{number}"' in text for number in (1, 2, 3))
    assert "<b>70</b> / 70" in text and "1 of 5" in text


def test_a_check_gets_a_persons_points_with_a_reason_and_takes_them_back(a_desk: RunningDesk) -> None:
    before = points(a_desk, "Ada Lind")
    seen = hidden(page(a_desk, "Ada Lind"), "check")["seen"]
    said = decide(a_desk, "Ada Lind", "check", check="accuracy", points="40,5", reason="two nets", seen=seen)
    assert (said.status, said.to) == (303, f"/submission/{a_desk.key('Ada Lind')}#check-3")
    assert points(a_desk, "Ada Lind") == [before[0] - 29.5]
    text = page(a_desk, "Ada Lind")
    assert "<b>40.5</b> / 70" in text and "Decided by kim: two nets; the check gave 70" in text
    decide(a_desk, "Ada Lind", "check", check="accuracy", take_back=1)
    assert points(a_desk, "Ada Lind") == before


def test_points_in_all_are_given_fixed_and_excused(a_desk: RunningDesk) -> None:
    (before,) = points(a_desk, "Ada Lind")
    assert before is not None
    assert decide(a_desk, "Ada Lind", "adjustment", points="-5", reason="no names", seen=0).status == 303
    assert points(a_desk, "Ada Lind") == [before - 5]
    assert decide(a_desk, "Ada Lind", "override", points="61", reason="shown in person", seen=0).status == 303
    assert points(a_desk, "Ada Lind") == [61]
    assert decide(a_desk, "Ada Lind", "override", excuse=1, points="61", reason="ill").status == 303
    assert points(a_desk, "Ada Lind") == [None]
    assert decide(a_desk, "Ada Lind", "override", take_back=1, reason="a mistake").status == 303
    assert points(a_desk, "Ada Lind") == [before - 5]


def test_what_is_decided_of_a_group_is_decided_of_every_member_and_undone_for_all(a_desk: RunningDesk) -> None:
    (before, _) = points(a_desk, "Dina and Emil")
    assert before is not None
    text = page(a_desk, "Dina and Emil")
    seen = hidden(text, "adjustment")["seen"]
    assert seen == "0 0"
    assert decide(a_desk, "Dina and Emil", "adjustment", points="-4", reason="late", seen=seen).status == 303
    assert points(a_desk, "Dina and Emil") == [before - 4, before - 4]
    text = page(a_desk, "Dina and Emil")
    assert text.count("points beside the checks</strong>") == 1, "it is told once"
    newest = a_desk.desk.state().log[-1]
    assert a_desk.post("/undo", {"seen": newest.id, "kind": "adjustment"}).to == "/log"
    assert points(a_desk, "Dina and Emil") == [before, before]
    stale = decide(a_desk, "Dina and Emil", "adjustment", points="1", reason="x", seen="7")
    assert stale.status == 409, "a form of another group"
