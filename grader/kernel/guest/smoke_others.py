"""What takes long in a notebook beside its networks, cut in a smoke run: generators and layers that look at all images
first, estimators of scikit-learn, in searches and cross-validation too."""

import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any

from grader.kernel.guest.imports import Patch
from grader.kernel.guest.smoke import SmokeRun

BATCHES = 4  # of a pipeline that a layer adapts itself to
PREDICTORS = {"ClassifierMixin", "RegressorMixin"}
SLOW = {"TSNE", "MDS", "Isomap", "SpectralEmbedding", "LocallyLinearEmbedding"}


def patches(smoke: SmokeRun) -> Mapping[str, Patch]:
    """What is changed after which import."""
    return {"sklearn.base": lambda module: cut_estimators(module, smoke)}


def cut_preparation(keras: Any, smoke: SmokeRun) -> None:
    """`ImageDataGenerator.fit` and `adapt` of layers look at a few images. Once Keras is imported."""
    generator: Any = sys.modules["keras.src.legacy.preprocessing.image"].ImageDataGenerator
    generator.fit = _cut(generator.fit, "ImageDataGenerator.fit", smoke)
    for name in ("Normalization", "Discretization"):
        kind = getattr(keras.layers, name)
        kind.adapt = _cut(kind.adapt, f"{name}.adapt", smoke)


def cut_estimators(base: Any, smoke: SmokeRun) -> None:
    """Estimators of scikit-learn that predict, and some that take long, are given a few rows. After the import."""
    kind = base.BaseEstimator
    original = kind.__init_subclass__.__func__

    def begin(cls: Any, **options: Any) -> None:
        original(cls, **options)
        names = {parent.__name__ for parent in cls.__mro__}
        for method in ("fit", "fit_transform"):
            if method in vars(cls) and names & (PREDICTORS if method == "fit" else SLOW):
                setattr(cls, method, _cut(vars(cls)[method], f"{cls.__name__}.{method}", smoke, whole=method != "fit"))

    kind.__init_subclass__ = classmethod(begin)  # type: ignore[arg-type]


def _cut(original: Callable[..., Any], name: str, smoke: SmokeRun, *, whole: bool = False) -> Callable[..., Any]:
    """A method that is given every so many of its rows; `whole`: its answer, a row each, is repeated for the others."""

    @functools.wraps(original)
    def call(self: Any, data: Any, target: Any = None, *arguments: Any, **options: Any) -> Any:
        few, count = _few(data, smoke.images)
        if count is None:
            return original(self, *((data,) if target is None else (data, target, *arguments)), **options)
        given = f"{smoke.images} of {count} rows" if count else f"{BATCHES} batches"
        smoke.note(f"`{name}` was given {given}")
        some = _few(target, smoke.images)[0] if _length(target) == count else target
        answer = original(self, few, *(() if target is None else (some, *arguments)), **options)
        if not whole:
            return answer
        import numpy

        return numpy.resize(answer, (count, *answer.shape[1:]))

    return call


def _few(data: Any, most: int) -> tuple[Any, int | None]:
    """Every so many rows, and how many there were (0: nobody knows); None for these where there are few enough."""
    if hasattr(data, "element_spec"):
        return data.take(BATCHES), 0
    count = _length(data)
    if count is None or count <= 2 * most:
        return data, None
    step = count // most
    rows = data.iloc if hasattr(data, "iloc") else data
    return rows[: step * most : step], count


def _length(data: Any) -> int | None:
    if isinstance(data, (list, tuple)) or (getattr(data, "shape", None) and hasattr(data, "__getitem__")):
        return int(data.shape[0]) if hasattr(data, "shape") else len(data)
    return None
