"""Times the batches of a training or of a test, and stops it when there were enough of them."""

import time
from collections.abc import Callable
from typing import Any

from grader.kernel.guest.smoke_lengths import whole

FEWEST = 2  # batches: the first one builds the graph, the others are timed
FIT_PATIENCE_S = 3.0  # of one training, after its first batch
PATIENCE_S = 1.0  # of one call of `evaluate` or `predict`, or one pass over the validation data, after its first batch


class Watch:
    """Times the batches of one call, and knows when there were enough of them.

    `batches`: how many a training may have. `part`: of the usual time, as little as is left of the run. `patient`: a test
    is never enough.
    """

    def __init__(self, batches: int | None, *, part: float = 1.0, patient: bool = False) -> None:
        self._batches, self._part, self._patient = batches, part, patient
        self._last, self._first_s = time.monotonic(), 0.0
        self._times, self._test_times = list[float](), list[float]()
        self._test_started = 0.0
        self.tested, self._done, self.cut = 0, 0, False

    @property
    def test_step_s(self) -> float:
        """Seconds of one batch of testing."""
        return _middle(self._test_times)

    def pace(self, params: Any) -> dict[str, Any]:
        """What is known after a training; `params` are those that Keras gave its callbacks."""
        steps = params.get("steps") if isinstance(params, dict) else None
        return {
            "first_s": round(self._first_s, 4), "step_s": round(_middle(self._times), 6), "steps": whole(steps),
            "done": self._done, "validation_step_s": round(self.test_step_s, 6),
        }  # fmt: skip

    def begin_training(self) -> None:
        """The clock of the first batch starts."""
        self._last = time.monotonic()

    def trained(self, batch: int) -> bool:
        """Batch `batch`, from 0, was trained on; whether that was enough."""
        now = time.monotonic()
        if self._done:
            self._times.append((now - self._last) / max(1, batch + 1 - self._done))
        else:
            self._first_s = now - self._last
        self._last, self._done = now, batch + 1
        slow = self._done >= FEWEST and sum(self._times) > self._part * FIT_PATIENCE_S
        return self._batches is not None and (slow or self._done >= self._batches)

    def begin_test(self) -> None:
        """A pass over other data starts."""
        self.tested, self._test_times = 0, []

    def looked_at(self, batch: int) -> bool:
        """Batch `batch`, from 0, was evaluated or predicted; whether that was enough."""
        now = time.monotonic()
        if self.tested:
            self._test_times.append((now - self._last) / max(1, batch + 1 - self.tested))
        else:
            self._test_started = now  # the first batch builds the graph, and says nothing of the others
        self._last, self.tested = now, batch + 1
        self.cut = self.tested >= FEWEST and now - self._test_started > self._part * PATIENCE_S and not self._patient
        return self.cut


def stopper_of(keras: Any) -> Callable[[Watch], Any]:
    """The class of our callback; made here, since only here Keras is known."""

    class Stopper(keras.callbacks.Callback):  # type: ignore[misc]
        """Tells a `Watch` of each batch, and stops when it says so."""

        def __init__(self, watch: Watch) -> None:
            super().__init__()
            self._watch = watch

        def on_train_begin(self, logs: object = None) -> None:
            self._watch.begin_training()

        def on_train_batch_end(self, batch: int, logs: object = None) -> None:
            if self._watch.trained(batch):
                self.model.stop_training = True

        def on_test_begin(self, logs: object = None) -> None:
            self._watch.begin_test()

        def on_test_batch_end(self, batch: int, logs: object = None) -> None:
            if self._watch.looked_at(batch):
                self.model.stop_evaluating = True

        def on_predict_begin(self, logs: object = None) -> None:
            self._watch.begin_test()

        def on_predict_batch_end(self, batch: int, logs: object = None) -> None:
            if self._watch.looked_at(batch):
                self.model.stop_predicting = True

    return Stopper


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0
