"""The whole pipeline in milliseconds: a tiny course on disk, and a stage that stands in for the kernel and the judge.

Everything else is real: intake, data, rubric, retries, evidence on disk, marking, reports, the command line.
"""

import contextlib
import hashlib
import io
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from grader.core.evidence import Candidate, Cause, Cell, Claims, Ending, Evidence, Fit, Judgement, Preparation
from grader.core.limits import Limits
from grader.core.progress import Progress, Silent
from grader.core.store import Stored, pack_outputs
from grader.course.baselines import Baseline, BaselineRun, mean_recall, summarise
from grader.course.course import Course
from grader.course.dataset import digest_images, digest_labels
from grader.course.rubric import Rubric, open_rubric
from grader.intake import Entry, open_class
from grader.judge.client import JudgeAnswer, OpenedFile, Question
from grader.kernel.outcome import SavedNetwork
from grader.kernel.run_notebook import Execution, Job
from grader.run import collect, judge_handed_in
from grader.run.context import SHORT_RUN, RunContext, RunOptions, open_context
from grader.sandbox.interface import Sandbox
from tests.checks import builders as built
from tests.pages.builders import a_result as a_result  # the sample result of the reports serves others as well

ASSIGNMENT = DATASET = "tiny"
CLASSES = ("left", "right")
TRAINED, JUDGED = 4, 5  # photographs of each class
LABELS: NDArray[np.int64] = np.repeat(np.arange(2, dtype=np.int64), JUDGED)
FINISHED = built.FINISHED
BROKE = Ending(cause=Cause.INFRASTRUCTURE, message="the grader's own machinery failed")

RUBRIC = """\
schema = 1
title = "Left or right"
dataset = "tiny"
pass_mark = 60

[[check]]
use = "executes"
points = 20

[[check]]
use = "trained"
points = 10

[[check]]
use = "accuracy"
points = 70
at_least = 0.8
"""


def photographs(seed: int, count: int) -> list[NDArray[np.uint8]]:
    """Small RGB pictures of noise, no two alike."""
    noise = np.random.default_rng(seed)
    return [noise.integers(0, 256, (20 + index % 3, 24, 3), dtype=np.uint8) for index in range(count)]


def write_photographs(folder: Path, images: Mapping[str, list[NDArray[np.uint8]]]) -> None:
    """FOLDER/<class>/<number>.png for each picture of each class."""
    for name, pictures in images.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(pictures):
            Image.fromarray(picture).save(folder / name / f"{number:03}.png")


def write_course(root: Path, rubric: str = RUBRIC, *, judged_seed: int = 2) -> Course:
    """A course with one assignment and its data: ten judged photographs of two classes."""
    manifest = [
        'schema = 1\ntitle = "Left or right"\nsource = "noise"\nkind = "photographs"\n'
        'classes = ["left", "right"]\njudged = "judged"\njudged_title = "the 10 judged photographs"\n'
    ]
    for split, seed, each in (("train", 1, TRAINED), ("judged", judged_seed, JUDGED)):
        made = photographs(seed, 2 * each)
        write_photographs(data_of(root) / DATASET / split, {"left": made[:each], "right": made[each:]})
        labels = np.repeat(np.arange(2, dtype=np.int64), each)
        manifest.append(
            f'[split.{split}]\ncount = {2 * each}\nfolder = "{split}"\n'
            f'images = "{digest_images(made)}"\nlabels = "{digest_labels(labels)}"\n'
        )
    write_rubric(root, rubric)
    (root / "datasets" / DATASET).mkdir(parents=True, exist_ok=True)
    (root / "datasets" / DATASET / "dataset.toml").write_text("\n".join(manifest), encoding="utf-8")
    return Course.at(root)


def write_rubric(root: Path, rubric: str, *, assignment: str = ASSIGNMENT) -> None:
    """Replace the rubric of the tiny course, or add another assignment's."""
    folder = root / "assignments" / assignment
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "assignment.toml").write_text(rubric, encoding="utf-8")


def data_of(root: Path) -> Path:
    """The data root of a tiny course."""
    return root / "data"


def a_rubric(course: Course) -> Rubric:
    """The rubric of the tiny course, with labels."""
    return open_rubric(course, ASSIGNMENT, data_of(course.root))


def a_context(course: Course, *, seed: int = 0) -> contextlib.AbstractContextManager[RunContext]:
    """A real context for the tiny course; its sandbox is never started where a `Stage` is installed."""
    options = RunOptions(isolation="none", data=data_of(course.root), seed=seed)
    return open_context(course, ASSIGNMENT, options, Silent())


