"""Which student of the roster handed in what: by number, login, address or exact name, and never by a guess. Pure.

A number that the platform gave goes first; then what the hand-in is called is looked up as a number, a login, an address,
and at last as a name, which must be one student's and one hand-in's alone. A group's hand-in is its members', where the
roster has a group of that name. Who is left over is told to the teacher and gets a row of their own.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from grader.intake.names import fold, squeeze
from grader.intake.roster import Enrolled, Roster
from grader.intake.trees import Found


@dataclass(frozen=True, kw_only=True)
class Match:
    """Whose a hand-in is: one student's, a group's, or nobody's in the roster; `doubt` says why one could not be told."""

    student: Enrolled | None = None
    members: tuple[Enrolled, ...] = ()
    doubt: str = ""

    @property
    def stranger(self) -> bool:
        """Whether somebody of it is in no line of the roster, and nothing more is to be said about that."""
        people = self.members if self.student is None else (self.student,)
        return not self.doubt and (not people or any(student.line < 0 for student in people))


@dataclass(frozen=True, kw_only=True)
class Matches:
    """A match for each hand-in, in order; the students without any, each with what makes that doubtful, or ""."""

    matches: tuple[Match, ...]
    missing: tuple[tuple[Enrolled, str], ...]


def match(found: Sequence[Found], roster: Roster) -> Matches:
    """Match the hand-ins of a class with its roster."""
    index = _Index(roster.students)
    wanted = Counter(fold(item.name) for item in found)
    matches = tuple(index.look_up(item, alone=wanted[fold(item.name)] == 1) for item in found)
    covered = {student.line for item in matches for student in (item.student, *item.members) if student is not None}
    doubts = {student.line: item.doubt for item in matches if item.doubt for student in index.could_be(item.doubt)}
    missing = tuple(
        (student, doubts.get(student.line, "")) for student in roster.students if student.line not in covered
    )
    return Matches(matches=matches, missing=missing)


class _Index:
    """The roster by everything that a student is known by."""

    def __init__(self, students: Sequence[Enrolled]) -> None:
        self._participants = _unique((student.participant, student) for student in students)
        self._keys = _unique(
            (key, student) for student in students for key in (student.identity, *student.logins, student.email)
        )
        self._names: dict[str, list[Enrolled]] = defaultdict(list)
        self._groups: dict[str, list[Enrolled]] = defaultdict(list)
        self._doubts: dict[str, list[Enrolled]] = {}
        for student in students:
            for name in names_of(student):
                self._names[name].append(student)
            if student.group:
                self._groups[squeeze(student.group)].append(student)

    def could_be(self, doubt: str) -> list[Enrolled]:
        """The students of whom a doubt spoke."""
        return self._doubts.get(doubt, [])

    def look_up(self, item: Found, *, alone: bool) -> Match:
        """Whose a hand-in is; `alone`: no other one has its name."""
        if item.people:
            return self._look_up_people(item)
        for known in (self._participants.get(fold(item.key)), self._keys.get(fold(item.key))):
            if item.key and known is not None:
                return Match(student=known)
        by_name = self._keys.get(fold(item.name))
        if by_name is not None and _may_be(by_name, item):
            return Match(student=by_name)
        students = [student for student in self._names.get(fold(item.name), []) if _may_be(student, item)]
        if len(students) == 1 and alone:
            return Match(student=students[0])
        if students:
            return Match(doubt=self._doubt(item, students))
        if members := self._groups.get(squeeze(item.name), ()) if squeeze(item.name) else ():
            return Match(members=tuple(members))
        near = next(filter(None, (self._near(word) for word in (item.key, item.name))), None)
        return Match(doubt=self._doubt_near(item, *near)) if near is not None else Match()

    def _look_up_people(self, item: Found) -> Match:
        """Those who handed it in, as the roster knows them; who is not in it, as the download does."""
        people = tuple(self._person(person) or person for person in item.people)
        return Match(student=people[0]) if len(people) == 1 else Match(members=people)

    def _person(self, person: Enrolled) -> Enrolled | None:
        """By number or address, else by a name that nothing speaks against."""
        for key in (person.identity, person.email):
            if key and (known := self._keys.get(fold(key))) is not None:
                return known
        named = [student for student in self._names.get(fold(person.name), []) if _same_numbers(student, person)]
        return named[0] if len(named) == 1 else None

    def _near(self, word: str) -> tuple[str, Enrolled] | None:
        """A student whose number is this one but for zeros in front, which spreadsheets take away."""
        short = fold(word).lstrip("0")
        if not short.isdecimal():
            return None
        found = {
            student.line: (key, student)
            for key, student in {**self._keys, **self._participants}.items()
            if key.lstrip("0") == short
        }
        return next(iter(found.values())) if len(found) == 1 else None

    def _doubt_near(self, item: Found, key: str, student: Enrolled) -> str:
        doubt = (
            f"{item.label}: the roster has the number {key!r} in line {student.line}, which differs in zeros in front that "
            "spreadsheets take away"
        )
        self._doubts[doubt] = [student]
        return doubt

    def _doubt(self, item: Found, students: list[Enrolled]) -> str:
        who = f"{len(students)} students of the roster have" if len(students) > 1 else "more than one hand-in has"
        doubt = f"{item.label}: {who} the name {item.name!r}"
        self._doubts[doubt] = students
        return doubt


def names_of(student: Enrolled) -> set[str]:
    """A student's name as it is compared: as written, in its usual order, and as Canvas writes it."""
    given, comma, family = student.name.partition(",")
    usual = f"{family} {given}".strip() if comma else student.name
    first, last = (student.first, student.last) if student.last else ("", "")
    if not last:
        first, _, last = usual.rpartition(" ")
    sortable = f"{last}{first}" if first else usual
    plain = fold("".join(sign for sign in sortable if sign.isalnum() or sign == "_"))
    return {fold(name) for name in (student.name, usual, plain) if name}


def _may_be(student: Enrolled, item: Found) -> bool:
    """Whether nothing speaks against a name: the platform's number of a student is not another one."""
    return not (item.key and student.participant) or fold(student.participant) == fold(item.key)


def _same_numbers(student: Enrolled, person: Enrolled) -> bool:
    """Whether no number (but for zeros in front) and no address of a student speaks against being this person."""
    pairs = ((student.identity, person.identity), (student.email, person.email))
    return all(not one or not other or fold(one).lstrip("0") == fold(other).lstrip("0") for one, other in pairs)


def _unique(pairs: Iterable[tuple[str, Enrolled]]) -> Mapping[str, Enrolled]:
    """Students by what is theirs alone; what one's number and another's login share tells nobody."""
    found: dict[str, list[Enrolled]] = defaultdict(list)
    for key, student in pairs:
        if key:
            found[fold(key)].append(student)
    return {key: students[0] for key, students in found.items() if len({student.line for student in students}) == 1}
