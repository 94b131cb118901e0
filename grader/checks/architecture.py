"""Is the network built the way the exercise asks? Rests on the layers that the judge saw.

Layers are taken in the order of computation; those inside a model or another layer count like any others, and so do
operations that are no layers. The rules about convolutions stand in `convolution`.
"""

from collections import Counter
from collections.abc import Collection
from itertools import pairwise
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from grader.checks.check import Case, NoParameters, Score, check
from grader.checks.kinds import (
    ACTIVATION_LAYERS,
    DROPOUTS,
    GLOBAL_POOLINGS,
    NO_INFLUENCE,
    NORMALIZATIONS,
    PREPARATION,
    ActivationName,
    Kind,
    does_work_of,
    is_arithmetic,
    is_kind,
    is_operation,
    known_kind,
    listed,
    named,
    output_activation,
    quoted,
    some,
    without_influence,
    write_shape,
)
from grader.errors import Failure
from grader.evidence import Architecture, Layer, Value

ANY = (0, -1)
NEEDS = ("model_found",)


def _as_list(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else (value,)


class InputShape(Value):
    """`shapes`: the shapes that are accepted, without the batch axis."""

    shapes: Annotated[
        tuple[Annotated[tuple[Annotated[int, Field(ge=-1)], ...], Field(min_length=1)], ...], Field(min_length=1)
    ]


@check(parameters=InputShape, rests_on="facts", needs=NEEDS)
def input_shape(case: Case, parameters: InputShape) -> Score:
    """The input is what the exercise asks for.

    `shapes`: a list of accepted shapes without the batch axis, as in `[[784]]` or `[[-1, -1, 3]]`. 0 and -1 stand
    for any size. A model that leaves a size free fits any asked size, except for the last axis: channels must be right.
    """
    found = case.architecture.input_shape
    if any(_fits(found, shape) for shape in parameters.shapes):
        return Score(1.0, f"the input is {write_shape(found)}")
    wanted = [write_shape(None if size in ANY else size for size in shape) for shape in parameters.shapes]
    hint = f"Begin the model with an input of shape {wanted[0]} and give `fit` images of that shape"
    if len(found) == 2 and any(len(shape) == 3 for shape in parameters.shapes):
        hint += "; the channel axis is missing: `x.reshape(-1, height, width, 1)` adds it to grey images"
    raise Failure(f"the input is {write_shape(found)}, asked for is {listed(wanted, 'or')}", f"{hint}.")


def _fits(found: tuple[int | None, ...], wanted: tuple[int, ...]) -> bool:
    if len(found) != len(wanted):
        return False
    free = [False] * len(found) if len(found) == 1 else [size is None for size in found[:-1]] + [False]
    return all(want in ANY or may or size == want for size, want, may in zip(found, wanted, free, strict=True))


class OutputUnits(Value):
    """`units` and `activations` that are accepted, and whether raw `logits` are."""

    units: Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(_as_list), Field(min_length=1)]
    activations: dict[int, Annotated[tuple[ActivationName, ...], BeforeValidator(_as_list)]] = Field(
        default_factory=dict
    )
    logits: bool = False

    @field_validator("activations")
    @classmethod
    def _of_known_units(cls, value: dict[int, tuple[str, ...]], info: ValidationInfo) -> dict[int, tuple[str, ...]]:
        for units in value:
            if units not in info.data.get("units", value):
                raise ValueError(f"{units} is not among `units`")
        return value

    def accepted(self, units: int) -> tuple[str, ...]:
        """The activations that may stand after `units` units."""
        usual = ("sigmoid",) if units == 1 else ("softmax",)
        return (*self.activations.get(units, usual), *(("linear",) if self.logits else ()))


