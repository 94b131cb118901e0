"""Results and evidence for tests of reports, as a real submission would give them."""

import base64
import io
import random
from functools import lru_cache
from pathlib import Path

from PIL import Image

from grader.core.evidence import (
    ArraySummary,
    Attachment,
    Candidate,
    Cause,
    Cell,
    CellError,
    Claims,
    Ending,
    Evidence,
    Facts,
    Fit,
    Judgement,
    MarkdownCell,
    Output,
    Preparation,
    Source,
)
from grader.core.metrics import exact_interval
from grader.core.results import Accuracy, CheckResult, Comparison, ModelSummary, Outcome, Result, Spread, Status
from tests.pages.layers import an_architecture

TEMPLATES = Path(__file__).parents[2] / "reports" / "templates"
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
CLASSES = tuple(str(digit) for digit in range(10))
FITTED_CELL = """model.compile(
    optimizer="adam",
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
history = model.fit(
    x_train, y_train,
    epochs=5, batch_size=128,
    validation_data=(x_test, y_test),
)"""


@lru_cache
def png(width: int = 8, height: int = 8, seed: int = 0) -> str:
    """A real PNG in base64, of noise."""
    noise = random.Random(seed).randbytes(width * height)
    target = io.BytesIO()
    Image.frombytes("L", (width, height), noise).save(target, "PNG")
    return base64.b64encode(target.getvalue()).decode("ascii")


@lru_cache
def photograph(seed: int = 0) -> str:
    """A PNG in base64 of 700 x 500 pixels without sharp edges, heavy as photographs are."""
    colours = Image.frombytes("RGB", (14, 10), random.Random(seed).randbytes(14 * 10 * 3))
    target = io.BytesIO()
    colours.resize((700, 500), Image.Resampling.BICUBIC).save(target, "PNG")
    return base64.b64encode(target.getvalue()).decode("ascii")


def a_check(outcome: Outcome = Outcome.PASSED, **changes: object) -> CheckResult:
    """A check of ten points."""
    points = {Outcome.PASSED: 10.0, Outcome.PARTIAL: 5.0}.get(outcome, 0.0)
    values: dict[str, object] = {
        "name": f"check_{outcome}",
        "title": "The input has the right shape",
        "outcome": outcome,
        "points": points,
        "out_of": 10.0,
    }
    return CheckResult.model_validate({**values, **changes})


def an_accuracy(correct: int = 9842, judged: int = 10_000, **changes: object) -> Accuracy:
    """An accuracy with its exact interval and a confusion matrix of ten classes."""
    wrong = judged - correct
    per_class = correct // 10
    matrix = [[per_class if i == j else 0 for j in range(10)] for i in range(10)]
    matrix[0][0] += correct - 10 * per_class
    for i, j, part in ((4, 9, 0.3), (7, 2, 0.2), (3, 5, 0.2), (8, 3, 0.1)):
        matrix[i][j] += int(wrong * part)
    matrix[9][4] += wrong - sum(int(wrong * part) for part in (0.3, 0.2, 0.2, 0.1))
    values: dict[str, object] = {
        "value": correct / judged,
        "correct": correct,
        "judged": judged,
        "interval": exact_interval(correct, judged),
        "verdict": "pass",
        "threshold": 0.97,
        "confusion": tuple(tuple(row) for row in matrix),
    }
    return Accuracy.model_validate({**values, **changes})


# one check of each outcome, and one of advice
SOME_CHECKS: tuple[CheckResult, ...] = (
    a_check(name="runs", title="The notebook runs to its end", reason="all 9 cells ran in 1 min 35 s"),
    a_check(
        name="accuracy",
        title="At least 97 % of the test images are recognised",
        points=50.0,
        out_of=50.0,
        reason="98.42 % of 10,000 images; 97 % are needed",
    ),
    a_check(
        Outcome.PARTIAL,
        name="figure",
        title="A figure shows the learning curves",
        rests_on="claims",
        reason="there is a figure, but it has no labels on its axes",
        hint='Name the axes: plt.xlabel("epoch") and plt.ylabel("accuracy").',
    ),
    a_check(
        Outcome.FAILED,
        name="dropout",
        title="Dropout holds back overfitting",
        reason="the network has no Dropout layer",
        hint="Add layers.Dropout(0.3) between the dense layers and train again.",
    ),
    a_check(
        Outcome.SKIPPED,
        name="dropout_rate",
        title="The dropout rate is sensible",
        reason="not looked at, because `dropout` failed",
        hint="Mend that first; this one follows.",
    ),
    a_check(
        Outcome.BROKEN,
        name="filters",
        title="Later convolutions have more filters",
        reason="the check itself broke: KeyError: 'filters'",
        hint="This is the grader's fault; your instructor is told.",
    ),
    a_check(
        Outcome.FAILED,
        name="suggested_batch_size",
        title="The suggested batch size was used",
        points=0.0,
        out_of=0.0,
        rests_on="claims",
        reason="fit was called with batch_size=32",
        hint="Try batch_size=128: an epoch takes a third of the time.",
    ),
)


