"""Findings in another language: English sentences of results, known again by the templates of a catalogue. Pure.

Checks, flags and runs write finished English sentences, which evidence and `result.json` keep. A template is such a sentence
with a word in braces for everything that is filled in. A text is told in the other language only where all of it is known:
it is a template whose gaps are filled with what is known too, or it consists of such parts. What fills a gap of `FOREIGN`
(an error of Python's, a file, somebody's name) and code stay as they are, and so does a sentence that no template knows.

A template is compared from the left without going back, in time that grows with the text's length alone, and all that
one line may cost is bounded: a student may have written any part of it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

GAP = re.compile(r"\{(\w+)\}")
COUNTED = re.compile(r" (?:\w+ )?[a-z]+s\b(?<!ss)(?<!is)(?<!as)")  # a noun in the plural behind a number
# What needs no translation: code, code with a kind behind it, a number with its unit, a shape or an array, a count of
# layers, a name.
NUMBER = r"(?:= )?[-+]?(?:[\d.,]+(?:e[-+]?\d+)?|nan|inf)(?:[\s\u00a0](?:%|ms|s|min|h|[KMG]iB|B))*%?(?: ± [\d.]+)?"
PLAIN = re.compile(
    rf"`[^`]*`(?: \([\w ]+\))?|{NUMBER}|\d+ (?:min|h) \d+ (?:s|min)|[(\[][\w, ?-]*[)\]](?: [a-z]+\d+)?|\d+(?: [×x→] \d+)+"
    r"|\d+ (?:\w+\.)?[A-Z]\w+|softmax|sigmoid|linear|relu|[^\s`]*[\dA-Z_./][^\s`]*(?<![:;])"
)
# Gaps that somebody else's words fill, by the name without its number: an error's text or a part of it; files, people and
# titles; one word.
ERRORS = frozenset({"", "error", "message", "one_line"})
TITLES = frozenset({"awaits", "file", "judged_on", "judged_title", "path", "student", "title", "where"})
NAMES = frozenset({
    "activation", "asked", "classes", "config", "exercise", "first", "framework", "id", "login", "name", "resize", "second",
    "signature", "substitute_for",
})  # fmt: skip
FILE_OR_WORD = re.compile(r"\S+|[^:;]+\.\w{1,5}")
SUBJECT = re.compile(r"(cell \d+(?:, after the training,)?|the (?:notebook|module)(?:, after the training,)?) (.+)")
WHOLE_ENDS = ". ", "? "  # of sentences, which keep their sign
ENDS = *WHOLE_ENDS, "; ", ": ", ", "  # where a text may be cut in two
WEAK = 12  # letters: a template with fewer fits nearly everything, so it is looked for within one sentence alone
DEEPEST = 12  # parts within parts
LONGEST = 1_500  # characters of a line that is looked at as a whole
MOST_TRIED = 40_000  # templates for one line
MOST_PLACES = 40  # at which a text may be cut


@dataclass(frozen=True)
class Template:
    """A sentence: the texts around its gaps, the gaps' names, and what it is in the other language."""

    texts: tuple[str, ...]
    names: tuple[str, ...]
    said: str
    counts: bool = False  # whether what it is depends on a number in it

    @classmethod
    def of(cls, english: str, said: str, counts: bool = False) -> "Template":
        """The template that a message of a catalogue writes."""
        parts = GAP.split(english)
        return cls(tuple(parts[::2]), tuple(parts[1::2]), said, counts)

    @property
    def english(self) -> str:
        """The message."""
        return self.texts[0] + "".join(
            f"{{{name}}}{text}" for name, text in zip(self.names, self.texts[1:], strict=True)
        )

    @property
    def counted(self) -> str:
        """The gap whose number decides between one and several: the first before a noun in the plural."""
        counted = (name for name, behind in zip(self.names, self.texts[1:], strict=True) if COUNTED.match(behind))
        return next(counted, self.names[0])

    @cached_property
    def letters(self) -> int:
        """How many letters tell it from others."""
        return sum(sign.isalpha() for text in self.texts for sign in text)

    @property
    def first_word(self) -> str:
        """The word that it begins with; "" where a gap may be part of that."""
        word, space, _ = self.texts[0].partition(" ")
        return word if space else ""

    def is_code(self, gap: int) -> bool:
        """Whether a gap, by its position, stands within code."""
        return sum(text.count("`") for text in self.texts[: gap + 1]) % 2 == 1

    def fill_of(self, text: str) -> dict[str, str] | None:
        """What fills the gaps where the text is one of this template's; None elsewhere. No gap ends within code."""
        first, last = self.texts[0], self.texts[-1]
        if not (text.startswith(first) and text.endswith(last)) or len(text) < len(first) + len(last):
            return None
        found, begin, end = [], len(first), len(text) - len(last)
        for gap, behind in enumerate(self.texts[1:-1]):
            at = text.find(behind, begin, end) if self.is_code(gap) else _find(text, behind, begin, end)
            if at < 0:
                return None
            found.append(text[begin:at])
            begin = at + len(behind)
        return dict(zip(self.names, [*found, text[begin:end]], strict=True)) if begin <= end else None