def list_class(folder: Path) -> list[Entry]:
    """The entries of a class of loose files and folders, which stay where they lie."""
    return list(open_class(folder, assignment="", workspace=folder).entries)


def write_class(folder: Path, *students: str) -> Path:
    """A class in which each of `students` handed in a module."""
    folder.mkdir(parents=True, exist_ok=True)
    for student in students:
        (folder / f"{student}.py").write_text(f"print({student!r})\n", encoding="utf-8")
    return folder


@dataclass(frozen=True, kw_only=True)
class Act:
    """What becomes of one student's run: `correct` of ten images, after `faults` that are raised first.

    `by_seed`: another number of images for some seeds.
    """

    correct: int = 10
    by_seed: Mapping[int, int] = field(default_factory=dict)
    ending: Ending = FINISHED
    model: bool = True
    refused: str = ""
    faults: tuple[BaseException, ...] = ()
    judge_faults: tuple[BaseException, ...] = ()
    seconds: float = 0.0


@dataclass
class Stage:
    """Stands where the kernel and the judge would: answers by the student's name, and counts what it was asked."""

    acts: Mapping[str, Act] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)
    seeds: dict[str, list[int]] = field(default_factory=dict)
    handed_in: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)  # runs of code whose network was handed in

    def install(self, monkeypatch: pytest.MonkeyPatch) -> "Stage":
        """Put the stage in place for one test."""
        monkeypatch.setattr(collect, "run_notebook", self.run_notebook)
        monkeypatch.setattr(collect, "judge_model", self.judge_model)
        monkeypatch.setattr(judge_handed_in, "describe_network", self.describe_network)
        monkeypatch.setattr(judge_handed_in, "judge_handed_in", self.judge_handed_in)
        return self

    def run_notebook(self, job: Job, sandbox: Sandbox, *, who: str, progress: Progress) -> Execution:
        """As `grader.kernel.run_notebook.run_notebook`; the model's bytes are the student's name."""
        if job.smoke == SHORT_RUN:
            self.short.append(who)
            cells = tuple(Cell(number=n, source=text, executed=True) for n, text in enumerate(job.script.cells, 1))
            saved = SavedNetwork(file="model.keras", model=who.encode())
            return Execution(ending=FINISHED, claims=trained_claims(*cells), model=saved.model, networks=(saved,))
        self.runs.append(who)
        self.seeds.setdefault(who, []).append(job.seed)
        act = self.acts.get(who, Act())
        progress.step(who, "cell 1 of 1")
        time.sleep(act.seconds)
        if self.runs.count(who) <= len(act.faults):
            raise act.faults[self.runs.count(who) - 1]
        cells = tuple(Cell(number=n, source=text, executed=True) for n, text in enumerate(job.script.cells, 1))
        return Execution(ending=act.ending, claims=trained_claims(*cells), model=who.encode() if act.model else None)

    def judge_model(
        self, model: bytes, question: Question, claims: Claims, sandbox: Sandbox, limits: Limits
    ) -> JudgeAnswer:
        """As `grader.judge.client.judge_model`."""
        who = model.decode()
        self.judged.append(who)
        act = self.acts.get(who, Act())
        if self.judged.count(who) <= len(act.judge_faults):
            raise act.judge_faults[self.judged.count(who) - 1]
        if act.refused:
            return JudgeAnswer(judgement=Judgement(outcome="refused", reason=act.refused), outputs=None)
        correct = act.by_seed.get(self.seeds[who][-1], act.correct)
        return JudgeAnswer(judgement=a_judgement(), outputs=built.answers(LABELS, correct, units=2))

    def describe_network(self, model: bytes, sandbox: Sandbox, limits: Limits) -> JudgeAnswer:
        """As `grader.judge.client.describe_network`: the same network for all but whose name says other."""
        units = 3 if b"other" in model else 2
        architecture = built.model(built.dense(units, "dense", "softmax"), outputs=(2,))
        return JudgeAnswer(judgement=Judgement(outcome="described", architecture=architecture), outputs=None)

    def judge_handed_in(
        self, file: bytes, into: bytes | None, question: Question, claims: Claims, sandbox: Sandbox, limits: Limits
    ) -> JudgeAnswer:
        """As `grader.judge.client.judge_handed_in`, of files that `a_network` made."""
        told = json.loads(file)
        self.handed_in.append(told["weights"])
        if told["refused"]:
            return JudgeAnswer(judgement=Judgement(outcome="refused", reason=told["refused"]), outputs=None)
        weights = hashlib.sha256(told["weights"].encode())
        sketch = np.random.default_rng(list(weights.digest())).normal(size=64)
        opened = OpenedFile(form="keras", saved_by="3.1", digest=weights.hexdigest(), sketch=tuple(map(float, sketch)))
        outputs = built.answers(LABELS, told["correct"], units=2)
        return JudgeAnswer(judgement=a_judgement(), outputs=outputs, opened=opened)


