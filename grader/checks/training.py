"""Is there a trained model, and was it trained the way the exercise suggests?

That a model is there is a fact: the judge described it. That it was fitted is the kernel's word, and so are epochs,
batch sizes and figures; few points should hang on them.
"""

from typing import Annotated

from pydantic import Field

from grader.checks.base import Case, NoParameters, Score, check
from grader.checks.cell_and_line import Places
from grader.checks.execution import one_line, plain_error, trainings, write_error
from grader.checks.hints import PLAIN, hint_for, other_framework, why_no_training
from grader.checks.layers import quoted, some
from grader.core.errors import Failure, Infrastructure
from grader.core.evidence import ArraySummary, Cause, Cell, Claims, Evidence, Fit, Value
from grader.core.text import joined

KERAS_BATCH_SIZE = 32  # what fit takes where it is given none
NOT_KNOWN = "whether a training took place is not known"
UNREAD = "Leave out what changes files or objects of the grader; if nothing does, tell your instructor."
OTHER_SCALE = 20  # times as large: pixels from 0 to 255 and those that were divided, by whatever is usual
SLOW_ADADELTA = 0.0011  # Keras 3's default is 0.001, as float32 tells it


@check(parameters=NoParameters, rests_on="facts")
def model_found(case: Case, parameters: NoParameters) -> Score:
    """A Keras model was found and could be read.

    The run left a model, and the judge could describe its layers. No parameters. Other checks need this one.
    """
    return Score(1.0, _require_model(case))


# Rests on claims although half of it is a fact: one forged record of a fit is enough to pass the other half.
@check(parameters=NoParameters, rests_on="claims", covers=("model_found",))
def trained(case: Case, parameters: NoParameters) -> Score:
    """A model was trained.

    A model was found (as in `model_found`), and a call of `fit` finished at least one epoch, or `train_on_batch` or a
    loop of one's own changed its weights. No parameters.
    """
    _require_model(case)
    claims, places = case.evidence.claims, Places.of(case.evidence)
    fits, chosen = fits_of_chosen(claims), claims.taken
    done = trainings(fits)
    fitted = [fit for fit in done if fit.how == "fit"]
    if fitted:
        epochs = sum(fit.epochs_done for fit in fitted)
        where = places.in_cell(fitted[-1].cell)
        remarks = [_slow(fitted[-1]), _scaled_otherwise(fitted[-1], claims)]
        told = f"`{fitted[-1].model}` was fitted for {_epochs(epochs)}{where}"
        if case.evidence.facts.handed_in_network is not None:
            asked = sum(fit.epochs for fit in fitted)
            told = f"the code asks for {_epochs(asked)} of `{fitted[-1].model}`; in its short run it made {epochs:,}{where}"
        return Score(1.0, told, joined(remarks))
    if done:
        steps = sum(fit.steps or 0 for fit in done)
        return Score(
            1.0, f"`{done[-1].model}` was trained without `fit`, in {steps:,} steps{places.in_cell(done[-1].cell)}"
        )
    if not fits and claims.problem:
        raise Failure(f"{NOT_KNOWN}: {one_line(claims.problem).rstrip('.')}", UNREAD)
    if not fits:
        name = f"`{chosen.name}`" if chosen else "the model"
        others = sorted({quoted(fit.model) for fit in claims.fits})
        failed = next((cell for cell in claims.cells if cell.error is not None), None)
        if failed is not None and not others:
            raise Failure(
                f"{name} was never fitted: {places.of_error(failed)} failed", _first_error(places, case.asked)
            )
        why = why_no_training(places)
        more = f", only {some(others)}" if others else f": {why}" if why else ""
        raise Failure(f"{name} was never fitted{more}", f"Call `fit` on {name} with the training images and labels.")
    last = fits[-1]
    if last.error:
        remedy = "Mend that call: without it the model has learnt nothing."
        raise Failure(_failed(last, places), f"{remedy} {_hint_of(last, places, case.asked)}".strip())
    ending = case.evidence.facts.ending
    why = "" if ending.cause is Cause.FINISHED else f": {ending.message}"
    raise Failure(
        f"`{last.model}.fit`{places.in_cell(last.cell)} did not finish its first epoch{why}",
        "Use a smaller network or smaller images, so that an epoch fits into the time there is.",
    )


def _failed(fit: Fit, places: Places) -> str:
    cell = _cell_of_error(fit, places)
    error = write_error(cell.error) if cell is not None and cell.error is not None else plain_error(fit.error or "")
    return f"`{fit.model}.fit` failed{places.in_cell(fit.cell)}: {error}"


def _cell_of_error(fit: Fit, places: Places) -> Cell | None:
    """The cell that failed by the error that `fit` ended with; None where its cell failed for another reason."""
    cell = next((cell for cell in places.cells if cell.number == fit.cell), None)
    if cell is None or cell.error is None or fit.error is None or not fit.error.startswith(cell.error.name):
        return None
    return cell