def a_spread(**changes: object) -> Spread:
    """The reference solution over five seeds."""
    values: dict[str, object] = {
        "assignment": "exercise2",
        "seeds": 5,
        "mean": 0.98614,
        "standard_deviation": 0.00052,
        "interval": (0.9855, 0.9868),
        "lowest": 0.9855,
        "highest": 0.9868,
    }
    return Spread.model_validate({**values, **changes})


def a_result(checks: tuple[CheckResult, ...] = SOME_CHECKS, **changes: object) -> Result:
    """A graded result; any field can be given another value."""
    values: dict[str, object] = {
        "schema": 1,
        "assignment": "exercise2",
        "title": "Exercise 2: MNIST with a convolutional network",
        "student": "Ada Lovelace",
        "submission": "lovelace_mnist.ipynb",
        "status": Status.GRADED,
        "points": sum(check.points for check in checks),
        "out_of": sum(check.out_of for check in checks),
        "pass_mark": 60.0,
        "passed": True,
        "isolation": "bubblewrap",
        "dataset": "mnist",
        "serve": "sealed",
        "judged_on": "the 10,000 test images of MNIST",
        "accuracy": an_accuracy(),
        "compared": (
            Comparison(assignment="exercise1", source="exercise1 of the same student", accuracy=0.9811, judged=10_000),
        ),
        "baseline": a_spread(),
        "model": ModelSummary(
            chosen="model",
            candidates=("model", "old_model"),
            parameters=165_674,
            input_shape=(28, 28, 1),
            preprocessing="Pixels were divided by 255 and each picture was given one channel.",
            family="convolutional",
        ),
        "checks": checks,
        "shims": ("`from keras.utils import np_utils` was read as `from keras import utils`",),
        "notes": ("The notebook was handed in 2 hours before the deadline.",),
        "ending": Ending(cause=Cause.FINISHED, message="All 9 cells ran.", wall_s=95.4, cpu_s=171.2, peak_mb=1_320.0),
        "evidence": DIGEST,
        "versions": {"keras": "3.15.1", "tensorflow": "2.21.0", "python": "3.11.9", "grader": "0.1.0"},
        "seed": 20_240_101,
        "started": "2026-11-23T09:30:00+00:00",
    }
    return Result.model_validate({**values, **changes})


def a_fit(**changes: object) -> Fit:
    """A training of five epochs with validation."""
    values: dict[str, object] = {
        "cell": 5,
        "model": "model",
        "identity": 1,
        "epochs": 5,
        "epochs_done": 5,
        "batch_size": 128,
        "optimizer": "adam",
        "learning_rate": 0.001,
        "loss": "sparse_categorical_crossentropy",
        "metrics": ("accuracy",),
        "history": {
            "loss": (0.2881, 0.0962, 0.0641, 0.0469, 0.0352),
            "accuracy": (0.9172, 0.9713, 0.9806, 0.9858, 0.9893),
            "val_loss": (0.0901, 0.0622, 0.0513, 0.0479, 0.0468),
            "val_accuracy": (0.9731, 0.9806, 0.9838, 0.9846, 0.9851),
        },
        "x": ArraySummary(shape=(60_000, 28, 28, 1), dtype="float32", low=0.0, high=1.0),
        "y": ArraySummary(shape=(60_000,), dtype="uint8", low=0.0, high=9.0),
        "validation": "data",
        "seconds": 71.3,
    }
    return Fit.model_validate({**values, **changes})


