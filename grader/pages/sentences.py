"""Findings in another language: English sentences of results, known again by the templates of a catalogue. Pure.

Checks, flags and runs write finished English sentences, which evidence and `result.json` keep. A template is such a sentence
with a word in braces for everything that is filled in: its text tells where the sentence stands, and what is filled in is
told in turn, down to numbers. What no template knows (a student's own words, an error of Python's) stays as it is.

A template is compared from the left without going back, in time that grows with the sentence's length alone, and all that
one sentence may cost is bounded: a student may have written any part of it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

GAP = re.compile(r"\{(\w+)\}")
CODE = re.compile(r"`[^`]*`")
COUNTED = re.compile(r" (?:\w+ )?[a-z]+s\b(?<!ss)(?<!is)(?<!as)")  # a noun in the plural behind a number
# What needs no translation: code, code with a kind behind it, a number with its unit, a shape, a count of layers, a word.
PLAIN = re.compile(
    r"`[^`]*`(?: \([\w ]+\))?|[-+]?[\d.,]+(?:[\s\u00a0](?:%|ms|s|min|h|[KMG]iB|B))*%?"
    r"|\([\d, a-z]*\)|\d+(?: [×x→] \d+)+|\d+ [A-Z]\w+|[^\s`]+"
)
ENDS = ". ", "; ", ": ", ", "
WEAK = 7  # letters: a template with fewer of them fits nearly everything, so all that it is filled with must be known
DEEPEST = 9  # sentences within sentences
MOST_TRIED = 60_000  # templates for one sentence of a page
MOST_PLACES = 40  # at which a sentence is cut in two
FIRST_WORDS = 6  # which may be a subject


def gap_names(text: str) -> tuple[str, ...]:
    """The words in braces."""
    return tuple(GAP.findall(text))


@dataclass(frozen=True)
class Template:
    """A sentence: the texts around its gaps, the gaps' names, and what it is in the other language."""

    texts: tuple[str, ...]
    names: tuple[str, ...]
    said: tuple[str, ...]  # several where it depends on the number in the first gap that holds one

    @classmethod
    def of(cls, english: str, said: Sequence[str]) -> "Template":
        """The template that a message of a catalogue writes."""
        parts = GAP.split(english)
        return cls(tuple(parts[::2]), tuple(parts[1::2]), tuple(said))

    @property
    def counted(self) -> str:
        """The gap whose number decides between one and several: the first before a noun in the plural."""
        for name, behind in zip(self.names, self.texts[1:], strict=True):
            if COUNTED.match(behind):
                return name
        return self.names[0]

    @property
    def letters(self) -> int:
        """How many letters tell it from others."""
        return sum(sign.isalpha() for text in self.texts for sign in text)

    def fill_of(self, sentence: str) -> dict[str, str] | None:
        """What fills the gaps where the sentence is one of this template's; None elsewhere. No gap ends within code."""
        first, last = self.texts[0], self.texts[-1]
        if not (sentence.startswith(first) and sentence.endswith(last)) or len(sentence) < len(first) + len(last):
            return None
        if not self.names:
            return {} if sentence == first else None
        found, begin, end = [], len(first), len(sentence) - len(last)
        for text in self.texts[1:-1]:
            at = _find(sentence, text, begin, end, within=first.count("`") % 2 == 1 if not found else False)
            if at < 0:
                return None
            found.append(sentence[begin:at])
            begin = at + len(text)
        if begin > end:
            return None
        return dict(zip(self.names, [*found, sentence[begin:end]], strict=True))


def _find(sentence: str, text: str, begin: int, end: int, *, within: bool) -> int:
    """Where `text` begins, after a gap that opens no code without closing it (or, `within` code, up to its end)."""
    at = sentence.find(text, begin, end)
    for _ in range(MOST_PLACES):
        if at < 0 or within or text.startswith("`") or sentence.count("`", begin, at) % 2 == 0:
            return at
        at = sentence.find(text, at + 1, end)
    return -1


@dataclass(frozen=True)
class Sentences:
    """The templates of a catalogue; `write_numbers` writes the numbers of an English text as the language does."""

    templates: tuple[Template, ...] = ()
    exact: Mapping[str, str] = field(default_factory=dict)
    write_numbers: Callable[[str], str] = str
    form_of: Callable[[int], int] = int  # which of several forms goes with a number

    @classmethod
    def of(
        cls,
        messages: Mapping[str, Sequence[str]],
        write_numbers: Callable[[str], str],
        form_of: Callable[[int], int],
    ) -> "Sentences":
        """From English sentences with their translations; those that say most are tried first."""
        templates = [Template.of(english, said) for english, said in messages.items() if GAP.search(english)]
        templates.sort(key=lambda item: -item.letters)
        exact = {english: said[0] for english, said in messages.items() if not GAP.search(english)}
        return cls(tuple(templates), exact, write_numbers, form_of)

    def tell(self, sentence: str) -> str:
        """The sentence in the other language, as far as it is known."""
        if not self.exact and not self.templates:
            return sentence
        lines = sentence.split("\n")
        return (
            "\n".join(_Telling(self).tell(line) for line in lines) if len(lines) > 1 else _Telling(self).tell(sentence)
        )


