"""What a notebook says of its own network: claims, which nothing that gives points may rest on. Pure."""

from grader.evidence import Claims

ACCURACIES = ("accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy", "binary_accuracy")
VALIDATIONS = tuple(f"val_{name}" for name in ACCURACIES)


def training_accuracy(claims: Claims) -> float | None:
    """The last training accuracy of the last fit of the graded network: with dropout, and of weights that still changed."""
    return _last(claims, ACCURACIES)


def validation_accuracy(claims: Claims) -> float | None:
    """The last validation accuracy of the same fit, made as a judge makes it; None where it validated nothing."""
    return _last(claims, VALIDATIONS)


def _last(claims: Claims, names: tuple[str, ...]) -> float | None:
    taken = next((item.name for item in claims.candidates if item.taken), None)
    for fit in reversed(claims.fits):
        if fit.model == taken and any(fit.history.get(name) for name in ACCURACIES):
            return next((fit.history[name][-1] for name in names if fit.history.get(name)), None)
    return None
