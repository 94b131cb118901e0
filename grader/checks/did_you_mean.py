"""What was meant by a name that is not there: one of the notebook's own, or one that a library has."""

import builtins
import difflib
import re
import sys
from collections.abc import Iterable, Mapping

from grader.checks.installed_names import (
    DOTTED,
    READ,
    methods_of,
    parameters_of,
    read_library,
    where_in_keras,
)
from grader.core.evidence import CellError

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


def _of_import(name: str, module: str) -> str:
    return _of_module(module, name)


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
OFFERS = (
    (rf"module '({DOTTED.pattern})' has no attribute '{_NAME}'", _of_module),
    (rf"cannot import name '{_NAME}' from '({DOTTED.pattern})'", _of_import),
    (rf"\bNo module named '({DOTTED.pattern})'", _of_package),
    (rf"'({DOTTED.pattern})' object has no attribute '{_NAME}'", _of_object),
    (rf"Could not interpret ([a-z ]{{1,30}}) identifier: {_NAME}", _of_setting),
    (rf"keyword arguments passed to {_NAME}: {{'{_NAME}'", _of_argument),
    (rf"\.{_NAME}\(\) got an unexpected keyword argument '{_NAME}'", _of_argument),
)
