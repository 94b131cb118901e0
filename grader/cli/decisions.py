"""`grader gradebook points` and `comment`: what a person decides of a single check, and says to a student, by command."""

import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.gradebook import (
    OneAssignment,
    OneStudent,
    Where,
    became,
    login_name,
    open_known,
    points_of,
    print_json,
    read_points,
    results_beside,
    safe,
    show_decision,
    unseen,
)
from grader.cli.options import CourseOption, Data, Debug, Json, find_course
from grader.cli.terminal import print_lines
from grader.core.errors import GraderError, UsageError

if TYPE_CHECKING:
    from grader.checks.base import Planned
    from grader.core.grades import Grade
    from grader.gradebook import Change, Gradebook

app = typer.Typer()
Reason = Annotated[
    str, typer.Option("--reason", "-m", metavar="TEXT", help="Say why to colleagues; never shown to students.")
]
Author = Annotated[
    str | None,
    typer.Option("--author", metavar="NAME", help="Write this name to the decision (default: your login name)."),
]
Results = Annotated[
    Path | None,
    typer.Option("--results", metavar="DIR", help="Write this --out folder again (default: the gradebook's own)."),
]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a decision is written, and which pages show it then."""

    where: str
    results: Path | None
    course: Path | None
    data: Path | None


@app.command()
def points(
    where: Where, student: OneStudent,
    check: Annotated[
        str, typer.Argument(metavar="CHECK", help="The check's name; its title where a rubric uses the check several times.")
    ],
    value: Annotated[
        str | None, typer.Argument(metavar="N|LEVEL", help="The points, or a level of the check's scale.")
    ] = None,
    reason: Reason = "",
    revoke: Annotated[bool, typer.Option("--revoke",
        help="Take it back, so that what the check gives holds again.")] = False,
    author: Author = None, assignment: OneAssignment = None, results: Results = None, data: Data = None,
    course: CourseOption = None, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Give the points of one check yourself.

    The check awaits a person, or gave other points.
    """
    from grader.gradebook import Change

    if (value is None) != revoke:
        raise UsageError("Say what is decided.", "Give the points, or type --revoke.")
    place, who = (
        Place(where=where, results=results, course=course, data=data),
        login_name() if author is None else author,
    )
    with open_known(where) as book:
        before = _one_grade(book, student, assignment)
        planned = _planned(place, before.assignment)
        label = _label(check, planned)
        given = None if value is None else _points(value, planned.get(label))
        change = Change(
            kind="check", subject=label, student=before.student.name, author=who, reason=reason,
            value=None if given is None else {"points": given}, evidence=before.evidence or "",
        )  # fmt: skip
        grade, left = _decide(book, before, change, place)
    _tell(grade, left, as_json)


@app.command()
def comment(
    where: Where, student: OneStudent,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="Plain text for the student; with --revoke the comment's number.")
    ],
    check: Annotated[str | None, typer.Option("--check", metavar="CHECK", help="Say it about this check.")] = None,
    cell: Annotated[
        int | None, typer.Option("--cell", metavar="N", min=1, help="Say it about this code cell, as pages count them.")
    ] = None,
    line: Annotated[int | None, typer.Option("--line", metavar="N", min=1, help="Say it about this line of --cell.")] = None,
    value: Annotated[
        str | None, typer.Option("--points", "-p", metavar="N",
            help="Give these points with it, or take them where N is below zero.")
    ] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take a comment back: TEXT is its number in `history`.")] = False,
    author: Author = None, assignment: OneAssignment = None, results: Results = None, data: Data = None,
    course: CourseOption = None, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Say something to a student.

    It is about the work, a check, a cell or a line, and stands on the page and in exports.
    """
    from grader.gradebook import Change

    if (check is not None and cell is not None) or (line is not None and cell is None):
        raise UsageError("A comment is about one place.", "Give --check CHECK, or --cell N, or --cell N --line N.")
    if not text.strip():
        raise UsageError("The comment is empty.", "Write what the student is to know.")
    place, who = (
        Place(where=where, results=results, course=course, data=data),
        login_name() if author is None else author,
    )
    with open_known(where) as book:
        before = _one_grade(book, student, assignment)
        label = "" if check is None else _label(check, _planned(place, before.assignment))
        said = {
            "text": text, "points": 0.0 if value is None else read_points(value), "check": label, "cell": cell,
            "line": line,
        }  # fmt: skip
        change = Change(
            kind="comment", subject=text.strip() if revoke else uuid.uuid4().hex[:8], student=before.student.name,
            author=who, value=None if revoke else said, evidence=before.evidence or "",
        )  # fmt: skip
        grade, left = _decide(book, before, change, place)
    _tell(grade, " ".join(filter(None, ("" if revoke else unseen(text), left))), as_json)


def _one_grade(book: "Gradebook", student: str, assignment: str | None) -> "Grade":
    """The grade that is decided on. Raises UsageError, also where the student has several and none is named."""
    found = book.grades(assignment, student=student)
    if not found:
        raise UsageError(f"The student is not enrolled for `{assignment}`.", "`grader gradebook show` lists who is.")
    if len(found) > 1:
        names = ", ".join(grade.assignment for grade in found)
        raise UsageError(f"The student has grades for {names}.", "Say which with --assignment.")
    return found[0]


def _planned(place: Place, assignment: str) -> "dict[str, Planned]":
    """The rubric's checks by label; none where the rubric is not at hand."""
    from grader.core.results import write_labels
    from grader.course.rubric import plan_checks
    from grader.marking.publish import recall_origin

    folder = results_beside(place.where, place.results)
    try:
        home = find_course(place.course or (recall_origin(folder)[0] if folder is not None else None))
        found = plan_checks(home, home.assignment(assignment))
    except GraderError:
        return {}
    return dict(zip(write_labels((item.check.name, item.title) for item in found), found, strict=True))


def _label(check: str, planned: "dict[str, Planned]") -> str:
    """The label of the check that is meant: by it, or by its title, where the rubric is at hand."""
    if check in planned or not planned:
        return check
    called = [label for label, item in planned.items() if item.title.casefold() == check.casefold()]
    return called[0] if len(called) == 1 else check


def _points(value: str, item: "Planned | None") -> float:
    """Points that were given as a number, or as a level of the check's scale. Raises UsageError."""
    from grader.checks.manual import Manual
    from grader.core.text import available, nearest

    scale = item.parameters.scale if item is not None and isinstance(item.parameters, Manual) else {}
    levels = {name.casefold(): points for name, points in scale.items()}
    if value.strip().casefold() in levels:
        return levels[value.strip().casefold()]
    try:
        return read_points(value, "")
    except UsageError:
        if not scale:
            raise
        near = nearest(value, tuple(scale))
        words = f"`{value}` is neither a number nor a level of the scale{near}."
        raise UsageError(words, available(scale)) from None


def _decide(book: "Gradebook", before: "Grade", change: "Change", place: Place) -> "tuple[Grade, str]":
    """Write it down and show it; the grade that follows, and what is left to do."""
    book.write_log(before.assignment, change)
    grade = book.grades(before.assignment, student=before.student.name)[0]
    folder = results_beside(place.where, place.results)
    return grade, show_decision(folder, grade.assignment, book, place.course, place.data)


def _tell(grade: "Grade", left: str, as_json: bool) -> None:
    if left:
        print_lines([f"note: {safe(left)}"], sys.stderr)
    if as_json:
        print_json(grade.model_dump(mode="json"))
    else:
        print_lines([f"{safe(grade.student.name)}, {safe(grade.assignment)}: {points_of(grade)}; {became(grade)}"])
