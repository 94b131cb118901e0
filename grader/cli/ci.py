"""`grader ci`: an assignment repository, graded on every push."""

import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.options import (
    CourseOption,
    Data,
    Debug,
    Json,
    Quiet,
    SandboxName,
    SandboxOption,
    Seed,
    can_be_written,
    ending_in_order,
    find_course,
    must_be_folder,
    progress_bar,
)
from grader.cli.terminal import print_lines

if TYPE_CHECKING:
    from grader.ci.check_repository import CiRun, CiSettings
    from grader.exports.classroom50 import Submission

app = typer.Typer()
JUNIT, SUMMARY = "junit.xml", "summary.md"
AUTOGRADING = ("autograding.json", "classroom.json")  # the same twice: workflows upload it by its former name


@app.command()
def ci(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The repository, with its grader.toml.")] = Path(),
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR",
        help="Write reports, junit.xml and autograding.json to this folder.")] = Path("report"),
    settings: Annotated[Path | None, typer.Option("--settings", metavar="FILE",
        help="Take this grader.toml, which students can't change.")] = None,
    classroom50: Annotated[Path | None, typer.Option("--classroom50", metavar="FILE",
        help="Write Classroom 50's result.json to this file, too.")] = None,
    sandbox: SandboxOption = SandboxName.BUBBLEWRAP, data: Data = None, course: CourseOption = None, seed: Seed = 0,
    quiet: Quiet = False, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Grade what a repository's grader.toml names, and tell CI.

    CI is GitHub, Classroom 50, GitLab, and whatever reads JUnit.

    What has not changed since the evidence in --out was stored is not run again. Ends with 0 where all passed, 1 where
    something did not, 2 for wrong usage, 3 where we broke.
    """
    from grader.ci.check_repository import FILE, Repository, read_settings, run_all
    from grader.core.workspace import output_folder
    from grader.run.context import RunOptions

    must_be_folder(folder)
    named = settings or folder / FILE
    known = read_settings(named)
    home = find_course(course or (named.parent / known.course if known.course else None))
    handed = _submission(classroom50)
    output_folder(out)
    setup = RunOptions(isolation=sandbox.value, data=data, seed=seed)
    repository = Repository(root=folder, settings=known, student=_student(folder, known), checkout=_checkout())
    with ending_in_order(), progress_bar(as_json or quiet, total=len(known.submission)) as progress:
        runs = run_all(repository, home, setup, out, progress=progress)
    code = _tell(runs, out, as_json)
    if classroom50 is not None and handed is not None:
        _write_classroom50(runs, handed, classroom50)
    raise typer.Exit(code)


def _submission(target: Path | None) -> "Submission | None":
    """What Classroom 50's runner says of the submission; an older file goes, so that none stands for a mark that is not."""
    from grader.exports.classroom50 import Submission

    if target is None:
        return None
    submission = Submission.of(os.environ)
    can_be_written(target, "--classroom50").unlink(missing_ok=True)
    return submission


def _write_classroom50(runs: "list[CiRun]", submission: "Submission", target: Path) -> None:
    """Write the result. Raises UsageError and Infrastructure, with no file, where there is no mark."""
    from grader.ci.annotations import classroom50_result
    from grader.core.workspace import write_whole

    write_whole(target, classroom50_result(runs, submission, datetime.now(UTC)))


def _student(folder: Path, settings: "CiSettings") -> str:
    """The settings' word, else the repository's name on GitHub, else the folder's."""
    repository = os.environ.get("GITHUB_REPOSITORY", "").rpartition("/")[2]
    return settings.student or repository or folder.resolve().name or "submission"


def _checkout() -> Path | None:
    """The folder that GitHub's runner, or GitLab's, checked the repository out to."""
    name = os.environ.get("GITHUB_WORKSPACE") or os.environ.get("CI_PROJECT_DIR")
    return Path(name) if name else None


def _event() -> object:
    """What GitHub tells of the event that began the run; None where nothing does."""
    name = os.environ.get("GITHUB_EVENT_PATH")
    try:
        return json.loads(Path(name).read_bytes()) if name else None
    except (OSError, ValueError, RecursionError):
        return None


def _tell(runs: "list[CiRun]", out: Path, as_json: bool) -> int:
    """Write what machines read, print what people read; the exit code."""
    from grader.ci import annotations
    from grader.ci.check_repository import results_of
    from grader.core.workspace import write_json, write_whole
    from grader.exports.junit import write_junit

    results = results_of(runs)
    write_whole(out / JUNIT, write_junit(results, name="grader ci"))
    for name in AUTOGRADING:
        write_json(out / name, annotations.autograding_document(runs))
    fork = annotations.fork_note(_event())
    summary = annotations.github_summary(runs, note=fork)
    write_whole(out / SUMMARY, summary)
    _append("GITHUB_STEP_SUMMARY", summary)
    _append("GITHUB_OUTPUT", f"result={annotations.autograding_output(runs)}\n")
    if as_json:
        print(json.dumps([result.model_dump(mode="json", by_alias=True) for result in results], indent=2))
    elif os.environ.get("GITHUB_ACTIONS") == "true":
        print(annotations.github_log(runs, secrets.token_hex(16), note=fork), end="")
    else:
        print_lines([*annotations.terminal_lines(runs), f"Reports: {out}"])
    return annotations.exit_status(runs)


def _append(variable: str, text: str) -> None:
    """Add to the file that the runner named, where there is a runner."""
    name = os.environ.get(variable)
    if name:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(text)
