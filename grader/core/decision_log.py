"""What people decide of a class: one log that only grows, and what follows from it. Pure.

An entry of the log says who decided what, when and why. The newest entry of one *key* (whose grade, which kind, which
subject) stands; an entry without a value takes back what stood. `review_of` makes of a student's standing entries what a
grade takes into account, so undoing is writing one more entry, and nothing is ever lost.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field

from grader.core.evidence import Value

LONGEST = 4_000  # characters of a reason or a comment: what a page and a platform's comment hold

Kind = Literal[
    "override", "check", "adjustment", "comment", "looked_at", "assigned", "saved_comment", "similarity", "revealed",
    "rubric",
]  # fmt: skip
Verdict = Literal["innocent", "talk to them", "report"]


class OverrideValue(Value):
    """Points in all, or an excuse, with what the student is told: it stands in a table of its own, `overrides`."""

    points: float | None = None
    excused: bool = False
    comment: str = ""


class PointsValue(Value):
    """More points in all, or fewer."""

    points: float


class CheckValue(PointsValue):
    """Points of one check: the subject is its label, `title` what it was called then."""

    title: str = ""


class CommentValue(Value):
    """Words to the student: on the whole, a check (by its label), a code cell (from 1), a line of one (from 1).

    `saved`: the saved comment that it shows. Then text and points are what that one says, or said before it was deleted.
    """

    text: str = Field(default="", max_length=LONGEST)
    points: float = 0.0
    check: str = ""
    cell: int | None = Field(default=None, ge=1)
    line: int | None = Field(default=None, ge=1)
    saved: str = ""


class Nothing(Value):
    """For what is either there or not: looked at, revealed."""


class AssignedValue(Value):
    """Who is to look at a submission."""

    to: str = Field(min_length=1, max_length=200)


class SavedComment(Value):
    """A comment that is used often, with the points that it gives (or, below zero, takes)."""

    text: str = Field(min_length=1, max_length=LONGEST)
    points: float = 0.0


class VerdictValue(Value):
    """What a person makes of a pair with similar code; the subject names the pair (`pair_subject`)."""

    verdict: Verdict


class RubricValue(Value):
    """What was changed in a rubric, a line each."""

    changes: tuple[str, ...]


VALUES: Mapping[Kind, type[Value]] = {
    "override": OverrideValue, "check": CheckValue, "adjustment": PointsValue, "comment": CommentValue,
    "looked_at": Nothing, "assigned": AssignedValue, "saved_comment": SavedComment, "similarity": VerdictValue,
    "revealed": Nothing, "rubric": RubricValue,
}  # fmt: skip
OF_THE_CLASS: frozenset[Kind] = frozenset({"saved_comment", "similarity", "rubric"})  # of no single student
Key = tuple[str, Kind, str]  # student's name ("": the class), kind, subject


class LogEntry(Value):
    """One decision. `id` grows within one kind of table; `value` is one of `VALUES`, or None: what stood is taken back.

    `evidence` is the digest of the run that was looked at, where one was.
    """

    id: int
    assignment: str
    student: str  # "" for what is of the whole class
    kind: Kind
    subject: str = ""
    value: dict[str, Any] | None
    evidence: str = ""
    author: str
    reason: str = ""
    time: str

    @property
    def key(self) -> Key:
        """What it decides: the newest entry of a key stands."""
        return self.student, self.kind, self.subject


class CheckPoints(Value):
    """A person's points for one check, by its label; `title` is what the check was called when they were decided."""

    check: str
    points: float
    title: str = ""
    author: str = ""
    reason: str = ""


class Adjustment(Value):
    """Points that a person gives, or takes, beside all checks."""

    points: float
    author: str = ""
    reason: str = ""


class Comment(Value):
    """A person's words to the student, as they stand today, and the points that they give or take."""

    id: str
    text: str
    points: float = 0.0
    check: str = ""
    cell: int | None = None
    line: int | None = None
    author: str = ""

    @property
    def where(self) -> str:
        """The place that it is written on, in English words; "" for the whole."""
        if self.cell is not None:
            return f"cell {self.cell}" if self.line is None else f"cell {self.cell}, line {self.line}"
        return self.check


