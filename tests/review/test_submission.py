"""One submission: what its page shows, what a form decides, and where it leads."""

import re
from collections.abc import Mapping
from pathlib import Path

from grader.core.grades import grades_of
from grader.review.class_state import seen_entries
from tests.fakes import RUBRIC
from tests.review.desks import RunningDesk, running_desk
from tests.review.forms import forms_of
from tests.review.server import Answer


def decide(desk: RunningDesk, name: str, kind: str, **fields: str | int | float) -> Answer:
    """A form of a submission's page, sent by who saw what stands now (or `seen`)."""
    key = desk.key(name)
    if "seen" not in fields:
        subject = str(fields.get({"check": "check", "comment": "id"}.get(kind, ""), ""))
        last = desk.desk.state().decided_last(desk.desk.row(key).students, kind, subject)  # type: ignore[arg-type]
        fields["seen"] = seen_entries(last.values())
    return desk.post(f"/submission/{key}/decide", {"kind": kind, **fields})


def test_a_form_that_does_not_say_what_its_person_saw_is_not_taken(a_desk: RunningDesk) -> None:
    said = decide(a_desk, "Ada Lind", "adjustment", points="-5", reason="untidy", seen="")
    assert (said.status, "changed meanwhile" in said.text, a_desk.desk.state().log) == (409, True, ())


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
    (before,) = points(a_desk, "Ada Lind")
    assert before is not None
    seen = hidden(page(a_desk, "Ada Lind"), "check")["seen"]
    said = decide(a_desk, "Ada Lind", "check", check="accuracy", points="40,5", reason="two nets", seen=seen)
    assert (said.status, said.to) == (303, f"/submission/{a_desk.key('Ada Lind')}#check-3")
    assert points(a_desk, "Ada Lind") == [before - 29.5]
    text = page(a_desk, "Ada Lind")
    assert "<b>40.5</b> / 70" in text and "Decided by kim: two nets; the check gave 70" in text
    decide(a_desk, "Ada Lind", "check", check="accuracy", take_back=1)
    assert points(a_desk, "Ada Lind") == [before]


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


def test_the_next_submission_is_found_though_a_decision_took_this_one_out_of_the_queue(a_desk: RunningDesk) -> None:
    queue = "?queue=open&sort=student"
    first, second, third = (a_desk.key(name) for name in ("Ada Lind", "Bo Mwangi", "Chi Tanaka"))
    text = page(a_desk, "Bo Mwangi", queue)
    assert "<strong>2 of 5</strong>" in text and "not looked at" in text
    back = hidden(text, "looked_at")["back"].replace("&amp;", "&")
    went = decide(a_desk, "Bo Mwangi", "looked_at", seen=0, back=back, go_on=1)
    assert went.to == f"/submission/{third}?{queue[1:]}"
    assert "<strong>2 of 4</strong>" in a_desk.get(went.to).text
    text = page(a_desk, "Bo Mwangi", queue)
    assert "<strong>2 of 5</strong>" in text and "no longer in it" in text
    assert f'href="/submission/{first}?queue=open&amp;sort=student" rel="prev"' in text
    assert f'href="/submission/{third}?queue=open&amp;sort=student" rel="next"' in text
    assert second not in a_desk.get(went.to).text


def test_the_last_submission_of_a_queue_leads_back_to_the_class(a_desk: RunningDesk) -> None:
    back = hidden(page(a_desk, "Filip Horak", "?queue=open"), "looked_at")["back"].replace("&amp;", "&")
    assert decide(a_desk, "Filip Horak", "looked_at", seen=0, back=back, go_on=1).to == "/?queue=open"


def test_points_that_move_a_submission_in_its_list_leave_its_neighbours_where_they_were(a_desk: RunningDesk) -> None:
    text = page(a_desk, "Bo Mwangi", "?sort=grade")
    following = re.findall(r'href="(/submission/\w+)\?sort=grade" rel="next"', text)
    back = hidden(text, "adjustment")["back"].replace("&amp;", "&")
    went = decide(a_desk, "Bo Mwangi", "adjustment", points="80", reason="best of all", seen=0, back=back)
    assert re.findall(r'href="(/submission/\w+)\?sort=grade" rel="next"', a_desk.get(went.to).text) == following


