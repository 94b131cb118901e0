"""Writes changed numbers into an `assignment.toml`: comments, order and everything that is not changed stay as they are."""

import hashlib
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from grader.core.errors import RubricError, UsageError
from grader.core.toml import read_toml
from grader.core.workspace import write_whole
from grader.marking.rubric_numbers import Difference, NumberChange, Raw, differences, with_changes

BYTE_ORDER_MARK = "\ufeff"
BY_HAND = "Change the file by hand, and type `grader regrade`."


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
