"""What can't be is refused with words, writes nothing, and gives back what was typed."""

import html
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from grader.core.evidence import Cell, Output
from grader.core.results import Flag, labelled
from grader.review.one_check import check_address
from tests.browser.test_hostile_pages import payload
from tests.fakes import RUBRIC
from tests.gradebook.server import Server
from tests.pages.builders import png
from tests.review.desks import Entrant, RunningDesk, running_desk
from tests.review.forms import SentForm, forms_of
from tests.review.server import Answer
from tests.review.test_submission import decide, page

TYPED = "A long comment that took me ten minutes to write."


@pytest.mark.parametrize(
    ("fields", "status", "why"),
    [
        ({"kind": "adjustment", "points": "abc", "reason": TYPED}, 400, "not a number"),
        ({"kind": "adjustment", "points": "1e400", "reason": TYPED}, 400, "not a number"),
        ({"kind": "adjustment", "points": "nan", "reason": TYPED}, 400, "not a number"),
        ({"kind": "adjustment", "points": "9" * 90_000, "reason": TYPED}, 400, "not a number"),
        ({"kind": "adjustment", "points": "1e9", "reason": TYPED}, 400, "is not a number"),
        ({"kind": "adjustment", "points": "-3", "reason": " ", "comment": TYPED}, 400, "need a reason"),
        ({"kind": "check", "check": "trained", "points": "-3", "reason": TYPED}, 400, "not between 0 and the 10"),
        ({"kind": "check", "check": "trained", "points": "11", "reason": TYPED}, 400, "not between 0 and the 10"),
        ({"kind": "check", "check": "trained", "points": "5", "comment": TYPED}, 400, "need a reason"),
        ({"kind": "check", "check": "trained", "level": "99", "reason": TYPED}, 400, "no level 99"),
        ({"kind": "check", "check": "nothing", "points": "1", "reason": TYPED}, 404, "no such check"),
        ({"kind": "override", "points": "101", "reason": TYPED}, 400, "not between 0 and the 100"),
        ({"kind": "override", "points": "-1", "reason": TYPED}, 400, "not between 0 and the 100"),
        ({"kind": "override", "points": "50", "comment": TYPED}, 400, "needs a reason"),
        ({"kind": "override", "excuse": "1", "comment": TYPED}, 400, "needs a reason"),
        ({"kind": "override", "take_back": "1", "reason": TYPED}, 400, "no override to take back"),
        ({"kind": "adjustment", "take_back": "1", "reason": TYPED}, 400, "nothing to take back"),
        ({"kind": "comment", "text": TYPED, "cell": "999999"}, 400, "no cell 999999"),
        ({"kind": "comment", "text": TYPED, "cell": "3", "line": "0"}, 400, "no line 0"),
        ({"kind": "comment", "text": TYPED, "cell": "3", "line": "11"}, 400, "the lines 1 to 10"),
        ({"kind": "comment", "text": TYPED, "cell": "-1"}, 400, "not a whole number"),
        ({"kind": "comment", "text": TYPED, "line": "2"}, 400, "without its cell"),
        ({"kind": "comment", "text": TYPED, "check": "nothing"}, 404, "no such check"),
        ({"kind": "comment", "text": TYPED, "id": "../../etc"}, 400, "not known"),
        ({"kind": "comment", "text": " \t", "reason": TYPED}, 400, "is empty"),
        ({"kind": "comment", "text": TYPED * 2_200}, 400, "at most 4,000"),
        ({"kind": "assigned", "to": "x" * 201, "reason": TYPED}, 400, "at most 200"),
        ({"kind": "similarity", "reason": TYPED}, 400, "no kind of decision"),
        ({"kind": "<b>", "reason": TYPED}, 400, "no kind of decision"),
        ({"reason": TYPED}, 400, "no kind of decision"),
        ({"kind": "adjustment", "points": "1", "reason": TYPED, "seen": "77"}, 409, "changed meanwhile"),
        ({"kind": "adjustment", "points": "1", "reason": TYPED, "seen": "0 0"}, 409, "changed meanwhile"),
        ({"kind": "adjustment", "points": "1", "reason": TYPED, "seen": "x"}, 409, "changed meanwhile"),
    ],
)  # fmt: skip
def test_what_can_not_be_is_refused_with_words_and_gives_back_what_was_typed(
    one_desk: RunningDesk, fields: dict[str, str], status: int, why: str
) -> None:
    before = one_desk.desk.state().log
    said = one_desk.post(f"/submission/{one_desk.key('Ada Lind')}/decide", {"id": "a" * 32, "seen": "0", **fields})
    assert (said.status, why in html.unescape(said.text)) == (status, True), said.text
    assert TYPED in said.text and "Nothing of it was saved" in said.text
    assert one_desk.desk.state().log == before


@pytest.fixture(scope="module")
def one_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDesk]:
    """A desk of which nothing is changed."""
    with running_desk(tmp_path_factory.mktemp("desk")) as running:
        yield running


