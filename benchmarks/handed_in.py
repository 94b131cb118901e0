"""A class of 40 pets hand-ins with trained networks, marked in both ways: trained here, and judged as they were handed in.

    .venv/bin/python benchmarks/handed_in.py [--students N] [--jobs N] [--draws N] [--data DIR] [--largest MIB] [--warm]

Four things are measured, with real parts:

  judge     a fork server's judge opens and judges networks of the sizes that real hand-ins have; nobody tells it how their
            images are prepared, so it tries all that it knows, which a real short run mostly spares it
  short     the reference notebook is run as the code beside a handed-in network is: every `fit` cut short, on one thread
  slower    how much longer a step of the reference's training takes on one thread than on two, by two smoke runs
  pipeline  `grader batch` on a class with files of those sizes, once as `always` and once as `handed-in`, with a kernel
            and a judge that answer at once: intake, digests, evidence, marks, flags, pages

Trainings are scripted: what nine real pets notebooks take with both of two quiet cores (by `grader check`). In a class each
of two jobs has one core: so a training takes `slower` times as long there. The wall time of a class is that of its
pipeline, and of its trainings, short runs and judges on so many jobs. The power of the audit is simulated with the lot
itself, seeded. A machine that does other things is slower in what is measured and not in what is scripted: then give what
a quiet one took, with --judge-seconds, --short-seconds and --slower.

Exit status: 0 if `handed-in` takes 30 times less wall time than `always` without an audit, and 7 times with a tenth audited.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grader.cli.options import ending_in_words  # noqa: E402
from grader.core.evidence import Claims, Judgement, Smoke  # noqa: E402
from grader.core.limits import Limits  # noqa: E402
from grader.core.metrics import chance_of_catching  # noqa: E402
from grader.core.progress import Silent  # noqa: E402
from grader.course.course import Course  # noqa: E402
from grader.course.dataset import Split  # noqa: E402
from grader.intake import read_path  # noqa: E402
from grader.judge.client import JudgeAnswer, OpenedFile, Question, judge_handed_in  # noqa: E402
from grader.marking.handed_in import draw  # noqa: E402
from grader.run.collect import collect  # noqa: E402
from grader.run.context import RunOptions, open_context  # noqa: E402
from grader.run.train_or_judge import to_judge  # noqa: E402
from grader.sandbox.bubblewrap import Bubblewrap  # noqa: E402
from grader.sandbox.interface import Sandbox  # noqa: E402
from grader.sandbox.warm import WarmBubblewrap  # noqa: E402
from tests import fakes  # noqa: E402 - the tests' package is beside us, not installed
from tests.checks import builders as built  # noqa: E402

TRAININGS_S = (30, 75, 140, 260, 330, 420, 610, 780, 1260)  # nine real pets notebooks, by `grader check`
SIZES_MIB = (1, 2, 5, 12, 25, 40, 75, 120, 180)  # of real hand-ins' networks
GOALS = {"without an audit": 30.0, "with a tenth audited": 7.0}
MAKE = """
import sys
import keras
from keras import layers
units = max(1, int(float(sys.argv[2]) * (1 << 20) / 4 / 3200))
model = keras.Sequential([keras.Input((80, 80, 3)), layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(4),
    layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(50, 2), layers.Flatten(),
    layers.Dense(units, activation="relu"), layers.Dropout(0.5), layers.Dense(2, activation="softmax")])
