"""The language of a page: English messages, and the gettext catalogue that translates them; numbers, sizes and times.

`say` and `many` speak English, as the terminal does, and inside a block of `use_language` the language that it names. A
message is written out where it is said, because catalogues are collected from there; titles of our own checks, assignments
and datasets are in the catalogues too. A catalogue is `<code>.po` in the folder `languages/` beside the templates.

What checks, flags and runs found is an English sentence already: `translated` tells it in the page's language, by those
messages of the catalogue whose context is `finding`. Numbers are written as the language does.
"""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_datetime
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po

from grader.core import limits
from grader.core import text as plain
from grader.core.errors import RubricError
from grader.pages.translate_findings import Sentences, Template

ENGLISH = "en"
FINDING = "finding"  # the context of messages that stand in results as finished sentences
_BRACES = re.compile(r"\{[^}]*\}?")
_NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w]|\.\d)|(?<![\w.,])\d+\.\d+(?=[×])")


@dataclass(frozen=True)
class Language:
    """A language that is spoken: its messages, its sentences of findings, the signs in its numbers."""

    code: str = ENGLISH
    catalogue: NullTranslations = field(default_factory=NullTranslations)
    sentences: Sentences = field(default_factory=Sentences)
    decimal: str = "."
    group: str = ","

    def write_numbers(self, text: str) -> str:
        """A text with the numbers in it (12,000 or 97.5 in English) as this language writes them."""
        return _NUMBER.sub(lambda found: self._write_number(found[0]), text)

    def _write_number(self, number: str) -> str:
        whole, point, rest = number.partition(".")
        if "," in whole and not re.fullmatch(r"\d{1,3}(?:,\d{3})+", whole):
            return number
        return f"{whole.replace(',', self.group)}{self.decimal if point else ''}{rest}"


_ENGLISH = Language()
_spoken: ContextVar[Language] = ContextVar("spoken", default=_ENGLISH)


def say(message: str, /, **values: str | int) -> str:
    """The message in the page's language; `values` stand for the words in its braces."""
    if not message:
        return ""  # gettext would answer with the catalogue's head
    said = _spoken.get().catalogue.gettext(message)
    return said.format_map(_written(values)) if values else said


def many(number: int, one: str, more: str, /, **values: str | int) -> str:
    """A message that depends on a number, which stands for {n}: `many(3, "{n} image", "{n} images")`."""
    return _spoken.get().catalogue.ngettext(one, more, number).format_map(_written({"n": number, **values}))


def gettext_noop(message: str) -> str:
    """The message itself: marked for the catalogues, and said by `say` where it is needed."""
    return message


def translated(finding: str) -> str:
    """What a check, a flag or a run said, in the page's language as far as the catalogue knows its words."""
    return _spoken.get().sentences.tell(finding)


def numbers(text: str) -> str:
    """An English text of numbers, as "97.5 %", with the signs of the page's language."""
    return text if _spoken.get().code == ENGLISH else _spoken.get().write_numbers(text)


def number(value: float) -> str:
    """A number of points: 50, 7.5, 33.33; in Italian 7,5."""
    return numbers(plain.number(value))


def count(value: int) -> str:
    """A whole number with its thousands apart: 10,000; in Italian 10.000."""
    return numbers(plain.count(value))


def percent(fraction: float, digits: int = 4) -> str:
    """A fraction as a percentage without idle zeros: 97 %, 97.5 %; in Italian 97,5 %."""
    return numbers(plain.percent(fraction, digits))


def write_duration(seconds: float) -> str:
    """`95` as "1 min 35 s"; under a minute with one decimal place at most."""
    return numbers(limits.write_duration(seconds))


def write_size(size: float) -> str:
    """`1500000` as "1.43 MiB"; in Italian "1,43 MiB"."""
    return numbers(limits.write_size(size))


def write_moment(moment: str) -> str:
    """An ISO time: as it is in English, which machines and people share; elsewhere as the language writes times."""
    code = _spoken.get().code
    if code == ENGLISH:
        return moment
    try:
        when = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    zone = when.strftime("%Z")
    return f"{format_datetime(when, 'd MMMM y, HH:mm:ss', locale=code.replace('-', '_'))}{f' {zone}' if zone else ''}"


def _written(values: dict[str, str | int]) -> dict[str, str]:
    return {name: numbers(f"{value:,}") if isinstance(value, int) else value for name, value in values.items()}


@contextmanager
def use_language(folder: Path, language: str) -> Iterator[None]:
    """Speak `language` in this block. Raises RubricError for one without a catalogue in `folder`, or with a damaged one."""
    token = _spoken.set(_read_language(folder, language))
    try:
        yield
    finally:
        _spoken.reset(token)


@lru_cache(maxsize=16)
def _read_language(folder: Path, language: str) -> Language:
    path = folder / f"{language}.po"
    if not path.is_file():
        if language == ENGLISH:
            return _ENGLISH
        known = tuple(sorted({ENGLISH, *(other.stem for other in folder.glob("*.po"))}))
        near = plain.nearest(language, known)
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
        return _language(language, catalogue, GNUTranslations(packed))
    except (OSError, ValueError, UnknownLocaleError, PoFileError) as error:
        raise RubricError(f"{path} is not a catalogue: {error}.", "Name it after its language, as in it.po.") from None


def _language(code: str, catalogue: Catalog, messages: GNUTranslations) -> Language:
    symbols = Locale.parse(code, sep="-").number_symbols["latn"]
    signs = Language(code=code, decimal=symbols["decimal"], group=symbols["group"])
    sentences = Sentences.of(
        _templates(catalogue),
        signs.write_numbers,
        form_of=lambda english, number: messages.npgettext(FINDING, english, english, number),
    )
    return Language(code, messages, sentences, signs.decimal, signs.group)


def _templates(catalogue: Catalog) -> Iterator[Template]:
    """Findings, and what may stand in one: titles and words of pages."""
    for message in catalogue:
        counts = isinstance(message.id, tuple | list)
        english, said = _texts(message.id)[0], _texts(message.string)[-1]
        if english and said and (message.context == FINDING or not (counts or _BRACES.search(english))):
            yield Template.of(english, said, counts)


def _texts(text: str | Sequence[str] | None) -> Sequence[str]:
    return (text or "",) if isinstance(text, str | None) else text


def _require_same_braces(message: Message) -> None:
    """Raise ValueError for a translation with braces that its message does not have: there is nothing to fill them with."""
    ids, said = _texts(message.id), _texts(message.string)
    known = {brace for text in ids for brace in _BRACES.findall(text)}
    for text in said:
        if text and message.id and not set(_BRACES.findall(text)) <= known:
            raise ValueError(f"the translation of “{ids[0]}” has braces that are not in the message")