class _Telling:
    """One sentence on its way into the other language, and how much it may still cost."""

    def __init__(self, known: Sentences) -> None:
        self._known = known
        self._left = MOST_TRIED
        self._whole_ones: dict[str, str | None] = {}

    def tell(self, sentence: str, depth: int = 0) -> str:
        """The sentence as far as it is known."""
        told = self._known_parts(sentence, depth)
        return sentence if told is None else told

    def _known_parts(self, sentence: str, depth: int) -> str | None:
        """The sentence, or the sentences and fragments that it is made of; None where nothing of it is known."""
        if depth > DEEPEST or self._left <= 0 or not sentence.strip():
            return None
        whole = self._whole(sentence, depth)
        if whole is not None:
            return whole
        for way in (self._listed, self._cut, self._with_fragment, self._with_subject):
            told = way(sentence, depth)
            if told is not None:
                return told
        return None

    def _whole(self, sentence: str, depth: int) -> str | None:
        """The sentence where one template, or nothing but a number, is all of it."""
        if sentence not in self._whole_ones:
            self._whole_ones[sentence] = None  # a sentence within itself is not known
            self._whole_ones[sentence] = self._look_up(sentence, depth)
        return self._whole_ones[sentence]

    def _look_up(self, sentence: str, depth: int) -> str | None:
        if sentence in self._known.exact:
            return self._known.exact[sentence]
        if PLAIN.fullmatch(sentence):
            return self._known.write_numbers(sentence) if sentence[:1] != "`" else sentence
        for template in self._known.templates:
            self._left -= 1
            fill = template.fill_of(sentence) if self._left > 0 else None
            told = None if fill is None else self._fill(template, fill, depth)
            if told is not None:
                return told
        return None

    def _fill(self, template: Template, fill: Mapping[str, str], depth: int) -> str | None:
        """The template's translation; None where too little of the sentence is known to be sure of it."""
        told: dict[str, str] = {}
        for place, (name, value) in enumerate(fill.items()):
            if template.texts[place].endswith("`") and template.texts[place + 1].startswith("`") and " " not in value:
                told[name] = value
                continue
            known = self._known_parts(value, depth + 1) if value.strip() else value
            if known is None and template.letters < WEAK:
                return None
            told[name] = value if known is None else known
        return GAP.sub(lambda found: told[found[1]], self._form(template, fill))

    def _form(self, template: Template, fill: Mapping[str, str]) -> str:
        """The translation that goes with the number that is counted."""
        if len(template.said) == 1:
            return template.said[0]
        number = fill[template.counted].replace(",", "")
        return template.said[self._known.form_of(int(number))] if number.isdecimal() else template.said[-1]

    def _listed(self, sentence: str, depth: int) -> str | None:
        """Words as in "a, b and c", each of which is known or needs no translation."""
        for last in (" and ", " or "):
            head, found, tail = sentence.rpartition(last)
            if not found or head.count("`") % 2:
                continue
            told = [self._whole(item, depth + 1) for item in (*_items(head), tail)]
            if all(item is not None for item in told):
                glue = self._known.exact.get(last, last)
                return f"{', '.join(map(str, told[:-1]))}{glue}{told[-1]}"
        told = [self._whole(item, depth + 1) for item in _items(sentence)]
        return ", ".join(map(str, told)) if len(told) > 1 and all(item is not None for item in told) else None

    def _cut(self, sentence: str, depth: int) -> str | None:
        """Two parts, of which one is known as a whole; the longest first part is tried first."""
        for end in ENDS:
            places = list(_places(sentence, end))[-MOST_PLACES:]
            for place in reversed(places):
                first, rest = sentence[: place + (end == ". ")], sentence[place + len(end) :]
                told = self._whole(first, depth + 1)
                if told is not None and (end != ", " or not PLAIN.fullmatch(first)):
                    then = self._known_parts(rest, depth + 1)
                    if then is not None or end != ", ":
                        return f"{told}{' ' if end == '. ' else end}{rest if then is None else then}"
            for place in places if end != ", " else ():
                first, rest = sentence[: place + (end == ". ")], sentence[place + len(end) :]
                then = self._whole(rest, depth + 1) if not PLAIN.fullmatch(rest) else None
                if then is not None:
                    return f"{self.tell(first, depth + 1)}{' ' if end == '. ' else end}{then}"
        return None

    def _with_fragment(self, sentence: str, depth: int) -> str | None:
        """A sentence with what some templates add behind one, as in " in cell 3"."""
        for template in self._known.templates:
            text = template.texts[0]
            if not text[:1] or text[0] not in " ,;(":
                continue
            at = sentence.rfind(text)
            if at <= 0 or sentence.count("`", 0, at) % 2:
                continue
            self._left -= 1
            fill = template.fill_of(sentence[at:])
            behind = None if fill is None else self._fill(template, fill, depth)
            if behind is not None:
                before = self._known_parts(sentence[:at], depth + 1)
                if before is not None or template.letters >= WEAK:
                    return f"{sentence[:at] if before is None else before}{behind}"
        for text, said in self._known.exact.items():
            if text[:1] in (" ", ",", ";") and sentence.endswith(text) and len(sentence) > len(text):
                return f"{self.tell(sentence[: -len(text)], depth + 1)}{said}"
        return None

    def _with_subject(self, sentence: str, depth: int) -> str | None:
        """A known subject and what is said of it, as in "cell 3" and "ran out of memory"."""
        for place in list(_places(sentence, " "))[:FIRST_WORDS]:
            subject = self._whole(sentence[:place], depth + 1)
            said = self._whole(sentence[place + 1 :], depth + 1) if subject is not None else None
            if subject is not None and said is not None and not PLAIN.fullmatch(sentence[place + 1 :]):
                return f"{subject} {said}"
        return None


def _places(sentence: str, end: str) -> Iterator[int]:
    """Where a sentence may be cut: outside of code."""
    at = sentence.find(end)
    while at >= 0:
        if sentence.count("`", 0, at) % 2 == 0:
            yield at
        at = sentence.find(end, at + 1)


def _items(words: str) -> list[str]:
    """What stands between commas that are in no code and no brackets."""
    parts = re.findall(r"(?:`[^`]*`|\([^()]*\)|[^,`(]|[`(]|,(?! ))+", words)
    return [part.removeprefix(" ") for part in parts]