model.save(sys.argv[1])
"""
TABLES = '\n[run]\ntrain = "{train}"\n\n[audit]\nshare = 0.0\nleast = 0\n\n[[check]]'
RUBRIC = fakes.RUBRIC.replace("\n[[check]]", TABLES, 1)


def main() -> int:
    """Measure, print, compare with the goals."""
    options = parse()
    sizes = [size for size in SIZES_MIB if size <= options.largest]
    judge_s = options.judge_seconds or measure_judge(sizes)
    short_s = options.short_seconds or measure_short_run(options.data, options.warm)
    slower = 1.0 if options.jobs == 1 else options.slower or measure_slowdown(options.data)
    with tempfile.TemporaryDirectory(prefix="grader-bench-") as folder:
        overhead = {train: measure_pipeline(Path(folder), train, options.students) for train in ("always", "handed-in")}
    trainings = [slower * TRAININGS_S[number % len(TRAININGS_S)] for number in range(options.students)]
    shorts = [short_s + judge_s] * options.students
    always = overhead["always"] + makespan([seconds + judge_s for seconds in trainings], options.jobs)
    handed_in = overhead["handed-in"] + makespan(shorts, options.jobs)
    drawn = draw(class_of(options.students), share=0.1, least=2, secret=b"benchmark")
    audits = [trainings[int(name[1:])] + judge_s for name in drawn]
    audited = handed_in + makespan(audits, options.jobs)
    ratios = {"without an audit": always / handed_in, "with a tenth audited": always / audited}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"the grader's own memory at most: {peak:,} MiB, with files of {max(SIZES_MIB)} MiB among those handed in")
    print(f"\nA class of {options.students}, {options.jobs} jobs; pipeline alone: {overhead['always']:.1f} s as always, "
          f"{overhead['handed-in']:.1f} s as handed-in")  # fmt: skip
    print(f"{'--train always':<44} {always:9.0f} s")
    for name, wall in (("without an audit", handed_in), ("with a tenth audited", audited)):
        print(
            f"{'--train handed-in, ' + name:<44} {wall:9.0f} s   {ratios[name]:5.1f} times less (goal {GOALS[name]:g})"
        )
    print_power(options.students, len(drawn), options.draws)
    return 0 if all(ratios[name] >= goal for name, goal in GOALS.items()) else 1


def parse() -> argparse.Namespace:
    """Words of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--students", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--draws", type=int, default=5000)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--largest", type=int, default=max(SIZES_MIB), help="MiB of the largest network that is judged")
    parser.add_argument("--judge-seconds", type=float, default=None, help="instead of measuring")
    parser.add_argument("--short-seconds", type=float, default=None, help="instead of measuring")
    parser.add_argument(
        "--slower", type=float, default=None, help="a training on one core of two, instead of measuring"
    )
    parser.add_argument(
        "--warm", action="store_true", help="fork the kernels of short runs, as `grader batch --warm` does"
    )
    return parser.parse_args()


def makespan(seconds: Sequence[float], jobs: int) -> float:
    """How long so many jobs take for work that each takes up as it becomes free."""
    free = [0.0] * jobs
    for each in seconds:
        free[free.index(min(free))] += each
    return max(free, default=0.0)


def class_of(count: int) -> dict[str, str]:
    """Students and digests."""
    return {f"s{number}": f"{number:064x}" for number in range(count)}


def measure_judge(sizes: Sequence[int]) -> float:
    """The mean seconds that a judge takes for one network, and a line for each."""
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, 256, (120, 160, 3), dtype=np.uint8) for _ in range(1000)]
    labels = generator.integers(2, size=1000).astype(np.int64)
    question = Question(image_shape=None, probe=Split(pictures[:400], labels[:400]), images=pictures, units=(1, 2))
    found = []
    with tempfile.TemporaryDirectory() as folder, closing(
        WarmBubblewrap(Bubblewrap.on_this_host().host, print)
    ) as sandbox:  # fmt: skip
        for number, size in enumerate(sizes):
            path = Path(folder) / f"{size}.keras"
            subprocess.run([sys.executable, "-c", MAKE, str(path), str(size)], check=True, capture_output=True)
            data = path.read_bytes()
            for _ in range(2 if number == 0 else 1):  # the first one waits for the fork server
                started = time.monotonic()
                answer = judge_handed_in(data, None, question, Claims(), sandbox, Limits(memory=6 << 30))
                seconds = time.monotonic() - started
                assert answer.judgement.outcome == "judged", answer.judgement.reason
            print(f"judged: a network of {len(data) / (1 << 20):6.1f} MiB in {seconds:5.1f} s", flush=True)
            found.append(seconds)
    return statistics.fmean(found)


