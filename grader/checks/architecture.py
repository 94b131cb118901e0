"""Is the network built the way the exercise asks? Rests on the layers that the judge saw.

Layers are taken in the order of computation; those inside a model or another layer count like any others, and so do
operations that are not layers. `expected_layers` says which layers a rubric's checks ask for; by them one of several saved
networks is chosen (`judge.choose_network`). A new check that asks for layers is added there as well.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from grader.checks.base import Case, NoParameters, Planned, Score, check
from grader.checks.family import FAMILIES, KNOWN, Family, recognise
from grader.checks.layers import (
    ACTIVATION_LAYERS,
    CONVOLUTIONS,
    DROPOUTS,
    FORMS,
    GLOBAL_POOLINGS,
    NO_INFLUENCE,
    NORMALIZATIONS,
    POOLINGS,
    PREPARATION,
    ActivationName,
    Kind,
    does_work_of,
    is_arithmetic,
    is_kind,
    is_operation,
    kernel,
    known_kind,
    listed,
    named,
    output_activation,
    quoted,
    some,
    strides,
    without_influence,
    write_shape,
)
from grader.core.errors import Failure
from grader.core.evidence import Architecture, Layer, Value
from grader.core.text import did_you_mean

ANY = (0, -1)
NEEDS = ("model_found",)
WITH_FILTERS = ("Conv2D", "SeparableConv2D")
PADDING_LAYERS = ("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")


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
    units = _units(found)
    if found is None or found not in parameters.units:
        first = parameters.units[0]
        raise Failure(
            f"the output has {units} with {_worded(activation)}, asked for is {_wanted_output(parameters)}",
            f'End with `Dense({first}, activation="{parameters.accepted(first)[0]}")`.',
        )
    accepted = parameters.accepted(found)
    if activation not in accepted:
        raise Failure(
            f"the output has {units} with {_worded(activation)}, asked for is {listed(list(accepted), 'or')}",
            f'End with `Dense({found}, activation="{accepted[0]}")`.',
        )
    return Score(1.0, f"the output has {units} with {_worded(activation)}")


def asked_of_network(planned: Iterable[Planned]) -> str:
    """In a sentence what a rubric asks of a network's input and output; "" where it asks nothing of them."""
    wanted = []
    for item in planned:
        if isinstance(item.parameters, InputShape):
            wanted.append(f"an input of {_wanted_input(item.parameters)}")
        elif isinstance(item.parameters, OutputUnits):
            wanted.append(f"{_wanted_output(item.parameters)} at the end")
    return f"The exercise asks for {listed(wanted)}." if wanted else ""


def _wanted_input(parameters: InputShape) -> str:
    shapes = [write_shape(None if size in ANY else size for size in shape) for shape in parameters.shapes]
    return listed(shapes, "or")


def _wanted_output(parameters: OutputUnits) -> str:
    wanted = [f"{_units(each)} with {listed(list(parameters.accepted(each)), 'or')}" for each in parameters.units]
    return listed(wanted, "or")


def _units(count: int | None) -> str:
    return "1 unit" if count == 1 else "any number of units" if count is None else f"{count} units"


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
            hint += " An operation that is not a layer may compute with single numbers alone, as `x / 255` does."
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
    units = [int(layer.config.get("units") or (layer.output_shape or (0,))[-1] or 0) for layer in dense]
    hint = "Let each Dense layer have at most as many units as the one before it: it sums up what that one found."
    return _in_order(dense, units, "units", hint, growing=False)


def _in_order(layers: Sequence[Layer], sizes: Sequence[int], what: str, hint: str, *, growing: bool) -> Score:
    """Full points where no layer is larger (smaller, if `growing`) than the one before it. Raises Failure elsewhere."""
    for (before, old), (after, new) in pairwise(zip(layers, sizes, strict=True)):
        if (new < old) if growing else (new > old):
            raise Failure(f"`{after.name}` has {new} {what} after {old} in `{before.name}`", hint)
    return Score(1.0, f"the {what} are {' → '.join(map(str, sizes))}")


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


def _convolutions(case: Case, kinds: Collection[str] = CONVOLUTIONS) -> tuple[Layer, ...]:
    """The convolutions of these kinds that the model's answers depend on. Raises Failure where there is none."""
    there = [layer for layer in case.architecture.layers if layer.kind in CONVOLUTIONS]
    convolutions = [layer for layer in case.layers if layer.kind in CONVOLUTIONS]
    if there and not convolutions:
        reason = f"there is no convolution that the model's answers depend on: {named(there)} could be left out"
        raise Failure(reason, NO_INFLUENCE)
    if not convolutions:
        raise Failure("there is no convolution in the model", "Add Conv2D layers.")
    found = tuple(layer for layer in convolutions if layer.kind in kinds)
    if not found:
        reason = f"there is no convolution with filters of its own, only {named(convolutions)}"
        raise Failure(reason, "Add Conv2D layers.")
    return found


