"""Changes Keras once, as it is imported: seeds, and the stages around `fit` and its like.

One call of `fit` may use most of its share of the time that is left: of its cell, and of the run, of which each `fit` that
is still to come in the source gets a part. A stopped training is a trained network with a history; a killed one is none.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from grader.kernel.guest.backends import honour_set_backend, tell_backend
from grader.kernel.guest.notes import Notes
from grader.kernel.guest.old_names import Shims
from grader.kernel.guest.recorder import Recorder
from grader.kernel.guest.smoke import SmokeRun, cut_preparation
from grader.kernel.guest.smoke_loops import OwnLoops, cut_loops
from grader.kernel.guest.wrapping import (
    MethodCall,
    Stage,
    add_callback,
    callback_class,
    replaces_everywhere,
    wrap_stages,
)

SHARE = 0.8  # of the time that is left: validation, evaluation and plots come after


class FitBudget:
    """Knows how long cell and run may take, in seconds, and how many calls of `fit` each cell writes.

    `cells`: seconds of each cell, where they differ from `cell`: one that was taken for the end of a notebook may train
    after all, and then it is stopped in its shorter time. `batches`: how many each `fit` may see; None where everything
    is run.
    """

    def __init__(
        self,
        notes: Notes,
        *,
        cell: float,
        wall: float,
        fits: Sequence[int],
        cells: Sequence[float] = (),
        batches: int | None = None,
    ) -> None:
        self._notes, self._cell, self._wall, self._fits = notes, cell, wall, tuple(fits)
        self._cells, self._batches = tuple(cells), batches
        self._run_started = self._cell_started = time.monotonic()
        self._called = 0  # in this cell

    def start_cell(self, *_: object) -> None:
        """Called before each cell."""
        self._cell_started, self._called = time.monotonic(), 0

    @contextmanager
    def fit(self, call: MethodCall) -> Iterator[None]:
        """Around `fit`: stop it in its time, and note what was cut and which callbacks watch a name that is not there."""
        stopper = callback_class(StopInTime)(self.seconds(), self._batches)
        self._called += 1
        add_callback(call.given, stopper)
        yield
        self._tell(stopper, call.given, call.answer)

    def seconds(self) -> float:
        """How long the next `fit` may take."""
        now, cell = time.monotonic(), self._notes.cell
        written = self._fits[cell - 1] if 0 < cell <= len(self._fits) else 1
        allowed_s = self._cells[cell - 1] if 0 < cell <= len(self._cells) else self._cell
        here, later = max(1, written - self._called), sum(self._fits[cell:])
        of_cell = (self._cell_started + allowed_s - now) / here
        of_run = (self._run_started + self._wall - now) / (here + later)
        return SHARE * max(0.0, min(of_cell, of_run))

    def _tell(self, stopper: Any, given: dict[str, Any], history: Any) -> None:
        if stopper.cut:
            self._notes.note(f"each training was stopped after {self._batches} batches: this exercise allows no more")
        if stopper.stopped_at is not None:
            self._notes.note(
                f"training was stopped in epoch {stopper.stopped_at} of {given.get('epochs', 1)}: the time of this "
                "exercise was used up; the network was graded as it was then"
            )
        known = getattr(history, "history", {})
        for callback in given["callbacks"] if isinstance(given["callbacks"], list) else []:
            monitor = getattr(callback, "monitor", None)
            if isinstance(monitor, str) and known and monitor not in list(known):
                there = ", ".join(f"'{name}'" for name in list(known)[:8])
                self._notes.note(
                    f"`{type(callback).__name__}(monitor='{monitor}')` did nothing: there is no '{monitor}', only {there}"
                )


class StopInTime:
    """Stops after `seconds`, at the next batch, or after `batches`, if any. `stopped_at`: the epoch, from 1."""

    model: Any

    def __init__(self, seconds: float, batches: int | None) -> None:
        super().__init__()
        self._deadline = time.monotonic() + seconds
        self._epoch = 0
        self.stopped_at: int | None = None
        self._left, self.cut = batches, False

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Epochs are told from 1."""
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Stop here: a training ends in good order only after a batch."""
        if self.stopped_at is None and time.monotonic() > self._deadline:
            self.stopped_at = self._epoch
            self.model.stop_training = True
        if self._left is not None:
            self._left -= 1
            if self._left <= 0 and not self.cut:
                self.cut = self.model.stop_training = True


@dataclass(kw_only=True)
class KerasChanges:
    """What is changed in Keras right after its import, and again where `set_backend` has loaded another one."""

    notes: Notes
    recorder: Recorder
    budget: FitBudget
    shims: Shims | None
    smoke: SmokeRun | None
    seed: int
    deterministic: bool
    changed: Any = None  # the class of networks that was changed

    def make(self, keras: Any) -> None:
        """Make all changes; not again where the same Keras is loaded again."""
        if self.changed is keras.Model:
            return
        self.changed = keras.Model
        tell_backend(keras, self.notes)
        honour_set_backend(keras, self.notes)
        keras.utils.set_random_seed(self.seed)  # of TensorFlow's pipelines too, with any backend
        if self.deterministic:
            sys.modules["tensorflow"].config.experimental.enable_op_determinism()
        name_activations()
        loops = OwnLoops(self.smoke) if self.smoke is not None else None
        self._wrap_methods(keras.Model, loops)
        self.recorder.attach(keras)
        if self.smoke is not None and loops is not None:
            cut_preparation(keras, self.smoke)
            cut_loops(keras, loops)
        if self.shims is not None:
            self.shims.attach(keras)

    def _wrap_methods(self, model: Any, loops: OwnLoops | None) -> None:
        """The recorder is outside: it keeps what the submission gave. Old arguments are rewritten before all."""
        recorder, smoke = self.recorder, self.smoke
        stages: dict[str, list[Stage]] = {
            "fit": [recorder.fit, *([smoke.fit] if smoke else []), self.budget.fit],
            "evaluate": [recorder.evaluate, *([smoke.evaluate] if smoke else [])],
            "predict": [recorder.predict, *([smoke.predict] if smoke else [])],
            "train_on_batch": [recorder.train_on_batch, *([loops.train_on_batch] if loops else [])],
            "test_on_batch": [],
        }
        for name, around in stages.items():
            wrap_stages(model, name, around, self.shims.rewrite if self.shims is not None else None)


# What TensorFlow calls a function below `tf.nn` -> what Keras calls it.
NAMES: Mapping[str, str] = {
    **{name: name for name in ("elu", "gelu", "leaky_relu", "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu",
                               "softmax", "softplus", "softsign", "tanh")},
    "swish": "silu",
}  # fmt: skip


def name_activations() -> None:
    """`keras.activations.get`, which every layer asks, takes TensorFlow's functions for Keras' own. Once Keras is there."""
    source: Any = sys.modules["keras.src.activations"]

    @replaces_everywhere(source.get)
    def get(original: Any, identifier: Any) -> Any:
        return original(_own(identifier, source) or identifier)


def _own(identifier: Any, source: Any) -> Any:
    """Keras' function for one of TensorFlow's, which is looked for late: TensorFlow may be half imported before."""
    nn = getattr(sys.modules.get("tensorflow"), "nn", None)
    known = callable(identifier) and nn is not None
    new = next((new for old, new in NAMES.items() if getattr(nn, old) is identifier), None) if known else None
    return getattr(source, new) if new is not None else None
