"""What if: other numbers in the rubric, who would move, and, where a person wants it, the file written and the class marked.

A preview leaves no trace. Applying is refused where the file was edited since the page was opened, where a colleague changed
the rubric meanwhile, and where what was typed is not what was previewed.
"""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from grader.core.errors import GraderError, Infrastructure, RubricError, UsageError
from grader.core.results import Grade
from grader.core.text import number, one_line
from grader.course.rubric import Rubric
from grader.gradebook import Change
from grader.marking.publish import OutputOptions
from grader.marking.regrade import Move, describe_grade, regrade
from grader.marking.rubric_numbers import (
    Difference,
    NotANumber,
    NumberChange,
    RubricEdited,
    RubricNumber,
    changed_numbers,
    differences,
    require_unedited,
    write_changes,
)
from grader.marking.what_if import ClassEvidence, GradeMove, Preview, gets, preview, rubric_with
from grader.review.class_state import ClassState, Row, RubricToday
from grader.review.desk import Desk
from grader.review.names import Names
from grader.review.web import Form, Visit

FIELD = "n."  # how the fields of numbers are named in the form
MOST_VERSIONS = 20  # of the file, kept to say what was edited since
MOST_REASON = 500
MARKED_AGAIN = "the class was marked again by the rubric file as it is"


@dataclass(frozen=True, kw_only=True)
class NumberField:
    """A number as a field of the form: what is typed in it, and what is wrong with that."""

    number: RubricNumber
    text: str
    fault: str = ""

    @property
    def name(self) -> str:
        """What the form calls it."""
        return FIELD + self.number.key

    @property
    def slider(self) -> bool:
        """Whether it is a fraction, which can be slid."""
        return self.number.kind == "fraction"

    @property
    def slid(self) -> float:
        """Where the slider stands: at what is typed, else at what holds where nothing is."""
        for text in (self.text.replace(",", "."), self.number.default):
            try:
                return float(text)
            except ValueError:
                continue
        return self.number.least or 0.0


@dataclass(frozen=True, kw_only=True)
class MovedLine:
    """A student who would get something else."""

    name: str
    href: str
    before: str
    after: str
    why: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WhatIfPage:
    """Everything the page says. `previewed` stands for the changes that the preview is of, `seen` for the log's entry."""

    groups: tuple[tuple[str, tuple[NumberField, ...]], ...]
    digest: str
    seen: int
    path: str
    reason: str = ""
    fault: str = ""
    edited: tuple[Difference, ...] | None = None
    changes: tuple[str, ...] = ()
    previewed: str = ""
    shown: Preview | None = None
    moved: tuple[MovedLine, ...] = ()
    troubles: tuple[tuple[str, str], ...] = ()
    left: tuple[tuple[str, str], ...] = ()
    above: tuple[tuple[str, str], ...] = ()
    said: str = ""

    @property
    def fields(self) -> tuple[NumberField, ...]:
        """All fields."""
        return tuple(field for _, fields in self.groups for field in fields)