@check(parameters=OutputUnits, rests_on="facts", needs=NEEDS)
def output_units(case: Case, parameters: OutputUnits) -> Score:
    """The output has one unit for each class, and the right activation.

    `units`: how many units, a number or a list of accepted ones. `activations`: a table from units to one or more
    activations; without it 1 unit needs sigmoid, 2 and more need softmax. `logits = true` accepts a linear output
    too. The activation may be a layer of its own.
    """
    found = case.architecture.output_shape[-1] if case.architecture.output_shape else None
    activation = output_activation(case.architecture)
    if found is None or found not in parameters.units:
        wanted = listed([str(units) for units in parameters.units], "or")
        raise Failure(
            f"the output has {found} units, asked for is {wanted}", f"End with `Dense({parameters.units[0]})`."
        )
    accepted = parameters.accepted(found)
    units = "1 unit" if found == 1 else f"{found} units"
    if activation not in accepted:
        raise Failure(
            f"the output has {units} with {_worded(activation)}, asked for is {listed(list(accepted), 'or')}",
            f'End with `Dense({found}, activation="{accepted[0]}")`.',
        )
    return Score(1.0, f"the output has {units} with {_worded(activation)}")


def _worded(activation: str) -> str:
    return "no activation (linear)" if activation == "linear" else activation


class LayerKinds(Value):
    """`kinds`: class names of Keras layers."""

    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)]


@check(parameters=LayerKinds, rests_on="facts", needs=NEEDS)
def allowed_layers(case: Case, parameters: LayerKinds) -> Score:
    """Only the layers that the exercise allows are used.

    `kinds`: the allowed class names, as in `["Dense", "Dropout"]`. `InputLayer` and layers that only prepare or
    augment images (`Rescaling`, `Normalization`, `Resizing`, `RandomFlip` and the like) are always allowed, and so is
    arithmetic with single numbers (`x / 255`). Layers inside others (a wrapper, a `Pipeline`, an activation) are looked at
    too, and operations that are no layers (`keras.ops.conv`, or arithmetic with a tensor of constants) are not allowed.
    """
    allowed = PREPARATION | {*parameters.kinds}
    layers = case.architecture.layers
    names = {layer.name for layer in layers}
    others = [
        layer
        for layer in layers
        if not (layer.kind in allowed or is_arithmetic(layer) or _is_activation_of(layer, names))
    ]
    if others:
        hint = f"Use only {listed(list(parameters.kinds))}."
        if any(map(is_operation, others)):
            hint += " An operation that is no layer may compute with single numbers alone, as `x / 255` does."
        raise Failure(_of_kinds(others, "not among the allowed layers"), hint)
    return Score(1.0, f"the layers are {_counted(case.architecture)}")


def _is_activation_of(layer: Layer, names: Collection[str]) -> bool:
    """Whether it is what another layer applies at its end: `Dense(64, activation=LeakyReLU())` is a Dense layer."""
    return layer.kind in ACTIVATION_LAYERS and layer.name.rpartition("/")[0] in names


@check(parameters=LayerKinds, rests_on="facts", needs=NEEDS)
def forbidden_layers(case: Case, parameters: LayerKinds) -> Score:
    """No layers are used that the exercise rules out.

    `kinds`: the class names that must not occur, as in `["Conv2D", "LSTM"]`, neither inside other layers nor as an
    operation that does the same (`keras.ops.conv`).
    """
    found = [layer for layer in case.architecture.layers if any(does_work_of(layer, kind) for kind in parameters.kinds)]
    if found:
        raise Failure(_of_kinds(found, "ruled out by this exercise"), "Build the network without them.")
    return Score(1.0, f"the layers are {_counted(case.architecture)}")


def _of_kinds(layers: list[Layer], what: str) -> str:
    """The sentence "`conv2d` (Conv2D) and `lstm` (LSTM) are ..."."""
    words = some([f"{quoted(layer.name)} ({layer.kind})" for layer in layers])
    return f"{words} {'is' if len(layers) == 1 else 'are'} {what}"


def _counted(architecture: Architecture) -> str:
    counts = Counter(layer.kind for layer in architecture.layers if layer.kind != "InputLayer")
    return listed([f"{count} {kind}" for kind, count in counts.items()]) if counts else "none"


class RequiredLayers(Value):
    """`kinds`: class names of Keras layers; `at_least`: how many of each, by kind."""

    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)]
    at_least: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict, validate_default=True)

    @field_validator("at_least", mode="before")
    @classmethod
    def _by_kind(cls, value: object, info: ValidationInfo) -> object:
        """One number for all kinds, or a table for some of them; 1 for the others."""
        kinds = info.data.get("kinds", ())
        if not isinstance(value, dict):
            return dict.fromkeys(kinds, value)
        for kind in value:
            if known_kind(kind) not in kinds:
                raise ValueError(f"`{kind}` is not among `kinds`")
        return {**dict.fromkeys(kinds, 1), **value}


