"""How long it takes to see what other numbers in a rubric would do to a class.

    .venv/bin/python benchmarks/what_if.py [--counts 300 500] [--profile]

Evidence of a class is made: networks with the outputs of 10,000 judged images in ten classes (as of MNIST, `exercise1`) and
of 1,000 in two (as of `pets`), each right on another number of them, with ten cells whose outputs hold text and a figure.
Labels are drawn, so nothing is downloaded. Printed are: reading the evidence, once; then the slowest of several changes of
each kind, from the numbers typed to everybody's grade before and after, as the review desk shows it; and memory
after reading and after 100 changes. Times are the processor's, so that other work on the machine does not count.
Exit status: 0 where every change takes less than 300 ms for 300 students and 500 ms for 500.
"""

import argparse
import base64
import cProfile
import hashlib
import os
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from grader.core.evidence import Cell, Output  # noqa: E402 - found beside us
from grader.core.grades import Enrolment, HandIn  # noqa: E402
from grader.core.results import Result, Student  # noqa: E402
from grader.core.store import Stored, pack_outputs, save_evidence, save_result  # noqa: E402
from grader.course.course import Course  # noqa: E402
from grader.course.rubric import Rubric, network_rubric  # noqa: E402
from grader.gradebook import Gradebook, open_gradebook  # noqa: E402
from grader.marking.publish import OutputOptions  # noqa: E402
from grader.marking.rubric_numbers import RubricFile, changed_numbers, read_rubric_file, rubric_numbers  # noqa: E402
from grader.marking.what_if import ClassEvidence, preview, rubric_with  # noqa: E402
from tests import fakes  # noqa: E402
from tests.checks import builders as built  # noqa: E402

LIMITS_MS = {300: 300.0, 500: 500.0}
IMAGES = {"exercise1": 10_000, "pets": 1_000}
CHANGES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "exercise1": {
        "pass mark": {"pass_mark": "70"}, "threshold": {"check.6.at_least": "0.95"}, "points": {"check.6.points": "60"},
        "hidden layers": {"check.4.at_least": "3"}, "late rule": {"due": "2026-11-01T12:00:00+01:00", "late.per_day": "0.1"},
    },
    "pets": {
        "pass mark": {"pass_mark": "70"}, "bands": {"check.8.bands.0.at": "0.75"}, "doubt": {"check.8.doubt": "0.3"},
        "points": {"check.8.points": "60"}, "late rule": {"due": "2026-11-01T12:00:00+01:00", "late.per_day": "0.1"},
    },
}  # fmt: skip
PICTURE = base64.b64encode(bytes(30_000)).decode()


def main() -> None:
    """Write classes, move numbers, print."""
    parser = argparse.ArgumentParser(description="What if another number stood in the rubric?")
    parser.add_argument("--counts", type=int, nargs="+", default=[300, 500])
    parser.add_argument("--profile", action="store_true", help="where the time of the last change goes")
    words = parser.parse_args()
    fast = True
    for assignment in CHANGES:
        for count in words.counts:
            with tempfile.TemporaryDirectory(prefix="what-if-") as name:
                slowest = measure(assignment, count, Path(name), profile=words.profile)
            fast = fast and slowest < LIMITS_MS.get(count, count)
    raise SystemExit(0 if fast else 1)


def measure(assignment: str, count: int, folder: Path, *, profile: bool) -> float:
    """Print the times of one class; the slowest change in milliseconds."""
    course = Course.at()
    rubric, file = drawn_rubric(course, assignment), read_rubric_file(course.assignment_file(assignment))
    with open_gradebook(folder / "book.sqlite") as book:
        write_class(rubric, folder / "out", count, book)
        evidence = ClassEvidence(rubric, OutputOptions(out=folder / "out", course=course))
        before = memory()
        tried = cProfile.Profile()
        if profile:
            tried.enable()
        took = timed(evidence.read)
        tried.disable()
        if profile:
            pstats.Stats(tried).sort_stats("cumtime").print_stats(45)
        read = memory()
        print(
            f"\n{assignment}, {count} students, {IMAGES[assignment]:,} images: read in {took:.0f} ms, {read - before:.0f} MB"
        )
        slowest = 0.0
        for title, typed in CHANGES[assignment].items():
            shown = [timed(lambda typed=typed: look(course, rubric, file, evidence, book, typed)) for _ in range(5)]  # type: ignore[misc]
            moved = look(course, rubric, file, evidence, book, typed)
            slowest = max(slowest, *shown[1:])
            print(f"  {title}: {max(shown[1:]):.0f} ms, {moved} of {count} move")
        for number in range(100):
            look(course, rubric, file, evidence, book, {"pass_mark": f"{number / 2 + 0.1:g}"})
        print(f"  after 100 changes {memory() - read:+.0f} MB")
        if profile:
            tried = cProfile.Profile()
            tried.runcall(look, course, rubric, file, evidence, book, dict(typed))
            pstats.Stats(tried).sort_stats("tottime").print_stats(35)
    return slowest


