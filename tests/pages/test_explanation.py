"""A network's numbers in words: each layer's size, its parameters, and a dense layer in its place."""

from typing import Any

import pytest

from grader.core.evidence import Architecture, Layer
from grader.pages import shapes
from grader.pages.shapes import MOST, explain_layers
from tests.pages.arithmetic import equations
from tests.pages.layers import a_convolution, a_layer, a_pooling, an_architecture


def a_network(*layers: Layer) -> Architecture:
    return Architecture(kind="Sequential", input_shape=(), output_shape=(), parameters=0, layers=layers)


def times_as_many(more: int, few: int) -> str:
    return shapes.times_as_many(more, few)


def told(*layers: Layer) -> Any:
    found = explain_layers(a_network(*layers))
    assert found is not None
    return found


def the_only(layer: Layer) -> Any:
    (found,) = told(layer).layers
    return found


def test_a_whole_network_is_explained_layer_by_layer() -> None:
    found = explain_layers(an_architecture())
    assert found is not None and found.slides and found.more == 0
    assert [layer.number for layer in found.layers] == [1, 2, 3, 4, 5, 7, 8]  # a Dropout has nothing to explain
    first, pooling, *_ = found.layers
    assert first.shapes == "28 × 28 × 1 → 26 × 26 × 24"
    assert first.size == (
        ("height and width: (28 - 3)/1 + 1 = 26", ""),
        ("channels: 24, one from each filter", ""),
    )
    assert first.parameters == "(3 · 3 · 1 + 1) · 24 = 240"
    assert first.dense == "(784 + 1) · 16,224 = 12,735,840, about 53,000 times as many"
    assert pooling.parameters == "none: it has nothing to learn"
    assert pooling.dense.endswith("where this layer needs none")
    assert found.layers[-1].parameters == "(128 + 1) · 10 = 1,290" and found.layers[-1].dense == ""


def test_every_equation_on_the_page_is_true() -> None:
    found = explain_layers(an_architecture())
    assert found is not None
    seen = 0
    for layer in found.layers:
        for text in (*(part for line in layer.size for part in line), layer.parameters, layer.dense):
            for sides in equations(text):
                seen += 1
                assert len(set(sides)) == 1, text
    assert seen == 4 + 1 + 4 + 4  # sizes, the row that Flatten makes, parameters, dense layers


def test_what_same_pads_is_worked_out() -> None:
    even = the_only(a_layer("Conv2D", "c", (28, 28, 1), (28, 28, 32), 320, **a_convolution(32, padding="same")))
    assert even.size[0] == (
        "height and width: (28 + 2·1 - 3)/1 + 1 = 28",
        "`same` asks for 28: (28 - 1) · 1 + 3 - 28 = 2 cells padded, 1 at each end, p = 1",
    )
    uneven = the_only(
        a_layer("MaxPooling2D", "p", (28, 27, 6), (28, 14, 6), **a_pooling(strides=[1, 2], padding="same"))
    )
    assert uneven.size[:2] == (
        (
            "height: (28 + 1 - 2)/1 + 1 = 28",
            "`same` asks for 28: (28 - 1) · 1 + 2 - 28 = 1 cell padded, unevenly: none before, 1 after",
        ),
        (
            "width: (27 + 1 - 2)/2 + 1 = 14",
            "`same` asks for ceil(27/2) = 14: (14 - 1) · 2 + 2 - 27 = 1 cell padded, unevenly: none before, 1 after",
        ),
    )
    none = the_only(a_layer("MaxPooling2D", "p", (28, 28, 6), (14, 14, 6), **a_pooling(padding="same")))
    assert none.size[0][1] == "`same` asks for ceil(28/2) = 14: (14 - 1) · 2 + 2 - 28 = 0, so nothing is padded"


def test_dilation_and_causal_padding_are_explain_layers() -> None:
    config = {"filters": 8, "kernel_size": [3], "strides": [1], "dilation_rate": [2], "padding": "causal"}
    layer = a_layer("Conv1D", "c", (30, 3), (30, 8), 80, **{**a_convolution(8), **config})
    line, note = the_only(layer).size[0]
    assert line == "length: (30 + 4 - 5)/1 + 1 = 30"
    assert "f = 2 · (3 - 1) + 1 = 5 cells" in note and "`causal` pads 4 cells" in note


