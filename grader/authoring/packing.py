"""Packs an assignment as an autograder for Gradescope: a zip with `setup.sh`, `run_autograder`, the grader, course and data.

The container that Gradescope makes of it holds the labels, as every grader's does: so a submission is run in a sandbox there
too, and where the container allows none the autograder says so and gives no mark. Reference solutions are left out.

Below is what all zips that `grader` packs have in common: the same content makes the same bytes.
"""

import io
import zipfile
from collections.abc import Set
from importlib.metadata import requires
from pathlib import Path
from string import Template

from packaging.requirements import Requirement

from grader.checks.accuracy import BetterThan
from grader.core.course_rules import FILE, SCHEMA
from grader.core.errors import UsageError
from grader.course.course import PACKAGE, Course
from grader.course.find_dataset import Places, find_data, private_split
from grader.course.rubric import plan_checks
from grader.marking.rubric_numbers import write_toml

TEMPLATES = Path(__file__).resolve().parent / "templates"
EXTRA = "classroom"  # what students import beside Keras
STAMP = (2026, 1, 1, 0, 0, 0)
LEFT_OUT = frozenset({"__pycache__", "content"})


def pack_autograder(course: Course, assignment: str, data: Path | None) -> bytes:
    """The zip. Raises UsageError, RubricError, DataError, also for a rubric with points that a person gives."""
    _require_no_person(course, assignment)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("setup.sh", "run_autograder"):
            text = Template((TEMPLATES / f"{name}.txt").read_text(encoding="utf-8")).substitute(assignment=assignment)
            add_file(archive, name, text.encode(), executable=True)
        add_file(archive, "requirements.txt", "".join(f"{line}\n" for line in requirements()).encode())
        for name, path in [
            *files_below("grader", PACKAGE),
            *_course_files(course, assignment),
            *_data_files(course, assignment, data),
        ]:
            add_file(archive, name, path.read_bytes())
        for name, content in packages_file(course).items():
            add_file(archive, f"course/{name}", content)
    return buffer.getvalue()


def _require_no_person(course: Course, assignment: str) -> None:
    """Raise UsageError where an autograder could never give a mark."""
    for item in plan_checks(course, course.assignment(assignment)):
        if item.check.rests_on == "person":
            raise UsageError(
                f"{assignment}: a person gives the points of `{item.title}`, so an autograder alone has no mark to give.",
                "Leave the check out of this rubric, and grade it as a question of its own in Gradescope.",
            )


def requirements() -> list[str]:
    """What pip has to install for the grader, with what students import."""
    found = []
    for text in requires("grader") or []:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or "extra" not in str(marker) or marker.evaluate({"extra": EXTRA}):
            if marker is not None and "extra" in str(marker):
                requirement.marker = None
            found.append(str(requirement))
    return found


def _course_files(course: Course, assignment: str) -> list[tuple[str, Path]]:
    """The rubric, the datasets' manifest, report templates, and baselines to compare with; no solution."""
    rubric = course.assignment(assignment)
    found = files_below(f"course/assignments/{assignment}", course.assignment_file(assignment).parent)
    if rubric.dataset is not None:
        found.append((f"course/datasets/{rubric.dataset}/dataset.toml", course.manifest_file(rubric.dataset)))
    found += files_below("course/reports", course.report_templates())
    planned = plan_checks(course, rubric)
    others = [item.parameters.exercise for item in planned if isinstance(item.parameters, BetterThan)]
    for name in (assignment, *others):
        baseline = course.baseline_file(name)
        if baseline.is_file():
            found.append((f"course/reference/{name}/{baseline.name}", baseline))
    for name in others:  # the rubric is refused where the exercise to compare with is not there
        found += files_below(f"course/assignments/{name}", course.assignment_file(name).parent)
    return found


def _data_files(course: Course, assignment: str, data: Path | None) -> list[tuple[str, Path]]:
    name = course.assignment(assignment).dataset
    if name is None:
        return []
    places, dataset = Places.of(course, data), course.dataset(name)
    folder = find_data(dataset, places)
    private = private_split(dataset, places)
    return [
        *([] if folder is None else files_below(f"data/{name}", folder)),
        *([] if private is None else files_below(f"data/{private.name}", private)),
    ]


def add_file(archive: zipfile.ZipFile, name: str, content: bytes, *, executable: bool = False) -> None:
    """Add a file that everybody may read, with a time of its own that never changes."""
    entry = zipfile.ZipInfo(name, STAMP)
    entry.external_attr = (0o755 if executable else 0o644) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


def packages_file(course: Course) -> dict[str, bytes]:
    """A `course.toml` with what the course adds to Python, and nothing of its grades; none where it adds nothing."""
    rules = course.rules()
    if rules is None or not rules.environment.packages:
        return {}
    environment = rules.environment.model_dump(mode="json")
    told = {"schema": SCHEMA, "title": rules.title, "language": rules.language, "environment": environment}
    return {FILE: write_toml(told).encode()}


def files_below(name: str, folder: Path, left_out: Set[str] = LEFT_OUT) -> list[tuple[str, Path]]:
    """The files of `folder` with their names in the zip, below `name`; no part of a path is one of `left_out`."""
    inside = [(path, path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [(f"{name}/{inner.as_posix()}", path) for path, inner in inside if not left_out & set(inner.parts)]
