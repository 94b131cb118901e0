"""What became of a submission and what its student gets, in a headline and a sentence to the student. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from grader.core.evidence import Cause
from grader.core.grades import LATER_RUN_BROKE, grades_of, is_of, shared_grade, standing_checks
from grader.core.results import Grade, Outcome, Result, Status
from grader.core.text import joined, one_line
from grader.pages.language import gettext_noop, many, number, say, translated
from grader.pages.wording import MARKS, OUTCOMES, STATUSES, Tone, points

NOTHING = gettext_noop("nothing handed in")
NONE = "–"
AWAITING = "awaiting"  # the group of those who have no points until a person gives some


@dataclass(frozen=True)
class Headline:
    """What became of a submission, in a headline and a sentence."""

    tone: Tone
    mark: str
    headline: str
    sentence: str


def write_headline(result: Result) -> Headline:
    """What became of a submission and its grade, to the student, or to a group whose members have several grades."""
    if result.smoke is not None and result.status is not Status.BROKEN:
        return _smoke_headline(result)
    grade = shared_grade(result)
    if grade is not None:
        return write_grade_headline(result, grade)
    told = [joined((say("{who}:", who=one_line(one.student.name)), _short(one))) for one in grades_of(result)]
    return Headline("calm", "◐", say("The members have different grades"), joined(told, "; "))


def write_grade_headline(result: Result, grade: Grade) -> Headline:
    """The headline where what the student gets is `grade`."""
    if grade.excused:
        free = say("Your instructor excused you: this exercise gives you no points, and you need none.")
        return Headline("calm", NONE, say("Excused"), free)
    if grade.decided:
        return _passed_or_below(result, grade, _decided(result, grade))
    match grade.status:
        case None:
            return Headline("calm", NONE, say("Nothing handed in"), _nothing(result))
        case Status.BROKEN:
            ours = say("This is our fault, not yours: no mark has been decided, and your instructor is told.")
            return Headline("ours", "!", say("The grader broke"), ours)
        case _ if grade.awaits:
            return Headline("warn", MARKS[Outcome.AWAITING], say("Awaits a person"), joined(_awaiting(result, grade)))
        case Status.NEEDS_REVIEW if grade.provisional:
            by_hand = say("Your instructor will review this by hand before the mark is final.")
            sentence = joined((*_counted(result, grade), by_hand))
            return Headline("warn", "◐", say("Needs review: provisional"), sentence)
        case Status.EXPLAINED if not grade.changed_by_person:
            return Headline(
                "bad", "✗", say("Explained, not judged"), joined((_unjudged(result), *_changed(result, grade)))
            )
    return _passed_or_below(result, grade, joined(_counted(result, grade)))


def standing(grade: Grade) -> str:
    """The group that a class page counts it in: passed, below, absent, excused, awaiting, or the status without a mark."""
    if grade.excused:
        return "excused"
    if grade.awaits:
        return AWAITING
    reviewed = grade.status is Status.NEEDS_REVIEW and not grade.provisional
    explained = grade.status is Status.EXPLAINED and grade.changed_by_person
    if grade.decided or grade.status is Status.GRADED or reviewed or explained:
        return "passed" if grade.passed else "below"
    return "absent" if grade.status is None else grade.status.value


def status_word(grade: Grade) -> str:
    """What became of the submission that counts."""
    if grade.awaits:
        return say(OUTCOMES[Outcome.AWAITING])
    if grade.status is Status.NEEDS_REVIEW and not grade.provisional and grade.override is None:
        return say("looked at")
    return say(NOTHING if grade.status is None else STATUSES[grade.status])


def points_word(grade: Grade) -> str:
    """The points that the student gets, or a dash."""
    return NONE if grade.points is None else number(grade.points)


def _passed_or_below(result: Result, grade: Grade, sentence: str) -> Headline:
    if grade.passed:
        return Headline("good", "✓", say("Passed"), sentence)
    change = say("The checks below say what to change.")
    lost = any(check.points < check.out_of for check in standing_checks(result))
    more = joined((sentence, change)) if lost and not grade.decided else sentence
    return Headline("bad", "✗", say("Below the pass mark"), more)


def _decided(result: Result, grade: Grade) -> str:
    decided = say(
        "Your instructor decided: you have {points} of {all}; {needed} are needed.",
        points=points_word(grade), all=points(grade.out_of), needed=number(result.pass_mark),
    )  # fmt: skip
    if grade.earned is None or grade.earned == grade.points or not is_of(grade, result):
        return joined((decided, *_slipped(grade)))
    return joined((decided, say("The checks alone give {earned}.", earned=number(grade.earned)), *_slipped(grade)))


def _counted(result: Result, grade: Grade) -> Iterator[str]:
    """The points, and why they differ from those of the checks below."""
    values: dict[str, str] = {
        "points": points_word(grade), "all": points(grade.out_of), "needed": number(result.pass_mark),
    }  # fmt: skip
    if grade.provisional:
        yield say("Provisionally you have {points} of {all}; {needed} are needed.", **values)
    else:
        yield say("You have {points} of {all}; {needed} are needed.", **values)
    yield from _changed(result, grade)


def _awaiting(result: Result, grade: Grade) -> Iterator[str]:
    """What is missing, and what there is without it."""
    yield say(
        "Your instructor still gives the points of {which}: until then there are no points in all.",
        which=joined((f"“{say(one_line(title, 200))}”" for title in grade.awaits), ", "),
    )
    if grade.status is Status.EXPLAINED:
        yield _unjudged(result)
    elif grade.earned is not None:
        yield say("The checks alone give {earned}.", earned=number(grade.earned))
    if grade.penalty is not None and grade.penalty.points:
        yield say("It was {why}.", why=translated(grade.penalty.words))
    yield from _slipped(grade)


def _slipped(grade: Grade) -> Iterator[str]:
    """How many of the course's slip days the submission spent, and how many are left after it."""
    if (days := grade.slip_days) is None:
        return
    told = grade.override is None and grade.penalty is not None and grade.penalty.points  # in the words of the penalty
    if told or not days.spent:
        yield say("Slip days left after this submission: {left}.", left=days.left)
        return
    yield many(
        days.spent,
        "It was late, and {n} slip day was spent on it; slip days left: {left}.",
        "It was late, and {n} slip days were spent on it; slip days left: {left}.",
        left=days.left,
    )


