"""How often a verdict is wrong, by the true accuracy and by the policy of the rubric.

    .venv/bin/python benchmarks/verdicts.py [--repetitions N] [--seed N]
    .venv/bin/python benchmarks/verdicts.py --measure pets out/pets

Each line of a table is a policy, each column a true accuracy, given as its distance to the bar in points; what is printed is
how many submissions in 100 get no points for their accuracy although they should (false fails, at the bar and above), or
get them although they should not (false passes, below it). `runs` is the mean number of runs that a submission takes.

The model. `n` images are judged, the same ones in every run. A notebook has a true accuracy p: its mean over all images of
the kind and over all seeds. Run s trains a network whose own true accuracy is p + e_s, where e_s is normal with standard
deviation `training`. An image is *settled* with probability `settled`: then every run gets it right, or every run wrong,
the former with probability p. The others are *open*: each run decides anew. So one run has the binomial error of its
sample, two runs agree on images to the correlation `settled`, and repetitions average out the rest. `settled = 1,
training = 0` is a notebook that sets its own seed: every run gives the same network.

Both figures were measured on the reference solutions: `--measure` works them out from the evidence that `grader baseline`
leaves below its `--out`. The deviation of accuracies between seeds is that of training and of the open images; the latter,
half of the share of images on which two runs differ, by the number of images, is taken off its square.

Verdicts, points and which run counts come from the grader's own code; nothing of it is written a second time here.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grader.checks.accuracy import NeededAccuracy, right_images, with_correct
from grader.core.assignment import Retry
from grader.core.results import Accuracy
from grader.core.store import load_evidence
from grader.course.course import Course
from grader.course.rubric import open_rubric, plan_checks
from grader.marking.repeated_runs import EVIDENCE_FOLDER, RunOutcome, choose, wants_another

POINTS = (-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0)
FINE = (-3.0, -1.0, -0.5, -0.2, -0.1, 0.0, 0.1, 0.2, 0.5, 1.0, 3.0)
MOST_RUNS = 3


@dataclass(frozen=True)
class World:
    """How runs of one notebook differ: the share of settled images, and the deviation of training, as a fraction."""

    name: str
    settled: float
    training: float


@dataclass(frozen=True)
class Exam:
    """An exercise: how many images are judged, its bar, distances to it in points, and the worlds it is looked at in."""

    assignment: str
    images: int
    bar: float
    distances: tuple[float, ...]
    worlds: tuple[World, ...]


@dataclass(frozen=True)
class Policy:
    """A line of the table."""

    name: str
    retry: Retry
    needed: NeededAccuracy


SAME = World("the same network every time (the notebook sets its own seed)", 1.0, 0.0)
EXAMS = (
    Exam("pets", 1_000, 0.78, POINTS, (
        SAME,
        World("seeds as measured: 0.51 of the images settled, training 1.6 points", 0.51, 0.016),
        World("steadier training: 1.0 points", 0.51, 0.010),
        World("wilder training: 2.2 points", 0.51, 0.022),
    )),
    Exam("exercise1", 10_000, 0.97, FINE, (
        SAME,
        World("seeds as measured: 0.74 of the images settled, training at most 0.05 points", 0.74, 0.0005),
    )),
)  # fmt: skip


def policies(exam: Exam) -> list[Policy]:
    """The alternatives, and the policy of the course's own rubric at last."""

    def policy(name: str, times: int = 0, counts: str = "best", **more: float) -> Policy:
        needed = NeededAccuracy.model_validate({"at_least": exam.bar, **more})
        return Policy(name, Retry.model_validate({"times": times, "counts": counts}), needed)

    return [
        policy("plain: one run, the number decides"),
        policy("best of 2, no doubt", 1),
        policy("best of 3, no doubt", 2),
        policy("mean of 3, no doubt", 2, "mean"),
        policy("one run, doubt = 0.1", doubt=0.1),
        policy("one run, doubt = 0.025", doubt=0.025),
        policy("best of 2, doubt = 0.1, 95 % border", 1, doubt=0.1),
        policy("best of 3, doubt = 0.1, border 0.05", 2, doubt=0.1, borderline=0.05),
        policy("mean of 3, doubt = 0.1, border 0.05", 2, "mean", doubt=0.1, borderline=0.05),
        own_policy(exam),
    ]


def own_policy(exam: Exam) -> Policy:
    """What the rubric of the course says, with the bar of the exam."""
    course = Course.at()
    assignment = course.assignment(exam.assignment)
    found = [item.parameters for item in plan_checks(course, assignment) if isinstance(item.parameters, NeededAccuracy)]
    if found[0].threshold != exam.bar:
        raise SystemExit(f"The bar of {exam.assignment} is {found[0].threshold:g} today, not {exam.bar:g}.")
    return Policy(f"assignments/{exam.assignment}", assignment.retry, found[0])


