from dataclasses import replace

import pytest

from grader.core.evidence import ArraySummary, Cause, Claims, Ending, Evaluation, Fit, HandedInNetwork, Judgement
from grader.core.results import Outcome
from tests.checks.builders import TRAINED, candidate, case, cell, claims, drawing, fit, judged, look, perceptron

NO_MODEL = Judgement(outcome="no-model", reason="no model was left")


def test_a_model_that_was_described_and_fitted_is_trained() -> None:
    result = look("trained", case())
    assert result.outcome is Outcome.PASSED
    assert result.reason == "`model` was fitted for 5 epochs in cell 2"


def test_of_a_handed_in_network_the_epochs_are_those_that_the_code_asks_for_and_remarks_stay() -> None:
    slow = fit(epochs=70, done=1).model_copy(update={"optimizer": "Adadelta", "learning_rate": 0.001})
    short = case(claims(cell(1), cell(2), fits=[slow], candidates=[candidate()]))
    facts = short.evidence.facts.model_copy(update={"handed_in_network": HandedInNetwork(name="network.keras")})
    result = look("trained", replace(short, evidence=short.evidence.model_copy(update={"facts": facts})))
    assert result.reason == "the code asks for 70 epochs of `model`; in its short run it made 1 in cell 2"
    assert "Adadelta(learning_rate=1.0)" in result.hint


def test_a_described_model_is_found_even_if_it_was_never_fitted() -> None:
    untrained = case(claims(cell(1)), judged(perceptron()))
    result = look("model_found", untrained)
    assert (result.outcome, result.rests_on) == (Outcome.PASSED, "facts")
    assert "1,234 parameters" in result.reason
    assert look("trained", untrained).outcome is Outcome.FAILED


@pytest.mark.parametrize("check", ["model_found", "trained"])
def test_no_model_is_told_in_the_recorders_words(check: str) -> None:
    said = claims(cell(1), problem="no Keras model was ever created.")
    result = look(check, case(said, NO_MODEL))
    assert result.outcome is Outcome.FAILED
    assert result.reason == "no trained model was found: no Keras model was ever created"


def test_networks_that_were_passed_over_are_named_with_the_reason() -> None:
    said = claims(candidates=[candidate("autoencoder", taken=False, reason="its output has 784 units")])
    assert "`autoencoder` (its output has 784 units)" in look("trained", case(said, NO_MODEL)).reason


def test_a_run_that_ended_early_explains_the_missing_model_and_the_first_error_is_the_hint() -> None:
    said = claims(cell(1), cell(2, error=("ValueError", "x")))
    ending = Ending(cause=Cause.MEMORY_LIMIT, message="more than 4 GiB were needed")
    result = look("trained", case(said, NO_MODEL, ending))
    assert "the run ended early: more than 4 GiB were needed" in result.reason
    assert "Mend cell 2 first" in result.hint


def test_where_nobody_said_why_there_is_no_model_the_judge_is_quoted() -> None:
    assert "no model was left" in look("trained", case(claims(), NO_MODEL)).reason


def test_a_refused_model_is_told_with_the_judges_reason() -> None:
    refused = Judgement(outcome="refused", reason="it holds a Lambda layer")
    result = look("trained", case(judgement=refused))
    assert result.reason == "a model was saved, but it could not be judged: it holds a Lambda layer"


def test_a_model_missing_by_our_own_fault_is_broken() -> None:
    ending = Ending(cause=Cause.INFRASTRUCTURE, message="the judge did not start")
    assert look("trained", case(claims(), NO_MODEL, ending)).outcome is Outcome.BROKEN


def test_a_model_that_was_never_fitted_is_told_which_others_were() -> None:
    said = claims(fits=[fit(model="first")], candidates=[candidate("second", fitted=False)])
    assert look("trained", case(said)).reason == "`second` was never fitted, only `first`"


def test_a_record_that_can_not_be_read_is_told_and_not_taken_for_no_training() -> None:
    for check in ("trained", "history_plotted"):
        result = look(check, case(claims(cell(1), problem="the recorder's record was damaged")))
        assert result.outcome is Outcome.FAILED
        assert result.reason == "whether a training took place is not known: the recorder's record was damaged"
        assert "tell your instructor" in result.hint


def test_a_model_known_by_another_name_in_the_records_counts_as_fitted() -> None:
    said = claims(fits=[fit(model="sequential")], candidates=[candidate("model", fitted=True)])
    assert look("trained", case(said)).outcome is Outcome.PASSED