@pytest.mark.parametrize("key", ["0" * 16, "..%2f..%2fetc%2fpasswd", "%00", "a" * 900, "Ada%20Lind"])
def test_a_key_that_is_none_of_the_class_leads_nowhere(one_desk: RunningDesk, key: str) -> None:
    assert one_desk.get(f"/submission/{key}").status == 404
    said = one_desk.post(f"/submission/{key}/decide", {"kind": "comment", "text": TYPED, "id": "a" * 32})
    assert said.status == 404 and TYPED in said.text


def test_the_second_of_two_tabs_is_shown_what_changed_and_may_send_its_own_again(a_desk: RunningDesk) -> None:
    decide(a_desk, "Ada Lind", "adjustment", points="-5", reason="no axes in any plot", seen=0)
    second = decide(a_desk, "Ada Lind", "adjustment", points="-1", reason=TYPED, seen=0, back="queue=any")
    assert second.status == 409
    assert "no axes in any plot" in second.text and "-5" in second.text and TYPED in second.text
    assert [entry.reason for entry in a_desk.desk.state().log] == ["no axes in any plot"]
    form = kept(second)
    assert form.fields["back"] == "queue=any" and form.fields["seen"] == str(a_desk.desk.state().log[-1].id)
    assert f'href="/submission/{a_desk.key("Ada Lind")}?queue=any"' in second.text
    assert a_desk.post(form.action, form.fields).status == 303


def kept(answer: Answer) -> SentForm:
    """The form that holds what was typed."""
    (form,) = forms_of(answer.text.partition('<section class="kept">')[2])
    return form


@pytest.mark.parametrize(("name", "others"), [("Ada Lind", 1), ("Dina and Emil", 2)])
def test_what_is_sent_again_overwrites_nothing_that_was_decided_after_it_was_shown(
    a_desk: RunningDesk, name: str, others: int
) -> None:
    first = decide(a_desk, name, "check", check="trained", points=3, reason="the second person's", seen=0)
    seen = " ".join(["0"] * others)
    if others > 1:
        assert first.status == 409, "a form of one who is a group"
        first = decide(a_desk, name, "check", check="trained", points=3, reason="the second person's", seen=seen)
    assert first.status == 303
    mine: dict[str, str | int] = {"check": "trained", "points": 9, "reason": TYPED, "seen": seen}
    refused = decide(a_desk, name, "check", **mine)
    assert refused.status == 409 and "the second person&#39;s" in refused.text
    again = kept(refused)
    decide(a_desk, name, "check", check="trained", points=0, reason="the third person's", seen=again.fields["seen"])
    third = a_desk.post(again.action, again.fields)
    assert third.status == 409 and "the third person&#39;s" in third.text and TYPED in third.text
    assert [entry.reason for entry in a_desk.desk.state().log[-others:]] == ["the third person's"] * others
    last = kept(third)
    assert a_desk.post(last.action, last.fields).status == 303
    assert [entry.reason for entry in a_desk.desk.state().log[-others:]] == [TYPED] * others


def test_what_was_taken_back_meanwhile_is_told_and_what_is_sent_again_names_it(a_desk: RunningDesk) -> None:
    decide(a_desk, "Ada Lind", "adjustment", points="-5", reason="no axes", seen=0)
    (entry,) = a_desk.desk.state().log
    assert decide(a_desk, "Ada Lind", "adjustment", take_back=1, reason="they are there", seen=entry.id).status == 303
    refused = decide(a_desk, "Ada Lind", "adjustment", points="-4", reason=TYPED, seen=entry.id)
    assert refused.status == 409 and "taken back by kim" in refused.text and "they are there" in refused.text
    assert kept(refused).fields["seen"] == str(a_desk.desk.state().log[-1].id)


def test_a_saved_comment_that_is_sent_again_overwrites_no_third_change(a_desk: RunningDesk) -> None:
    one = "f" * 32
    a_desk.post("/comments/add", {"id": one, "text": "the first"})
    change: dict[str, str | int] = {"id": one, "seen": a_desk.desk.state().log[-1].id}
    assert a_desk.post("/comments/change", {**change, "text": "the second person's"}).status == 303
    again = kept(a_desk.post("/comments/change", {**change, "text": TYPED}))
    third = {"id": one, "seen": again.fields["seen"], "text": "the third person's"}
    assert a_desk.post("/comments/change", third).status == 303
    refused = a_desk.post(again.action, again.fields)
    assert refused.status == 409 and "the third person&#39;s" in refused.text
    assert a_desk.desk.state().saved[one].text == "the third person's"


TITLES = ("100%41 right", "a/../b & <i>ü</i>", "#1? 100%", "//127.0.0.1:9/x")
HARD_TITLES = RUBRIC + "".join(f'\n[[check]]\nuse = "manual"\npoints = 10\ntitle = "{title}"\n' for title in TITLES)


def test_what_was_typed_for_a_check_of_any_title_can_be_sent_again(tmp_path: Path) -> None:
    with running_desk(tmp_path, rubric=HARD_TITLES) as desk:
        row = desk.key("Ada Lind")
        for number, label in enumerate(list(labelled(desk.desk.row(row).result.checks))[3:], 1):
            refused = desk.post(check_address(label), {"row": row, "points": "999", "reason": TYPED, "seen": 0})
            again = kept(refused)
            assert (refused.status, again.action) == (400, check_address(label))
            said = desk.post(again.action, {**again.fields, "points": "3"})
            assert (said.status, len(desk.desk.state().log)) == (303, number), label