def _find(text: str, part: str, begin: int, end: int) -> int:
    """Where `part` begins, outside of code that a gap would open."""
    at = text.find(part, begin, end)
    for _ in range(MOST_PLACES):
        if at < 0 or text.count("`", begin, at) % 2 == 0:
            return at
        at = text.find(part, at + 1, end)
    return -1


@dataclass(frozen=True)
class Sentences:
    """The sentences that a catalogue knows; `write_numbers` writes the numbers of an English text as the language does."""

    exact: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, tuple[Template, ...]] = field(
        default_factory=dict
    )  # by a text's first word; "" for any other
    additions: tuple[Template, ...] = ()  # what is said behind a sentence, as in " in cell 3"
    write_numbers: Callable[[str], str] = str
    form_of: Callable[[str, int], str] = lambda english, number: english  # a message's translation for a number

    @classmethod
    def of(
        cls, every: Iterable[Template], write_numbers: Callable[[str], str], form_of: Callable[[str, int], str]
    ) -> "Sentences":
        """From the templates of a catalogue; those that say most are tried first."""
        every = sorted(every, key=lambda item: -item.letters)
        templates = [item for item in every if item.names]
        by_word = {
            word: tuple(item for item in templates if item.first_word in (word, ""))
            for word in {"", *(item.first_word for item in templates)}
        }
        exact = {item.texts[0]: item.said for item in every if not item.names}
        additions = tuple(item for item in every if item.texts[0][:1] in (" ", ",", ";"))
        return cls(exact, by_word, additions, write_numbers, form_of)

    def tell(self, text: str) -> str:
        """The text in the other language, as far as it is known."""
        return "\n".join(_Telling(self).tell(line) for line in text.split("\n")) if self.exact else text


