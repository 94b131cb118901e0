"""The networks of a notebook: where they are, what they are called, and the files in which some of them leave the kernel.

A network that holds code of the notebook's own (a class that only puts Keras' layers together, a Lambda, an activation) is
saved as one that any process can load: what it does to an input is followed once, by Keras' own means, and the outcome is
compared with the original on rows that it was trained on.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grader.kernel.guest.describe_training import layer_kinds, shorten
from grader.kernel.guest.notes import Notes
from grader.kernel.guest.wrapping import neutral

CLOSE = 1e-4  # of outputs, relative and absolute: both are the same operations, perhaps merged in another order
ROWS_ASKED = 8  # that both are asked
SIDE = 32  # where a size is free
LIBRARIES = ("keras.", "tensorflow.")  # what any process that loads a network has
OWN_CODE = ("activation", "recurrent_activation")  # attributes of layers that may hold a function


def foreign_parts(model: Any) -> tuple[str, ...]:
    """What of a network only this process knows, by name; the class of the network itself first."""
    parts = [f"`{type(model).__name__}`"] if _is_foreign(model) else []
    for layer in _layers(model):
        if _is_foreign(layer):
            parts.append(f"`{type(layer).__name__}`")
        elif type(layer).__name__ == "Lambda":
            parts.append(f"the Lambda layer `{layer.name}`")
        else:
            parts += [f"`{getattr(function, '__name__', 'a function')}`" for function in _functions(layer)]
    return tuple(dict.fromkeys(parts))


@neutral()
def portable(keras: Any, model: Any, rows: Any) -> Any | None:
    """The same network of Keras' own classes; None where there is none that gives the same outputs.

    `rows` (n, ...) are some that it was trained on; None where a training loop of one's own was not seen to take any.
    """
    import numpy

    try:
        some = rows[:ROWS_ASKED] if rows is not None else _any_rows(model)
        plain = _followed(keras, model, some)
        if plain.count_params() < model.count_params():
            return None  # a layer's weights of its own became constants: that is another network
        ours, theirs = (
            numpy.asarray(keras.ops.convert_to_numpy(each(some, training=False)), dtype="float64")
            for each in (plain, model)
        )
        same = ours.shape == theirs.shape and bool((abs(ours - theirs) <= CLOSE * (1 + abs(theirs))).all())
        return plain if same else None
    except Exception:
        return None


def _is_foreign(thing: Any) -> bool:
    """Whether its class is not one of Keras' own, so that only this process knows it."""
    return not type(thing).__module__.startswith(LIBRARIES)


def _layers(model: Any) -> Iterator[Any]:
    """All layers below a network, whatever holds them."""
    flatten = getattr(model, "_flatten_layers", None)
    if flatten is not None:
        yield from flatten(include_self=False, recursive=True)


def _functions(layer: Any) -> list[Any]:
    """Functions of the notebook's own that a layer applies."""
    held = [getattr(layer, name, None) for name in OWN_CODE]
    return [function for function in held if callable(function) and _is_own(function)]


def _is_own(function: Any) -> bool:
    module = getattr(function, "__module__", None) or type(function).__module__
    return not str(module).startswith(LIBRARIES)


def _needs_following(layer: Any) -> bool:
    return type(layer).__name__ == "Lambda" or _is_foreign(layer) or bool(_functions(layer))


def _followed(keras: Any, model: Any, rows: Any) -> Any:
    """The network's graph where Keras connected its layers; else the graph of a call with a symbolic input."""
    connected = type(model).call.__module__.startswith("keras.")
    known_to_us = [layer for layer in _layers(model) if _needs_following(layer)]
    if connected and not known_to_us:
        return keras.Model(_alone(model.inputs), _alone(model.outputs), name=model.name)
    symbol = keras.Input(rows.shape[1:], dtype=str(rows.dtype))
    with _opened(keras, model):
        return keras.Model(symbol, _call(model, symbol), name=model.name)


def _call(model: Any, value: Any) -> Any:
    """What a network does to a value: through its graph, or by its own `call`."""
    graph = getattr(model, "_functional", None) or model
    return graph._run_through_graph(value) if hasattr(graph, "_nodes_by_depth") else model.call(value)


