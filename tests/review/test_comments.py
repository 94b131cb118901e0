"""The comment bank: a comment is kept, changed wherever it was used after a preview of who moves, and deleted."""

import re

import pytest

from grader.core.decision_log import LONGEST
from grader.gradebook import Change
from tests.review.desks import RunningDesk
from tests.review.forms import SentForm, forms_of
from tests.review.server import Answer

ID = "0123456789abcdef" * 2
HOSTILE = "</textarea><script>alert(1)</script>\u202e"


def add(running: RunningDesk, text: str = "The axes have no names.", points: str = "-2", key: str = ID) -> Answer:
    return running.post("/comments/add", {"id": key, "text": text, "points": points})


def give(running: RunningDesk, *students: str, author: str = "kim", saved: str = ID) -> None:
    """What the screen of a submission writes where somebody takes a saved comment."""
    value = {"text": "as it was then", "points": 0.0, "saved": saved}
    running.desk.decide(
        [Change(kind="comment", subject=f"c {name}", student=name, author=author, value=value) for name in students]
    )


def edit(running: RunningDesk, key: str = ID) -> SentForm:
    page = running.get("/comments").text
    return next(form for form in forms_of(page) if form.action == "/comments/preview" and form.fields["id"] == key)


def preview(running: RunningDesk, **typed: str) -> Answer:
    form = edit(running)
    return running.post(form.action, {**form.fields, **typed})


def apply(running: RunningDesk, shown: Answer) -> Answer:
    form = next(form for form in forms_of(shown.text) if form.action == "/comments/change")
    return running.post(form.action, form.fields)


def points_of(running: RunningDesk, student: str) -> float | None:
    return running.desk.book.grades(running.desk.assignment, student=student)[0].points


def comments_of(running: RunningDesk, student: str) -> list[tuple[str, float]]:
    review = running.desk.book.grades(running.desk.assignment, student=student)[0].review
    return [(comment.text, comment.points) for comment in review.comments] if review else []


def test_a_comment_is_kept_and_a_form_that_is_sent_twice_keeps_it_once(a_desk: RunningDesk) -> None:
    answers = [add(a_desk), add(a_desk)]
    assert [answer.status for answer in answers] == [303, 303]
    assert answers[0].to == f"/comments#comment-{ID}"
    assert len(a_desk.desk.state().log) == 1
    page = a_desk.get("/comments").text
    assert "The axes have no names." in page and "not used yet" in page and "1 of 1 comment" in page


def test_an_id_that_no_page_made_is_not_taken(a_desk: RunningDesk) -> None:
    assert add(a_desk, key="<b>").status == 303
    assert [re.fullmatch("[0-9a-f]{32}", key) is not None for key in a_desk.desk.state().saved] == [True]


def test_the_list_says_who_has_a_comment_and_who_gave_it(a_desk: RunningDesk) -> None:
    add(a_desk)
    add(a_desk, "Well done.", "", "f" * 32)
    give(a_desk, "Ada Lind", "Dina Haddad", "Emil Berg")
    give(a_desk, "Bo Mwangi", author="lee")
    page = a_desk.get("/comments").text
    assert "4 students have it: given by kim (3), lee (1)" in page
    assert page.index("The axes have no names.") < page.index("Well done.")
    found = a_desk.get("/comments?search=DONE+well").text
    assert "Well done." in found and "The axes have no names." not in found and "1 of 2 comments" in found


def test_a_preview_says_who_moves_and_keeps_nothing(a_desk: RunningDesk) -> None:
    add(a_desk)
    give(a_desk, "Ada Lind", "Bo Mwangi")
    before = (a_desk.desk.state().log, points_of(a_desk, "Ada Lind"), points_of(a_desk, "Bo Mwangi"))
    shown = preview(a_desk, points="-35")
    assert shown.status == 200
    assert "2 students have it: 2 get other points, of 1 the result changes." in shown.text
    cells = re.findall(r'<tr class="moved"><th scope="row"><a [^>]*>(.*?)</a></th>(.*?)</tr>', shown.text)
    assert [(name, re.findall("<td[^>]*>(.*?)</td>", row)) for name, row in cells] == [
        ("Ada Lind", ["88", "55", "passed", "not passed"]),
        ("Bo Mwangi", ["18", "0", "not passed", "not passed"]),
    ]
    assert before == (a_desk.desk.state().log, points_of(a_desk, "Ada Lind"), points_of(a_desk, "Bo Mwangi"))


