"""What a student gets is the same on every page, line, file and export, whatever lateness and persons made of it."""

import itertools
import math
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from grader.core.decision_log import Kind
from grader.core.errors import Infrastructure
from grader.core.evidence import Claims
from grader.core.limits import Limits
from grader.core.progress import Progress, Silent
from grader.core.results import Student
from grader.gradebook import Change, Gradebook, open_gradebook
from grader.intake import Entry, safe_name
from grader.judge.client import JudgeAnswer, Question
from grader.kernel.run_notebook import Execution, Job
from grader.marking.publish import OutputOptions
from grader.marking.regrade import regrade, render_again
from grader.pages.terminal import row
from grader.run.batch import grade_class
from grader.run.packed_results import Rows
from grader.sandbox.interface import Sandbox
from tests import surfaces
from tests.fakes import (
    RUBRIC,
    Act,
    Stage,
    a_context,
    a_judgement,
    a_rubric,
    data_of,
    run_cli,
    trained_claims,
    write_course,
    write_rubric,
)

DUE = datetime.fromisoformat("2026-11-20T23:59:00+01:00")
RULES = RUBRIC.replace(
    "pass_mark = 60", f"pass_mark = 60\ndue = {DUE.isoformat()}\n[late]\nper_day = 0.25\nmost = 0.5\n[retry]\ntimes = 1\n", 1
)  # fmt: skip
MANUAL = """
[[check]]
use = "manual"
title = "The plot is right"
points = 10
scale = { right = 10, "no axes" = 8, missing = 0 }
shows = "figure"
"""
RULES_OF_PEOPLE = RULES.replace("points = 70", "points = 60") + MANUAL
FAULT = Infrastructure("the sandbox did not start", "See `grader doctor`.")
COMMENT = "Well explained in person.\nSee you on Monday <b>& bring it</b>."
REASON = "confidential: an illness"
HANDED_IN = ("plain", "broken", "review", "retried")
DECISIONS = {"": "", "override": "O", "excused": "E", "check": "C", "given": "M"}  # with a letter for names
KINDS = {  # of classes: what people may decide there
    "measured": ("", "check", "override", "excused"),
    "by a person": ("", "given", "override", "excused"),
}
IN_ALL = ("override", "excused")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A combination, and what its student gets by hand-written arithmetic: 100 points, less 25 a day begun.

    `manual`: ten of the points are a person's to give.
    """

    manual: bool
    what: str
    late: bool
    extension: bool
    decision: str
    group: bool

    @property
    def name(self) -> str:
        words = (self.what, "late" * self.late, "extended" * self.extension, self.decision, "group" * self.group)
        return "-".join(filter(None, words))

    @property
    def students(self) -> tuple[str, ...]:
        return (f"{self.short} A", f"{self.short} B") if self.group else (self.short,)

    @property
    def short(self) -> str:
        """A name of one word that fits into a row of a terminal."""
        letters = f"{self.what[0]}{'L' * self.late}{'X' * self.extension}{DECISIONS[self.decision]}{'G' * self.group}"
        return f"{self.what[0]}{self.what[-1]}{letters[1:]}"

    def expected(self, student: str) -> str:
        decided = self.decided(student)
        if decided in IN_ALL:
            return "excused" if decided == "excused" else "61.5"
        if self.what in ("absent", "broken"):
            return "none"
        if self.manual and decided != "given":
            return "awaits"
        points = {"": 100.0, "check": 79.5, "given": 98.0}[decided]
        return f"{points - 50 if self.late and not self.extension else points:g}"

    def decided(self, student: str) -> str:
        """What a person decided for a student: of a group, for one member alone."""
        return self.decision if student == self.students[0] else ""


def cases(kind: str) -> list[Case]:
    yes, manual = (False, True), kind == "by a person"
    extended = (False,) if manual else yes
    found = [
        Case(what=what, late=late, extension=extension, decision=decision, group=group, manual=manual)
        for what, late, extension, decision, group in itertools.product(HANDED_IN, yes, extended, KINDS[kind], yes)
    ]
    absent = [
        Case(what="absent", late=False, extension=extension, decision=decision, group=False, manual=manual)
        for extension, decision in itertools.product(extended, ("", *IN_ALL))
    ]
    return [*found, *absent]


@dataclass
class Doubts(Stage):
    """A stage on which the judge is not sure how some networks want their images prepared."""

    doubtful: frozenset[str] = field(default_factory=frozenset)

    def run_notebook(self, job: Job, sandbox: Sandbox, *, who: str, progress: Progress) -> Execution:
        done = super().run_notebook(job, sandbox, who=who, progress=progress)
        if who not in self.doubtful:
            return done
        return Execution(ending=done.ending, claims=trained_claims(*done.claims.cells, accuracy=0.99), model=done.model)

    def judge_model(
        self, model: bytes, question: Question, claims: Claims, sandbox: Sandbox, limits: Limits
    ) -> JudgeAnswer:
        found = super().judge_model(model, question, claims, sandbox, limits)
        return (
            JudgeAnswer(judgement=a_judgement(0.5), outputs=found.outputs) if model.decode() in self.doubtful else found
        )


@dataclass(frozen=True, kw_only=True)
class Graded:
    """A class with every combination, after all decisions; `rows` are what the batch printed the last time."""

    rules: str
    known: surfaces.Class
    order: OutputOptions
    cases: list[Case]
    rows: list[str]


def entries_of(known: list[Case], folder: Path) -> Iterator[Entry]:
    folder.mkdir()
    for number, case in enumerate(known):
        path = folder / f"{case.short}.py"
        path.write_text(f"print({case.short!r})\n", encoding="utf-8")
        members = tuple(
            Student(name=name, participant=f"{number + 1}{place}", group=case.short)
            for place, name in enumerate(case.students)
        )
        yield Entry(
            student=case.short, path=path, who=members[0].model_copy(update={"name": case.short, "group": ""}),
            submitted=None if case.what == "absent" else DUE + timedelta(hours=30 if case.late else -1),
            extension="3d" if case.extension else "", members=members if case.group else (),
            problem="Nothing was handed in." if case.what == "absent" else "", handed_in=case.what != "absent",
        )  # fmt: skip


def batch(entries: list[Entry], order: OutputOptions) -> Rows:
    with a_context(order.course) as bench, open_gradebook(order.out) as book:
        return grade_class(entries, bench, order, jobs=1, progress=Silent(), book=book)[0]


@pytest.fixture(scope="module", autouse=True)
def _data_of_its_own() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GRADER_DATA")
        yield


def decide(book: Gradebook, case: Case) -> None:
    """What a person decides for the first student of a case."""
    student = case.students[0]
    if case.decision in IN_ALL:
        given = 61.5 if case.decision == "override" else None
        book.override(student, author="kim", reason=REASON, comment=COMMENT, points=given, excused=given is None)
        return
    label, points = ("accuracy", 49.5) if case.decision == "check" else ("manual", 8.0)
    told: list[tuple[Kind, str, dict[str, Any]]] = [
        ("check", label, {"points": points}), ("comment", "1", {"text": COMMENT, "check": label}),
    ]  # fmt: skip
    evidence = book.grades("tiny", student=student)[0].evidence or ""
    for kind, subject, value in told:
        change = Change(
            kind=kind, subject=subject, student=student, author="kim", reason=REASON, value=value, evidence=evidence
        )
        book.write_log("tiny", change)


@pytest.fixture(scope="module", params=KINDS)
def graded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graded]:
    """Graded, decided by hand, and graded again by the same command; the last decision is a command's."""
    root, known = tmp_path_factory.mktemp("truth"), cases(request.param)
    rules = RULES_OF_PEOPLE if request.param == "by a person" else RULES
    course = write_course(root / "course", rules)
    order = OutputOptions(out=root / "out", course=course, data=data_of(course.root))
    order.out.mkdir()
    acts = {
        "plain": Act(),
        "review": Act(),
        "broken": Act(faults=(FAULT,) * 9),
        "retried": Act(correct=7, by_seed={1000: 9}),
    }
    stage = Doubts(
        {case.short: acts[case.what] for case in known if case.what in acts},
        doubtful=frozenset(case.short for case in known if case.what == "review"),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        stage.install(patch)
        entries = list(entries_of(known, root / "class"))
        batch(entries, order)
        decided = [case for case in known if case.decision]
        with open_gradebook(order.out) as book:
            for case in decided[:-1]:
                decide(book, case)
        last = decided[-1]
        said = run_cli(
            "gradebook", "override", order.out, last.students[0], "--excuse", "--reason", REASON, "--comment", COMMENT
        )
        assert (last.decision, said.code, said.err) == ("excused", 0, "")
        names = [(name, case) for case in known for name in case.students]
        yield Graded(
            known=surfaces.Class(
                out=order.out, folders={name: safe_name(case.short) for name, case in names},
                numbers={name: f"{known.index(case) + 1}{case.students.index(name)}" for name, case in names},
                groups={name: case.short for name, case in names if case.group},
            ),
            order=order, cases=known, rules=rules,
            rows=[line for result in batch(entries, order) for line in row(result).splitlines()],
        )  # fmt: skip


def read_all(graded: Graded) -> dict[str, surfaces.Shown]:
    """Every surface."""
    known = graded.known
    with open_gradebook(known.out) as book:
        again = regrade(a_rubric(graded.order.course), graded.order, dry_run=True, book=book)
    return {
        "page": surfaces.pages(known), "class": surfaces.class_page(known), "row": surfaces.terminal(graded.rows),
        "csv": surfaces.gradebook_csv(known), "batch": surfaces.batch_json(known), "result": surfaces.result_json(known),
        "show": surfaces.show(known), "json": surfaces.show_json(known), "regrade": surfaces.moves(again),
        "export": surfaces.export_csv(known), "moodle": surfaces.moodle(known), "canvas": surfaces.canvas(known),
        "nbgrad": surfaces.nbgrader(known), "zip": surfaces.feedback(known), "gscope": surfaces.gradescope(known),
        "autogr": surfaces.autograding(known), "clrm50": surfaces.classroom50(known),
        "junit": surfaces.junit(known), "github": surfaces.summary(known),
    }  # fmt: skip


# What a format can't say is left out of it, and nothing else is.
SILENT = {
    "moodle": {"excused", "none", "awaits"}, "canvas": {"none", "awaits"}, "nbgrad": {"excused", "none", "awaits"},
    "gscope": {"excused", "none", "awaits"}, "autogr": {"excused", "none", "awaits"},
    "clrm50": {"excused", "none", "awaits"},
}  # fmt: skip
ONE_GRADE = ("gscope", "autogr", "clrm50", "github")  # hold one grade of a result, and none of a group with several


def fits(surface: str, case: Case, said: str, expected: str) -> bool:
    """Whether a cell says what is expected, or nothing where the format can't."""
    if said == expected:
        return True
    if surface == "nbgrad" and case.what == "absent" and expected == "none":
        return said == "0"  # nbgrader's own zero for who handed in nothing
    if surface == "clrm50" and re.fullmatch(r"[\d.]+", expected):
        return said == str(math.floor(float(expected) + 0.5)) or (bool(case.group) and said == surfaces.LEFT_OUT)
    if surface == "regrade" and case.what in ("absent", "broken"):
        return said == surfaces.LEFT_OUT  # nothing is stored that could be marked again
    left_out = expected in SILENT.get(surface, set()) or (case.group and surface in ONE_GRADE)
    return said == surfaces.LEFT_OUT and left_out


def test_no_surface_contradicts_another_for_any_combination(graded: Graded) -> None:
    shown = read_all(graded)
    lines, wrong = [f"{'':<34} {'right':>8} " + " ".join(f"{name:>7}" for name in shown)], []
    for case in graded.cases:
        for student in case.students:
            expected = case.expected(student)
            cells = {name: found.get(student, surfaces.LEFT_OUT) for name, found in shown.items()}
            bad = [name for name, said in cells.items() if not fits(name, case, said, expected)]
            wrong += [f"{case.name}, {student}: {name} says {cells[name]}, right is {expected}" for name in bad]
            marked = (f"{said}{'!' * (name in bad)}" for name, said in cells.items())
            lines.append(f"{case.name:<34} {expected:>8} " + " ".join(f"{said:>7}" for said in marked))
    sys.stdout.write("\n".join(["", *lines, ""]))  # the matrix, with `pytest -s`
    assert wrong == []


def test_a_page_says_why_and_whose_word_it_is(graded: Graded) -> None:
    for case in graded.cases:
        for student in case.students:
            text = surfaces.page_of(graded.known, student).read_text(encoding="utf-8")
            decided, in_all = bool(case.decided(student)), case.decided(student) in IN_ALL
            assert REASON not in text and "kim" not in text, "what is for colleagues stands on no student's page"
            assert ("From your instructor" in text) == decided
            assert ("&lt;b&gt;&amp; bring it" in text) == decided and "<b>& bring" not in text
            late = case.late and not case.extension and case.what != "broken" and not in_all
            assert ("handed in after the deadline, on day 2: 50 points off" in text) == late
            assert ("provisional" in text.partition("<main")[2]) == (case.what == "review" and not in_all)
            of_check = case.decided(student) == "check" and case.what != "broken"
            assert ("Your instructor decided: 49.5 of 70. The check alone gave 70." in text) == of_check
            given = case.decided(student) == "given" and case.what != "broken"
            assert ("Your instructor gave these points." in text) == given
            waits = case.expected(student) == "awaits"
            assert ("Your instructor still gives the points of “The plot is right”" in text) == waits
            assert ("Most to gain" in text) is False
            if case.what == "absent":
                assert '<tr id="check-' not in text and "<nav" not in text


def test_every_file_is_the_same_after_writing_all_of_it_again(graded: Graded) -> None:
    names = ("index.html", "gradebook.csv", "batch.json")
    before = {name: (graded.known.out / name).read_bytes() for name in names}
    pages = surfaces.pages(graded.known)
    with open_gradebook(graded.known.out) as book:
        render_again(a_rubric(graded.order.course), graded.order, book=book)
    assert {name: (graded.known.out / name).read_bytes() for name in names} == before
    assert surfaces.pages(graded.known) == pages


def test_absent_students_count_neither_as_submissions_nor_among_those_who_failed(graded: Graded) -> None:
    page = (graded.known.out / "index.html").read_text(encoding="utf-8")
    handed_in = sum(case.what != "absent" for case in graded.cases)
    assert f"{handed_in} submissions" in page
    troubles = page.partition('id="troubles"')[2].partition("</section>")[0]
    assert not any(f">{case.short}<" in troubles for case in graded.cases if case.what == "absent")


def test_another_deadline_is_on_every_surface_after_a_regrade(graded: Graded) -> None:
    """Last in this file: it moves the class."""
    write_rubric(graded.order.course.root, graded.rules.replace("2026-11-20", "2026-11-23"))
    words = ("--course", graded.order.course.root, "--data", data_of(graded.order.course.root))
    assert run_cli("regrade", "tiny", graded.known.out, *words).code == 0
    for name in ("page", "class", "csv", "batch", "result", "show", "export", "moodle", "canvas", "zip", "junit"):
        shown = getattr(surfaces, READERS[name])(graded.known)
        said = {shown[student] for case in graded.cases for student in case.students}
        assert not {"50", "29.5", "48"} & said, name
    assert os.fspath(graded.order.course.root) not in surfaces.page_of(graded.known, "pn").read_text(encoding="utf-8")


READERS = {
    "page": "pages",
    "class": "class_page", "csv": "gradebook_csv", "batch": "batch_json", "result": "result_json", "show": "show",
    "export": "export_csv", "moodle": "moodle", "canvas": "canvas", "zip": "feedback", "junit": "junit",
}  # fmt: skip
