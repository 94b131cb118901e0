"""Methods, attributes, results and files of networks as Keras 1 and 2 had them."""

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from grader.kernel.guest.imports import asked_by_a_library
from grader.kernel.guest.notes import Notes
from grader.kernel.guest.old_names.arguments import drop
from grader.kernel.guest.wrapping import replaces

SHORT, LONG = "acc", "accuracy"


class AliasedCurves(dict[str, Any]):
    """Figures by name, where `acc` and `accuracy` are one name if only one of them is there; pickled as a plain dict."""

    def __init__(self, values: Mapping[str, Any], notes: Notes) -> None:
        super().__init__(values)
        self._notes = notes

    def __missing__(self, key: str) -> Any:
        other = self._other(key)
        if other is None:
            raise KeyError(key)
        return self[other]

    def get(self, key: str, default: Any = None) -> Any:
        """As a dict's, with the other name."""
        other = key if key in self else self._other(key)
        return default if other is None else self[other]

    def _other(self, key: object) -> str | None:
        other = other_name(key)
        if other is None or other not in self:
            return None
        self._notes.shim(f"history['{key}']", f"history['{other}']")
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


def alias_accuracy(keras: Any, notes: Notes) -> None:
    """`acc` and `accuracy` in histories, and in the logs that callbacks of the submission's own are given."""

    @replaces(keras.callbacks.History, "__init__")
    def begin(original: Any, self: Any) -> None:
        original(self)
        self.history = AliasedCurves(self.history, notes)

    @replaces(keras.callbacks.Callback, "set_model")
    def set_model(original: Any, self: Any, model: Any) -> None:
        original(self, model)
        own = not type(self).__module__.startswith("keras.") or type(self).__name__ == "LambdaCallback"
        if own and not hasattr(self, "monitor") and not hasattr(self, "callbacks"):
            _alias_logs(self, notes)

    # EarlyStopping's base, of all that monitor, has no public name; it asks before it compares for the first time.
    @replaces(keras.callbacks.EarlyStopping.__mro__[1], "_set_monitor_op")
    def set_monitor(original: Any, callback: Any) -> None:
        known = {part.name for metric in callback.model.metrics for part in (metric, *getattr(metric, "metrics", ()))}
        monitor, other = callback.monitor, other_name(callback.monitor)
        if other is not None and monitor.removeprefix("val_") not in known and other.removeprefix("val_") in known:
            notes.shim(f"{type(callback).__name__}(monitor='{monitor}')", f"monitor='{other}'")
            callback.monitor = other
        original(callback)

    @replaces(keras.callbacks.ModelCheckpoint, "_get_file_path")
    def name_file(original: Any, callback: Any, epoch: Any, batch: Any, logs: Any) -> Any:
        """In the name of a checkpoint's file `{val_acc}` may stand in for `{val_accuracy}`."""
        told = {other: value for name, value in (logs or {}).items() if (other := other_name(name)) is not None}
        return original(callback, epoch, batch, {**told, **(logs or {})})


def other_name(name: object) -> str | None:
    """`val_accuracy` of "val_acc" and the other way round; None for all other names."""
    if not isinstance(name, str):
        return None
    head, plain = ("val_", name[4:]) if name.startswith("val_") else ("", name)
    other = {SHORT: LONG, LONG: SHORT}.get(plain)
    return None if other is None else head + other


def _alias_logs(callback: Any, notes: Notes) -> None:
    original = callback.on_epoch_end
    if hasattr(original, "aliased"):
        return

    def on_epoch_end(epoch: int, logs: dict[str, Any] | None = None) -> None:
        told = AliasedCurves(logs or {}, notes)
        original(epoch, told)
        if logs is not None:
            logs.update(told)  # what it adds is meant for the others

    on_epoch_end.aliased = True  # type: ignore[attr-defined]
    callback.on_epoch_end = on_epoch_end


def restore_attributes(keras: Any, notes: Notes) -> None:
    """`optimizer.lr`, `metric.reset_states`, `layer.output_shape`, `Sequential.input` of a built network, `flow.next()`."""

    def read_rate(optimizer: Any) -> Any:
        notes.shim("optimizer.lr", "optimizer.learning_rate")
        return optimizer.learning_rate

    def set_rate(optimizer: Any, value: Any) -> None:
        notes.shim("optimizer.lr", "optimizer.learning_rate")
        optimizer.learning_rate = value

    def reset_states(metric: Any) -> None:
        """Keras 2's."""
        notes.shim("metric.reset_states", "metric.reset_state")
        metric.reset_state()

    keras.metrics.Metric.reset_states = reset_states
    keras.optimizers.Optimizer.lr = property(read_rate, set_rate)
    for side in ("input", "output"):
        setattr(keras.layers.Layer, f"{side}_shape", _Shape(side, notes))
        setattr(keras.layers.Layer, f"get_{side}_at", _at(side, notes))
    for name, plural in (("input", "inputs"), ("output", "outputs")):
        setattr(keras.Sequential, name, _built(getattr(keras.Sequential, name), name, plural, notes))
    legacy = sys.modules.get("keras.src.legacy.preprocessing.image")
    if legacy is not None:

        def step(iterator: Iterator[Any]) -> Any:
            """The next batch, as in Python 2."""
            notes.shim("flow.next()", "next(flow)")
            return next(iterator)

        legacy.Iterator.next = step


class _Shape:
    """`layer.output_shape` where a layer was called; no data descriptor, so that a subclass may set its own."""

    def __init__(self, side: str, notes: Notes) -> None:
        self._side, self._notes = side, notes

    def __get__(self, layer: Any, kind: Any = None) -> Any:
        if layer is None:
            return self
        if self._side == "input" and asked_by_a_library():
            raise AttributeError("input_shape")  # `Sequential` builds itself early where its first layer has one
        found = getattr(layer, self._side)  # raises AttributeError where there is none
        self._notes.shim(f"layer.{self._side}_shape", f"layer.{self._side}.shape")
        return [tuple(item.shape) for item in found] if isinstance(found, list) else tuple(found.shape)


