"""Methods, results and files of networks as Keras 1 and 2 had them."""

import functools
import inspect
import math
import os
import sys
from collections.abc import Callable
from typing import Any

from grader.kernel.guest.notes import Notes
from grader.kernel.guest.shims.arguments import WORKERS, without
from grader.kernel.guest.shims.watchers import without_watchers


def restore_methods(keras: Any, notes: Notes) -> None:
    """`fit_generator`, `predict_classes` and the like; outermost around `fit`, so that all others see today's names."""
    model = keras.Model
    for name in ("train_on_batch", "test_on_batch"):
        setattr(model, name, without(getattr(model, name), ("reset_metrics",), notes))
    for name in ("fit", "evaluate", "predict"):
        setattr(model, name, _with_old_arguments(getattr(model, name), notes))

    def fit_generator(self: Any, generator: Any, steps_per_epoch: Any = None, epochs: Any = 1, verbose: Any = 1,
                      callbacks: Any = None, validation_data: Any = None, validation_steps: Any = None,
                      **options: Any) -> Any:  # fmt: skip
        """Keras 2's; its first arguments may come by place."""
        notes.shim("fit_generator", "fit")
        given = {
            "steps_per_epoch": steps_per_epoch, "epochs": epochs, "verbose": verbose, "callbacks": callbacks,
            "validation_data": validation_data, "validation_steps": validation_steps,
        }  # fmt: skip
        if "nb_epoch" in options:
            del given["epochs"]
        return self.fit(generator, **given, **options)

    def predict_generator(self: Any, generator: Any, steps: Any = None, **options: Any) -> Any:
        """Keras 2's."""
        notes.shim("predict_generator", "predict")
        return self.predict(generator, steps=steps, **options)

    def evaluate_generator(self: Any, generator: Any, steps: Any = None, **options: Any) -> Any:
        """Keras 2's."""
        notes.shim("evaluate_generator", "evaluate")
        return self.evaluate(generator, steps=steps, **options)

    def predict_classes(self: Any, x: Any, batch_size: Any = None, verbose: Any = 0, **options: Any) -> Any:
        """Keras 2's: the most probable class, or 0 and 1 from a single output."""
        notes.shim("predict_classes", "predict(x).argmax(axis=-1)")
        found = self.predict(x, batch_size=batch_size, verbose=verbose, **options)
        return found.argmax(axis=-1) if found.shape[-1] > 1 else (found > 0.5).astype("int32")

    def predict_proba(self: Any, x: Any, batch_size: Any = None, verbose: Any = 0, **options: Any) -> Any:
        """Keras 2's."""
        notes.shim("predict_proba", "predict")
        return self.predict(x, batch_size=batch_size, verbose=verbose, **options)

    for method in (fit_generator, predict_generator, evaluate_generator, predict_classes, predict_proba):
        if not hasattr(model, method.__name__):
            setattr(model, method.__name__, method)


