"""What is decided of a group and of single members of it: none is shown as another member's, or overwritten unseen."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from grader.core.decision_log import Kind
from grader.core.grades import grades_of
from grader.gradebook import Change
from grader.review.desk import Desk
from tests.review.desks import Entrant, RunningDesk, running_desk, serving
from tests.review.forms import SentForm, forms_of
from tests.review.server import Answer
from tests.review.test_submission import page, points

GROUP, FIRST, SECOND = "Night Owls", "Dina Haddad", "Emil Berg"
ID = "c" * 32


@pytest.fixture
def owls(tmp_path: Path) -> Iterator[RunningDesk]:
    """A group of two, of whose second member everything was decided on the command line."""
    with running_desk(tmp_path, [Entrant(name=GROUP, members=(FIRST, SECOND))]) as desk:
        decide_one(desk, SECOND, "check", {"points": 3}, "did nothing", "trained")
        decide_one(desk, SECOND, "comment", {"text": "only for you", "points": -7}, subject=ID)
        decide_one(desk, SECOND, "adjustment", {"points": -30}, "lazy")
        yield desk


def decide_one(
    desk: RunningDesk, student: str, kind: Kind, value: dict[str, object] | None, reason: str = "", subject: str = ""
) -> None:
    """What `grader gradebook` writes of one student."""
    change = Change(kind=kind, student=student, subject=subject, author="cli", reason=reason, value=value)
    desk.desk.decide([change])


def form_of(desk: RunningDesk, kind: str, **fields: str) -> SentForm:
    """The first form of a kind whose fields are these."""
    wanted = {"kind": kind, **fields}
    forms = (form for form in forms_of(page(desk, GROUP)) if form.action.endswith("/decide"))
    return next(form for form in forms if wanted.items() <= form.fields.items())


def send(desk: RunningDesk, form: SentForm, **fields: str) -> Answer:
    answer = desk.post(form.action, {**form.fields, **fields})
    assert answer.status in (303, 400, 409), answer.text
    return answer


def stands(desk: RunningDesk, kind: Kind, subject: str = "") -> list[float | None]:
    """The points that stand of each member."""
    last = desk.desk.state().decided_last((FIRST, SECOND), kind, subject).values()
    return [entry.value["points"] if entry is not None and entry.value else None for entry in last]


def test_what_one_member_has_is_taken_back_for_that_member(owls: RunningDesk) -> None:
    assert points(owls, GROUP) == [100, 56]
    assert send(owls, form_of(owls, "check", check="trained"), take_back="1").status == 303
    assert send(owls, form_of(owls, "adjustment"), take_back="1").status == 303
    assert send(owls, form_of(owls, "comment", id=ID), take_back="1").status == 303
    assert points(owls, GROUP) == [100, 100]
    assert {entry.student for entry in owls.desk.state().log} == {SECOND}, "nothing was written of who had nothing"


def test_an_override_of_one_member_is_taken_back(owls: RunningDesk) -> None:
    owls.desk.book.override(SECOND, points=33, author="cli", reason="agreed")
    assert points(owls, GROUP) == [100, 33]
    assert send(owls, form_of(owls, "override"), take_back="1", reason="a mistake").status == 303
    assert points(owls, GROUP) == [100, 56]


@pytest.mark.parametrize(
    ("kind", "subject", "value", "kept", "replaced"),
    [
        ("adjustment", "", "-5", [-5, -30], [-5, -5]), ("check", "trained", "8", [8, 3], [8, 8]),
        ("override", "", "80", [80, 33], [80, 80]),
    ],
)  # fmt: skip
def test_what_a_member_has_is_replaced_only_where_it_is_ticked(
    owls: RunningDesk, kind: Kind, subject: str, value: str, kept: list[float], replaced: list[float]
) -> None:
    owls.desk.book.override(SECOND, points=33, author="cli", reason="agreed")
    of_check = {"check": subject} if subject else {}
    assert send(owls, form_of(owls, kind, **of_check), points=value, reason="late").status == 303
    assert stands(owls, kind, subject) == kept
    ticked = {"also.0": "1", "also.1": "1"}
    assert send(owls, form_of(owls, kind, **of_check), points=value, reason="late", **ticked).status == 303
    assert stands(owls, kind, subject) == replaced


def test_where_each_member_has_a_decision_of_their_own_the_person_is_asked_for_whom(owls: RunningDesk) -> None:
    decide_one(owls, FIRST, "adjustment", {"points": -1}, "late")
    refused = send(owls, form_of(owls, "adjustment"), points="-5", reason="typed")
    assert refused.status == 409 and "Tick for whom" in refused.text and "typed" in refused.text
    assert stands(owls, "adjustment") == [-1, -30]
    kept = refused.text.partition('<section class="kept">')[2]
    assert 'name="also.0"' in kept and 'name="also.1"' in kept
    (again,) = forms_of(kept)
    assert send(owls, again, **{"also.1": "1"}).status == 303
    assert stands(owls, "adjustment") == [-1, -5]


def test_what_was_ticked_is_kept_where_a_form_is_refused_for_another_reason(owls: RunningDesk) -> None:
    refused = send(owls, form_of(owls, "adjustment"), points="-5", **{"also.1": "1"})
    assert refused.status == 400 and "need a reason" in refused.text
    (again,) = forms_of(refused.text.partition('<section class="kept">')[2])
    assert send(owls, again, reason="late").status == 303
    assert stands(owls, "adjustment") == [-5, -5]


def test_what_a_member_got_meanwhile_is_shown_and_not_overwritten(owls: RunningDesk) -> None:
    form = form_of(owls, "override")
    owls.desk.book.override(SECOND, points=33, author="cli", reason="agreed")
    refused = send(owls, form, points="80", reason="both")
    assert refused.status == 409 and "agreed" in refused.text and SECOND in refused.text
    assert stands(owls, "override") == [None, 33], "neither of them"
    (again,) = forms_of(refused.text.partition('<section class="kept">')[2])
    assert send(owls, again).status == 303
    assert stands(owls, "override") == [80, 33]


def test_the_page_shows_what_each_member_has(owls: RunningDesk) -> None:
    text = page(owls, GROUP)
    check = text.partition('id="check-2"')[2].partition("</article>")[0]
    assert "differs" in check and "<b>10</b>" not in check
    assert f"{SECOND}: 3 (cli: did nothing)" in check and f"{FIRST}: nothing decided; the check gave 10" in check
    assert f"also for {SECOND}, who has -30 (cli: lazy)" in text
    comments = text.partition('id="comments"')[2].partition("</section>")[0]
    assert f"<strong>{SECOND}:</strong> only for you" in comments
    assert "What is decided here is for all of the group." in text
    assert "also for" not in page_of_equals(owls), "where all have the same nobody is asked"


def page_of_equals(desk: RunningDesk) -> str:
    """The page after the first member got what the second has."""
    decide_one(desk, FIRST, "check", {"points": 3}, "did nothing", "trained")
    decide_one(desk, FIRST, "adjustment", {"points": -30}, "lazy")
    return page(desk, GROUP)


def test_a_comment_of_one_member_is_changed_for_that_member_alone(owls: RunningDesk) -> None:
    forms = [form for form in forms_of(page(owls, GROUP)) if form.fields.get("id") == ID and "text" in form.fields]
    (form,) = forms
    assert send(owls, form, text="changed", points="-1").status == 303
    given = [grade.review.comments if grade.review else () for grade in grades_of(owls.desk.state().rows[0].result)]
    assert [[item.text for item in mine] for mine in given] == [[], ["changed"]]


def test_the_history_says_whose_decision_it_is(owls: RunningDesk) -> None:
    send(owls, form_of(owls, "assigned"), to="Mara")
    history = page(owls, GROUP).partition('id="history"')[2]
    assert f"{SECOND}: <strong>points beside the checks</strong>" in history
    assert "<p><strong>grader</strong>" in history, "of all members, without a name"
    log = owls.get("/log").text
    assert f"{GROUP}</a>: {SECOND}" in log and f"{GROUP}</a>: {FIRST}" in log


def test_looking_at_a_group_is_done_when_it_is_for_each_member(owls: RunningDesk) -> None:
    decide_one(owls, FIRST, "looked_at", {})
    assert "looked at by" not in page(owls, GROUP)
    assert send(owls, form_of(owls, "looked_at")).status == 303
    assert "looked at by cli, kim" in page(owls, GROUP)
    assert send(owls, form_of(owls, "looked_at"), take_back="1").status == 303
    assert "looked at by" not in page(owls, GROUP)


def test_one_check_across_the_class_shows_what_each_member_has_and_asks_before_it_replaces_it(
    owls: RunningDesk,
) -> None:
    text = owls.get("/check/trained?seed=1").text
    assert "differs" in text and f"also for {SECOND}, who has 3 (cli: did nothing)" in text
    assert "<strong>0</strong> of 1 decided" in text, "the other member is still to be decided"
    form = next(form for form in forms_of(text) if "points" in form.fields)
    assert send(owls, form, points="9", reason="both").status == 303
    assert stands(owls, "check", "trained") == [9, 3]
    text = owls.get("/check/trained?seed=1").text
    assert "<strong>1</strong> of 1 decided" in text
    form = next(form for form in forms_of(text) if "points" in form.fields)
    assert send(owls, form, points="8", reason="both", **{"also.0": "1", "also.1": "1"}).status == 303
    assert stands(owls, "check", "trained") == [8, 8]


def test_one_check_says_of_which_member_all_points_are_fixed(owls: RunningDesk) -> None:
    owls.desk.book.override(SECOND, points=33, author="cli", reason="agreed")
    assert f"{SECOND}: 33 (cli: agreed) in all" in owls.get("/check/trained?seed=1").text


def test_the_page_of_each_member_shows_the_comments_of_that_member(owls: RunningDesk) -> None:
    decide_one(owls, FIRST, "comment", {"text": "for the first one"}, subject="d" * 32)
    assert owls.post("/publish", {}).status == 200
    pages = {path.stem.partition("-")[0]: path.read_text(encoding="utf-8") for path in owls.out.rglob("*.html")}
    mine, other = pages["Emil_Berg"], pages["Dina_Haddad"]
    assert "only for you" in mine and "for the first one" not in mine
    assert "for the first one" in other and "only for you" not in other


def test_names_of_members_are_hidden_where_names_are(owls: RunningDesk) -> None:
    decide_one(owls, FIRST, "adjustment", {"points": -1}, f"{SECOND} did it all")
    options = replace(owls.desk.options, anonymous=True, author="lee")
    with serving(Desk(options, owls.desk.book), owls.course) as hidden:
        pages = [page(hidden, GROUP), hidden.get("/check/trained?seed=1").text, hidden.get("/log").text]
        form = form_of(hidden, "adjustment")
        pages.append(send(hidden, form, points="-5", reason="typed").text)
    for text in pages:
        assert "Emil" not in text and "Berg" not in text and "Haddad" not in text
        assert "Student 1" in text and "Student 2" in text