def test_a_change_is_one_entry_and_changes_it_wherever_it_was_used(a_desk: RunningDesk) -> None:
    add(a_desk)
    give(a_desk, "Ada Lind", "Dina Haddad", "Emil Berg")
    entries = len(a_desk.desk.state().log)
    answer = apply(a_desk, preview(a_desk, text="Name the axes, with units.", points="-4"))
    assert (answer.status, answer.to) == (303, f"/comments#comment-{ID}")
    assert len(a_desk.desk.state().log) == entries + 1
    for student in ("Ada Lind", "Dina Haddad", "Emil Berg"):
        assert comments_of(a_desk, student) == [("Name the axes, with units.", -4.0)]
    assert points_of(a_desk, "Ada Lind") == 86.0


def test_a_deleted_comment_stays_as_it_stood_last_where_it_was_used(a_desk: RunningDesk) -> None:
    add(a_desk)
    give(a_desk, "Ada Lind")
    apply(a_desk, preview(a_desk, text="Name the axes.", points="-4"))
    shown = preview(a_desk, delete="1")
    assert "it stays where it was used" in shown.text and "0 get other points" in shown.text
    assert apply(a_desk, shown).status == 303
    assert a_desk.desk.state().saved == {}
    assert comments_of(a_desk, "Ada Lind") == [("Name the axes.", -4.0)]
    assert points_of(a_desk, "Ada Lind") == 86.0
    assert "Name the axes." not in a_desk.get("/comments").text


def test_of_two_who_change_one_the_second_is_shown_what_stands(a_desk: RunningDesk) -> None:
    add(a_desk)
    mine, yours = preview(a_desk, text="mine"), preview(a_desk, text="yours")
    assert apply(a_desk, mine).status == 303
    refused = apply(a_desk, yours)
    assert refused.status == 409
    assert "changed by kim meanwhile" in refused.text and "mine" in refused.text and "yours" in refused.text
    assert a_desk.desk.state().saved[ID].text == "mine"


def test_a_comment_that_somebody_deleted_meanwhile_is_not_changed(a_desk: RunningDesk) -> None:
    add(a_desk)
    shown = preview(a_desk, text="other")
    apply(a_desk, preview(a_desk, delete="1"))
    assert apply(a_desk, shown).status == 404
    assert a_desk.post("/comments/preview", {"id": "../../etc", "text": "x"}).status == 404


@pytest.mark.parametrize(
    ("text", "points", "words"),
    [
        (" \n ", "-1", "The comment is empty."),
        ("x" * (LONGEST + 1), "", "4,001 characters"),
        ("x" * 100_000, "", "100,000 characters"),
        ("fine", "two", "is not a number"),
        ("fine", "inf", "`inf` is not a number"),
        ("fine", "10000000", "is not a number of points"),
    ],
)
def test_what_can_not_be_kept_is_refused_and_what_was_typed_is_kept(
    a_desk: RunningDesk, text: str, points: str, words: str
) -> None:
    answer = add(a_desk, text, points)
    assert answer.status == 400
    assert words in answer.text
    assert text.strip() in answer.text
    assert a_desk.desk.state().log == ()


def test_a_comment_with_markup_is_text_everywhere(a_desk: RunningDesk) -> None:
    add(a_desk, HOSTILE)
    give(a_desk, "Ada Lind")
    pages = [a_desk.get("/comments").text, preview(a_desk, text=HOSTILE + "!").text]
    for page in pages:
        assert "<script>alert" not in page
        assert "⟨U+202E⟩" in page
    assert edit(a_desk).fields["text"] == HOSTILE


def undo(running: RunningDesk) -> Answer:
    return running.post("/undo", {"seen": running.desk.state().log[-1].id, "kind": "saved_comment"})


def test_undoing_the_first_version_shows_who_has_the_comment_and_deletes_it_then(a_desk: RunningDesk) -> None:
    add(a_desk)
    shown = undo(a_desk)
    assert "Delete a saved comment" in shown.text and ID in a_desk.desk.state().saved
    assert apply(a_desk, shown).status == 303
    assert a_desk.desk.state().saved == {}
    assert undo(a_desk).to == "/log"
    assert a_desk.desk.state().saved[ID].text == "The axes have no names."


def test_a_change_that_does_not_stand_any_more_is_not_undone(a_desk: RunningDesk) -> None:
    add(a_desk)
    first = a_desk.desk.state().log[-1]
    apply(a_desk, preview(a_desk, text="Name them.", points="-3"))
    assert a_desk.post("/undo", {"seen": first.id, "kind": "saved_comment"}).status == 409
