"""The registry: every check by its name, and a rubric's checks with their parameters read."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from pydantic import ValidationError

from grader.assignment import CheckSpec, did_you_mean, explain_validation
from grader.checks import accuracy, architecture, convolution, execution, functions, inspiration, training
from grader.checks.check import Check, Planned
from grader.course_code import run_course_file
from grader.errors import RubricError

ROOMS = (execution, training, architecture, convolution, inspiration, accuracy, functions)


def built_in() -> dict[str, Check]:
    """The checks that come with the grader, by name."""
    return {item.name: item for room in ROOMS for item in vars(room).values() if isinstance(item, Check)}


@lru_cache(maxsize=1)  # reading what is installed takes ten milliseconds, and a class has many rubrics
def third_parties() -> tuple[EntryPoint, ...]:
    """What installed packages offer as checks (entry-point group `grader.checks`)."""
    return tuple(entry_points(group="grader.checks"))


def all_checks() -> dict[str, Check]:
    """The built-in checks and those of third parties; ours win a name. Raises RubricError."""
    found: dict[str, Check] = {}
    for entry in third_parties():
        loaded = entry.load()
        if not isinstance(loaded, Check):
            raise RubricError(f"The entry point {entry.name!r} is no check.", "Make it with @grader.checks.check.")
        found[entry.name] = loaded
    return {**found, **built_in()}


def own_checks(specs: tuple[CheckSpec, ...], folder: Path) -> dict[str, Check]:
    """The course's own checks that a rubric uses: "checks:name" is in `checks.py` beside it. Raises RubricError."""
    files = sorted({spec.use.partition(":")[0] for spec in specs if ":" in spec.use})
    found: dict[str, Check] = {}
    for file in files:
        if not file.isidentifier():
            raise RubricError(
                f"{folder}: a check of the course's own is named `file:function`, not `{file}:...`.",
                "Write `checks:my_check` for the function `my_check` in `checks.py` beside the rubric.",
            )
        for name, item in vars(run_course_file(folder / f"{file}.py")).items():
            if isinstance(item, Check):
                found[f"{file}:{name}"] = _beside(item, f"{file}:{name}", file)
    return found


def _beside(item: Check, name: str, file: str) -> Check:
    """A course's check under its full name; it may need one of its neighbours by that one's short name."""
    ours = built_in()
    needs = tuple(need if need in ours or ":" in need else f"{file}:{need}" for need in item.needs)
    return replace(item, name=name, needs=needs)


def plan(specs: tuple[CheckSpec, ...], *, origin: str, own: Mapping[str, Check] | None = None) -> tuple[Planned, ...]:
    """Read a rubric's checks and their parameters; `origin` names the file in errors. Raises RubricError.

    `own`: those of the course by full name, as from `own_checks`.
    """
    shared = all_checks()
    known, there = {**shared, **(own or {})}, {*shared, *(spec.use for spec in specs)}
    planned = []
    for number, spec in enumerate(specs, 1):
        where = f"{origin}: check {number}"
        if spec.use not in known:
            raise RubricError(f"{where}: no check is called `{spec.use}`{did_you_mean(spec.use, tuple(known))}.")
        found = known[spec.use]
        missing = next((need for need in found.needs if need not in there), None)
        if missing is not None:
            raise RubricError(
                f"{where} (`{spec.use}`): needs the check `{missing}`, which the rubric does not have.", "Add it."
            )
        names = (*found.parameters.model_fields, "use", "points", "title")
        try:
            planned.append(Planned(found, spec, found.parameters.model_validate(spec.parameters)))
        except ValidationError as error:
            raise RubricError(f"{where} (`{spec.use}`): {explain_validation(error, spec.parameters, names)}") from None
    return tuple(planned)