def test_comments_stand_at_their_cell_their_line_their_check_and_on_the_whole(a_desk: RunningDesk) -> None:
    places: tuple[dict[str, str | int], ...] = ({"cell": 3}, {"cell": 3, "line": 6}, {"check": "trained"}, {})
    for number, fields in enumerate(places):
        said = decide(a_desk, "Ada Lind", "comment", id=f"{number:032}", text=f"comment {number}", seen=0, **fields)
        assert said.status == 303, said.text
        assert said.to.partition("#")[2] == ("cell-3", "cell-3", "check-2", "comments")[number]
    text = page(a_desk, "Ada Lind")
    cell = text.partition('id="cell-3"')[2].partition("</article>")[0]
    line, rest = cell.partition("comment 1")[::2]
    assert "history = model.fit(" in line and "x_train, y_train," not in line, "it follows its line"
    assert "comment 0" in rest and "comment 2" not in cell
    assert "comment 2" in text.partition('id="check-2"')[2].partition('id="check-3"')[0]
    assert "comment 3" in text.partition('id="comments"')[2].partition("</section>")[0]


def test_a_comment_is_changed_and_deleted_in_its_place(a_desk: RunningDesk) -> None:
    (before,) = points(a_desk, "Ada Lind")
    assert before is not None
    one = "a" * 32
    decide(a_desk, "Ada Lind", "comment", id=one, text="no axes", points="-3", cell=4, line=2, seen=0)
    assert points(a_desk, "Ada Lind") == [before - 3]
    again = decide(a_desk, "Ada Lind", "comment", id=one, text="twice", seen=0)
    assert again.status == 409 and "twice" in again.text, "a form that is sent twice writes nothing over"
    seen = a_desk.desk.state().standing["Ada Lind", "comment", one].id
    assert f'name="seen" value="{seen}">' in page(a_desk, "Ada Lind").partition(f'id="comment-{one}"')[2][:2_000]
    decide(a_desk, "Ada Lind", "comment", id=one, text="name the axes", points="-1", cell=4, line=2, seen=seen)
    assert points(a_desk, "Ada Lind") == [before - 1]
    decide(a_desk, "Ada Lind", "comment", id=one, take_back=1)
    assert points(a_desk, "Ada Lind") == [before] and "name the axes</p>" not in page(a_desk, "Ada Lind")


def test_a_comment_is_kept_for_others_and_chosen_by_its_words(a_desk: RunningDesk) -> None:
    decide(a_desk, "Ada Lind", "comment", id="a" * 32, text="Name the axes.", points="-2", keep=1, seen=0)
    assert [item.text for item in a_desk.desk.state().saved.values()] == ["Name the axes."]
    assert '<option value="Name the axes.">-2</option>' in page(a_desk, "Bo Mwangi")
    (before,) = points(a_desk, "Bo Mwangi")
    assert before is not None
    decide(a_desk, "Bo Mwangi", "comment", id="b" * 32, saved="Name the axes.", cell=4, seen=0)
    assert points(a_desk, "Bo Mwangi") == [before - 2] and "a saved comment" in page(a_desk, "Bo Mwangi")
    for fields, why in (
        ({"saved": "Name the axis"}, "There is no saved comment"),
        ({"saved": "Name the axes.", "text": "and more"}, "another text"),
        ({"saved": "Name the axes.", "points": "5"}, "other points"),
    ):
        refused = decide(a_desk, "Bo Mwangi", "comment", id="c" * 32, seen=0, **fields)
        assert refused.status == 400 and why in refused.text