def test_a_fit_that_raised_is_told_with_its_error() -> None:
    said = claims(fits=[fit(done=0, error="ValueError: shapes differ")], candidates=[candidate()])
    assert look("trained", case(said)).reason == "`model.fit` failed in cell 2: ValueError: shapes differ"


def test_the_hint_for_a_fit_that_raised_is_that_for_its_error() -> None:
    message = "ReduceLROnPlateau callback received monitor=val_acc, but Keras isn't able to"
    raised = fit(cell=2, done=0, error=f"ValueError: {message}")
    said = claims(cell(1), cell(2, error=("ValueError", message)), fits=[raised], candidates=[candidate()])
    assert 'write `monitor="val_accuracy"`' in look("trained", case(said)).hint
    caught = claims(cell(1), cell(2, error=("KeyError", "'acc'")), fits=[raised], candidates=[candidate()])
    assert look("trained", case(caught)).hint == "Mend that call: without it the model has learnt nothing."


def test_a_fit_that_raised_after_an_epoch_still_trained_the_model() -> None:
    said = claims(fits=[fit(done=2, error="KeyboardInterrupt")], candidates=[candidate()])
    assert look("trained", case(said)).outcome is Outcome.PASSED


def test_a_fit_cut_short_in_its_first_epoch_is_told_with_the_limit() -> None:
    ending = Ending(cause=Cause.WALL_LIMIT, message="30 min were over")
    result = look("trained", case(claims(fits=[fit(done=0)]), ending=ending))
    assert result.reason == "`model.fit` in cell 2 did not finish its first epoch: 30 min were over"


@pytest.mark.parametrize(("epochs", "outcome"), [(5, Outcome.PASSED), (10, Outcome.FAILED)])
def test_suggested_epochs_compares_the_last_fit(epochs: int, outcome: Outcome) -> None:
    said = claims(fits=[fit(epochs=3), fit(epochs=epochs)])
    assert look("suggested_epochs", case(said), {"value": 5}).outcome is outcome


def test_suggested_epochs_says_when_training_stopped_early() -> None:
    result = look("suggested_epochs", case(claims(fits=[fit(epochs=50, done=7)])), {"value": 5})
    assert result.reason == "the last fit was asked for 50 epochs, 7 of them done; 5 are suggested"


def test_suggestions_look_at_the_model_that_was_taken() -> None:
    said = claims(fits=[fit(epochs=5), fit(model="other", epochs=9)], candidates=[candidate("model")])
    assert look("suggested_epochs", case(said), {"value": 5}).outcome is Outcome.PASSED


def test_suggestions_are_skipped_where_nothing_was_trained() -> None:
    result = look("suggested_epochs", case(claims(), NO_MODEL), {"value": 5})
    assert result.outcome is Outcome.SKIPPED
    assert "`trained` failed" in result.reason


@pytest.mark.parametrize(
    ("size", "value", "outcome"), [(128, 128, "passed"), (64, 128, "failed"), (None, 32, "passed")]
)
def test_suggested_batch_size_takes_keras_own_where_none_was_given(size: int | None, value: int, outcome: str) -> None:
    result = look("suggested_batch_size", case(claims(fits=[fit(batch_size=size)])), {"value": value})
    assert result.outcome == outcome


def test_the_default_batch_size_is_called_keras_own() -> None:
    result = look("suggested_batch_size", case(claims(fits=[fit(batch_size=None)])), {"value": 128})
    assert "batches of 32, which is Keras' own" in result.reason


def test_batches_made_by_a_data_set_are_no_reason_for_advice() -> None:
    streamed = fit(batch_size=None).model_copy(update={"x": ArraySummary(shape=(None, 150, 150, 3), dtype="float32")})
    assert look("suggested_batch_size", case(claims(fits=[streamed])), {"value": 20}).outcome is Outcome.PASSED


def plotted(*, validation: bool) -> Claims:
    shown = fit().model_copy(update={"validation": "data" if validation else "none"})
    return claims(cell(1), cell(2), drawing(3), fits=[shown])


def test_a_figure_after_the_last_fit_passes() -> None:
    result = look("history_plotted", case(plotted(validation=True)))
    assert (result.outcome, result.reason) == (Outcome.PASSED, "a figure was drawn in cell 3")


def test_a_figure_without_validation_data_keeps_half_of_the_points() -> None:
    assert look("history_plotted", case(plotted(validation=False))).points == 5


def test_validation_need_not_be_asked_for() -> None:
    assert look("history_plotted", case(plotted(validation=False)), {"validation": False}).points == 10


