"""What the sandbox costs: one epoch of MNIST behind namespaces, against the same kernel without them, in pairs.

    .venv/bin/python benchmarks/sandbox_overhead.py [--pairs N] [--network mlp|cnn] [--images N] [--threads N]
                                                    [--data DIR] [--json FILE]

Both sides run through `run_notebook`: the same hardened client, watchdog, limits, data and code; `none` is the plain
kernel of the two. A pair is one run of each, right after each other, in the order A B, B A, A B, ... so that a machine
that gets slower or busier tells on neither side; the first pair only warms the disk's cache and is not counted. What is
compared within each pair is

  CPU      processor seconds of the whole process tree, and of the grader's own process while it drives the kernel
  wall     from the call until the artefacts are read
  training wall time of the cell that calls `fit`

and what is printed is the median ratio of the pairs with the interval that holds the true median at the confidence shown
(order statistics, no assumption on the distribution). On a machine that does other things, trust the CPU ratio. Exit status:
0 if the median of the CPU ratios is below 1.05, else 1.
"""

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from grader.cli.options import ending_in_words
from grader.core.errors import GraderError
from grader.core.evidence import Cause, Isolation
from grader.core.limits import Limits
from grader.core.notebook import Script
from grader.core.progress import Silent
from grader.course.course import Course
from grader.course.rubric import find_dataset
from grader.course.served_data import serve
from grader.kernel.run_notebook import Job, run_notebook
from grader.sandbox import open_sandbox
from grader.sandbox.interface import Input

CLAIM = 1.05  # under 5 % more
CONFIDENCE = 0.95
SIDES: tuple[Isolation, Isolation] = ("bubblewrap", "none")

PREPARE = """\
import keras
from keras import layers
(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train, y_train = x_train[:{images}].reshape(-1, *{shape}) / 255.0, y_train[:{images}]
x_test = x_test.reshape(-1, *{shape}) / 255.0
"""
NETWORKS = {
    "mlp": ("(784,)", 'layers.Dense(512, activation="relu"), layers.Dense(256, activation="relu")'),
    "cnn": (
        "(28, 28, 1)",
        'layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(32, 3, activation="relu"), '
        "layers.MaxPooling2D(), layers.Flatten()",
    ),
}
BUILD = """\
model = keras.Sequential([keras.Input(shape={shape}), {hidden}, layers.Dense(10, activation="softmax")])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""
FIT = "history = model.fit(x_train, y_train, epochs=1, batch_size=128, verbose=2)"
EVALUATE = "print(model.evaluate(x_test, y_test, verbose=0))"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one run took, in seconds."""

    cpu: float
    wall: float
    training: float


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One run of each side, next to each other."""

    sandboxed: Cost
    plain: Cost


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """The median of the pairs' ratios, and the interval around it with its confidence."""

    median: float
    low: float
    high: float
    confidence: float


def notebook(network: str, images: int) -> Script:
    """One epoch of MNIST; the third cell calls `fit`."""
    shape, hidden = NETWORKS[network]
    return Script(
        "epoch.ipynb",
        (PREPARE.format(images=images, shape=shape), BUILD.format(shape=shape, hidden=hidden), FIT, EVALUATE),
    )


def run_once(side: Isolation, script: Script, inputs: tuple[Input, ...], threads: int) -> Cost:
    """One run. Raises GraderError where it did not train, which would make the comparison worthless."""
    job = Job(script=script, files={}, inputs=inputs, limits=Limits(threads=threads), seed=0, units=(10,))
    sandbox = open_sandbox(side)
    own, begun = time.process_time(), time.monotonic()
    execution = run_notebook(job, sandbox, who="benchmark", progress=Silent())
    wall, host = time.monotonic() - begun, time.process_time() - own
    ending, cells = execution.ending, execution.claims.cells
    if ending.cause is not Cause.FINISHED or any(cell.error for cell in cells) or execution.model is None:
        raise GraderError(f"The run under {side} went wrong: {ending.message} {[cell.error for cell in cells]}")
    assert ending.cpu_s is not None
    return Cost(cpu=ending.cpu_s + host, wall=wall, training=cells[2].seconds)


def in_turn(count: int) -> list[tuple[Isolation, Isolation]]:
    """Which side goes first, pair by pair: A B, B A, A B, ..."""
    first, second = SIDES
    return [(first, second) if number % 2 == 0 else (second, first) for number in range(count)]