def some_cells() -> tuple[Cell, ...]:
    """Cells with each kind of output: text, a long text, a picture, an error."""
    progress = "".join(f"Epoch {epoch}/25 - accuracy: 0.98 - loss: 0.05\n" for epoch in range(1, 26))
    return (
        Cell(number=1, source="import keras\nimport matplotlib.pyplot as plt", executed=True, seconds=2.31),
        Cell(
            number=2,
            source="(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()\nprint(x_train.shape)",
            executed=True,
            seconds=0.42,
            outputs=(Output(kind="stream", text="(60000, 28, 28)\n"),),
        ),
        Cell(
            number=3,
            source=FITTED_CELL,
            executed=True,
            seconds=71.4,
            outputs=(Output(kind="stream", text=progress),),
        ),
        Cell(
            number=4,
            source='plt.plot(history.history["accuracy"])\nplt.show()',
            executed=True,
            seconds=0.3,
            outputs=(Output(kind="display", text="<Figure size 640x480 with 1 Axes>", png=png(320, 160)),),
        ),
        Cell(
            number=5,
            source="model.predict(x_tset)",
            executed=True,
            seconds=0.01,
            error=CellError(
                name="NameError",
                message="name 'x_tset' is not defined",
                traceback="Traceback (most recent call last)\n  Cell 5, line 1\n    model.predict(x_tset)\n"
                "NameError: name 'x_tset' is not defined",
            ),
        ),
        Cell(number=6, source="print('never reached')", executed=False),
    )


def some_markdown() -> tuple[MarkdownCell, ...]:
    """Prose before, between and after the cells: headings, a list, a table, a link, a formula, a picture, code."""
    table = "| network | accuracy |\n|---|---:|\n| dense | 97.9 % |\n| convolutional | **98.4 %** |"
    end = (
        f"## Conclusion\n\nThe *convolutional* network is better:\n\n{table}\n\n1. fewer parameters\n2. it sees edges\n"
    )
    return (
        MarkdownCell(after=0, source="# MNIST\n\nAfter [LeCun](papers/lecun.html), with $z = w^T x + b$."),
        MarkdownCell(
            after=3,
            source="The curves of `history`:\n\n![sketch](attachment:sketch.png)\n\n```python\nhistory.history\n```",
            attachments=(Attachment(name="sketch.png", png=png(120, 60)),),
        ),
        MarkdownCell(after=6, source=end),
    )


def some_evidence(**changes: object) -> Evidence:
    """Evidence of a run whose network was judged."""
    preparation = Preparation(
        scale=255.0,
        offset=0.0,
        resize="none",
        channels="as they are",
        shape=(28, 28, 1),
        accuracy=0.991,
        probed=1_000,
        tried={"divided by 255": 0.991, "as they are": 0.874, "minus 127.5, divided by 127.5": 0.702},
        description="Pixels were divided by 255.",
    )
    judgement = Judgement(
        outcome="judged", architecture=an_architecture(), preparation=preparation, predictions=DIGEST, judged=10_000
    )
    values: dict[str, object] = {
        "schema": 1,
        "assignment": "exercise2",
        "student": "Ada Lovelace",
        "submission": Source(
            name="lovelace_mnist.ipynb", sha256=DIGEST[::-1], markdown=some_markdown(), counts=(1, 2, 7, None, 9, None)
        ),
        "key": DIGEST,
        "isolation": "bubblewrap",
        "dataset": "mnist",
        "data_digest": DIGEST,
        "serve": "sealed",
        "judged_on": "test",
        "seed": 1,
        "started": "2026-11-23T09:30:00+00:00",
        "versions": {"keras": "3.15.1"},
        "facts": Facts(ending=Ending(cause=Cause.FINISHED, message="All 9 cells ran."), judgement=judgement),
        "claims": Claims(
            cells=some_cells(),
            fits=(a_fit(model="old_model", cell=3, epochs=2, epochs_done=2, history={}), a_fit()),
            candidates=(
                Candidate(name="model", fitted=True, output_units=10, taken=True, reason="the last one trained"),
                Candidate(name="old_model", fitted=True, output_units=10, taken=False, reason="trained before `model`"),
            ),
        ),
    }
    return Evidence.model_validate({**values, **changes})
