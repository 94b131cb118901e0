"""The submissions that a repository's `grader.toml` names, graded one after the other within the time budget."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from grader.core.errors import GraderError, UsageError
from grader.core.evidence import Value
from grader.core.limits import parse_duration
from grader.core.progress import Progress
from grader.core.results import Result
from grader.core.text import one_line
from grader.core.toml import read_toml, validate
from grader.core.workspace import output_folder
from grader.course.course import Course
from grader.course.environment import NotInstalled, install_environment, open_environment
from grader.course.rubric import plan_checks
from grader.exports.github import Place, cell_lines
from grader.intake import Entry, like_it
from grader.marking.accuracy_to_beat import exercises_compared
from grader.marking.publish import OutputOptions
from grader.run.batch import grade_class
from grader.run.context import RunOptions, open_context
from grader.selfcheck.check_submission import smoke_run

FILE = "grader.toml"
MOST_READ = 64 << 20  # bytes of a notebook that is read for the lines of its cells
Mode = Literal["full", "smoke"]


def _require_inside(value: object) -> object:
    """ValueError for a path that leads out of the repository."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is not a path: write it as in 'exercise1.ipynb'")
    if "\\" in value:
        raise ValueError(f"{value!r} holds a backslash: write folders with a slash, as in 'a/b.ipynb'")
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or "\0" in value:
        raise ValueError(
            f"{value!r} leads out of the repository: write it from the repository's root, as in 'a/b.ipynb'"
        )
    return value


Inside = Annotated[str, BeforeValidator(_require_inside)]


class CiSubmission(Value):
    """`[[submission]]`: what is handed in for an assignment. `mode`: "smoke" gives no mark, and takes half a minute.

    `optional`: nothing is wrong where it is not there yet.
    """

    assignment: Annotated[str, Field(min_length=1)]
    path: Inside
    mode: Mode = "full"
    optional: bool = False


class CiSettings(Value):
    """A repository's `grader.toml`; `budget` in seconds: after that nothing more is started."""

    schema_: Annotated[Literal[1], Field(alias="schema")]
    course: Inside | None = None
    student: str | None = None
    budget: Annotated[float, BeforeValidator(parse_duration), Field(gt=0, le=24 * 3600)] = 45 * 60.0
    submission: Annotated[tuple[CiSubmission, ...], Field(min_length=1)]


def read_settings(path: Path) -> CiSettings:
    """The settings in a `grader.toml`. Raises UsageError, with the key and the nearest right word."""
    if not path.exists():
        raise UsageError(
            f"{path}: there is no such file.",
            'Write one, as in:  schema = 1  [[submission]]  assignment = "exercise1"  path = "exercise1.ipynb"',
        )
    raw = read_toml(path, UsageError)
    if isinstance(raw.get("budget"), (int, float)):
        raise UsageError(f"{path}: key `budget`: {raw['budget']} has no unit.", 'Write it as in "45m".')
    if isinstance(raw.get("submission"), dict):
        raise UsageError(f"{path}: `[submission]` is one table.", "Write `[[submission]]`: there may be several.")
    settings = validate(raw, CiSettings, path, UsageError)
    names = [item.assignment for item in settings.submission]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"{path}: the assignment `{twice}` stands there twice.", "Keep one [[submission]] of each.")
    return settings


@dataclass(frozen=True, kw_only=True)
class Repository:
    """What is graded: the folder `root` with its settings, and whose work it is.

    `checkout` is the folder that the runner checked out, which `root` may be a part of; annotations name files from there.
    """

    root: Path
    settings: CiSettings
    student: str
    checkout: Path | None = None

    def shown_path(self, name: str) -> str:
        """A path of the settings as annotations name it."""
        if self.checkout is None:
            return name
        root, checkout = self.root.resolve(), self.checkout.resolve()
        if not root.is_relative_to(checkout):
            return name
        return (PurePosixPath(root.relative_to(checkout).as_posix()) / name).as_posix()


@dataclass(frozen=True, kw_only=True)
class CiRun:
    """What became of one submission; `result` is None where it was `left` out: not there yet, no time left, or we broke.

    `broke` says how. `out_of`: the points that can be had. `unchanged`: it is what stored evidence is of, and was marked
    without being run.
    """

    handed: CiSubmission
    out_of: float
    result: Result | None = None
    place: Place = field(default_factory=Place)
    unchanged: bool = False
    left: Literal["", "absent", "over-budget", "broken"] = ""
    broke: str = ""

    @property
    def fine(self) -> bool:
        """Whether nothing stands against it: passed, a smoke run without a loss, or optional and not there yet."""
        if self.result is None:
            return self.left == "absent"
        if self.result.smoke is not None:
            return self.result.without_loss
        return self.result.passed

    @property
    def why(self) -> str:
        """Why there is no result."""
        return {
            "": "",
            "absent": "not handed in yet, which is fine: it is optional",
            "over-budget": "not run: the time that grader.toml allows was used up before",
            "broken": f"could not be graded: {self.broke}",
        }[self.left]