class _Telling:
    """One line on its way into the other language, and how much it may still cost."""

    def __init__(self, known: Sentences) -> None:
        self._known = known
        self._left = MOST_TRIED
        self._found: dict[str, str | None] = {}
        self._ways = (
            self._by_template, self._without_stop, self._in_two, self._listed, self._with_addition, self._with_subject,
        )  # fmt: skip

    def tell(self, line: str) -> str:
        """The line; where it is not known as a whole, sentence by sentence, and what is not known as it is."""
        for end in ("", ". ", "; "):
            pieces = _pieces(line, end) if end else [line]
            told = [self._told(piece) if len(piece) <= LONGEST else None for piece in pieces]
            if any(told):
                return end.join(piece if new is None else new for piece, new in zip(pieces, told, strict=True))
        return line

    def _told(self, text: str, depth: int = 0) -> str | None:
        """A text of which everything is known; None for any other."""
        if text in self._known.exact:
            return self._known.exact[text]
        if PLAIN.fullmatch(text):
            return text if "`" in text else self._known.write_numbers(text)
        if depth > DEEPEST or self._left <= 0 or not text.strip():
            return None
        if text not in self._found:
            self._found[text] = None  # no text is part of itself
            self._found[text] = next(filter(None, (way(text, depth + 1) for way in self._ways)), None)
        return self._found[text]

    def _without_stop(self, text: str, depth: int) -> str | None:
        """A sentence whose words are known without its full stop."""
        told = self._told(text[:-1], depth) if text.endswith(".") else None
        return None if told is None else f"{told}."

    def _in_two(self, text: str, depth: int) -> str | None:
        """Two sentences, or two parts of one; the longest first part is tried first."""
        for end in ENDS:
            for place in reversed(_places(text, end)):
                first, rest = text[: place + (end in WHOLE_ENDS)], text[place + len(end) :]
                if end == ", " and PLAIN.fullmatch(first):
                    continue
                before = self._told(first, depth)
                behind = None if before is None else self._told(rest, depth)
                if behind is not None:
                    return f"{before}{' ' if end in WHOLE_ENDS else end}{behind}"
        return None

    def _by_template(self, text: str, depth: int) -> str | None:
        """A text that one template writes."""
        known = self._known.templates
        told = (self._filled(item, text, depth) for item in known.get(text.split(" ", 1)[0], known.get("", ())))
        return next(filter(None, told), None)

    def _filled(self, template: Template, text: str, depth: int) -> str | None:
        """The template's translation; None where the text is another, or where something that fills it is not known."""
        self._left -= 1
        fill = template.fill_of(text) if self._left > 0 else None
        if fill is None or (template.letters < WEAK and ". " in text):
            return None
        told: dict[str, str] = {}
        for gap, (name, value) in enumerate(fill.items()):
            code = template.is_code(gap)
            known = self._told(value, depth) if value and not (code and value.isidentifier()) else ""
            if known is None and not (code or _is_foreign(name.rstrip("0123456789"), value)):
                return None
            told[name] = known or value
        return GAP.sub(lambda found: told[found[1]], self._form(template, fill))

    def _form(self, template: Template, fill: Mapping[str, str]) -> str:
        """The translation that goes with the number that is counted."""
        number = fill[template.counted].replace(",", "") if template.counts else ""
        several = int(number) if number.isdecimal() and len(number) < 16 else 2
        return self._known.form_of(template.english, several) if template.counts else template.said

    def _listed(self, text: str, depth: int) -> str | None:
        """Words as in "a, b and c", each of which is known or needs no translation."""
        for last in (" and ", " or ", ", "):
            places = _places(text, last)
            if not places:
                continue
            items = *_pieces(text[: places[-1]], ", "), text[places[-1] + len(last) :]
            told = [self._told(item, depth) for item in items]
            if all(item is not None for item in told):
                return f"{', '.join(map(str, told[:-1]))}{self._known.exact.get(last, last)}{told[-1]}"
        return None

    def _with_addition(self, text: str, depth: int) -> str | None:
        """A text with what some templates add behind one."""
        for template in self._known.additions:
            at = text.rfind(template.texts[0])
            if at <= 0 or text.count("`", 0, at) % 2:
                continue
            behind = self._filled(template, text[at:], depth) if template.names else self._known.exact.get(text[at:])
            before = None if behind is None else self._told(text[:at], depth)
            if before is not None:
                return f"{before}{behind}"
        return None

    def _with_subject(self, text: str, depth: int) -> str | None:
        """A sentence whose subject is told apart from what is said of it."""
        parts = SUBJECT.fullmatch(text)
        if parts is None:
            return None
        subject, said = self._told(parts[1], depth), self._told(parts[2], depth)
        return None if subject is None or said is None else f"{subject} {said}"


def _is_foreign(gap: str, value: str) -> bool:
    """Whether somebody else's words may fill this gap, and these look like that."""
    if gap in ERRORS:
        return "; " not in value
    if gap in TITLES:
        return not any(end in value for end in (": ", "; ", ". "))
    return gap in NAMES and FILE_OR_WORD.fullmatch(value) is not None


def _places(text: str, end: str) -> list[int]:
    """Where a text may be cut: outside of code and brackets."""
    found = (match.start() for match in re.finditer(re.escape(end), text))
    outside = (
        place
        for place in found
        if text.count("`", 0, place) % 2 == 0 and text.count("(", 0, place) == text.count(")", 0, place)
    )
    return list(outside)[-MOST_PLACES:]


def _pieces(text: str, end: str) -> list[str]:
    """What stands between the places at which a text may be cut."""
    places = _places(text, end)
    begins = [0, *(place + len(end) for place in places)]
    return [text[begin:until] for begin, until in zip(begins, [*places, len(text)], strict=True)]