@check(parameters=RequiredLayers, rests_on="facts", needs=NEEDS)
def required_layers(case: Case, parameters: RequiredLayers) -> Score:
    """The layers that the exercise asks for are there.

    `kinds`: the class names that must occur; a separable or depthwise convolution is a convolution. `at_least`: how many
    of each (default 1), one number or a table, as in `at_least = {Conv2D = 2}`. A layer that the network's answers do not
    depend on (its output is multiplied by zero, or goes nowhere) does not count.
    """
    missing, useless = [], []
    for kind, wanted in parameters.at_least.items():
        found = [layer for layer in case.layers if is_kind(layer, kind)]
        if len(found) < wanted:
            has = f"the model has {len(found)} ({named(found)})" if found else "the model has none"
            idle = without_influence([layer for layer in case.architecture.layers if is_kind(layer, kind)], found)
            has += f" that its answers depend on: {named(idle)} could be left out" if idle else ""
            missing.append(f"{wanted} {kind} {'layer is' if wanted == 1 else 'layers are'} asked for, {has}")
            useless += idle
    if missing:
        raise Failure("; ".join(missing), NO_INFLUENCE if useless else "Add what is missing to the model.")
    return Score(1.0, f"the layers are {_counted(case.architecture)}")


@check(parameters=NoParameters, rests_on="facts", needs=NEEDS)
def units_decrease(case: Case, parameters: NoParameters) -> Score:
    """Dense layers never get wider towards the output.

    From the first to the last, no Dense layer has more units than the one before it. No parameters.
    """
    dense = _dense(case)
    for before, after in pairwise(dense):
        if _units(after) > _units(before):
            raise Failure(
                f"`{after.name}` has {_units(after)} units after {_units(before)} in `{before.name}`",
                "Let each Dense layer have at most as many units as the one before it: it sums up what that one found.",
            )
    return Score(1.0, f"the units are {' → '.join(str(_units(layer)) for layer in dense)}")


@check(parameters=NoParameters, rests_on="facts", needs=NEEDS)
def dropout_before_last_dense(case: Case, parameters: NoParameters) -> Score:
    """There is a Dropout layer before the last Dense layer.

    "Before the last Dense layer" is read in two ways, and both count: directly before the output layer, or before the
    Dense layer that precedes it (Flatten, Dropout, Dense, Dense). Activations, normalisation, Flatten and global
    pooling may stand in between. A rate of 0 drops nothing and does not count. No parameters.
    """
    layers = case.layers
    dense = _dense(case)
    for target in reversed(dense[-2:]):
        found = _dropout_before(layers, layers.index(target))
        if found is not None:
            rate = found.config.get("rate")
            return Score(1.0, f"`{found.name}`{f' (rate {rate:g})' if rate else ''} stands before `{target.name}`")
    dropouts = [layer for layer in layers if layer.kind in DROPOUTS]
    where = f"; there is {named(dropouts)} elsewhere or with rate 0" if dropouts else ", and none elsewhere"
    raise Failure(
        f"no Dropout stands before {listed([f'`{layer.name}`' for layer in reversed(dense[-2:])], 'or')}{where}",
        f"Put `Dropout(0.5)` directly before `{dense[-1].name}`. Before the Dense layer that precedes it counts too.",
    )


def _dropout_before(layers: tuple[Layer, ...], index: int) -> Layer | None:
    between: Collection[str] = ACTIVATION_LAYERS | NORMALIZATIONS | GLOBAL_POOLINGS | {"Flatten", "Reshape", "Identity"}
    for layer in reversed(layers[:index]):
        if layer.kind in DROPOUTS and layer.config.get("rate") != 0:
            return layer
        if not (layer.kind in between or layer.kind in DROPOUTS or is_operation(layer)):
            return None
    return None


def _dense(case: Case) -> tuple[Layer, ...]:
    found = tuple(layer for layer in case.layers if layer.kind == "Dense")
    if not found:
        raise Failure("there is no Dense layer in the model", "End the network with a Dense layer.")
    return found


def _units(layer: Layer) -> int:
    return int(layer.config.get("units") or (layer.output_shape or (0,))[-1] or 0)
