"""The files that `grader export` writes: from what lies in a batch's folder to the bytes of one format.

`grader export`: what the grader found in the formats of others. Files are read and written here, and only here.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.gradebook import tell_missing
from grader.cli.options import Debug, can_be_written, must_be_folder
from grader.core.errors import UsageError

if TYPE_CHECKING:
    from grader.core.grades import Grade
    from grader.core.results import Result
    from grader.exports.github import Place
    from grader.exports.gradescope import Visibility
    from grader.exports.release import Filled


LARGEST_WORKSHEET = 64 << 20


@dataclass(frozen=True, kw_only=True)
class ExportWords:
    """What was asked for on the command line."""

    folder: Path
    gradebook: str | None
    assignment: str | None
    worksheet: Path | None
    identifier: str
    grade: str
    maximum: str
    comments: str
    column: str
    scale: bool
    provisional: bool
    student: str | None
    visibility: tuple[str, ...]
    leaderboard: bool
    path: Path | None


def make(format_: str, wanted: ExportWords) -> "Filled":
    """The file of a format, with a word about each result in DIR that should be in it and can't be read."""
    filled = makers()[format_](wanted)
    of_gradebook = format_ in ("csv", "moodle", "moodle-feedback", "canvas", "nbgrader") and _has_gradebook(wanted)
    if of_gradebook or wanted.student is not None:
        return filled
    return replace(filled, troubles=(*filled.troubles, *_unreadable(wanted.folder)))


def makers() -> "dict[str, Callable[[ExportWords], Filled]]":
    """What makes each format. Each raises UsageError for what it can't do."""
    return {
        "csv": _csv, "moodle": _moodle, "moodle-feedback": _moodle_feedback, "canvas": _canvas, "nbgrader": _nbgrader,
        "gradescope": _gradescope, "classroom": _classroom, "junit": _junit, "github": _github,
        "github-summary": _github_summary,
    }  # fmt: skip


def _csv(wanted: ExportWords) -> "Filled":
    from grader.exports.csv_files import write_grades
    from grader.exports.release import MARK

    grades = _grades(wanted)
    return _of_text(MARK + write_grades(grades), len(grades))


def _moodle(wanted: ExportWords) -> "Filled":
    from grader.exports.moodle import MoodleOptions, fill_worksheet

    options = MoodleOptions(
        identifier=wanted.identifier, grade=wanted.grade, maximum=wanted.maximum, comments=wanted.comments,
        scale=wanted.scale, provisional=wanted.provisional,
    )  # fmt: skip
    name, data = _read_worksheet(wanted)
    return fill_worksheet(data, _one_assignment(wanted), name=name, options=options)


def _canvas(wanted: ExportWords) -> "Filled":
    from grader.exports.canvas import CanvasOptions, fill_gradebook

    options = CanvasOptions(column=wanted.column, scale=wanted.scale, provisional=wanted.provisional)
    name, data = _read_worksheet(wanted)
    return fill_gradebook(data, _one_assignment(wanted), name=name, options=options)


def _nbgrader(wanted: ExportWords) -> "Filled":
    from grader.exports.csv_files import write_scores

    return write_scores(_grades(wanted), provisional=wanted.provisional)


def _moodle_feedback(wanted: ExportWords) -> "Filled":
    from grader.exports.moodle import pack_reports
    from grader.intake import former_names
    from grader.marking.publish import REPORT, member_page, student_folder

    def read(grade: "Grade") -> bytes | None:
        place = wanted.folder / grade.folder if grade.folder else student_folder(wanted.folder, grade.student.name)
        own = member_page(place, grade.student.name)
        former = (own.with_name(f"{name}.html") for name in former_names(grade.student.name))
        report = next((page for page in (own, *former) if page.is_file()), place / REPORT)
        inside = report.resolve().is_relative_to(wanted.folder.resolve())
        try:
            return report.read_bytes() if inside and report.is_file() else None
        except OSError:  # this one's report can't be handed back; all others can
            return None

    return pack_reports(_one_assignment(wanted), read, file=REPORT)


def _gradescope(wanted: ExportWords) -> "Filled":
    from grader.exports.gradescope import write_results

    return _of_text(
        write_results(
            _one_result(wanted), visibility=_read_visibility(wanted.visibility), leaderboard=wanted.leaderboard
        ),
        1,
    )


def _classroom(wanted: ExportWords) -> "Filled":
    from grader.exports.github import encode_classroom

    return _of_text(encode_classroom(_one_result(wanted)) + "\n", 1)


def _junit(wanted: ExportWords) -> "Filled":
    from grader.exports.junit import write_junit

    return _of_rows(wanted, write_junit)


