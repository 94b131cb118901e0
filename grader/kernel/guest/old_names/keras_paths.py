"""What `keras.backend` and other modules had, and today even `tf.keras.backend` has no more.

Old import paths and attributes of Keras, for `keras`, `tf.keras` and `tensorflow.keras` alike.

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
from types import ModuleType
from typing import Any

from grader.kernel.guest.imports import AfterImport, StandIns
from grader.kernel.guest.notes import Notes

PREDICTING = 0


def backend_functions(keras: Any) -> Mapping[str, Mapping[str, tuple[Any, str]]]:
    """What `keras.backend` had and even `tf.keras.backend` has no more: name -> what stands for it, today's way."""

    def image_dim_ordering() -> str:
        """Keras 1's: th or tf."""
        return "th" if keras.config.image_data_format() == "channels_first" else "tf"

    def set_image_dim_ordering(ordering: str) -> None:
        """Keras 1's."""
        keras.config.set_image_data_format("channels_first" if ordering == "th" else "channels_last")

    def learning_phase() -> int:
        """Keras 2's: 0 while a network predicts."""
        return PREDICTING

    def set_learning_phase(value: object) -> None:
        """Keras 2's: a network is told at each call today."""

    def set_session(session: object) -> None:
        """There is no session any more: it only held settings for a GPU."""

    def set_value(variable: Any, value: Any) -> None:
        """Keras 2's."""
        variable.assign(value)

    return {
        "layers": {"SyncBatchNormalization": (keras.layers.BatchNormalization, "keras.layers.BatchNormalization")},
        "backend": {
            "set_value": (set_value, "variable.assign"),
            "image_dim_ordering": (image_dim_ordering, "keras.backend.image_data_format"),
            "set_image_dim_ordering": (set_image_dim_ordering, "keras.backend.set_image_data_format"),
            "function": (functools.partial(_function, keras), "keras.Model(inputs, outputs)"),
            "learning_phase": (learning_phase, "model(x, training=...)"),
            "set_learning_phase": (set_learning_phase, "model(x, training=...)"),
            "set_session": (set_session, "tf.config.experimental.set_memory_growth"),
        },
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


TF_KERAS = "keras._tf_keras.keras"
ROOTS = (TF_KERAS, "tensorflow.keras", "keras")
LAYERS, OPTIMIZERS = ("layers",), ("optimizers",)
# Modules that are gone -> the modules that have their names today. What lies below one of them is looked for there too.
MODULES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("utils.np_utils", "utils.vis_utils", "utils.generic_utils", "utils.data_utils", "utils.layer_utils",
         "utils.io_utils", "utils.image_utils", "utils.visualize_util"), ("utils",)),
    **{f"layers.{name}": LAYERS for name in (
        "core", "convolutional", "pooling", "normalization", "advanced_activations", "embeddings", "recurrent", "merge",
        "merging", "noise", "regularization", "reshaping", "activation", "wrappers", "local", "experimental",
        "preprocessing", "attention", "rnn")},
    **{f"optimizers.{name}": OPTIMIZERS for name in (
        "legacy", "adam_v2", "adam", "sgd", "rmsprop", "rmsprop_v2", "gradient_descent_v2", "adagrad_v2", "adadelta_v2",
        "adamax_v2", "nadam_v2", "optimizer_v2", "optimizer_experimental", "experimental")},
    "optimizer_v2": OPTIMIZERS,
    "callbacks.experimental": ("callbacks",),
    "mixed_precision.experimental": ("mixed_precision",),
    "experimental": ("optimizers.schedules", "models", "layers"),
    "engine": ("layers", "models", "utils"),
    "legacy.layers": LAYERS,
    "objectives": ("losses",),
    "initializations": ("initializers",),
    "backend.tensorflow_backend": ("backend",),
    "preprocessing.image_dataset": ("utils",),
    "preprocessing.text_dataset": ("utils",),
    "api": ("",),
    "api._v2": ("",),
    "api._v2.keras": ("",),
    "api.keras": ("",),
}  # fmt: skip
# Attributes that are gone -> "module:attribute" below `keras`.
ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    "preprocessing.image": {
        name: f"src.legacy.preprocessing.image:{name}"
        for name in ("ImageDataGenerator", "Iterator", "NumpyArrayIterator", "DirectoryIterator", "random_rotation",
                     "random_shift", "random_shear", "random_zoom", "apply_affine_transform")
    },
    "optimizers": {name.lower(): f"optimizers:{name}"
                   for name in ("SGD", "RMSprop", "Adam", "Adagrad", "Adadelta", "Adamax", "Nadam")},
    "constraints": {"maxnorm": "constraints:MaxNorm", "nonneg": "constraints:NonNeg", "unitnorm": "constraints:UnitNorm"},
    "mixed_precision": {"set_policy": "mixed_precision:set_global_policy"},
    "initializers": {
        "normal": "initializers:RandomNormal", "uniform": "initializers:RandomUniform", "zero": "initializers:Zeros",
        "one": "initializers:Ones",
    },
}  # fmt: skip
OTHER_ROOTS: Mapping[str, str] = {"keras_preprocessing": "preprocessing"}