class Review(Value):
    """What people decided of one student's submission, below an override. Reasons are for colleagues alone."""

    checks: tuple[CheckPoints, ...] = ()
    adjustment: Adjustment | None = None
    comments: tuple[Comment, ...] = ()
    looked_at: str = ""  # by whom
    evidence: tuple[str, ...] = ()  # the runs that points were decided on

    @property
    def without_names(self) -> "Review":
        """What a student may know of it: neither reasons nor who decided."""
        mine: dict[str, str] = {"author": "", "reason": ""}
        return self.model_copy(
            update={
                "checks": tuple(item.model_copy(update=mine) for item in self.checks),
                "adjustment": self.adjustment and self.adjustment.model_copy(update=mine),
                "comments": tuple(item.model_copy(update={"author": ""}) for item in self.comments),
                "looked_at": "a person" if self.looked_at else "",
            }
        )

    @property
    def deciders(self) -> tuple[str, ...]:
        """Who decided points, each once."""
        found = [item.author for item in self.checks]
        found += [self.adjustment.author] if self.adjustment else []
        found += [comment.author for comment in self.comments if comment.points]
        return tuple(dict.fromkeys(filter(None, found)))

    @property
    def changes_points(self) -> bool:
        """Whether a person decided points."""
        given = self.adjustment is not None and self.adjustment.points
        return bool(self.checks or given or any(comment.points for comment in self.comments))


def standing(entries: Iterable[LogEntry]) -> dict[Key, LogEntry]:
    """The newest entry of each key, also where it takes something back, in the order of first decisions."""
    newest: dict[Key, LogEntry] = {}
    for entry in entries:
        newest[entry.key] = entry
    return newest


def saved_comments(entries: Iterable[LogEntry]) -> dict[str, SavedComment]:
    """The comment bank: the saved comments that stand, by their id."""
    return _said_last(standing(entries).values())


def _said_last(entries: Iterable[LogEntry]) -> dict[str, SavedComment]:
    """What each saved comment says, or said before it was deleted: where it was used, its words and points stay."""
    return {
        entry.subject: SavedComment.model_validate(entry.value)
        for entry in entries
        if entry.kind == "saved_comment" and entry.value is not None
    }


def reviews_of(entries: Iterable[LogEntry]) -> dict[str, Review]:
    """What stands for each student of whom something was decided, by name."""
    known = list(entries)
    saved = _said_last(known)
    mine: dict[str, list[LogEntry]] = {}
    for entry in standing(known).values():
        if entry.student and entry.value is not None:
            mine.setdefault(entry.student, []).append(entry)
    found = {student: _review(own, saved) for student, own in mine.items()}
    return {name: review for name, review in found.items() if review != Review()}  # who is to look decides nothing


def _review(entries: Iterable[LogEntry], saved: Mapping[str, SavedComment]) -> Review:
    checks, comments, adjustment, looked_at, seen = [], [], None, "", []
    for entry in entries:
        if entry.kind in ("check", "adjustment"):
            value, said = CheckValue.model_validate(entry.value), {"author": entry.author, "reason": entry.reason}
            seen.append(entry.evidence)
            if entry.kind == "check":
                checks.append(CheckPoints(check=entry.subject, points=value.points, title=value.title, **said))
            else:
                adjustment = Adjustment(points=value.points, **said)
        elif entry.kind == "comment":
            comments.append(_comment(entry, saved))
        elif entry.kind == "looked_at":
            looked_at = entry.author
    return Review(
        checks=tuple(checks), adjustment=adjustment, comments=tuple(comments), looked_at=looked_at,
        evidence=tuple(dict.fromkeys(filter(None, seen))),
    )  # fmt: skip


def _comment(entry: LogEntry, saved: Mapping[str, SavedComment]) -> Comment:
    value = CommentValue.model_validate(entry.value)
    shared = saved.get(value.saved)
    return Comment(
        id=entry.subject, text=shared.text if shared else value.text, points=shared.points if shared else value.points,
        check=value.check, cell=value.cell, line=value.line, author=entry.author,
    )  # fmt: skip


def pair_subject(first: str, second: str, folder: str = "") -> str:
    """The subject of a verdict on two students, whoever is named first; or on one and another of an earlier `folder`."""
    return "\n".join((first, second, folder) if folder else sorted((first, second)))
