"""The recorder: keeps every network that was fitted, what `fit` was given, and saves the one to be graded."""

import functools
import inspect
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

FIRST_ROWS = 256
LONGEST = 200  # characters of a name or message


class Recorder:
    """Wraps `keras.Model.fit`. The graded network is the last fitted one whose output suits the exercise."""

    def __init__(self, *, folder: Path, units: Sequence[int]) -> None:
        self._folder, self._units = folder, tuple(units)
        self._fits: list[dict[str, Any]] = []
        self._models: list[Any] = []  # strong references, in order of their last fit
        self._keras: Any = None
        self._problem: str | None = None
        self._saved: Any = None
        self._cell = 0

    def count_cell(self, *_: object) -> None:
        """Called before each cell: IPython's own counter differs between versions."""
        self._cell += 1

    def attach(self, keras: Any) -> None:
        """Wrap `fit` of every Keras model, subclasses and `tf.keras` included."""
        self._keras = keras
        original = keras.Model.fit
        keras.Model.fit = self._recording(original)

    def finish(self) -> None:
        """After the last cell: save the choice as it is now (weights may have changed since its fit) and tell all."""
        if self._keras is None:
            self._write(())
            return
        known = self._known_models()
        taken, reason = self._choose(known)
        if taken is not None:
            self._save(taken)
        self._write(self._candidates(known, taken, reason))

    def _recording(self, original: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(original)

        @functools.wraps(original)
        def fit(*arguments: Any, **options: Any) -> Any:
            started = time.monotonic()
            model = arguments[0]
            failure: BaseException | None = None
            try:
                return original(*arguments, **options)
            except BaseException as error:
                failure = error
                raise
            finally:
                try:
                    given = dict(signature.bind(*arguments, **options).arguments)
                except TypeError:
                    given = {}
                self._remember(model, given, time.monotonic() - started, failure)

        return fit

    def _remember(self, model: Any, given: dict[str, Any], seconds: float, failure: BaseException | None) -> None:
        """Never raises: recording must not change what the student's code does."""
        try:
            self._models = [other for other in self._models if other is not model] + [model]
            self._fits.append(describe_fit(model, given, seconds, failure) | {"cell": self._cell or None})
            if self._suits(model) and self._fits[-1]["epochs_done"]:
                self._save(model)
            self._write(self._candidates(self._models, self._saved, "fitted last"))
        except Exception as error:
            self._problem = shorten(f"the recorder failed: {type(error).__name__}: {error}")

    def _suits(self, model: Any) -> bool:
        return output_units(model) in self._units

    def _known_models(self) -> list[Any]:
        """Fitted models in order of their last fit, then those that only stand in the namespace."""
        others = [
            value for value in user_namespace().values()
            if isinstance(value, self._keras.Model) and not any(value is model for model in self._models)
        ]  # fmt: skip
        return [*self._models, *others]

    def _choose(self, known: list[Any]) -> tuple[Any, str]:
        fitted = [model for model in self._models if any(self._epochs_of(model))]
        suited = [model for model in fitted if self._suits(model)]
        if suited:
            return suited[-1], "fitted last" if len(suited) > 1 else "the one that was fitted"
        if fitted:
            return fitted[-1], "fitted last, though its output does not suit the exercise"
        unfitted = [model for model in known if self._suits(model)] or known
        if unfitted:
            return unfitted[-1], "never fitted"
        return None, ""

    def _epochs_of(self, model: Any) -> list[int]:
        return [fit["epochs_done"] for fit in self._fits if fit["identity"] == id(model)]

    def _save(self, model: Any) -> None:
        partial = self._folder / "partial.keras"
        try:
            self._keras.saving.save_model(model, str(partial))
            os.replace(partial, self._folder / "model.keras")  # noqa: PTH105 - on a descriptor-backed folder
            self._saved, self._problem = model, None
        except Exception as error:
            self._problem = shorten(f"the network could not be saved: {type(error).__name__}: {error}")

    def _candidates(self, known: Sequence[Any], taken: Any, reason: str) -> list[dict[str, Any]]:
        return [
            {
                "name": name_of(model),
                "fitted": any(self._epochs_of(model)),
                "output_units": output_units(model),
                "taken": model is taken,
                "reason": reason if model is taken else "",
            }
            for model in known
        ]

    def _write(self, candidates: Sequence[dict[str, Any]]) -> None:
        names = {id(model): name_of(model) for model in self._models}
        fits = [{**fit, "model": names.get(fit["identity"], fit["model"])} for fit in self._fits]
        record = {"fits": fits, "candidates": list(candidates), "problem": self._problem}
        partial = self._folder / "record.partial"
        try:
            partial.write_text(json.dumps(record), encoding="utf-8")
            os.replace(partial, self._folder / "record.json")  # noqa: PTH105
        except (OSError, TypeError, ValueError):
            pass  # a full disk or a tampered value: the host says that there is no record


def describe_fit(model: Any, given: dict[str, Any], seconds: float, failure: BaseException | None) -> dict[str, Any]:
    """What one `fit` was given and what came of it, as plain JSON values."""
    history = getattr(model, "history", None)
    curves = getattr(history, "history", {}) or {}
    curves = {} if failure is not None and not curves else curves
    optimizer = getattr(model, "optimizer", None)
    validation = given.get("validation_data")
    split = bool(given.get("validation_split"))
    return {
        "model": name_of(model),
        "identity": id(model),
        "epochs": whole(given.get("epochs", 1)) or 1,
        "epochs_done": max((len(values) for values in curves.values()), default=0),
        "batch_size": whole(given.get("batch_size")),
        "optimizer": type(optimizer).__name__ if optimizer is not None else None,
        "learning_rate": number(getattr(optimizer, "learning_rate", None)),
        "loss": word(getattr(model, "loss", None)),
        "history": {shorten(key): [number(value) for value in values] for key, values in curves.items()},
        "x": summarise(given.get("x")),
        "y": summarise(given.get("y")),
        "validation": "data" if validation is not None else "split" if split else "none",
        "validation_x": summarise(validation[0]) if isinstance(validation, tuple) and validation else None,
        "seconds": round(seconds, 3),
        "error": shorten(f"{type(failure).__name__}: {failure}") if failure is not None else None,
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


def user_namespace() -> dict[str, Any]:
    """The notebook's global names, without IPython's own; empty outside a kernel."""
    from IPython import get_ipython

    shell = get_ipython()
    return {} if shell is None else {name: value for name, value in shell.user_ns.items() if not name.startswith("_")}


def name_of(model: Any) -> str:
    """The first global name that holds `model`, else the model's own name."""
    for name, value in user_namespace().items():
        if value is model:
            return shorten(name)
    return shorten(getattr(model, "name", "?"))


def output_units(model: Any) -> int | None:
    """The size of the last output axis, where the model is built."""
    try:
        return whole(model.output_shape[-1])
    except Exception:
        return None


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
    except (TypeError, ValueError, OverflowError):
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
