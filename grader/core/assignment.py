"""The rubric: `assignment.toml` as a frozen value, refused with file, key and the nearest right word if wrong."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from grader.core.errors import RubricError
from grader.core.evidence import Serve, Value
from grader.core.limits import Limits, parse_span
from grader.core.toml import read_toml, validate, written

SCHEMA = 1
UNITS = {
    "run": {"wall": "30m", "cell": "20m", "cell_after_training": "5m", "call": "10s", "memory": "4GiB", "disk": "512MiB",
            "output": "10MiB", "model_size": "200MiB"},
    "late": {"grace": "10m", "after": "7d"},
}  # fmt: skip
TOP = ("schema", "due", "submissions", "pass_mark")  # keys of the whole rubric, and of no table
CountedSubmission = Literal["last", "best"]
Share = Annotated[float, Field(ge=0, le=1)]


def _require_code(value: str) -> str:
    if re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", value) is None:
        raise ValueError(f'{written(value)} is no code of a language, as in "en" or "it"')
    return value


Language = Annotated[str, AfterValidator(_require_code)]
Span = Annotated[float, BeforeValidator(parse_span), Field(ge=0, le=366 * 24 * 3600)]


def _require_moment(value: Any) -> Any:
    """ValueError for what leaves open which moment is meant."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    example = "write day, time and offset without quotation marks, as in 2026-11-20T23:59:00+01:00"
    if isinstance(value, datetime):
        raise ValueError(f"{value.isoformat()} is another moment in every time zone: {example}")
    if isinstance(value, date | time):
        raise ValueError(
            f"{value.isoformat()} is not a point in time, which has a day, a time and an offset: {example}"
        )
    raise ValueError(f"is not a point in time: {example}")


Due = Annotated[datetime, BeforeValidator(_require_moment)]


