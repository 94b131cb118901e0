"""LeNet-5, AlexNet, VGG-16 and ResNet-50 in full size: every layer against tables written from the papers, every count
against published ones, and VGG-16 and ResNet-50 against Keras' own. Nothing is trained."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.reference.loading import Shape, WhenUsed, layers_of, load_architecture, parameters_of, shapes_of

keras: Any = WhenUsed("keras")

LENET5_TABLE: dict[str, Shape] = {
    "C1": (28, 28, 6), "S2": (14, 14, 6), "C3": (10, 10, 16), "S4": (5, 5, 16), "C5": (1, 1, 120),
    "flatten": (120,), "F6": (84,), "output": (10,),
}  # fmt: skip
LENET5_CODE: dict[str, Shape] = {
    "C1": (28, 28, 6), "S2": (27, 27, 6), "C3": (23, 23, 16), "S4": (11, 11, 16), "C5": (7, 7, 120),
    "flatten": (5880,), "F6": (84,), "output": (10,),
}  # fmt: skip
ALEXNET: dict[str, Shape] = {
    "conv1": (55, 55, 96), "pool1": (27, 27, 96), "conv2": (27, 27, 256), "pool2": (13, 13, 256),
    "conv3": (13, 13, 384), "conv4": (13, 13, 384), "conv5": (13, 13, 256), "pool5": (6, 6, 256),
    "flatten": (9216,), "fc6": (4096,), "drop6": (4096,), "fc7": (4096,), "drop7": (4096,), "fc8": (1000,),
}  # fmt: skip
VGG16: dict[str, Shape] = {
    "block1_conv1": (224, 224, 64), "block1_conv2": (224, 224, 64), "block1_pool": (112, 112, 64),
    "block2_conv1": (112, 112, 128), "block2_conv2": (112, 112, 128), "block2_pool": (56, 56, 128),
    "block3_conv1": (56, 56, 256), "block3_conv2": (56, 56, 256), "block3_conv3": (56, 56, 256),
    "block3_pool": (28, 28, 256),
    "block4_conv1": (28, 28, 512), "block4_conv2": (28, 28, 512), "block4_conv3": (28, 28, 512),
    "block4_pool": (14, 14, 512),
    "block5_conv1": (14, 14, 512), "block5_conv2": (14, 14, 512), "block5_conv3": (14, 14, 512),
    "block5_pool": (7, 7, 512),
    "flatten": (25088,), "fc1": (4096,), "fc2": (4096,), "predictions": (1000,),
}  # fmt: skip
RESNET50_STAGES = (  # Table 1 of the paper: blocks, width and height, maps inside, maps at the end
    ("conv2", 3, 56, 64, 256), ("conv3", 4, 28, 128, 512), ("conv4", 6, 14, 256, 1024), ("conv5", 3, 7, 512, 2048),
)  # fmt: skip


@pytest.fixture(scope="module")
def lenet5() -> Any:
    return load_architecture("lenet5")


@pytest.fixture(scope="module")
def alexnet() -> Any:
    return load_architecture("alexnet").build()


@pytest.fixture(scope="module")
def vgg16() -> Any:
    return load_architecture("vgg16").build()


@pytest.fixture(scope="module")
def resnet50() -> Any:
    return load_architecture("resnet50").build()


def dense(inputs: int, units: int) -> int:
    return (inputs + 1) * units


def convolution(inputs: int, kernel: int, filters: int) -> int:
    return (kernel * kernel * inputs + 1) * filters


def test_lenet5_of_the_table_has_the_shapes_of_the_table(lenet5: Any) -> None:
    model = lenet5.build_table()
    assert model.input_shape == (None, 32, 32, 1)
    assert shapes_of(model) == LENET5_TABLE


def test_lenet5_of_the_code_has_the_shapes_that_its_strides_and_padding_give(lenet5: Any) -> None:
    model = lenet5.build_code()
    assert model.input_shape == (None, 28, 28, 1)
    assert shapes_of(model) == LENET5_CODE


def test_classic_lenet5_has_61706_parameters(lenet5: Any) -> None:
    model = lenet5.build_table()
    assert parameters_of(model) == {"C1": 156, "C3": 2416, "C5": 48120, "F6": 10164, "output": 850}
    assert model.count_params() == 61_706


def test_the_two_lenets_differ_in_the_parameters_of_one_dense_layer_and_by_49_times(lenet5: Any) -> None:
    table, code = parameters_of(lenet5.build_table()), parameters_of(lenet5.build_code())
    assert {name for name in table if table[name] != code[name]} == {"F6"}
    assert code["F6"] - 84 == 49 * (table["F6"] - 84) == 493_920  # 84 biases in both
    assert sum(code.values()) == 545_546


def test_lenet5_pools_by_averages_and_squashes_with_tanh(lenet5: Any) -> None:
    for model in (lenet5.build_table(), lenet5.build_code()):
        assert {type(model.get_layer(name)).__name__ for name in ("S2", "S4")} == {"AveragePooling2D"}
        assert {model.get_layer(name).activation.__name__ for name in ("C1", "C3", "C5", "F6")} == {"tanh"}


def test_alexnet_has_the_shapes_of_the_paper(alexnet: Any) -> None:
    assert alexnet.input_shape == (None, 227, 227, 3)
    assert shapes_of(alexnet) == ALEXNET


def test_ungrouped_alexnet_has_62378344_parameters(alexnet: Any) -> None:
    assert parameters_of(alexnet) == {
        "conv1": convolution(3, 11, 96), "conv2": convolution(96, 5, 256), "conv3": convolution(256, 3, 384),
        "conv4": convolution(384, 3, 384), "conv5": convolution(384, 3, 256),
        "fc6": dense(6 * 6 * 256, 4096), "fc7": dense(4096, 4096), "fc8": dense(4096, 1000),
    }  # fmt: skip
    assert alexnet.count_params() == 62_378_344


def test_alexnets_poolings_overlap_and_its_first_kernel_is_large_with_a_stride(alexnet: Any) -> None:
    pools = [alexnet.get_layer(name) for name in ("pool1", "pool2", "pool5")]
    assert {(tuple(pool.pool_size), tuple(pool.strides)) for pool in pools} == {((3, 3), (2, 2))}
    first = alexnet.get_layer("conv1")
    assert (tuple(first.kernel_size), tuple(first.strides)) == ((11, 11), (4, 4))


def test_two_groups_in_alexnet_would_give_what_its_docstring_says(alexnet: Any) -> None:
    kernels = [alexnet.get_layer(name).kernel.shape for name in ("conv2", "conv4", "conv5")]
    halves = sum(int(np.prod(shape)) // 2 for shape in kernels)
    assert f"{alexnet.count_params() - halves:,}" == "60,965,224"
    assert "60,965,224" in load_architecture("alexnet").__doc__


def test_vgg16_has_the_shapes_of_the_paper(vgg16: Any) -> None:
    assert vgg16.input_shape == (None, 224, 224, 3)
    assert shapes_of(vgg16) == VGG16
    assert vgg16.count_params() == 138_357_544


def test_vgg16_is_that_of_keras_weight_by_weight_and_gives_the_same_answer(vgg16: Any) -> None:
    theirs = keras.applications.VGG16(weights=None)
    assert describe(vgg16) == describe(theirs)
    assert theirs.count_params() == 138_357_544
    vgg16.set_weights(theirs.get_weights())
    same_answer(vgg16, theirs)


def test_resnet50_has_the_shapes_of_the_paper(resnet50: Any) -> None:
    assert resnet50.input_shape == (None, 224, 224, 3)
    assert shapes_of(resnet50) == dict(shapes_of_resnet50())


def test_resnet50_has_the_parameters_of_its_bottlenecks(resnet50: Any) -> None:
    counted = parameters_of(resnet50)
    inputs = 64
    for stage, blocks, _, inside, outside in RESNET50_STAGES:
        for number in range(1, blocks + 1):
            of_block = sum(count for name, count in counted.items() if name.startswith(f"{stage}_block{number}_"))
            assert of_block == bottleneck(inputs, inside, outside, projected=number == 1)
            inputs = outside
    assert resnet50.count_params() == 25_636_712


def test_resnet50_is_that_of_keras_weight_by_weight_and_gives_the_same_answer(resnet50: Any) -> None:
    theirs = keras.applications.ResNet50(weights=None)
    assert by_name(resnet50) == by_name(theirs)
    assert theirs.count_params() == 25_636_712
    for layer in layers_of(theirs):
        resnet50.get_layer(layer.name).set_weights(layer.get_weights())
    same_answer(resnet50, theirs)


def test_every_residual_block_adds_a_skip_and_only_the_first_of_a_stage_projects_it(resnet50: Any) -> None:
    for stage, blocks, _, _, _ in RESNET50_STAGES:
        for number in range(1, blocks + 1):
            block = f"{stage}_block{number}"
            skip = f"{block}_0_bn" if number == 1 else f"{stage}_block{number - 1}_out"
            assert inbound(resnet50.get_layer(f"{block}_add")) == [skip, f"{block}_3_bn"]


def shapes_of_resnet50() -> Iterator[tuple[str, Shape]]:
    """Every layer's shape, worked out from the rows of Table 1 of the paper."""
    yield "conv1_pad", (230, 230, 3)
    yield from ((f"conv1_{part}", (112, 112, 64)) for part in ("conv", "bn", "relu"))
    yield "pool1_pad", (114, 114, 64)
    yield "pool1_pool", (56, 56, 64)
    for stage, blocks, size, inside, outside in RESNET50_STAGES:
        for number in range(1, blocks + 1):
            narrow = ["1_conv", "1_bn", "1_relu", "2_conv", "2_bn", "2_relu"]
            wide = ["3_conv", "3_bn", "add", "out"] + (["0_conv", "0_bn"] if number == 1 else [])
            yield from ((f"{stage}_block{number}_{part}", (size, size, inside)) for part in narrow)
            yield from ((f"{stage}_block{number}_{part}", (size, size, outside)) for part in wide)
    yield "avg_pool", (2048,)
    yield "predictions", (1000,)