class StandInModule(ModuleType):
    """A module that is gone: asks those that have its names today, the first that knows answers."""

    def __init__(self, name: str, root: str, targets: Sequence[str], below: Sequence[str], notes: Notes) -> None:
        super().__init__(name, f"Stands for a module that Keras no longer has: {name}.")
        self.__path__: list[str] = []
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
    """Makes modules that are gone, and gives every public module of Keras its `__getattr__`."""

    def __init__(self, gone: StandIns, after: AfterImport, notes: Notes) -> None:
        self._gone, self._after, self._notes = gone, after, notes
        self._functions: Mapping[str, Mapping[str, tuple[Any, str]]] = {}
        gone.table |= dict.fromkeys(OTHER_ROOTS, self.make)

    def install(self, functions: Mapping[str, Mapping[str, tuple[Any, str]]]) -> None:
        """After Keras was imported: the modules that are there by now.

        `functions`: module -> name -> what stands for it, and how that is written today.
        """
        self._functions = functions
        self._gone.table |= {f"{root}.{name}": self.make for root in ROOTS for name in MODULES}
        self._after.otherwise = lambda name: self._answer if relative(name) is not None else None
        for name, module in list(sys.modules.items()):
            if isinstance(module, ModuleType) and relative(name) is not None:
                self._answer(module)

    def make(self, fullname: str) -> ModuleType:
        """The module for an import path that is gone; what it is asked for is a use."""
        first, _, rest = fullname.partition(".")
        if first in OTHER_ROOTS:
            return StandInModule(fullname, "keras", (_joined(OTHER_ROOTS[first], rest),), (), self._notes)
        here = relative(fullname) or ""
        name = next(name for name in (here, *_parents(here)) if name in MODULES)
        below = here.removeprefix(name).lstrip(".")
        targets = (below,) if name.startswith("api") and below else MODULES[name]
        inside = {name.removeprefix(f"{here}.").partition(".")[0] for name in MODULES if name.startswith(f"{here}.")}
        return StandInModule(fullname, _root(fullname), targets, sorted(inside), self._notes)

    def _answer(self, module: ModuleType) -> None:
        """Give `module` its `__getattr__`, once."""
        here = relative(module.__name__)
        if here is None or isinstance(module, StandInModule) or "__getattr__" in module.__dict__:
            return
        for name in [name for name in vars(module) if _broken(here, name)]:
            delattr(module, name)
        root = _root(module.__name__)

        def answer(name: str) -> Any:
            return self._look_up(module, root, here, name)

        module.__dict__["__getattr__"] = answer

    def _look_up(self, module: ModuleType, root: str, here: str, name: str) -> Any:
        missing = AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        if name.startswith("_"):
            raise missing
        gone = _joined(here, name)
        if gone in MODULES and name not in ATTRIBUTES.get(here, {}):
            return importlib.import_module(_joined(module.__name__, name))
        told = f"{_joined(shown(root), here)}.{name}"
        made = self._functions.get(here, {}).get(name)
        if made is not None:
            self._notes.shim(told, made[1])
            return made[0]
        known = ATTRIBUTES.get(here, {}).get(name)
        if known is not None:
            where, _, attribute = known.partition(":")
            self._notes.shim(told, f"keras.{where}.{attribute}".replace("keras.src.legacy", "tf.keras"))
            return getattr(importlib.import_module(f"keras.{where}"), attribute)
        for other in (_joined(TF_KERAS, here), "keras.optimizers" if here == "optimizers.legacy" else ""):
            found = vars(sys.modules[other]).get(name) if other in sys.modules and other != module.__name__ else None
            if found is not None:
                self._notes.shim(told, f"{other.replace(TF_KERAS, 'tf.keras')}.{name}")
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


def relative(fullname: str) -> str | None:
    """`layers.core` of "tensorflow.keras.layers.core", "" of a root; None for what is not Keras' public face."""
    for root in ROOTS:
        if fullname == root:
            return ""
        if fullname.startswith(f"{root}."):
            rest = fullname.removeprefix(f"{root}.")
            private = root == "keras" and rest.partition(".")[0] in ("src", "_tf_keras")
            return None if private else rest
    return None


def _broken(here: str, name: str) -> bool:
    """Names that are there and only raise: optimizers of Keras 2, and a `set_value` that its own variables break."""
    return (here == "optimizers.legacy" and name[0].isupper()) or (here, name) == ("backend", "set_value")


def shown(root: str) -> str:
    """A root as people write it."""
    return "tf.keras" if root == TF_KERAS else root


def _root(fullname: str) -> str:
    return next(root for root in ROOTS if fullname == root or fullname.startswith(f"{root}."))


def _joined(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]