def median_ratio(ratios: Sequence[float], confidence: float = CONFIDENCE) -> Ratio:
    """The median with its distribution-free interval: the narrowest pair of order statistics that is sure enough.

    The k-th smallest and k-th largest of n hold the true median with probability 1 - 2 P(B < k), B binomial (n, 1/2). With
    fewer than six values no pair reaches 95 %: then all of them are the interval, and the confidence is what it is.
    """
    ordered, count = sorted(ratios), len(ratios)
    below = 0.0  # P(B < k), k so far
    rank, sure = 1, 1 - 2 * 0.5**count
    for k in range(1, count // 2 + 1):
        below += math.comb(count, k - 1) / 2**count
        if 1 - 2 * below < confidence:
            break
        rank, sure = k, 1 - 2 * below
    return Ratio(
        median=statistics.median(ordered), low=ordered[rank - 1], high=ordered[-rank], confidence=max(sure, 0.0)
    )


def compare(pairs: Sequence[Pair]) -> dict[str, Ratio]:
    """The ratio of each cost, sandboxed to plain."""
    return {
        name: median_ratio([getattr(pair.sandboxed, name) / getattr(pair.plain, name) for pair in pairs])
        for name in ("cpu", "wall", "training")
    }


def table(pairs: Sequence[Pair], ratios: dict[str, Ratio]) -> list[str]:
    """The comparison in lines: medians of both sides in seconds, the median ratio and its interval."""
    lines = [f"{'':<10}{'bubblewrap':>12}{'none':>10}{'ratio':>9}   interval"]
    for name, ratio in ratios.items():
        sandboxed, plain = ([getattr(getattr(pair, side), name) for pair in pairs] for side in ("sandboxed", "plain"))
        lines.append(
            f"{name:<10}{statistics.median(sandboxed):>10.2f} s{statistics.median(plain):>8.2f} s{ratio.median:>9.3f}"
            f"   {ratio.low:.3f} to {ratio.high:.3f} ({100 * ratio.confidence:.0f} %)"
        )
    return lines


def measure(arguments: argparse.Namespace) -> list[Pair]:
    """All pairs, told as they come."""
    script = notebook(arguments.network, arguments.images)
    dataset, folder = find_dataset(Course.at(), "mnist", arguments.data, Silent())
    pairs = []
    with tempfile.TemporaryDirectory(prefix="grader-bench-") as temporary:
        Path(temporary).chmod(0o755)
        inputs = serve(dataset, folder, Path(temporary)).inputs
        for number, order in enumerate(in_turn(arguments.pairs + 1)):
            costs = {side: run_once(side, script, inputs, arguments.threads) for side in order}
            pair = Pair(sandboxed=costs["bubblewrap"], plain=costs["none"])
            told = f"CPU {pair.sandboxed.cpu:.2f} s and {pair.plain.cpu:.2f} s"
            if number:
                pairs.append(pair)
            print(f"pair {number} of {arguments.pairs}: {told}" if number else f"warming up: {told}", file=sys.stderr)
    return pairs


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--network", choices=sorted(NETWORKS), default="mlp")
    parser.add_argument("--images", type=int, default=60_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", type=Path, default=os.environ.get("GRADER_DATA"))
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    if arguments.pairs < 1:
        parser.error("--pairs must be at least 1")
    return arguments


def main() -> int:
    """Measure, print, and say whether the claim holds."""
    arguments = read_arguments()
    pairs = measure(arguments)
    ratios = compare(pairs)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    what = f"{arguments.network}, {arguments.images:,} images, {arguments.threads} threads"
    print(f"One epoch of MNIST ({what}), {len(pairs)} pairs on {os.cpu_count()} cores, load at the end {load}")
    print("\n".join(table(pairs, ratios)))
    holds = ratios["cpu"].median < CLAIM
    print(f"overhead by CPU: {100 * (ratios['cpu'].median - 1):+.1f} % (claim: under {100 * (CLAIM - 1):.0f} %): "
          f"{'holds' if holds else 'does NOT hold'}")  # fmt: skip
    if arguments.json is not None:
        plain = {"pairs": [asdict(pair) for pair in pairs], "ratios": {name: asdict(r) for name, r in ratios.items()}}
        arguments.json.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    return 0 if holds else 1


if __name__ == "__main__":
    with ending_in_words():
        sys.exit(main())
