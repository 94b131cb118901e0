"""What shows beside a training whether it is where a network comes from: its first step, and whether weights moved.

Nothing is computed for it but the length of a sample of weights. The first step's loss and accuracy are those that Keras
itself hands to callbacks, and they are taken before the step changes anything.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from grader.kernel.guest.describing import number
from grader.kernel.guest.neutral import neutrally

MOST_WEIGHTS = 1 << 16  # numbers in a sample of a network's weights
ACCURACIES = ("accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy", "binary_accuracy")


class Looks:
    """Hears the first step of each training that is open."""

    def __init__(self) -> None:
        self._open: list[Look] = []

    def attach(self, keras: Any) -> None:
        """Listen where Keras tells its callbacks that a step is done."""
        kind = keras.callbacks.CallbackList
        original = kind.on_train_batch_end

        @functools.wraps(original)
        def on_train_batch_end(callbacks: Any, batch: Any, logs: Any = None) -> Any:
            if self._open:
                self._open[-1].hear(batch, logs)
            return original(callbacks, batch, logs)

        kind.on_train_batch_end = on_train_batch_end

    @contextmanager
    def at(self, model: Any) -> Iterator["Look"]:
        """Look at one training of `model`."""
        look = Look(model)
        self._open.append(look)
        try:
            yield look
        finally:
            self._open.remove(look)


class Look:
    """One training: weights and steps before it, the numbers of its first step."""

    def __init__(self, model: Any) -> None:
        self._weights, self._steps = sample_weights(model), _steps(model)
        self._first: dict[str, Any] = {}
        self._heard = False

    def hear(self, batch: Any, logs: Any) -> None:
        """Keep what the first step gave; where several are made at once it says nothing of the beginning."""
        if not self._heard and batch == 0 and isinstance(logs, dict):
            self._first = dict(logs)
        self._heard = True

    def told(self, model: Any) -> dict[str, Any]:
        """What the host's `Fit` reads."""
        steps = _steps(model)
        return {
            "first_accuracy": accuracy_in(self._first),
            "first_loss": number(self._first.get("loss")),
            "updates": steps - self._steps if steps is not None and self._steps is not None else steps,
            "moved": moved(self._weights, sample_weights(model)),
        }


def accuracy_in(logs: dict[str, Any]) -> float | None:
    """The accuracy among Keras' logs, by any of its usual names."""
    return next((number(logs[name]) for name in ACCURACIES if name in logs), None)


@neutrally
def sample_weights(model: Any) -> Any:
    """Some of a network's trainable weights, evenly taken, as one array; None where it has none yet."""
    import numpy

    try:
        weights = list(model.trainable_weights)
        each = max(1, MOST_WEIGHTS // max(1, len(weights)))
        parts = []
        for weight in weights:
            values = numpy.asarray(weight).reshape(-1)
            parts.append(numpy.array(values[:: max(1, len(values) // each)][:each], dtype=numpy.float64))
        return numpy.concatenate(parts)
    except Exception:
        return None


@neutrally
def moved(before: Any, after: Any) -> float | None:
    """How far a sample of weights went, as a part of its length; None where there were none or other ones."""
    import numpy

    if before is None or after is None or before.shape != after.shape:
        return None
    length = float(numpy.sqrt((before**2).sum()))
    return number(numpy.sqrt(((after - before) ** 2).sum()) / (length or 1.0))


def _steps(model: Any) -> int | None:
    try:
        return int(model.optimizer.iterations)
    except Exception:
        return None