def _github(wanted: ExportWords) -> "Filled":
    import secrets

    from grader.exports.github import write_log

    token = secrets.token_hex(16)
    if wanted.path is None:
        return _of_rows(wanted, lambda results: write_log(results, token=token))
    result = _one_result(wanted)
    return _of_text(write_log([result], token=token, places={result.student: _place(wanted.path)}), 1)


def _github_summary(wanted: ExportWords) -> "Filled":
    from grader.exports.github import write_summary

    return _of_rows(wanted, write_summary)


def _of_rows(wanted: ExportWords, write: "Callable[[list[Result]], str]") -> "Filled":
    """A text of all results; one that can't be read or written is left out and told, and all others stand."""
    rows = _rows(wanted)
    fine, troubles = [], []
    for result in rows.results:
        try:
            write([result])
        except Exception as error:
            troubles.append(f"{result.student}: can't be written: {type(error).__name__}: {error}")
        else:
            fine.append(result)
    return replace(_of_text(write(fine), len(fine)), troubles=tuple(troubles), remarks=rows.missing)


def _of_text(text: str, count: int) -> "Filled":
    from grader.exports.release import Filled

    return Filled(content=text.encode("utf-8", "replace"), filled=count)


def _place(path: Path) -> "Place":
    """Where annotations go: on the lines of the notebook's cells, where it can be read from here."""
    from grader.exports.github import Place, cell_lines

    try:
        text = path.read_text(encoding="utf-8", errors="replace") if path.suffix == ".ipynb" else ""
    except OSError:
        text = ""
    return Place(file=path.as_posix(), lines=cell_lines(text))


def _read_visibility(words: tuple[str, ...]) -> "dict[str, Visibility]":
    from grader.core.assignment import did_you_mean
    from grader.exports.gradescope import VISIBILITIES

    pairs: dict[str, Visibility] = {}
    for word in words:
        check, _, who = word.partition("=")
        found = next((known for known in VISIBILITIES if known == who), None)
        if not check or found is None:
            hint = did_you_mean(who, VISIBILITIES)
            raise UsageError(f"--visibility {word}: is not understood{hint}.", "Write --visibility CHECK=WHO.")
        pairs[check] = found
    return pairs


def _read_worksheet(wanted: ExportWords) -> tuple[str, bytes]:
    path = wanted.worksheet
    assert path is not None, "`_target` asks for it"
    try:
        if path.stat().st_size > LARGEST_WORKSHEET:
            raise UsageError(f"{path}: is larger than {LARGEST_WORKSHEET >> 20} MiB.", "Is this the right file?")
        return path.name, path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror}).", "Check --worksheet.") from None


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """The results in a folder, and a sentence about who is in the gradebook and not in it."""

    results: "list[Result]"
    missing: tuple[str, ...] = ()


def _rows(wanted: ExportWords) -> _Rows:
    """The results in DIR, or in a student's own folder. Raises UsageError where there is none."""
    stored = _stored(wanted.folder)
    results, missing = _with_todays_grades(wanted.folder, stored)
    if wanted.student is not None:
        from grader.core.assignment import did_you_mean

        known = tuple(result.student for result in results)
        results = [result for result in results if result.student == wanted.student]
        if known and not results:
            hint = did_you_mean(wanted.student, known)
            raise UsageError(f"{wanted.folder}: holds no result of `{wanted.student}`{hint}.", "Check --student.")
        return _Rows(results=results)
    if not results:
        raise UsageError(f"{wanted.folder} holds no results.", "Name the --out folder of an earlier batch.")
    return _Rows(results=results, missing=missing)


def _results(wanted: ExportWords) -> "list[Result]":
    return _rows(wanted).results


def _stored(folder: Path) -> "dict[Path, Result]":
    from grader.core.store import load_result

    own = load_result(folder)
    if own is not None:
        return {folder: own}
    below = (path for path in sorted(folder.iterdir()) if path.is_dir())
    return {path: result for path in below if (result := load_result(path)) is not None}


def _unreadable(folder: Path) -> tuple[str, ...]:
    """A sentence for each student's folder whose result can't be read."""
    from grader.core.store import EVIDENCE, RESULT

    stored = _stored(folder)
    if folder in stored:
        return ()
    left = [path for path in sorted(folder.iterdir()) if path.is_dir() and path not in stored]
    return tuple(
        f"{path.name}/{RESULT} can't be read, so it is left out; `grader report {folder}` makes it again if it can"
        for path in left
        if (path / RESULT).exists() or (path / "evidence" / EVIDENCE).is_file()
    )


