"""Arguments that got another name, or went away without changing what is computed: at the classes themselves.

A class is one object by whatever path it was imported, so its `__init__` is where every import style ends. What is saved
of a network comes from the classes' own `get_config`, which knows today's names only: nothing of this is in a model file.
"""

import functools
import inspect
import math
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from grader.kernel.guest.notes import Notes
from grader.kernel.guest.old_names import TABLE
from grader.kernel.guest.old_names.stand_ins import without_watchers
from grader.kernel.guest.wrapping import replaces

Arguments = tuple[Any, ...]
Options = dict[str, Any]
ORDERINGS = {"th": "channels_first", "tf": "channels_last"}
LAYERS: dict[str, dict[str, str]] = {}  # the class -> its old arguments, and what they are today
for group in TABLE["arguments"]:
    for name in group["classes"]:
        LAYERS.setdefault(name, {}).update({old: new for old, new in group.items() if old != "classes"})
KERAS_1, TODAYS = set(TABLE["keras_1"]["signs"]), set(TABLE["keras_1"]["today"])
# Keras 2's sizes of windows where none was given, which today's average pooling wants to be told.
SIZES: Mapping[str, Any] = {"AveragePooling1D": 2, "AveragePooling2D": (2, 2), "AveragePooling3D": (2, 2, 2)}
IGNORED: Mapping[str, Mapping[str, Any]] = {"BatchNormalization": {"mode": 0}}  # dropped where the value is this one
DEFAULTS_OF_OPTIMIZERS = {"epsilon": None}  # Keras 2's word for its default, which is today's
WORKERS = ("workers", "use_multiprocessing", "max_queue_size", "max_q_size", "nb_worker", "pickle_safe")


@dataclass
class Era:
    """Whether an argument of Keras 1 was given to any layer yet."""

    keras_1: bool = False


class Warnings:
    """The module `warnings`, as Keras' layers see it: that `input_shape=` is an old argument is no news for a student."""

    def __getattr__(self, name: str) -> Any:
        return getattr(warnings, name)

    def warn(self, message: Any, category: type[Warning] | None = None, stacklevel: int = 1) -> None:
        """`warnings.warn`."""
        if not str(message).startswith("Do not pass an `input_shape`"):
            warnings.warn(message, category, stacklevel=stacklevel + 1)


def rename_arguments(keras: Any, notes: Notes) -> None:
    """Layers and optimizers accept their old argument names."""
    era = Era()
    sys.modules["keras.src.layers.layer"].warnings = Warnings()  # type: ignore[attr-defined]
    for name, renames in LAYERS.items():
        _accept(getattr(keras.layers, name), renames, IGNORED.get(name, {}), notes, era)
    for name, renames in TABLE["regularizers"].items():
        _accept(getattr(keras.regularizers, name), renames, {}, notes, Era())
    for name, size in SIZES.items():
        _give_size(getattr(keras.layers, name), size, notes)
    base = keras.optimizers.Optimizer
    found = {item for item in vars(keras.optimizers).values() if isinstance(item, type) and issubclass(item, base)}
    for optimizer in found - {base}:
        _accept(optimizer, TABLE["optimizers"], DEFAULTS_OF_OPTIMIZERS, notes, Era())
    _accept_model(keras, notes)
    drop_unknown(keras.callbacks.TensorBoard, ("batch_size", "write_grads", "embeddings_layer_names", "embeddings_data"),
                 notes)  # fmt: skip


def rewrite_constructor(kind: Any, rewrite: Callable[[Arguments, Options], tuple[Arguments, Options]]) -> None:
    """Give `kind` the arguments that `rewrite` makes of those that are given."""
    original = kind.__init__

    # Not `functools.wraps`: Keras compares what a constructor declares with what it takes, and both must be the same.
    def start(self: Any, *arguments: Any, **options: Any) -> None:
        arguments, options = rewrite(arguments, options)
        original(self, *arguments, **options)

    kind.__init__ = start


