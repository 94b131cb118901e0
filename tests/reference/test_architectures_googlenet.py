"""GoogLeNet against Table 1 of "Going deeper with convolutions", whose columns are typed in here as printed."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.reference.loading import Shape, load_architecture, parameters_of, shapes_of


class Row(NamedTuple):
    """One inception module: its name, width and height, maps out, filters, and what the paper prints for it."""

    name: str
    size: int
    depth: int
    one: int
    three_reduce: int
    three: int
    five_reduce: int
    five: int
    pool: int
    params: int  # in units of 1,024
    ops: int  # in millions


MODULES = (
    Row("3a", 28, 256, 64, 96, 128, 16, 32, 32, params=159, ops=128),
    Row("3b", 28, 480, 128, 128, 192, 32, 96, 64, params=380, ops=304),
    Row("4a", 14, 512, 192, 96, 208, 16, 48, 64, params=364, ops=73),
    Row("4b", 14, 512, 160, 112, 224, 24, 64, 64, params=437, ops=88),
    Row("4c", 14, 512, 128, 128, 256, 24, 64, 64, params=463, ops=100),
    Row("4d", 14, 528, 112, 144, 288, 32, 64, 64, params=580, ops=119),
    Row("4e", 14, 832, 256, 160, 320, 32, 128, 128, params=840, ops=170),
    Row("5a", 7, 832, 256, 160, 320, 32, 128, 128, params=1072, ops=54),
    Row("5b", 7, 1024, 384, 192, 384, 48, 128, 128, params=1388, ops=71),
)
INPUTS = dict(zip([row.name for row in MODULES], [192, *(row.depth for row in MODULES)], strict=False))

# Printed parameters over those of the row itself, in per cent, where they are further apart than one unit of 1,024.
PRINTED_OTHERWISE = {"4a": -0.7, "4c": -6.9, "4d": -1.8, "4e": -0.8, "5a": 5.3, "5b": -1.5}

for_each_module = pytest.mark.parametrize("row", MODULES, ids=[row.name for row in MODULES])


@pytest.fixture(scope="module")
def googlenet() -> Any:
    return load_architecture("googlenet").build()


def kernels(model: Any, *prefixes: str) -> int:
    """The weights, without biases, of the layers whose names begin with one of `prefixes`."""
    found = [layer for layer in model.layers if layer.name.startswith(prefixes) and layer.weights]
    return sum(layer.kernel.shape.num_elements() for layer in found)


def by_arithmetic(row: Row) -> int:
    """The weights of a module without biases, from its row and the maps that it is given."""
    given = INPUTS[row.name]
    reduced = given * (row.one + row.three_reduce + row.five_reduce + row.pool)
    return reduced + 9 * row.three_reduce * row.three + 25 * row.five_reduce * row.five


def test_every_layer_has_the_shape_of_the_table(googlenet: Any) -> None:
    assert googlenet.input_shape == (None, 224, 224, 3)
    assert shapes_of(googlenet) == dict(shapes_of_table())


def shapes_of_table() -> Iterator[tuple[str, Shape]]:
    """Every layer's shape, worked out from the rows of the table."""
    yield from {"conv1": (112, 112, 64), "pool1": (56, 56, 64), "conv2_reduce": (56, 56, 64)}.items()
    yield from {"conv2": (56, 56, 192), "pool2": (28, 28, 192)}.items()
    for row in MODULES:
        branches = {
            "1x1": row.one, "3x3_reduce": row.three_reduce, "3x3": row.three, "5x5_reduce": row.five_reduce,
            "5x5": row.five, "pool": INPUTS[row.name], "pool_1x1": row.pool, "output": row.depth,
        }  # fmt: skip
        yield from ((f"{row.name}_{part}", (row.size, row.size, maps)) for part, maps in branches.items())
    yield from {"pool3": (14, 14, 480), "pool4": (7, 7, 832)}.items()
    yield from {"pool5": (1024,), "dropout": (1024,), "linear": (1000,)}.items()


@for_each_module
def test_a_modules_weights_are_those_that_its_row_adds_up_to(googlenet: Any, row: Row) -> None:
    assert row.one + row.three + row.five + row.pool == row.depth
    weights = by_arithmetic(row)
    biases = row.depth + row.three_reduce + row.five_reduce
    assert kernels(googlenet, f"{row.name}_") == weights
    assert sum(n for name, n in parameters_of(googlenet).items() if name.startswith(f"{row.name}_")) == weights + biases


@for_each_module
def test_the_printed_parameters_are_the_rows_own_but_for_what_the_docstring_names(googlenet: Any, row: Row) -> None:
    units = kernels(googlenet, f"{row.name}_") / 1024
    if row.name in PRINTED_OTHERWISE:
        assert abs(row.params - units) > 1
        assert round(100 * (row.params / units - 1), 1) == PRINTED_OTHERWISE[row.name]
    else:
        assert abs(row.params - units) <= 1


@for_each_module
def test_the_printed_operations_are_the_rows_own_for_every_module_but_5a(googlenet: Any, row: Row) -> None:
    millions = kernels(googlenet, f"{row.name}_") * row.size**2 / 1e6
    if row.name == "5a":
        assert round(millions) == 51
        assert round(1024 * row.params * row.size**2 / 1e6) == row.ops  # both of its numbers are of another module
    else:
        assert abs(millions - row.ops) < 1  # some are rounded, some are cut off


def test_the_second_convolution_and_the_last_layer_have_exactly_what_is_printed(googlenet: Any) -> None:
    assert kernels(googlenet, "conv2") == 112 * 1024
    assert kernels(googlenet, "linear") == 1000 * 1024


def test_the_first_convolution_is_a_plain_one_while_the_table_counts_a_separable_one(googlenet: Any) -> None:
    assert kernels(googlenet, "conv1") == 7 * 7 * 3 * 64 == 9408
    assert parameters_of(googlenet)["conv1"] == 9408 + 64
    separable = 7 * 7 * 3 * 8 + 3 * 8 * 64
    assert f"{separable / 1000:.1f}" == "2.7"
    assert round(separable * 112**2 / 1e6) == 34  # the column "ops" of the same row


def test_all_in_all_there_are_as_many_parameters_as_in_the_published_model_without_its_auxiliary_classifiers(
    googlenet: Any,
) -> None:
    assert googlenet.count_params() == 6_998_552
    auxiliary = [
        maps * 128 + 128 + (4 * 4 * 128) * 1024 + 1024 + 1024 * 1000 + 1000 for maps in (512, 528)  # behind 4a and 4d
    ]  # fmt: skip
    assert auxiliary == [3_188_840, 3_190_888]
    assert googlenet.count_params() + sum(auxiliary) == 13_378_280  # the Caffe model with both of them
