"""What a page calls a student, and how a text is shown: as it is, or with names hidden. Pure.

Where names are hidden, a whole name or an address becomes the student's number. A part of a name, a login and a number of
the institution become `HIDDEN`: "Adam" may be an optimizer, and a number in its place would tell whose name it is. Case,
accents and characters without a shape make no difference; a name counts where it stands as words of its own, digits beside
it or not, and a part of some length inside an identifier too.
"""

import hashlib
import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from grader.core.results import Student
from grader.core.text import visible
from grader.review.class_state import ClassState, Row

HIDDEN = "[…]"
SHORTEST_PART, SHORTEST_NUMBER = 3, 5  # letters of a part of a name or a login, digits of a number
SHORTEST_HUMP, SHORTEST_INSIDE = 4, 5  # letters of a part inside an identifier: as LindNet has one, and anywhere in it
MOST_BETWEEN = 4  # characters between two words of a name

_UNSEEN = (
    r"[\u0300-\u036f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]|⟨U\+[0-9A-F]{4,6}⟩"
)
_WITHOUT_SPACES = r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_WORD = re.compile(rf"{_WITHOUT_SPACES}|[^\W\d_\u2e80-\u9fff](?:[^\W\d_\u2e80-\u9fff]|{_UNSEEN})*|\d+")
_NOT_SEEN = re.compile(_UNSEEN)
_LETTER = re.compile(rf"(?:{_UNSEEN})|.", re.DOTALL)
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ß": "ss"})
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_NUMBERED = ("student", "group")  # what `label_of` begins with
# Of a page: what is left as it is, then any tag; what is between is text.
_TAG = re.compile(r"(<(style|script|textarea|option)\b.*?</\2>|<[^>]*>)", re.DOTALL | re.IGNORECASE)
_SAID = re.compile(r'(\s(?:title|alt|aria-label|placeholder)=")([^"]*)(")')