def test_hostile_names_outputs_and_comments_are_shown_as_text(tmp_path: Path) -> None:
    evil = payload("http://127.0.0.1:9") + "\x00"
    name = 'Zoë <script>window.ran=1</script>"onmouseover=window.ran=1 \u202egpj'
    outputs = (Output(kind="stream", text=evil), Output(kind="display", text=evil, png=png()))
    cells = (Cell(number=1, source=evil, executed=True, outputs=outputs),)
    entrant = Entrant(name=name, cells=cells, flags=(Flag(kind="odd", reason=evil),))
    with running_desk(tmp_path, [entrant], author='kim "><img src=x onerror=window.ran=1>') as desk:
        places: tuple[dict[str, str | int], ...] = ({"cell": 1, "line": 2}, {"check": "trained"}, {})
        for number, fields in enumerate(places):
            said = decide(desk, name, "comment", id=f"{number:032}", text=evil[:3_000], keep=1, seen=0, **fields)
            assert said.status == 303, said.text
        assert decide(desk, name, "check", check="trained", points=1, reason=evil[:3_000], seen=0).status == 303
        assert decide(desk, name, "assigned", to='<b>"x', seen=0).status == 303
        text = page(desk, name)
        for traps in ("<script>window", "<img src=x", "<iframe", "<svg onload", "<form id=f", '"onmouseover=window'):
            assert traps not in text.replace("<script>\n", "")
        assert "\x00" not in text and "\u202e" not in text and "⟨U+202E⟩" in text
        refused = decide(desk, name, "adjustment", points=evil, reason=evil)
        assert refused.status == 400 and "<iframe" not in refused.text and "\u202e" not in refused.text


def test_a_submission_that_is_deleted_meanwhile_costs_no_text(a_desk: RunningDesk) -> None:
    page(a_desk, "Ada Lind")
    shutil.rmtree(a_desk.desk.row(a_desk.key("Ada Lind")).folder)
    a_desk.desk.look_again()
    said = decide(a_desk, "Ada Lind", "comment", id="a" * 32, text=TYPED, seen=0)
    assert said.status == 404 and TYPED in said.text and "not in the class any more" in said.text


def test_a_run_that_is_deleted_meanwhile_leaves_the_page_without_its_notebook(a_desk: RunningDesk) -> None:
    shutil.rmtree(a_desk.desk.row(a_desk.key("Ada Lind")).folder / "evidence")
    assert "No run of it is stored" in page(a_desk, "Ada Lind")
    said = decide(a_desk, "Ada Lind", "comment", id="a" * 32, text=TYPED, cell=1, seen=0)
    assert said.status == 400 and TYPED in said.text


def test_a_gradebook_that_is_removed_in_mid_decision_says_so_and_nothing_is_lost(a_desk: RunningDesk) -> None:
    file = a_desk.out / "gradebook.sqlite"
    aside = file.with_name("aside")
    os.rename(file, aside)  # noqa: PTH104 - the word that says it
    said = decide(a_desk, "Ada Lind", "comment", id="a" * 32, text=TYPED, seen=0)
    assert said.status == 503 and TYPED in said.text and "is gone" in said.text and said.seconds < 3
    assert not file.exists(), "no empty one is made in its place"
    os.rename(aside, file)  # noqa: PTH104
    assert decide(a_desk, "Ada Lind", "comment", id="a" * 32, text=TYPED, seen=0).status == 303
    with closing(sqlite3.connect(file)) as connection:
        assert TYPED in connection.execute("SELECT value FROM review_log").fetchone()[0]


def test_a_gradebook_that_somebody_locks_says_so_within_seconds(tmp_path: Path) -> None:
    with running_desk(tmp_path, patience=1.0) as desk:
        with closing(sqlite3.connect(desk.out / "gradebook.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            said = decide(desk, "Ada Lind", "comment", id="a" * 32, text=TYPED, seen=0)
            assert said.status == 503 and TYPED in said.text and "locked" in said.text and said.seconds < 8
        assert decide(desk, "Ada Lind", "comment", id="a" * 32, text=TYPED, seen=0).status == 303


def test_a_postgresql_that_stops_in_mid_decision_says_so_within_seconds(server: Server, tmp_path: Path) -> None:
    with running_desk(tmp_path, gradebook=server.new_database(), patience=1.0) as desk:
        assert decide(desk, "Ada Lind", "comment", id="b" * 32, text="before \x00", reason="\x00", seen=0).status == 303
        server.stop()
        began = time.monotonic()
        try:
            said = decide(desk, "Ada Lind", "comment", id="a" * 32, text=TYPED, seen=0)
        finally:
            server.start()
        assert said.status == 503 and TYPED in said.text and time.monotonic() - began < 30
        assert said.seconds < 10
        assert decide(desk, "Ada Lind", "comment", id="a" * 32, text=TYPED, seen=0).status == 303
