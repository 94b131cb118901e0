"""What one training was given and what came of it, as plain JSON values.

The first step's loss and accuracy are those that Keras itself hands to callbacks, taken before the step changes anything;
they show, with how far weights moved, whether a training is where a network comes from.
"""

import math
from typing import Any

from grader.kernel.guest.wrapping import neutral

FIRST_ROWS = 256
LONGEST = 200  # characters of a name or message


def describe_fit(model: Any, given: dict[str, Any], seconds: float, failure: BaseException | None) -> dict[str, Any]:
    """One call of `fit`, as the host's `Fit` reads it, without cell and name."""
    history = getattr(model, "history", None)
    curves = getattr(history, "history", {}) or {}
    validation = given.get("validation_data")
    split = bool(given.get("validation_split"))
    return {
        "identity": id(model),
        "epochs": whole(given.get("epochs", 1)) or 1,
        "epochs_done": max((len(values) for values in curves.values()), default=0),
        "batch_size": whole(given.get("batch_size")),
        "history": {shorten(key): [number(value) for value in values] for key, values in curves.items()},
        "x": summarise(given.get("x")),
        "y": summarise(given.get("y")),
        "validation": "data" if validation is not None else "split" if split else "none",
        "validation_x": summarise(validation[0]) if isinstance(validation, tuple) and validation else None,
        "seconds": round(seconds, 3),
        "error": shorten(f"{type(failure).__name__}: {failure}") if failure is not None else None,
        **describe_compilation(model, getattr(model, "optimizer", None)),
    }


def describe_loop(model: Any, optimizer: Any, *, how: str, steps: int) -> dict[str, Any]:
    """A training without `fit`: nothing is known but that it made `steps`."""
    told = describe_compilation(model, optimizer)
    return {
        "identity": id(model),
        "epochs": 1,
        "epochs_done": 0,
        "batch_size": None,
        "how": how,
        "steps": steps,
        **told,
    }


def describe_compilation(model: Any, optimizer: Any) -> dict[str, Any]:
    """Optimizer, its rate, and the loss."""
    return {
        "optimizer": type(optimizer).__name__ if optimizer is not None else None,
        "learning_rate": number(getattr(optimizer, "learning_rate", None)),
        "loss": word(getattr(model, "loss", None)),
    }


def summarise(data: Any) -> dict[str, Any] | None:
    """Shape, dtype and range of an array; of a `tf.data` pipeline or generator only what it declares."""
    try:
        if isinstance(data, (list, tuple)) and data:
            data = data[0]
        if hasattr(data, "shape") and hasattr(data, "dtype"):
            import numpy as np

            first = np.asarray(data[:FIRST_ROWS])
            shape = [whole(size) for size in data.shape]
            return {
                "shape": shape, "dtype": str(first.dtype), "low": number(first.min()), "high": number(first.max()),
            }  # fmt: skip
        if hasattr(data, "element_spec"):
            spec = data.element_spec
            spec = spec[0] if isinstance(spec, tuple) else spec
            return {"shape": [whole(size) for size in spec.shape], "dtype": spec.dtype.name, "low": None, "high": None}
    except Exception:
        return None
    return None


def with_rows(told: dict[str, Any] | None, rows: Any) -> dict[str, Any] | None:
    """What is known of `x`, completed by the first rows that were seen of it."""
    if rows is None or (told is not None and told["low"] is not None):
        return told
    seen = summarise(rows)
    return None if seen is None else {**seen, "shape": told["shape"] if told else [None, *seen["shape"][1:]]}


def output_units(model: Any) -> int | None:
    """The size of the last output axis, where the model is built; of a class of one's own that of the layer it has last."""
    try:
        return whole(model.output_shape[-1])
    except Exception:
        last = next(iter(reversed(getattr(model, "layers", None) or ())), None)
        units = getattr(last, "units", None)
        return whole(units) if units is not None or last is None else output_units(last)


def layer_kinds(model: Any) -> list[str]:
    """The class names of a network's layers, those of inner networks among them."""
    kinds: list[str] = []
    for layer in getattr(model, "layers", ()):
        kinds += layer_kinds(layer) if getattr(layer, "layers", None) else [type(layer).__name__]
    return kinds


def whole(value: Any) -> int | None:
    """`value` as an int, or None."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def number(value: Any) -> float | None:
    """`value` as a finite float of six digits, or None."""
    try:
        converted = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):  # JAX: an array that was given away is none any more
        return None
    return float(f"{converted:.6g}") if math.isfinite(converted) else None


def word(value: Any) -> str | None:
    """A loss or metric by its name."""
    if value is None or isinstance(value, str):
        return value
    return shorten(getattr(value, "name", None) or getattr(value, "__name__", None) or type(value).__name__)


def shorten(text: object) -> str:
    """At most `LONGEST` characters of `text`."""
    return str(text)[:LONGEST]


MOST_WEIGHTS = 1 << 16  # numbers in a sample of a network's weights
ACCURACIES = ("accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy", "binary_accuracy")


class TrainingStart:
    """A callback that knows where one training began: weights and steps before it, the numbers of its first step."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._weights, self._steps = sample_weights(model), _steps(model)
        self._first: dict[str, Any] = {}
        self._heard = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Keep the numbers of the first step; where several steps are made at once they say nothing of the beginning."""
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


@neutral()
def sample_weights(model: Any) -> Any:
    """Some of a network's trainable weights, evenly taken, as one array; None where it has none yet."""
    import numpy

    try:
        weights = list(model.trainable_weights)
        each = max(1, MOST_WEIGHTS // max(1, len(weights)))
        parts = []
        for weight in weights:
            values = numpy.asarray(_held(weight)).reshape(-1)
            parts.append(numpy.array(values[:: max(1, len(values) // each)][:each], dtype=numpy.float64))
        return numpy.concatenate(parts)
    except Exception:
        return None


def _held(weight: Any) -> Any:
    """A variable; of one of JAX what it holds, because it answers otherwise while a function is traced."""
    value = getattr(weight, "_value", None)
    return value if type(value).__module__.startswith("jax") else weight


@neutral()
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
