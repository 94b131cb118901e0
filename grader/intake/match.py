"""Which student of the roster handed in what: by number, login, address or exact name, and never by a guess. Pure.

What the platform calls the student by goes first, and is looked up among what it is alone: a number of Moodle's among
Moodle's numbers, a login among logins. A file of a plain class may be called after a number, a login, an address. At last
comes the name, which must be one student's and one hand-in's alone. What is one student's number and another's login is a
doubt about that hand-in. A group's hand-in is its members', in downloads that have groups, or where nobody is in no group.
Who is left over is told to the teacher and gets a row of their own.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from grader.intake.class_folder_or_zip import Found, Kind
from grader.intake.names import KnownBy, fold, name_in_canvas
from grader.intake.roster import Enrolled, Roster

PLATFORMS: tuple[Kind, ...] = (
    "moodle",
    "canvas",
)  # whose numbers are the key; what a student is called there is a name
PLAIN = ("identity", "login", "email")
NUMBERS = ("participant", *PLAIN)
KINDS: Mapping[Kind, tuple[str, ...]] = {
    "moodle": ("participant",), "canvas": ("participant",), "login": ("login",), "folder": PLAIN, "plain": PLAIN,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RosterMatch:
    """Whose a hand-in is: one student's, a group's, or nobody's in the roster.

    `doubt` says why one could not be told, `could_be` whom it names.
    """

    student: Enrolled | None = None
    members: tuple[Enrolled, ...] = ()
    doubt: str = ""
    could_be: tuple[Enrolled, ...] = ()

    @property
    def stranger(self) -> bool:
        """Whether someone of it is not in the roster, where no doubt says more about that."""
        people = self.members if self.student is None else (self.student,)
        return not self.doubt and (not people or any(student.line < 0 for student in people))


@dataclass(frozen=True, kw_only=True)
class Matches:
    """A match for each hand-in, in order; the students without any, each with what makes that doubtful, or ""."""

    matches: tuple[RosterMatch, ...]
    missing: tuple[tuple[Enrolled, str], ...]


def match(found: Sequence[Found], roster: Roster) -> Matches:
    """Match the hand-ins of a class with its roster."""
    index = _Index(roster.students)
    wanted = Counter(fold(item.name) for item in found)
    alone = [index.look_up(item, alone=wanted[fold(item.name)] == 1) for item in found]
    matches = _Groups(roster.students, found, alone).settle()
    covered = {student.line for item in matches for student in (item.student, *item.members) if student is not None}
    doubts = {student.line: item.doubt for item in matches for student in item.could_be}
    missing = tuple(
        (student, doubts.get(student.line, "")) for student in roster.students if student.line not in covered
    )
    return Matches(matches=tuple(matches), missing=missing)


class _Groups:
    """The groups of a roster, and which of the hand-ins that are no student's are theirs."""

    def __init__(self, students: Sequence[Enrolled], found: Sequence[Found], matches: Sequence[RosterMatch]) -> None:
        self._found, self._matches = found, matches
        self._groups: dict[str, list[Enrolled]] = defaultdict(list)
        for student in students:
            if student.group:
                self._groups[fold(student.group)].append(student)
        self._of_canvas = {name_in_canvas(group): group for group in self._groups}
        self._everybody = all(student.group for student in students)
        self._handed_in = {item.student.line: item.student for item in matches if item.student is not None}
        of_teams = [self._group(item) or not item.key for item in found if item.kind == "moodle"]
        self._teams = sum(map(bool, of_teams)) * 2 >= len(of_teams)
        self._often = Counter(self._group(item) for item, of in zip(found, matches, strict=True) if of.stranger)

    def settle(self) -> list[RosterMatch]:
        """The matches, with those of groups."""
        return [
            self._members(item, group) if of.stranger and (group := self._group(item)) else of
            for item, of in zip(self._found, self._matches, strict=True)
        ]

    def _group(self, item: Found) -> str:
        """The group that bears this name, as the download writes it; "" for none."""
        name = fold(item.name)
        if item.people or not name:
            return ""
        if item.kind == "canvas":
            return self._of_canvas.get(name, "")
        return name if name in self._groups else ""

    def _members(self, item: Found, group: str) -> RosterMatch:
        members = self._groups[group]
        own = next((student for student in members if student.line in self._handed_in), None)
        if not (item.kind == "canvas" or (item.kind == "moodle" and self._teams) or self._everybody):
            why = "but this is no download of groups' work"
        elif self._often[group] > 1:
            why = "and so has another one"
        elif own is not None:
            why = f"of which {own.name or own.told_by} handed in something too"
        else:
            return RosterMatch(members=tuple(members))
        return RosterMatch(doubt=f"{item.label}: has the name of the group {members[0].group!r}, {why}")


