"""The numbers of a rubric that can be changed while a class looks on: which there are, what they may be, writing them.

A number stands at a place in the tables of an `assignment.toml`: ("check", 6, "at_least"). All that changes no mark of
stored evidence is left out: the limits of a run, the number of repeated runs. Where changed numbers are written into the
file, comments, order and everything that is not changed stay as they are.
"""

import copy
import hashlib
import math
import os
import stat
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import tomlkit
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, BeforeValidator, ValidationError
from pydantic.fields import FieldInfo
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from grader.checks.base import Planned
from grader.core.assignment import Late
from grader.core.errors import RubricError, UsageError
from grader.core.limits import parse_duration, parse_size
from grader.core.toml import models_in, read_toml
from grader.core.workspace import write_whole

BYTE_ORDER_MARK = "\ufeff"
BY_HAND = "Change the file by hand, and type `grader regrade`."

Place = tuple[str | int, ...]
Number = int | float | str | datetime  # what has a unit is text ("10m", "5MiB")
Raw = dict[str, Any]
Kind = Literal["fraction", "number", "whole", "span", "duration", "size", "moment"]
WITH_UNIT: Mapping[object, Kind] = {parse_duration: "duration", parse_size: "size"}  # by what reads them
OF_EVERY_CHECK = ("use", "points", "title")
TRIED = (1, 0.5, 0.1, 0.05)  # whether a number that is not set could be
LONGEST = 60  # characters of a number
EXAMPLES: Mapping[Kind, str] = {
    "fraction": "a number, as in 0.85", "number": "a number, as in 12.5", "whole": "a whole number",
    "span": "a number and a unit, as in 10m, 36h or 7d", "duration": "a number and a unit, as in 90s, 5m or 1.5h",
    "size": "a number and a unit, as in 500KiB or 5MiB", "moment": "day, time and offset, as in 2026-11-20T23:59:00+01:00",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RubricNumber:
    """A number of a rubric: where it stands, what it is now (None: not set), and what it may be.

    `default` is what holds where it is not set; `optional`: it may be taken out.
    """

    place: Place
    group: str
    label: str
    kind: Kind
    value: Number | None
    least: float | None = None
    most: float | None = None
    optional: bool = False
    default: str = ""

    @property
    def key(self) -> str:
        """Its place in one word, as forms name it."""
        return ".".join(map(str, self.place))

    @property
    def name(self) -> str:
        """What a line about it calls it."""
        return f"{self.group}: {self.label}"

    @property
    def is_text(self) -> bool:
        """Whether it is more than digits: a unit, or a date."""
        return self.kind not in ("fraction", "number", "whole")

    @property
    def step(self) -> float:
        """By how much a slider or an arrow key changes it."""
        return 0.005 if self.kind == "fraction" else 1.0

    @property
    def written(self) -> str:
        """Its value as a person types it; empty where it is not set."""
        return write_number(self.value)


@dataclass(frozen=True, kw_only=True)
class NumberChange:
    """Another value for one number; None takes it out of the rubric."""

    number: RubricNumber
    value: Number | None

    @property
    def words(self) -> str:
        """What was, and what is to be."""
        before, after = self.number.written or "not set", write_number(self.value) or "not set"
        return f"{self.number.name} {before} -> {after}"


class NotANumber(UsageError):
    """What was typed can't be this number."""


def write_number(value: Number | None) -> str:
    """As a person types it: no exponent, no digits that nobody wrote."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def rubric_numbers(raw: Raw, planned: Sequence[Planned]) -> tuple[RubricNumber, ...]:
    """Every number of the rubric with these tables that can be changed, in its order."""
    return (*_of_all(raw), *(number for place in range(len(planned)) for number in _of_check(raw, planned, place)))


def _of_all(raw: Raw) -> Iterator[RubricNumber]:
    whole, late = "Whole rubric", "Lateness"
    yield RubricNumber(
        place=("pass_mark",), group=whole, label="pass mark", kind="number", value=raw.get("pass_mark"), least=0.0
    )
    yield RubricNumber(
        place=("due",),
        group=whole,
        label="due",
        kind="moment",
        value=raw.get("due"),
        optional=True,
        default="never late",
    )
    labels = {"grace": "grace", "per_day": "per day", "most": "at most", "after": "nothing accepted after"}
    for name, label in labels.items():
        field = Late.model_fields[name]
        share = name in ("per_day", "most")
        yield RubricNumber(
            place=("late", name), group=late, label=label, kind="fraction" if share else "span",
            value=raw.get("late", {}).get(name), least=0.0 if share else None, most=1.0 if share else None, optional=True,
            default="no limit" if field.default is None else write_number(field.default) + ("" if share else "s"),
        )  # fmt: skip
    yield RubricNumber(
        place=("late", "most_slip_days"), group=late, label="slip days at most", kind="whole",
        value=raw.get("late", {}).get("most_slip_days"), least=0.0, most=366.0, optional=True, default="no limit",
    )  # fmt: skip


def _of_check(raw: Raw, planned: Sequence[Planned], place: int) -> Iterator[RubricNumber]:
    item, table = planned[place], raw["check"][place]
    group = f"Check {place + 1}, {item.check.name}"
    at: Place = ("check", place)
    yield RubricNumber(
        place=(*at, "points"),
        group=group,
        label="points",
        kind="number",
        value=table["points"],
        least=0.0,
        most=10_000.0,
    )
    for key, value in table.items():
        if key not in OF_EVERY_CHECK:
            yield from _of_value(item.check.parameters, key, value, (*at, key), group)
    for key, field in item.check.parameters.model_fields.items():
        kind = _kind(field)
        if key not in table and kind is not None and _direct(field.annotation) and _may_be(item, key):
            yield RubricNumber(
                place=(*at, key), group=group, label=key, kind=kind[0], value=None, least=kind[1], most=kind[2],
                optional=True, default=write_number(field.default) or "off",
            )  # fmt: skip


def _of_value(model: type[BaseModel], key: str, value: object, place: Place, group: str) -> Iterator[RubricNumber]:
    """A number, those in a table (a line), or those in a list of tables (bands)."""
    field = next((field for name, field in model.model_fields.items() if key == (field.alias or name)), None)
    if isinstance(value, int | float) and not isinstance(value, bool):
        kind, least, most = _kind(field) or ("number", None, None)
        label = " ".join(str(part + 1) if isinstance(part, int) else part for part in place[2:])
        yield RubricNumber(
            place=place, group=group, label=label, kind=kind, value=value, least=least, most=most,
            optional=len(place) == 3 and field is not None and not field.is_required(),
            default="" if field is None else write_number(_plain(field.default)),
        )  # fmt: skip
    elif isinstance(value, str) and (unit := _unit(field)) is not None:
        yield RubricNumber(
            place=place, group=group, label=" ".join(map(str, place[2:])), kind=unit, value=value,
            optional=len(place) == 3 and field is not None and not field.is_required(),
        )  # fmt: skip
    elif isinstance(value, list | dict) and field is not None:
        tables = (
            [((), value)] if isinstance(value, dict) else [((number,), table) for number, table in enumerate(value)]
        )
        for inner in models_in(field.annotation):
            for at, table in tables:
                for name, part in table.items() if isinstance(table, dict) else ():
                    yield from _of_value(inner, name, part, (*place, *at, name), group)
            break


def _unit(field: FieldInfo | None) -> Kind | None:
    """Which unit a field takes, as text; None for one that takes none."""
    marks = (mark for _, found in _leaves(field.annotation, tuple(field.metadata)) for mark in found) if field else ()
    return next(
        (WITH_UNIT[mark.func] for mark in marks if isinstance(mark, BeforeValidator) and mark.func in WITH_UNIT), None
    )


def _plain(value: object) -> Number | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _kind(field: FieldInfo | None) -> tuple[Kind, float | None, float | None] | None:
    """What number a field takes, from where to where; None for none at all."""
    if field is None:
        return None
    found = next(_leaves(field.annotation, tuple(field.metadata)), None)
    if found is None:
        return None
    leaf, marks = found
    least = next((float(mark.ge) for mark in marks if isinstance(mark, Ge)), None)  # type: ignore[arg-type]
    most = next((float(mark.le) for mark in marks if isinstance(mark, Le)), None)  # type: ignore[arg-type]
    least = least if least is not None else next((float(mark.gt) for mark in marks if isinstance(mark, Gt)), None)  # type: ignore[arg-type]
    most = most if most is not None else next((float(mark.lt) for mark in marks if isinstance(mark, Lt)), None)  # type: ignore[arg-type]
    share = least is not None and least >= 0 and most is not None and most <= 1
    return "whole" if leaf is int else "fraction" if share else "number", least, most


def _leaves(annotation: Any, marks: tuple[object, ...]) -> Iterator[tuple[type, tuple[object, ...]]]:
    """The kinds of numbers in an annotation, with what is said of each."""
    if annotation in (int, float):
        yield annotation, marks
    elif get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        told = [mark for item in more for mark in (item.metadata if isinstance(item, FieldInfo) else (item,))]
        yield from _leaves(inner, (*marks, *told))
    else:
        for part in get_args(annotation):
            yield from _leaves(part, marks)


def _direct(annotation: Any) -> bool:
    """Whether a field takes a single number, and not a list or table of them."""
    if get_origin(annotation) is Annotated:
        return _direct(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return all(part is type(None) or _direct(part) for part in get_args(annotation))
    return annotation in (int, float)


def _may_be(item: Planned, key: str) -> bool:
    """Whether the check takes this parameter beside those that it has."""
    for value in TRIED:
        try:
            item.check.parameters.model_validate({**item.spec.parameters, key: value})
        except ValidationError:
            continue
        return True
    return False


def read_number(number: RubricNumber, text: str) -> Number | None:
    """What a person typed for a number; None for nothing. Raises NotANumber, with a sentence that stands beside it."""
    text = text.strip()
    if not text:
        if not number.optional:
            raise NotANumber(f"{number.label} is missing.", f"Write {EXAMPLES[number.kind]}.")
        return None
    if len(text) > LONGEST:
        raise NotANumber(f"This has {len(text):,} characters.", f"Write {EXAMPLES[number.kind]}.")
    if number.kind in ("span", "duration", "size"):
        return text
    if number.kind == "moment":
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            raise NotANumber(f"`{text}` is not a point in time.", f"Write {EXAMPLES[number.kind]}.") from None
    value = _read_digits(number, text)
    if number.least is not None and value < number.least:
        raise NotANumber(f"{text} is less than {number.least:g}.", f"Write {number.least:g} or more.")
    if number.most is not None and value > number.most:
        percent = " A fraction is meant: 0.85 for 85 %." if number.kind == "fraction" else ""
        raise NotANumber(f"{text} is more than {number.most:g}.", f"Write {number.most:g} or less.{percent}")
    return value


def _read_digits(number: RubricNumber, text: str) -> int | float:
    comma = text.count(",") == 1 and "." not in text
    try:
        value = float(text.replace(",", ".") if comma else text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise NotANumber(f"`{text}` is not a number.", f"Write {EXAMPLES[number.kind]}.")
    if number.kind == "whole":
        if not value.is_integer():
            raise NotANumber(f"{text} is not a whole number.", "Write one without a fraction.")
        return int(value)
    return int(value) if value.is_integer() and not isinstance(number.value, float) and abs(value) < 1e15 else value


def changed_numbers(
    numbers: Iterable[RubricNumber], typed: Mapping[str, str]
) -> tuple[tuple[NumberChange, ...], dict[str, NotANumber]]:
    """The changes that a person typed, by the numbers' keys, and what is wrong with the others; what is not there stays."""
    changes, faults = [], {}
    for number in numbers:
        if number.key not in typed or typed[number.key].strip() == number.written:
            continue
        try:
            value = read_number(number, typed[number.key])
        except NotANumber as fault:
            faults[number.key] = fault
            continue
        if value != number.value:
            changes.append(NumberChange(number=number, value=value))
    return tuple(changes), faults


def with_changes(raw: Raw, changes: Iterable[NumberChange]) -> Raw:
    """The rubric's tables with other numbers."""
    new = copy.deepcopy(raw)
    for change in changes:
        table: Any = new
        *way, last = change.number.place
        for part in way:
            table = table.setdefault(part, {}) if isinstance(table, dict) else table[part]
        if change.value is None:
            table.pop(last, None)
        else:
            table[last] = change.value
    if not new.get("late", True):
        del new["late"]  # the last key of it was taken out
    return new


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A key of a rubric that is another than it was: "" where it is not there."""

    key: str
    was: str
    now: str


def differences(was: Raw, now: Raw) -> tuple[Difference, ...]:
    """What differs between the tables of two rubrics, by key."""
    old, new = dict(_flat(was)), dict(_flat(now))
    return tuple(
        Difference(key=key, was=old.get(key, ""), now=new.get(key, ""))
        for key in dict.fromkeys((*old, *new))
        if old.get(key) != new.get(key)
    )


def _flat(value: object, before: str = "") -> Iterator[tuple[str, str]]:
    """Every single value with its key, as people count."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _flat(part, f"{before}.{key}" if before else str(key))
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        for number, part in enumerate(value, 1):
            yield from _flat(part, f"{before} {number}")
    else:
        yield before, value if isinstance(value, str) else str(value)


class RubricEdited(UsageError):
    """Somebody changed the file since it was read; `found` says what differs."""

    def __init__(self, path: Path, found: Sequence[Difference]) -> None:
        self.found = tuple(found)
        super().__init__(
            f"{path} was edited since this page was opened: nothing was written.",
            "Look at what differs, and try again.",
        )


@dataclass(frozen=True, kw_only=True)
class RubricFile:
    """A rubric file as it was read: its bytes, their digest, its tables."""

    path: Path
    data: bytes
    raw: Raw

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.data).hexdigest()


