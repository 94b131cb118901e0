"""Packs the grader with a course as a wheel for students: one file for pip, which checks work and gives no mark.

It holds the code that a check runs, the part of the course that students may have, and asks for fewer packages: no database,
no server. A wheel is a zip with four files about itself (packaging.python.org, "Binary distribution format"), so nothing is
built and no compiler is needed.

Of the course only what `StudentsCourse` names goes along: rubrics, cases with answers, manifests of data, templates of
pages. Whatever else lies in a course stays there: reference solutions and baselines, oracles, comments in a rubric, private
splits, starters, examples of work.
"""

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import files, metadata, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from grader import __version__
from grader.authoring.packing import EXTRA, LEFT_OUT, add_file, files_below, packages_file
from grader.checks.accuracy import BetterThan
from grader.core.errors import DataError, RubricError, UsageError
from grader.core.installation import CONTENT, MARKER, PACKAGE, STUDENTS, WHOLE
from grader.core.toml import read_toml
from grader.core.workspace import workspace, write_whole
from grader.course.course import Course
from grader.course.find_dataset import PRIVATE
from grader.course.rubric import functions_rubric, plan_checks
from grader.functions.cases import load_functions
from grader.functions.explore import record_cases
from grader.marking.rubric_numbers import write_toml

ROOMS_LEFT_OUT = frozenset({"attacks", "authoring", "ci", "gradebook", "review"})
PACKAGES_LEFT_OUT = frozenset({"alembic", "hypothesis", "sqlalchemy", "starlette", "tomlkit", "uvicorn"})
SUMMARY = "Checks your deep-learning coursework before you hand it in: what fails and why, what is certain. No mark."
ENTRY = f"[console_scripts]\n{WHOLE} = grader.cli:main\n"
TAG = "py3-none-any"
ABOUT = f"Wheel-Version: 1.0\nGenerator: grader {__version__}\nRoot-Is-Purelib: true\nTag: {TAG}\n"
SAID = "This copy of the grader is for students. `grader student-wheel` made it from a course.\n"
OF_THE_DESK = "review"  # templates of the review desk


@dataclass(frozen=True, kw_only=True)
class StudentsCourse:
    """The files by their path in the course, the exercises, and what the instructor should know about them."""

    files: dict[str, bytes]
    assignments: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """The file: its name, which pip reads the version from, and its bytes."""

    name: str
    data: bytes


def pack_wheel(content: StudentsCourse, built: datetime) -> Wheel:
    """The wheel. Its version tells by `built` (to the minute) a later copy from an earlier one, so that pip replaces it."""
    version = f"{__version__}.post{built:%Y%m%d%H%M}"
    stem = f"{STUDENTS.replace('-', '_')}-{version}"
    held = {name: path.read_bytes() for name, path in files_below(WHOLE, PACKAGE, LEFT_OUT | ROOMS_LEFT_OUT)}
    held |= {f"{WHOLE}/{CONTENT}/{name}": data for name, data in content.files.items()}
    about = f"{stem}.dist-info"
    held |= {
        f"{about}/METADATA": write_metadata(version).encode(),
        f"{about}/WHEEL": ABOUT.encode(),
        f"{about}/entry_points.txt": ENTRY.encode(),
        **{f"{about}/licenses/{name}": data for name, data in _licences().items()},
    }
    held[f"{about}/RECORD"] = _record(held, f"{about}/RECORD").encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in held.items():
            add_file(archive, name, data)
    return Wheel(name=f"{stem}-{TAG}.whl", data=buffer.getvalue())


def write_metadata(version: str) -> str:
    """What pip reads: the packages that it needs, and for which Pythons it is."""
    own = metadata(WHOLE)
    lines = [
        "Metadata-Version: 2.4", f"Name: {STUDENTS}", f"Version: {version}", f"Summary: {SUMMARY}",
        f"License-Expression: {own['License-Expression']}", f"Requires-Python: {own['Requires-Python']}",
        *(f"License-File: {name}" for name in _licences()),
        *(f"Requires-Dist: {requirement}" for requirement in students_requirements()),
        f"Provides-Extra: {EXTRA}",
    ]  # fmt: skip
    return "\n".join([*lines, ""])


def students_requirements() -> list[str]:
    """What pip installs along: the grader's own packages without those of an instructor, and the extra for a classroom."""
    found = []
    for text in requires(WHOLE) or []:
        requirement = Requirement(text)
        needed = "extra" not in str(requirement.marker or "") or f'extra == "{EXTRA}"' in str(requirement.marker)
        if needed and requirement.name.lower() not in PACKAGES_LEFT_OUT:
            found.append(text)
    return found


def _licences() -> dict[str, bytes]:
    found = [path for path in files(WHOLE) or [] if path.parent.name == "licenses"]
    return {path.name: path.read_binary() for path in found}


def _record(held: Mapping[str, bytes], own: str) -> str:
    """The digest and the size of each file; of the list itself neither."""
    lines = []
    for name, data in held.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}")
    return "\n".join([*lines, f"{own},,", ""])


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
