"""Rows in a smoke run: what would look at all of them outside of Keras' own methods is given a few.

Generators and layers that adapt themselves, and estimators of scikit-learn, are fitted to a few rows. An estimator that
would predict for long is asked for a few, and its answers are repeated. A search or a cross-validation that goes on for
long gives its last score again, for as many candidates and folds as the code expects. A search of KerasTuner's tries a few
networks.
"""

import inspect
import sys
import time
from collections.abc import Mapping
from typing import Any

from grader.kernel.guest.imports import Patch
from grader.kernel.guest.smoke import PATIENCE_S, SmokeRun, length
from grader.kernel.guest.wrapping import replaces

BATCHES = 4  # of a pipeline that a layer adapts itself to
PREDICTORS = {"ClassifierMixin", "RegressorMixin"}
PREDICTING = ("predict", "predict_proba", "decision_function")
FEWEST_FITS, MOST_SEARCH_S = 2, 3.0  # of a search or a cross-validation
SLOW = {"TSNE", "MDS", "Isomap", "SpectralEmbedding", "LocallyLinearEmbedding"}


def patches(smoke: SmokeRun) -> Mapping[str, Patch]:
    """The patches for modules, which are run after their import."""
    return {
        "sklearn.base": lambda module: cut_estimators(module, smoke),
        "sklearn.model_selection._validation": lambda module: cut_validation(module, smoke),
        "joblib.parallel": work_alone,
        "keras_tuner.src.engine.base_tuner": lambda module: cut_tuner(module, smoke),
    }


def cut_preparation(keras: Any, smoke: SmokeRun) -> None:
    """`ImageDataGenerator.fit` and `adapt` of layers look at a few images. Once Keras is imported."""
    _cut(sys.modules["keras.src.legacy.preprocessing.image"].ImageDataGenerator, "fit", smoke)
    for name in ("Normalization", "Discretization"):
        _cut(getattr(keras.layers, name), "adapt", smoke)


def cut_estimators(base: Any, smoke: SmokeRun) -> None:
    """Estimators of scikit-learn that predict, and some that take long, are given a few rows. After the import."""
    kind = base.BaseEstimator
    original = kind.__init_subclass__.__func__

    def begin(cls: Any, **options: Any) -> None:
        original(cls, **options)
        names = {parent.__name__ for parent in cls.__mro__}
        for method in ("fit", "fit_transform"):
            if method in vars(cls) and names & (PREDICTORS if method == "fit" else SLOW):
                _cut(cls, method, smoke, whole=method != "fit")
        for method in PREDICTING:
            if inspect.isfunction(vars(cls).get(method)) and names & PREDICTORS:
                _cut_slow(cls, method, smoke)

    kind.__init_subclass__ = classmethod(begin)  # type: ignore[arg-type]


def cut_validation(module: Any, smoke: SmokeRun) -> None:
    """Fits of a search or a cross-validation that has gone on for long are answered from memory. After the import."""
    made: dict[tuple[int, str], list[Any]] = {}  # of a cell: how many, seconds, the last score

    @replaces(module, "_fit_and_score")
    def fit_and_score(original: Any, *arguments: Any, **options: Any) -> Any:
        wanted = repr(sorted((name, value) for name, value in options.items() if name.startswith("return_")))
        told = made.setdefault((smoke.cell, wanted), [0, 0.0, None])
        if told[0] >= FEWEST_FITS and told[1] > smoke.part() * MOST_SEARCH_S:
            smoke.left_out_s += told[1] / told[0]
            smoke.note(
                "a search or a cross-validation gave the last score again for the fits that would have taken long"
            )
            return dict(told[2])
        started = time.monotonic()
        found = original(*arguments, **options)
        told[:] = [told[0] + 1, told[1] + time.monotonic() - started, found]
        return dict(found)