def read_rubric_file(path: Path) -> RubricFile:
    """The file at `path`. Raises RubricError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RubricError(f"{path}: can't be read ({error.strerror}).", "Check the file.") from None
    raw = read_toml(path, RubricError)
    if path.read_bytes() != data:  # it was written between the two
        return read_rubric_file(path)
    return RubricFile(path=path, data=data, raw=raw)


def write_toml(raw: Raw) -> str:
    """The tables of a TOML file, without any comment that the file had."""
    return tomlkit.dumps(raw)


def changed_text(file: RubricFile, changes: Sequence[NumberChange]) -> bytes:
    """The bytes of the file with other numbers. Raises RubricError where nothing else would stay as it is."""
    text = file.data.decode("utf-8")
    mark = BYTE_ORDER_MARK if text.startswith(BYTE_ORDER_MARK) else ""
    text = text.removeprefix(mark)
    try:
        document = tomlkit.parse(text)
        if document.as_string() != text:
            raise RubricError(f"{file.path}: can't be written without touching other lines.", BY_HAND)
        # a new line hangs on the one before it, so that one must not be taken out or written anew afterwards
        ordered = sorted(changes, key=lambda change: (change.value is not None, change.number.value is None))
        missing = [change for change in ordered if not _change(document, change)]
        new = _with_tables(document.as_string(), missing)
        same = tomlkit.parse(new).unwrap() == with_changes(file.raw, changes)
    except (TOMLKitError, KeyError, IndexError, TypeError, ValueError):
        same = False
    if not same:
        raise RubricError(f"{file.path}: these numbers can't be written into it.", BY_HAND)
    return (mark + new).encode("utf-8")


def _change(document: Any, change: NumberChange) -> bool:
    """Change a number in its table; False where the table is not there yet."""
    table, (*way, last) = document, change.number.place
    for part in way:
        if isinstance(part, str) and part not in table:
            return change.value is None
        table = table[part]
    if change.value is None:
        table.pop(last, None)
        if len(way) == 1 and not table:
            document.pop(way[0])
    elif last in table:
        table[last] = change.value
    else:
        _add_line(table, str(last), change.value)
    return True


def _add_line(table: Any, key: str, value: object) -> None:
    """Put a line behind the last of a table: tomlkit's own way puts it behind the comments that lead to the next one."""
    body = table.body if isinstance(table, tomlkit.TOMLDocument) else table.value.body
    lines = [item for name, item in body if name is not None and not isinstance(item, Table | AoT)]
    if not lines:
        table[key] = value
        return
    trivia = lines[-1].trivia
    end = "\r\n" if "\r\n" in trivia.trail else "\n"
    trivia.trail = f"{trivia.trail or end}{trivia.indent}{key} = {tomlkit.item(value).as_string()}{end}"


