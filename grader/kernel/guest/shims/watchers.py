"""Packages that only watch a training or draw a network, where they are not installed: they do nothing, and that is told."""

from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from grader.kernel.guest.notes import Notes

WATCHERS = {"wandb", "comet_ml", "mlflow", "neptune", "livelossplot", "visualkeras", "keras_visualizer", "ann_visualizer",
            "keras_tqdm", "plotly", "bokeh", "tensorflow_docs", "jovian"}  # fmt: skip


class Nothing:
    """Whatever is done with it does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # IPython and others ask every object for such names
            raise AttributeError(name)
        return self

    def __call__(self, *arguments: object, **options: object) -> Any:
        """Itself: what it would make does nothing either."""
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __getitem__(self, key: object) -> Any:
        return self

    def __setitem__(self, key: object, value: object) -> None:
        """Forgotten."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        """An error is nobody's here."""


class Settings(dict[str, Any]):
    """The settings of a run, which code reads back: `wandb.config`."""

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def update(self, *values: Any, **named: Any) -> None:
        """As a dict's; other arguments are about changes, which nobody minds."""
        named.pop("allow_val_change", None)
        super().update(*[_plain(value) for value in values if not isinstance(value, bool)], **named)


class Run(Nothing):
    """A run that knows its settings alone."""

    def __init__(self, config: Settings) -> None:
        self.config = config


class Watchers(MetaPathFinder, Loader):
    """The last finder to be asked: stand-ins for those packages and all their modules."""

    def __init__(self, notes: Notes) -> None:
        self._notes, self._config = notes, Settings()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A stand-in's spec; None for all else, and for what is installed."""
        root = fullname.partition(".")[0]
        if root not in WATCHERS or PathFinder.find_spec(root) is not None:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """A module whose every name does nothing."""
        root = spec.name.partition(".")[0]
        if spec.name == root:
            self._notes.note(f"`{root}` is not installed: it recorded and drew nothing, and all else went on")
        module = ModuleType(spec.name, f"Stands for {spec.name}, which is not installed.")
        module.__path__ = []

        def answer(name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            return Nothing()

        vars(module)["__getattr__"] = answer
        if spec.name == "wandb":
            vars(module).update(config=self._config, init=self._begin)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to be done."""

    def _begin(self, *arguments: object, config: Any = None, **options: object) -> Run:
        """`wandb.init`."""
        self._config.update(_plain(config))
        return Run(self._config)


def _plain(config: Any) -> dict[str, Any]:
    """Settings that were given as a dict, or as an object like those of `argparse`."""
    if isinstance(config, dict):
        return config
    return dict(vars(config)) if hasattr(config, "__dict__") else {}


def without_watchers(callbacks: Any) -> Any:
    """The callbacks of a `fit` that do something."""
    if isinstance(callbacks, (list, tuple)):
        return [callback for callback in callbacks if not isinstance(callback, Nothing)]
    return None if isinstance(callbacks, Nothing) else callbacks
