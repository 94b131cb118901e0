"""Code of earlier years and of the net that a class is compared with, and who of two submissions is one person. Pure.

A person is known by a number, a login or an address, whichever of them two years tell; by the name only where none of
these speaks against it. Who hands in together, or is of one group, is one team.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from grader.core.evidence import Value
from grader.core.results import Student
from grader.intake.names import fold

PROOFS = ("identity", "login", "email")


class EarlierCode(Value):
    """The code of one submission of a folder that a class is compared with, by its parts; `people` are whose it is."""

    name: str
    folder: str
    people: tuple[Student, ...]
    parts: tuple[tuple[str, str], ...]

    @property
    def source(self) -> str:
        """The code as it is compared: its parts, one after the other."""
        return "\n".join(text for _, text in self.parts)


def teams_of(people: Sequence[Sequence[Student]]) -> list[tuple[Student, ...]]:
    """For each submission of one class everybody whose work it may be: its students, and all others of their groups."""
    groups: dict[str, list[Student]] = defaultdict(list)
    for students in people:
        for student in students:
            if student.group:
                groups[fold(student.group)].append(student)
    return [
        (*students, *(mate for student in students if student.group for mate in groups[fold(student.group)]))
        for students in people
    ]  # fmt: skip


def same_people(people: Sequence[Sequence[Student]], size: int) -> tuple[tuple[int, int], ...]:
    """The places of two submissions that one person had a part in; the first of the two is below `size`."""
    holders: dict[str, list[tuple[int, Student]]] = defaultdict(list)
    for place, students in enumerate(people):
        for student in set(students):
            for word in {*_proofs(student), fold(student.name)}:
                holders[word].append((place, student))
    found: set[tuple[int, int]] = set()
    for known in holders.values():
        own = [item for item in known if item[0] < size]
        found |= {
            (min(here, there), max(here, there))
            for here, one in own for there, other in known if here != there and is_same(one, other)
        }  # fmt: skip
    return tuple(sorted(found))


def is_same(one: Student, other: Student) -> bool:
    """Whether two students of different years are one person."""
    if set(_proofs(one)) & set(_proofs(other)):
        return True
    apart = any(getattr(one, kind) and getattr(other, kind) for kind in PROOFS)
    return not apart and fold(one.name) == fold(other.name) != ""


def _proofs(student: Student) -> Iterator[str]:
    """What tells who it is; a login may stand in place of a number."""
    return (fold(word) for kind in PROOFS if (word := getattr(student, kind)))
