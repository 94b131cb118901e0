"""Who is who: a person is known by the platform's number, the roster's number, a login, an address, and last by the name.

Each is looked up among its own kind alone, the surest first; a platform's number is one within its assignment. Who is
found so may have another name today, which is then shown. A name alone finds a person only where no number, login or
address of the same kind says otherwise: then it is another person of that name, who gets a name that tells them apart.
Of whom nothing but a name is told, it may be a login that is known: files are called so.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, or_, select, text, update

from grader.core.results import Student
from grader.gradebook.tables import NEW_STUDENT, KeyRow, StudentRow, statements, stored_text

KINDS = ("participant", "identity", "login", "email")  # the surest first
JOINING = 0x6E616D65  # the number of PostgreSQL's advisory lock: "name"
MOST_ASKED = 50  # persons; for more, everyone is read at once
Key = tuple[str, str, str]  # scope, kind, value


@dataclass(frozen=True, kw_only=True)
class Person:
    """Who somebody is: `name` is what the gradebook calls them, `before` the name they had until now, "" for the same.

    `apart`: somebody else has the name that was told, so `name` is a longer one.
    """

    student_id: int
    name: str
    before: str = ""
    apart: bool = False


def identify(connection: Connection, assignment: str, students: Sequence[Student]) -> list[Person]:
    """The person that each of `students` is, in order. Unknown ones are added, and what is new about known ones is kept."""
    wanted = [_stored(student) for student in students]
    known = _Known.read(connection, assignment, wanted)
    if any(known.asks_to_write(student) for student in wanted):
        if connection.dialect.name == "postgresql":  # one at a time, so that nobody is added twice
            connection.execute(text(f"SELECT pg_advisory_xact_lock({JOINING})"))
        known = _Known.read(connection, assignment, wanted)
    return [known.settle(connection, student) for student in wanted]


def folded(value: str) -> str:
    """A number, a login or an address as it is compared. Stored keys were made by it: it must not change."""
    return unicodedata.normalize("NFC", value).strip().casefold()


def _stored(student: Student) -> Student:
    return student.model_copy(update={name: stored_text(getattr(student, name)) for name in ("name", *KINDS)})


def keys_of(student: Student, assignment: str) -> list[Key]:
    """What a person is known by, the surest first."""
    number = student.identity if folded(student.identity) != folded(student.login) else ""
    told = {"participant": student.participant, "identity": number, "login": student.login, "email": student.email}
    scopes = {"participant": assignment}
    return [(scopes.get(kind, ""), kind, folded(told[kind])) for kind in KINDS if folded(told[kind])]


class _Known:
    """What the gradebook knows about some persons."""

    def __init__(self, assignment: str, rows: Iterable[Any], keys: Iterable[Any]) -> None:
        self._assignment = assignment
        self._rows: dict[int, dict[str, Any]] = {row.id: dict(row._mapping) for row in rows}
        self._names = {row["name"]: number for number, row in self._rows.items()}
        self._settled: set[int] = set()  # by whom a name was told just now
        self._owners: dict[Key, int] = {}
        self._keys: dict[int, dict[tuple[str, str], set[str]]] = defaultdict(lambda: defaultdict(set))
        for key in keys:
            self._learn((key.scope, key.kind, key.value), key.student_id)

    @staticmethod
    def read(connection: Connection, assignment: str, students: Sequence[Student]) -> "_Known":
        everyone, keys = select(StudentRow), select(KeyRow).where(KeyRow.scope.in_(("", assignment)))
        if len(students) <= MOST_ASKED:
            asked = [key for student in students for key in keys_of(student, assignment)]
            asked += [("", kind, folded(student.name)) for student in students for kind in ("identity", "login")]
            mine = [and_(KeyRow.scope == key[0], KeyRow.kind == key[1], KeyRow.value == key[2]) for key in asked]
            numbers = select(KeyRow.student_id).where(or_(False, *mine))
            names = [*{student.name for student in students}]
            everyone = everyone.where(or_(StudentRow.name.in_(names), StudentRow.id.in_(numbers)))
            keys = keys.where(KeyRow.student_id.in_(everyone.with_only_columns(StudentRow.id)))
        return _Known(assignment, connection.execute(everyone).all(), connection.execute(keys).all())

    def _learn(self, key: Key, number: int) -> None:
        scope, kind, value = key
        self._owners.setdefault(key, number)
        self._keys[number][scope, kind].add(value)

    def find(self, student: Student) -> int | None:
        """The person's number, found by the surest key that no surer one contradicts."""
        keys = keys_of(student, self._assignment)
        for place, key in enumerate(keys):
            number = self._owners.get(key)
            surer = keys[:place]
            if key[1] == "participant" and not self._called(number, student):  # the file may be another platform's
                surer = [other for other in keys if other[1] in ("identity", "login")]
            if number is not None and not self._speaks_against(number, surer):
                return number
        number = self._names.get(student.name)
        if number is None and not keys:
            return self._by_login(student.name)
        if number is None or self._speaks_against(number, keys):
            return next((self._names[name] for name in self._longer(student) if self._is(name, keys)), None)
        return number

    def _by_login(self, name: str) -> int | None:
        """The person whose login or number a name is, where nothing else is told: files are often called so."""
        found = {self._owners.get(("", kind, folded(name))) for kind in ("identity", "login")} - {None}
        return found.pop() if len(found) == 1 else None

    def _called(self, number: int | None, student: Student) -> bool:
        return number is not None and bool(self._rows[number]["name"] == student.name)

    def _is(self, name: str, keys: Sequence[Key]) -> bool:
        number = self._names.get(name)
        return number is not None and not self._speaks_against(number, keys)

    def _speaks_against(self, number: int, keys: Sequence[Key]) -> bool:
        """Whether the person has another number, login or address of a kind that is told here."""
        mine = self._keys.get(number, {})
        return any(mine.get((scope, kind)) and value not in mine[scope, kind] for scope, kind, value in keys)

    def _longer(self, student: Student) -> Iterator[str]:
        """Longer names, for somebody whose name another person has."""
        told = next((getattr(student, kind) for kind in KINDS if getattr(student, kind)), "")
        yield from [f"{student.name} ({told})"] if told else []
        yield from (
            f"{student.name} ({told}, {number})" if told else f"{student.name} ({number})" for number in range(2, 9)
        )

    def asks_to_write(self, student: Student) -> bool:
        """Whether something of a person is not known yet, or has changed."""
        number = self.find(student)
        return number is None or bool(self._changes(number, student) or self._new_keys(number, student))

    def _changes(self, number: int, student: Student) -> dict[str, str]:
        row = self._rows[number]
        told = {name: getattr(student, name) for name in ("identity", "login", "email") if getattr(student, name)}
        if number not in self._settled and self._by_login(student.name) != number:  # a login is no newer name
            told["name"] = self._name_for(student, number)
        return {name: value for name, value in told.items() if row[name] != value}

    def _name_for(self, student: Student, number: int | None) -> str:
        """The name as it was told, or a longer one where another person has it."""
        for name in (student.name, *self._longer(student)):
            if self._names.get(name) in (None, number):
                return name
        return f"{student.name} ({number})"

    def _new_keys(self, number: int, student: Student) -> list[Key]:
        return [key for key in keys_of(student, self._assignment) if key not in self._owners]

    def settle(self, connection: Connection, student: Student) -> Person:
        """The person; what is new about them is written down."""
        number, before = self.find(student), ""
        if number is None:
            values = {name: getattr(student, name) for name in ("identity", "login", "email")}
            values["name"] = self._name_for(student, None)
            number = int(connection.execute(NEW_STUDENT, values).scalar_one())
            self._rows[number] = values
        elif changes := self._changes(number, student):
            connection.execute(update(StudentRow).where(StudentRow.id == number).values(**changes))
            before = self._rows[number]["name"] if "name" in changes else ""
            self._names.pop(before, None)
            self._rows[number].update(changes)
        self._names[self._rows[number]["name"]] = number
        fresh = self._new_keys(number, student)
        for key in fresh:
            self._learn(key, number)
        if fresh:
            rows = [
                {"scope": scope, "kind": kind, "value": value, "student_id": number} for scope, kind, value in fresh
            ]
            connection.execute(statements(connection.dialect.name).keys, rows)
        name = self._rows[number]["name"]
        self._settled.add(number)
        apart = self._names.get(student.name) not in (None, number)
        return Person(student_id=number, name=name, before=before, apart=apart)