def measure_slowdown(data: Path | None) -> float:
    """How many times longer a step of the reference's first training takes on one thread than on two."""
    course, steps = Course.at(), []
    submission = read_path(course.reference_folder("pets") / "solution.ipynb")
    with open_context(course, "pets", RunOptions(data=data, smoke=Smoke(seconds=240.0)), Silent()) as context:
        for threads in (1, 2):
            evidence = collect(submission, replace(context, threads=threads), Silent()).stored.evidence
            pace = evidence.claims.fits[0].pace
            assert pace is not None
            steps.append(pace.step_s)
    print(f"a step of the reference's training: {steps[0]:.2f} s on one thread, {steps[1]:.2f} s on two")
    return max(1.0, steps[0] / steps[1])


def measure_short_run(data: Path | None, warm: bool) -> float:
    """Seconds of the short run of the reference notebook, from its start to the network that it built."""
    course = Course.at()
    submission = to_judge(read_path(course.reference_folder("pets") / "solution.ipynb"))
    with open_context(course, "pets", RunOptions(data=data, train="handed-in", warm=warm), Silent()) as context:
        for _ in range(2 if warm else 1):  # the first one waits for the fork server
            evidence = collect(submission, replace(context, threads=1), Silent()).stored.evidence
    seconds = evidence.facts.ending.wall_s
    print(f"short run of the reference notebook: {seconds:.1f} s, {evidence.facts.ending.cpu_s} s of processor time")
    return seconds


def measure_pipeline(folder: Path, train: str, count: int) -> float:
    """Seconds of a whole batch in which kernels and judges take no time."""
    course = fakes.write_course(folder / train, RUBRIC.format(train=train))
    source = folder / f"class-{train}"
    for number in range(count):
        (source / f"s{number:02}").mkdir(parents=True)
        (source / f"s{number:02}" / "solution.py").write_text(f"print({number})\n", encoding="utf-8")
        with (source / f"s{number:02}" / "model.keras").open("wb") as file:
            file.write(b"PK\x03\x04" + number.to_bytes(4, "big"))
            file.truncate(SIZES_MIB[number % len(SIZES_MIB)] << 20)
    where = ["--course", str(course.root), "--data", str(fakes.data_of(course.root)), "--sandbox", "none"]
    stage = fakes.Stage()
    started = time.monotonic()
    with (
        patch.multiple("grader.run.collect", run_notebook=stage.run_notebook, judge_model=stage.judge_model),
        patch.multiple(
            "grader.run.judge_handed_in", describe_network=stage.describe_network, judge_handed_in=answer_at_once
        ),
    ):
        said = fakes.run_cli("batch", "tiny", source, *where, "--out", folder / f"out-{train}", "--jobs", "2")
    assert said.code == 0, said.err
    return time.monotonic() - started


def answer_at_once(
    file: bytes, into: bytes | None, question: Question, claims: Claims, sandbox: Sandbox, limits: Limits
) -> JudgeAnswer:
    """As `judge_handed_in`, of any file; each has weights of its own."""
    number = int.from_bytes(file[4:8], "big")
    opened = OpenedFile(form="keras", saved_by="3", digest=f"{number:064x}", sketch=())
    judgement: Judgement = fakes.a_judgement()
    return JudgeAnswer(judgement=judgement, outputs=built.answers(fakes.LABELS, 9, units=2), opened=opened)


def print_power(students: int, drawn: int, draws: int) -> None:
    """How often a lot names at least one of so many cheats: simulated, and counted."""
    generator = np.random.default_rng(2026)
    lots = [set(draw(class_of(students), share=0.1, least=2, secret=generator.bytes(32))) for _ in range(draws)]
    print(f"\nThe lot names {drawn} of {students}; at least one cheat is among them ({draws:,} lots, seeded):")
    for cheats in (1, 2, 5):
        caught = sum(any(f"s{number}" in lot for number in range(cheats)) for lot in lots) / draws
        print(
            f"  {cheats} of {students}: {caught:.1%} simulated, {chance_of_catching(cheats, of=students, audited=drawn):.1%}"
        )


if __name__ == "__main__":
    with ending_in_words():
        sys.exit(main())
