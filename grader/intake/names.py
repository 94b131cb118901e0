"""What students are called: how names and numbers are compared, whom they belong to, the folder that a name gives. Pure."""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Generic, TypeVar

from grader.core.notebook import without_surrogates

P = TypeVar("P")

MOST_NAMED = 10
LEFT_OUT = "&<>\"`|':\\/’*?#;"  # which a name loses when a platform makes a file name of it
LETTERS = str.maketrans({
    "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE",
    "ı": "i",
})  # fmt: skip
# What a batch writes beside its students.
RESERVED = {"index.html", "gradebook.csv", "gradebook.sqlite", "batch.json", "audit.json"}
# What begins or ends like a file that we, SQLite or CI lay beside students. Other files there are looked for on disk.
OURS = re.compile(
    r"(?:index|gradebook|batch|events|junit|classroom|autograding|summary|evidence|members|students|roster)(?:[^a-z].*)?"
    r"|audit\.json|.*[.-](?:journal|wal|shm|partial|sqlite3?|db|jsonl)",
    re.DOTALL,
)
DIGITS = 32  # of a digest, hexadecimal: two names that share 128 bits are not found by trying
# "work (2)": a browser's or Moodle's; "work-2": Canvas', beside the "work" that it was uploaded after.
AGAIN = re.compile(r"(?P<base>.*?)(?:-(?P<dash>[0-9]{1,3})| ?\((?P<round>[0-9]{1,3})\)|(?P<old>-checkpoint))")
FORMER_DIGITS = 8  # what an older grader took; two names of one such folder take minutes to find


def student_name(path: Path) -> str:
    """The student's name: the file's without its ending, or the folder's."""
    return without_surrogates(path.name if path.is_dir() else path.stem or path.name)


def safe_name(student: str) -> str:
    """A folder name for any student's name; a digest is added where replacing characters lost something.

    Also where a name looks as if it had a digest, or is like a file's of the batch: no student can take another's place.
    """
    cleaned = _cleaned(student)
    digest = re.search(rf"-[0-9a-f]{{{FORMER_DIGITS}}}(?:[0-9a-f]{{{DIGITS - FORMER_DIGITS}}})?$", cleaned)
    if cleaned and cleaned == student and not digest and not OURS.fullmatch(cleaned.casefold()):
        return cleaned
    return digest_name(student)


def digest_name(student: str, digits: int = DIGITS) -> str:
    """The folder name with a digest: where a file lies under the plain one."""
    digest = hashlib.sha256(student.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_cleaned(student) or 'student'}-{digest[:digits]}"


def former_names(student: str) -> list[str]:
    """The folders that older graders gave a student: with a shorter digest, or without one beside fewer files of ours."""
    cleaned = _cleaned(student)
    plain = [cleaned] if cleaned and cleaned == student and cleaned.casefold() not in RESERVED else []
    return [name for name in (*plain, digest_name(student, FORMER_DIGITS)) if name != safe_name(student)]


def _cleaned(student: str) -> str:
    plain = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", student))
    return plain.encode("utf-8")[:200].decode("utf-8", "ignore")[:80].strip("._")  # file systems count bytes


