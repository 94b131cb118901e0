"""What people decided and said, in words to the student: points of single checks, and comments where they belong. Pure.

Who decided, and why, is for colleagues: neither stands in anything here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.core.decision_log import Comment, Review
from grader.core.grades import shared_grade, standing_checks
from grader.core.results import CheckResult, Grade, Outcome, Result, labels_of
from grader.core.text import joined, one_line, shorten
from grader.pages.language import number, say, translated

LONGEST = 4_000  # characters of a comment
QUOTED = 200  # of a line of code


@dataclass(frozen=True, kw_only=True)
class CommentView:
    """A comment as a page shows it: where it belongs, if it does not stand there, the line of code, the points."""

    text: str
    points: str = ""
    where: str = ""
    quote: str = ""


@dataclass(frozen=True, kw_only=True)
class CommentsView:
    """All comments of a page: on the whole, beside checks (by their number from 1), below cells (by theirs)."""

    whole: tuple[CommentView, ...] = ()
    checks: Mapping[int, tuple[CommentView, ...]]
    cells: Mapping[int, tuple[CommentView, ...]]


def signed(points: float) -> str:
    """Points that are given or taken: +1, -2; empty for none."""
    return f"{'+' if points > 0 else ''}{number(points)}" if points else ""


def decision_words(before: CheckResult, now: CheckResult) -> str:
    """That a person decided the points of a check, and what it gave; empty where nobody did."""
    if before.outcome is Outcome.AWAITING and now.outcome is not Outcome.AWAITING:
        return say("Your instructor gave these points.")
    if before == now:
        return ""
    return say(
        "Your instructor decided: {points} of {all}. The check alone gave {given}.",
        points=number(now.points), all=number(now.out_of), given=number(before.points),
    )  # fmt: skip


def with_decisions(result: Result) -> Result:
    """The result with the checks as they stand, and what a person decided of one before its reason.

    Its points stay those of the rubric; what has been through this is not changed by it again.
    """
    checks = tuple(
        now if now == before else now.model_copy(update={"reason": _reason(before, now)})
        for before, now in zip(result.checks, standing_checks(result), strict=True)
    )
    return result.model_copy(update={"checks": checks})


def _reason(before: CheckResult, now: CheckResult) -> str:
    words = decision_words(before, now)
    return words if before.outcome is Outcome.AWAITING else joined((words, translated(before.reason)))


def comments_view(result: Result, cells: Mapping[int, str]) -> CommentsView:
    """The comments of a result's student; `cells` are the sources of those that the page shows, by number."""
    grade = shared_grade(result)
    review = Review() if grade is None or grade.review is None else grade.review
    numbers = {label: place for place, label in enumerate(labels_of(result.checks), 1)}
    whole, checks, below = list[CommentView](), dict[int, list[CommentView]](), dict[int, list[CommentView]]()
    if grade is not None and grade.override is not None and grade.override.comment:
        whole.append(CommentView(text=shorten(grade.override.comment, LONGEST)))
    if (change := review.adjustment) is not None and change.points and grade is not None and grade.override is None:
        whole.append(CommentView(text=say("Points in all, beside the checks."), points=signed(change.points)))
    for comment in review.comments:
        shown = _comment(comment, grade, cells)
        if comment.cell in cells:
            below.setdefault(comment.cell or 0, []).append(shown)
        elif comment.check in numbers and comment.cell is None:
            checks.setdefault(numbers[comment.check], []).append(shown)
        else:
            whole.append(CommentView(text=shown.text, points=shown.points, where=_where(comment)))
    return CommentsView(
        whole=tuple(whole), checks={key: tuple(found) for key, found in checks.items()},
        cells={key: tuple(found) for key, found in below.items()},
    )  # fmt: skip


def _comment(comment: Comment, grade: Grade | None, cells: Mapping[int, str]) -> CommentView:
    counts = grade is not None and grade.override is None
    lines = cells.get(comment.cell or 0, "").split("\n")
    quote = where = ""
    if comment.line is not None and comment.line <= len(lines):
        quote = shorten(one_line(lines[comment.line - 1]), QUOTED)
        where = say("Line {n}", n=comment.line)
    return CommentView(
        text=shorten(comment.text, LONGEST), points=signed(comment.points) if counts else "", where=where, quote=quote
    )


def _where(comment: Comment) -> str:
    if comment.cell is None:
        return say(one_line(comment.check, 200))
    cell = say("Cell {n}", n=comment.cell)
    return cell if comment.line is None else joined((cell, say("line {n}", n=comment.line)), ", ")


def comment_lines(grade: Grade, checks: Sequence[CheckResult] = ()) -> list[str]:
    """What people said to the student in words, a comment each: "cell 3, line 2: tidy it up (-1)".

    Those of a check are named by its title, where `checks` holds it.
    """
    titles = {label: check.title for label, check in zip(labels_of(checks), checks, strict=True)}
    review = Review() if grade.review is None else grade.review
    said = [] if grade.override is None or not grade.override.comment else [shorten(grade.override.comment, LONGEST)]
    counts = grade.override is None
    if counts and review.adjustment is not None and review.adjustment.points:
        said.append(say("{points} points in all, beside the checks", points=signed(review.adjustment.points)))
    for comment in review.comments:
        where = say(titles[comment.where]) if comment.where in titles else translated(comment.where)
        points = f"({signed(comment.points)})" if counts and comment.points else ""
        said.append(joined((f"{one_line(where)}:" if where else "", shorten(comment.text, LONGEST), points)))
    return said


def comments_of(result: Result) -> list[str]:
    """`comment_lines` of the one grade of a result; none for a group whose members have grades of their own."""
    grade = shared_grade(result)
    return [] if grade is None else comment_lines(grade, result.checks)