def drop_unknown(kind: Any, names: tuple[str, ...], notes: Notes) -> None:
    """`kind` ignores the arguments `names`, which it no longer has."""
    gone = [name for name in names if name not in inspect.signature(kind.__init__).parameters]

    def rewrite(arguments: Arguments, options: Options) -> tuple[Arguments, Options]:
        drop(kind.__name__, gone, options, notes)
        return arguments, options

    rewrite_constructor(kind, rewrite)


def _give_size(kind: Any, size: Any, notes: Notes) -> None:
    """`kind` without a size of its windows takes `size`."""

    def rewrite(arguments: Arguments, options: Options) -> tuple[Arguments, Options]:
        if not arguments and "pool_size" not in options and "pool_length" not in options:
            options["pool_size"] = size
            notes.shim(f"{kind.__name__}()", f"{kind.__name__}({size})")
        return arguments, options

    rewrite_constructor(kind, rewrite)


def _accept(kind: Any, renames: Mapping[str, str], ignored: Mapping[str, Any], notes: Notes, era: Era) -> None:
    known = inspect.signature(kind.__init__).parameters
    renames = {old: new for old, new in renames.items() if old not in known}
    convolution, layer = kind.__name__ == "Conv2D", "batch_size" not in known and kind.__name__ in LAYERS

    def rewrite(arguments: Arguments, options: Options) -> tuple[Arguments, Options]:
        era.keras_1 = era.keras_1 or bool(options.keys() & KERAS_1 & renames.keys())
        if convolution:
            arguments, options = translate_kernel_size(arguments, options, notes, era)
        if layer:
            options = free_batch(kind.__name__, options, notes)
        for old in [old for old in renames if old in options and renames[old] not in options]:
            options[renames[old]] = _value(old, options.pop(old))
            notes.shim(f"{kind.__name__}({old}=...)", f"{kind.__name__}({renames[old]}=...)")
        drop(kind.__name__, [name for name, value in ignored.items() if options.get(name) == value], options, notes)
        return arguments, options

    rewrite_constructor(kind, rewrite)


def free_batch(layer: str, options: Options, notes: Notes) -> Options:
    """Options of a layer without the size of its batches, which belongs to `fit`: it computes the same for any."""
    given = dict(options)
    if isinstance(given.get("batch_input_shape"), (tuple, list)):
        notes.shim(f"{layer}(batch_input_shape=...)", f"{layer}(input_shape=...)")
        given["input_shape"] = tuple(given.pop("batch_input_shape"))[1:]
    if "batch_size" in given:
        notes.shim(f"{layer}(batch_size=...)", f"{layer}(...) without it")
        del given["batch_size"]
    return given


def _value(name: str, value: Any) -> Any:
    return ORDERINGS.get(value, value) if name == "dim_ordering" and isinstance(value, str) else value


def translate_kernel_size(arguments: Arguments, options: Options, notes: Notes, era: Era) -> tuple[Arguments, Options]:
    """Keras 1's `Convolution2D(filters, rows, columns)` with today's tuple; without a sign of Keras 1 only a note."""
    options = dict(options)
    if {"nb_row", "nb_col"} <= options.keys():
        era.keras_1 = True
        notes.shim("Conv2D(nb_row=, nb_col=)", "Conv2D(kernel_size=(rows, columns))")
        return arguments, options | {"kernel_size": (options.pop("nb_row"), options.pop("nb_col"))}
    if len(arguments) != 3 or not all(isinstance(value, int) for value in arguments):
        return arguments, options
    filters, rows, columns = arguments
    if options.keys() & KERAS_1 or (era.keras_1 and not options.keys() & TODAYS):
        notes.shim(f"Convolution2D({filters}, {rows}, {columns})", f"Conv2D({filters}, ({rows}, {columns}))")
        return (filters, (rows, columns)), options
    notes.note(
        f"`Conv2D({filters}, {rows}, {columns})` is a kernel of {rows} x {rows} with strides of {columns}; if a kernel of "
        f"{rows} x {columns} is meant, as in Keras 1, write `Conv2D({filters}, ({rows}, {columns}))`"
    )
    return arguments, options


