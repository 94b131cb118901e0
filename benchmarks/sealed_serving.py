"""What sealed serving costs: the reference solutions trained on sealed and on open data, in pairs with the same seed.

    .venv/bin/python benchmarks/sealed_serving.py [EXERCISE ...] [--seeds N] [--first SEED] [--batches N]
                                                  [--data DIR] [--json FILE]

Both sides are graded by the same code: a kernel in the sandbox, the judge, the official judged images. Sealed, the notebook
is served what it gets for a mark: MNIST with 10,000 training images set aside and shifted copies in their places; cats and
dogs with stand-ins in the test folder. Open, it is served the data as it is. A pair is one seed, the sides in turn first;
the difference of its accuracies, open minus sealed, is what sealing cost there. Printed are each pair, the mean difference
in points with its 95 % interval (Student's t over the pairs; below two pairs there is none) and the mean of each side.

`--batches N` stops every `fit` after so many batches and has TensorFlow's operators give the same bits every time: where
both sides then end with the same outputs on the judged images, bit by bit, sealing touches nothing of what that training
does, and longer ones cost nothing either. That is what to ask of photographs, where the training folder is served as it is.

What the interval holds is the difference for this solution and these judged images: another notebook may lose more or less.
Exit status: 0 if the mean difference is at most 0.1 points for every exercise, or zero lies in its interval; else 1.
"""

import argparse
import dataclasses
import json
import os
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from grader.cli.options import ending_in_words
from grader.core.errors import GraderError
from grader.core.evidence import Serve
from grader.core.metrics import mean_interval
from grader.core.progress import Silent
from grader.core.store import Stored
from grader.course.course import Course
from grader.course.rubric import Rubric
from grader.intake import Submission, read_path
from grader.marking.mark import mark
from grader.run.collect import collect
from grader.run.context import RunContext, RunOptions, open_context

EXERCISES = ("exercise1", "exercise2", "pets")
CLAIM = 0.1  # points at most
SIDES: tuple[Serve, Serve] = ("sealed", "open")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The judged accuracy (0 to 1) of one seed, served in both ways; `same`: with the same outputs, bit by bit."""

    seed: int
    sealed: float
    open: float
    same: bool = False

    @property
    def cost(self) -> float:
        """What sealing cost, in points."""
        return 100 * (self.open - self.sealed)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The mean cost of all pairs in points, with its 95 % interval where there are two pairs or more."""

    mean: float
    interval: tuple[float, float] | None

    @property
    def small(self) -> bool:
        """Whether the claim holds, or can't be told from nothing."""
        return self.mean <= CLAIM or (self.interval is not None and self.interval[0] <= 0)


def mean_cost(pairs: Sequence[Pair]) -> Cost:
    """The mean over the pairs."""
    costs = [pair.cost for pair in pairs]
    return Cost(mean=statistics.fmean(costs), interval=mean_interval(costs) if len(costs) > 1 else None)


def judged(bench: RunContext, solution: Submission, seed: int, batches: int | None) -> Stored:
    """One run and what the judge saw of it. Raises GraderError where there is nothing to compare."""
    alone = dataclasses.replace(bench, rubric=cut(bench.rubric.without_retries(), batches), seed=seed)
    stored, _ = collect(dataclasses.replace(solution, student=f"seed-{seed}"), alone, Silent())
    if stored.outputs is None:
        raise GraderError(f"Seed {seed} was not judged: {stored.evidence.facts.judgement.reason}.")
    return stored


def cut(rubric: Rubric, batches: int | None) -> Rubric:
    """The same rubric, by which every `fit` ends after so many batches."""
    if batches is None:
        return rubric
    run = rubric.assignment.run.model_copy(update={"batches": batches, "deterministic": True, "threads": 1})
    return dataclasses.replace(rubric, assignment=rubric.assignment.model_copy(update={"run": run}))


def pair_of(found: dict[Serve, Stored], bench: RunContext, seed: int) -> Pair:
    """Both sides compared. Raises GraderError where a result has no accuracy."""
    reached = {side: mark(stored, bench.rubric.without_retries(), {}).accuracy for side, stored in found.items()}
    sealed, opened = reached["sealed"], reached["open"]
    if sealed is None or opened is None:
        raise GraderError(f"Seed {seed} has no accuracy: the rubric asks for none.")
    same = np.array_equal(*(stored.outputs for stored in found.values()))
    return Pair(seed=seed, sealed=sealed.value, open=opened.value, same=same)


def measure(exercise: str, arguments: argparse.Namespace) -> list[Pair]:
    """All pairs of one exercise, told as they come."""
    course = Course.at()
    solution = read_path(course.reference(exercise))
    pairs = []
    with ExitStack() as stack:
        benches = {
            side: stack.enter_context(
                open_context(course, exercise, RunOptions(data=arguments.data, serve=side), Silent())
            )
            for side in SIDES
        }
        for seed in range(arguments.first, arguments.first + arguments.seeds):
            order = SIDES if seed % 2 == 0 else SIDES[::-1]
            found = {side: judged(benches[side], solution, seed, arguments.batches) for side in order}
            pairs.append(pair_of(found, benches["sealed"], seed))
            print(f"{exercise}, seed {seed}: {line(pairs[-1])}", file=sys.stderr)
    return pairs


def line(pair: Pair) -> str:
    """One pair in words."""
    same = ", the same outputs" if pair.same else ""
    return f"sealed {pair.sealed:.2%}, open {pair.open:.2%}, difference {pair.cost:+.2f} points{same}"


def table(measured: dict[str, list[Pair]]) -> list[str]:
    """A line an exercise."""
    lines = [
        f"{'exercise':<12}{'pairs':>6}{'sealed':>10}{'open':>10}{'cost':>9}   95 % interval (points)  same outputs"
    ]
    for exercise, pairs in measured.items():
        cost = mean_cost(pairs)
        sealed, opened = (statistics.fmean(getattr(pair, side) for pair in pairs) for side in SIDES)
        shown = f"{cost.interval[0]:+.2f} to {cost.interval[1]:+.2f}" if cost.interval else "one pair: none"
        lines.append(
            f"{exercise:<12}{len(pairs):>6}{sealed:>10.2%}{opened:>10.2%}{cost.mean:>+9.2f}   {shown:<22}  "
            f"{sum(pair.same for pair in pairs)} of {len(pairs)}"
        )
    return lines


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("exercises", nargs="*", metavar="EXERCISE", help=f"default: {', '.join(EXERCISES)}")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--batches", type=int, default=None, help="of each fit, and operators that are deterministic")
    parser.add_argument("--data", type=Path, default=os.environ.get("GRADER_DATA"))
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error("--seeds must be at least 1")
    if arguments.batches is not None and arguments.batches < 1:
        parser.error("--batches must be at least 1")
    return arguments


def main() -> int:
    """Measure, print, and say whether the claim holds."""
    arguments = read_arguments()
    measured = {exercise: measure(exercise, arguments) for exercise in arguments.exercises or EXERCISES}
    print("\n".join(table(measured)))
    if arguments.json is not None:
        plain = {
            exercise: {"pairs": [asdict(pair) for pair in pairs], **asdict(mean_cost(pairs))}
            for exercise, pairs in measured.items()
        }
        arguments.json.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    return 0 if all(mean_cost(pairs).small for pairs in measured.values()) else 1


if __name__ == "__main__":
    with ending_in_words():
        sys.exit(main())