def a_network(correct: int = 10, *, weights: str = "", refused: str = "") -> bytes:
    """A handed-in file that the stage's judge understands: `correct` of ten images."""
    return json.dumps({"correct": correct, "weights": weights or str(correct), "refused": refused}).encode()


def trained_claims(*cells: Cell, accuracy: float | None = None) -> Claims:
    """Claims of a notebook whose first cell fitted `model`."""
    history: dict[str, tuple[float | None, ...]] = {"accuracy": (accuracy,)} if accuracy is not None else {}
    fit = Fit.model_validate({**built.fit(cell=1).model_dump(), "history": history})
    taken = Candidate(name="model", fitted=True, output_units=2, taken=True, reason="the one that was fitted")
    return Claims(cells=cells or (built.cell(1),), fits=(fit,), candidates=(taken,))


def a_preparation(accuracy: float = 1.0) -> Preparation:
    """How the judge prepared the images, and what that gave on training images."""
    return Preparation(
        scale=255.0, offset=0.0, resize="none", channels="as they are", shape=(28, 28, 1), accuracy=accuracy,
        probed=8, tried={"pixels from 0 to 1": accuracy}, description="pixels from 0 to 1",
    )  # fmt: skip


def a_judgement(accuracy: float = 1.0) -> Judgement:
    """A judged network with two outputs."""
    return Judgement(
        outcome="judged", architecture=built.model(built.dense(2, "dense", "softmax"), outputs=(2,)),
        preparation=a_preparation(accuracy), judged=len(LABELS),
    )  # fmt: skip


def an_evidence(rubric: Rubric, **changes: object) -> Evidence:
    """Evidence of ada's run for the tiny course, without predictions; any field can be given another value."""
    plain = built.evidence(trained_claims(), a_judgement(), judged_on=rubric.judged_on)
    known = {
        "assignment": rubric.assignment.id, "dataset": rubric.dataset_id, "data_digest": rubric.data_digest,
        "versions": {"grader": "0.1.0"},
    }  # fmt: skip
    return plain.model_copy(update={**known, **changes})


def a_stored(rubric: Rubric, correct: int = 10, **changes: object) -> Stored:
    """Evidence with outputs that get `correct` of the ten judged photographs right."""
    outputs = built.answers(LABELS, correct, units=2)
    evidence = an_evidence(rubric, **changes)
    digest = hashlib.sha256(pack_outputs(outputs)).hexdigest()
    judgement = evidence.facts.judgement.model_copy(update={"predictions": digest})
    facts = evidence.facts.model_copy(update={"judgement": judgement})
    return Stored(evidence=evidence.model_copy(update={"facts": facts}), outputs=outputs)


def a_baseline(*accuracies: float, **changes: object) -> Baseline:
    """A recorded baseline of exercise1 on ten thousand images of two classes, one run for each accuracy."""
    runs = tuple(
        BaselineRun(
            seed=seed, accuracy=accuracy, correct=round(10_000 * accuracy), judged=10_000,
            recall={"left": accuracy, "right": accuracy}, points=100, epochs=3, training_s=30.0, wall_s=60,
            cpu_s=50.0 + seed, evidence="e",
        )
        for seed, accuracy in enumerate(accuracies)
    )  # fmt: skip
    plain = Baseline(
        assignment="exercise1", title="reference solution", solution="solution.ipynb", solution_sha256="0",
        dataset="mnist", data_digest="d", judged_on="the 10,000 test images of MNIST", parameters=1234, versions={},
        summary=summarise("exercise1", accuracies), recall=mean_recall(runs), runs=runs,
    )  # fmt: skip
    return plain.model_copy(update=changes)


@dataclass(frozen=True)
class Said:
    """What the command line answered."""

    code: int
    out: str
    err: str


def run_cli(*words: str | Path) -> Said:
    """`grader WORDS` in this process, through the same door as the console script."""
    from grader.cli import main

    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        patch.object(sys, "argv", ["grader", *map(str, words)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Said(code, out.getvalue(), err.getvalue())
