"""What becomes of a row: on disk, in the gradebook, on the class page. Here alone, whoever ran the submission."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from grader.batch.attending import Marked
from grader.batch.likeness import MOST, flag_similar
from grader.batch.rows import Rows
from grader.bench import Bench, versions
from grader.errors import GraderError, Infrastructure
from grader.findings import Row, explain_unread
from grader.gradebook import Gradebook
from grader.grades import Enrolment, Grade, HandIn
from grader.intake import Entry, Submission, safe_name
from grader.notebook import without_surrogates
from grader.progress import Progress
from grader.publish import Order, publish_class, publish_student, student_folder
from grader.report.visible import one_line
from grader.results import Outcome, Result, Status
from grader.store import load_result

MOST_SAID = 200  # characters of a reason on one line


class Registrar:
    """Publishes and records the results of a class as they come; `close` makes the class page.

    A gradebook that goes away stops nothing: what it missed is offered again at the end, and by the next run of the batch.
    """

    def __init__(
        self, entries: Sequence[Entry], bench: Bench, order: Order, book: Gradebook | None, progress: Progress
    ) -> None:
        self._entries, self._bench, self._order = entries, bench, order
        self._book, self._progress = book, progress
        self._missed: list[int] = []
        self._digests: dict[int, str] = {}
        self._rubric = bench.rubric.digest
        self.rows = Rows()

    def enrol(self) -> None:
        """Everyone of the class, before anything is run. Raises GraderError: then nothing was lost yet."""
        if self._book is not None:
            self._book.enrol(
                self._bench.rubric.assignment, [item for entry in self._entries for item in enrolments(entry)]
            )

    def marked(self, place: int, submission: Submission, marked: Marked) -> None:
        """The result of entry number `place`. Raises GraderError where it can't be published."""
        publish_student(self._order.out, marked.result, marked.evidence, self._bench.rubric, self._order.course)
        self._digests[place] = submission.sha256
        self._enter(place, marked.result)

    def unread(self, place: int, reason: str, remedy: str, *, ours: bool) -> None:
        """The row of an entry that can't be read or, `ours`, could not be run."""
        entry, bench = self._entries[place], self._bench
        row = Row(
            student=entry.student, submission=entry.file, assignment=bench.rubric.assignment,
            planned=bench.rubric.planned, dataset=bench.rubric.dataset, isolation=bench.sandbox.isolation,
            judged_on=bench.rubric.judged_on, versions=versions(), seed=bench.seed,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
        )  # fmt: skip
        result = explain_unread(row, reason=without_surrogates(reason), remedy=remedy, ours=ours)
        with suppress(Exception):  # whatever it is that went wrong: the class page still has the row
            publish_student(self._order.out, result, None, bench.rubric, self._order.course)
        self._enter(place, result)

    def _enter(self, place: int, result: Result) -> None:
        self.rows.put(place, result)
        self._record(place, result)
        words = f"{result.points:g} of {result.out_of:g} points"
        trouble = result.status is not Status.GRADED
        if trouble:
            words += f" ({result.status.value.replace('_', ' ')}): {one_line(why(result))[:MOST_SAID]}"
        self._progress.done(result.student, words, trouble=trouble)

    def _record(self, place: int, result: Result) -> None:
        entry = self._entries[place]
        if self._book is None or not entry.handed_in:
            return
        if self._missed:  # it is away: not twenty seconds of waiting for each row
            self._missed.append(place)
            return
        try:
            self._offer(place, result)
        except GraderError as error:
            self._missed.append(place)
            self._progress.say(
                f"The gradebook does not answer: {error.message} Results are kept on disk and recorded at the end."
            )

    def _offer(self, place: int, result: Result) -> None:
        assert self._book is not None
        for hand_in in hand_ins(self._entries[place], result, self._digests.get(place, "")):
            own = result.model_copy(update={"student": hand_in.student.name})
            self._book.record(own, hand_in, rubric_digest=self._rubric)

    def _catch_up(self) -> None:
        """Offer again what the gradebook missed."""
        places, self._missed = self._missed, []
        for number, place in enumerate(places):
            try:
                self._offer(place, self.rows.at(place))
            except GraderError as error:
                self._missed = places[number:]
                self._progress.say(
                    f"{len(self._missed)} results are not in the gradebook: {error.message} {error.remedy} They are on "
                    "disk; the same command records them, and runs nothing again."
                )
                return
        if places:
            self._progress.say(f"The gradebook is there again: {len(places)} results were recorded late.")

    def close(self) -> tuple[Rows, Path]:
        """The class page, after the whole class. Raises Infrastructure."""
        self._catch_up()
        self._compare_code()
        return self.rows, self._publish()

    def _compare_code(self) -> None:
        bench, places = self._bench, {place: entry.student for place, entry in enumerate(self._entries)}
        if not flag_similar(self.rows, places, self._order.out, self._order.course, bench.rubric.assignment.id):
            self._progress.say(f"The code of more than {MOST:,} submissions is not compared.")

    def close_early(self) -> None:
        """The class page of what is there, and how much that is; nobody waits for a gradebook now. Raises Infrastructure."""
        done = len(self.rows)
        self._take_up_earlier()
        if self.rows:
            page = self._publish()
            self._progress.say(f"{done} of {len(self._entries)} were come to; {page} shows {len(self.rows)} of them.")

    def _publish(self) -> Path:
        return publish_class(self._order.out, self.rows, self._bench.rubric, self._order.course, grades=self._grades())

    def _take_up_earlier(self) -> None:
        """Rows that this batch did not come to, from results of an earlier run of it: a page never shrinks."""
        for place, entry in enumerate(self._entries):
            if self.rows.has(place):
                continue
            result = load_result(student_folder(self._order.out, entry.student))
            if result is not None and result.assignment == self._bench.rubric.assignment.id:
                self.rows.put(place, result)

    def _grades(self) -> dict[str, Grade]:
        """What the gradebook gives each student of the class; nothing where it does not answer."""
        if self._book is None or self._missed:
            return {}
        try:
            found = self._book.grades(self._bench.rubric.assignment.id)
        except GraderError as error:
            self._progress.say(f"The class page shows points without penalties and overrides: {error.message}")
            return {}
        return {grade.student.name: grade for grade in found}


def why(result: Result) -> str:
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


def hand_ins(entry: Entry, result: Result, digest: str) -> list[HandIn]:
    """What each student of a row handed in."""
    return [
        HandIn(
            student=item.student, digest=digest, name=result.submission, submitted=entry.submitted,
            marked_late=bool(entry.late), folder=safe_name(entry.student),
        )
        for item in enrolments(entry)
    ]  # fmt: skip


def room_left(out: Path) -> None:
    """Raise Infrastructure where nothing can be written below `out` any more: then no other submission is run."""
    from grader.workspace import write_whole

    probe = out / ".room"
    try:
        write_whole(probe, b"\0" * (1 << 16))
    except Infrastructure as error:
        raise Infrastructure(
            f"{out}: can't be written to any more. {error.message}", "Make room; the same command goes on."
        ) from None
    with suppress(OSError):
        probe.unlink()