def bottleneck(inputs: int, inside: int, outside: int, *, projected: bool) -> int:
    """Convolutions with biases, each with the four numbers that batch normalisation keeps for a map."""
    way = convolution(inputs, 1, inside) + convolution(inside, 3, inside) + convolution(inside, 1, outside)
    skip = convolution(inputs, 1, outside) + 4 * outside if projected else 0
    return way + 4 * (inside + inside + outside) + skip


def describe(model: Any) -> list[tuple[str, Shape, list[Shape]]]:
    """Kind, output shape and weight shapes of each layer but the input, in order."""
    return [
        (type(layer).__name__, tuple(layer.output.shape[1:]), [tuple(weight.shape) for weight in layer.weights])
        for layer in layers_of(model)
    ]


def by_name(model: Any) -> dict[str, tuple[tuple[str, Shape, list[Shape]], list[str]]]:
    """What `describe` says of each layer, and the layers that it reads."""
    read = [
        ["input" if name == model.layers[0].name else name for name in inbound(layer)] for layer in layers_of(model)
    ]
    names = [layer.name for layer in layers_of(model)]
    return dict(zip(names, zip(describe(model), read, strict=True), strict=True))


def inbound(layer: Any) -> list[str]:
    return [parent.operation.name for node in layer._inbound_nodes for parent in node.parent_nodes]


def same_answer(ours: Any, theirs: Any) -> None:
    """With the same weights, both networks give the same probabilities for an image, and these are no constant."""
    image = np.random.default_rng(0).uniform(-1, 1, theirs.input_shape[1:]).astype("float32")[None]
    answer = np.asarray(theirs(image))
    assert answer.std() > 0
    np.testing.assert_allclose(np.asarray(ours(image)), answer, rtol=1e-5, atol=1e-8)