def _at(side: str, notes: Notes) -> Callable[..., Any]:
    """`layer.get_output_at(0)`: the tensor of one of the calls of a layer."""

    def read(layer: Any, node_index: int) -> Any:
        """Keras 2's."""
        found = getattr(layer._inbound_nodes[node_index], f"{side}_tensors" if side == "input" else "outputs")
        notes.shim(f"layer.get_{side}_at({node_index})", f"layer.{side}")
        return found[0] if len(found) == 1 else list(found)

    return read


def _built(original: Any, name: str, plural: str, notes: Notes) -> Any:
    """`model.input` of a Sequential that was built by its data."""

    def read(model: Any) -> Any:
        try:
            return original.fget(model)
        except AttributeError:
            found = getattr(model, plural, None) if model.built else None
            if not found:
                raise
            notes.shim(f"Sequential.{name}", f"Sequential.{plural}[0]")
            return found[0]

    return property(read)


# Methods that are gone -> today's, with the arguments that came first, and those of today that they stand for.
METHODS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "fit_generator": ("fit", {"generator": "x"} | {name: name for name in (
        "steps_per_epoch", "epochs", "verbose", "callbacks", "validation_data", "validation_steps")}),
    "predict_generator": ("predict", {"generator": "x", "steps": "steps"}),
    "evaluate_generator": ("evaluate", {"generator": "x", "steps": "steps"}),
    "predict_proba": ("predict", {"x": "x", "batch_size": "batch_size", "verbose": "verbose"}),
}  # fmt: skip


def restore_methods(model: Any, notes: Notes) -> None:
    """`fit_generator`, `predict_classes` and the like."""

    def restored(old: str, new: str, names: Mapping[str, str]) -> Callable[..., Any]:
        def call(self: Any, *arguments: Any, **options: Any) -> Any:
            """Keras 2's."""
            notes.shim(old, new)
            given = {**dict(zip(names, arguments, strict=False)), **options}
            given.setdefault("verbose", 0) if old == "predict_proba" else None
            return getattr(self, new)(**{names.get(name, name): value for name, value in given.items()})

        return call

    def predict_classes(self: Any, x: Any, batch_size: Any = None, verbose: Any = 0, **options: Any) -> Any:
        """Keras 2's: the most probable class, or 0 and 1 from a single output."""
        notes.shim("predict_classes", "predict(x).argmax(axis=-1)")
        found = self.predict(x, batch_size=batch_size, verbose=verbose, **options)
        return found.argmax(axis=-1) if found.shape[-1] > 1 else (found > 0.5).astype("int32")

    methods = {old: restored(old, new, names) for old, (new, names) in METHODS.items()}
    for name, method in {**methods, "predict_classes": predict_classes}.items():
        if not hasattr(model, name):
            setattr(model, name, method)


def accept_file_names(keras: Any, notes: Notes) -> None:
    """Networks and weights under the names that Keras 2 accepted; the files keep the names that they are given."""

    @replaces(keras.Model, "save_weights")
    def save_weights(original: Any, self: Any, filepath: Any, *arguments: Any, **options: Any) -> Any:
        path = os.fspath(filepath)
        options.pop("save_format", None)
        if path.endswith((".weights.h5", ".weights.json")) or options.get("max_shard_size"):
            return original(self, filepath, *arguments, **options)
        notes.shim(f"save_weights('{os.path.basename(path)}')", "save_weights('….weights.h5')")  # noqa: PTH119
        return _write_h5(self, path)

    @replaces(keras.Model, "load_weights")
    def load_weights(original: Any, self: Any, filepath: Any, *arguments: Any, **options: Any) -> Any:
        path = os.fspath(filepath)
        inside = os.path.join(path, "model.weights.h5")  # noqa: PTH118 - of a network saved as a folder
        if os.path.isdir(path) and os.path.exists(inside):  # noqa: PTH110, PTH112
            return original(self, inside)
        if not path.endswith((".h5", ".hdf5", ".keras", ".json")) and os.path.isfile(path):  # noqa: PTH113
            return _read_h5(self, path)
        return original(self, filepath, *arguments, **options)

    @replaces(keras.Model, "save")
    def save(original: Any, self: Any, filepath: Any, *arguments: Any, **options: Any) -> Any:
        path = os.fspath(filepath)
        if path.endswith((".keras", ".h5", ".hdf5")):
            return original(self, filepath, *arguments, **options)
        notes.shim(f"save('{os.path.basename(path)}')", "save('….keras')")  # noqa: PTH119
        return original(self, filepath, zipped=False)

    @replaces(keras.callbacks.ModelCheckpoint, "__init__")
    def begin(original: Any, self: Any, filepath: Any, *arguments: Any, **options: Any) -> None:
        """Any name, and without the arguments that are gone."""
        drop("ModelCheckpoint", ("period", "save_format", "load_weights_on_restart"), options, notes)
        path = os.fspath(filepath)
        given = inspect.signature(original).bind(self, path, *arguments, **options).arguments
        wanted = (".weights.h5",) if given.get("save_weights_only") else (".keras", ".h5")
        if path.endswith(wanted):
            original(self, path, *arguments, **options)
            return
        notes.shim(f"ModelCheckpoint('{os.path.basename(path)}')", f"ModelCheckpoint('…{wanted[0]}')")  # noqa: PTH119
        original(self, path + wanted[0], *arguments, **options)
        self.filepath = path


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
