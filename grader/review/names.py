"""What a page calls a student, and how a text is shown: as it is, or with names hidden."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grader.core.results import Student
from grader.review.anonymous import Hider, KnownAs, make_hider, numbered

if TYPE_CHECKING:
    from grader.review.desk import ClassState, Row


@dataclass(frozen=True)
class Names:
    """Names as they are. `hidden`: whether some of them are hidden from who looks."""

    hidden: bool = False

    def of(self, row: "Row") -> str:
        """The name of a submission's student, or of the group."""
        return row.result.student

    def order(self, row: "Row") -> str:
        """What lists are sorted by."""
        word, _, number = self.of(row).casefold().rpartition(" ")
        return f"{word} {number:0>6}" if self.hidden and number.isdecimal() else self.of(row).casefold()

    def hides(self, row: "Row") -> bool:
        """Whether the names of a submission are hidden."""
        return False

    def member(self, row: "Row", number: int) -> str:
        """The name of a group's member, counted from 0."""
        return row.students[number]

    def places(self, text: str) -> Sequence[tuple[int, int, str]]:
        """Where names stand in a text that are hidden, in order: begin, end, what is shown instead."""
        return ()

    def hide(self, text: str) -> str:
        """A text that may hold a name."""
        return text

    def hide_in_page(self, page: str) -> str:
        """A page that may hold a name."""
        return page


@dataclass(frozen=True, kw_only=True)
class HiddenNames(Names):
    """Numbers in place of names: `rows` by the key of a submission, `students` by name; who is revealed is in neither."""

    hidden: bool = True
    rows: Mapping[str, str]
    students: Mapping[str, str]
    hider: Hider

    def of(self, row: "Row") -> str:
        """The number of a submission's student, or of the group."""
        return self.rows.get(row.key, row.result.student)

    def hides(self, row: "Row") -> bool:
        """As of `Names`."""
        return row.key in self.rows

    def member(self, row: "Row", number: int) -> str:
        """The number of a group's member, counted from 0."""
        return self.students.get(row.students[number], row.students[number])

    def places(self, text: str) -> Sequence[tuple[int, int, str]]:
        """As of `Names`."""
        return self.hider.places(text)

    def hide(self, text: str) -> str:
        """The text without any name of the class that is hidden."""
        return self.hider.hide(text)

    def hide_in_page(self, page: str) -> str:
        """The page without any such name, but for what stands in fields."""
        return self.hider.hide_in_page(page)


def hidden_names(state: "ClassState", author: str, seed: str) -> Names:
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
    return HiddenNames(rows=rows, students=students, hider=make_hider(tuple(persons)))


def _person(student: Student, label: str) -> KnownAs:
    logins = (student.identity, student.login, student.participant)
    return KnownAs(label=label, names=(student.name,), addresses=_said(student.email), logins=_said(*logins))


def _hand_in(row: "Row", label: str) -> KnownAs:
    """What a submission is called: its file and folder, and of a group the group."""
    called = (row.result.student, row.shown.student)
    return KnownAs(
        label=label, names=() if row.result.members else called, groups=called if row.result.members else (),
        files=(row.result.submission, row.shown.submission, row.folder.name),
    )  # fmt: skip


def _said(*texts: str) -> tuple[str, ...]:
    return tuple(filter(None, texts))