Words = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class KnownAs:
    """What a student or a group is known by, and called instead: names, addresses, logins and numbers, files."""

    label: str
    names: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    logins: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hider:
    """Hides persons in texts; `known` holds what is looked for by its first word: all its words, what stands there then."""

    known: Mapping[str, Sequence[tuple[Words, str]]]
    parts: frozenset[str] = frozenset()  # of names: what is looked for inside of words

    def places(self, text: str) -> list[tuple[int, int, str]]:
        """Where something is to be hidden, in order: begin, end, what stands there instead."""
        found: list[tuple[int, int, str]] = []
        said = set(_WORD.findall(text))
        inside = {word: hits for word in said if len(word) > SHORTEST_HUMP and (hits := self._inside(word))}
        if not inside and self.known.keys().isdisjoint(map(folded, said)):  # most texts, and much quicker
            return found
        words = [(folded(match[0]), match.start(), match.end()) for match in _WORD.finditer(text)]
        for place in range(len(words) - 1):
            if _is_label(text, words, place):
                words[place : place + 2] = [("", *words[place][1:]), ("", *words[place + 1][1:])]
        place = 0
        while place < len(words):
            known = self.known.get(words[place][0], ())
            size, instead = next(((len(told), said) for told, said in known if _stands(words, place, told)), (0, ""))
            if size:
                begin, end = words[place][1], words[place + size - 1][2]
                before, after = (" " if text[at : at + 1].isalnum() else "" for at in (max(begin - 1, 0), end))
                after = (
                    "\n" * text.count("\n", begin, end) or after
                )  # lines keep their numbers, on which comments stand
                found.append((begin, end, f"{before if begin else ''}{instead}{after}"))
            elif words[place][0]:
                begin, end = words[place][1:]
                found += [(begin + first, begin + last, HIDDEN) for first, last in inside.get(text[begin:end], ())]
            place += size or 1
        return found

    def _inside(self, word: str) -> list[tuple[int, int]]:
        """Where parts of names are inside a word, in order; what is left of it then is looked at as words of its own."""
        plain = folded(word)
        if not any(plain[place : place + SHORTEST_HUMP] in self._beginnings for place in range(len(plain))):
            return []  # most words
        letters = _letters(word)
        plain = "".join(letter for letter, _, _ in letters)
        edges = {0, len(word)} | {
            at for at in range(1, len(word)) if word[at].isupper() and not word[at - 1 : at + 2].isupper()
        }
        hits: list[tuple[int, int]] = []
        place = 0
        while place < len(plain):
            hit = self._part_at(letters, plain, place, edges)
            hits += [(letters[place][1], letters[place + hit - 1][2])] if hit else []
            place += hit or 1
        ends = [0, *(at for found in hits for at in found), len(word)]
        left = zip(ends[::2], ends[1::2], strict=True)
        return sorted([*hits, *(rest for rest in left if self._hides_alone(word[slice(*rest)]))]) if hits else []

    def _part_at(self, letters: Sequence[tuple[str, int, int]], plain: str, place: int, edges: set[int]) -> int:
        """The size of the longest part that is to be hidden there; 0 where there is none."""
        for size in range(min(self._longest, len(plain) - place), SHORTEST_HUMP - 1, -1):
            if plain[place : place + size] in self.parts:
                ends = {letters[place][1], letters[place + size - 1][2]}
                if size >= SHORTEST_INSIDE or ends <= edges:
                    return size
        return 0

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        return frozenset(part[:SHORTEST_HUMP] for part in self.parts)

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.parts), default=0)

    def _hides_alone(self, word: str) -> bool:
        return any(len(told) == 1 for told, _ in self.known.get(folded(word), ()))

    def hide(self, text: str) -> str:
        """The text without anybody."""
        kept, reached = [], 0
        for begin, end, instead in self.places(text):
            kept += [text[reached:begin], instead]
            reached = end
        return "".join([*kept, text[reached:]])

    def hide_in_page(self, page: str) -> str:
        """A page of HTML without anybody: in its texts and what is said of images and links, not in what a person typed."""
        parts = _TAG.split(page)
        for place in range(0, len(parts), 3):  # text, tag, the tag's name
            parts[place] = _between_tags(parts[place], self.hide)
            if place + 1 < len(parts):
                tag = parts[place + 1]
                parts[place + 1] = _SAID.sub(
                    lambda found: f"{found[1]}{_between_tags(found[2], self.hide)}{found[3]}", tag
                )
                parts[place + 2] = ""
        return "".join(parts)


def _between_tags(text: str, hide: Callable[[str], str]) -> str:
    if not text or text.isspace():
        return text
    plain = html.unescape(text)
    hidden = hide(plain)
    return text if hidden == plain else html.escape(hidden)


def _is_label(text: str, words: Sequence[tuple[str, int, int]], place: int) -> bool:
    """Whether "Student 17" stands there already."""
    if words[place][0] not in _NUMBERED:
        return False
    return words[place + 1][0].isdecimal() and text[words[place][2] : words[place + 1][1]] == " "


def _stands(words: Sequence[tuple[str, int, int]], place: int, told: Words) -> bool:
    if place + len(told) > len(words):
        return False
    near = all(
        words[n + 1][1] - words[n][2] <= MOST_BETWEEN for n in range(place, place + len(told) - 1)
    )  # fmt: skip
    return near and all(words[place + n][0] == word for n, word in enumerate(told))


@lru_cache(maxsize=20_000)
def folded(word: str) -> str:
    """A word without case, accents and what has no shape."""
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFKD", _NOT_SEEN.sub("", word).casefold()).casefold()
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).translate(_LETTERS)


def _letters(word: str) -> list[tuple[str, int, int]]:
    """The letters of a word as it is looked for, each with where it stands in the word."""
    return [
        (letter, found.start(), found.end()) for found in _LETTER.finditer(word) for letter in folded(found[0])
    ]  # fmt: skip