def look(
    course: Course, rubric: Rubric, file: RubricFile, evidence: ClassEvidence, book: Gradebook, typed: Mapping[str, str]
) -> int:
    """What the review desk does for what was typed; how many students move."""
    changes, faults = changed_numbers(rubric_numbers(file.raw, rubric.planned), typed)
    assert changes and not faults
    other = rubric_with(rubric, file.raw, changes, course)
    rules, bases = book.bases(rubric.assignment.id)
    return len(preview(evidence.mark(other), other, rules, bases).moved)


def drawn_rubric(course: Course, assignment: str) -> Rubric:
    """The assignment's own rubric, on labels that are drawn."""
    known = course.assignment(assignment)
    dataset = course.dataset(known.dataset or "")
    labels = np.random.default_rng(1).integers(0, len(dataset.classes), IMAGES[assignment]).astype(np.int64)
    return network_rubric(course, known, dataset, labels)


def write_class(rubric: Rubric, out: Path, count: int, book: Gradebook) -> None:
    """Evidence, results and a gradebook of `count` students."""
    from grader.marking.mark import mark

    told: list[tuple[Result, HandIn]] = []
    for number in range(count):
        stored = a_run(rubric, number, count)
        result = mark(stored, rubric, {})
        student = Student(name=result.student)
        save_evidence(out / student.name / "evidence", stored, None)
        save_result(out / student.name, result)
        hand_in = HandIn(
            student=student, digest=stored.evidence.submission.sha256, name="work.ipynb", folder=student.name,
            submitted=datetime(2026, 11, 1 + number % 5, tzinfo=UTC),
        )  # fmt: skip
        told.append((result, hand_in))
    book.enrol(rubric.assignment, [Enrolment(student=hand_in.student) for _, hand_in in told])
    for result, hand_in in told:
        book.record(result, hand_in, rubric_digest=rubric.digest)


def a_run(rubric: Rubric, number: int, count: int) -> Stored:
    """A run whose network recognises from 70 to 100 % of the images."""
    assert rubric.labels is not None
    units, judged = len(rubric.classes), len(rubric.labels)
    outputs = built.answers(rubric.labels, judged - int(0.3 * judged * number / count), units=units)
    network = built.model(built.dense(128, "hidden", "relu"), built.dense(units, "dense", "softmax"), outputs=(units,))
    judgement = fakes.a_judgement().model_copy(
        update={
            "architecture": network, "judged": judged, "predictions": hashlib.sha256(pack_outputs(outputs)).hexdigest(),
        }
    )  # fmt: skip
    shown = (Output(kind="stream", text="epoch 1: accuracy 0.9\n" * 40), Output(kind="display", png=PICTURE))
    cells = tuple(
        Cell(number=place, source="x = 1\n" * 30, executed=True, outputs=shown if place == 10 else shown[:1])
        for place in range(1, 11)
    )
    evidence = fakes.an_evidence(rubric, student=f"s{number:04}", claims=fakes.trained_claims(*cells))
    source = evidence.submission.model_copy(update={"sha256": hashlib.sha256(str(number).encode()).hexdigest()})
    facts = evidence.facts.model_copy(update={"judgement": judgement})
    return Stored(evidence=evidence.model_copy(update={"facts": facts, "submission": source}), outputs=outputs)


def timed(work: Callable[[], object]) -> float:
    """Milliseconds of the processor's time that `work` takes."""
    start = time.process_time()
    work()
    return 1000 * (time.process_time() - start)


def memory() -> float:
    """Megabytes of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
