"""Changes Keras once, as it is imported: seeds, the served MNIST, and the recorder around `fit`."""

import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from grader.kernel.guest.activations import name_activations
from grader.kernel.guest.fitting import FitBudget
from grader.kernel.guest.notes import Notes
from grader.kernel.guest.record import Recorder
from grader.kernel.guest.shims.install import Shims
from grader.kernel.guest.smoke import SmokeRun
from grader.kernel.guest.smoke_others import cut_preparation


class PatchOnImport(MetaPathFinder):
    """Waits for `import keras`, by whatever road, so that a notebook without it pays nothing."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        budget: FitBudget,
        shims: Shims | None,
        notes: Notes,
        mnist: str | None,
        seed: int,
        smoke: SmokeRun | None = None,
        deterministic: bool = False,
    ) -> None:
        self._recorder, self._budget, self._shims, self._notes = recorder, budget, shims, notes
        self._mnist, self._seed, self._smoke, self._deterministic = mnist, seed, smoke, deterministic
        self._searching = self._patched = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Keras' own spec with our patches behind its loader; None for everything else."""
        if fullname in ("keras", "tensorflow") and not self._patched:
            choose_backend(self._notes)
        if fullname != "keras" or self._searching or self._patched:
            return None
        self._searching = True  # others may ask for the spec without importing it: TensorFlow does
        try:
            spec = importlib.util.find_spec("keras")
        finally:
            self._searching = False
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_patch(module: ModuleType) -> None:
            execute(module)
            self._patched = True
            self._patch(module)

        spec.loader.exec_module = execute_and_patch  # type: ignore[method-assign]
        return spec

    def _patch(self, keras: Any) -> None:
        keras.utils.set_random_seed(self._seed)
        if self._deterministic:
            sys.modules["tensorflow"].config.experimental.enable_op_determinism()
        name_activations()
        self._budget.attach(keras)
        if self._smoke is not None:
            self._smoke.attach(keras)
            cut_preparation(keras, self._smoke)
        self._recorder.attach(keras)  # around it: what the submission gave, not what we added
        if self._shims is not None:
            self._shims.attach(keras)  # outermost: everybody else is given today's names
        if self._mnist is not None:
            serve_mnist(self._mnist)


def choose_backend(notes: Notes) -> None:
    """Only TensorFlow's Keras 3 is here; code for Keras 3 is the same with any backend."""
    for name, meant in (("KERAS_BACKEND", "tensorflow"), ("TF_USE_LEGACY_KERAS", "0")):
        asked = os.environ.get(name, meant)
        if asked.lower() not in (meant, "", "false"):
            notes.note(f"`{name}` was set to '{asked}', which is not here: Keras 3 with TensorFlow was used")
            os.environ[name] = meant


def serve_mnist(served: str) -> None:
    """Make `mnist.load_data` read the served file, by every alias: they all end in this module's `get_file`."""
    from keras.src.datasets import mnist

    def get_file(fname: str = "mnist.npz", origin: str | None = None, **options: object) -> str:
        return served

    mnist.get_file = get_file