def test_validation_figures_in_the_history_count_as_validation() -> None:
    silent = fit().model_copy(update={"validation": "none", "history": {"loss": (1.0,), "val_loss": (1.0,)}})
    assert look("history_plotted", case(claims(drawing(2), fits=[silent]))).outcome is Outcome.PASSED


def test_figures_before_the_last_fit_show_no_history() -> None:
    result = look("history_plotted", case(claims(drawing(1), cell(2), fits=[fit(cell=2)])))
    assert result.outcome is Outcome.FAILED
    assert "no figure in cell 2" in result.reason


def test_a_fit_in_no_known_cell_lets_any_figure_count() -> None:
    assert look("history_plotted", case(claims(drawing(1), fits=[fit(cell=None)]))).outcome is Outcome.PASSED


def test_without_training_there_is_no_history() -> None:
    assert "nothing was fitted" in look("history_plotted", case(claims(drawing(1)))).reason


def test_the_builders_case_is_a_trained_one() -> None:
    assert TRAINED.fits[0].epochs_done == 5


@pytest.mark.parametrize(
    ("source", "framework"),
    [
        ("import torch\nclass Net(torch.nn.Module):\n    pass", "PyTorch"),
        (
            "from keras.datasets import mnist\nimport torch.nn as nn\nmodel = nn.Sequential(nn.Linear(784, 10))",
            "PyTorch",
        ),
        ("import tensorflow as tf\nx = tf.placeholder('float')\nsess = tf.Session()", "TensorFlow 1 without Keras"),
        ("from keras.datasets import mnist\nclf = MLPClassifier((64,))\nclf.fit(x, y)", "scikit-learn"),
        ("import jax.numpy as jnp", "JAX"),
    ],
)
def test_another_framework_is_named_where_there_is_no_keras_model(source: str, framework: str) -> None:
    result = look("model_found", case(claims(cell(1, source)), NO_MODEL))
    assert result.reason == f"no trained Keras model was found: this is {framework}"
    assert "keras.Sequential" in result.hint


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("model = keras.Sequential([])", "no cell calls `fit`"),
        (
            "def train(model):\n    model.fit(x, y)",
            "the function `train` in cell 1 calls `fit`, but nothing uses `train`",
        ),
        (
            "!pip install x\nclass Net:\n    def go(self):\n        Net.best = 3\n        self.model.fit(x)",
            "the class `Net` in cell 1 calls `fit`, but nothing uses `Net`",
        ),
    ],
)
def test_code_that_never_reaches_fit_is_told_why(source: str, why: str) -> None:
    assert why in look("model_found", case(claims(cell(1, source)), NO_MODEL)).reason


def test_a_fit_that_failed_in_a_module_is_not_told_as_one_that_nobody_calls() -> None:
    tried = fit(cell=1, done=0, error="ValueError: Data cardinality is ambiguous.")
    reason = look("model_found", case(claims(cell(1, "import mine\nmine.train()"), fits=[tried]), NO_MODEL)).reason
    assert reason == (
        "no trained model was found: `model.fit` failed in cell 1: ValueError: Data cardinality is ambiguous."
    )


def test_a_network_whose_fit_was_never_reached_is_told_what_failed_before_it() -> None:
    failed = cell(3, "model.fit(x_trian)", ("NameError", "name 'x_trian' is not defined"))
    result = look("trained", case(claims(cell(1, "x_train = 1"), failed, candidates=[candidate(fitted=False)])))
    assert result.reason == "`model` was never fitted: cell 3 failed"
    assert "did you mean `x_train`" in result.hint


def pixels(low: float, high: float) -> ArraySummary:
    return ArraySummary(shape=(60, 784), dtype="float64", low=low, high=high)


@pytest.mark.parametrize(
    ("learnt", "tried", "told"),
    [
        ((0, 1), (0, 255), True),
        ((0, 255), (0, 1), True),
        ((-1, 1), (0, 255), True),
        ((-0.42, 2.82), (0, 255), True),
        ((0, 1), (0, 1), False),
        ((-0.42, 2.82), (-0.42, 2.8), False),
        ((0, 1), (0, 0.9), False),
        ((0, 1), (0, 0), False),
    ],
)
def test_images_that_are_scaled_otherwise_than_those_that_the_network_learnt_from_are_noticed(
    learnt: tuple[float, float], tried: tuple[float, float], told: bool
) -> None:
    trained = fit().model_copy(update={"x": pixels(*learnt), "validation_x": pixels(*tried)})
    result = look("trained", case(claims(cell(2), fits=[trained], candidates=[candidate()])))
    assert (result.outcome, result.points) == (Outcome.PASSED, 10)
    assert ("prepare both alike" in result.hint) is told
    evaluated = Evaluation(cell=4, model="model", identity=1, x=pixels(*tried))
    said = claims(cell(2), fits=[fit().model_copy(update={"x": pixels(*learnt)})], candidates=[candidate()])
    hint = look("trained", case(said.model_copy(update={"evaluations": (evaluated,)}))).hint
    assert ("is evaluated on values" in hint and "prepare both alike" in hint) is told