def cut_tuner(module: Any, smoke: SmokeRun) -> None:
    """A search of KerasTuner's ends after a few trials, whose trainings are cut as all others are. After the import."""

    @replaces(module.BaseTuner, "search")
    def search(original: Any, tuner: Any, *arguments: Any, **options: Any) -> Any:
        oracle, wanted = tuner.oracle, tuner.oracle.max_trials
        before, trained_s = len(oracle.trials), smoke.in_full_s
        if wanted is not None and wanted <= before + FEWEST_FITS:
            return original(tuner, *arguments, **options)
        oracle.max_trials = before + FEWEST_FITS
        try:
            answer = original(tuner, *arguments, **options)
        finally:
            oracle.max_trials = wanted
        made = len(oracle.trials) - before
        if made < FEWEST_FITS:  # there were no more
            return answer
        if wanted is not None:
            smoke.left_out_s += (wanted - before - made) * (smoke.in_full_s - trained_s) / made
            smoke.note(f"a search of KerasTuner's made {made} of its {wanted} trials")
        else:
            smoke.note(f"a search of KerasTuner's ended after {made} trials")
        return answer


def work_alone(module: Any) -> None:
    """`n_jobs` starts no process: what is cut here would not be cut there. After the import."""

    @replaces(module.Parallel, "__init__")
    def start(original: Any, parallel: Any, n_jobs: Any = None, *arguments: Any, **options: Any) -> None:
        original(parallel, 1, *arguments, **options)


def _cut_slow(kind: Any, name: str, smoke: SmokeRun) -> None:
    """Ask a method for a few of its rows; for all where that is quick, and else their answers are repeated."""

    @replaces(kind, name)
    def call(original: Any, estimator: Any, X: Any, *arguments: Any, **options: Any) -> Any:  # noqa: N803
        few, count = _few(X, smoke.images)
        if not count:
            return original(estimator, X, *arguments, **options)
        started = time.monotonic()
        some = original(estimator, few, *arguments, **options)
        each_s = (time.monotonic() - started) / len(some)
        if count * each_s < smoke.part() * PATIENCE_S:
            return original(estimator, X, *arguments, **options)
        import numpy

        smoke.left_out_s += (count - len(some)) * each_s
        smoke.note(
            f"`{kind.__name__}.{name}` looked at {len(some)} of {count} rows, whose answers were repeated for the rest"
        )
        return numpy.resize(some, (count, *some.shape[1:]))


def _cut(kind: Any, name: str, smoke: SmokeRun, *, whole: bool = False) -> None:
    """Give a method every so many of its rows; `whole`: its answer, a row each, is repeated for the others."""

    signature = inspect.signature(getattr(kind, name))

    @replaces(kind, name)
    def call(original: Any, *arguments: Any, **options: Any) -> Any:
        try:
            bound = signature.bind(*arguments, **options)
        except TypeError:
            return original(*arguments, **options)  # which says what is wrong
        first = next((given for given in [*bound.arguments][1:]), "")
        few, count = _few(bound.arguments.get(first), smoke.images)
        if count is None:
            return original(*arguments, **options)
        told = f"{smoke.images} of {count} rows" if count else f"{BATCHES} batches"
        smoke.note(f"`{kind.__name__}.{name}` was given {told}")
        for given, value in bound.arguments.items():  # labels and weights have a row for each
            bound.arguments[given] = _few(value, smoke.images)[0] if _count(value) == count else value
        bound.arguments[first] = few
        answer = original(*bound.args, **bound.kwargs)
        if not whole:
            return answer
        import numpy

        return numpy.resize(answer, (count, *answer.shape[1:]))


def _few(data: Any, most: int) -> tuple[Any, int | None]:
    """Every so many rows, and how many there were (0: nobody knows); None for these where there are few enough."""
    if hasattr(data, "element_spec"):
        return data.take(BATCHES), 0
    count = _count(data)
    if count is None or count <= 2 * most:
        return data, None
    step = count // most
    rows = data.iloc if hasattr(data, "iloc") else data
    return rows[: step * most : step], count


def _count(data: Any) -> int | None:
    if isinstance(data, (list, tuple)):
        return len(data)
    return length(data) if hasattr(data, "shape") else None