def simulate(exam: Exam, world: World, true: float, repetitions: int, seed: int) -> NDArray[np.int64]:
    """Images recognised, integers (repetitions, runs), by notebooks of this true accuracy."""
    random = np.random.default_rng(seed)
    settled = random.binomial(exam.images, world.settled, repetitions)
    always = random.binomial(settled, true)
    runs = []
    for _ in range(MOST_RUNS):
        open_ones = true + random.normal(0.0, world.training, repetitions) / max(1 - world.settled, 1e-9)
        runs.append(always + random.binomial(exam.images - settled, np.clip(open_ones, 0.0, 1.0)))
    return np.stack(runs, axis=1)


class Examiner:
    """Goes by a policy; what a number of images is worth is asked once of the grader."""

    def __init__(self, policy: Policy, images: int) -> None:
        self._retry, self._needed = policy.retry, policy.needed
        empty = Accuracy(value=0, correct=0, judged=images, interval=(0, 1))
        self._trial = cache(lambda correct: self._look(with_correct(empty, correct)))

    def _look(self, measured: Accuracy) -> RunOutcome:
        share = self._needed.share(measured)
        borderline = self._needed.judge(measured).verdict == "borderline" and share == 0
        return RunOutcome(correct=measured.correct, points=share, reached=share > 0, borderline=borderline)

    def passes(self, corrects: Sequence[int]) -> tuple[bool, int]:
        """Whether a submission gets points for its accuracy, and after how many runs."""
        trials = [self._trial(corrects[0])]
        while wants_another(trials, self._retry):
            trials.append(self._trial(corrects[len(trials)]))
        choice = choose(trials, self._retry)
        stands = trials[choice.index] if choice.correct is None else self._trial(choice.correct)
        return stands.reached, len(trials)


def rate(policy: Policy, exam: Exam, corrects: NDArray[np.int64]) -> tuple[float, float]:
    """The share of submissions that pass, and the mean number of runs."""
    examiner = Examiner(policy, exam.images)
    found = [examiner.passes(row) for row in corrects.tolist()]
    return sum(passed for passed, _ in found) / len(found), sum(runs for _, runs in found) / len(found)


def print_exam(exam: Exam, repetitions: int, seed: int) -> None:
    """One table for each world."""
    for number, world in enumerate(exam.worlds):
        print(f"\n{exam.assignment}: {exam.images:,} images, bar {exam.bar:.0%}; {world.name}\n")
        head = " | ".join(f"{distance:+g}" for distance in exam.distances)
        print(f"| policy | {head} | runs at -1 | runs at +1 |")
        print("|---|" + "---:|" * (len(exam.distances) + 2))
        drawn = {
            distance: simulate(exam, world, exam.bar + distance / 100, repetitions, seed + 100 * number)
            for distance in exam.distances
        }
        for policy in policies(exam):
            rates = {distance: rate(policy, exam, corrects) for distance, corrects in drawn.items()}
            wrong = [passed if distance < 0 else 1 - passed for distance, (passed, _) in rates.items()]
            cells = [f"{100 * share:.1f}" for share in wrong]
            print(f"| {policy.name} | {' | '.join(cells)} | {rates[-1.0][1]:.2f} | {rates[1.0][1]:.2f} |")


def measure(assignment: str, folder: Path) -> str:
    """What the runs of a baseline below `folder` say about `settled` and `training`."""
    rubric = open_rubric(Course.at(), assignment, None)
    rows = []
    for place in sorted(folder.glob(f"*/{EVIDENCE_FOLDER}")):
        stored = load_evidence(place)
        architecture = stored.evidence.facts.judgement.architecture
        if stored.outputs is not None and architecture is not None and rubric.labels is not None:
            rows.append(right_images(stored.outputs, architecture, rubric.labels).astype(float))
    if len(rows) < 2:
        raise SystemExit(f"{folder}: holds fewer than two judged runs. Make some: `grader baseline {assignment}`.")
    settled = float(np.mean([np.corrcoef(one, two)[0, 1] for one, two in combinations(rows, 2)]))
    differ = float(np.mean([np.mean(one != two) for one, two in combinations(rows, 2)]))
    accuracies = np.mean(rows, axis=1)
    deviation = float(np.std(accuracies, ddof=1))
    training = max(0.0, deviation**2 - differ / 2 / len(rows[0])) ** 0.5
    return (
        f"{assignment}, {len(rows)} runs: {', '.join(f'{100 * value:.2f}' for value in accuracies)} %; deviation "
        f"{100 * deviation:.2f} points; two runs differ on {100 * differ:.2f} % of the images; settled {settled:.2f}, "
        f"training {100 * training:.2f} points"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="False fails and false passes by policy and true accuracy.")
    parser.add_argument("--repetitions", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--measure", nargs=2, metavar=("ASSIGNMENT", "DIR"), help="work out the model's two figures")
    words = parser.parse_args()
    if words.measure:
        print(measure(words.measure[0], Path(words.measure[1])))
        return
    print("Wrong verdicts in 100: false passes below the bar, false fails from +0 on.")
    for exam in EXAMS:
        print_exam(exam, words.repetitions, words.seed)


if __name__ == "__main__":
    main()
