"""The language of a page: English messages, and the gettext catalogue that translates them.

`say` and `many` speak English, as the terminal does, and inside a block of `use_language` the language that it names. A
message is written out where it is said, because catalogues are collected from there; titles of our own checks, assignments
and datasets are in the catalogues too. A catalogue is `<code>.po` in the folder `languages/` beside the templates.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import UnknownLocaleError
from babel.messages.catalog import Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from grader.core.errors import RubricError
from grader.core.text import did_you_mean

ENGLISH = "en"
_BRACES = re.compile(r"\{[^}]*\}?")
_ENGLISH = NullTranslations()
_catalogue: ContextVar[NullTranslations] = ContextVar("catalogue", default=_ENGLISH)


def say(message: str, /, **values: str | int) -> str:
    """The message in the page's language; `values` stand for the words in its braces."""
    if not message:
        return ""  # gettext would answer with the catalogue's head
    said = _catalogue.get().gettext(message)
    return said.format_map(_written(values)) if values else said


def many(number: int, one: str, more: str, /, **values: str | int) -> str:
    """A message that depends on a number, which stands for {n}: `many(3, "{n} image", "{n} images")`."""
    return _catalogue.get().ngettext(one, more, number).format_map(_written({"n": number, **values}))


def gettext_noop(message: str) -> str:
    """The message itself: marked for the catalogues, and said by `say` where it is needed."""
    return message


def _written(values: dict[str, str | int]) -> dict[str, str]:
    return {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}


@contextmanager
def use_language(folder: Path, language: str) -> Iterator[None]:
    """Speak `language` in this block. Raises RubricError for one without a catalogue in `folder`, or with a damaged one."""
    token = _catalogue.set(_read_catalogue(folder, language))
    try:
        yield
    finally:
        _catalogue.reset(token)


@lru_cache(maxsize=16)
def _read_catalogue(folder: Path, language: str) -> NullTranslations:
    path = folder / f"{language}.po"
    if not path.is_file():
        if language == ENGLISH:
            return _ENGLISH
        known = tuple(sorted({ENGLISH, *(other.stem for other in folder.glob("*.po"))}))
        near = did_you_mean(language, known)
        raise RubricError(
            f"key `report.language`: there is no catalogue {path}{near}.", f"Available: {', '.join(known)}."
        )
    try:
        with path.open("rb") as stream:
            catalogue = read_po(stream, locale=language.replace("-", "_"), abort_invalid=True)
        for message in catalogue:
            _require_same_braces(message)
        packed = io.BytesIO()
        write_mo(packed, catalogue)
        packed.seek(0)
        return GNUTranslations(packed)
    except (OSError, ValueError, UnknownLocaleError, PoFileError) as error:
        raise RubricError(f"{path} is not a catalogue: {error}.", "Name it after its language, as in it.po.") from None


def _require_same_braces(message: Message) -> None:
    """Raise ValueError for a translation with braces that its message does not have: there is nothing to fill them with."""
    ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
    said = message.string if isinstance(message.string, tuple | list) else (message.string,)
    known = {brace for text in ids for brace in _BRACES.findall(text)}
    for text in said:
        if text and message.id and not set(_BRACES.findall(text)) <= known:
            raise ValueError(f"the translation of “{ids[0]}” has braces that are not in the message")
