"""`grader export`: grades and results as files for other programs, one sub-command for each format.

Grades come from the gradebook where there is one, else from the stored results; a format for one submission is made from its
result. Files are read and written here; what stands in them is decided in `grader.exports`.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grader.cli.command import Commands
from grader.cli.gradebook import tell_missing
from grader.cli.options import Debug, can_be_written, must_be_folder, read_pairs
from grader.cli.terminal import print_lines
from grader.core.errors import UsageError

if TYPE_CHECKING:
    from grader.core.results import Grade, Result
    from grader.exports.github import Place
    from grader.exports.what_may_leave import Filled

LARGEST_WORKSHEET = 64 << 20
NOT_ALL = 2  # with --strict
BROKEN = 3  # something of it could not be read or written


class Formats(Commands):
    """The formats as sub-commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The format's name first: options may stand before it, too."""
        if args and args[0].startswith("-"):
            options = [item for format_ in self.commands.values() for item in format_.params]
            valued = {word for item in options if not getattr(item, "is_flag", False) for word in item.opts}
            pairs = enumerate(zip(args[1:], args, strict=False), 1)
            place = next((at for at, (word, before) in pairs if word in self.commands and before not in valued), 0)
            args = [args[place], *args[:place], *args[place + 1 :]]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=Formats, no_args_is_help=True,
    help="Write grades or results for a platform.\n\n"
    "The formats are for Moodle, Canvas, nbgrader, Gradescope, Classroom 50, GitHub, JUnit and spreadsheets.",
)  # fmt: skip

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The --out folder of a batch.")]
ResultFolder = Annotated[Path, typer.Argument(metavar="DIR", help="The --out folder of a batch, or a student's in it.")]
Into = Annotated[
    Path | None, typer.Option("--into", "-o", metavar="FILE", help="Write to this file (default: print it).")
]
Strict = Annotated[bool, typer.Option("--strict", help="End with 2 where a grade could not be placed.")]
GradesFrom = Annotated[
    str | None,
    typer.Option("--gradebook", "-g", metavar="URL", help="Take grades from this gradebook instead of DIR's own."),
]
OfAssignment = Annotated[
    str | None, typer.Option("--assignment", "-a", metavar="ID", help="Take this assignment, where there are several.")
]
FileToFill = Annotated[
    Path | None, typer.Option("--worksheet", metavar="FILE", help="Fill in this file, which you downloaded.")
]
InPlace = Annotated[bool, typer.Option("--in-place", help="Replace the --worksheet with the filled one.")]
Scale = Annotated[bool, typer.Option("--scale", help="Convert points to the platform's maximum.")]
Provisional = Annotated[bool, typer.Option("--provisional", help="Hand on marks in need of review, too.")]
OfStudent = Annotated[str | None, typer.Option("--student", metavar="NAME", help="Take only this student's result.")]