def fold(text: str) -> str:
    """`text` as names and logins are compared: one Unicode form, no case, single spaces."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(text.casefold().split())


def squeeze(text: str) -> str:
    """The letters and digits of `text` without case: "Exercise 1", "exercise-1" and "exercise_1" are one."""
    return "".join(sign for sign in fold(text) if sign.isalnum())


def fold_name(text: str) -> str:
    """A name as it is compared where it may have been part of a file's name: without the signs that those lose.

    Nothing else is left out: `Ada-Lovelace` is not Ada Lovelace, and neither is `A.D.A. Lovelace`.
    """
    return fold("".join(" " if sign in "_," else sign for sign in text if sign not in LEFT_OUT))


def without_accents(text: str) -> str:
    """The text with plain letters: Żółć as Zolc, Søren as Soren, Weiß as Weiss. For comparing alone."""
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return plain.translate(LETTERS)


def name_words(text: str) -> tuple[str, ...]:
    """A name as people may type it: its words without case, accents and commas, in an order of their own."""
    return tuple(sorted(fold_name(without_accents(text)).split()))


def name_in_canvas(text: str) -> str:
    """A name as Canvas writes it into names of files: small letters and digits without spaces and signs."""
    return fold("".join(sign for sign in text if sign.isalnum() or sign == "_"))


class KnownBy(Generic[P]):
    """People by what each is known by: words of some kind (a number, a login, an address, a name), compared by `fold`."""

    def __init__(self, people: Iterable[tuple[P, Iterable[tuple[str, str]]]]) -> None:
        """`people`: each with its words as pairs (kind, word); empty words tell nothing."""
        self._people: dict[str, dict[str, list[P]]] = defaultdict(lambda: defaultdict(list))
        for person, words in people:
            for kind, word in dict.fromkeys((kind, fold(word)) for kind, word in words):
                if word:
                    self._people[kind][word].append(person)

    def find(self, kind: str, word: str) -> list[P]:
        """Everyone who is known by this word."""
        return self._people[kind].get(fold(word), [])

    def unique(self, kind: str) -> Iterator[tuple[str, P]]:
        """The words of a kind that are one person's alone, folded, with that person."""
        return ((word, people[0]) for word, people in self._people[kind].items() if len(people) == 1)


def tell_apart(wanted: Sequence[str], longer: Sequence[str]) -> list[str]:
    """A name of its own for each student, in order: the wanted one where nobody else wants it.

    Where two would be the same but for case or Unicode form, each gets its `longer` one, numbered if need be.
    """
    often = Counter(map(fold, wanted))
    chosen = [name if often[fold(name)] == 1 else other for name, other in zip(wanted, longer, strict=True)]
    names, taken, spoken_for, last = [], set[str](), set(map(fold, chosen)), Counter[str]()
    for name in chosen:
        free = name
        while fold(free) in taken or (free != name and fold(free) in spoken_for):
            last[fold(name)] += 1
            free = f"{name} ({last[fold(name)] + 1})"
        taken.add(fold(free))
        names.append(free)
    return names


def name_some(names: Iterable[str]) -> str:
    """Names in a sentence, at most `MOST_NAMED` of them."""
    found = sorted(names)
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return f"{', '.join(found[:MOST_NAMED])}{more}"


def newest_uploads(names: Sequence[str], assignment: str = "") -> list[str]:
    """`names` without those that a later upload of the same name takes the place of.

    A number at the end is an upload's only beside the name without it, or in brackets; and not where it makes the
    assignment's name: "exercise-1" beside "exercise" for exercise1.
    """
    groups: dict[tuple[str, str], list[tuple[int, str, bool]]] = defaultdict(list)
    for name in names:
        path = PurePosixPath(name)
        found = AGAIN.fullmatch(path.stem)
        base = found["base"] if found else path.stem
        number = -1 if found and found["old"] else int(found["dash"] or found["round"]) if found else 0
        dashed = bool(found and not found["round"])
        groups[str(path.with_name(f"{base}{path.suffix}")).casefold(), path.suffix].append((number, name, dashed))
    kept = set[str]()
    for group in groups.values():
        has_base = any(number == 0 for number, _, _ in group)
        meant = any(number and is_called(name, assignment) for number, name, _ in group)
        uploads = [] if meant else [(number, name) for number, name, dashed in group if has_base or not dashed]
        kept |= {name for _, name, _ in group} - {name for _, name in uploads}
        kept |= {max(uploads)[1]} if uploads else set()
    return [name for name in names if name in kept]


def is_called(name: str, assignment: str) -> bool:
    """Whether a file is called after the assignment."""
    return bool(assignment) and squeeze(PurePosixPath(name).stem) == squeeze(assignment)