def _with_todays_grades(folder: Path, stored: "dict[Path, Result]") -> "tuple[list[Result], tuple[str, ...]]":
    """The results with what the gradebook beside them gives now, and who is missing; as written where there is none."""
    from grader.gradebook import FILE, open_gradebook
    from grader.marking.publish import Grades
    from grader.marking.regrade import not_here

    place = next((path for path in (folder, folder.absolute().parent) if (path / FILE).is_file()), None)
    assignments = {result.assignment for result in stored.values()}
    if place is None or len(assignments) != 1:
        return list(stored.values()), ()
    with open_gradebook(place, create=False) as book:
        grades = Grades(grade for grade in book.grades() if grade.assignment in assignments)
        names = not_here(book, next(iter(assignments)), folder) if place == folder else []
    missing = (tell_missing(names, folder),) if names else ()
    return [grades.beside(result, path) for path, result in stored.items()], missing


def _one_result(wanted: ExportWords) -> "Result":
    results = _results(wanted)
    if len(results) > 1:
        raise UsageError(f"{wanted.folder} holds {len(results)} results, and one is wanted.", "Name it with --student.")
    return results[0]


def _grades(wanted: ExportWords) -> "list[Grade]":
    """Grades of the gradebook where there is one, else what the results in DIR give. Raises UsageError."""
    from grader.exports.release import all_grades
    from grader.gradebook import open_gradebook

    results = list(_stored(wanted.folder).values())
    if _has_gradebook(wanted):
        of_results = {result.assignment for result in results}
        assignment = wanted.assignment or (of_results.pop() if len(of_results) == 1 else None)
        with open_gradebook(wanted.gradebook or wanted.folder, create=False) as book:
            grades = book.grades(assignment)
    else:
        grades = [grade for grade in all_grades(results) if wanted.assignment in (None, grade.assignment)]
    if not grades:
        raise UsageError(f"{wanted.folder} holds no grades.", "Name the --out folder of a batch, or a --gradebook.")
    return grades


def _has_gradebook(wanted: ExportWords) -> bool:
    from grader.gradebook import FILE

    return wanted.gradebook is not None or (wanted.folder / FILE).is_file()


def _one_assignment(wanted: ExportWords) -> "list[Grade]":
    grades = _grades(wanted)
    names = sorted({grade.assignment for grade in grades})
    if len(names) > 1:
        raise UsageError(f"There are grades for {', '.join(names)}.", "Choose with --assignment.")
    return grades


app = typer.Typer()
NOT_ALL = 2  # with --strict
BROKEN = 3  # something of it could not be read or written
FORMATS: dict[str, tuple[str, ...]] = {  # each with the options that are its own
    "csv": ("gradebook", "assignment"),
    "moodle": ("gradebook", "assignment", "worksheet", "in_place", "identifier", "grade", "maximum", "comments", "scale",
               "provisional"),
    "moodle-feedback": ("gradebook", "assignment"),
    "canvas": ("gradebook", "assignment", "worksheet", "in_place", "column", "scale", "provisional"),
    "nbgrader": ("gradebook", "assignment", "provisional"),
    "gradescope": ("student", "visibility", "leaderboard"),
    "classroom": ("student",),
    "junit": ("student",),
    "github": ("student", "path"),
    "github-summary": ("student",),
}  # fmt: skip
EVERYWHERE = ("format_", "folder", "into", "strict", "debug")


