"""`grader ci`: an assignment repository, graded on every push."""

import json
import os
import secrets
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
    ending_in_order,
    find_course,
    must_be_folder,
    progress_bar,
)

if TYPE_CHECKING:
    from grader.ci.run import CiRun, CiSettings

app = typer.Typer()
JUNIT, CLASSROOM = "junit.xml", "classroom.json"


@app.command()
def ci(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The repository, with its grader.toml.")] = Path(),
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR",
        help="Write reports, junit.xml and classroom.json to this folder.")] = Path("report"),
    sandbox: SandboxOption = SandboxName.BUBBLEWRAP, data: Data = None, course: CourseOption = None, seed: Seed = 0,
    quiet: Quiet = False, as_json: Json = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Grade what a repository's grader.toml names, and tell CI.

    CI is GitHub, GitHub Classroom, GitLab, and whatever reads JUnit.

    What has not changed since the evidence in --out was stored is not run again. Ends with 0 where all passed, 1 where
    something did not, 2 for wrong usage, 3 where we broke.
    """
    from grader.ci.run import Repository, read_settings, run_all
    from grader.core.workspace import output_folder
    from grader.run.context import RunOptions

    must_be_folder(folder)
    settings = read_settings(folder)
    home = find_course(course or (folder / settings.course if settings.course else None))
    output_folder(out)
    setup = RunOptions(isolation=sandbox.value, data=data, seed=seed)
    repository = Repository(root=folder, settings=settings, student=_student(folder, settings), checkout=_checkout())
    with ending_in_order(), progress_bar(as_json or quiet, total=len(settings.submission)) as progress:
        runs = run_all(repository, home, setup, out, progress=progress)
    raise typer.Exit(_tell(runs, out, as_json))


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
    from grader.ci.run import results_of
    from grader.core.workspace import write_json, write_whole
    from grader.exports.junit import write_junit

    results = results_of(runs)
    write_whole(out / JUNIT, write_junit(results, name="grader ci"))
    write_json(out / CLASSROOM, annotations.classroom_document(runs))
    fork = annotations.fork_note(_event())
    _append("GITHUB_STEP_SUMMARY", annotations.github_summary(runs, note=fork))
    _append("GITHUB_OUTPUT", f"result={annotations.classroom_output(runs)}\n")
    if as_json:
        print(json.dumps([result.model_dump(mode="json", by_alias=True) for result in results], indent=2))
    elif os.environ.get("GITHUB_ACTIONS") == "true":
        print(annotations.github_log(runs, secrets.token_hex(16), note=fork), end="")
    else:
        print("\n".join(annotations.terminal_lines(runs)))
        print(f"Reports: {out}")
    return annotations.exit_status(runs)


def _append(variable: str, text: str) -> None:
    """Add to the file that the runner named, where there is a runner."""
    name = os.environ.get(variable)
    if name:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(text)
