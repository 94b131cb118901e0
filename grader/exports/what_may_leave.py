"""What may leave the grader: which marks are handed to a platform, what a student may see of a result, safe cells of CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from unicodedata import category

from grader.core.errors import Infrastructure, UsageError
from grader.core.grades import grades_of, shared_grade
from grader.core.results import CheckResult, Grade, Result, Status
from grader.core.text import cleaned, count, number, one_line, shorten, visible
from grader.pages.decisions import comment_lines, comments_of, with_decisions
from grader.pages.headline import write_headline
from grader.pages.wording import CAUSES, accuracy_percent, accuracy_sentence

FORMULA = tuple("=+-@＝＋－＠﹦﹢﹣﹫")  # wide and small ones count in East Asian versions
CONTROL = ("\t", "\r", "\n")
MARK = "\ufeff"  # by which a spreadsheet knows UTF-8; never before a file that a program reads by its first column
Cell = str | float | None


def guard_formula(text: str) -> str:
    """`text` so that no spreadsheet takes it for a formula, also behind what is not seen (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(CONTROL) or _seen(text).startswith(FORMULA) else text


def _seen(text: str) -> str:
    """The text from its first visible character on: spaces, and characters without a shape, stand for nothing."""
    places = (place for place, char in enumerate(text) if not (char.isspace() or category(char) in ("Cf", "Cc")))
    return text[next(places, len(text)) :]


def write_cell(cell: Cell) -> str:
    """A number as it is (a minus sign makes no formula of it), a text guarded and visible, nothing for None.

    A terminal obeys what is not seen, and shows names backwards for it.
    """
    if cell is None:
        return ""
    return visible(guard_formula(cell)) if isinstance(cell, str) else number(cell)


def write_table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A CSV file's text, UTF-8 to be, LF at line ends.

    All is quoted: a name may hold a lone carriage return, or the semicolon at which other languages' Excel splits.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows([write_cell(cell) for cell in row] for row in rows)
    return buffer.getvalue()


SUBSTITUTE = "substitute_data"  # the one flag that is for everybody: the accuracy was not measured on the real data
LONGEST = 10_000  # characters of one text


def for_students(result: Result) -> Result:
    """The result with every text visible, and with its checks as people decided them.

    It is without the flags, which ask a person to look and are not a verdict.
    """
    flags = tuple(flag for flag in result.flags if flag.kind == SUBSTITUTE)
    return cleaned(with_decisions(result.model_copy(update={"flags": flags})))


def overview(result: Result) -> list[str]:
    """The verdict, what the instructor said, the accuracy and how the run ended, in a few lines."""
    found = write_headline(result)
    lines = [f"{found.headline}. {found.sentence}"]
    lines += [f"From your instructor: {one_line(comment)}" for comment in comments_of(result)]
    if result.absent:
        return [shorten(line.replace("\u00a0", " "), LONGEST) for line in lines]
    accuracy = result.accuracy
    if accuracy is not None:
        of = f"{count(accuracy.correct)} of {count(accuracy.judged)} on {one_line(result.judged_on)}"
        lines.append(f"Accuracy: {accuracy_percent(accuracy)} ({of}). {accuracy_sentence(accuracy)}".rstrip())
    lines.append(f"Run: {CAUSES[result.ending.cause]}. {one_line(result.ending.message)}".rstrip())
    lines += [one_line(flag.reason) for flag in result.flags]
    return [shorten(line.replace("\u00a0", " "), LONGEST) for line in lines]


def explanation(check: CheckResult) -> str:
    """A check's reason, and its hint on a line of its own."""
    hint = f"→ {check.hint}" if check.hint else ""
    return shorten("\n".join(part for part in (check.reason, hint) if part).replace("\u00a0", " "), LONGEST)


def is_advice(check: CheckResult) -> bool:
    """Whether a check costs no points whatever it finds."""
    return check.out_of <= 0


PROVISIONAL = "--provisional"


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A file for a platform. `unplaced`: grades that are not in it, and why; `remarks`: what else to know."""

    content: bytes
    filled: int
    unplaced: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Released:
    """Grades to hand on, those of the excused, and why others are not handed on; who has nothing is in none of them."""

    marks: tuple[Grade, ...]
    excused: tuple[Grade, ...]
    held: tuple[str, ...]


def sort_grades(grades: Sequence[Grade], *, provisional: bool) -> Released:
    """What there is to hand on. A mark that a person must look at first is held back, unless `provisional`."""
    marks, excused, held = [], [], []
    for grade in grades:
        reason = _reason_to_hold(grade, provisional)
        if grade.excused:
            excused.append(grade)
        elif reason:
            held.append(f"{grade.student.name}: {reason}")
        elif grade.points is not None:
            marks.append(grade)
    return Released(marks=tuple(marks), excused=tuple(excused), held=tuple(held))


def _reason_to_hold(grade: Grade, provisional: bool) -> str:
    if grade.override is not None and grade.override.points is not None:
        return ""
    if grade.status is Status.BROKEN:
        return "the grader broke, so no mark was decided"
    if grade.awaits:
        return f"a person has not given the points of {', '.join(map(one_line, grade.awaits))} yet"
    if grade.provisional and not provisional:
        return f"a person must look at it before the mark stands ({PROVISIONAL} hands it on all the same)"
    return ""


def all_grades(results: Sequence[Result]) -> list[Grade]:
    """What the students of results get. A smoke run gives no grade."""
    return [grade for result in results if result.smoke is None for grade in grades_of(result)]


def the_grade(result: Result) -> Grade:
    """The one grade of a result, for a format that holds one mark.

    Raises UsageError for a smoke run, for the excused, for who handed in nothing, and for a group whose members have
    different grades; Infrastructure where the grader broke.
    """
    who = one_line(result.student)
    if result.smoke is not None:
        raise UsageError(f"{who}: was a smoke run, which gives no mark.", "Grade it in full.")
    grade = shared_grade(result)
    if grade is None:
        raise UsageError(f"{who}: the members of this group have different grades.", "This format holds one mark only.")
    if grade.excused:
        raise UsageError(f"{who}: is excused, which this format can't say.", "Enter it on the platform by hand.")
    if grade.points is None and grade.status is Status.BROKEN:
        raise Infrastructure(f"{who}: the grader broke, so no mark was decided.", "Run it again.")
    if grade.awaits:
        raise UsageError(
            f"{who}: {_reason_to_hold(grade, True)}, so there is no mark.",
            "Give them with `grader gradebook points`.",
        )
    if grade.points is None:
        raise UsageError(f"{who}: handed in nothing, so there is no mark.", "Leave them out, or decide their grade.")
    return grade


def points_for(grade: Grade, most: float | None, *, scale: bool, where: str) -> float:
    """The grade's points in a file where `most` can be had; None where the file does not say.

    Points out of 100 are none out of 10: they are converted where that is asked for, else refused. Raises UsageError.
    """
    assert grade.points is not None
    if most is None or most == grade.out_of:
        return grade.points
    if not scale:
        raise UsageError(
            f"{where}: at most {number(most)} points, but grades here are out of {number(grade.out_of)}.",
            "Type --scale to have them converted, or change the platform's maximum.",
        )
    return grade.points / grade.out_of * most if grade.out_of else 0.0


def comment_of(grade: Grade) -> str:
    """A few words to the student: the points, what lateness cost, what people had to say."""
    said = "\n".join(comment_lines(grade))
    if grade.points is None:
        return said or grade.comment
    words = f"{number(grade.points)} of {number(grade.out_of)} points"
    if grade.provisional:
        words += ", provisional until a person has looked at it"
    if not grade.decided and grade.lateness:
        words += f"; {grade.lateness}"
    if grade.slip_days is not None:
        words += f"; slip days left: {grade.slip_days.left}"
    return f"{words}. {said}".rstrip()