def _hint_of(fit: Fit, places: Places, asked: str) -> str:
    """What can be done about the error that `fit` ended with."""
    cell = _cell_of_error(fit, places)
    if cell is None:
        return ""
    hint = hint_for(cell, places, asked)
    return "" if hint in PLAIN else hint


def _slow(fit: Fit) -> str:
    """A word on Adadelta's rate, which is not repaired: it would be another training."""
    if fit.optimizer != "Adadelta" or fit.learning_rate is None or fit.learning_rate > SLOW_ADADELTA:
        return ""
    return (
        "`Adadelta` learns with a rate of 0.001 unless told otherwise; in the Keras of older examples it was 1.0. Write "
        '`Adadelta(learning_rate=1.0)`, or take `"adam"`.'
    )


def _scaled_otherwise(fit: Fit, claims: Claims) -> str:
    """A word on images that a network is tried on and that are scaled otherwise than those that it learnt from."""
    learnt, validated = fit.x, fit.validation_x
    evaluated = [item.x for item in claims.evaluations if item.identity == fit.identity]
    if learnt is not None and validated is not None and _other_scale(learnt, validated):
        return (
            f"`{fit.model}` learns from values from {learnt.low:g} to {learnt.high:g}, and validates with values from "
            f"{validated.low:g} to {validated.high:g}: prepare both alike, as in `x_train / 255.0` and `x_test / 255.0`."
        )
    for other in evaluated:
        if learnt is not None and other is not None and _other_scale(learnt, other):
            return (
                f"`{fit.model}` learns from values from {learnt.low:g} to {learnt.high:g}, and is evaluated on values from "
                f"{other.low:g} to {other.high:g}: prepare both alike, as in `x_train / 255.0` and `x_test / 255.0`."
            )
    return ""


def _other_scale(one: ArraySummary, two: ArraySummary) -> bool:
    """Whether the values of two arrays lie so far apart that they were divided by different numbers, or one by none."""
    if one.low is None or one.high is None or two.low is None or two.high is None:
        return False
    first, second = (max(abs(each.low or 0.0), abs(each.high or 0.0)) for each in (one, two))
    return min(first, second) > 0 and max(first, second) > OTHER_SCALE * min(first, second)


def _require_model(case: Case) -> str:
    """What the judge found, in words. Failure where it found nothing, Infrastructure where that is our fault."""
    evidence = case.evidence
    judgement, ending, claims = evidence.facts.judgement, evidence.facts.ending, evidence.claims
    if judgement.architecture is not None and judgement.outcome in ("judged", "described"):
        found = judgement.architecture
        return f"a {found.kind} model with {len(found.layers)} layers and {found.parameters:,} parameters"
    if ending.cause is Cause.INFRASTRUCTURE:
        raise Infrastructure(ending.message)
    if judgement.outcome == "refused":
        raise Failure(
            f"a model was saved, but it could not be judged: {judgement.reason}",
            "Build it from Keras' own layers, with one input and one output.",
        )
    framework = other_framework(claims.cells)
    if framework:
        raise Failure(
            f"no trained Keras model was found: this is {framework}",
            "The exercise is to be done in Keras: build the network with `keras.Sequential`, then `compile` and `fit` it.",
        )
    raise Failure(f"no trained model was found: {_why_none(evidence)}", _first_error(Places.of(evidence), case.asked))


def _why_none(evidence: Evidence) -> str:
    """Why no model was saved: the recorder's words, the networks that were passed over, or how the run ended."""
    claims, ending = evidence.claims, evidence.facts.ending
    passed_over = [f"{quoted(item.name)} ({one_line(item.reason)})" for item in claims.candidates if not item.taken]
    reasons = []
    if claims.problem:
        reasons.append(one_line(claims.problem).rstrip("."))
    if ending.cause is not Cause.FINISHED:
        reasons.append(f"the run ended early: {ending.message.rstrip('.')}")
    if passed_over:
        reasons.append(f"there is {some(passed_over)}")
    failed = next((fit for fit in claims.fits if fit.error), None)
    if failed is not None and not trainings(claims.fits):
        reasons.append(_failed(failed, Places.of(evidence)))
    elif ending.cause is Cause.FINISHED and not claims.problem and claims.cells and not claims.fits:
        reasons.append(why_no_training(Places.of(evidence)))
    return (
        "; ".join(filter(None, reasons))
        or evidence.facts.judgement.reason
        or "the code builds no Keras model and calls no `fit`"
    )


def _first_error(places: Places, asked: str) -> str:
    failed = next((cell for cell in places.cells if cell.error is not None), None)
    if failed is None or failed.error is None:
        return "Build a Keras model, compile it and call `fit`, at the top level."
    hint = hint_for(failed, places, asked)
    return f"Mend {places.of_error(failed)} first: it failed with {failed.error.name}, and what follows may need it. {hint}"


