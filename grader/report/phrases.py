"""Fixed texts as values: an English message, by which catalogues know it, and what is filled into its braces. Pure.

What a page says in its own voice is a `Phrase`, so that it can be said in any language for which there is a catalogue;
what students and rubrics wrote is a plain `str`, and stays as it is. `say` and `many` make phrases: their first arguments
are written out where they are called, because that is where the catalogues' messages are collected from.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from gettext import NullTranslations
from html import escape

from grader.report.visible import visible

SAME = NullTranslations()  # English: messages stand for themselves


@dataclass(frozen=True, slots=True)
class Phrase:
    """A message with values for its braces; `plural` is the message for any `number` but one."""

    message: str
    values: tuple[tuple[str, "Text"], ...] = ()
    plural: str = ""
    number: int = 1

    def __str__(self) -> str:
        return write(self)


@dataclass(frozen=True, slots=True)
class Joined:
    """Texts that stand one after the other."""

    parts: tuple["Text", ...]
    glue: str = " "

    def __str__(self) -> str:
        return write(self)

    def __bool__(self) -> bool:
        return any(self.parts)


Text = str | Phrase | Joined


@dataclass(frozen=True)
class Language:
    """A language by its code ("it"), its own name ("italiano") and its catalogue."""

    code: str
    name: str
    catalogue: NullTranslations


ENGLISH = Language("en", "English", SAME)


@dataclass(frozen=True)
class Speech:
    """The language that a page is written in, and those that it can be switched to."""

    own: Language = ENGLISH
    others: tuple[Language, ...] = ()

    @property
    def languages(self) -> tuple[Language, ...]:
        """All of them, sorted by name."""
        return tuple(sorted((self.own, *self.others), key=lambda language: language.name.casefold()))

    def write(self, text: Text) -> str:
        """The text in the page's own language."""
        return write(text, self.own.catalogue)


SPEECH = Speech()


def say(message: str, **values: Text | int) -> Phrase:
    """A phrase; `values` stand for the words in the message's braces."""
    return Phrase(message, tuple((name, _text(value)) for name, value in values.items()))


def many(number: int, one: str, more: str, **values: Text | int) -> Phrase:
    """A phrase that depends on a number, which stands for {n}: `many(3, "{n} image", "{n} images")`."""
    filled = (("n", f"{number:,}"), *((name, _text(value)) for name, value in values.items()))
    return Phrase(one, filled, more, number)


def joined(parts: Iterable[Text], glue: str = " ") -> Text:
    """The texts that are not empty, one after the other; a plain text where there are only such."""
    kept = tuple(part for part in parts if part)
    if len(kept) == 1:
        return kept[0]
    if all(isinstance(part, str) for part in kept):
        return glue.join(map(str, kept))
    return Joined(kept, glue)


def write(text: Text, catalogue: NullTranslations = SAME) -> str:
    """The text in the language of a catalogue; a message that is missing there is said in English."""
    if isinstance(text, str):
        return text
    if isinstance(text, Joined):
        return text.glue.join(write(part, catalogue) for part in text.parts)
    if not text.values:
        return catalogue.gettext(text.message)
    one, more = text.message, text.plural
    message = catalogue.ngettext(one, more, text.number) if more else catalogue.gettext(one)
    return message.format_map({name: write(value, catalogue) for name, value in text.values})


def in_other_languages(text: Text, speech: Speech, attribute: str = "") -> str:
    """What an element is told of its text (or of one of its attributes) in other languages: ` data-it="..."`.

    A language that says the same is left out: the page's script then takes the text that it found.
    """
    if isinstance(text, str) or not speech.others:
        return ""
    if isinstance(text, Phrase) and not text.values:
        return _remembered(text, speech, attribute)
    return _others(text, speech, attribute)


@lru_cache(maxsize=4096)
def _remembered(text: Phrase, speech: Speech, attribute: str) -> str:
    return _others(text, speech, attribute)


def _others(text: Text, speech: Speech, attribute: str) -> str:
    own = speech.write(text)
    said = ((language.code, write(text, language.catalogue)) for language in speech.others)
    name = f"-{attribute}" if attribute else ""
    return "".join(f' data-{code}{name}="{escape(visible(words))}"' for code, words in said if words != own)


def _text(value: Text | int) -> Text:
    return f"{value:,}" if isinstance(value, int) else value
