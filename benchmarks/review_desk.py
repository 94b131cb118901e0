"""How fast the review desk answers for a class of hundreds, and whether its memory stays flat.

    .venv/bin/python benchmarks/review_desk.py [--count 500] [--assignment exercise1-5k] [--visits 300]

Evidence of COUNT runs (each with the outputs of a network on all judged images, and a notebook of twelve cells with two
figures) is written, marked and recorded in a gradebook; then the desk is served as `grader review` serves it, and asked over
the loopback: the class, the next submission, a decision and the class after it, the log. Printed are the median and the
largest of the times that the server took for each, and the resident memory before and after all visits. Exit status: 0
where the class comes in under 300 ms and the next submission in under 150 ms (medians), and memory grows by less than a
tenth.
"""

import argparse
import hashlib
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from benchmarks.regrading import write_class  # noqa: E402 - found beside us
from grader.core.evidence import Cell, Output  # noqa: E402
from grader.core.grades import HandIn  # noqa: E402
from grader.core.results import Student  # noqa: E402
from grader.core.store import load_evidence, save_evidence, save_result  # noqa: E402
from grader.course.course import Course  # noqa: E402
from grader.course.rubric import Rubric, open_rubric  # noqa: E402
from grader.gradebook import Gradebook, open_gradebook  # noqa: E402
from grader.marking.mark import mark_attempts  # noqa: E402
from grader.review.application import make_application  # noqa: E402
from grader.review.desk import Desk, ReviewOptions  # noqa: E402
from tests.review.server import Client, serving  # noqa: E402

CLASS_MS, NEXT_MS, GROWTH = 300.0, 150.0, 1.1


def write_notebooks(out: Path) -> None:
    """A notebook of twelve cells with two figures into every evidence."""
    from tests.pages.builders import png as draw

    figures = (Output(kind="display", png=draw(320, 240)),)
    printed = (Output(kind="stream", text="0.97\n" * 10),)
    for folder in sorted(path for path in out.iterdir() if path.is_dir()):
        stored = load_evidence(folder / "evidence")
        cells = tuple(
            Cell(
                number=number, source=f"model.fit(x, y, epochs={number})  # {folder.name}\nprint(history)\n" * 4,
                executed=True, seconds=1.5,
                outputs=figures if number in (4, 9) else printed,
            )
            for number in range(1, 13)
        )  # fmt: skip
        evidence = stored.evidence
        evidence = evidence.model_copy(update={"claims": evidence.claims.model_copy(update={"cells": cells})})
        save_evidence(folder / "evidence", type(stored)(evidence=evidence, outputs=stored.outputs), None)


def record_class(rubric: Rubric, out: Path, book: Gradebook) -> None:
    """Mark everyone, and tell the gradebook."""
    told = []
    for folder in sorted(path for path in out.iterdir() if path.is_dir()):
        stored = load_evidence(folder / "evidence")
        result = mark_attempts([stored], rubric, {})
        save_result(folder, result)
        digest = hashlib.sha256(folder.name.encode()).hexdigest()
        hand_in = HandIn(student=Student(name=result.student), digest=digest, name="work.ipynb", folder=folder.name)
        told.append((result, hand_in))
    for result, hand_in in told:
        book.record(result, hand_in, rubric_digest=rubric.digest)


def timed(work: Callable[[], object], times: int) -> list[float]:
    """Milliseconds of each of so many calls."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - start))
    return found


def measure(client: Client, desk: Desk, visits: int) -> dict[str, list[float]]:
    """The times of every kind of visit, in milliseconds."""
    rows = desk.state().rows
    turn = iter(rows * (1 + visits // len(rows)))

    def get(path: str) -> None:
        answer = client.get(path)
        assert answer.status == 200, (path, answer.status, answer.text[:300])

    def decide() -> None:
        key = next(turn).key
        fields = {"kind": "adjustment", "points": "-1", "reason": "a benchmark", "seen": "0"}
        answer = client.post(f"/submission/{key}/decide", fields)
        assert answer.status in (303, 409), (answer.status, answer.text[:300])

    def after_a_decision() -> float:
        decide()
        return timed(lambda: get("/"), 1)[0]

    return {
        "the class, first page": timed(lambda: get("/"), 1),
        "the class": timed(lambda: get("/"), 20),
        "the queue that needs a person": timed(lambda: get("/?queue=any"), 20),
        "the next submission": timed(lambda: get(f"/submission/{next(turn).key}?queue=any"), visits),
        "a decision": timed(decide, 20),
        "the class after a decision": [after_a_decision() for _ in range(10)],
        "the log": timed(lambda: get("/log"), 20),
    }  # fmt: skip


def megabytes() -> float:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def table(found: dict[str, list[float]]) -> Sequence[str]:
    """The times as a table."""
    rows = [f"| {what} | {statistics.median(times):.0f} ms | {max(times):.0f} ms |" for what, times in found.items()]
    return ["| | median | largest |", "|---|---:|---:|", *rows]


def main() -> None:
    """Write, serve, ask, print."""
    parser = argparse.ArgumentParser(description="Asks the review desk for a class of hundreds.")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--assignment", default="exercise1-5k")
    parser.add_argument("--visits", type=int, default=300)
    words = parser.parse_args()
    course = Course.at()
    rubric = open_rubric(course, words.assignment, None)
    with tempfile.TemporaryDirectory(prefix="review-desk-") as name, open_gradebook(name) as book:
        out = Path(name)
        write_class(rubric, out, words.count)
        write_notebooks(out)
        record_class(rubric, out, book)
        desk = Desk(ReviewOptions(out=out, course=course, rubric=rubric, author="kim"), book)
        opened = timed(desk.state, 1)
        with serving(lambda access: make_application(desk, access)) as client:
            measure(client, desk, 30)  # what is loaded once is loaded
            before = megabytes()
            found = measure(client, desk, words.visits)
            after = megabytes()
    print(f"{words.count} submissions of {words.assignment}; the class was read in {opened[0] / 1000:.1f} s\n")
    print("\n".join(table(found)))
    print(f"\nmemory: {before:.0f} MB, after {words.visits} visits {after:.0f} MB")
    quick = (
        statistics.median(found["the class"]) < CLASS_MS and statistics.median(found["the next submission"]) < NEXT_MS
    )
    raise SystemExit(0 if quick and after < GROWTH * before else 1)


if __name__ == "__main__":
    main()