def _changed(result: Result, grade: Grade) -> Iterator[str]:
    lost = 0.0 if grade.penalty is None else grade.penalty.points
    earned = grade.earned
    if grade.changed_by_person and grade.points is not None and earned is not None:
        before, earned = earned, round(grade.points + lost, 6)
        if before != earned:
            yield say(
                "Your instructor decided some of the points; the checks alone give {earned}.", earned=number(before)
            )
    if grade.penalty is not None and lost and earned is not None:
        yield say("You earned {earned}; {why}.", earned=number(earned), why=translated(grade.penalty.words))
    yield from _slipped(grade)
    if LATER_RUN_BROKE in grade.flags:
        yield say("A later run failed because of a fault of ours, so the earlier result stands.")
    elif not is_of(grade, result):
        yield say("Another submission or run of yours counts: {what}.", what=one_line(grade.submission))


def _nothing(result: Result) -> str:
    """Why there is nothing: the note of the ending says more where a submission could not be told from another's."""
    said = one_line(result.ending.message)
    return translated(said) if said and said != "Nothing was handed in." else say("Nothing was handed in.")


def _unjudged(result: Result) -> str:
    if result.dataset:
        return say("There was no trained network to judge. See below what happened and what to do.")
    return say("There was nothing to judge. See below what happened and what to do.")


def _short(grade: Grade) -> str:
    """A member's grade in a few words."""
    if grade.excused:
        return say("excused")
    if grade.awaits:
        return say(OUTCOMES[Outcome.AWAITING])
    of = say("{n} of {all}", n=points_word(grade), all=number(grade.out_of))
    return joined((of, say("as your instructor decided"))) if grade.decided else of


def _smoke_headline(result: Result) -> Headline:
    no_mark = say("This was a smoke run on a few images: it shows whether the notebook works, and gives no mark.")
    if result.ending.cut is not None and result.without_loss:
        ended = say("Time ran out in cell {cell}; what follows was not checked.", cell=str(result.ending.cut))
        return Headline("warn", "◐", say("The run was cut short"), joined((no_mark, ended)))
    if result.ending.cause is Cause.FINISHED and result.without_loss:
        return Headline("good", "✓", say("It runs"), no_mark)
    happened = say("See below what happened and what to do.")
    if result.ending.cause is Cause.FINISHED:
        return Headline("bad", "✗", say("This needs fixing"), joined((no_mark, happened)))
    return Headline("bad", "✗", say("It does not run to the end"), joined((no_mark, happened)))