def words_of(text: str) -> Words:
    """The words of a text, as they are looked for."""
    return tuple(filter(None, (folded(match[0]) for match in _WORD.finditer(text))))


@lru_cache(maxsize=4)
def make_hider(persons: tuple[KnownAs, ...]) -> Hider:
    """What hides these persons; kept, because a decision changes nobody's name."""
    known: dict[Words, str] = {}
    for person in persons:
        own: dict[Words, str] = {}
        for words, instead in _told(person):
            own[words] = own[words] if own.get(words, HIDDEN) != HIDDEN else instead
        for words, instead in own.items():
            known[words] = instead if known.get(words, instead) == instead else HIDDEN  # of two persons: of neither
    by_first: dict[str, list[tuple[Words, str]]] = defaultdict(list)
    for words, instead in known.items():
        by_first[words[0]].append((words, instead))
    parts = frozenset(part for person in persons for name in person.names for part in _parts(name))
    return Hider({first: sorted(found, key=lambda item: -len(item[0])) for first, found in by_first.items()}, parts)


def _spellings(name: str) -> set[str]:
    return {name, unicodedata.normalize("NFC", name).casefold().translate(_UMLAUTS)}


def _parts(name: str) -> Iterable[str]:
    """The words of a name, and those at its end in one: devries, obrien. Only what is long enough to be looked for."""
    for words in map(words_of, _spellings(name)):
        joined = ("".join(words[place:]) for place in range(len(words)))
        yield from (part for part in (*words, *joined) if len(part) >= SHORTEST_HUMP and not part.isdecimal())


def _told(person: KnownAs) -> Iterable[tuple[Words, str]]:
    """Everything by which a person could be known, each with what stands there instead."""
    for name in person.names:
        for spelt in _spellings(name):
            words = words_of(spelt)
            whole = person.label if len(words) > 1 else HIDDEN
            turned = {words[n:] + words[:n] for n in range(len(words))}
            orders = turned | {words[::-1], (words[0], words[-1])} if words else set()
            yield from ((order, whole) for order in orders if len(order) > 1 or order == words)
            yield from ((("".join(order),), person.label) for order in orders if len(order) > 1)
            yield from (((word,), HIDDEN) for word in words if len(word) >= SHORTEST_PART and not word.isdecimal())
            yield from _in_one(words)
    for words in filter(None, map(words_of, person.groups)):
        yield words, person.label if len(words) > 1 else HIDDEN
    for address in person.addresses:
        if words := words_of(address):
            yield words, person.label
            yield from _login(address.partition("@")[0])
    for login in person.logins:
        yield from _login(login)
    for file in person.files:
        words = words_of(file)
        if len(words) > 1:
            yield words, HIDDEN


def _in_one(words: Words) -> Iterable[tuple[Words, str]]:
    """How a part of a name is written in one: adas, devries, sobrien; of a name in signs the given one, 小明 of 王小明."""
    yield from (((f"{word}s",), HIDDEN) for word in words if len(word) >= SHORTEST_PART and word.isalpha())
    for place in range(1, len(words)):
        last = "".join(words[place:])
        if len(last) >= SHORTEST_HUMP:
            yield from (((last,), HIDDEN), ((f"{words[0][0]}{last}",), HIDDEN), ((f"{last}{words[0][0]}",), HIDDEN))
    if len(words) > 2 and all(re.fullmatch(_WITHOUT_SPACES, word) for word in words):
        yield words[-2:], HIDDEN


def _login(login: str) -> Iterable[tuple[Words, str]]:
    words = words_of(login)
    size = len("".join(words))
    if size >= (SHORTEST_NUMBER if all(word.isdecimal() for word in words) else SHORTEST_PART):
        yield words, HIDDEN


def numbered(names: Iterable[str], seed: str) -> dict[str, int]:
    """A number for each name, from 1, in an order that follows from the seed alone."""
    known = sorted(set(names), key=lambda name: hashlib.sha256(f"{seed}\n{name}".encode("utf-8", "replace")).digest())
    return {name: place for place, name in enumerate(known, 1)}