@app.command()
def csv(
    folder: Folder, into: Into = None, gradebook: GradesFrom = None, assignment: OfAssignment = None,
    strict: Strict = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Write a table for spreadsheets, a row for each grade."""
    from grader.exports.csv_files import write_grades
    from grader.exports.what_may_leave import MARK

    export = Export("csv", folder, into, strict)
    export.grades(gradebook, assignment, lambda grades: _of_text(MARK + write_grades(grades), len(grades)))


@app.command()
def moodle(
    folder: Folder, into: Into = None, worksheet: FileToFill = None, in_place: InPlace = False,
    identifier: Annotated[
        str, typer.Option("--identifier", metavar="COLUMN", help="Find Moodle's numbers in the column of this title.")
    ] = "Identifier",
    grade: Annotated[str, typer.Option("--grade", metavar="COLUMN",
        help="Write grades to the column of this title.")] = "Grade",
    maximum: Annotated[
        str, typer.Option("--maximum", metavar="COLUMN", help="Find maximum grades in the column of this title.")
    ] = "Maximum Grade",
    comments: Annotated[
        str, typer.Option("--comments", metavar="COLUMN", help="Write comments too, to the column of this title.")
    ] = "",
    scale: Scale = False, provisional: Provisional = False, gradebook: GradesFrom = None, assignment: OfAssignment = None,
    strict: Strict = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Fill in a grading worksheet that comes from Moodle."""
    from grader.exports.moodle import MoodleOptions, fill_worksheet

    options = MoodleOptions(
        identifier=identifier, grade=grade, maximum=maximum, comments=comments, scale=scale, provisional=provisional
    )
    name, data = _read_worksheet("moodle", worksheet, into, in_place)
    export = Export("moodle", folder, worksheet if in_place else into, strict)
    export.grades(
        gradebook, assignment, lambda grades: fill_worksheet(data, _of_one(grades), name=name, options=options)
    )


@app.command("moodle-feedback")
def moodle_feedback(
    folder: Folder, into: Into = None, gradebook: GradesFrom = None, assignment: OfAssignment = None,
    strict: Strict = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Pack the students' reports as a zip that Moodle takes back."""
    from grader.exports.moodle import pack_reports
    from grader.intake import former_names
    from grader.marking.publish import REPORT, member_page, student_folder

    def read(grade: "Grade") -> bytes | None:
        place = folder / grade.folder if grade.folder else student_folder(folder, grade.student.name)
        own = member_page(place, grade.student.name)
        former = (own.with_name(f"{name}.html") for name in former_names(grade.student.name))
        report = next((page for page in (own, *former) if page.is_file()), place / REPORT)
        inside = report.resolve().is_relative_to(folder.resolve())
        try:
            return report.read_bytes() if inside and report.is_file() else None
        except OSError:  # this one's report can't be handed back; all others can
            return None

    export = Export("moodle-feedback", folder, into, strict)
    if into is None:
        raise UsageError("A zip can't be printed to a terminal.", "Name a file with --into FILE.")
    export.grades(gradebook, assignment, lambda grades: pack_reports(_of_one(grades), read, file=REPORT))


@app.command()
def canvas(
    folder: Folder, into: Into = None, worksheet: FileToFill = None, in_place: InPlace = False,
    column: Annotated[str, typer.Option("--column", metavar="TEXT",
        help="Fill in the assignment of this title or number (default: our title).")] = "",
    scale: Scale = False, provisional: Provisional = False, gradebook: GradesFrom = None, assignment: OfAssignment = None,
    strict: Strict = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Fill in a gradebook that comes from Canvas."""
    from grader.exports.canvas import CanvasOptions, fill_gradebook

    options = CanvasOptions(column=column, scale=scale, provisional=provisional)
    name, data = _read_worksheet("canvas", worksheet, into, in_place)
    export = Export("canvas", folder, worksheet if in_place else into, strict)
    export.grades(
        gradebook, assignment, lambda grades: fill_gradebook(data, _of_one(grades), name=name, options=options)
    )


@app.command()
def nbgrader(
    folder: Folder, into: Into = None, provisional: Provisional = False, gradebook: GradesFrom = None,
    assignment: OfAssignment = None, strict: Strict = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Write a table with the columns of `nbgrader export`."""
    from grader.exports.csv_files import write_scores

    export = Export("nbgrader", folder, into, strict)
    export.grades(gradebook, assignment, lambda grades: write_scores(grades, provisional=provisional))


@app.command()
def gradescope(
    folder: ResultFolder, into: Into = None, student: OfStudent = None,
    visibility: Annotated[
        list[str] | None, typer.Option("--visibility", metavar="CHECK=WHO", help="Let WHO see this check; may be repeated.")
    ] = None,
    leaderboard: Annotated[bool, typer.Option("--leaderboard", help="Show the accuracy on the leaderboard.")] = False,
    strict: Strict = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Write Gradescope's results.json, for one submission."""
    from grader.exports.gradescope import write_results

    export, seen = Export("gradescope", folder, into, strict), read_pairs(visibility or [], "--visibility", "CHECK=WHO")
    export.one_result(student, lambda result: write_results(result, visibility=seen, leaderboard=leaderboard))


@app.command()
def autograding(
    folder: ResultFolder, into: Into = None, student: OfStudent = None, strict: Strict = False, debug: Debug = False
) -> None:
    """Write the result for GitHub's autograding reporter.

    It is base64 on one line, for one submission.
    """
    from grader.exports.autograding import encode_autograding

    Export("autograding", folder, into, strict).one_result(student, lambda result: encode_autograding(result) + "\n")


app.command("classroom", hidden=True, help="The former name of `autograding`.")(autograding)


@app.command()
def classroom50(
    folder: ResultFolder, into: Into = None, student: OfStudent = None, strict: Strict = False, debug: Debug = False
) -> None:
    """Write Classroom 50's result.json, for one submission.

    An autograder.py calls it, with the variables of the runner.
    """
    import os
    from datetime import UTC, datetime

    from grader.exports.classroom50 import Submission, write_result

    submission, now = Submission.of(os.environ), datetime.now(UTC)
    export = Export("classroom50", folder, into, strict)
    export.one_result(student, lambda result: write_result([result], submission, now))


@app.command()
def junit(
    folder: ResultFolder, into: Into = None, student: OfStudent = None, strict: Strict = False, debug: Debug = False
) -> None:
    """Write results as JUnit XML."""
    from grader.exports.junit import write_junit

    Export("junit", folder, into, strict).results(student, write_junit)


@app.command()
def github(
    folder: ResultFolder, into: Into = None, student: OfStudent = None,
    path: Annotated[
        Path | None, typer.Option("--path", metavar="FILE",
            help="Put annotations on this file, the submission's path in the repository.")
    ] = None,
    strict: Strict = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Write a log with annotations for GitHub Actions."""
    import secrets

    from grader.exports.github import write_log

    token, export = secrets.token_hex(16), Export("github", folder, into, strict)
    if path is None:
        export.results(student, lambda results: write_log(results, token=token))
    else:
        where = _read_place(path)
        export.one_result(student, lambda result: write_log([result], token=token, places={result.student: where}))


@app.command("github-summary")
def github_summary(
    folder: ResultFolder, into: Into = None, student: OfStudent = None, strict: Strict = False, debug: Debug = False
) -> None:
    """Write Markdown for the summary of a step of GitHub Actions."""
    from grader.exports.github import write_summary

    Export("github-summary", folder, into, strict).results(student, write_summary)


@app.command()
def course(
    where: Annotated[str, typer.Argument(metavar="DIR|URL", help="A gradebook that holds the whole course.")],
    into: Into = None,
    assignment: Annotated[
        str | None,
        typer.Option("--assignment", "-a", metavar="ID", help="Take the course of this assignment, if there are several."),
    ] = None,
    strict: Strict = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Write all assignments of a course with the total.

    It is a table, or a page where FILE ends in .html.
    """
    from grader.cli.gradebook import open_known
    from grader.core.totals import course_table
    from grader.course.course import Course
    from grader.exports.csv_files import write_course
    from grader.exports.what_may_leave import MARK, Filled
    from grader.pages.html import course_page

    target = None if into is None else can_be_written(into)
    with open_known(where) as book:
        rules, grades = book.course(assignment)
    if not grades:
        raise UsageError(f"{where} holds no grades.", "Name the gradebook of a batch.")
    table = course_table(rules, grades)
    as_page = into is not None and into.suffix.lower() in (".html", ".htm")
    templates, language = Course.at().report_templates() / "templates", "en" if rules is None else rules.language
    text = course_page(table, templates=templates, language=language) if as_page else MARK + write_course(table)
    no_total = () if rules is not None and rules.total is not None else ("no course.toml says how assignments add up",)
    found = Filled(content=text.encode("utf-8", "replace"), filled=len(table.lines), remarks=no_total)
    _write_file("course", found, target, (), strict=strict)


@dataclass(frozen=True)
class Export:
    """What is common to all formats: the folder that is read, the file that is written, how the command ends.

    Every method raises UsageError for what it can't do.
    """

    format_: str
    folder: Path
    into: Path | None
    strict: bool

    def __post_init__(self) -> None:
        must_be_folder(self.folder)

    def grades(self, named: str | None, assignment: str | None, make: "Callable[[list[Grade]], Filled]") -> None:
        """A file of grades: of the gradebook that is named or lies in the folder, else as the results give them."""
        from grader.exports.what_may_leave import all_grades
        from grader.gradebook import FILE, open_gradebook

        target = self._target()
        stored, unreadable = _read_stored(self.folder)
        book_at = named or (self.folder if (self.folder / FILE).is_file() else None)
        if book_at is not None:
            of_results = {result.assignment for result in stored.values()}
            with open_gradebook(book_at, create=False) as book:
                grades = book.grades(assignment or (of_results.pop() if len(of_results) == 1 else None))
        else:
            grades = [grade for grade in all_grades([*stored.values()]) if assignment in (None, grade.assignment)]
        if not grades:
            raise UsageError(f"{self.folder} holds no grades.", "Name the --out folder of a batch, or a --gradebook.")
        self._write(make(grades), target, unreadable if book_at is None else [])

    def results(self, student: str | None, write: "Callable[[Sequence[Result]], str]") -> None:
        """A file of all results; one that can't be written is left out and told, and all others stand."""
        target = self._target()
        results, missing, unreadable = self._read_results(student)
        fine, troubles = [], []
        for result in results:
            try:
                write([result])
            except Exception as error:
                troubles.append(f"{result.student}: can't be written: {type(error).__name__}: {error}")
            else:
                fine.append(result)
        self._write(replace(_of_text(write(fine), len(fine)), remarks=missing), target, [*troubles, *unreadable])

    def one_result(self, student: str | None, write: "Callable[[Result], str]") -> None:
        """A file of one result."""
        target = self._target()
        results, _, unreadable = self._read_results(student)
        if len(results) > 1:
            raise UsageError(
                f"{self.folder} holds {len(results)} results, and one is wanted.", "Name it with --student."
            )
        self._write(_of_text(write(results[0]), 1), target, unreadable)

    def _read_results(self, student: str | None) -> "tuple[list[Result], tuple[str, ...], list[str]]":
        """The results, a sentence about who is in the gradebook and not among them, and one for each unreadable result."""
        from grader.core.text import did_you_mean

        stored, unreadable = _read_stored(self.folder)
        results, missing = _with_todays_grades(self.folder, stored)
        if student is None and not results:
            raise UsageError(f"{self.folder} holds no results.", "Name the --out folder of an earlier batch.")
        if student is None:
            return results, missing, unreadable
        known = tuple(result.student for result in results)
        if student not in known:
            hint = did_you_mean(student, known)
            raise UsageError(f"{self.folder}: holds no result of `{student}`{hint}.", "Check --student.")
        return [result for result in results if result.student == student], (), []

    def _target(self) -> Path | None:
        return None if self.into is None else can_be_written(self.into)

    def _write(self, filled: "Filled", target: Path | None, troubles: Sequence[str]) -> None:
        _write_file(self.format_, filled, target, troubles, strict=self.strict)


def _write_file(format_: str, filled: "Filled", target: Path | None, troubles: Sequence[str], *, strict: bool) -> None:
    """Write the file, and say what happened on standard error, as standard output may be the file."""
    from grader.core.text import defused, one_line
    from grader.core.workspace import write_whole

    if target is not None:
        write_whole(target, filled.content)
    else:
        _print_bytes(filled.content)
    lines = [f"trouble: {line}" for line in troubles]
    lines += [*(f"not placed: {line}" for line in filled.unplaced), *(f"note: {line}" for line in filled.remarks)]
    if target is not None or lines:
        left = f", {len(filled.unplaced)} not placed" if filled.unplaced else ""
        lines.append(f"{format_}: {filled.filled} written{left}{f' ({target})' if target else ''}")
    print_lines((defused(one_line(line)) for line in lines), sys.stderr)
    if troubles or (strict and filled.unplaced):
        raise typer.Exit(BROKEN if troubles else NOT_ALL)


def _of_one(grades: "list[Grade]") -> "list[Grade]":
    """The grades of one assignment. Raises UsageError for several."""
    names = sorted({grade.assignment for grade in grades})
    if len(names) > 1:
        raise UsageError(f"There are grades for {', '.join(names)}.", "Choose with --assignment.")
    return grades


def _read_stored(folder: Path) -> "tuple[dict[Path, Result], list[str]]":
    """The results in a batch's folder, or the one in a student's own; a sentence for each that can't be read."""
    from grader.core.store import EVIDENCE, RESULT, load_result

    own = load_result(folder)
    if own is not None:
        return {folder: own}, []
    stored, unreadable = {}, []
    for path in filter(Path.is_dir, sorted(folder.iterdir())):
        result = load_result(path)
        if result is not None:
            stored[path] = result
        elif (path / RESULT).exists() or (path / "evidence" / EVIDENCE).is_file():
            again = f"`grader report {folder}` makes it again if it can"
            unreadable.append(f"{path.name}/{RESULT} can't be read, so it is left out; {again}")
    return stored, unreadable


def _with_todays_grades(folder: Path, stored: "dict[Path, Result]") -> "tuple[list[Result], tuple[str, ...]]":
    """The results with what the gradebook beside them gives now, and who is missing; as written where there is none."""
    from grader.gradebook import FILE, open_gradebook
    from grader.marking.publish import Grades, names_of
    from grader.marking.regrade import grades_of_book, not_here

    place = next((path for path in (folder, folder.absolute().parent) if (path / FILE).is_file()), None)
    assignments = {result.assignment for result in stored.values()}
    if place is None or len(assignments) != 1:
        return list(stored.values()), ()
    (assignment,) = assignments
    with open_gradebook(place, create=False) as book:
        if folder in stored:  # a student's own: of a class of a thousand nobody else is read
            called = names_of(stored[folder])
            grades = Grades(book.grades_beside(assignment, folder.absolute().name, called))
        else:
            grades = grades_of_book(book, assignment)
        names = not_here(book, assignment, folder) if place == folder else []
    missing = (tell_missing(names, folder),) if names else ()
    return [grades.beside(result, path.absolute()) for path, result in stored.items()], missing


def _read_worksheet(format_: str, path: Path | None, into: Path | None, in_place: bool) -> tuple[str, bytes]:
    """The name and the bytes of a platform's file. It is replaced only on request. Raises UsageError."""
    if path is None:
        words = f"`{format_}` fills in a file that you downloaded; none is built here."
        raise UsageError(words, "Name it with --worksheet FILE.")
    if in_place and into is not None:
        raise UsageError("--in-place and --into exclude each other.", "Leave one of them out.")
    if into is not None and into.exists() and path.exists() and into.samefile(path):
        raise UsageError(f"{into}: is the worksheet itself.", "Name another file, or type --in-place to replace it.")
    try:
        if path.stat().st_size > LARGEST_WORKSHEET:
            raise UsageError(f"{path}: is larger than {LARGEST_WORKSHEET >> 20} MiB.", "Is this the right file?")
        return path.name, path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror}).", "Check --worksheet.") from None


def _read_place(path: Path) -> "Place":
    """Where annotations go: on the lines of the notebook's cells, where it can be read from here."""
    from grader.exports.github import Place, cell_lines

    try:
        text = path.read_text(encoding="utf-8", errors="replace") if path.suffix == ".ipynb" else ""
    except OSError:
        text = ""
    return Place(file=path.as_posix(), lines=cell_lines(text))


def _of_text(text: str, count: int) -> "Filled":
    from grader.exports.what_may_leave import Filled

    return Filled(content=text.encode("utf-8", "replace"), filled=count)


def _print_bytes(content: bytes) -> None:
    """The bytes as they are: a worksheet's line ends and encoding are not this terminal's."""
    from grader.core.text import visible

    text = content.decode("utf-8", "replace").replace("\r\n", "\n").removeprefix("\ufeff")
    if sys.stdout.isatty() and visible(text) != text:
        raise UsageError(
            "The file holds characters that a terminal would obey and nobody would see.",
            "Name a file with --into FILE.",
        )
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        print(content.decode("utf-8", "replace"), end="")
    else:
        sys.stdout.flush()
        buffer.write(content)
        buffer.flush()
