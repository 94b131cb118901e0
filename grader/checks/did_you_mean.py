"""What was meant by a name that is not there: one of the notebook's own, or one that a library has.

The names of libraries are read from the text of what is installed here: none of them is imported. Where one is not
installed, it has no names, and nothing is offered.
"""

import ast
import builtins
import difflib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from grader.core.evidence import CellError

READ = frozenset({"keras", "tensorflow", "matplotlib", "sklearn", "pandas", "PIL"})  # by their text
LARGEST = 1 << 20  # bytes of a file that is read
DOTTED = re.compile(r"[A-Za-z_]\w{0,59}(?:\.[A-Za-z_]\w{0,59}){0,9}")
OF_A_NETWORK = ("Sequential", "Functional", "Model")
NETWORK_FILES = (
    "keras.src.models.sequential", "keras.src.models.model", "keras.src.trainers.trainer",
    "keras.src.backend.tensorflow.trainer", "keras.src.layers.layer",
)  # fmt: skip
OF_EVERY_LAYER = ("name", "dtype", "trainable", "input_shape")  # arguments that `**kwargs` passes on
LONGEST = 60  # characters of a name that is looked for
MOST_COMPARED = 500  # names
ALIKE = 0.75  # of difflib's ratio, 1 for equal words
IMPORTS = {  # what everybody writes -> the name that it gives
    "import numpy as np": "np", "import matplotlib.pyplot as plt": "plt", "import pandas as pd": "pd",
    "import tensorflow as tf": "tf", "import keras": "keras", "from keras import layers": "layers",
    "from keras import models": "models", "from keras import optimizers": "optimizers", "import cv2": "cv2",
    "import os": "os", "import seaborn as sns": "sns", "import random": "random", "import time": "time",
    "import math": "math",
}  # fmt: skip
OTHER_LANGUAGES = {"true": "True", "false": "False", "none": "None", "null": "None", "nil": "None", "nan": "np.nan"}
PACKAGES = frozenset({*READ, "numpy", "cv2", "scipy", "seaborn"})
# What errors call a kind of setting -> the module whose names may stand there as a string.
SETTINGS = {
    "activation function": "keras.activations", "optimizer": "keras.optimizers", "loss": "keras.losses",
    "metric": "keras.metrics", "initializer": "keras.initializers", "regularizer": "keras.regularizers",
}  # fmt: skip
MORE_METRICS = ("accuracy", "mse", "mae")


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is most like this one, upper and lower case being alike; "" where none is."""
    if not 1 < len(word) <= LONGEST:
        return ""
    spelt: dict[str, str] = {}
    for name in sorted({name for name in known if name != word and abs(len(name) - len(word)) <= 3}):
        spelt.setdefault(name.casefold(), name)
    near = difflib.get_close_matches(word.casefold(), list(spelt)[:MOST_COMPARED], n=1, cutoff=ALIKE)
    return spelt[near[0]] if near else ""


def what_was_meant(error: CellError) -> str:
    """An offer for a name that a library does not have; "" where nothing in it is like it."""
    for pattern, offer in OFFERS:
        found = re.search(pattern, error.message)
        if found is not None and max(map(len, found.groups())) <= 2 * LONGEST:
            return offer(*found.groups())
    return ""


def meant_by_name(name: str, defined: Mapping[str, str]) -> str:
    """An offer for a name without a value; `defined`: the names up to there, each with what defines it ("cell 2")."""
    word = OTHER_LANGUAGES.get(name)
    if word is not None:
        return f"Python writes `{word}` for `{name}`."
    usual = next((statement for statement, given in IMPORTS.items() if given == name), "")
    if usual:
        return f"`{name}` was not imported: write `{usual}` at the top."
    home = where_in_keras(name)
    if home:
        return f"`{name}` was not imported: write `from {home} import {name}`."
    own = nearest(name, defined)
    if own:
        return f"There is no `{name}`: did you mean `{own}`, which {defined[own]} defines?"
    plain = nearest(name, dir(builtins))
    if plain:
        return f"There is no `{name}`: did you mean `{plain}`?"
    layer = nearest(name, read_library("keras.layers").names)
    return f"There is no `{name}`: did you mean `{layer}`? Write `from keras.layers import {layer}`." if layer else ""


def _of_module(module: str, name: str) -> str:
    shown = re.sub(r"^(?:keras\._tf_keras|tensorflow)\.keras", "tf.keras", module).replace("tensorflow._api.v2", "tf")
    names = read_library(module).names
    if not names:
        return ""
    near = nearest(name, names)
    home = where_in_keras(name) if "keras" in module else ""
    if home and home.rpartition(".")[2] != module.rpartition(".")[2]:
        return f"`{shown}` has no `{name}`: it is in `{home}`. Write `from {home} import {name}`."
    return f"`{shown}` has no `{name}`: did you mean `{near}`?" if near else ""


def _of_package(module: str) -> str:
    above, _, last = module.rpartition(".")
    known = read_library(above).names if above else PACKAGES | set(sys.stdlib_module_names)
    near = nearest(last, filter(str.islower, known)) or nearest(last, known)
    meant = f"{above}.{near}" if above else near
    return f"There is no `{module}`: did you mean `{meant}`?" if near else ""


def _of_object(kind: str, name: str) -> str:
    near = nearest(name, methods_of(kind))
    return f"`{kind}` has no `{name}`: did you mean `{near}`?" if near else ""


def _of_setting(kind: str, name: str) -> str:
    module = SETTINGS.get(kind)
    if module is None:
        return ""
    spelt = {written.lower() if kind == "optimizer" else written for written in read_library(module).names}
    near = nearest(
        name, {word for word in {*spelt, *MORE_METRICS} if kind == "metric" or word in spelt if word.islower()}
    )
    return f"Keras knows no `{name}` in this place: did you mean `{near}`?" if near else ""


def _of_argument(called: str, name: str) -> str:
    near = nearest(name, parameters_of(called))
    return f"`{called}` takes no `{name}`: did you mean `{near}=`?" if near else ""


_NAME = r"([A-Za-z_]\w{0,59})"
OFFERS: tuple[tuple[str, Callable[..., str]], ...] = (
    (rf"module '({DOTTED.pattern})' has no attribute '{_NAME}'", _of_module),
    (rf"cannot import name '{_NAME}' from '({DOTTED.pattern})'", lambda name, module: _of_module(module, name)),
    (rf"\bNo module named '({DOTTED.pattern})'", _of_package),
    (rf"'({DOTTED.pattern})' object has no attribute '{_NAME}'", _of_object),
    (rf"Could not interpret ([a-z ]{{1,30}}) identifier: {_NAME}", _of_setting),
    (rf"keyword arguments passed to {_NAME}: {{'{_NAME}'", _of_argument),
    (rf"\.{_NAME}\(\) got an unexpected keyword argument '{_NAME}'", _of_argument),
)


@dataclass(frozen=True)
class Library:
    """A module's public names; `origins` says of each that it imports from which module."""

    names: frozenset[str] = frozenset()
    origins: dict[str, str] = field(default_factory=dict)