@contextmanager
def _opened(keras: Any, model: Any) -> Iterator[None]:
    """While it lasts, a call of a layer that only this process knows runs that layer's own code in its place."""
    base = keras.layers.Layer
    original, made = base.__call__, dict[int, Callable[..., Any]]()
    for layer in _layers(model):
        if _needs_following(layer) or any(map(_needs_following, _layers(layer))):
            made[id(layer)] = _plain_operation(layer)

    def call(layer: Any, *values: Any, **options: Any) -> Any:
        if id(layer) in made:
            return made[id(layer)](*values)
        return original(layer, *values, **options)

    base.__call__ = call
    try:
        yield
    finally:
        base.__call__ = original


def _plain_operation(layer: Any) -> Callable[..., Any]:
    """What to call in the place of a layer."""
    if type(layer).__name__ == "Lambda":
        return lambda value: layer.function(value, **layer.arguments)
    functions = _functions(layer)
    if type(layer).__name__ == "Activation" and functions:
        return lambda value: layer.activation(value)
    return _with_function_after(layer) if functions else lambda value: _call(layer, value)


def _with_function_after(layer: Any) -> Callable[..., Any]:
    """A layer with an activation of the notebook's own: a copy without it, then the function."""
    copy = type(layer).from_config({**layer.get_config(), "activation": "linear"})

    def call(value: Any) -> Any:
        made = copy(value)
        copy.set_weights(layer.get_weights())
        return layer.activation(made)

    return call


def _any_rows(model: Any) -> Any:
    """Rows of the shape that its weights were made for, which Keras noted when it was first called."""
    import numpy

    inputs = getattr(model, "inputs", None)
    shape = inputs[0].shape if inputs else model.get_build_config()["input_shape"]
    return numpy.random.default_rng(0).random((ROWS_ASKED, *(size or SIDE for size in shape[1:])), dtype="float32")


def _alone(values: Any) -> Any:
    return values[0] if len(values) == 1 else values


FILES = ("model.keras", "model-2.keras", "model-3.keras", "model-4.keras")
ROW_FILES = ("rows.npy", "rows-2.npy", "rows-3.npy", "rows-4.npy")
SEEN = ("seen.npy", "seen-2.npy", "seen-3.npy", "seen-4.npy")
MOST_SEEN = 8192  # small copies of rows that one network was trained on
MOST_ALTERNATIVE = 128 << 20  # bytes of a network's file beside the one that was chosen
MOST_VALUES = 200  # of one list or dictionary that are looked at
MOST_FILES, MOST_FILE = 20, 256 << 20  # saved networks that are tried, bytes of one of them
PATTERNS = ("*.keras", "*.h5", "*.hdf5", "*/*.keras", "*/*.h5", "*/*.hdf5")


def user_namespace() -> dict[str, Any]:
    """The notebook's global names, without IPython's own; empty outside a kernel."""
    from IPython import get_ipython

    shell = get_ipython()
    return {} if shell is None else {name: value for name, value in shell.user_ns.items() if not name.startswith("_")}


def networks(kind: type) -> Iterator[tuple[str, Any]]:
    """Networks with their names: global ones, then those one level below (an object's attribute, a list's element)."""
    below: list[tuple[str, Any]] = []
    for name, value in user_namespace().items():
        if issubclass(type(value), kind):
            yield name, value
        else:
            below += [(f"{name}{place}", part) for place, part in _parts(value) if issubclass(type(part), kind)]
    yield from below


def _parts(value: Any) -> list[tuple[str, Any]]:
    if type(value) in (list, tuple):
        return [(f"[{index}]", part) for index, part in enumerate(value[:MOST_VALUES])]
    if type(value) is dict:
        return [(f"[{key!r}]", part) for key, part in list(value.items())[:MOST_VALUES]]
    attributes = {} if isinstance(value, (type, type(os))) else getattr(value, "__dict__", None)
    if type(attributes) is not dict:
        return []
    return [(f".{key}", part) for key, part in list(attributes.items())[:MOST_VALUES] if not str(key).startswith("_")]


def name_of(model: Any, kind: type) -> str | None:
    """The first name that leads to `model` from the notebook's globals."""
    return next((shorten(name) for name, value in networks(kind) if value is model), None)


