"""Are the convolutions built the way the exercise asks? Rests on the layers that the judge saw, in their order."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from grader.checks.architecture import NEEDS
from grader.checks.check import Case, NoParameters, Score, check
from grader.checks.kinds import (
    CONVOLUTIONS,
    GLOBAL_POOLINGS,
    NO_INFLUENCE,
    POOLINGS,
    listed,
    named,
    quoted,
    sizes,
    some,
)
from grader.errors import Failure
from grader.evidence import Layer, Value

WITH_FILTERS = ("Conv2D", "SeparableConv2D")
PADDING_LAYERS = ("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D")


def _convolutions(case: Case, kinds: tuple[str, ...] = tuple(sorted(CONVOLUTIONS))) -> tuple[Layer, ...]:
    convolutions = [layer for layer in case.layers if layer.kind in CONVOLUTIONS]
    found = tuple(layer for layer in convolutions if layer.kind in kinds)
    if not found:
        _require_influence(case, convolutions)
        others = convolutions
        what = (
            f"no convolution with filters of its own, only {named(others)}" if others else "no convolution in the model"
        )
        raise Failure(f"there is {what}", "Add Conv2D layers.")
    return found


def _require_influence(case: Case, convolutions: list[Layer]) -> None:
    """Raise Failure where there is a convolution in the model, and none that its answers depend on."""
    there = [layer for layer in case.architecture.layers if layer.kind in CONVOLUTIONS]
    if there and not convolutions:
        raise Failure(
            f"there is no convolution that the model's answers depend on: {named(there)} could be left out",
            NO_INFLUENCE,
        )


def _rank(layer: Layer) -> int:
    return next((rank for rank in (1, 2, 3) if f"{rank}D" in layer.kind), 2)


def _strides(layer: Layer) -> tuple[int, ...]:
    return sizes(layer.config.get("strides", 1), rank=_rank(layer))


@check(parameters=NoParameters, rests_on="facts", needs=NEEDS)
def filters_increase(case: Case, parameters: NoParameters) -> Score:
    """Convolutions get more filters with depth.

    No Conv2D (or SeparableConv2D) has fewer filters than the one before it, and with two or more of them the number
    grows at least once. No parameters.
    """
    layers = _convolutions(case, WITH_FILTERS)
    filters = [int(layer.config["filters"]) for layer in layers]
    hint = "Start with few filters and take more in deeper blocks, as in 32, 64, 128: the maps get smaller meanwhile."
    for before, after in pairwise(layers):
        few, many = int(after.config["filters"]), int(before.config["filters"])
        if few < many:
            raise Failure(f"`{after.name}` has {few} filters after {many} in `{before.name}`", hint)
    if len(filters) >= 2 and filters[0] == filters[-1]:
        raise Failure(f"all {len(filters)} convolutions have {filters[0]} filters", hint)
    return Score(1.0, f"the filters are {' → '.join(str(count) for count in filters)}")


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
    wrong = [layer for layer in layers if sizes(layer.config["kernel_size"]) not in parameters.sizes]
    if wrong:
        found = some([f"{quoted(layer.name)} has {_written(sizes(layer.config['kernel_size']))}" for layer in wrong])
        first = ", ".join(str(size) for size in parameters.sizes[0])
        raise Failure(f"{found}; asked for is {listed(accepted, 'or')}", f"Write `kernel_size=({first})`.")
    used = sorted({_written(sizes(layer.config["kernel_size"])) for layer in layers})
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
        if layer.kind in POOLINGS | GLOBAL_POOLINGS or (layer.kind in CONVOLUTIONS and max(_strides(layer)) > 1):
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
        f"{quoted(layer.name)} has strides {_written(_strides(layer))}" for layer in layers if max(_strides(layer)) > 1
    ]
    padding = [layer for layer in case.layers if layer.kind in PADDING_LAYERS]
    found += [f"{quoted(layer.name)} adds padding" for layer in padding]
    if found:
        raise Failure(some(found), "Leave out `padding=` and `strides=`: Keras' defaults are what is asked for.")
    return Score(1.0, "no convolution has padding or strides")
