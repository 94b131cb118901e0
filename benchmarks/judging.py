"""How fast saved networks are judged: by judges forked from a warm interpreter, and by judges that each import Keras.

    .venv/bin/python benchmarks/judging.py [--models N] [--jobs N] [--threads N] [--data DIR] [--json FILE]

N small networks (perceptrons and convolutional ones by turns) are trained for one short epoch and saved; then each is judged
as for a mark: described, its preparation found on training images, 10,000 judged digits predicted, some of them twice. Cold
judges take the first half of the networks, warm ones all, cold ones the second half, so that a machine that gets busier
tells on neither side. What is compared is

  wall   from the first network to the last verdict, for warm judges with the start of the fork server
  CPU    processor seconds of all processes, the grader's own and the fork server's import of Keras among them

The verdicts of both sides must be the same to the bit. Exit status: 0 if warm is at least 3.5 times faster by wall time
and by processor time, else 1.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
from processes import Cost, measured

from grader.cli.options import ending_in_words
from grader.core.errors import GraderError
from grader.core.evidence import Claims
from grader.core.limits import Limits
from grader.core.progress import Silent
from grader.course.course import Course
from grader.course.dataset import load_split
from grader.course.rubric import find_dataset
from grader.course.served_data import serve
from grader.judge.client import JudgeAnswer, Question, judge_model
from grader.judge.match_rows import TrainingImageIndex
from grader.sandbox.bubblewrap import Bubblewrap
from grader.sandbox.interface import Sandbox
from grader.sandbox.warm import with_warm_starts

CLAIM = 3.5
TRAINED_ON = 6000
MAKE = """\
import sys
import keras, numpy
from keras import layers
data, folder, count = numpy.load(sys.argv[1]), sys.argv[2], int(sys.argv[3])
x, y = data["x"].astype("float32") / 255, data["y"]
for number in range(count):
    keras.utils.set_random_seed(number)
    if number % 2:
        hidden = [layers.Reshape((28, 28, 1)), layers.Conv2D(8 + number % 8, 3, activation="relu"), layers.MaxPooling2D(),
                  layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten()]
    else:
        hidden = [layers.Flatten(), layers.Dense(128 + number, activation="relu"), layers.Dense(64, activation="relu")]
    model = keras.Sequential([keras.Input((28, 28)), *hidden, layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=1, batch_size=128, verbose=0)
    model.save(f"{folder}/{number:03}.keras")
"""


def make_models(folder: Path, question: Question, count: int) -> list[bytes]:
    """`count` saved networks, trained on a part of the probe's training images. Raises GraderError."""
    assert question.trained_on is not None
    data = folder / "data.npz"
    train = question.trained_on
    images = np.asarray(train.images)[:TRAINED_ON].reshape(-1, 28, 28)
    np.savez(data, x=images, y=train.labels[:TRAINED_ON])
    command = [sys.executable, "-c", MAKE, str(data), str(folder), str(count)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise GraderError(f"The networks could not be made: {done.stderr[-1000:]}")
    return [path.read_bytes() for path in sorted(folder.glob("*.keras"))]


def ask(folder: Path, data: Path | None) -> Question:
    """What is asked of each network: MNIST, as it is judged for exercise 1."""
    dataset, source = find_dataset(Course.at(), "mnist", data, Silent())
    served = serve(dataset, source, folder)
    images = load_split(dataset, dataset.judged, source).images
    return Question(
        image_shape=dataset.image_shape, probe=served.probe, images=images, units=(len(dataset.classes),),
        trained_on=TrainingImageIndex(served.train) if served.train else None, classes=dataset.classes,
    )  # fmt: skip


def judge_all(
    models: Sequence[bytes], question: Question, sandbox: Sandbox, limits: Limits, jobs: int
) -> list[JudgeAnswer]:
    """The verdicts, `jobs` at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda model: judge_model(model, question, Claims(), sandbox, limits), models))


def same(one: JudgeAnswer, other: JudgeAnswer) -> bool:
    """Whether two verdicts and their outputs are the same to the bit."""
    if one.outputs is None or other.outputs is None:
        return one.judgement == other.judgement and one.outputs is other.outputs
    return one.judgement == other.judgement and one.outputs.tobytes() == other.outputs.tobytes()


def compare(models: Sequence[bytes], question: Question, limits: Limits, jobs: int) -> tuple[Cost, Cost]:
    """What both sides took: cold, warm. Raises GraderError where they differ, or judged nothing."""
    sandbox, half = Bubblewrap.on_this_host(), len(models) // 2
    with measured() as before:
        cold = judge_all(models[:half], question, sandbox, limits, jobs)
    print(f"cold: {half} of {len(models)} in {before.wall:.1f} s", file=sys.stderr)
    with measured() as warm_cost, with_warm_starts(sandbox, _must_not_fail) as forking:
        warm = judge_all(models, question, forking, limits, jobs)
    print(f"warm: {len(models)} in {warm_cost.wall:.1f} s", file=sys.stderr)
    with measured() as after:
        cold += judge_all(models[half:], question, sandbox, limits, jobs)
    judged = all(verdict.judgement.outcome == "judged" for verdict in warm)
    if not judged or not all(map(same, cold, warm)):
        raise GraderError("Warm and cold judges did not come to the same verdicts.")
    return Cost(before.wall + after.wall, before.cpu + after.cpu), warm_cost


def _must_not_fail(words: str) -> None:
    raise GraderError(words)


def table(cold: Cost, warm: Cost, count: int) -> list[str]:
    """Both sides in seconds, in all and for each network, and how many times faster warm is."""
    lines = [f"{'':<6}{'cold':>12}{'warm':>12}{'each, cold':>14}{'each, warm':>14}{'times faster':>15}"]
    for name in ("wall", "cpu"):
        one, other = getattr(cold, name), getattr(warm, name)
        lines.append(
            f"{name:<6}{one:>10.1f} s{other:>10.1f} s{one / count:>12.2f} s{other / count:>12.2f} s{one / other:>15.1f}"
        )
    return lines


def main() -> int:
    """Measure, print, and say whether the claim holds."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", type=Path, default=os.environ.get("GRADER_DATA"))
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="grader-bench-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        question = ask(folder, arguments.data)
        models = make_models(folder, question, arguments.models)
        cold, warm = compare(models, question, Limits(threads=arguments.threads), arguments.jobs)
    print(f"{len(models)} saved networks judged on MNIST, {arguments.jobs} at a time; the same verdicts to the bit")
    print("\n".join(table(cold, warm, len(models))))
    holds = min(cold.wall / warm.wall, cold.cpu / warm.cpu) >= CLAIM
    print(f"claim: at least {CLAIM:g} times faster: {'holds' if holds else 'does NOT hold'}")
    if arguments.json is not None:
        plain = {"models": len(models), "cold": asdict(cold), "warm": asdict(warm)}
        arguments.json.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    return 0 if holds else 1


if __name__ == "__main__":
    with ending_in_words():
        sys.exit(main())
