"""The languages of the pages: one catalogue `<code>.po` each, in the folder `languages/` beside the templates."""

import io
import re
from functools import lru_cache
from gettext import GNUTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from grader.assignment import did_you_mean
from grader.errors import RubricError
from grader.report.phrases import ENGLISH, Language, Speech

_BRACES = re.compile(r"\{[^}]*\}?")


@lru_cache(maxsize=16)
def find_speech(folder: Path, language: str) -> Speech:
    """Pages in `language` that can be switched to every other one of `folder`.

    Raises RubricError for a language without a catalogue, and for a catalogue that can't be read.
    """
    languages = _read_languages(folder)
    own = next((found for found in languages if found.code == language), None)
    if own is None:
        near = did_you_mean(language, tuple(found.code for found in languages))
        raise RubricError(
            f"key `report.language`: there is no catalogue {folder / language}.po{near}.",
            "Choose a language that there is.",
        )
    return Speech(own, tuple(found for found in languages if found is not own))


@lru_cache(maxsize=8)
def _read_languages(folder: Path) -> tuple[Language, ...]:
    found = [_read_language(path) for path in sorted(folder.glob("*.po"))]
    return tuple(found) if any(language.code == ENGLISH.code for language in found) else (ENGLISH, *found)


def _read_language(path: Path) -> Language:
    code = path.stem
    try:
        name = Locale.parse(code, sep="-").get_display_name(code) or code
        with path.open("rb") as stream:
            catalogue = read_po(stream, locale=code.replace("-", "_"), abort_invalid=True)
        for message in catalogue:
            _require_same_braces(message)
        packed = io.BytesIO()
        write_mo(packed, catalogue)
        packed.seek(0)
        return Language(code, f"{name[:1].upper()}{name[1:]}", GNUTranslations(packed))
    except (OSError, ValueError, UnknownLocaleError, PoFileError) as error:
        raise RubricError(f"{path}: is no catalogue: {error}.", "Name it after its language, as in it.po.") from None


def _require_same_braces(message: Message) -> None:
    """ValueError for a translation that has other braces than its message: what is filled in would be missing."""
    ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
    said = message.string if isinstance(message.string, tuple | list) else (message.string,)
    known = {brace for text in ids for brace in _BRACES.findall(text)}
    for text in said:
        if text and message.id and not set(_BRACES.findall(text)) <= known:
            raise ValueError(f"the translation of “{ids[0]}” has braces that the message has not")