@lru_cache(maxsize=64)
def read_library(module: str) -> Library:
    """The public names of a module of an installed library; none where it is not one of those that are read."""
    if module == "numpy":
        return Library(frozenset(name for name in dir(np) if not name.startswith("_")))
    path = _file_of(module)
    tree = _tree(path)
    if path is None or tree is None:
        return Library()
    names, origins = set[str](), dict[str, str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            origins |= {alias.asname or alias.name: node.module or "" for alias in node.names}
            names |= {alias.asname or alias.name for alias in node.names}
    for node in tree.body:
        names |= set(_defined(node))
    if path.name == "__init__.py":
        names |= {item.stem for item in path.parent.iterdir() if item.suffix == ".py" or item.is_dir()}
    return Library(frozenset(name for name in names if not name.startswith("_")), origins)


def methods_of(kind: str) -> frozenset[str]:
    """The public methods of a class by the name that errors call it; none of an unknown one."""
    if kind == "numpy.ndarray":
        return frozenset(name for name in dir(np.ndarray) if not name.startswith("_"))
    if kind in OF_A_NETWORK:
        return frozenset().union(*(_methods_in(module) for module in NETWORK_FILES))
    plain = getattr(builtins, kind, None) if kind in ("str", "list", "tuple", "dict", "set", "int", "float") else None
    return frozenset(name for name in dir(plain) if not name.startswith("_")) if plain is not None else frozenset()


@lru_cache(maxsize=64)
def parameters_of(called: str) -> tuple[str, ...]:
    """The parameters of a class of Keras ("Dense") or of a method of its networks ("fit"); none of anything else."""
    for module in ("keras.layers", "keras.optimizers", "keras.callbacks"):
        origin = read_library(module).origins.get(called)
        if origin is not None:
            found = next(_parameters(_tree(_file_of(origin)), called, "__init__"), ())
            return (*found, *OF_EVERY_LAYER) if module == "keras.layers" else found
    if called not in ("fit", "compile", "evaluate", "predict"):
        return ()
    return next(
        (found for module in NETWORK_FILES[:4] for found in _parameters(_tree(_file_of(module)), "", called)), ()
    )


def where_in_keras(name: str) -> str:
    """The first of Keras' public modules that has this name; "" where none has."""
    homes = ("layers", "models", "optimizers", "callbacks", "utils", "datasets", "losses", "metrics", "regularizers")
    return next((f"keras.{home}" for home in homes if name in read_library(f"keras.{home}").names), "")


def _file_of(module: str) -> Path | None:
    """The file of an installed library's module, found without importing anything."""
    module = re.sub(r"^(?:tensorflow|tf)\.keras\b", "keras._tf_keras.keras", module)
    root, *below = module.split(".")
    if root not in READ or DOTTED.fullmatch(module) is None:
        return None
    spec = find_spec(root)  # of a package at the top: nothing is imported for it
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        folder = Path(place).joinpath(*below)
        for path in (folder / "__init__.py", folder.with_suffix(".py")):
            if path.is_file() and path.stat().st_size <= LARGEST:
                return path
    return None


@lru_cache(maxsize=64)
def _tree(path: Path | None) -> ast.Module | None:
    try:
        return None if path is None else ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return None


def _defined(node: ast.stmt) -> Iterator[str]:
    """The names that a statement of a module defines, and what it calls public."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.Assign):
        targets = [target.id for target in node.targets if isinstance(target, ast.Name)]
        yield from targets
        if "__all__" in targets and isinstance(node.value, ast.List | ast.Tuple):
            yield from (
                item.value for item in node.value.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)
            )


def _methods_in(module: str) -> frozenset[str]:
    tree = _tree(_file_of(module))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)] if tree is not None else []
    methods = [item.name for node in classes for item in node.body if isinstance(item, ast.FunctionDef)]
    return frozenset(name for name in methods if not name.startswith("_"))


def _parameters(tree: ast.Module | None, kind: str, method: str) -> Iterator[tuple[str, ...]]:
    """Those of a method, in the class of this name or in any."""
    for node in tree.body if tree is not None else ():
        if isinstance(node, ast.ClassDef) and kind in ("", node.name):
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name == method:
                    yield tuple(one.arg for one in (*item.args.args, *item.args.kwonlyargs) if one.arg != "self")