class WhatIf:
    """The page of one desk. The class' evidence is read when something is previewed first, and kept."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.RLock()
        self._versions: dict[str, RubricToday] = {}
        self._evidence: ClassEvidence | None = None

    def show(self, visit: Visit) -> Response:
        """The rubric's numbers as they are."""
        today = self._today()
        page = self._page(today, {number.key: number.written for number in today.numbers})
        return self._shown(visit, page)

    def preview(self, visit: Visit) -> Response:
        """Who would move by what was typed; nothing is kept."""
        today, typed, edited = self._typed(visit.form)
        page = self._previewed(today, typed, visit)
        if edited is not None:
            page = replace(page, edited=edited)
        if visit.fragment and edited is None:
            return visit.page("what_if_part.html.j2", {"page": page})
        return self._shown(visit, page, status=200 if edited is None else 409)

    def apply(self, visit: Visit) -> Response:
        """Write the file, mark the class again, log it; or the page again where something speaks against it."""
        with self._lock:
            today, typed, edited = self._typed(visit.form)
            page = self._previewed(today, typed, visit)
            again = ""
            if edited is None and not page.fault and page.previewed != visit.form.text("previewed"):
                again = "This is what you typed last. Look at it, then apply it."
            if edited is not None or page.fault or again or not page.changes or any(f.fault for f in page.fields):
                page = replace(page, edited=edited, said=again)
                return self._shown(visit, page, status=409 if edited is not None else 400)
            changes, _ = changed_numbers(today.numbers, typed)
            before = self._grades()
            try:
                moves = self._apply(today, changes, visit.form)
            except RubricEdited:  # while this was previewed: the page says how
                return self.apply(visit)
        return self._marked(visit, page, moves, before)

    def mark_again(self, visit: Visit) -> Response:
        """Mark the class by the file as it is: it was edited, or somebody's apply did not come to its end."""
        with self._lock:
            today, before = self._today(), self._grades()
            page = self._previewed(today, {number.key: number.written for number in today.numbers}, visit)
            moves = self._regrade(today.rubric)
            entry = Change(
                kind="rubric", author=self._desk.options.author, value={"changes": [MARKED_AGAIN]},
                reason=visit.form.text("reason")[:MOST_REASON],
            )  # fmt: skip
            self._desk.decide([entry])
        return self._marked(visit, page, moves, before)

    def _marked(self, visit: Visit, page: WhatIfPage, moves: Sequence[Move], before: Mapping[str, Grade]) -> Response:
        """What came of marking the class again: who moved is counted as the preview counts."""
        names = visit.names
        troubles = [names.hide(f"{one_line(move.new.student)}: {move.trouble}") for move in moves if move.trouble]
        after = self._grades()
        students = sum(name in before and gets(before[name]) != gets(grade) for name, grade in after.items())
        beside = [move for move in moves if move.new.grade is None and not move.new.members]  # in no gradebook
        stay = [move for move in moves if move.moved and all(o and gets(o) == gets(n) for o, n in move.grades())]
        values = {
            "page": page, "moved": students + sum(move.moved for move in beside), "stay": len(stay), "troubles": troubles,
        }  # fmt: skip
        return visit.page("what_if_applied.html.j2", values)

    def _grades(self) -> Mapping[str, Grade]:
        return {grade.student.name: grade for grade in self._desk.book.grades(self._desk.assignment)}

    def _shown(self, visit: Visit, page: WhatIfPage, *, status: int = 200) -> Response:
        values = {"page": page, "otherwise": self._desk.state().otherwise}
        return visit.page("what_if.html.j2", values, status=status)

    def _today(self) -> RubricToday:
        """The rubric by its file, read again where that changed. Raises GraderError."""
        with self._lock:
            today = self._desk.rubric_today()
            self._versions[today.file.digest] = today
            for old in list(self._versions)[:-MOST_VERSIONS]:
                del self._versions[old]
            return today

    def _typed(self, form: Form) -> tuple[RubricToday, dict[str, str], tuple[Difference, ...] | None]:
        """Today's rubric, what a person typed for each number, and how the file was edited since (None: it was not).

        Of a file that was edited the numbers of today stand wherever the person had left the older ones.
        """
        today, digest = self._today(), form.text("digest")
        present = {one.key: one.written for one in today.numbers}
        typed = {key: form.text(FIELD + key) if FIELD + key in form.fields else text for key, text in present.items()}
        if digest in ("", today.file.digest):
            return today, typed, None
        old = self._versions.get(digest)
        if old is None:
            return today, typed, ()
        for one in old.numbers:
            if one.key in typed and typed[one.key] == one.written:
                typed[one.key] = present[one.key]
        return today, typed, differences(old.file.raw, today.file.raw)

    def _page(
        self, today: RubricToday, typed: Mapping[str, str], faults: Mapping[str, str] | None = None
    ) -> WhatIfPage:
        groups: dict[str, list[NumberField]] = {}
        for one in today.numbers:
            field = NumberField(number=one, text=typed[one.key], fault=(faults or {}).get(one.key, ""))
            groups.setdefault(one.group, []).append(field)
        newest = self._desk.state().standing.get(("", "rubric", ""))
        return WhatIfPage(
            groups=tuple((title, tuple(fields)) for title, fields in groups.items()), digest=today.file.digest,
            seen=0 if newest is None else newest.id, path=str(today.file.path),
        )  # fmt: skip

    def _previewed(self, today: RubricToday, typed: Mapping[str, str], visit: Visit) -> WhatIfPage:
        """The page with who would move by what was typed, or with what is wrong with it."""
        course, raw = self._desk.options.course, today.file.raw
        changes, wrong = changed_numbers(today.numbers, typed)
        faults, fault, other = {key: _sentence(error) for key, error in wrong.items()}, "", None
        try:
            other = rubric_with(today.rubric, raw, changes, course)
        except RubricError as error:
            alone = self._faults_alone(today, changes)
            faults.update(alone)
            fault = "" if alone else _sentence(error)
        page = replace(self._page(today, typed, faults), fault=fault, reason=visit.form.text("reason")[:MOST_REASON])
        page = replace(page, changes=tuple(change.words for change in changes))
        if other is None or faults:
            return page
        with self._lock:
            if self._evidence is None or self._evidence.rubric is not today.rubric:
                self._evidence = ClassEvidence(today.rubric, self._output())
            moves = self._evidence.mark(other)
        shown = preview(moves, other, *self._desk.book.bases(today.rubric.assignment.id))
        state, names = self._desk.state(), visit.names
        return replace(
            page, shown=shown, previewed=_stands_for(page.changes),
            moved=tuple(sorted((_moved_line(move, state, names) for move in shown.moved), key=_by_name)),
            troubles=tuple((_name_of(state.row_in(folder), names), words) for folder, words in shown.troubles),
            left=tuple(sorted((_name_of(state.row_in(one.folder), names, one.student), one.why) for one in shown.left)),
            above=tuple(sorted(_above_line(move, state, names) for move in shown.above)),
        )  # fmt: skip

    def _faults_alone(self, today: RubricToday, changes: Sequence[NumberChange]) -> dict[str, str]:
        """The changes that no rubric could have, each with what is wrong with it; none where only several together are."""
        found = {}
        for change in changes:
            try:
                rubric_with(today.rubric, today.file.raw, [change], self._desk.options.course)
            except RubricError as error:
                found[change.number.key] = _sentence(error)
        return found

    def _output(self) -> OutputOptions:
        options = self._desk.options
        return OutputOptions(out=options.out, course=options.course, data=options.data)

    def _apply(self, today: RubricToday, changes: Sequence[NumberChange], form: Form) -> list[Move]:
        """Write the file and log it, then mark. Of two who apply at once the log refuses the second. Raises GraderError.

        A desk that ends in between leaves marks of another rubric than the file's, which every desk says.
        """
        desk = self._desk
        require_unedited(today.file)
        entry = Change(
            kind="rubric", author=desk.options.author, value={"changes": [change.words for change in changes]},
            reason=form.text("reason")[:MOST_REASON], seen=form.whole("seen"),
        )  # fmt: skip
        desk.book.write_log_of(desk.assignment, entry, lambda: write_changes(today.file, changes))
        now = self._today()
        try:
            return self._regrade(now.rubric)
        except GraderError as error:
            raise Infrastructure(
                f"The rubric file is written, but the class could not be marked again: {error.message}",
                f"The class page has a button that marks it again. {error.remedy}".strip(),
            ) from None

    def _regrade(self, rubric: Rubric) -> list[Move]:
        try:
            return regrade(rubric, self._output(), dry_run=False, book=self._desk.book)
        finally:
            self._desk.look_again()