def test_two_saved_comments_that_begin_alike_are_told_apart(a_desk: RunningDesk) -> None:
    for name, letter in (("Ada Lind", "a"), ("Bo Mwangi", "b")):
        decide(a_desk, name, "comment", id=letter * 32, text="x" * 200 + letter, keep=1, seen=0)
    titles = re.findall(r'<option value="(x+…[^"]*)">', page(a_desk, "Chi Tanaka"))
    assert len(set(titles)) == 2
    decide(a_desk, "Chi Tanaka", "comment", id="c" * 32, saved=titles[1], seen=0)
    (given,) = a_desk.desk.row(a_desk.key("Chi Tanaka")).review.comments
    assert given.text == "x" * 200 + "b"


def test_a_submission_is_handed_to_a_colleague_and_back_to_nobody(a_desk: RunningDesk) -> None:
    decide(a_desk, "Ada Lind", "assigned", to="Mara Weber", seen=0)
    assert "Mara Weber" in a_desk.get("/?grader=Mara+Weber").text and 'value="Mara Weber"' in page(a_desk, "Ada Lind")
    decide(a_desk, "Ada Lind", "assigned", to="")
    assert a_desk.desk.state().assigned(a_desk.desk.row(a_desk.key("Ada Lind"))) == ""


def test_undo_writes_what_stood_before_and_undoing_that_brings_it_back(a_desk: RunningDesk) -> None:
    (first,) = points(a_desk, "Ada Lind")
    for change, reason in ((70, "first"), (80, "second")):
        decide(a_desk, "Ada Lind", "override", points=change, reason=reason)
    row = {"row": a_desk.key("Ada Lind"), "back": "queue=any"}

    def undo() -> str:
        newest = a_desk.desk.state().log[-1]
        said = a_desk.post("/undo", {"seen": newest.id, "kind": newest.kind, **row})
        assert said.status == 303, said.text
        return said.to

    assert undo() == f"/submission/{a_desk.key('Ada Lind')}?queue=any#history"
    assert points(a_desk, "Ada Lind") == [70]
    undo()
    assert points(a_desk, "Ada Lind") == [80]
    assert [entry.reason for entry in a_desk.desk.state().log] == ["first", "second", "first (undo)", "second (undo)"]
    text = page(a_desk, "Ada Lind")
    assert "Undo my last decision" not in text, "the key takes back decisions, and this is one that was taken back"
    assert first is not None and first != 80


def test_undo_restores_an_override_above_the_maximum(a_desk: RunningDesk) -> None:
    a_desk.desk.book.override("Ada Lind", points=120, above_maximum=True, author="lee", reason="a second task")
    assert decide(a_desk, "Ada Lind", "override", points=90, reason="a mistake").status == 303
    newest = a_desk.desk.state().log[-1]
    said = a_desk.post("/undo", {"seen": newest.id, "kind": "override"})
    assert (said.status, points(a_desk, "Ada Lind")) == (303, [120]), said.text
    assert decide(a_desk, "Ada Lind", "override", points=120, reason="typed").status == 400


def test_undo_restores_points_of_a_check_that_gives_fewer_by_now(tmp_path: Path) -> None:
    with running_desk(tmp_path) as desk:
        for given in (70, 50):
            decide(desk, "Ada Lind", "check", check="accuracy", points=given, reason=f"{given}")
        newest = desk.desk.state().log[-1]
        row = desk.desk.row(desk.key("Ada Lind"))
        checks = tuple(
            item.model_copy(update={"out_of": 60.0, "points": 60.0}) if item.name == "accuracy" else item
            for item in row.result.checks
        )
        lower = row.result.model_copy(update={"checks": checks, "points": 90.0, "out_of": 90.0, "grade": None})
        (hand_in,) = (item for item in desk.desk.book.hand_ins("tiny") if item.student.name == "Ada Lind")
        desk.desk.book.record(lower, hand_in, rubric_digest="another")
        assert points(desk, "Ada Lind") == [80]
        said = desk.post("/undo", {"seen": newest.id, "kind": "check"})
        assert (said.status, points(desk, "Ada Lind")) == (303, [90]), said.text


