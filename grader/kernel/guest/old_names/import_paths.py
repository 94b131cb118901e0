"""Old import paths and attributes of Keras, for `keras`, `tf.keras` and `tensorflow.keras` alike.

The same public module lives three times in a process (`keras.utils`, `keras._tf_keras.keras.utils`, and
`tensorflow.keras.utils`, which `import tensorflow.keras.utils` makes anew from the same file), so a module's
`__getattr__` is set on every one of them. It is asked only for names that Keras doesn't have: nothing is changed for
code of today, and each question is a use.
"""

import ast
import functools
import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import accumulate
from types import ModuleType
from typing import Any

from grader.kernel.guest.imports import AfterImport, StandIns
from grader.kernel.guest.notes import Notes
from grader.kernel.guest.old_names import TABLE

TF_KERAS = "keras._tf_keras.keras"
ROOTS = (TF_KERAS, "tensorflow.keras", "keras")
OTHER_ROOTS: Mapping[str, str] = {"keras_preprocessing": "preprocessing"}
# Modules that are gone -> the modules that have their names today.
MODULES = {old: today.split(" ") for today, gone in TABLE["modules"].items() for old in gone}
ATTRIBUTES: Mapping[str, str] = TABLE["attributes"]
PREDICTING = 0


def backend_functions(keras: Any) -> Mapping[str, tuple[Any, str]]:
    """What even `tf.keras.backend` has no more: name -> what stands in for it, and how that is written today."""

    def set_value(variable: Any, value: Any) -> None:
        """Keras 2's."""
        variable.assign(value)

    def set_ordering(ordering: str) -> None:
        """Keras 1's: th or tf."""
        keras.config.set_image_data_format("channels_first" if ordering == "th" else "channels_last")

    def ordering() -> str:
        """Keras 1's: th or tf."""
        return "th" if keras.config.image_data_format() == "channels_first" else "tf"

    return {
        "backend.set_value": (set_value, "variable.assign"),
        "backend.image_dim_ordering": (ordering, "keras.backend.image_data_format"),
        "backend.set_image_dim_ordering": (set_ordering, "keras.backend.set_image_data_format"),
        "backend.function": (functools.partial(_function, keras), "keras.Model(inputs, outputs)"),
        "backend.learning_phase": (lambda: PREDICTING, "model(x, training=...)"),
        "backend.set_learning_phase": (lambda value: None, "model(x, training=...)"),
        "backend.set_session": (lambda session: None, "tf.config.experimental.set_memory_growth"),
    }


def _function(keras: Any, inputs: Any, outputs: Any, **options: Any) -> Any:
    """Keras 2's `function`: arrays to arrays, through what lies between two tensors of a network."""
    network = keras.Model([item for item in inputs if item is not PREDICTING], keras.tree.flatten(outputs))

    def compute(values: Any) -> Any:
        """What comes out, as arrays; a phase that was given too is left out."""
        found = network([keras.ops.convert_to_tensor(value) for value in values[: len(network.inputs)]])
        arrays = [keras.ops.convert_to_numpy(array) for array in keras.tree.flatten(found)]
        return arrays if isinstance(outputs, (list, tuple)) else arrays[0]

    return compute


class StandInModule(ModuleType):
    """A module that is gone: asks those that have its names today, the first that knows answers."""

    def __init__(self, name: str, root: str, targets: Sequence[str], below: Sequence[str], notes: Notes) -> None:
        super().__init__(name, f"Stands in for a module that Keras no longer has: {name}.")
        self._root, self._targets, self._below, self._notes = root, tuple(targets), tuple(below), notes

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self._below:
            return importlib.import_module(f"{self.__name__}.{name}")
        for target in self._targets:
            found = getattr(importlib.import_module(_joined(self._root, target)), name, None)
            if found is not None:
                if not isinstance(found, ModuleType):
                    self._notes.shim(f"{self.__name__}.{name}", f"{_joined(shown(self._root), target)}.{name}")
                return found
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


