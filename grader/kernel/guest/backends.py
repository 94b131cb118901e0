"""Which backend Keras runs on: the one that the notebook asks for where it is installed, else TensorFlow.

A notebook asks by `KERAS_BACKEND`, by `keras.json` or by `keras.config.set_backend`. Whatever it is, the network is saved in
Keras' own form, and the judge opens it on TensorFlow.
"""

import importlib
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from grader.kernel.guest.notes import Notes
from grader.kernel.guest.wrapping import replaces_everywhere

TENSORFLOW = "tensorflow"
OTHERS = {"jax": "JAX", "torch": "PyTorch"}  # that can train
VARIABLE, LEGACY, FILE, FUNCTION = "KERAS_BACKEND", "TF_USE_LEGACY_KERAS", "keras.json", "keras.config.set_backend"


def choose_backend(notes: Notes) -> None:
    """Before Keras or TensorFlow is imported: what can't be had becomes Keras 3 with TensorFlow, with a note."""
    legacy = os.environ.get(LEGACY, "0")
    if legacy.lower() not in ("0", "", "false"):
        os.environ[LEGACY] = _stand_in(notes, LEGACY, legacy, "0")
    name, asked = _asked_for()
    if asked.lower() != TENSORFLOW:
        os.environ[VARIABLE] = asked if _is_here(asked) else _stand_in(notes, name, asked, TENSORFLOW)
    elif name == VARIABLE:
        os.environ[VARIABLE] = TENSORFLOW  # however it was written


def honour_set_backend(keras: Any, notes: Notes) -> None:
    """`keras.config.set_backend` loads Keras again only for a backend that is here. Once Keras is imported."""

    @replaces_everywhere(keras.config.set_backend)
    def set_backend(original: Any, backend: Any) -> None:
        if backend == keras.config.backend():
            return
        if backend == TENSORFLOW or (backend in OTHERS and _is_importable(backend)):
            with warnings.catch_warnings(action="ignore"):  # that it is dangerous, with a place in our code
                original(backend)
        else:
            _stand_in(notes, FUNCTION, str(backend), keras.config.backend())


def tell_backend(keras: Any, notes: Notes) -> None:
    """Note that Keras runs on another backend than the judge's."""
    title = OTHERS.get(keras.config.backend())
    if title is not None:
        notes.note(
            f"Keras ran on {title}, as this notebook asks for; the network was judged on TensorFlow, from Keras' own file"
        )


def backend_in_use() -> str:
    """The backend that the notebook's own code sees: the one that Keras runs on, once it is imported."""
    return os.environ.get(VARIABLE) or TENSORFLOW


def is_eager() -> bool:
    """Whether what is computed now is computed at once: no graph is built, and no function is traced."""
    tensorflow, jax = sys.modules.get("tensorflow"), sys.modules.get("jax._src.core")
    if tensorflow is not None and not tensorflow.executing_eagerly():
        return False
    return jax is None or bool(jax.trace_state_clean())


def _asked_for() -> tuple[str, str]:
    """Where a backend was asked for, and which."""
    asked = os.environ.get(VARIABLE)
    if asked:
        return VARIABLE, asked
    try:
        folder = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
        return FILE, str(json.loads(Path(folder, FILE).read_text(encoding="utf-8"))["backend"])
    except (OSError, ValueError, LookupError, TypeError):
        return FILE, TENSORFLOW


def _is_here(backend: str) -> bool:
    """Whether Keras can be imported with it: it is installed, and no warm start has imported Keras with another one."""
    loaded = sys.modules.get("keras.src.backend.config")
    if loaded is not None:
        return bool(loaded.backend() == backend)
    return backend in OTHERS and _is_importable(backend)


def _is_importable(backend: str) -> bool:
    try:
        importlib.import_module(backend)
    except Exception:  # not installed, or not in a state to be used
        return False
    return True


def _stand_in(notes: Notes, name: str, asked: str, meant: str) -> str:
    used = OTHERS.get(meant, "TensorFlow")
    notes.note(f"`{name}` was set to '{asked}', which is not here: Keras 3 with {used} was used")
    return meant