@dataclass(frozen=True, kw_only=True)
class Names:
    """What who looks sees of names: numbers for those of `rows` (by the key of a submission) and `students` (by name).

    Whoever is in neither is called as they are. `hidden`: whether somebody is hidden.
    """

    hidden: bool = False
    rows: Mapping[str, str] = field(default_factory=dict)
    students: Mapping[str, str] = field(default_factory=dict)
    hider: Hider | None = None

    def of(self, row: Row) -> str:
        """What a submission's student is called, or the group."""
        return self.rows.get(row.key, row.result.student)

    def order(self, row: Row) -> str:
        """What lists are sorted by."""
        word, _, number = self.of(row).casefold().rpartition(" ")
        return f"{word} {number:0>6}" if self.hidden and number.isdecimal() else self.of(row).casefold()

    def hides(self, row: Row) -> bool:
        """Whether the names of a submission are hidden."""
        return row.key in self.rows

    def member(self, row: Row, number: int) -> str:
        """What a group's member is called, counted from 0, or who hands in alone."""
        if not row.result.members:
            return self.of(row)
        name = row.students[number]
        return self.students.get(name, name)

    def places(self, text: str) -> Sequence[tuple[int, int, str]]:
        """Where names stand in a text that are hidden, in order: begin, end, what is shown instead."""
        return self.hider.places(text) if self.hider is not None else ()

    def hide(self, text: str) -> str:
        """The text without any name of the class that is hidden."""
        return self.hider.hide(text) if self.hider is not None else text

    def hide_in_page(self, page: str) -> str:
        """The page without any such name, but for what stands in fields."""
        return self.hider.hide_in_page(page) if self.hider is not None else page

    def in_field(self, text: str) -> str:
        """A text that is kept, as a field holds it to be changed."""
        return self.hide(visible(text))

    def from_field(self, typed: str, kept: str) -> str:
        """What came back from such a field: where nothing was changed the kept text, and not what stands for names."""
        shown = {text.replace("\r\n", "\n").strip() for text in (self.in_field(kept), self.hide(kept))}
        return kept if typed in shown else typed


def hidden_names(state: ClassState, author: str, seed: str) -> Names:
    """What `author` sees of names: those that this person revealed, and numbers for all others, in the order of a seed."""
    revealed = {
        student
        for (student, kind, subject), entry in state.standing.items()
        if kind == "revealed" and subject == author and entry.value is not None
    }
    enrolled = {student.name: student for student in state.students}
    numbers = numbered([*enrolled, *(name for row in state.rows for name in row.students)], seed)
    groups = numbered([row.folder.name for row in state.rows if row.result.members], seed)
    students = {name: f"Student {number}" for name, number in numbers.items() if name not in revealed}
    if "" in revealed or not students:
        return Names()
    rows = {
        row.key: f"Group {groups[row.folder.name]}" if row.result.members else students[row.students[0]]
        for row in state.rows
        if any(name in students for name in row.students)
    }
    persons = [_person(enrolled.get(name, Student(name=name)), label) for name, label in students.items()]
    persons += [_hand_in(row, rows[row.key]) for row in state.rows if row.key in rows]
    return Names(hidden=True, rows=rows, students=students, hider=make_hider(tuple(persons)))


def _person(student: Student, label: str) -> KnownAs:
    logins = (student.identity, student.login, student.participant)
    return KnownAs(label=label, names=(student.name,), addresses=(student.email,), logins=logins)


def _hand_in(row: Row, label: str) -> KnownAs:
    """What a submission is called: its file and folder, and of a group the group."""
    called = (row.result.student, row.shown.student)
    return KnownAs(
        label=label, names=() if row.result.members else called, groups=called if row.result.members else (),
        files=(row.result.submission, row.shown.submission, row.folder.name),
    )  # fmt: skip
