"""`grader export`: what the grader found in the formats of others. Files are read and written here, and only here."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.export_formats import Wanted, make
from grader.cli.options import Debug, can_be_written, must_be_folder
from grader.errors import UsageError

if TYPE_CHECKING:
    from grader.exports.handing import Filled

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
    wanted = Wanted(
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
    from grader.assignment import did_you_mean

    if format_ not in FORMATS:
        raise UsageError(f"There is no format `{format_}`{did_you_mean(format_, tuple(FORMATS))}.")
    for name in context.params:
        source = context.get_parameter_source(name)
        typed = source is not None and source.name == "COMMANDLINE"
        if typed and name not in (*FORMATS[format_], *EVERYWHERE):
            word = name.replace("_", "-")
            takes = ", ".join(f"--{own.replace('_', '-')}" for own in FORMATS[format_])
            raise UsageError(f"--{word} is nothing that `{format_}` knows.", f"It takes {takes}.")


def _target(format_: str, wanted: Wanted, into: Path | None, in_place: bool) -> Path | None:
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
        from grader.workspace import write_whole

        write_whole(target, content)
        return
    from grader.report.visible import visible

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
    from grader.report.visible import defused, one_line

    lines = [f"trouble: {line}" for line in filled.troubles]
    lines += [*(f"not placed: {line}" for line in filled.unplaced), *(f"note: {line}" for line in filled.remarks)]
    if target is not None or lines:
        left = f", {len(filled.unplaced)} not placed" if filled.unplaced else ""
        lines.append(f"{format_}: {filled.filled} written{left}{f' ({target})' if target else ''}")
    for line in lines:
        print(defused(one_line(line)), file=sys.stderr)
