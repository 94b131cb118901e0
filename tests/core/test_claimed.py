"""What a notebook says of its own network is read off the fits of the network that is graded."""

from grader.core.evidence import Claims, training_accuracy, validation_accuracy
from tests.checks import builders as built
from tests.fakes import trained_claims


def test_the_last_accuracy_of_the_last_fit_of_the_graded_network_is_what_was_claimed() -> None:
    def fit(model: str, **history: tuple[float | None, ...]) -> object:
        return built.fit(model=model).model_copy(update={"history": history})

    fits = (
        fit("model", acc=(0.1, 0.2)),
        fit("model", loss=(1.0,), binary_accuracy=(0.3, 0.4)),
        fit("other", acc=(1.0,)),
    )
    claims = trained_claims().model_copy(update={"fits": fits})
    assert training_accuracy(claims) == 0.4
    first = claims.model_copy(update={"fits": claims.fits[:1]})
    assert training_accuracy(first) == 0.2
    assert training_accuracy(Claims()) is None
    assert training_accuracy(claims.model_copy(update={"fits": (fit("model", accuracy=()),)})) is None


def test_a_validation_accuracy_is_that_of_the_same_fit_or_none() -> None:
    claims = trained_claims(accuracy=0.87)
    assert validation_accuracy(claims) is None
    fitted = claims.fits[0].model_copy(update={"history": {"acc": (0.9,), "val_acc": (0.7, 0.8)}})
    assert validation_accuracy(claims.model_copy(update={"fits": (fitted,)})) == 0.8
    assert validation_accuracy(claims.model_copy(update={"fits": (fitted, *claims.fits)})) is None, (
        "the last fit has none"
    )
