"""One submission from what was handed in to its result: each run that is due is collected, stored and marked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grader.core.errors import GraderError, Infrastructure
from grader.core.evidence import Cause, Evidence
from grader.core.progress import Progress
from grader.core.results import Comparison, Result, Student
from grader.core.store import AUDIT, EVIDENCE, Stored, discard_evidence, holds_model, load_evidence, save_evidence
from grader.core.text import one_line
from grader.intake import Submission
from grader.marking.accuracy_to_beat import Earlier, compare, exercises_compared, index_earlier
from grader.marking.mark import another_is_due, mark_attempts
from grader.marking.publish import OutputOptions, publish_student, student_folder
from grader.marking.repeated_runs import DRAWN, attempt_folder, counted_run, save_drawn, seed_of, with_audit
from grader.run.collect import Collected, Collector, CollectorGone, LocalCollector, WorkerLost, WorkerUnfit
from grader.run.context import RunContext, evidence_key
from grader.run.train_or_judge import to_train, to_train_unseen, train_or_judge

MOST_LOST = 2  # repetitions of one run whose worker went away
MOST_REFUSED = 20  # workers that were asked for one run and can do nothing of this batch


@dataclass(frozen=True, kw_only=True)
class GradedSubmission:
    """The result of a submission, with the evidence that its report shows."""

    submission: Submission
    result: Result
    evidence: Evidence


def grade_submission(
    submission: Submission, context: RunContext, output: OutputOptions, progress: Progress
) -> Result:  # fmt: skip
    """Grade one submission on this machine and publish its result. Raises GraderError."""
    earlier = index_earlier(output.earlier, exercises_compared(context.rubric.planned))
    collector = LocalCollector(context, 1, progress)
    graded = grade_one(submission, context, output, progress, collector=collector, earlier=earlier)
    publish_student(output.out, graded.result, graded.evidence, context.rubric, output.course)
    return graded.result


def grade_one(
    submission: Submission, context: RunContext, output: OutputOptions, progress: Progress, *,
    collector: Collector, earlier: Earlier | None, who: Student | None = None, audit: str = "",
) -> GradedSubmission:  # fmt: skip
    """Collect the runs that the rubric asks for, or take what is stored of them, and mark them. Blocks until it is done.

    `earlier`: results of other exercises to compare with; `who`: the student, where more than the name is known. `audit`:
    why a handed-in network is trained after all.
    Writes evidence and nothing else. Raises GraderError.
    """
    compared = compare(context.rubric, student=submission.student, earlier=earlier, course=output.course, who=who)
    folder = student_folder(output.out, submission.student)
    submission = train_or_judge(submission, context)
    attempts = _Attempts(submission, context, folder, output.rerun, collector, progress)
    if submission.way == "handed-in":
        attempts.keep_trained()
        runs = [with_audit(attempts.obtain(1), folder)]
        if audit and runs[0].evidence.facts.handed_in_network is not None:
            attempts.audit(audit)
            runs = [with_audit(runs[0], folder)]
        return _marked(submission, runs, context, compared)
    attempts.take_audited()
    runs = [attempts.obtain(1)]
    while another_is_due(runs, context.rubric, compared):
        run = attempts.repeat(len(runs) + 1)
        if run is None:
            break
        runs.append(run)
    runs += attempts.left_from(len(runs) + 1)
    return _marked(submission, runs, context, compared)


def _marked(
    submission: Submission, runs: Sequence[Stored], context: RunContext, compared: Mapping[str, Comparison]
) -> GradedSubmission:  # fmt: skip
    result = mark_attempts(runs, context.rubric, compared).model_copy(update={"student": submission.student})
    return GradedSubmission(submission=submission, result=result, evidence=counted_run(runs, result).evidence)


@dataclass(frozen=True)
class _Attempts:
    """The runs of one submission, numbered from 1: each has a seed of its own, and evidence in a folder of its own."""

    submission: Submission
    context: RunContext
    folder: Path
    rerun: bool
    collector: Collector
    progress: Progress

    def obtain(self, number: int) -> Stored:
        """What is stored of this very run, else a new run, which is stored."""
        place = attempt_folder(self.folder, number)
        there = self._trained(place) if number == 1 and self.submission.way == "trained" else self._stored(number)
        if there is None:
            discard_evidence(place)  # of another hand-in: a regrade must not find it if this run fails
        if there is not None and not self.rerun:
            return there
        collected = self._collect(seed_of(self.context.seed, number))
        save_evidence(place, collected.stored, collected.model)
        return collected.stored

    def keep_trained(self) -> None:
        """Put a trained run of this very submission aside, where the mark is to rest on a handed-in network from now on."""
        first, aside = attempt_folder(self.folder, 1), self.folder / AUDIT
        if self._trained(first) is not None and self._trained(aside) is None:
            discard_evidence(aside)
            _move(first, aside)

    def take_audited(self) -> None:
        """Take the trained run of an audit for the one that counts, where that is missing."""
        first, aside = attempt_folder(self.folder, 1), self.folder / AUDIT
        if self.rerun or not (aside / EVIDENCE).is_file():
            return
        if self._trained(first) is None and self._trained(aside) is not None:
            discard_evidence(first)
            _move(aside, first)

    def audit(self, why: str) -> None:
        """Have the code trained that a handed-in network was judged for. Raises GraderError."""
        aside = self.folder / AUDIT
        save_drawn(self.folder, why, self.submission.sha256)
        if self._trained(aside) is not None and not self.rerun:
            return
        discard_evidence(aside)
        self.progress.step(self.submission.student, f"audit ({why}): trained in full")
        unseen = replace(self, submission=to_train_unseen(self.submission))
        collected = unseen._collect(self.context.seed)
        save_evidence(aside, collected.stored, collected.model)

    def _trained(self, folder: Path) -> Stored | None:
        """A stored run in which the code was trained, with its handed-in networks beside it or without them."""
        ways = (to_train_unseen(self.submission), to_train(self.submission))
        keys = dict.fromkeys(evidence_key(way, self.context) for way in ways)
        found = (reusable(folder, key) for key in keys)
        return next((stored for stored in found if stored is not None), None)

    def repeat(self, number: int) -> Stored | None:
        """A further run of a borderline submission; where the grader itself fails, what is stored of it, if anything."""
        who = self.submission.student
        self.progress.step(who, f"borderline: run again with seed {seed_of(self.context.seed, number)}")
        try:
            return self.obtain(number)
        except CollectorGone:  # nobody is left to run anything: that ends the batch, and the same command goes on
            raise
        except Infrastructure as error:
            self.progress.step(who, f"could not be run again: {one_line(error.message)}")
            return self._stored(number)

    def left_from(self, number: int) -> list[Stored]:
        """Runs from `number` on that an earlier policy asked for; evidence of another hand-in is discarded."""
        runs: list[Stored] = []
        while ((place := attempt_folder(self.folder, number)) / EVIDENCE).exists():
            stored = self._stored(number)
            if stored is None:
                discard_evidence(place)
            else:
                runs.append(stored)
            number += 1
        return runs

    def _stored(self, number: int) -> Stored | None:
        key = evidence_key(self.submission, replace(self.context, seed=seed_of(self.context.seed, number)))
        return reusable(attempt_folder(self.folder, number), key)

    def _collect(self, seed: int) -> Collected:
        """Run it; again where its worker went away, and elsewhere where a worker can run nothing of this batch."""
        lost = refused = 0
        while True:
            try:
                return self.collector.collect(self.submission, seed)
            except WorkerUnfit as error:
                refused += 1
                if refused > MOST_REFUSED:
                    raise Infrastructure(error.message, error.remedy) from None
            except WorkerLost:
                lost += 1
                if lost > MOST_LOST:
                    raise
                self.progress.step(self.submission.student, "its worker went away: run again")


def _move(from_: Path, to: Path) -> None:
    """Move a run's files; the one that makes them complete last. Raises Infrastructure."""
    try:
        to.mkdir(parents=True, exist_ok=True)
        for name in (*(path.name for path in from_.iterdir() if path.name not in (EVIDENCE, DRAWN)), EVIDENCE):
            (from_ / name).replace(to / name)
    except OSError as error:
        raise Infrastructure(
            f"{from_}: can't be moved to {to.name} ({error.strerror}).", "Check the permissions of --out."
        ) from None


def reusable(folder: Path, key: str) -> Stored | None:
    """Stored evidence of the very same run, unless our own machinery had failed in it, or its network is damaged."""
    if not (folder / EVIDENCE).is_file():
        return None
    try:
        stored = load_evidence(folder)
    except GraderError:
        return None
    if stored.evidence.key != key or stored.evidence.facts.ending.cause is Cause.INFRASTRUCTURE:
        return None
    return stored if holds_model(folder, stored.evidence) else None