@app.command()
def export(
    context: typer.Context,
    format_: Annotated[str, typer.Argument(metavar="FORMAT", help=f"One of {', '.join(FORMATS)}.")],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The --out folder of a batch; for one result, a student's folder too.")
    ],
    into: Annotated[Path | None, typer.Option("--into", metavar="FILE", help="Where to write (default: print it).")] = None,
    worksheet: Annotated[
        Path | None, typer.Option("--worksheet", metavar="FILE", help="moodle, canvas: the downloaded file to fill in.")
    ] = None,
    in_place: Annotated[bool, typer.Option("--in-place", help="Replace the --worksheet with the filled one.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="End with 2 where a grade could not be placed.")] = False,
    gradebook: Annotated[
        str | None, typer.Option("--gradebook", metavar="URL", help="Take grades from here, not from DIR's own gradebook.")
    ] = None,
    assignment: Annotated[str | None, typer.Option("--assignment", metavar="ID", help="Where there are several.")] = None,
    provisional: Annotated[bool, typer.Option("--provisional", help="Hand on marks in need of review, too.")] = False,
    scale: Annotated[bool, typer.Option("--scale", help="Convert points to the platform's maximum.")] = False,
    identifier: Annotated[str, typer.Option("--identifier", metavar="COLUMN", help="moodle: its title.")] = "Identifier",
    grade: Annotated[str, typer.Option("--grade", metavar="COLUMN", help="moodle: its title.")] = "Grade",
    maximum: Annotated[str, typer.Option("--maximum", metavar="COLUMN", help="moodle: its title.")] = "Maximum Grade",
    comments: Annotated[
        str, typer.Option("--comments", metavar="COLUMN", help="moodle: fill in comments too, in this column.")
    ] = "",
    column: Annotated[str, typer.Option("--column", help="canvas: the assignment's title or number (default: ours).")] = "",
    student: Annotated[str | None, typer.Option("--student", help="Only this one's result.")] = None,
    visibility: Annotated[
        list[str] | None, typer.Option("--visibility", metavar="CHECK=WHO", help="gradescope: who sees a check.")
    ] = None,
    leaderboard: Annotated[bool, typer.Option("--leaderboard", help="gradescope: show the accuracy on it.")] = False,
    path: Annotated[
        Path | None, typer.Option("--path", metavar="FILE", help="github: the submission's path in the repository.")
    ] = None,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Write grades or results for a platform: Moodle, Canvas, nbgrader, Gradescope, GitHub, JUnit, a spreadsheet."""
    _check_words(context, format_)
    must_be_folder(folder)
    wanted = ExportWords(
        folder=folder, gradebook=gradebook, assignment=assignment, worksheet=worksheet, identifier=identifier, grade=grade,
        maximum=maximum, comments=comments, column=column, scale=scale, provisional=provisional, student=student,
        visibility=tuple(visibility or ()), leaderboard=leaderboard, path=path,
    )  # fmt: skip
    target = _target(format_, wanted, into, in_place)
    filled = make(format_, wanted)
    _write(filled.content, target)
    _tell(filled, format_, target)
    if filled.troubles or (strict and filled.unplaced):
        raise typer.Exit(BROKEN if filled.troubles else NOT_ALL)


def _check_words(context: typer.Context, format_: str) -> None:
    """Refuse a format that there is none of, and options that are another format's. Raises UsageError."""
    from grader.core.assignment import did_you_mean

    if format_ not in FORMATS:
        raise UsageError(f"There is no format `{format_}`{did_you_mean(format_, tuple(FORMATS))}.")
    for name in context.params:
        source = context.get_parameter_source(name)
        typed = source is not None and source.name == "COMMANDLINE"
        if typed and name not in (*FORMATS[format_], *EVERYWHERE):
            word = name.replace("_", "-")
            takes = ", ".join(f"--{own.replace('_', '-')}" for own in FORMATS[format_])
            raise UsageError(f"--{word} is nothing that `{format_}` knows.", f"It takes {takes}.")


def _target(format_: str, wanted: ExportWords, into: Path | None, in_place: bool) -> Path | None:
    """The file to write, None for standard output. The worksheet that is read is replaced only on request."""
    if "worksheet" in FORMATS[format_] and wanted.worksheet is None:
        raise UsageError(
            f"`{format_}` fills in a file that you downloaded; none is built here.", "Name it with --worksheet FILE."
        )
    if in_place:
        if into is not None:
            raise UsageError("--in-place and --into exclude each other.", "Leave one of them out.")
        return wanted.worksheet
    if into is not None and wanted.worksheet is not None and _same(into, wanted.worksheet):
        raise UsageError(f"{into}: is the worksheet itself.", "Name another file, or type --in-place to replace it.")
    if into is None and format_ == "moodle-feedback":
        raise UsageError("A zip is nothing for a terminal.", "Name a file with --into FILE.")
    return None if into is None else can_be_written(into)


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _write(content: bytes, target: Path | None) -> None:
    """The bytes as they are: a worksheet's line ends and encoding are not this terminal's."""
    if target is not None:
        from grader.core.workspace import write_whole

        write_whole(target, content)
        return
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


def _tell(filled: "Filled", format_: str, target: Path | None) -> None:
    """What happened, on standard error: standard output may be the file."""
    from grader.core.text import defused, one_line

    lines = [f"trouble: {line}" for line in filled.troubles]
    lines += [*(f"not placed: {line}" for line in filled.unplaced), *(f"note: {line}" for line in filled.remarks)]
    if target is not None or lines:
        left = f", {len(filled.unplaced)} not placed" if filled.unplaced else ""
        lines.append(f"{format_}: {filled.filled} written{left}{f' ({target})' if target else ''}")
    for line in lines:
        print(defused(one_line(line)), file=sys.stderr)