def test_what_does_not_stand_any_more_can_not_be_undone(a_desk: RunningDesk) -> None:
    for change in ("-1", "-2"):
        decide(a_desk, "Ada Lind", "adjustment", points=change, reason="x")
    older = a_desk.desk.state().log[0]
    refused = a_desk.post("/undo", {"seen": older.id, "kind": "adjustment", "row": a_desk.key("Ada Lind")})
    assert refused.status == 409 and "-2" in refused.text and len(a_desk.desk.state().log) == 2
    forms: tuple[tuple[dict[str, str], str], ...] = (
        ({"seen": "999999"}, "not in the log"), ({"seen": str(older.id), "kind": "override"}, "not in the log"),
        ({"seen": "x"}, "not a whole number"), ({}, "not in the log"),
    )  # fmt: skip
    for fields, why in forms:
        assert why in a_desk.post("/undo", fields).text
    assert len(a_desk.desk.state().log) == 2


def test_a_saved_comment_that_was_changed_is_undone_for_everybody_from_the_log(a_desk: RunningDesk) -> None:
    (before,) = points(a_desk, "Ada Lind")
    assert before is not None
    decide(a_desk, "Ada Lind", "comment", id="a" * 32, text="Name the axes.", points="-2", keep=1, seen=0)
    (key,) = a_desk.desk.state().saved
    seen = a_desk.desk.state().standing["", "saved_comment", key].id
    changed: dict[str, str | int] = {"id": key, "text": "Name both axes.", "points": "-4", "seen": seen}
    assert a_desk.post("/comments/change", changed).status == 303
    assert points(a_desk, "Ada Lind") == [before - 4]
    newest = a_desk.desk.state().log[-1]
    log = a_desk.get("/log").text
    assert f'name="seen" value="{newest.id}"' in log
    shown = a_desk.post("/undo", {"seen": newest.id, "kind": "saved_comment"})
    assert "1 student has it: 1 gets other points" in shown.text and "Name the axes." in shown.text
    assert points(a_desk, "Ada Lind") == [before - 4]
    (undoing,) = [form for form in forms_of(shown.text) if form.action == "/comments/change"]
    assert a_desk.post(undoing.action, undoing.fields).status == 303
    assert points(a_desk, "Ada Lind") == [before - 2]
    (given,) = a_desk.desk.row(a_desk.key("Ada Lind")).review.comments
    assert (given.text, given.points) == ("Name the axes.", -2)


def test_the_first_decision_is_undone_to_nothing(a_desk: RunningDesk) -> None:
    before = points(a_desk, "Ada Lind")
    decide(a_desk, "Ada Lind", "check", check="trained", points=1, reason="x", seen=0)
    newest = a_desk.desk.state().log[-1]
    a_desk.post("/undo", {"seen": newest.id, "kind": "check"})
    assert points(a_desk, "Ada Lind") == before and a_desk.desk.state().log[-1].value is None


MANUAL = f"""{RUBRIC}
[[check]]
use = "manual"
points = 10
title = "A plot of the accuracies"
shows = "figure"
scale = {{ right = 10, "without axes" = 5, missing = 0 }}
"""


def test_a_check_that_awaits_a_person_is_given_a_level_by_its_button(tmp_path: Path) -> None:
    with running_desk(tmp_path, rubric=MANUAL) as desk:
        assert points(desk, "Ada Lind") == [None]
        text = page(desk, "Ada Lind", "?queue=awaiting")
        check = text.partition('id="check-4"')[2].partition("</article>")[0]
        assert "awaits a person" in check and '<details class="write" open>' in check, "what is missing is open"
        assert [name for name in ("right", "without axes", "missing") if f">{name} <b>" in check] != []
        fields = hidden(check, "check")
        said = desk.post(f"/submission/{desk.key('Ada Lind')}/decide", {**fields, "points": "", "level": "2"})
        assert said.status == 303, said.text
        assert points(desk, "Ada Lind") == [95]
        check = page(desk, "Ada Lind").partition('id="check-4"')[2].partition("</article>")[0]
        assert "<b>5</b> / 10" in check and 'value="2" aria-pressed="true"' in check
        assert "the check gave" not in check, "it gave nothing"