@check(parameters=NoParameters, rests_on="facts", needs=NEEDS)
def filters_increase(case: Case, parameters: NoParameters) -> Score:
    """Convolutions get more filters with depth.

    No Conv2D (or SeparableConv2D) has fewer filters than the one before it, and with two or more of them the number
    grows at least once. No parameters.
    """
    layers = _convolutions(case, WITH_FILTERS)
    filters = [int(layer.config["filters"]) for layer in layers]
    hint = "Start with few filters and take more in deeper blocks, as in 32, 64, 128: the maps get smaller meanwhile."
    score = _in_order(layers, filters, "filters", hint, growing=True)
    if len(filters) >= 2 and filters[0] == filters[-1]:
        raise Failure(f"all {len(filters)} convolutions have {filters[0]} filters", hint)
    return score


class KernelSize(Value):
    """`sizes`: the kernel sizes that are accepted, height and width."""

    sizes: Annotated[
        tuple[tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]], ...], Field(min_length=1)
    ] = ((3, 3),)


@check(parameters=KernelSize, rests_on="facts", needs=NEEDS)
def kernel_size(case: Case, parameters: KernelSize) -> Score:
    """The convolutions' kernels have the size that the exercise asks for.

    `sizes`: a list of accepted sizes, as in `[[3, 3]]` (the default), for Conv2D and SeparableConv2D.
    """
    layers = _convolutions(case, WITH_FILTERS)
    accepted = [_written(size) for size in parameters.sizes]
    wrong = [layer for layer in layers if kernel(layer) not in parameters.sizes]
    if wrong:
        found = some([f"{quoted(layer.name)} has {_written(kernel(layer))}" for layer in wrong])
        first = ", ".join(str(size) for size in parameters.sizes[0])
        raise Failure(f"{found}; asked for is {listed(accepted, 'or')}", f"Write `kernel_size=({first})`.")
    used = sorted({_written(kernel(layer)) for layer in layers})
    return Score(1.0, f"the kernels are {listed(used)}")


def _written(size: tuple[int, ...]) -> str:
    return " x ".join(str(number) for number in size)


class Pooling(Value):
    """`last_free`: whether the last block may go without, where one before it is pooled."""

    last_free: bool = False


@check(parameters=Pooling, rests_on="facts", needs=NEEDS)
def pooling_after_convolution(case: Case, parameters: Pooling) -> Score:
    """Convolutions are followed by pooling.

    Each block of convolutions, one or several, is followed by a pooling layer before the next Flatten, Dense or the
    output. Activations, normalisation and dropout may stand in between. A convolution with strides of 2 or more pools
    its own block, and global pooling counts for the last one. `last_free = true` lets the last block go without where one
    before it is pooled, as in LeNet-5.
    """
    convolutions = _convolutions(case)
    blocks = _unpooled_blocks(case.layers)
    pooled = sum(map(len, blocks)) < len(convolutions)
    if parameters.last_free and pooled and len(blocks) == 1 and blocks[0][-1] is convolutions[-1]:
        return Score(1.0, f"all convolutions but the last, `{convolutions[-1].name}`, are pooled, as in LeNet-5")
    unpooled = [layer for block in blocks for layer in block]
    if unpooled:
        raise Failure(
            f"{named(unpooled)} {'is' if len(unpooled) == 1 else 'are'} not followed by pooling before the dense part",
            "The rule: every convolution, or block of convolutions, is followed by a pooling layer before the next "
            f"Flatten or Dense. Put `MaxPooling2D((2, 2))` after `{unpooled[-1].name}`.",
        )
    count = len(convolutions)
    return Score(1.0, "the convolution is pooled" if count == 1 else f"all {count} convolutions are pooled")


def _unpooled_blocks(layers: Iterable[Layer]) -> list[list[Layer]]:
    """The blocks of convolutions that reach the dense part, or the end, without a pooling."""
    found: list[list[Layer]] = []
    block: list[Layer] = []
    for layer in layers:
        if layer.kind in CONVOLUTIONS:
            block.append(layer)
        if layer.kind in POOLINGS | GLOBAL_POOLINGS or (layer.kind in CONVOLUTIONS and max(strides(layer)) > 1):
            block = []
        elif layer.kind in ("Dense", "Flatten") and block:
            found.append(block)
            block = []
    return [*found, block] if block else found


