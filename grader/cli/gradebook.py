"""`grader gradebook`: what every student gets, what a person decided otherwise, and how it came about.

Below the commands: how other commands find the gradebook beside results, and how pages are written again after a decision.
"""

import getpass
import re
import sys
import uuid
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.command import Commands
from grader.cli.options import CourseOption, Data, Debug, Json, find_course
from grader.cli.terminal import print_json, print_lines, print_table
from grader.core.errors import GraderError, UsageError

if TYPE_CHECKING:
    from grader.checks.base import Planned
    from grader.core.grades import Event
    from grader.core.results import Grade
    from grader.gradebook import Change, Gradebook


app = typer.Typer(
    cls=Commands, no_args_is_help=True, help="Show grades after lateness and decisions; decide and comment."
)

DECISIONS = {"check": "points of", "looked_at": "looked at", "assigned": "handed to"}  # how the history calls them
BESIDE = "gradebook.sqlite"  # as in grader.gradebook.FILE, which would load SQLAlchemy
Where = Annotated[
    str, typer.Argument(metavar="DIR|URL", help="The --out folder of a batch, a gradebook.sqlite, or postgresql://...")
]
OneStudent = Annotated[str, typer.Argument(metavar="STUDENT", help="The student's name, identity or e-mail address.")]
OneAssignment = Annotated[
    str | None,
    typer.Option("--assignment", "-a", metavar="ID", help="Mean this assignment, where the student has several."),
]
Author = Annotated[
    str | None,
    typer.Option("--author", metavar="NAME", help="Write this name to the decision (default: your login name)."),
]
Results = Annotated[
    Path | None,
    typer.Option("--results", metavar="DIR", help="Write this --out folder again (default: the gradebook's own)."),
]
Reason = Annotated[
    str, typer.Option("--reason", "-m", metavar="TEXT", help="Say why to colleagues; never shown to students.")
]
GradebookOption = Annotated[
    str | None,
    typer.Option(
        "--gradebook",
        "-g",
        metavar="URL",
        help="Use the gradebook of this folder, file or postgresql://... (default: the one beside the results).",
    ),
]