def test_what_is_known_of_no_values_is_no_other_scale() -> None:
    trained = fit().model_copy(
        update={"x": pixels(0, 1), "validation_x": ArraySummary(shape=(6, 784), dtype="float64")}
    )
    assert look("trained", case(claims(cell(2), fits=[trained], candidates=[candidate()]))).hint == ""


def test_a_function_that_is_called_somewhere_is_not_blamed() -> None:
    said = claims(cell(1, "def train():\n    model.fit(x)"), cell(2, "train()"))
    assert "nothing uses" not in look("model_found", case(said, NO_MODEL)).reason


def test_the_hint_for_a_missing_model_is_that_of_the_first_error() -> None:
    failed = cell(3, "model.fit(x, y)", ("ValueError", "You must call `compile()` before using the model."))
    hint = look("model_found", case(claims(failed), NO_MODEL)).hint
    assert hint.startswith("Mend cell 3 first")
    assert "model.compile(" in hint


@pytest.mark.parametrize(
    ("optimizer", "rate", "told"), [("Adadelta", 0.001, True), ("Adadelta", 1.0, False), ("Adam", 0.001, False)]
)
def test_a_slow_adadelta_is_explained_and_costs_nothing(optimizer: str, rate: float, told: bool) -> None:
    trained = fit().model_copy(update={"optimizer": optimizer, "learning_rate": rate})
    result = look("trained", case(claims(cell(2), fits=[trained], candidates=[candidate()])))
    assert result.outcome is Outcome.PASSED
    assert ("learning_rate=1.0" in result.hint) is told


def test_a_network_that_was_trained_without_fit_is_trained_and_its_epochs_are_nobodys_to_see() -> None:
    loop = fit(cell=3, done=0).model_copy(update={"how": "own loop", "steps": 1200})
    said = claims(fits=[loop])
    assert look("trained", case(said)).reason == "`model` was trained without `fit`, in 1,200 steps in cell 3"
    assert look("trained", case(said)).outcome is Outcome.PASSED
    assert "its settings can't be seen" in look("suggested_epochs", case(said), {"value": 5}).reason


def by_hand(cell: int = 2) -> Fit:
    return fit(epochs=1, done=0, cell=cell).model_copy(update={"how": "own loop", "steps": 1407})


def test_every_check_means_the_same_by_training() -> None:
    looped = case(claims(cell(1), drawing(2), cell(3, error=("ValueError", "x")), fits=[by_hand()]))
    assert look("trained", looped).outcome is Outcome.PASSED
    plotted = look("history_plotted", looped)
    assert plotted.outcome is Outcome.PASSED
    assert "can't be seen" in plotted.reason
    ran = look("executes", looped)
    assert (ran.outcome, "the training itself ran" in ran.reason) == (Outcome.PARTIAL, True)
    epochs = look("suggested_epochs", looped, {"value": 5})
    assert epochs.reason == "the training was made without `fit`: its settings can't be seen"


def test_an_error_in_the_very_cell_of_a_loop_of_ones_own_may_have_cut_it_short() -> None:
    looped = case(claims(cell(1), cell(2, error=("ValueError", "x")), fits=[by_hand()]))
    assert look("executes", looped).outcome is Outcome.FAILED


def test_a_figure_that_was_left_out_here_costs_nothing_and_is_told() -> None:
    said = claims(cell(1), cell(2), cell(3), fits=[fit(cell=2)])
    assert look("history_plotted", case(said)).outcome is Outcome.FAILED
    result = look("history_plotted", case(said.model_copy(update={"undrawn": (1, 3)})))
    assert result.outcome is Outcome.PASSED
    assert "in cell 3 by a package that is not installed" in result.reason


def test_a_marimo_notebook_is_called_one() -> None:
    source = "import marimo\napp = marimo.App()\n@app.cell\ndef _():\n    model.fit(x, y)\n"
    result = look("trained", case(claims(cell(1, source)), NO_MODEL))
    assert "this is a marimo notebook" in result.reason
    assert "nothing uses `_`" not in result.reason
