"""TOML that a person wrote (rubrics, manifests, settings): read, compared with a model, and explained where it is wrong."""

import codecs
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from grader.core.errors import GraderError
from grader.core.text import did_you_mean

UTF_16_BYTES = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
Model = TypeVar("Model", bound=BaseModel)


def load_toml(path: Path, model: type[Model], error: type[GraderError], remedy: str = "", **more: Any) -> Model:
    """The file at `path` as a value of `model`. Raises `error`, which names the file, the key and the nearest right word."""
    return validate(read_toml(path, error), model, path, error, remedy, **more)


def validate(
    raw: dict[str, Any], model: type[Model], path: Path, error: type[GraderError], remedy: str = "", **more: Any
) -> Model:  # fmt: skip
    """The tables `raw` of the file at `path` as a value of `model`; `more` are fields that the file does not set."""
    try:
        return model.model_validate({**raw, **more})
    except ValidationError as fault:
        raise error(f"{path}: {explain_validation(fault, model, unset=tuple(more))}", remedy) from None


def read_toml(path: Path, error: type[GraderError]) -> dict[str, Any]:
    """The tables of the file at `path`; a byte order mark, as Windows' Notepad writes it, is let pass.

    Raises `error` for a file that can't be read, naming the line where there is one.
    """
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise error(f"{path}: can't be read ({fault.strerror}).", "Check the file.") from None
    if data.startswith(UTF_16_BYTES) or b"\0" in data[:4]:
        raise error(f"{path}: not a TOML file: it is UTF-16 text.", "Save it again with the encoding UTF-8.")
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise error(
            f"{path}: not a TOML file: line {line} is not UTF-8 text.", "Save it again with the encoding UTF-8."
        ) from None
    except RecursionError:
        raise error(f"{path}: not a TOML file: its brackets are nested too deeply.", "Correct the file.") from None
    except ValueError as fault:  # a number too long for Python too, of which no line is told
        remedy = "Correct the line it names." if isinstance(fault, tomllib.TOMLDecodeError) else "Correct the file."
        raise error(f"{path}: not a TOML file: {fault}.", remedy) from None


def explain_validation(
    error: ValidationError, model: type[BaseModel], *, unset: tuple[str, ...] = (), also: tuple[str, ...] = ()
) -> str:  # fmt: skip
    """One fault of `error` in words: the key, what is wrong with it, and the nearest right word of `model` and its tables.

    A key that is not known comes first: it is more often a misspelt one than the one it is missing for. `unset`: fields
    that no file sets; `also`: further keys that may stand there.
    """
    faults = error.errors(include_url=False)
    fault = next((item for item in faults if item["type"] == "extra_forbidden"), faults[0])
    where = _place(fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = [name for name in _keys_at(model, fault["loc"][:-1]) if name not in unset]
        return f"{where} is not known{did_you_mean(str(fault['loc'][-1]), [*known, *also])}."
    if fault["type"] == "missing":
        return f"{where} is missing."
    value = fault.get("input")
    if fault["type"] == "model_type":
        return f"{where} is not a table (found {written(value)})."
    shown = "" if isinstance(value, dict) or "value_error" in fault["type"] else f" (found {written(value)})"
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}{shown}."


def _place(location: tuple[int | str, ...]) -> str:
    """Where a fault is, counted as people count: ("check", 1, "points") is "check 2: key `points`"."""
    before, keys = "", list[str]()
    for part in location:
        if isinstance(part, int):
            before, keys = f"{before}{'.'.join(keys)} {part + 1}: ", []
        elif part != "schema_":
            keys.append(part)
    if not keys:
        return before.removesuffix(": ") or "the file"
    return f"{before}key `{'.'.join(keys)}`"


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> Iterator[str]:
    """The keys of the table at `location`."""
    for part in location:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if isinstance(part, str) and part in fields:
            model = next(models_in(fields[part].annotation), model)
    return (field.alias or name for name, field in model.model_fields.items())


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in a type such as `tuple[Model, ...]` or `Model | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


def written(value: object) -> str:
    """A value as it is written in a file; Python refuses to write out whole numbers of thousands of digits."""
    try:
        return repr(value)[:200]
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} too long to show"