@app.command()
def show(
    where: Where,
    student: Annotated[
        str | None, typer.Option("--student", metavar="NAME",
            help="Show only this student, by name, identity or e-mail address.")
    ] = None,
    assignment: Annotated[str | None, typer.Option("--assignment", "-a", metavar="ID",
        help="Show only this assignment.")] = None,
    as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Show what every student gets, after lateness and decisions."""
    with open_known(where) as book:
        grades = book.grades(assignment, student=student)
    if as_json:
        print_json([grade.model_dump(mode="json") for grade in grades])
        return
    if not grades:
        print_lines(["The gradebook is empty."])
        return
    several = len({grade.assignment for grade in grades}) > 1
    heading: tuple[str, ...] = ("student", "points", "passed", "status", "what became of it", "counts", "handed in")
    rows: list[tuple[str, ...]] = [_grade_row(grade) for grade in grades]
    if several:
        heading = ("assignment", *heading)
        rows = [(grade.assignment, *row) for grade, row in zip(grades, rows, strict=True)]
    print_table(heading, rows)


@app.command()
def override(
    where: Where, student: OneStudent,
    points: Annotated[str | None, typer.Option("--points", "-p", metavar="N", help="Give the student these points.")] = None,
    excuse: Annotated[bool, typer.Option("--excuse", help="Excuse the student, who gets no points and needs none.")] = False,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take the decision back, so that the rules hold again.")] = False,
    reason: Annotated[
        str, typer.Option("--reason", "-m", metavar="TEXT",
            help="Say why to colleagues; kept for ever, never shown to students.")
    ] = "",
    comment: Annotated[
        str, typer.Option("--comment", metavar="TEXT",
            help="Say this to the student, on the page and in platforms' comments.")
    ] = "",
    above_maximum: Annotated[
        bool, typer.Option("--above-maximum", help="Let --points be more than there are, on purpose.")
    ] = False,
    author: Author = None, assignment: OneAssignment = None, results: Results = None, data: Data = None,
    course: CourseOption = None, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Decide a grade yourself: points, or an excuse.

    It wins over every result and every regrade, until it is revoked.
    """
    if [points is not None, excuse, revoke].count(True) != 1:
        raise UsageError("Say what is decided.", "Give exactly one of --points N, --excuse and --revoke.")
    number = None if points is None else read_points(points)
    who = login_name() if author is None else author
    with open_known(where) as book:
        before = known_grades(book)
        if revoke:
            grade = book.revoke(student, author=who, reason=reason, assignment=assignment, comment=comment)
        else:
            grade = book.override(
                student, author=who, reason=reason, points=number, excused=excuse, assignment=assignment,
                comment=comment, above_maximum=above_maximum,
            )  # fmt: skip
        left = show_decision(results_beside(where, results), grade.assignment, book, course, data)
        tell_others(before, book, grade.assignment)
    tell_decision(grade, [unseen(comment), left], as_json)


def tell_decision(grade: "Grade", notes: Sequence[str], as_json: bool) -> None:
    """Print what the student gets now; `notes`, of which some may be "", on standard error."""
    for words in filter(None, notes):
        print_lines([f"note: {safe(words)}"], sys.stderr)
    if as_json:
        print_json(grade.model_dump(mode="json"))
    else:
        print_lines([f"{safe(grade.student.name)}, {safe(grade.assignment)}: {points_of(grade)}; {became(grade)}"])


def read_points(text: str, option: str = "--points ") -> float:
    """Points as people write them, 61.5 or 61,5. Raises UsageError for anything else, which names the option, if any."""
    from grader.core.text import read_number

    if re.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+", text.strip()):
        plain = text.strip().replace(",", "")
        raise UsageError(
            f"{option}{text}: may be {plain}, or a number with three digits after a decimal comma.",
            f"Write {plain}, or {text.strip().replace(',', '.', 1)}.",
        )
    if (found := read_number(text)) is None:
        raise UsageError(
            f"{option}{text}: is not a number.",
            "Write digits with a point or a comma before the fraction: 61.5 or 61,5.",
        )
    return found


def unseen(comment: str) -> str:
    """A note about characters of a comment that can't be seen; "" where it has none."""
    from grader.core.text import visible

    plain = comment.replace("\r\n", "\n")
    if visible(plain) == plain:
        return ""
    return "The comment holds characters that are not seen or turn the direction of text; pages show them as ⟨U+...⟩."


@app.command()
def history(
    where: Where, student: OneStudent, assignment: OneAssignment = None, as_json: Json = False, debug: Debug = False
) -> None:
    """List all results of a student and all decisions, oldest first."""
    with open_known(where) as book:
        events = book.history(student, assignment)
    if as_json:
        print_json([event.model_dump(mode="json") for event in events])
    elif not events:
        print_lines(["Nothing was handed in or decided yet."])
    else:
        print_table(("time", "assignment", "what", "points", "why"), [_event_row(event) for event in events])


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
    folder, who = results_beside(where, results), login_name() if author is None else author
    with open_known(where) as book:
        before = _one_grade(book, student, assignment)
        planned = _planned(folder, course, before.assignment)
        label = _label(check, planned)
        given = None if value is None else _points(value, planned.get(label))
        change = Change(
            kind="check", subject=label, student=before.student.name, author=who, reason=reason,
            value=None if given is None else {"points": given}, evidence=before.evidence or "",
        )  # fmt: skip
        grade, left = _write_down(book, before, change, folder, course, data)
    tell_decision(grade, [left], as_json)


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
    folder, who = results_beside(where, results), login_name() if author is None else author
    with open_known(where) as book:
        before = _one_grade(book, student, assignment)
        label = "" if check is None else _label(check, _planned(folder, course, before.assignment))
        said = {
            "text": text, "points": 0.0 if value is None else read_points(value), "check": label, "cell": cell,
            "line": line,
        }  # fmt: skip
        change = Change(
            kind="comment", subject=text.strip() if revoke else uuid.uuid4().hex[:8], student=before.student.name,
            author=who, value=None if revoke else said, evidence=before.evidence or "",
        )  # fmt: skip
        grade, left = _write_down(book, before, change, folder, course, data)
    tell_decision(grade, [" ".join(filter(None, ("" if revoke else unseen(text), left)))], as_json)


def _one_grade(book: "Gradebook", student: str, assignment: str | None) -> "Grade":
    """The grade that is decided on. Raises UsageError, also where the student has several and none is named."""
    found = book.grades(assignment, student=student)
    if not found:
        raise UsageError(f"The student is not enrolled for `{assignment}`.", "`grader gradebook show` lists who is.")
    if len(found) > 1:
        names = ", ".join(grade.assignment for grade in found)
        raise UsageError(f"The student has grades for {names}.", "Say which with --assignment.")
    return found[0]


def _planned(folder: Path | None, course: Path | None, assignment: str) -> "dict[str, Planned]":
    """The rubric's checks by label; none where the rubric is not at hand."""
    from grader.core.results import write_labels
    from grader.course.rubric import plan_checks
    from grader.marking.publish import recall_origin

    try:
        home = find_course(course or (recall_origin(folder)[0] if folder is not None else None))
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


def _write_down(
    book: "Gradebook", before: "Grade", change: "Change", folder: Path | None, course: Path | None, data: Path | None
) -> "tuple[Grade, str]":
    """Write it down and show it; the grade that follows, and what is left to do."""
    book.write_log(before.assignment, change)
    grade = book.grades(before.assignment, student=before.student.name)[0]
    return grade, show_decision(folder, grade.assignment, book, course, data)


def open_known(where: str, patience: float | None = None) -> "AbstractContextManager[Gradebook]":
    """The gradebook there; `patience` as for `open_beside`. Raises UsageError where there is none."""
    from grader.gradebook import open_gradebook

    if patience is None:
        return open_gradebook(where, create=False)
    return open_gradebook(where, create=False, patience=patience)


def login_name() -> str:
    """The name of whoever types. Raises UsageError."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name, as in many containers
        raise UsageError("This account has no login name.", "Say who decides with --author NAME.") from None


def points_of(grade: "Grade") -> str:
    """What the student gets, in a word or two."""
    if grade.excused:
        return "excused"
    if grade.awaits:
        return "awaits"
    return "-" if grade.points is None else f"{grade.points:g} of {grade.out_of:g}"


def became(grade: "Grade") -> str:
    """Lateness and a person's decision, in words."""
    said = []
    if grade.override is not None:
        decided = "excused" if grade.excused else "override"
        said.append(f"{decided} by {grade.override.author}: {grade.override.reason}")
        said += [f"to the student: {grade.override.comment}"] if grade.override.comment else []
        said += [f"earned {grade.earned:g}"] if grade.earned is not None else []
    else:
        said += [f"a person gives the points of {', '.join(grade.awaits)}"] if grade.awaits else []
        said += _decided(grade)
        said += [f"earned {grade.earned:g}, {grade.penalty.words}"] if grade.penalty is not None else []
    if grade.slip_days is not None:
        said.append(f"slip days: {grade.slip_days.spent} spent, {grade.slip_days.left} left")
    said += ["network handed in"] if grade.source == "handed-in" else []
    said += [f"audit: {grade.audit}"] if grade.audit is not None else []
    said += ["provisional"] if grade.provisional else []
    said += [flag.replace("_", " ") for flag in grade.flags]
    return safe("; ".join(said)) or ("-" if grade.status is None else "as marked")


def _decided(grade: "Grade") -> list[str]:
    """What people decided below an override, and how many comments there are."""
    review, said = grade.review, []
    if review is None:
        return []
    for item in review.checks:
        said.append(f"{item.check}: {item.points:g} by {item.author}{f' ({item.reason})' if item.reason else ''}")
    if review.adjustment is not None:
        said.append(f"in all: {review.adjustment.points:+g} by {review.adjustment.author} ({review.adjustment.reason})")
    more = sum(comment.points for comment in review.comments)
    said += [f"by comments: {more:+g}"] if more else []
    said += [f"comments: {len(review.comments)}"] if review.comments else []
    said += [f"looked at by {review.looked_at}"] if review.looked_at else []
    if grade.earned is not None and review.changes_points and grade.penalty is None:
        said.append(f"earned {grade.earned:g}")
    return said


def _grade_row(grade: "Grade") -> tuple[str, ...]:
    passed = "-" if grade.points is None else "yes" if grade.passed else "no"
    status = grade.status.value.replace("_", " ") if grade.status is not None else "nothing handed in"
    counts = safe(grade.submission) + (f" (1 of {grade.submissions})" if grade.submissions > 1 else "")
    handed_in = (grade.submitted or "-").replace("T", " ")
    return safe(grade.student.name), points_of(grade), passed, status, became(grade), counts or "-", handed_in


def _event_row(event: "Event") -> tuple[str, ...]:
    points = _event_points(event)
    if event.kind == "result":
        status = event.status.value.replace("_", " ") if event.status is not None else ""
        why = "; ".join([status, *event.changed, f"rubric {event.rubric[:8]}", f"grader {event.grader}"])
        what = event.submission
    else:
        what = " ".join(filter(None, (DECISIONS.get(event.kind, event.kind), event.subject)))
        what = f"{what}, taken back" if event.taken_back else what
        told = [event.reason, f"to the student: {event.comment}" if event.comment else ""]
        why = ": ".join(filter(None, (event.author, "; ".join(filter(None, told)))))
    time = event.time[:19].replace("T", " ") + event.time[-6:]
    return time, safe(event.assignment), safe(what), points, safe(why)


def _event_points(event: "Event") -> str:
    """Points in all, of a check, or that come on top."""
    if event.points is None or (event.kind == "comment" and not event.points):
        return "-"
    if event.kind == "check":
        return f"{event.points:g}"
    if event.kind in ("adjustment", "comment"):
        return f"{event.points:+g}"
    before = "" if event.before is None else f"{event.before:g} -> "
    return f"{before}{event.points:g} of {event.out_of:g}"


def safe(text: str) -> str:
    """Text from strangers as one line that neither a terminal nor a log nor a spreadsheet takes for an order."""
    from grader.core.text import defused, one_line
    from grader.exports.what_may_leave import guard_formula

    return guard_formula(defused(one_line(text)))


def open_beside(
    folder: Path, where: str | None, *, patience: float | None = None
) -> "AbstractContextManager[Gradebook | None]":
    """The gradebook that was named, else the one in a folder of results; None where there is none.

    `patience`: how many seconds it is waited for, where the usual ones are too many.
    """
    if where is None and not (folder / BESIDE).is_file():
        return nullcontext()
    return open_known(str(folder) if where is None else where, patience)


def results_beside(where: str, results: Path | None) -> Path | None:
    """The folder of results that belongs to a gradebook: the one that was named, else the one it lies in."""
    if results is not None:
        return results
    if "://" in where and not where.startswith("sqlite"):
        return None
    place = Path(where.partition(":///")[2] if "://" in where else where)
    return place if place.is_dir() else place.parent


def require_gradebook(folder: Path, book: "Gradebook | None") -> None:
    """Raise UsageError where results have grades of a gradebook that was not found: pages would lose decisions."""
    from grader.core.store import load_result

    if book is not None:
        return
    stored = (load_result(path) for path in sorted(folder.iterdir()) if path.is_dir())
    if any(result is not None and (result.grade or result.members) for result in stored):
        raise UsageError(
            f"{folder}: its results have grades of a gradebook that does not lie beside them.",
            "Name it with --gradebook URL, so that lateness and decisions are not forgotten.",
        )


def tell_missing(names: Sequence[str], folder: Path) -> str:
    """A sentence, without its full stop, about students of the gradebook who have no results in `folder`."""
    from grader.intake.names import name_some

    who = "1 student of the gradebook has" if len(names) == 1 else f"{len(names)} students of the gradebook have"
    return f"{who} no results in {folder}: {name_some(names)}"


def end_with_troubles(troubles: Sequence[str], missing: Sequence[str], folder: Path) -> None:
    """Report rows with troubles and students without results on standard error; end with 3 where there are troubles."""
    from grader.core.text import defused, one_line

    lines = [f"trouble: {words}" for words in troubles]
    if missing:
        lines.append(f"note: {tell_missing(missing, folder)}.")
    print_lines((defused(one_line(line)) for line in lines), sys.stderr)
    if troubles:
        raise typer.Exit(3)


def known_grades(book: "Gradebook | None") -> "list[Grade]":
    """All grades of a gradebook, to be compared with those after something was done; none without one."""
    return [] if book is None else book.grades()


def tell_others(before: "Sequence[Grade]", book: "Gradebook | None", assignment: str) -> None:
    """Name the other assignments of which grades moved meanwhile: slip days are one budget for all of them."""
    from grader.core.text import one_line

    known = {(grade.assignment, grade.student.name): grade for grade in before}
    pairs = [(known.get((grade.assignment, grade.student.name)), grade) for grade in known_grades(book)]
    moved = sorted(
        {
            new.assignment
            for old, new in pairs
            if old is not None and new.assignment != assignment
            and (old.points, old.passed, old.slip_days) != (new.points, new.passed, new.slip_days)
        }
    )  # fmt: skip
    if moved:
        names = ", ".join(map(one_line, moved))
        words = f"note: slip days moved for {names}, too, and pages written before show the old ones"
        print_lines([f"{words}: type `grader report DIR` for the folder of each."], sys.stderr)


def show_decision(
    folder: Path | None, assignment: str, book: "Gradebook", course: Path | None, data: Path | None
) -> str:
    """Write pages and lists with the grades of an assignment again; "" where that was done, else what to do instead."""
    from grader.course.rubric import open_rubric
    from grader.marking.publish import OutputOptions, recall_origin
    from grader.marking.regrade import show_grades

    if folder is None or not folder.is_dir():
        return (
            "Pages and lists show it once they are written again: name their folder with --results DIR, or type "
            "`grader report DIR --gradebook URL`."
        )
    known_course, known_data = recall_origin(folder)
    try:
        home = find_course(course or known_course)
        order = OutputOptions(out=folder, course=home, data=data or known_data)
        troubles: list[str] = []
        if show_grades(order, assignment, lambda: open_rubric(home, assignment, order.data), book, troubles.append):
            return " ".join(troubles)
        return f"{folder} holds no results of {assignment}, so no page was written."
    except GraderError as error:
        return (
            f"The pages in {folder} could not be written again: {error.message} {error.remedy} The decision is kept; "
            f"`grader report {folder}` shows it (with --course and --data as for the batch)."
        )