def _accept_model(keras: Any, notes: Notes) -> None:
    """`Model(input=, output=)`: `Model.__new__` decides by the names what is made, then the class made is started."""
    model, functional = keras.Model, sys.modules["keras.src.models.functional"].Functional  # it has no public name

    def renamed(options: dict[str, Any]) -> dict[str, Any]:
        if not {"input", "output"} <= options.keys():
            return options
        notes.shim("Model(input=, output=)", "Model(inputs=, outputs=)")
        others = {name: value for name, value in options.items() if name not in ("input", "output")}
        return others | {"inputs": options["input"], "outputs": options["output"]}

    make, start = model.__new__, functional.__init__

    @functools.wraps(make)
    def new(kind: Any, *arguments: Any, **options: Any) -> Any:
        return make(kind, *arguments, **renamed(options))

    # The declared arguments are those of Keras, which tells by them whether a class is built like a functional network.
    def begin(self: Any, inputs: Any = None, outputs: Any = None, name: Any = None, **kwargs: Any) -> None:
        given = renamed(kwargs)
        start(self, given.pop("inputs", inputs), given.pop("outputs", outputs), name=name, **given)

    model.__new__, functional.__init__ = staticmethod(new), begin


def metrics_in_third_place(keras: Any, notes: Notes) -> None:
    """`compile(optimizer, loss, metrics)` by place, as up to Keras 2: its third argument is `loss_weights` today.

    At the class that defines `compile`: Keras tells by it whether a network has a `compile` of its own.
    """
    trainer = next(kind for kind in keras.Model.__mro__ if "compile" in vars(kind))

    @replaces(trainer, "compile")
    def compile_network(original: Any, self: Any, *arguments: Any, **options: Any) -> Any:
        if len(arguments) < 3 or not _are_metrics(arguments[2]) or "metrics" in options:
            return original(self, *arguments, **options)
        optimizer, loss, metrics, *others = arguments
        notes.shim("compile(optimizer, loss, metrics)", "compile(optimizer, loss, metrics=metrics)")
        return original(self, optimizer, loss, *(others[:1] or [None]), metrics, *others[1:], **options)


def _are_metrics(value: Any) -> bool:
    """Whether these are names, functions or objects of metrics: weights of losses are numbers."""
    listed = isinstance(value, (list, tuple)) and len(value) > 0
    return listed and all(isinstance(item, str) or callable(item) for item in value)


def drop(called: str, names: Iterable[str], options: dict[str, Any], notes: Notes) -> None:
    """Take arguments that are gone out of the options of `called`."""
    for name in [name for name in names if name in options]:
        del options[name]
        notes.shim(f"{called}({name}=...)", f"{called}(...) without it")


def rewrite_arguments(name: str, arguments: tuple[Any, ...], options: dict[str, Any], notes: Notes) -> None:
    """Options of `fit` and its like: `nb_epoch`, counts of samples instead of steps, steps that are no whole number."""

    def rename(old: str, new: str, value: Any) -> None:
        del options[old]
        options[new] = value
        notes.shim(f"{name}({old}=...)", f"{name}({new}=...)")

    if name not in ("train_on_batch", "test_on_batch"):
        data = arguments[1] if len(arguments) > 1 else options.get("x")
        if "callbacks" in options:
            options["callbacks"] = without_watchers(options["callbacks"])
        if "nb_epoch" in options and "epochs" not in options and name == "fit":
            rename("nb_epoch", "epochs", options["nb_epoch"])
        for old, new, source in (("samples_per_epoch", "steps_per_epoch", data),
                                 ("nb_val_samples", "validation_steps", options.get("validation_data"))):  # fmt: skip
            size = getattr(source, "batch_size", None)
            if old in options and options.get(new) is None and isinstance(size, int) and size > 0:
                rename(old, new, max(1, options[old] // size))
        for steps in ("steps_per_epoch", "validation_steps", "steps"):
            if isinstance(options.get(steps), float):
                notes.shim(f"{steps}={float(options[steps])}", f"{steps}={math.ceil(options[steps])}")
                options[steps] = math.ceil(options[steps])
    drop(name, WORKERS if name in ("fit", "evaluate", "predict") else ("reset_metrics",), options, notes)