def saved_networks(keras: Any) -> Iterator[tuple[str, Any]]:
    """Networks in files of the working folder, the newest first; what can't be loaded is passed over."""
    found = {path for pattern in PATTERNS for path in Path().glob(pattern)}
    usable = [path for path in found if path.is_file() and path.stat().st_size <= MOST_FILE]
    for path in sorted(usable, key=lambda path: path.stat().st_mtime, reverse=True)[:MOST_FILES]:
        try:
            yield shorten(path), keras.saving.load_model(str(path), compile=False)
        except Exception:
            continue


class SavedNetworks:
    """The artefacts' folder: at most as many networks as there are names in `FILES`, each with rows of its training."""

    def __init__(self, folder: Path, notes: Notes) -> None:
        self._folder, self._notes = folder, notes
        self._held: list[Any] = [None] * len(FILES)  # strong references
        self._rows: list[Any] = [None] * len(FILES)

    def file_of(self, model: Any) -> str | None:
        """Where `model` was saved."""
        return next((file for file, held in zip(FILES, self._held, strict=True) if held is model), None)

    def held(self) -> list[Any]:
        """The networks that are saved."""
        return [model for model in self._held if model is not None]

    def save(self, keras: Any, model: Any, rows: Any, seen: Sequence[Any], order: Sequence[Any]) -> None:
        """Save a network, in another one's place where all are taken; `order`: the oldest first. Raises what Keras raises.

        `rows` are the first ones that it was trained on, `seen` small copies of more.
        """
        place = self._place(model, order)
        self._rows[place] = rows
        try:
            self._write(keras, model, place)
        except OSError:  # no room: better this one alone than none
            for index in range(len(FILES)):
                self._clear(index)
            place = 0
            self._rows[place] = rows
            self._write(keras, model, place)
        self._held[place] = model
        if rows is not None:
            self._write_rows(rows, ROW_FILES[place])
        if seen:
            import numpy

            self._write_rows(numpy.concatenate(seen)[:MOST_SEEN], SEEN[place])

    def save_again(self, keras: Any, model: Any) -> None:
        """Save an alternative as it is now, unless that takes long; if that fails, the earlier file stays."""
        file = self.file_of(model)
        if file is not None and (self._folder / file).stat().st_size <= MOST_ALTERNATIVE:
            try:
                self._write(keras, model, FILES.index(file))
            except Exception:
                return

    def _place(self, model: Any, order: Sequence[Any]) -> int:
        for wanted in (model, None):
            for place, held in enumerate(self._held):
                if held is wanted:
                    return place
        ages = {id(other): age for age, other in enumerate(order)}
        same = layer_kinds(model)
        return min(  # the oldest of those that look like it, else the oldest
            range(len(FILES)),
            key=lambda place: (layer_kinds(self._held[place]) != same, ages.get(id(self._held[place]), -1)),
        )

    def _write(self, keras: Any, model: Any, place: int) -> None:
        parts = foreign_parts(model)
        plain = portable(keras, model, self._rows[place]) if parts else None
        if plain is not None:
            try:
                self._save_as(keras, plain, place)
            except OSError:
                raise
            except Exception:  # what was followed holds something that no file can
                plain = None
        if plain is None:
            self._save_as(keras, model, place)
            return
        is_class = parts == (f"`{type(model).__name__}`",)
        what = (
            "a class that no other process knows: its layers were"
            if is_class
            else "code that no other process knows: all was"
        )
        self._notes.note(f"{' and '.join(parts)} is {what} saved as a plain network, which gives the same outputs")

    def _save_as(self, keras: Any, model: Any, place: int) -> None:
        partial = self._folder / "partial.keras"
        try:
            keras.saving.save_model(model, str(partial))
            os.replace(partial, self._folder / FILES[place])  # noqa: PTH105 - on a descriptor-backed folder
        finally:
            partial.unlink(missing_ok=True)

    def _write_rows(self, rows: Any, name: str) -> None:
        import numpy

        partial = self._folder / "rows.partial"
        with partial.open("wb") as file:
            numpy.save(file, rows, allow_pickle=False)
        os.replace(partial, self._folder / name)  # noqa: PTH105

    def _clear(self, place: int) -> None:
        self._held[place] = self._rows[place] = None
        for name in (FILES[place], ROW_FILES[place], SEEN[place]):
            (self._folder / name).unlink(missing_ok=True)
