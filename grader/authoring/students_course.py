"""The part of a course that students may have: rubrics, cases with answers, manifests of data, templates of pages.

Only what is named here goes along; whatever else lies in a course stays there: reference solutions and baselines, oracles,
comments in a rubric, private splits, starters, examples of work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader.authoring.packing import LEFT_OUT, files_below, packages_file
from grader.checks.accuracy import BetterThan
from grader.core.errors import DataError, RubricError, UsageError
from grader.core.installation import MARKER
from grader.core.toml import read_toml
from grader.core.workspace import workspace, write_whole
from grader.course.course import Course
from grader.course.find import PRIVATE
from grader.course.rubric import functions_rubric, plan_checks
from grader.functions.cases import load_functions
from grader.functions.explore import record_cases
from grader.marking.rubric_file import write_toml

SAID = "This copy of the grader is for students. `grader student-wheel` made it from a course.\n"
OF_THE_DESK = "review"  # templates of the review desk


@dataclass(frozen=True, kw_only=True)
class StudentsCourse:
    """The files by their path in the course, the exercises, and what the instructor should know about them."""

    files: dict[str, bytes]
    assignments: tuple[str, ...]
    notes: tuple[str, ...]


def students_course(course: Course, wanted: Sequence[str] = ()) -> StudentsCourse:
    """What students get of `course`: the exercises `wanted`, else all but demonstrations on other data.

    Raises UsageError, RubricError, DataError, also where the result would not work on a student's machine.
    """
    chosen = _with_compared(course, list(dict.fromkeys(wanted)) or _all_but_demonstrations(course))
    files = {MARKER: SAID.encode()}
    notes: list[str] = []
    for name in chosen:
        _add_assignment(course, name, files, notes)
    for name, path in files_below("reports", course.report_templates(), LEFT_OUT | {OF_THE_DESK}):
        files[name] = path.read_bytes()
    files |= packages_file(course)
    _require_it_works(files, chosen)
    return StudentsCourse(files=files, assignments=tuple(chosen), notes=tuple(notes))


def _all_but_demonstrations(course: Course) -> list[str]:
    found = []
    for name in course.assignment_ids():
        dataset = course.assignment(name).dataset
        if dataset is None or course.dataset(dataset).substitute_for is None:
            found.append(name)
    if not found:
        raise UsageError(f"{course.root / 'assignments'} holds no assignment.", "Begin one with `grader new ID`.")
    return found


def _with_compared(course: Course, names: list[str]) -> list[str]:
    """`names` with the exercises that their rubrics compare with: without those, their rubrics are refused."""
    found = list(names)
    for name in found:  # it grows on the way
        for item in plan_checks(course, course.assignment(name)):
            if isinstance(item.parameters, BetterThan) and item.parameters.exercise not in found:
                found.append(item.parameters.exercise)
    return sorted(found)


def _add_assignment(course: Course, name: str, files: dict[str, bytes], notes: list[str]) -> None:
    path, assignment = course.assignment_file(name), course.assignment(name)
    raw = read_toml(path, RubricError)
    if assignment.cases is not None:
        stored, missing = record_cases(load_functions(path.with_name(assignment.cases)))
        raw["cases"] = Path(assignment.cases).with_suffix(".json").name
        files[f"assignments/{name}/{raw['cases']}"] = stored.model_dump_json(
            by_alias=True, exclude_defaults=True
        ).encode()
        notes += [f"{name}: {group}: left out, because it has nothing but examples of yours." for group in missing]
    if assignment.dataset is not None:
        manifest = f"datasets/{assignment.dataset}/dataset.toml"
        files[manifest] = write_toml(_students_manifest(course.manifest_file(assignment.dataset))).encode()
    files[f"assignments/{name}/{path.name}"] = write_toml(raw).encode()
    for file in sorted({spec.use.partition(":")[0] for spec in assignment.check if ":" in spec.use}):
        own = f"assignments/{name}/{file}.py"
        files[own] = path.with_name(f"{file}.py").read_bytes()
        notes.append(f"{own} goes along, because the rubric uses its checks: students can read it.")


def _students_manifest(path: Path) -> dict[str, Any]:
    """The manifest at `path` without what it may say about a private split."""
    raw = read_toml(path, DataError)
    if raw.get("judged") == PRIVATE:
        raise DataError(
            f"{path}: `judged` names the split `{PRIVATE}`, so students could check nothing.",
            "Name a split that students have, and take the private one in with `grader data import --private`.",
        )
    raw["split"] = {name: split for name, split in raw.get("split", {}).items() if name != PRIVATE}
    return raw


def _require_it_works(files: dict[str, bytes], names: Sequence[str]) -> None:
    """Read it all back as a student's machine will. Raises RubricError for code of a course that needs what stays there."""
    with workspace(private=True) as folder:
        for name, data in files.items():
            write_whole(folder / name, data)
        copy = Course.at(folder)
        for name in names:
            try:
                assignment = copy.assignment(name)
                if assignment.dataset is None:
                    functions_rubric(copy, assignment)
                else:
                    plan_checks(copy, assignment)
                    copy.dataset(assignment.dataset)
            except RubricError as error:
                raise RubricError(
                    f"{name}: does not work without what stays with you: {error.message.replace(f'{folder}/', '')}",
                    "Have its checks import nothing but the grader and what students have.",
                ) from None
