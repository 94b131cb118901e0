"""`gradebook override`: what is decided is checked, kept, told to whom it is for, and shown everywhere at once."""

import getpass
import json
import threading
from pathlib import Path

import pytest

from grader.core.progress import Silent
from grader.gradebook import open_gradebook
from grader.intake import Entry
from grader.marking.publish import OutputOptions
from grader.run.batch import grade_class
from tests.fakes import (
    RUBRIC,
    Act,
    Said,
    Stage,
    a_context,
    data_of,
    list_class,
    run_cli,
    write_class,
    write_course,
    write_rubric,
)

USER = getpass.getuser()
BIDI = "\u202egnp.exe \u200b<script>alert(1)</script> =HYPERLINK(1)"


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A class of three in a course of its own: bob is below the pass mark, cy handed in nothing."""
    monkeypatch.delenv("GRADER_DATA")
    course = write_course(tmp_path / "course")
    order = OutputOptions(out=tmp_path / "out", course=course, data=data_of(course.root))
    order.out.mkdir()
    Stage({"bob": Act(correct=5)}).install(monkeypatch)
    entries = list_class(write_class(tmp_path / "class", "ada", "bob"))
    absent = Entry(student="cy", path=tmp_path / "none", handed_in=False, problem="Nothing was handed in.")
    with a_context(course) as bench, open_gradebook(order.out) as book:
        grade_class([*entries, absent], bench, order, jobs=1, progress=Silent(), book=book)
    return order.out


def override(out: Path | str, *words: str | Path, reason: str = "x") -> Said:
    return run_cli("gradebook", "override", out, *words, "--reason", reason)


def points(out: Path, student: str) -> float | None:
    with open_gradebook(out) as book:
        return book.grades(student=student)[0].points


@pytest.mark.parametrize(("text", "value"), [("61.5", 61.5), ("61,5", 61.5), ("61,50", 61.5), (" 40 ", 40), ("0", 0)])
def test_points_may_have_a_point_or_a_comma(out: Path, text: str, value: float) -> None:
    assert override(out, "bob", "--points", text).code == 0
    assert points(out, "bob") == value


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--points", "1,234"),
            "1,234: may be 1234, or a number with three digits after a decimal comma. Write 1234, or",
        ),
        (("--points", "sixty"), "is not a number. Write digits with a point or a comma"),
        (
            ("--points", "120"),
            "120 points are more than the 100 that there are. Correct the number, or type --above-maximum",
        ),
        (("--points", "50", "--comment", "x" * 100_000), "The comment has 100,000 characters; at most 4,000 are kept"),
    ],
)
def test_what_can_not_be_meant_is_refused_in_words_and_nothing_is_written(
    out: Path, words: tuple[str, ...], said: str
) -> None:
    refused = override(out, "bob", *words)
    assert refused.code == 2 and said in refused.err
    assert points(out, "bob") == 30


def test_points_above_the_maximum_are_given_on_purpose(out: Path) -> None:
    assert override(out, "bob", "--points", "120", "--above-maximum").code == 0
    assert points(out, "bob") == 120


def test_a_comment_is_for_the_student_and_the_reason_for_nobody_but_colleagues(out: Path) -> None:
    said = override(out, "bob", "--points", "50", "--comment", BIDI, reason="an illness")
    assert "note: The comment holds characters that are not seen" in said.err and said.code == 0
    page = (out / "bob" / "report.html").read_text(encoding="utf-8")
    assert "⟨U+202E⟩gnp.exe" in page and "&lt;script&gt;alert" in page and "<script>alert" not in page
    assert "an illness" not in page + (out / "bob" / "result.json").read_text(encoding="utf-8")
    assert "an illness" in (out / "index.html").read_text(encoding="utf-8")
    sheet = out.parent / "sheet.csv"
    sheet.write_text("Identifier,Full name,Grade,Maximum Grade,Comments\nParticipant 1,bob,,100,\n")
    filled = run_cli("export", "moodle", out, "--worksheet", sheet, "--comments", "Comments").out
    assert "<p>Decided by your instructor: 50 of 100 points. ⟨U+202E⟩gnp.exe" in filled and "illness" not in filled
    assert "an illness" in run_cli("gradebook", "history", out, "bob").out


def test_everything_that_shows_it_is_written_again_at_once(out: Path) -> None:
    before = (out / "ada" / "report.html").stat().st_mtime_ns
    for words, shown, csv in (
        (("--points", "77"), "77", '"77"'),
        (("--excuse",), "–", '"yes"'),
        (("--revoke",), "30", '"30"'),
    ):
        said = override(out, "bob", *words)
        assert (said.code, said.err) == (0, "")
        page = (out / "bob" / "report.html").read_text(encoding="utf-8")
        assert f'<p class="score"><strong>{shown}</strong>' in page
        row = next(line for line in (out / "gradebook.csv").read_text(encoding="utf-8").splitlines() if "bob" in line)
        assert csv in row
        stored = json.loads((out / "bob" / "result.json").read_bytes())
        assert stored["points"] == 30, "what the rubric says stays"
        listed = next(row for row in json.loads((out / "batch.json").read_bytes()) if row["student"] == "bob")
        assert stored["grade"]["points"] == listed["grade"]["points"] == points(out, "bob")
    assert (out / "ada" / "report.html").stat().st_mtime_ns == before, "nobody else's page"


def test_somebody_who_handed_in_nothing_can_be_given_points_or_an_excuse(out: Path) -> None:
    page = out / "cy" / "report.html"
    assert "Nothing handed in" in page.read_text(encoding="utf-8")
    assert override(out, "cy", "--points", "70", "--comment", "By mail.").code == 0
    text = page.read_text(encoding="utf-8")
    assert "<strong>70</strong>" in text and "By mail." in text and "Passed" in text


def test_two_decisions_at_the_same_moment_are_both_kept_and_one_of_them_holds(out: Path) -> None:
    def decide(value: str) -> None:
        with open_gradebook(out) as book:
            book.override("bob", points=float(value), author=value, reason="x")

    threads = [threading.Thread(target=decide, args=(value,)) for value in ("50", "60")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_gradebook(out) as book:
        kept = [event.points for event in book.history("bob") if event.kind == "override"]
        assert sorted(item or 0 for item in kept) == [50, 60]
        assert book.grades(student="bob")[0].points == kept[-1]


def test_what_could_not_be_written_again_is_said_and_the_decision_kept(out: Path, tmp_path: Path) -> None:
    (tmp_path / "course").rename(tmp_path / "moved")
    said = override(out, "bob", "--points", "50")
    assert said.code == 0 and "could not be written again" in said.err and "The decision is kept" in said.err
    words = ("--course", tmp_path / "moved", "--data", tmp_path / "moved" / "data")
    assert override(out, "bob", "--points", "51", *words).err == ""
    assert "<strong>51</strong>" in (out / "bob" / "report.html").read_text(encoding="utf-8")


def test_a_gradebook_elsewhere_needs_the_results_named(out: Path, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere" / "course.sqlite"
    place.parent.mkdir()
    (out / "gradebook.sqlite").rename(place)
    assert "holds no results of tiny" in override(place, "bob", "--points", "50").err
    assert override(place, "bob", "--points", "52", "--results", out).err == ""
    assert "<strong>52</strong>" in (out / "bob" / "report.html").read_text(encoding="utf-8")


def of_course(out: Path) -> tuple[str | Path, ...]:
    course = out.parent / "course"
    return ("--course", course, "--data", data_of(course))


def test_one_submission_that_is_graded_into_the_folder_of_a_class_shows_the_grade_that_stands(out: Path) -> None:
    assert override(out, "bob", "--points", "77").code == 0
    work = out.parent / "class" / "bob.py"
    said = run_cli("grade", "tiny", work, "--out", out, "--sandbox", "none", *of_course(out))
    assert said.code == 0 and "Your instructor decided: you have 77 of 100 points" in said.out
    assert "<strong>77</strong>" in (out / "bob" / "report.html").read_text(encoding="utf-8")


def test_results_whose_gradebook_is_not_at_hand_are_not_written_without_it(out: Path) -> None:
    place = out.parent / "elsewhere.sqlite"
    (out / "gradebook.sqlite").rename(place)
    for words in (("report", out), ("regrade", "tiny", out, "--dry-run")):
        said = run_cli(*words, *of_course(out))
        assert said.code == 2 and "Name it with --gradebook URL" in said.err
        assert run_cli(*words, *of_course(out), "--gradebook", str(place)).code == 0


MANUAL = """
[[check]]
use = "manual"
title = "The plot is right"
points = 10
scale = { right = 10, "no axes" = 5, missing = 0 }
shows = "figure"

