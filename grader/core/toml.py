"""TOML that a person wrote (rubrics, manifests, settings): read, compared with a model, and explained where it is wrong."""

import codecs
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from grader.core.errors import GraderError
from grader.core.limits import write_duration, write_size
from grader.core.text import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MOST_FAULTS = 4  # of one file that are told
UTF_16_BYTES = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UNIT = re.compile(r"\s*[\d.]+\s*([A-Za-z]+)\s*")
_CHOICE = re.compile(r"'([^']*)'")
_WHOLE, _NUMBER, _LIST, _TABLE = (
    "must be a whole number",
    "must be a number",
    "must be a list, as in [1, 2]",
    "must be a table",
)
_WANTED = {
    "int_type": _WHOLE, "int_parsing": _WHOLE, "int_from_float": _WHOLE, "int_parsing_size": _WHOLE,
    "float_type": _NUMBER, "float_parsing": _NUMBER, "finite_number": "must be a finite number",
    "string_type": "must be text in quotation marks", "bool_type": "must be true or false",
    "bool_parsing": "must be true or false", "list_type": _LIST, "tuple_type": _LIST, "set_type": _LIST,
    "frozen_set_type": _LIST, "dict_type": _TABLE, "model_type": _TABLE, "model_attributes_type": _TABLE,
    "greater_than": "must be above {gt}", "greater_than_equal": "must be at least {ge}", "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}", "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries", "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "does not have the form that it must have, `{pattern}`",
}  # fmt: skip
Model = TypeVar("Model", bound=BaseModel)


def load_toml(path: Path, model: type[Model], error: type[GraderError], remedy: str = "", **more: Any) -> Model:
    """The file at `path` as a value of `model`. Raises `error`, which names the file, the key and the nearest right word."""
    return validate(read_toml(path, error), model, path, error, remedy, **more)


def validate(
    raw: dict[str, Any], model: type[Model], path: Path, error: type[GraderError], remedy: str = "", **more: Any
) -> Model:  # fmt: skip
    """The tables `raw` of the file at `path` as a value of `model`; `more` are fields that the file does not set."""
    mine = next((name for name in more if name in raw), None)
    if mine is not None:
        raise error(f"{path}: key `{mine}` is not known: no file sets it.", remedy or "Remove it.")
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
    """The faults of `error` in words: each key, what is wrong with it, and the nearest right word of `model` and its tables.

    Keys that are not known come first, and leave out what is missing: more often than not, they are it, misspelt. `unset`:
    fields that no file sets; `also`: further keys that may stand there.
    """
    first: dict[tuple[int | str, ...], ErrorDetails] = {}
    for item in error.errors(include_url=False):
        first.setdefault(item["loc"], item)
    unknown = [item for item in first.values() if item["type"] == "extra_forbidden"]
    others = [item for item in first.values() if item["type"] != "extra_forbidden"]
    if unknown:  # TOML knows no None: it stands for what is missing
        others = [item for item in others if item["type"] != "missing" and item["input"] is not None]
    said = []
    for item in [*unknown, *others]:
        known = [name for name in _keys_at(model, item["loc"][:-1]) if name not in unset]
        said.append(f"{_explain_fault(item, [*known, *also])}.")
    more = [f"There are {len(said) - MOST_FAULTS} more faults."] if len(said) > MOST_FAULTS else []
    return " Further, ".join(said[:MOST_FAULTS]) + "".join(f" {words}" for words in more)


def _explain_fault(fault: "ErrorDetails", known: list[str]) -> str:
    """One fault as a sentence without its full stop."""
    where, kind = _place(fault["loc"]), fault["type"]
    if kind == "extra_forbidden":
        return f"{where} is not known{did_you_mean(str(fault['loc'][-1]), known)}"
    if kind == "missing":
        return f"{where} is missing"
    if kind == "json_invalid":
        return f"{where} is not JSON"
    if kind in ("value_error", "assertion_error"):
        return f"{where}: {str(fault['msg']).partition(', ')[2]}"
    value, limits = fault.get("input"), fault.get("ctx", {})
    limits = {name: _bound(limit, value) if isinstance(limit, int | float) else limit for name, limit in limits.items()}
    shown = "" if isinstance(value, dict) else f" (found {written(value)})"
    if kind in ("literal_error", "enum"):
        expected = str(limits.get("expected", ""))
        choices = _CHOICE.findall(expected) or [expected]
        return f"{where}: {written(value)} is not known{did_you_mean(str(value), choices)}"
    if kind in ("too_short", "string_too_short") and limits.get("min_length") == "1":
        return f"{where}: must not be empty"
    return f"{where}: {_WANTED.get(kind, 'is not of the right kind').format_map(limits)}{shown}"


def _bound(limit: float, value: object) -> str:
    """A bound in the unit in which a value was written: "8784 h" for "400d", "1 MiB" for "12B"."""
    unit = _UNIT.fullmatch(value) if isinstance(value, str) else None
    if unit is None:
        return f"{limit:.10g}"
    return write_size(limit) if unit[1].endswith("B") else write_duration(limit)


def _place(location: tuple[int | str, ...]) -> str:
    """Where a fault is, counted as people count: ("check", 1, "points") is "check 2: key `points`"."""
    before, keys = "", list[str]()
    for part in location:
        if isinstance(part, int):
            before, keys = f"{before}{'.'.join(keys)} {part + 1}: ", []
        elif part not in ("schema_", "[key]"):
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
