"""The class that a desk shows, as plain values: its submissions with their grades, and what people decided of them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from grader.core.decision_log import Key, Kind, LogEntry, Review, SavedComment, saved_comments, standing
from grader.core.grades import flags_of, grades_of
from grader.core.results import Grade, Result, Status, Student
from grader.core.store import without_names
from grader.course.rubric import Rubric
from grader.marking.rubric_numbers import RubricFile, RubricNumber, rubric_numbers
from grader.marking.similarity import KIND, Compared, EarlierCode, Pair

# What nobody has to look at: said of everybody, or decided by a person already.
QUIET = frozenset({"substitute_data", "late", "override", "excused", "points_decided", "awaits_person", "borderline"})


@dataclass(frozen=True, kw_only=True)
class RubricToday:
    """The rubric file as it is now, and the rubric that it makes."""

    file: RubricFile
    rubric: Rubric

    @cached_property
    def numbers(self) -> tuple[RubricNumber, ...]:
        """Its numbers, as a person may change them."""
        return rubric_numbers(self.file.raw, self.rubric.planned)


@dataclass(frozen=True, kw_only=True)
class MarkedOtherwise:
    """How what the gradebook holds differs from what the rubric file says today.

    `results` counts the submissions that were marked by another rubric; `rules`: the pass mark, the deadline or the like are
    others in the file; `trouble`: why the file can't be followed.
    """

    path: Path = Path()
    results: int = 0
    rules: bool = False
    trouble: str = ""

    def __bool__(self) -> bool:
        return bool(self.results or self.rules or self.trouble)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One submission of the class: a student's, or a group's. `key` stands for it in addresses."""

    key: str
    folder: Path
    result: Result  # with the grades beside it
    shown: Result  # as its page was written last
    above: bool = False  # the maximum: points that a person decided before the rubric gave fewer in all
    cleared: bool = False  # of similar code: every pair that it is of is innocent, a person says

    @property
    def students(self) -> tuple[str, ...]:
        """Everyone whose grade it is."""
        return tuple(grade.student.name for grade in grades_of(self.result))

    @property
    def review(self) -> Review:
        """What people decided of it: of a group, of its first member."""
        return grades_of(self.result)[0].review or Review()

    @property
    def settled(self) -> bool:
        """Whether a person looked at it or decided all of it."""
        return all(grade.override or (grade.review and grade.review.looked_at) for grade in grades_of(self.result))

    @property
    def deciders(self) -> tuple[str, ...]:
        """Everybody who decided something of it, or looked at it."""
        found = []
        for grade in grades_of(self.result):
            found += [grade.override.author] if grade.override else []
            review = grade.review or Review()
            found += [*review.deciders, *(comment.author for comment in review.comments), review.looked_at]
        return tuple(dict.fromkeys(filter(None, found)))

    @cached_property
    def queues(self) -> tuple[str, ...]:
        """Why a person is asked to look, by the names of queues; none once somebody did."""
        waiting = ["awaiting"] if any(grade.awaits for grade in grades_of(self.result)) else []
        waiting += ["above_maximum"] if self.above else []
        if self.settled:
            return tuple(waiting)
        names = {Status.NEEDS_REVIEW: "needs_review", Status.BROKEN: "broken", Status.EXPLAINED: "explained"}
        found = [*waiting, *([names[self.result.status]] if self.result.status in names else [])]
        found += ["explained"] if self.result.unread and not self.result.absent and "broken" not in found else []
        found += ["borderline"] if self.result.accuracy and self.result.accuracy.verdict == "borderline" else []
        found += [flag.kind for flag in flags_of(self.result) if flag.kind not in QUIET]
        found = [name for name in found if not (self.cleared and name == KIND)]
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, kw_only=True)
class ClassState:
    """The class at one moment; `log` is every decision, oldest first, `compared` what came of comparing the code.

    `otherwise`: how the marks differ from what the rubric file says.
    """

    rows: tuple[Row, ...]
    log: tuple[LogEntry, ...]
    otherwise: MarkedOtherwise = field(default_factory=MarkedOtherwise)
    by_key: Mapping[str, Row] = field(default_factory=dict)
    compared: Compared | None = None
    students: tuple[Student, ...] = ()  # everybody who is enrolled

    @cached_property
    def standing(self) -> Mapping[Key, LogEntry]:
        """The newest decision of each key."""
        return standing(self.log)

    @cached_property
    def saved(self) -> Mapping[str, SavedComment]:
        """The comment bank."""
        return saved_comments(self.log)

    @cached_property
    def pairs(self) -> tuple[tuple[Pair, Row, Row | EarlierCode], ...]:
        """The pairs with similar code, the closest first: two of the class, or one and another of an earlier folder."""
        if self.compared is None:
            return ()
        rows = {row.folder.name: row for row in self.rows}
        known = {name: rows.get(folder) for name, folder in self.compared.folders.items()}
        earlier = {(other.folder, other.name): other for other in self.compared.earlier}
        both = (
            (
                pair,
                known.get(pair.first),
                earlier.get((pair.against, pair.second)) if pair.against else known.get(pair.second),
            )
            for pair in self.compared.pairs
        )
        return tuple((pair, first, second) for pair, first, second in both if first is not None and second is not None)

    def decided_last(self, students: Iterable[str], kind: Kind, subject: str = "") -> dict[str, LogEntry | None]:
        """The newest entry of each student ("": of the class), also where it takes something back."""
        return {student: self.standing.get((student, kind, subject)) for student in students}

    def row_in(self, folder: Path | None) -> Row | None:
        """The submission in a folder; None where it is not in the class."""
        return next((row for row in self.rows if folder is not None and row.folder.name == folder.name), None)

    def assigned(self, row: Row) -> str:
        """Who is to look at a submission; "" where nobody was named."""
        entry = self.standing.get((row.students[0], "assigned", ""))
        return str(entry.value["to"]) if entry is not None and entry.value is not None else ""

    @cached_property
    def unpublished(self) -> tuple[Row, ...]:
        """The submissions whose pages show another grade than today's; pages hold neither reasons nor names."""
        changed = (row for row in self.rows if grades_of(row.result) != grades_of(row.shown))
        return tuple(row for row in changed if _on_pages(row.result) != _on_pages(row.shown))


def _on_pages(result: Result) -> tuple[Grade, ...]:
    """The grades as far as a student's page tells them: that somebody looked at it ends a doubt, and else says nothing."""
    found = []
    for grade in grades_of(without_names(result)):
        review = grade.review
        if review is not None and grade.status is not Status.NEEDS_REVIEW:
            review = review.model_copy(update={"looked_at": ""})
        plain = None if review is None or review == Review() else review
        found.append(grade.model_copy(update={"review": plain}))
    return tuple(found)


def differ(entries: Sequence[LogEntry | None]) -> bool:
    """Whether something else was decided of one of a group's members than of another."""
    values = [entry.value if entry else None for entry in entries]
    return any(value != values[0] for value in values)


def seen_entries(entries: Iterable[LogEntry | None]) -> str:
    """Entries as a form holds them in `seen`: their numbers, 0 where nothing was decided yet."""
    return " ".join(str(entry.id if entry else 0) for entry in entries)