def fits_of_chosen(claims: Claims) -> tuple[Fit, ...]:
    """The fits of the model that was taken.

    Fits and candidates are matched by name. A model that was taken as fitted but goes by another name in the
    records (its own, not the variable's) gets all fits rather than none.
    """
    chosen = claims.taken
    if chosen is None:
        return claims.fits
    own = tuple(fit for fit in claims.fits if fit.model == chosen.name)
    return own or (claims.fits if chosen.fitted else ())


def _epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count:,} epochs"


class Suggested(Value):
    """`value`: the number that the exercise suggests."""

    value: Annotated[int, Field(ge=1)]


@check(parameters=Suggested, rests_on="claims", needs=("trained",))
def suggested_epochs(case: Case, parameters: Suggested) -> Score:
    """The number of epochs is the suggested one.

    `value`: how many epochs the exercise suggests. Looks at the last fit of the model. Meant as advice (`points = 0`).
    """
    last = _last_fit(case)
    whole = last.epochs_done == last.epochs or case.evidence.cut_short
    stopped = "" if whole else f", {last.epochs_done} of them done"
    if last.epochs != parameters.value:
        raise Failure(
            f"the last fit was asked for {_epochs(last.epochs)}{stopped}; {parameters.value} are suggested",
            f"`fit(..., epochs={parameters.value})` is enough for this exercise. Other numbers are allowed.",
        )
    return Score(1.0, f"{_epochs(last.epochs)}, as suggested{stopped}")


@check(parameters=Suggested, rests_on="claims", needs=("trained",))
def suggested_batch_size(case: Case, parameters: Suggested) -> Score:
    """The batch size is the suggested one.

    `value`: the batch size the exercise suggests. Looks at the last fit of the model; where `fit` was given none,
    Keras takes 32. Meant as advice (`points = 0`).
    """
    last = _last_fit(case)
    if last.batch_size is None and last.x is not None and last.x.shape[:1] == (None,):
        return Score(1.0, "the batches are made by the data set, where their size can't be seen")
    size = last.batch_size or KERAS_BATCH_SIZE
    given = "" if last.batch_size else ", which is Keras' own where `fit` is given none"
    if size != parameters.value:
        raise Failure(
            f"the last fit used batches of {size}{given}; {parameters.value} is suggested",
            f"Try `fit(..., batch_size={parameters.value})`. Other sizes are allowed.",
        )
    return Score(1.0, f"batches of {size}, as suggested{given}")


def _last_fit(case: Case) -> Fit:
    """The last training with `fit`. Failure where its settings can't be seen."""
    done = trainings(fits_of_chosen(case.evidence.claims))
    fits = [fit for fit in done if fit.how == "fit"]
    if not fits:
        raise Failure(
            f"{'the training was made' if done else 'nothing was fitted'} without `fit`: its settings can't be seen"
        )
    return fits[-1]


class HistoryPlotted(Value):
    """`validation`: whether the history must hold validation figures for full points."""

    validation: bool = True


@check(parameters=HistoryPlotted, rests_on="claims")
def history_plotted(case: Case, parameters: HistoryPlotted) -> Score:
    """The training history is plotted.

    A figure stands in the cell of the last training or in a later one; what it shows is for people to see. One that a
    package was to draw which is not installed counts too. With `validation = true` (the default) a fit must have been given
    validation data, else half of the points are kept; what a training without `fit` validates on can't be seen.
    """
    claims, places = case.evidence.claims, Places.of(case.evidence)
    done = trainings(claims.fits)
    if not done and claims.problem:
        raise Failure(f"{NOT_KNOWN}: {one_line(claims.problem).rstrip('.')}", UNREAD)
    if not done:
        raise Failure("nothing was fitted, so there is no history to plot", "Train a model first.")
    since = max(fit.cell or 0 for fit in done)
    drawn = [cell.number for cell in claims.cells if any(output.png for output in cell.outputs)]
    figure = next((f"a figure was drawn{places.in_cell(number)}" for number in drawn if number >= since), "")
    left_out = next((number for number in sorted(claims.undrawn) if number >= since), None)
    if not figure and left_out is not None:
        figure = (
            f"a figure was to be drawn{places.in_cell(left_out)} by a package that is not installed where notebooks are "
            "graded"
        )
    if not figure:
        absent = "there is no figure" if places.file else "there is no figure in any cell"
        if since and not places.file:
            absent = f"there is no figure in cell {since}, where the last training is, or after it"
        raise Failure(
            absent,
            "Keep `history = model.fit(...)` and draw `history.history['loss']` and `['accuracy']` with "
            "`plt.plot(...)`, then `plt.show()`.",
        )
    if any(fit.how != "fit" for fit in done):
        return Score(1.0, f"{figure}; what a training without `fit` validates on can't be seen")
    if parameters.validation and not any(_validated(fit) for fit in done):
        return Score(
            0.5,
            f"{figure}, but `fit` was given no validation data to draw beside the training",
            "Add `validation_data=(x_test, y_test)` or `validation_split=0.1` to `fit`, and draw both curves.",
        )
    return Score(1.0, figure)


def _validated(fit: Fit) -> bool:
    return fit.validation != "none" or any(key.startswith("val_") for key in fit.history)