class _Index:
    """The roster by everything that a student is known by."""

    def __init__(self, students: Sequence[Enrolled]) -> None:
        self._known_by = KnownBy((student, _words_of(student)) for student in students)

    def look_up(self, item: Found, *, alone: bool) -> RosterMatch:
        """Whose a hand-in is; `alone`: no other one has its name."""
        if item.people:
            return self._look_up_people(item)
        if item.doubt:
            return RosterMatch(doubt=item.doubt)
        kinds, word = KINDS[item.kind], item.key or ("" if item.kind in PLATFORMS else item.name)
        known = self._known(word, kinds)
        if len(known) == 1 and _may_be(known[0], item):
            return RosterMatch(student=known[0])
        if len(known) > 1:
            who = " and ".join(student.name or student.told_by for student in known)
            return _doubt(item, known, f"{word!r} is known of {who}, as a number, a login or an address")
        students = [student for student in self._known_by.find("name", item.name) if _may_be(student, item)]
        if len(students) == 1 and alone and item.kind != "login":
            return RosterMatch(student=students[0])
        if students:
            return _doubt(item, students, _shared_name(item, students))
        return self._left_over(item, word)

    def _left_over(self, item: Found, word: str) -> RosterMatch:
        """No match; or a doubt, where a student has the word as another kind, or as a number with other zeros in front."""
        others = [kind for kind in NUMBERS if kind not in KINDS[item.kind]]
        of_others = self._known(word, others) if item.kind not in PLATFORMS else []
        called = of_others or (self._known(item.name, PLAIN) if item.name != word else [])
        if called and _may_be(called[0], item):
            who = called[0].name or called[0].told_by
            why = f"{(word if of_others else item.name)!r} is what {who} is known by elsewhere, and proves nothing here"
            return _doubt(item, called, why)
        near = self._near(word, KINDS[item.kind])
        if near is None:
            return RosterMatch()
        key, student = near
        why = (
            f"the roster has the number {key!r} in line {student.line}, which differs in zeros in front that spreadsheets "
            "take away"
        )
        return _doubt(item, [student], why)

    def _known(self, word: str, kinds: Iterable[str]) -> list[Enrolled]:
        """The students who are known by this word, as one of these kinds."""
        found = [self._known_by.find(kind, word) for kind in kinds]
        return list({students[0].line: students[0] for students in found if len(students) == 1}.values())

    def _look_up_people(self, item: Found) -> RosterMatch:
        """Those who handed it in, as the roster has them; whoever is not in it, as the download has them."""
        people = tuple(self._person(person) or person for person in item.people)
        return RosterMatch(student=people[0]) if len(people) == 1 else RosterMatch(members=people)

    def _person(self, person: Enrolled) -> Enrolled | None:
        """By number or address, else by a name that nothing speaks against."""
        for kind, key in (("identity", person.identity), ("email", person.email)):
            if known := self._known(key, [kind]):
                return known[0]
        named = [student for student in self._known_by.find("name", person.name) if _same_numbers(student, person)]
        return named[0] if len(named) == 1 else None

    def _near(self, word: str, kinds: Iterable[str]) -> tuple[str, Enrolled] | None:
        """The student whose number differs from this one in zeros in front alone, which spreadsheets take away."""
        short = fold(word).lstrip("0")
        if not short.isdecimal():
            return None
        found = {
            student.line: (key, student)
            for kind in kinds
            for key, student in self._known_by.unique(kind)
            if key.lstrip("0") == short
        }
        return next(iter(found.values())) if len(found) == 1 else None


def _doubt(item: Found, could_be: Sequence[Enrolled], why: str) -> RosterMatch:
    return RosterMatch(doubt=f"{item.label}: {why}", could_be=tuple(could_be))


def _shared_name(item: Found, students: list[Enrolled]) -> str:
    if item.kind == "login":
        return f"{item.name!r} is a name in the roster, but nobody's login there"
    who = f"{len(students)} students of the roster have" if len(students) > 1 else "more than one hand-in has"
    return f"{who} the name {item.name!r}"


def _words_of(student: Enrolled) -> list[tuple[str, str]]:
    """Everything that a student is known by, with its kind."""
    numbers = [("participant", student.participant), ("identity", student.identity), ("email", student.email)]
    logins = [("login", login) for login in student.logins]
    return [*numbers, *logins, *(("name", name) for name in names_of(student))]


def names_of(student: Enrolled) -> set[str]:
    """A student's name as it is compared: as written, in its usual order, and as Canvas writes it."""
    given, comma, family = student.name.partition(",")
    usual = f"{family} {given}".strip() if comma else student.name
    first, last = (student.first, student.last) if student.last else ("", "")
    if not last:
        first, _, last = usual.rpartition(" ")
    plain = name_in_canvas(f"{last}{first}" if first else usual)
    return {fold(name) for name in (student.name, usual, plain) if name}


def _may_be(student: Enrolled, item: Found) -> bool:
    """Whether a match by name may be right: the student does not have another number on the platform."""
    told = item.kind in PLATFORMS and item.key and student.participant
    return not told or fold(student.participant) == fold(item.key)


def _same_numbers(student: Enrolled, person: Enrolled) -> bool:
    """Whether a student has no other number (but for zeros in front) and no other address than this person."""
    pairs = ((student.identity, person.identity), (student.email, person.email))
    return all(not one or not other or fold(one).lstrip("0") == fold(other).lstrip("0") for one, other in pairs)
