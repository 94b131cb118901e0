"""The rows of a class: each result on disk, in the gradebook and on the class page, whoever ran the submission.

`ResultWriter` takes results as they come; at the end the code of the class is compared.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from grader.core.errors import GraderError
from grader.core.grades import Enrolment, HandIn, grades_of, with_grade, with_members
from grader.core.notebook import without_surrogates
from grader.core.progress import Progress
from grader.core.results import Grade, Outcome, Result, Status, Student
from grader.core.store import load_result, owner_of, save_result
from grader.core.text import number, one_line
from grader.gradebook import Gradebook, Refused
from grader.gradebook.persons import Person
from grader.intake import Entry
from grader.marking.flags import UnrunSubmission, explain_unread
from grader.marking.publish import (
    OutputOptions,
    publish_again,
    publish_class,
    publish_student,
    remember_origin,
    student_folder,
)
from grader.run.context import RunContext, versions
from grader.run.grade_one import GradedSubmission
from grader.run.packed_results import Rows
from grader.run.similar_code import SimilarityOptions, flag_similar_code, flag_similar_weights

MOST_SAID = 200  # characters of a reason on one line


class ResultWriter:
    """Publishes and records the results of a class as they come; `close` makes the class page.

    A gradebook that goes away stops nothing: what it missed is offered again at the end, and by the next run of the batch.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        context: RunContext,
        output: OutputOptions,
        book: Gradebook | None,
        progress: Progress,
        similarity: SimilarityOptions,
    ) -> None:
        self._entries, self._context, self._output = list(entries), context, output
        self._similarity = replace(similarity, sandbox=context.sandbox)
        self._persons: dict[int, list[Person]] = defaultdict(list)  # of each row, as the gradebook knows them
        self._book, self._progress = book, progress
        self._begun: tuple[int, GradedSubmission] | None = None  # a row that is being written
        self._missed: list[int] = []
        self._digests: dict[int, str] = {}
        self._rubric = context.rubric.digest
        self.rows = Rows()

    def enrol(self) -> Sequence[Entry]:
        """Everyone of the class, before anything is run; the entries by the names that the gradebook knows them by.

        Raises GraderError: then nothing was lost yet.
        """
        remember_origin(self._output)
        if self._book is not None:
            enrolled = [(place, item) for place, entry in enumerate(self._entries) for item in enrolments(entry)]
            course = self._output.course.rules()
            persons = self._book.enrol(self._context.rubric.assignment, [item for _, item in enrolled], course=course)
            for (place, item), person in zip(enrolled, persons, strict=True):
                self._persons[place].append(person)
                self._rename(place, item.student, person)
                for words in identity_notes(item.student, person):
                    self._progress.say(words)
            self._move_former_folders()
        return self._entries

    def _rename(self, place: int, student: Student, person: Person) -> None:
        """Call an entry, or a member of its group, as the gradebook does; but two hand-ins of one person stay two rows."""
        entry = self._entries[place]
        if person.name == student.name or (not entry.members and person.name in {one.student for one in self._entries}):
            return
        if not entry.members:
            self._entries[place] = replace(entry, student=person.name)
            return
        called = student.model_copy(update={"name": person.name})
        members = tuple(called if member == student else member for member in entry.members)
        self._entries[place] = replace(entry, members=members)

    def _move_former_folders(self) -> None:
        """What lies in the folder of somebody's former name is theirs: one person has one folder."""
        assert self._book is not None
        out, assignment = self._output.out, self._context.rubric.assignment.id
        handed_in = {item.student.name: item.folder for item in self._book.hand_ins(assignment) if item.folder}
        for place, entry in enumerate(self._entries):
            person = self._persons[place][0]
            before, now = out / handed_in.get(person.name, ""), student_folder(out, entry.student)
            if entry.members or entry.student != person.name or before in (out, now) or now.exists():
                continue
            result = load_result(before) if owner_of(before) in (person.name, person.before) else None
            if result is None:
                continue
            try:
                before.rename(now)
            except OSError as error:
                self._progress.say(f"{before}: could not be renamed to {now.name} ({error.strerror}); both stay.")
            else:
                save_result(now, result.model_copy(update={"student": person.name}))
                self._book.moved(assignment, before.name, now.name)

    def write(self, place: int, graded: GradedSubmission) -> None:
        """The result of entry number `place`. Raises GraderError where it can't be published."""
        self._digests[place], self._begun = graded.submission.sha256, (place, graded)
        result = self._record(place, graded.result)
        publish_student(self._output.out, result, graded.evidence, self._context.rubric, self._output.course)
        self._put(place, result)

    def write_without_mark(self, place: int, reason: str, remedy: str, *, ours: bool) -> None:
        """The row of an entry that can't be read or, `ours`, could not be run."""
        self._put(place, self._without_mark(place, reason, remedy, ours=ours))

    def _without_mark(self, place: int, reason: str, remedy: str, *, ours: bool) -> Result:
        """As published, and told to the gradebook: which may not take even that, and is then said not to have it."""
        entry, context = self._entries[place], self._context
        row = UnrunSubmission(
            rubric=context.rubric, student=entry.student, submission=entry.file, isolation=context.sandbox.isolation,
            versions=versions(), seed=context.seed, started=datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip
        result = explain_unread(row, reason=without_surrogates(reason), remedy=remedy, ours=ours)
        try:
            result = self._record(place, result)
        except Exception as error:
            self._progress.say(
                f"{one_line(entry.student)}: is not in the gradebook: {one_line(str(error))[:MOST_SAID]}"
            )
        with suppress(Exception):  # whatever it is that went wrong: the class page still has the row
            publish_student(self._output.out, result, None, context.rubric, self._output.course)
        return result

    def _put(self, place: int, result: Result) -> None:
        self._begun = None
        self.rows.put(place, result)
        words = describe_points(result)
        trouble = result.status is not Status.GRADED and not result.absent
        if trouble:
            words += f" ({result.status.value.replace('_', ' ')}): {one_line(first_trouble(result))[:MOST_SAID]}"
        self._progress.done(result.student, words, trouble=trouble)

    def _record(self, place: int, result: Result) -> Result:
        """Tell the gradebook; the result with the grade that follows, where the gradebook answers.

        Raises Refused where it works and does not take this row.
        """
        if self._book is None:
            return result
        if self._missed:  # it is away: not twenty seconds of waiting for each row
            self._missed.append(place)
            return result
        try:
            return self._record_now(place, result)
        except Refused:
            raise
        except GraderError as error:
            self._missed.append(place)
            self._progress.say(
                f"The gradebook does not answer: {error.message} Results are kept on disk and recorded at the end."
            )
            return result

    def _record_now(self, place: int, result: Result) -> Result:
        """Record what was handed in, and read the grades of the row's students."""
        assert self._book is not None
        entry, persons = self._entries[place], self._persons[place]
        if entry.handed_in:
            folder = student_folder(self._output.out, entry.student).name
            for enrolled, person in zip(enrolments(entry), persons, strict=True):
                hand_in = HandIn(
                    student=enrolled.student.model_copy(update={"name": person.name}),
                    digest=self._digests.get(place, ""), name=result.submission, submitted=entry.submitted,
                    marked_late=bool(entry.late), folder=folder,
                )  # fmt: skip
                own = result.model_copy(update={"student": person.name})
                self._book.record(own, hand_in, rubric_digest=self._rubric)
        return self._with_grades(
            place, result, [self._book.grade(result.assignment, person.student_id) for person in persons]
        )

    def _with_grades(self, place: int, result: Result, grades: Sequence[Grade]) -> Result:
        return with_members(result, grades) if self._entries[place].members else with_grade(result, grades[0])

    def _record_missed(self) -> None:
        """Offer again what the gradebook missed."""
        places, self._missed = self._missed, []
        for done, place in enumerate(places):
            try:
                self._record_now(place, self.rows.at(place))
            except Refused as error:
                self.rows.put(place, self._without_mark(place, error.message, error.remedy, ours=True))
            except GraderError as error:
                self._missed = places[done:]
                self._progress.say(
                    f"{len(self._missed)} results are not in the gradebook: {error.message} {error.remedy} They are on "
                    "disk; the same command records them, and runs nothing again."
                )
                return
        if places:
            self._progress.say(f"The gradebook is there again: {len(places)} results were recorded late.")

    def judged_files(self) -> dict[int, tuple[Result, str]]:
        """The rows so far with the digests of what was handed in, once the class was compared."""
        self._compare_class()
        return {place: (self.rows.at(place), digest) for place, digest in self._digests.items() if self.rows.has(place)}

    def _compare_class(self) -> None:
        """Flag what is much alike: code, and the weights of handed-in networks."""
        places = {place: entry.student for place, entry in enumerate(self._entries)}
        assignment = self._context.rubric.assignment.id
        trouble = flag_similar_code(
            self.rows, places, self._output.out, self._output.course, assignment, self._similarity
        )
        if trouble:
            self._progress.say(trouble)
        flag_similar_weights(self.rows, places, self._output.out)

    def close(self) -> tuple[Rows, Path]:
        """The class page, after the whole class. Raises Infrastructure."""
        self._record_missed()
        self._compare_class()
        return self.rows, self._publish()

    def close_early(self) -> None:
        """The class page of what is there, and how much that is; nobody waits for a gradebook now. Raises Infrastructure.

        The row at which the batch was interrupted is written first: the gradebook may have it, and nothing else yet.
        """
        if self._begun is not None:
            with suppress(Exception):  # whatever it is: the batch ends for a reason of its own
                self.write(*self._begun)
        done = len(self.rows)
        self._take_up_earlier()
        if self.rows:
            page = self._publish()
            self._progress.say(
                f"{done} of {len(self._entries)} entries were graded; {page} shows {len(self.rows)} of them."
            )

    def _publish(self) -> Path:
        self._show_todays_grades()
        return publish_class(self._output.out, self.rows, self._context.rubric, self._output.course)

    def _show_todays_grades(self) -> None:
        """Each row with the grade that it has now, and its page, where that is another than was shown."""
        if self._book is None or self._missed:
            return
        try:
            found = self._book.grades(self._context.rubric.assignment.id)
        except GraderError as error:
            self._progress.say(f"The class page shows points without penalties and overrides: {error.message}")
            return
        known = {grade.student.name: grade for grade in found}
        for place in range(len(self._entries)):
            mine = [known[person.name] for person in self._persons[place] if person.name in known]
            if not mine or not self.rows.has(place):
                continue
            old = self.rows.at(place)
            new = self._with_grades(place, old, mine)
            if new != old:
                self.rows.put(place, new)
                with suppress(Exception):  # as in `_without_mark`: a page that can't be written costs no row
                    publish_again(self._output.out, new, self._context.rubric, self._output.course)

    def _take_up_earlier(self) -> None:
        """Results of an earlier run for entries that this batch did not reach: a page never shrinks."""
        for place, entry in enumerate(self._entries):
            if self.rows.has(place):
                continue
            result = load_result(student_folder(self._output.out, entry.student))
            if result is not None and result.assignment == self._context.rubric.assignment.id:
                self.rows.put(place, result)


def describe_points(result: Result) -> str:
    """What the student of a row gets, or each member of a group, in a few words."""
    told = [
        "excused" if grade.excused
        else "nothing handed in" if grade.status is None and grade.points is None
        else "awaits a person" if grade.awaits
        else "no mark" if grade.points is None
        else f"{number(grade.points)} of {number(grade.out_of)} points"
        for grade in grades_of(result)
    ]  # fmt: skip
    return ", ".join(dict.fromkeys(told))


def identity_notes(student: Student, person: Person) -> Iterator[str]:
    """What a teacher should know where the gradebook calls somebody otherwise."""
    name, now = one_line(student.name), one_line(person.name)
    if person.before:
        yield f"{one_line(person.before)} is called {now} now: one person, by the number, login or address."
    if person.apart:
        yield f"{name}: the gradebook knows another person of this name; this one is called {now}."
    elif now != name:
        yield f"{name} is {now} of the gradebook, by the number or login."


def first_trouble(result: Result) -> str:
    """The first thing that went wrong: what a person wants to know of a row that is in trouble."""
    wrong = (Outcome.FAILED, Outcome.BROKEN)
    reasons = [
        *(check.reason for check in result.checks if check.outcome in wrong),
        *(flag.reason for flag in result.flags),
    ]
    return next(filter(None, reasons), result.ending.message)


def enrolments(entry: Entry) -> list[Enrolment]:
    """The students whom a row is for: one, or those of a group."""
    if not entry.members:
        return [entry.enrolment]
    return [Enrolment(student=member, extension=entry.enrolment.extension) for member in entry.members]
