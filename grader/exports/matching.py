"""Whose row is it? Grades are matched to the rows of a platform's file by the surest thing that both know.

By the platform's own number (of a submission that was downloaded from there), else by the institution's number or
login, else by e-mail address, else by name, word by word. Nothing is guessed: what fits several rows, or several of which
fit one, is left out and said; so is who was found by the name alone.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.grades import Grade, Student


@dataclass(frozen=True, kw_only=True)
class Person:
    """What a row says of its student: the platform's number, numbers and logins, addresses, ways to write the name."""

    participant: str = ""
    identities: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Matching:
    """The grade of each row that has one, why others have found no row, and a sentence about who was found by name alone."""

    rows: Mapping[int, Grade]
    unplaced: tuple[str, ...]
    remarks: tuple[str, ...] = ()


LEFT_OUT = "&<>\"`|':\\/’*?#;"  # which a name loses when a platform makes a file name of it
MOST_NAMED = 10
KINDS = {"participant": "number", "identity": "number or login", "email": "address", "name": "name"}


def match_rows(grades: Sequence[Grade], people: Mapping[int, Person]) -> Matching:
    """Each grade's row. `people` are the rows by number; a row that several grades claim gets none of them."""
    index = _index(people)
    names = Counter(words_of(grade.student.name) for grade in grades)
    claims: dict[int, list[Grade]] = defaultdict(list)
    unplaced: list[str] = []
    by_name: dict[int, str] = {}
    for grade in grades:
        row, reason = _find(grade.student, people, index, names)
        if row is None:
            unplaced.append(f"{grade.student.name}: {reason}")
            continue
        claims[row].append(grade)
        if reason == "name":
            by_name[row] = grade.student.name
    for claimants in claims.values():
        if len(claimants) > 1:
            who = ", ".join(grade.student.name for grade in claimants)
            unplaced.append(f"{who}: belong to the same row of the file; which one counts?")
    rows = {row: claimants[0] for row, claimants in claims.items() if len(claimants) == 1}
    alone = [name for row, name in by_name.items() if row in rows]
    told = f"{len(alone)} found by the name alone, without a number, login or address: {listed(alone)}"
    return Matching(rows=rows, unplaced=tuple(unplaced), remarks=(told,) if alone else ())


def _index(people: Mapping[int, Person]) -> dict[tuple[str, str], list[int]]:
    """Which rows go by a number, an address, a name."""
    index: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, person in people.items():
        keys = [
            ("participant", person.participant.strip()),
            *(("identity", _plain(text)) for text in person.identities),
            *(("email", _plain(text)) for text in person.emails),
            *(("name", words_of(text)) for text in person.names),
        ]
        for key in dict.fromkeys(key for key in keys if key[1]):
            index[key].append(row)
    return index


def _find(
    student: Student, people: Mapping[int, Person], index: Mapping[tuple[str, str], list[int]], names: Counter[str]
) -> tuple[int | None, str]:
    """The student's row with what it was found by, or the reason why there is none."""
    name = words_of(student.name)
    keys = [
        ("participant", student.participant.strip()),
        ("identity", _plain(student.identity)),
        ("email", _plain(student.email)),
        ("name", name if names[name] == 1 else ""),
    ]
    for kind, key in keys:
        rows = index.get((kind, key), []) if key else []
        if len(rows) > 1:
            return None, f"several rows of the file have this {KINDS[kind]} ({key})"
        if rows and kind in ("participant", "name") and _contradicts(people[rows[0]], student):
            return None, f"the row with this {KINDS[kind]} ({key}) belongs to another address"
        if rows:
            return rows[0], kind
    return None, "is in no row of the file"


def _contradicts(person: Person, student: Student) -> bool:
    """Whether a row that fits by its number is somebody else's, as in a file of another platform."""
    addresses, address = {_plain(text) for text in person.emails} - {""}, _plain(student.email)
    numbers = {_plain(text) for text in person.identities}
    return bool(address and addresses) and address not in addresses and _plain(student.identity) not in numbers - {""}


def listed(names: Sequence[str]) -> str:
    """Names in a sentence, at most `MOST_NAMED` of them."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().casefold()


def words_of(text: str) -> str:
    """A name's words as they are compared: what platforms leave out of file names is left out, and case.

    Nothing else is: `Ada-Lovelace` is not Ada Lovelace, and neither is `A.D.A. Lovelace`.
    """
    kept = "".join(" " if char in "_," else char for char in text if char not in LEFT_OUT)
    return " ".join(unicodedata.normalize("NFC", kept).casefold().split())
