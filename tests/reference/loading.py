"""Loads one architecture as the sandbox does: from its file alone, without the folder that it lies in; and Keras, late."""

import importlib
import importlib.util
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "reference" / "architectures"
NAMES = ("lenet5", "alexnet", "vgg16", "googlenet", "resnet50")

Shape = tuple[int, ...]


class WhenUsed:
    """A module that is imported when something of it is first used: every worker collects what one of them will run."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_", "pytest")):  # what a collector asks everything for
            raise AttributeError(name)
        return getattr(importlib.import_module(self._name), name)


def load_architecture(name: str) -> Any:
    """The module `reference/architectures/<name>.py`, executed afresh and not entered in `sys.modules`."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def layers_of(model: Any) -> list[Any]:
    """The layers but the input, which Keras counts among a functional model's and not among a sequential one's."""
    return [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]


def shapes_of(model: Any) -> dict[str, Shape]:
    """The output shape of every layer but the input, without the batch axis."""
    return {layer.name: tuple(layer.output.shape[1:]) for layer in layers_of(model)}


def parameters_of(model: Any) -> dict[str, int]:
    """The number of parameters of every layer that has any, moving averages included."""
    return {layer.name: layer.count_params() for layer in model.layers if layer.count_params()}