def test_a_free_size_is_explained_in_words() -> None:
    layer = a_layer("Conv2D", "c", (None, 64, 3), (None, 62, 8), 224, **a_convolution(8))
    found = the_only(layer)
    assert found.size[0][0] == "height is free: m input cells give (m - 3)/1 + 1 output cells"
    assert found.size[1][0] == "width: (64 - 3)/1 + 1 = 62"
    assert found.dense.startswith("impossible")
    assert told(layer).saved == ""


def test_poolings_of_another_kind_and_transposed_convolutions_get_no_size_rule() -> None:
    transposed = a_layer("Conv2DTranspose", "t", (7, 7, 3), (9, 9, 32), 896, **a_convolution(32))
    adaptive = a_layer("AdaptiveMaxPooling2D", "a", (7, 7, 3), (3, 3, 3), output_size=[3, 3])
    whole = a_layer("GlobalAveragePooling2D", "g", (7, 6, 64), (64,), data_format="channels_last")
    found = told(transposed, adaptive, whole)
    assert not found.slides
    assert not any(equations(text) for layer in found.layers[:2] for line in layer.size for text in line)
    assert found.layers[0].parameters == "(3 · 3 · 3 + 1) · 32 = 896"
    assert found.layers[2].size[0][0] == "one number for each channel: the mean of its 7 · 6 = 42 cells"


def test_groups_and_normalisation_are_explain_layers() -> None:
    grouped = a_layer("Conv2D", "c", (9, 9, 32), (7, 7, 64), 9_280, **a_convolution(64, groups=2))
    assert the_only(grouped).parameters == "(3 · 3 · 16 + 1) · 64 = 9,280: each filter sees one of 2 groups of channels"
    normal = a_layer("BatchNormalization", "b", (7, 7, 32), (7, 7, 32), 128, axis=-1, scale=True, center=True)
    assert the_only(normal).parameters == (
        "4 · 32 = 128: for each channel a measured mean and variance, and a learnt scale and shift"
    )


def test_what_convolutions_save_is_said_in_one_sentence() -> None:
    found = explain_layers(an_architecture())
    assert found is not None
    dense = 785 * 26 * 26 * 24 + (13 * 13 * 24 + 1) * 11 * 11 * 48
    assert found.saved.startswith("The 2 convolutions of this network have 10,656 parameters. Dense layers ")
    assert f"{dense:,}, about 3,400 times as many" in found.saved
    one = told(an_architecture().layers[0])
    assert one.saved.startswith("The convolution of this network has 240 parameters. A dense layer ")
    assert told(an_architecture().layers[1]).saved == ""


@pytest.mark.parametrize(
    ("many", "few", "said"),
    [
        (12_735_840, 240, "about 53,000 times as many"),
        (47_313_340_928, 896, "about 53 million times as many"),
        (58_138_103_808, 18_496, "about 3.1 million times as many"),
        (7 * 10**12, 1_000, "about 7 billion times as many"),
        (390, 10, "about 39 times as many"),
        (1_000, 100, "about 10 times as many"),
        (24, 10, "2.4 times as many"),
        (101, 100, "hardly more"),
        (10, 10, "just as many"),
    ],
)
def test_a_ratio_is_said_with_two_digits(many: int, few: int, said: str) -> None:
    assert times_as_many(many, few) == said


def test_a_dense_layer_that_would_be_smaller_is_said_to_be() -> None:
    layer = a_layer("Conv2D", "c", (1, 1, 2), (1, 1, 4), 76, **a_convolution(4, padding="same"))
    assert the_only(layer).dense.startswith("(2 + 1) · 4 = 12, fewer")
    assert told(layer).saved == ""


def test_a_network_of_which_nothing_is_known_is_not_explain_layers() -> None:
    assert explain_layers(None) is None
    assert explain_layers(a_network(Layer(name="x", kind="Lambda"), Layer(name="y", kind="Conv2D"))) is None


def test_a_page_explains_a_bounded_number_of_layers_and_counts_the_others() -> None:
    found = told(*[an_architecture().layers[0]] * (MOST + 7))
    assert (len(found.layers), found.more) == (MOST, 7)
