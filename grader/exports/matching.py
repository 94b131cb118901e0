"""Whose row is it? Grades are matched to the rows of a platform's file by the surest thing that both know.

By the platform's own number (of a submission that was downloaded from there), else by the institution's number or
login, else by e-mail address, else by name. Nothing is guessed: what fits several rows, or several of which fit one,
is left out and said.
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
    """The grade of each row that has one, and why others have found no row."""

    rows: Mapping[int, Grade]
    unplaced: tuple[str, ...]


KINDS = {"participant": "number", "identity": "number or login", "email": "address", "name": "name"}


def match_rows(grades: Sequence[Grade], people: Mapping[int, Person]) -> Matching:
    """Each grade's row. `people` are the rows by number; a row that several grades claim gets none of them."""
    index = _index(people)
    names = Counter(_squash(grade.student.name) for grade in grades)
    claims: dict[int, list[Grade]] = defaultdict(list)
    unplaced: list[str] = []
    for grade in grades:
        row, reason = _find(grade.student, people, index, names)
        if row is None:
            unplaced.append(f"{grade.student.name}: {reason}")
        else:
            claims[row].append(grade)
    for claimants in claims.values():
        if len(claimants) > 1:
            who = ", ".join(grade.student.name for grade in claimants)
            unplaced.append(f"{who}: belong to the same row of the file; which one counts?")
    return Matching(
        rows={row: claimants[0] for row, claimants in claims.items() if len(claimants) == 1}, unplaced=tuple(unplaced)
    )


def _index(people: Mapping[int, Person]) -> dict[tuple[str, str], list[int]]:
    """Which rows go by a number, an address, a name."""
    index: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, person in people.items():
        keys = [
            ("participant", person.participant.strip()),
            *(("identity", _plain(text)) for text in person.identities),
            *(("email", _plain(text)) for text in person.emails),
            *(("name", _squash(text)) for text in person.names),
        ]
        for key in dict.fromkeys(key for key in keys if key[1]):
            index[key].append(row)
    return index


def _find(
    student: Student, people: Mapping[int, Person], index: Mapping[tuple[str, str], list[int]], names: Counter[str]
) -> tuple[int | None, str]:
    """The student's row, or the reason why there is none."""
    name = _squash(student.name)
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
            return rows[0], ""
    return None, "is in no row of the file"


def _contradicts(person: Person, student: Student) -> bool:
    """Whether a row that fits by its number is somebody else's, as in a file of another platform."""
    addresses, address = {_plain(text) for text in person.emails} - {""}, _plain(student.email)
    numbers = {_plain(text) for text in person.identities}
    return bool(address and addresses) and address not in addresses and _plain(student.identity) not in numbers - {""}


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip().casefold()


def _squash(text: str) -> str:
    """Letters and digits alone: what is left of a name when platforms have made a file name of it."""
    return "".join(char for char in unicodedata.normalize("NFC", text).casefold() if char.isalnum())
