"""Pages for the browser: students who fail, nearly pass and pass, and classes of 40, 500 and 10,000."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from grader.core.decision_log import Review
from grader.core.evidence import Cause, Claims, Ending
from grader.core.grades import plain_grade
from grader.core.limits import Limits
from grader.core.results import CheckResult, Flag, Grade, Outcome, Override, Penalty, Result, Status, Student
from grader.pages.accuracy import JudgedImages, Mistake, find_mistakes
from grader.pages.html import class_page, student_page
from tests.pages.builders import (
    CLASSES,
    TEMPLATES,
    a_check,
    a_fit,
    a_result,
    an_accuracy,
    some_cells,
    some_evidence,
)
from tests.pages.classes import a_class
from tests.pages.layers import an_architecture


def write_pages(folder: Path) -> Path:
    """All pages, by name."""
    evidence = some_evidence(
        claims=Claims(
            cells=some_cells(),
            fits=(a_fit(history={"loss": (0.9, 0.5, 0.3, 0.2, 0.1), "val_loss": (0.8, 0.4, 0.5, 0.6, 0.7)}),),
            candidates=some_evidence().claims.candidates,
        )
    )
    failed = (a_check(Outcome.FAILED, hint="Train for more epochs.", out_of=50.0), a_check())
    students = {
        "passed": a_result(),
        "close": a_result(accuracy=an_accuracy(9_690, verdict="borderline"), passed=False, status=Status.NEEDS_REVIEW,
                          flags=(Flag(kind="borderline", reason="96.90 % of 10,000 images is below 97.00 %."),)),
        "wrong": a_result(failed, accuracy=an_accuracy(8_000, verdict="fail"), passed=False),
    }  # fmt: skip
    students |= reviewed()
    for name, result in students.items():
        page = student_page(
            result, evidence, templates=TEMPLATES, classes=CLASSES, limits=Limits(), mistakes=some_mistakes()
        )
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    italian = student_page(a_result(), evidence, templates=TEMPLATES, classes=CLASSES, limits=Limits(), language="it")
    (folder / "italian.html").write_text(italian, encoding="utf-8")
    unread = a_result(status=Status.EXPLAINED, accuracy=None, passed=False)
    (folder / "unread.html").write_text(student_page(unread, None, templates=TEMPLATES), encoding="utf-8")
    write_class(folder / "class-40.html", a_class(40))
    write_class(folder / "italian-class.html", a_class(40), language="it")
    year = a_class(500)
    write_class(folder / "class-500.html", year)
    many = [one.model_copy(update={"student": f"{one.student}-{n:02}"}) for n in range(20) for one in year]
    write_class(folder / "class-10000.html", many)
    graded = with_some_grades(a_class(40))
    write_class(folder / "grades.html", graded)
    (folder / "absent.html").write_text(student_page(graded[-1], None, templates=TEMPLATES), encoding="utf-8")
    return folder


def reviewed() -> dict[str, Result]:
    """What people decided and said, with hostile words, and a result that awaits a person."""
    plot = CheckResult(
        name="manual", title="The plot is right", outcome=Outcome.AWAITING, points=0, out_of=10, rests_on="person",
        reason="a person gives these points",
    )  # fmt: skip
    plain = a_result((a_check(), plot), passed=False, points=10, out_of=20)
    places: tuple[dict[str, object], ...] = (
        {},
        {"check": "manual", "points": 1.0},
        {"cell": 1, "line": 1, "points": -2.0},
        {"cell": 999, "line": 3},
    )
    comments = [{"id": f"{n}", "text": f"<b>Well</b> done\u202e {n}", **place} for n, place in enumerate(places)]
    review = Review.model_validate({"checks": ({"check": "manual", "points": 4.0},), "comments": comments})
    given = plain_grade(plain).model_copy(update={"points": 13.0, "awaits": (), "review": review})
    return {"awaiting": plain, "reviewed": plain.model_copy(update={"grade": given})}


def write_class(path: Path, results: Sequence[Result], language: str = "en") -> None:
    """A class whose links lead to a page that is there."""
    links = {result.student: "passed.html" for result in results if result.status is not Status.BROKEN}
    title = "Exercise 1: MNIST with a multi-layer perceptron"
    page = class_page(results, title=title, links=links, templates=TEMPLATES, language=language)
    path.write_text(page, encoding="utf-8")


def some_mistakes() -> tuple[Mistake, ...]:
    """Noise that a network took for something else."""
    dice = np.random.default_rng(3)
    outputs = dice.dirichlet(np.full(10, 0.1), 60).astype(np.float32)
    images = dice.integers(0, 255, (60, 28, 28, 1), dtype=np.uint8)
    judged = JudgedImages(outputs=outputs, labels=dice.integers(0, 10, 60), images=images)
    return find_mistakes(judged, an_architecture(), CLASSES)


def with_some_grades(results: Sequence[Result]) -> list[Result]:
    """What a gradebook makes of a class: one late, one decided by hand, one excused, one who handed in nothing."""
    late = Penalty(days=2, points=20.0, words="two days late: 10 points a day")
    by_hand = Override(points=77.0, excused=False, author="Prof. Rossi", reason="shown in person", time="2026-11-23")
    excused = Override(points=None, excused=True, author="Prof. Rossi", reason="ill", time="2026-11-23")
    given: list[dict[str, object]] = [
        {"penalty": late, "points": results[0].points - 20},
        {"override": by_hand, "points": 77.0, "passed": True},
        {"override": excused, "points": None},
        *({} for _ in results[3:]),
    ]
    graded = []
    for result, change in zip(results, given, strict=True):
        values = {
            "student": Student(name=result.student), "assignment": "exercise1", "title": "Exercise 1",
            "points": result.points, "earned": result.points, "out_of": 100.0, "passed": result.passed,
            "status": result.status,
        }  # fmt: skip
        graded.append(result.model_copy(update={"grade": Grade.model_validate({**values, **change})}))
    ending = Ending(cause=Cause.NOT_RUN, message="Nothing was handed in.")
    absent = a_result((), student="Zeno Absent", submission="", status=Status.EXPLAINED, passed=False, accuracy=None,
                      ending=ending, evidence="", points=0, out_of=100)  # fmt: skip
    return [*graded, absent]
