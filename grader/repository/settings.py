"""`grader.toml`: which assignments a repository holds, where, and how much time they may take."""

from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError

from grader.assignment import explain_validation
from grader.errors import UsageError
from grader.evidence import Value
from grader.limits import parse_duration
from grader.toml_file import read_toml

FILE = "grader.toml"
SCHEMA = 1
Mode = Literal["full", "smoke"]


def _require_inside(value: object) -> object:
    """ValueError for a path that leads out of the repository."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is no path: write it as in 'exercise1.ipynb'")
    if "\\" in value:
        raise ValueError(f"{value!r} holds a backslash: write folders with a slash, as in 'a/b.ipynb'")
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or "\0" in value:
        raise ValueError(
            f"{value!r} leads out of the repository: write it from the repository's root, as in 'a/b.ipynb'"
        )
    return value


Inside = Annotated[str, BeforeValidator(_require_inside)]


class Handed(Value):
    """`[[submission]]`: what is handed in for an assignment. `mode`: "smoke" gives no mark, and takes half a minute.

    `optional`: nothing is wrong where it is not there yet.
    """

    assignment: Annotated[str, Field(min_length=1)]
    path: Inside
    mode: Mode = "full"
    optional: bool = False


class Settings(Value):
    """A repository's `grader.toml`; `budget` in seconds: after that nothing more is started."""

    schema_: Annotated[Literal[1], Field(alias="schema")]
    course: Inside | None = None
    student: str | None = None
    budget: Annotated[float, BeforeValidator(parse_duration), Field(gt=0, le=24 * 3600)] = 45 * 60.0
    submission: Annotated[tuple[Handed, ...], Field(min_length=1)]


KEYS = ("schema", *(name for name in Settings.model_fields if name != "schema_"), *Handed.model_fields)


def read_settings(root: Path) -> Settings:
    """The settings of the repository at `root`. Raises UsageError, with the key and the nearest right word."""
    path = root / FILE
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
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        raise UsageError(f"{path}: {explain_validation(error, raw, KEYS)}") from None
    names = [item.assignment for item in settings.submission]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"{path}: the assignment `{twice}` stands there twice.", "Keep one [[submission]] of each.")
    return settings