[[check]]
use = "manual"
title = "The report reads well"
points = 5
"""


@pytest.fixture
def waiting(out: Path) -> Path:
    """The same class once the rubric has points that a person gives: 115 in all."""
    course = out.parent / "course"
    write_rubric(course, RUBRIC + MANUAL)
    said = run_cli("regrade", "tiny", out, "--course", course, "--data", data_of(course))
    assert said.code == 0 and "ada: 100 (passed) -> awaits a person" in said.out
    return out


def decide(command: str, out: Path | str, *words: str | Path) -> Said:
    return run_cli("gradebook", command, out, *words)


def test_points_of_a_person_are_given_by_number_or_by_level_and_pages_follow(waiting: Path) -> None:
    said = decide("points", waiting, "ada", "the plot is right", "No Axes")
    told = "ada, tiny: awaits; a person gives the points of The report reads well"
    assert (said.code, said.out) == (0, f"{told}; manual (The plot is right): 5 by {USER}; earned 100\n")
    assert points(waiting, "ada") is None
    said = decide("points", waiting, "ada", "manual (The report reads well)", "4,5", "--author", "kim", "--json")
    assert said.code == 0 and json.loads(said.out)["points"] == 109.5
    page = (waiting / "ada" / "report.html").read_text(encoding="utf-8")
    assert '<p class="score"><strong>109.5</strong>' in page and "kim" not in page
    assert "109.5" in (waiting / "gradebook.csv").read_text(encoding="utf-8-sig")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("manual", "5"), "no check `manual`"),
        (
            ("The plot is right", "fair"),
            "`fair` is neither a number nor a level of the scale; available: `right`, `no axes`",
        ),
        (("The plot is right", "11"), "11 points are not between 0 and the 10 of"),
        (("The report reads well", "right"), "grader: right: is not a number"),
        (("accuracy", "15"), "Other points than a check gave need a reason"),
        (("accuracy",), "Say what is decided. Give the points, or type --revoke."),
        (("accuracy", "15", "--revoke"), "Say what is decided"),
        (("accuracy", "--revoke"), "There is nothing to take back"),
        (("accuracy", "15", "--author", " ", "--reason", "x"), "needs an author"),
    ],
)
def test_points_that_can_not_be_meant_are_refused(waiting: Path, words: tuple[str, ...], said: str) -> None:
    refused = decide("points", waiting, "bob", *words)
    assert refused.code == 2 and said in refused.err
    with open_gradebook(waiting) as book:
        assert book.review_log("tiny") == []


def test_points_of_a_check_are_taken_back_and_the_history_tells_both(out: Path) -> None:
    assert decide("points", out, "bob", "accuracy", "45", "--reason", "a defect", "--author", "kim").code == 0
    assert points(out, "bob") == 75
    assert decide("points", out, "bob", "accuracy", "--revoke", "--author", "lou").code == 0
    assert points(out, "bob") == 30
    lines = [line.split(maxsplit=3)[3] for line in decide("history", out, "bob").out.splitlines()[2:]]
    assert [" ".join(line.split()) for line in lines] == [
        "points of accuracy 45 kim: a defect", "points of accuracy, taken back - lou",
    ]  # fmt: skip


def test_a_comment_is_on_the_page_in_exports_and_goes_away_again(out: Path) -> None:
    said = decide("comment", out, "bob", BIDI, "--cell", "1", "--line", "1", "--points", "-2", "--author", "kim")
    assert said.code == 0 and "note: The comment holds characters that are not seen" in said.err
    page = (out / "bob" / "report.html").read_text(encoding="utf-8")
    assert "⟨U+202E⟩gnp.exe" in page and "<script>alert" not in page and "kim" not in page
    assert points(out, "bob") == 28
    assert "cell 1, line 1: ⟨U+202E⟩gnp.exe" in (out / "gradebook.csv").read_text(encoding="utf-8-sig")
    number = json.loads(decide("history", out, "bob", "--json").out)[-1]["subject"]
    assert decide("comment", out, "bob", number, "--revoke", "--author", "lou").code == 0
    assert points(out, "bob") == 30 and "gnp.exe" not in (out / "bob" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((" ",), "The comment is empty"),
        (("x", "--line", "3"), "A comment is about one place"),
        (("x", "--check", "accuracy", "--cell", "1"), "A comment is about one place"),
        (("x", "--points", "much"), "--points much: is not a number"),
        (("x" * 4_001,), "at most 4000 characters"),
        (("nothing", "--revoke"), "There is nothing to take back"),
        (("x", "--assignment", "other"), "no assignment `other`"),
    ],
)
def test_comments_that_can_not_be_meant_are_refused(out: Path, words: tuple[str, ...], said: str) -> None:
    refused = decide("comment", out, "bob", *words)
    assert refused.code == 2 and said in refused.err