def _with_old_arguments(function: Callable[..., Any], notes: Notes) -> Callable[..., Any]:
    """`fit` and its like with `nb_epoch`, counts of samples instead of steps, and steps that are no whole number."""
    plain = without(function, WORKERS, notes)
    known = inspect.signature(function).parameters

    def rename(options: dict[str, Any], old: str, new: str, value: Any) -> None:
        del options[old]
        options[new] = value
        notes.shim(f"{function.__name__}({old}=...)", f"{function.__name__}({new}=...)")

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        data = arguments[1] if len(arguments) > 1 else options.get("x")
        if "callbacks" in options:
            options["callbacks"] = without_watchers(options["callbacks"])
        if "nb_epoch" in options and "epochs" not in options and "epochs" in known:
            rename(options, "nb_epoch", "epochs", options["nb_epoch"])
        for old, new, source in (("samples_per_epoch", "steps_per_epoch", data),
                                 ("nb_val_samples", "validation_steps", options.get("validation_data"))):  # fmt: skip
            size = getattr(source, "batch_size", None)
            if old in options and options.get(new) is None and isinstance(size, int) and size > 0:
                rename(options, old, new, max(1, options[old] // size))
        for name in ("steps_per_epoch", "validation_steps", "steps"):
            if isinstance(options.get(name), float):
                notes.shim(f"{name}={float(options[name])}", f"{name}={math.ceil(options[name])}")
                options[name] = math.ceil(options[name])
        return plain(*arguments, **options)

    return call


def accept_file_names(keras: Any, notes: Notes) -> None:
    """Networks and weights under the names that Keras 2 accepted; the files keep the names that they are given."""
    model = keras.Model
    save_weights, load_weights, save = model.save_weights, model.load_weights, model.save

    @functools.wraps(save_weights)
    def write_weights(self: Any, filepath: Any, *arguments: Any, **options: Any) -> Any:
        path = os.fspath(filepath)
        options.pop("save_format", None)
        if path.endswith((".weights.h5", ".weights.json")) or options.get("max_shard_size"):
            return save_weights(self, filepath, *arguments, **options)
        notes.shim(f"save_weights('{os.path.basename(path)}')", "save_weights('….weights.h5')")  # noqa: PTH119
        return _write_h5(self, path)

    @functools.wraps(load_weights)
    def read_weights(self: Any, filepath: Any, *arguments: Any, **options: Any) -> Any:
        path = os.fspath(filepath)
        inside = os.path.join(path, "model.weights.h5")  # noqa: PTH118 - of a network saved as a folder
        if os.path.isdir(path) and os.path.exists(inside):  # noqa: PTH110, PTH112
            return load_weights(self, inside)
        if not path.endswith((".h5", ".hdf5", ".keras", ".json")) and os.path.isfile(path):  # noqa: PTH113
            return _read_h5(self, path)
        return load_weights(self, filepath, *arguments, **options)

    @functools.wraps(save)
    def write(self: Any, filepath: Any, *arguments: Any, **options: Any) -> Any:
        path = os.fspath(filepath)
        if path.endswith((".keras", ".h5", ".hdf5")):
            return save(self, filepath, *arguments, **options)
        notes.shim(f"save('{os.path.basename(path)}')", "save('….keras')")  # noqa: PTH119
        return save(self, filepath, zipped=False)

    model.save_weights, model.load_weights, model.save = write_weights, read_weights, write
    _accept_checkpoints(keras, notes)


def _write_h5(model: Any, path: str) -> None:
    """Weights in Keras 2's own file format, which Keras 3 still reads."""
    legacy, h5py = sys.modules["keras.src.legacy.saving.legacy_h5_format"], sys.modules["h5py"]
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)  # noqa: PTH103, PTH120
    with h5py.File(path, "w") as file:
        legacy.save_weights_to_hdf5_group(file, model)


def _read_h5(model: Any, path: str) -> None:
    legacy, h5py = sys.modules["keras.src.legacy.saving.legacy_h5_format"], sys.modules["h5py"]
    with h5py.File(path, "r") as file:
        legacy.load_weights_from_hdf5_group(file, model)


def _accept_checkpoints(keras: Any, notes: Notes) -> None:
    """`ModelCheckpoint` with any name, and without the arguments that are gone."""
    kind = keras.callbacks.ModelCheckpoint
    start = kind.__init__

    @functools.wraps(start)
    def begin(self: Any, filepath: Any, *arguments: Any, **options: Any) -> None:
        for name in [name for name in ("period", "save_format", "load_weights_on_restart") if name in options]:
            del options[name]
            notes.shim(f"ModelCheckpoint({name}=...)", "ModelCheckpoint(...) without it")
        path = os.fspath(filepath)
        given = inspect.signature(start).bind(self, path, *arguments, **options).arguments
        wanted = (".weights.h5",) if given.get("save_weights_only") else (".keras", ".h5")
        if path.endswith(wanted):
            start(self, path, *arguments, **options)
            return
        notes.shim(f"ModelCheckpoint('{os.path.basename(path)}')", f"ModelCheckpoint('…{wanted[0]}')")  # noqa: PTH119
        start(self, path + wanted[0], *arguments, **options)
        self.filepath = path

    kind.__init__ = begin