class CheckSpec(BaseModel):
    """One `[[check]]`: `use` names it, `points` weighs it (0: advice), every other key is a parameter of the check."""

    model_config = ConfigDict(frozen=True, extra="allow")

    use: str
    points: Annotated[float, Field(ge=0, le=10_000)]
    title: str | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The keys that belong to the check itself."""
        return dict(self.model_extra or {})


class Retry(Value):
    """`[retry]`: a borderline run that gets no points for its accuracy is repeated up to `times`, with other seeds.

    `counts` says which of the runs stands: the best, the last, the first, or the one nearest the mean, with the mean
    as its accuracy.
    """

    times: Annotated[int, Field(ge=0, le=5)] = 0
    counts: Literal["best", "last", "mean", "first"] = "best"


class Late(Value):
    """`[late]`: what a submission after the deadline costs; durations in seconds.

    Up to `grace` it costs nothing; then `per_day` of the assignment's points for each day begun since the deadline, at most
    `most` of them. What comes later than `after` is not accepted. Of a course's slip days at most `most_slip_days` are spent
    on this assignment.
    """

    grace: Span = 0.0
    per_day: Share = 0.0
    most: Share = 1.0
    after: Span | None = None
    most_slip_days: Annotated[int, Field(strict=True, ge=0, le=366)] | None = None


class AuditPolicy(Value):
    """`[audit]`: which of the networks that were judged as they were handed in are trained after all.

    A lot names the `share` of them, and `least` so many; `flagged` adds those that a person should look at. A trained
    network that is worse by more than `tolerance` (of accuracy) puts the mark up for review.
    """

    share: Share = 0.1
    least: Annotated[int, Field(ge=0, le=10_000)] = 2
    tolerance: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    flagged: bool = True


class Pages(Value):
    """`[report]`: what pages show. `judged_images`: some of the images that decide a mark, unless they are private ones."""

    judged_images: bool = False
    language: Language = "en"


class Assignment(Value):
    """An exercise: its data, its limits, its checks. `id` is the folder's name.

    Either `dataset`, for a network that is judged on images, or `cases`, a file beside the rubric with the functions that
    a module is asked for.
    """

    id: str
    schema_: Annotated[int, Field(alias="schema")]
    title: str
    dataset: Annotated[str, Field(min_length=1)] | None = None
    cases: Annotated[str, Field(pattern=r"^[\w-]+\.(py|json)$")] | None = None
    pass_mark: Annotated[float, Field(ge=0)]
    run: Limits = Limits()
    retry: Retry = Retry()
    audit: AuditPolicy = AuditPolicy()
    submissions: CountedSubmission = "last"  # which of several hand-ins counts
    due: Due | None = None
    late: Late = Late()
    report: Pages = Pages()
    serve: Serve = "sealed"  # "open": the notebook is given the judged images with their labels, for practice
    check: Annotated[tuple[CheckSpec, ...], Field(min_length=1)]

    @property
    def out_of(self) -> float:
        """The sum of points that can be had."""
        return sum(spec.points for spec in self.check)


def read_assignment(path: Path) -> Assignment:
    """Read and check the rubric at `path`; the assignment's id is its folder's name. Raises RubricError."""
    return assignment_of(read_toml(path, RubricError), path)


def assignment_of(raw: dict[str, Any], path: Path) -> Assignment:
    """The same for the tables that the file at `path` holds, or would hold. Raises RubricError."""
    if "schema" not in raw:
        raise RubricError(f"{path}: key `schema` is missing.", f"Write `schema = {SCHEMA}` in its first line.")
    if raw.get("schema") != SCHEMA:
        raise RubricError(f"{path}: schema is {written(raw.get('schema'))}.", f"This grader reads `schema = {SCHEMA}`.")
    _require_top(path, raw)
    _require_units(path, raw)
    if isinstance(raw.get("late"), dict) and "slip_days" in raw["late"]:
        raise RubricError(
            f"{path}: `late.slip_days` is no key of a rubric: slip days are a budget for all assignments of the course.",
            "Write it under `[late]` of course.toml, beside the folder `assignments`; here `most_slip_days` may limit them.",
        )
    if "id" in raw:
        raise RubricError(f"{path}: key `id` is not known: the name of the folder is the id.")
    assignment = validate(raw, Assignment, path, RubricError, id=path.parent.name)
    if (assignment.dataset is None) == (assignment.cases is None):
        raise RubricError(
            f"{path}: give exactly one of `dataset` and `cases`.",
            "`dataset` is for a network that is judged on images, `cases` for functions that are called.",
        )
    if assignment.cases is not None and assignment.retry.times:
        raise RubricError(f"{path}: `retry` is for networks: functions give the same answers every time.", "Remove it.")
    _require_deadline(path, assignment)
    if assignment.pass_mark > assignment.out_of:
        raise RubricError(
            f"{path}: pass_mark = {assignment.pass_mark:g}, but the checks add up to {assignment.out_of:g} points.",
            "Lower the pass mark or give the checks more points.",
        )
    return assignment


def _require_top(path: Path, raw: Mapping[str, Any]) -> None:
    """Raise RubricError for a key of the whole rubric that stands below a table, where TOML makes it one of the table's."""
    for name, value in raw.items():
        for table in value if isinstance(value, list) else [value]:
            lost = next((key for key in TOP if isinstance(table, dict) and key in table), None)
            if lost is not None:
                shown = f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
                raise RubricError(
                    f"{path}: `{lost}` stands below a `{shown}`, and so is one of its keys.",
                    f"Move `{lost}` to the top of the file, before the first `[`.",
                )


def _require_units(path: Path, raw: Mapping[str, Any]) -> None:
    """Raise RubricError for a time or a size without its unit: who writes `wall = 30` means minutes, and got seconds."""
    for name, examples in UNITS.items():
        table = raw.get(name)
        for key, example in examples.items():
            value = table.get(key) if isinstance(table, dict) else None
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                raise RubricError(
                    f"{path}: key `{name}.{key}`: {written(value)} has no unit.", f'Write it as in "{example}".'
                )


def _require_deadline(path: Path, assignment: Assignment) -> None:
    """Raise RubricError for a rule of lateness that could never be followed."""
    late = assignment.late
    if assignment.due is None and late.model_fields_set:
        raise RubricError(
            f"{path}: `[late]` says what lateness costs, but nothing is late without `due`.", "Add `due`."
        )
    if late.after is not None and late.after < late.grace:
        raise RubricError(
            f"{path}: `late.after` is shorter than `late.grace`: what costs nothing would not be accepted.",
            "Both count from the deadline.",
        )