def _sentence(error: NotANumber | RubricError | UsageError) -> str:
    """What is wrong, without the file's name, which stands on the page already."""
    _, _, after = error.message.partition("assignment.toml: ")
    return f"{after or error.message} {error.remedy}".strip()


def _stands_for(changes: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(changes).encode()).hexdigest()


def _by_name(line: MovedLine) -> str:
    """By what is shown: the order of hidden names would tell them."""
    return line.name.casefold()


def _moved_line(move: GradeMove, state: ClassState, names: Names) -> MovedLine:
    row = state.row_in(move.folder)
    return MovedLine(
        name=_name_of(row, names, move.after.student.name), href=f"/submission/{row.key}" if row else "",
        before=describe_grade(move.before), after=describe_grade(move.after), why=move.why,
    )  # fmt: skip


def _above_line(move: GradeMove, state: ClassState, names: Names) -> tuple[str, str]:
    grade = move.after
    name = _name_of(state.row_in(move.folder), names, grade.student.name)
    return name, f"{number(grade.points or 0)} of {number(grade.out_of)}"


def _name_of(row: Row | None, names: Names, student: str = "") -> str:
    """What the page calls a submission, or a student of it."""
    if row is None:
        return one_line(names.hide(student), 120)
    place = row.students.index(student) if student in row.students else None
    return one_line(names.of(row) if place is None else names.member(row, place), 120)