@check(parameters=NoParameters, rests_on="facts", needs=NEEDS)
def no_padding_or_stride(case: Case, parameters: NoParameters) -> Score:
    """Convolutions use neither padding nor strides.

    Every convolution has `padding="valid"` and strides of 1, and there is no ZeroPadding layer. No parameters.
    """
    layers = _convolutions(case)
    found = [
        f'{quoted(layer.name)} has padding="{layer.config["padding"]}"'
        for layer in layers
        if layer.config.get("padding", "valid") != "valid"
    ]
    found += [
        f"{quoted(layer.name)} has strides {_written(strides(layer))}" for layer in layers if max(strides(layer)) > 1
    ]
    padding = [layer for layer in case.layers if layer.kind in PADDING_LAYERS]
    found += [f"{quoted(layer.name)} adds padding" for layer in padding]
    if found:
        raise Failure(some(found), "Leave out `padding=` and `strides=`: Keras' defaults are what is asked for.")
    return Score(1.0, "no convolution has padding or strides")


def _known_family(word: str) -> str:
    if word not in FAMILIES:
        raise ValueError(f"`{word}` is not the name of a family{did_you_mean(word, FAMILIES)}")
    return word


FamilyName = Annotated[str, AfterValidator(_known_family)]


class InspiredBy(Value):
    """`families`: the names of the families that are accepted."""

    families: Annotated[tuple[FamilyName, ...], Field(min_length=1)]


@check(parameters=InspiredBy, rests_on="facts", needs=NEEDS)
def inspired_by(case: Case, parameters: InspiredBy) -> Score:
    """The network takes after a known architecture.

    `families`: the accepted ones, of `lenet`, `alexnet`, `vgg`, `inception`, `resnet`, `plain`, `custom` and `mlp`.
    """
    found = recognise(case.architecture)
    said = f"{found.title}: {found.reason}"
    if found.name in parameters.families:
        return Score(1.0, said)
    raise Failure(said, _hint(found, parameters.families))


def _hint(found: Family, accepted: tuple[str, ...]) -> str:
    """What the nearest family would need where that one is accepted, else what the accepted ones are."""
    if found.nearest in accepted:
        return f"The nearest is {KNOWN[found.nearest].title}. What it would need: {found.missing}."
    return f"Accepted is {listed([f'{KNOWN[name].title} ({KNOWN[name].about})' for name in accepted], 'or')}."


@dataclass(frozen=True, kw_only=True)
class ExpectedLayers:
    """Kinds of layers: how many of each are required, which are ruled out, and (None: all) which are allowed.

    `any_of`: groups of which one is enough.
    """

    required: Mapping[str, int] = field(default_factory=dict)
    forbidden: frozenset[str] = frozenset()
    allowed: frozenset[str] | None = None
    any_of: tuple[tuple[str, frozenset[str]], ...] = ()

    def faults(self, kinds: Iterable[str]) -> tuple[str, ...]:
        """What a network with layers of these kinds has against it, in words that follow "it"."""
        counts = Counter(kinds)
        found = []
        for kind, wanted in self.required.items():
            there = sum(counts[form] for form in (kind, *FORMS.get(kind, ())))
            if there < wanted:
                found.append(f"has {there or 'no'} {kind}{f' of {wanted}' if there else ''}")
        found += [f"has no {name}" for name, group in self.any_of if not group & counts.keys()]
        wrong = [kind for kind in counts if kind in self.forbidden]
        if self.allowed is not None:
            wrong += [kind for kind in counts if kind not in self.allowed | PREPARATION and kind not in wrong]
        if wrong:
            found.append(f"has {listed(wrong)}, which this exercise does not want")
        return tuple(found)


def expected_layers(planned: Iterable[Planned]) -> ExpectedLayers:
    """What the checks of a rubric say about layers."""
    required: dict[str, int] = {}
    forbidden: frozenset[str] = frozenset()
    allowed: frozenset[str] | None = None
    any_of: list[tuple[str, frozenset[str]]] = []
    for item in planned:
        if isinstance(item.parameters, RequiredLayers):
            required |= item.parameters.at_least
        elif item.check.name == "forbidden_layers" and isinstance(item.parameters, LayerKinds):
            forbidden |= frozenset(item.parameters.kinds)
        elif item.check.name == "allowed_layers" and isinstance(item.parameters, LayerKinds):
            kinds = frozenset(item.parameters.kinds)
            allowed = kinds if allowed is None else allowed & kinds
        elif item.check.name == "dropout_before_last_dense":
            any_of.append(("Dropout", DROPOUTS))
        elif item.check.name in ("kernel_size", "filters_increase") and not required.keys() & CONVOLUTIONS:
            any_of.append(("convolution", CONVOLUTIONS))
    return ExpectedLayers(required=required, forbidden=forbidden, allowed=allowed, any_of=tuple(any_of))
