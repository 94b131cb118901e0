"""What views say, as plain text: a test reads sentences, not phrases."""

from dataclasses import fields, is_dataclass
from typing import Any

from grader.pages.wording import Joined, Phrase, write


def english(value: Any) -> Any:
    """The same value with every phrase in it written out in English."""
    if isinstance(value, Phrase | Joined):
        return write(value)
    if isinstance(value, tuple):
        return tuple(english(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        said = object.__new__(type(value))
        for field in fields(value):
            object.__setattr__(said, field.name, english(getattr(value, field.name)))
        return said
    return value