class OldPaths:
    """Makes modules that are gone, and gives every public module of Keras a `__getattr__` that knows its old names."""

    def __init__(self, gone: StandIns, after: AfterImport, notes: Notes) -> None:
        self._gone, self._after, self._notes = gone, after, notes
        self._functions: Mapping[str, tuple[Any, str]] = {}
        gone.table |= dict.fromkeys(OTHER_ROOTS, self.make)

    def install(self, functions: Mapping[str, tuple[Any, str]]) -> None:
        """After Keras was imported: for the modules that are there by now, and for those that come.

        `functions`: names of attributes -> what stands in for each, and how that is written today.
        """
        self._functions = functions
        self._gone.table |= {f"{root}.{name}": self.make for root in ROOTS for name in MODULES}
        self._after.otherwise = lambda name: self._restore if place(name) is not None else None
        for name, module in list(sys.modules.items()):
            if isinstance(module, ModuleType) and place(name) is not None:
                self._restore(module)

    def make(self, fullname: str) -> ModuleType:
        """The module for an import path that is gone; what it is asked for is a use."""
        first, _, rest = fullname.partition(".")
        if first in OTHER_ROOTS:
            return StandInModule(fullname, "keras", [_joined(OTHER_ROOTS[first], rest)], (), self._notes)
        root, here = place(fullname) or ("", "")
        gone = max((name for name in accumulate(here.split("."), "{}.{}".format) if name in MODULES), key=len)
        below = here.removeprefix(gone).lstrip(".")
        targets = [below] if gone.startswith("api") and below else MODULES[gone]
        inside = {name.removeprefix(f"{here}.").partition(".")[0] for name in MODULES if name.startswith(f"{here}.")}
        return StandInModule(fullname, root, targets, sorted(inside), self._notes)

    def _restore(self, module: ModuleType) -> None:
        """Give `module` its `__getattr__`, once."""
        found = place(module.__name__)
        if found is None or isinstance(module, StandInModule) or "__getattr__" in module.__dict__:
            return
        root, here = found
        for name in [name for name in vars(module) if _broken(here, name)]:
            delattr(module, name)
        vars(module)["__getattr__"] = lambda name: self._look_up(module, root, here, name)

    def _look_up(self, module: ModuleType, root: str, here: str, name: str) -> Any:
        missing = AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        if name.startswith("_"):
            raise missing
        asked, written = _joined(here, name), f"{_joined(shown(root), here)}.{name}"
        if asked in MODULES and asked not in ATTRIBUTES:
            return importlib.import_module(_joined(module.__name__, name))
        if asked in self._functions:
            function, today = self._functions[asked]
            self._notes.shim(written, today)
            return function
        if asked in ATTRIBUTES:
            where, _, attribute = ATTRIBUTES[asked].rpartition(".")
            self._notes.shim(written, f"keras.{ATTRIBUTES[asked]}".replace("keras.src.legacy", "tf.keras"))
            return getattr(importlib.import_module(f"keras.{where}"), attribute)
        for other in (_joined(TF_KERAS, here), "keras.optimizers" if here == "optimizers.legacy" else ""):
            found = vars(sys.modules[other]).get(name) if other in sys.modules and other != module.__name__ else None
            if found is not None:
                self._notes.shim(written, f"{other.replace(TF_KERAS, 'tf.keras')}.{name}")
                return found
        below = f"{module.__name__}.{name}"
        if find_spec(below) is not None:  # there, but nothing has imported it: `tf.keras.saving`
            return importlib.import_module(below)
        raise missing


class TensorFlowPythonKeras(ast.NodeTransformer):
    """Turns imports of `tensorflow.python.keras`, a private old copy, into imports of `tensorflow.keras`.

    In the code of cells alone: TensorFlow itself needs the old one.
    """

    OLD, NEW = "tensorflow.python.keras", "tensorflow.keras"

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def visit_Import(self, node: ast.Import) -> ast.Import:
        """`import tensorflow.python.keras.layers as L`."""
        for alias in node.names:
            alias.name = self._new(alias.name)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        """`from tensorflow.python.keras.layers import Dense`, `from tensorflow.python import keras`."""
        if node.level or node.module is None:
            return node
        if node.module == "tensorflow.python" and all(alias.name == "keras" for alias in node.names):
            self._notes.shim(self.OLD, self.NEW)
            node.module = "tensorflow"
            return node
        node.module = self._new(node.module)
        return node

    def _new(self, name: str) -> str:
        if name != self.OLD and not name.startswith(f"{self.OLD}."):
            return name
        self._notes.shim(self.OLD, self.NEW)
        return self.NEW + name.removeprefix(self.OLD)


def place(fullname: str) -> tuple[str, str] | None:
    """("tensorflow.keras", "layers.core") of a name below a root of Keras'; None for what is not public."""
    for root in ROOTS:
        if f"{fullname}.".startswith(f"{root}."):
            rest = fullname.removeprefix(root).lstrip(".")
            private = root == "keras" and rest.partition(".")[0] in ("src", "_tf_keras")
            return None if private else (root, rest)
    return None


def _broken(here: str, name: str) -> bool:
    """Names that are there and only raise: optimizers of Keras 2, and a `set_value` that its own variables break."""
    return (here == "optimizers.legacy" and name[0].isupper()) or (here, name) == ("backend", "set_value")


def shown(root: str) -> str:
    """A root as people write it."""
    return "tf.keras" if root == TF_KERAS else root


def _joined(*parts: str) -> str:
    return ".".join(part for part in parts if part)