def _with_tables(text: str, missing: Sequence[NumberChange]) -> str:
    """The text with the tables that it has not yet, at its end."""
    end = "\r\n" if "\r\n" in text else "\n"
    for name in dict.fromkeys(str(change.number.place[0]) for change in missing):
        own = [change for change in missing if change.number.place[0] == name]
        lines = [f"{change.number.place[-1]} = {tomlkit.item(change.value).as_string()}" for change in own]
        begin = text if not text or text.endswith("\n") else text + end
        text = f"{begin}{end}[{name}]{end}{end.join(lines)}{end}"
    return text


def write_changes(file: RubricFile, changes: Sequence[NumberChange]) -> RubricFile:
    """Write the file with other numbers, whole; it as it is then. Raises RubricEdited, RubricError, Infrastructure."""
    new = changed_text(file, changes)
    require_unedited(file)
    place = file.path.resolve()  # a link stays one
    mode = stat.S_IMODE(place.stat().st_mode)
    write_whole(place, new)
    with suppress(OSError):
        os.chmod(place, mode)  # noqa: PTH101 - the word that says it
    return read_rubric_file(file.path)


def require_unedited(file: RubricFile) -> None:
    """Raise RubricEdited where the file is not what was read."""
    today = read_rubric_file(file.path)
    if today.digest != file.digest:
        raise RubricEdited(file.path, differences(file.raw, today.raw))