@dataclass(frozen=True)
class NamedProgress:
    """Progress of one of several assignments, shown under its name; the whole is counted elsewhere."""

    assignment: str
    whole: Progress

    def begin(self, total: int, jobs: int) -> None:
        """One of several: nothing begins with it."""

    def step(self, who: str, what: str) -> None:
        """Pass it on."""
        self.whole.step(self.assignment, what)

    def done(self, who: str, what: str, *, trouble: bool = False) -> None:
        """Pass it on."""
        self.whole.done(self.assignment, what, trouble=trouble)

    def say(self, what: str) -> None:
        """Pass it on."""
        self.whole.say(f"{self.assignment}: {what}")


def run_all(
    repository: Repository, course: Course, setup: RunOptions, out: Path, *, progress: Progress,
    clock: Callable[[], float] = time.monotonic,
) -> list[CiRun]:  # fmt: skip
    """Every submission that the settings name, in their order. Raises UsageError, RubricError, DataError before any is run.

    What goes wrong with one of them is told in its place, and all others stand; what goes wrong with each is raised.
    """
    settings = repository.settings
    rubrics = {item.assignment: course.assignment(item.assignment) for item in settings.submission}
    for rubric in rubrics.values():
        plan_checks(course, rubric)
    began = clock()
    runs: list[CiRun] = []
    faults: list[GraderError] = []
    for handed in settings.submission:
        path, out_of = repository.root / handed.path, rubrics[handed.assignment].out_of
        if not path.exists() and handed.optional:
            runs.append(CiRun(handed=handed, out_of=out_of, left="absent"))
        elif clock() - began > settings.budget:
            runs.append(CiRun(handed=handed, out_of=out_of, left="over-budget"))
        else:
            try:
                runs.append(_run(repository, handed, course, setup, out, progress))
            except Exception as error:  # of several submissions one must not take the others' results away
                faults += [error] if isinstance(error, GraderError) else []
                broke = str(error) if isinstance(error, GraderError) else f"{type(error).__name__}: {error}"
                runs.append(CiRun(handed=handed, out_of=out_of, left="broken", broke=one_line(broke)))
    if faults and len(faults) == len(runs):
        raise faults[0]
    return runs


def _run(
    repository: Repository, handed: CiSubmission, course: Course, setup: RunOptions, out: Path, progress: Progress
) -> CiRun:
    path = repository.root / handed.path
    smoke = handed.mode == "smoke" and course.assignment(handed.assignment).dataset is not None
    setup = replace(setup, smoke=smoke_run(os.getloadavg()[0]), serve="open", private=False) if smoke else setup
    order = OutputOptions(
        out=output_folder(out / handed.assignment),
        course=course,
        earlier=_earlier(course, handed, repository.settings, out),
    )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    _install_packages(course, progress)
    with open_context(course, handed.assignment, setup, progress) as context:
        named = NamedProgress(handed.assignment, progress)
        rows, _ = grade_class([_entry(path, handed, repository.student)], context, order, jobs=1, progress=named)
    result = rows[0]
    return CiRun(
        handed=handed,
        out_of=result.out_of,
        result=result,
        place=_place(path, repository.shown_path(handed.path)),
        unchanged=result.started < now,
    )


def _install_packages(course: Course, progress: Progress) -> None:
    """Install what the course adds, for a machine of CI is a new one each time; nothing that is built from source."""
    try:
        open_environment(course)
    except NotInstalled as missing:
        rules = course.rules()
        if rules is None or rules.environment.from_source:
            raise
        progress.say(f"installing what the course adds: {missing.named}")
        install_environment(course)


def _entry(path: Path, handed: CiSubmission, student: str) -> Entry:
    """The row; where nothing lies there, that is said by the repository's own path, not by that of this machine."""
    if os.path.lexists(path):
        return Entry(student=student, path=path)
    near = like_it(path)
    remedy = f"There is {near}: the names differ in capital letters." if near else f"Check `path` in {FILE}."
    return Entry(student=student, path=path, problem=f"{handed.path}: there is no such file or folder.", remedy=remedy)


def _earlier(course: Course, handed: CiSubmission, settings: CiSettings, out: Path) -> Path | None:
    """The results of the exercise that this one has to be better than, where the repository holds it too."""
    compared = exercises_compared(plan_checks(course, course.assignment(handed.assignment)))
    there = [item.assignment for item in settings.submission if item.assignment in compared and item.mode == "full"]
    folder = out / there[0] if there else None
    return folder if folder is not None and folder.is_dir() else None


def _place(path: Path, name: str) -> Place:
    """The file, and the lines of a notebook's cells, where they can be read."""
    with suppress(Exception):  # annotations stand at the file then, and the result as it is
        if path.suffix.lower() == ".ipynb" and path.is_file() and path.stat().st_size <= MOST_READ:
            return Place(file=name, lines=cell_lines(path.read_text(encoding="utf-8", errors="replace")))
    return Place(file=name)


def results_of(runs: Sequence[CiRun]) -> list[Result]:
    """The results there are."""
    return [run.result for run in runs if run.result is not None]
