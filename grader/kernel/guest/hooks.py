"""Changes Keras once, as it is imported: seeds, the served MNIST, and the recorder around `fit`."""

import importlib.util
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from grader.kernel.guest.record import Recorder


class PatchOnImport(MetaPathFinder):
    """Waits for `import keras`, by whatever road, so that a notebook without it pays nothing."""

    def __init__(self, *, recorder: Recorder, mnist: str | None, seed: int) -> None:
        self._recorder, self._mnist, self._seed = recorder, mnist, seed
        self._searching = self._patched = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Keras' own spec with our patches behind its loader; None for everything else."""
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
        self._recorder.attach(keras)
        if self._mnist is not None:
            serve_mnist(self._mnist)


def serve_mnist(served: str) -> None:
    """Make `mnist.load_data` read the served file, by every alias: they all end in this module's `get_file`."""
    from keras.src.datasets import mnist

    def get_file(fname: str = "mnist.npz", origin: str | None = None, **options: object) -> str:
        return served

    mnist.get_file = get_file
