"""What a network resembles: on the real architectures, on near misses, and on descriptions that make no sense."""

import ast
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.checks.family import FAMILIES, KNOWN, MOST_LAYERS, Family, recognise
from grader.checks.layers import KINDS
from grader.core.errors import RubricError
from grader.core.evidence import Architecture, Layer
from grader.core.results import Outcome
from grader.course.course import Course
from grader.judge.worker import describe_model
from tests.checks.builders import built, conv, dense, layer, look, model, perceptron, planned, pool
from tests.reference.loading import WhenUsed, load_architecture

keras: Any = WhenUsed("keras")
layers: Any = WhenUsed("keras.layers")

ROOT = Path(__file__).parents[2]
SCHOOLS = ["lenet", "alexnet", "vgg", "inception", "resnet"]
FLATTEN, OUT = layer("Flatten", "flatten"), dense(1, "dense", "sigmoid")


def described(network: Any) -> Architecture:
    """A Keras model as it arrives from the judge."""
    return Architecture.model_validate(json.loads(json.dumps(describe_model(network))))


def of(*row: Layer) -> Family:
    return recognise(model(*row))


class TestKnownArchitectures:
    @pytest.mark.parametrize(
        ("file", "build", "family"),
        [
            ("lenet5", "build_table", "lenet"),
            ("lenet5", "build_code", "lenet"),
            ("alexnet", "build", "alexnet"),
            ("vgg16", "build", "vgg"),
            ("googlenet", "build", "inception"),
            ("resnet50", "build", "resnet"),
        ],
    )
    def test_the_reference_architectures_are_recognised(self, file: str, build: str, family: str) -> None:
        assert recognise(described(getattr(load_architecture(file), build)())).name == family

    @pytest.mark.parametrize("size", [64, 128])
    @pytest.mark.parametrize(
        ("file", "family"), [*zip(["lenet5", "alexnet", "vgg16", "googlenet", "resnet50"], SCHOOLS, strict=True)]
    )
    def test_so_are_their_small_relatives(self, file: str, size: int, family: str) -> None:
        assert recognise(described(load_architecture(file).build_small(size))).name == family

    @pytest.mark.parametrize(
        ("name", "size", "family", "words"),
        [
            ("VGG16", 32, "vgg", "5 blocks of 2, 2, 3, 3 and 3 stacked 3 × 3 convolutions, each ended by pooling"),
            ("VGG19", 32, "vgg", "64 → 128 → 256 → 512 → 512 filters"),
            ("ResNet50", 32, "resnet", "16 skips around convolutions; the first, `conv2_block1_add`, adds "),
            (
                "ResNet50V2",
                32,
                "resnet",
                "`conv2_block1_0_conv`, a projection, to `conv2_block1_3_conv`, 3 convolutions",
            ),
            ("InceptionV3", 75, "inception", "`mixed0`, joins 4 branches with kernels of 1 × 1, 3 × 3 and 5 × 5"),
            ("MobileNet", 32, "vgg", "each ended by pooling or strides"),
            ("MobileNetV2", 32, "resnet", "10 skips around convolutions; the first, `block_2_add`"),
            ("Xception", 71, "resnet", "12 skips around convolutions"),
            (
                "DenseNet121",
                32,
                "custom",
                "earlier maps beside what 2 convolutions made of them, as DenseNet and U-Net do",
            ),
        ],
    )
    def test_the_networks_of_keras_are_recognised(self, name: str, size: int, family: str, words: str) -> None:
        network = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), classes=2)
        found = recognise(described(network))
        assert found.name == family
        assert words in found.reason

    @pytest.mark.parametrize(("exercise", "family"), [("exercise1", "mlp"), ("exercise2", "lenet"), ("pets", "vgg")])
    def test_the_reference_solutions_are_what_their_texts_call_them(self, exercise: str, family: str) -> None:
        assert recognise(described(reference_solution(exercise))).name == family


def reference_solution(exercise: str) -> Any:
    """The untrained network of a reference solution: only the statements that build it are run."""
    tree = ast.parse((ROOT / "reference" / exercise / "solution.py").read_text(encoding="utf-8"))
    wanted = {"SIZE", "augmentation", "model", "convolution"}
    tree.body = [
        statement
        for statement in tree.body
        if (isinstance(statement, ast.FunctionDef) and statement.name in wanted)
        or (isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) in wanted)
    ]
    names: dict[str, Any] = {"keras": keras, "layers": layers}
    exec(compile(tree, exercise, "exec"), names)
    return names["model"]


class TestRows:
    """Networks without branches."""

    def test_pairs_of_convolution_and_pooling_before_dense_layers_are_like_lenet(self) -> None:
        found = of(conv(8, "a"), pool(), conv(16, "b"), pool(), FLATTEN, OUT)
        assert (found.name, found.title) == ("lenet", "LeNet-like")
        assert found.reason == "2 pairs of convolution and pooling (`a` and `b`); then 1 dense layer (`dense`)"

    def test_one_convolution_may_stand_without_a_pooling_of_its_own_as_in_lenet_5(self) -> None:
        assert of(conv(8), pool(), conv(16), pool(), conv(32), FLATTEN, OUT).name == "lenet"
        assert of(conv(8), pool(), conv(16), conv(16), pool(), FLATTEN, OUT).name == "lenet"
        assert of(conv(8), pool(), conv(16), conv(16), conv(16), pool(), FLATTEN, OUT).name == "plain"

    def test_lenet_ends_with_dense_layers(self) -> None:
        found = of(conv(8), pool(), conv(16), pool(), conv(1), layer("GlobalAveragePooling2D"))
        assert (found.name, found.nearest, found.missing) == ("plain", "lenet", "dense layers at the end")

    def test_four_pairs_are_more_than_few_and_lack_the_stacks_of_vgg(self) -> None:
        pairs = [part for filters in (32, 64, 128, 128) for part in (conv(filters, f"conv{filters}"), pool())]
        found = of(layer("Rescaling"), *pairs, FLATTEN, dense(512), OUT)
        assert (found.name, found.nearest) == ("plain", "vgg")
        assert "4 convolutions (`conv32`, `conv64`, `conv128` and 1 more) without branches, 4 stages" in found.reason
        assert found.missing == (
            "two blocks or more in which pooling follows on two or more 3 × 3 convolutions (there is none)"
        )

    def test_a_single_pair_lacks_another_for_lenet(self) -> None:
        found = of(conv(8), pool(), FLATTEN, OUT)
        assert (found.name, found.nearest) == ("plain", "lenet")
        assert found.missing == "two or three pairs of convolution and pooling (there is 1)"

    def test_a_single_block_is_no_vgg(self) -> None:
        found = of(conv(32, "a"), conv(32), pool(), conv(64), pool(), conv(64), pool(), conv(64), pool(), FLATTEN, OUT)
        assert (found.name, found.nearest) == ("plain", "vgg")
        assert found.missing.endswith("(there is one, from `a`)")

    def test_two_blocks_with_growing_filters_are_like_vgg(self) -> None:
        found = of(conv(8, "a"), conv(8), pool(), conv(16, "b"), conv(16), conv(16), pool(), FLATTEN, OUT)
        assert found.name == "vgg"
        assert found.reason == (
            "2 blocks of 2 and 3 stacked 3 × 3 convolutions, each ended by pooling (from `a` and `b`); 8 → 16 filters"
        )

    @pytest.mark.parametrize("filters", [(8, 8), (16, 8), (8, 32, 16)])
    def test_blocks_whose_filters_do_not_grow_are_no_vgg(self, filters: tuple[int, ...]) -> None:
        found = of(*(part for count in filters for part in (conv(count), conv(count), pool())), FLATTEN, OUT)
        assert (found.name, found.nearest, found.missing) == ("plain", "vgg", "more filters from block to block")

    def test_kernels_of_1_by_1_may_stand_in_a_block_and_larger_ones_may_not(self) -> None:
        def blocks(size: int) -> list[Layer]:
            third = (size, size)
            return [conv(8), conv(8), conv(8, kernel=third), pool(), conv(16), conv(16), conv(16, kernel=third), pool()]

        assert of(*blocks(1), FLATTEN, OUT).reason.startswith("2 blocks of 2 and 2 stacked")
        assert of(*blocks(5), FLATTEN, OUT).name == "plain"

    def test_a_block_must_be_ended_by_pooling(self) -> None:
        assert of(conv(8), conv(8), pool(), conv(16), conv(16), FLATTEN, OUT).name == "plain"
        assert of(conv(8), conv(8), pool(), conv(16), conv(16), layer("GlobalMaxPooling2D"), OUT).name == "vgg"

    def test_strides_take_the_part_of_pooling(self) -> None:
        found = of(conv(8), conv(8, strides=(2, 2)), conv(16), conv(16, strides=(2, 2)), FLATTEN, OUT)
        assert found.name == "vgg"
        assert "each ended by pooling or strides" in found.reason
        assert of(conv(8, strides=(2, 2)), conv(16, strides=(2, 2)), FLATTEN, OUT).name == "lenet"

    def test_what_is_no_convolution_and_no_pooling_is_looked_through(self) -> None:
        between = [layer(kind) for kind in ("BatchNormalization", "Activation", "Dropout", "ZeroPadding2D")]
        block = [conv(8), *between, conv(8), *between, pool()]
        wider = [conv(16), *between, conv(16), *between, pool()]
        assert of(layer("RandomFlip"), layer("Rescaling"), *block, *wider, FLATTEN, OUT).name == "vgg"

    def test_a_separable_convolution_is_a_convolution(self) -> None:
        def separable(filters: int) -> Layer:
            return layer("SeparableConv2D", "sep", {"filters": filters, "kernel_size": [3, 3], "strides": [1, 1]})

        row = [separable(8), separable(8), pool(), separable(16), separable(16), pool()]
        assert of(*row, FLATTEN, OUT).name == "vgg"

    def test_a_large_first_kernel_and_overlapping_pooling_are_like_alexnet(self) -> None:
        found = of(conv(32, "a", (11, 11), (4, 4)), overlapping("p"), conv(64, kernel=(5, 5)), conv(64), FLATTEN, OUT)
        assert found.name == "alexnet"
        assert found.reason == (
            "`a` begins with kernels of 11 × 11 in strides of 4; "
            "the pooling overlaps: `p` pools 3 × 3 in strides of 2; 3 convolutions"
        )

    def test_without_overlapping_pooling_it_is_no_alexnet(self) -> None:
        found = of(
            conv(32, "a", (7, 7), (2, 2)), pool(), conv(64, kernel=(5, 5)), pool(), conv(64), pool(), FLATTEN, OUT
        )
        assert (found.name, found.nearest) == ("plain", "alexnet")
        assert found.missing == "overlapping pooling, as in `MaxPooling2D((3, 3), strides=2)`"

    def test_without_a_large_first_kernel_it_is_no_alexnet(self) -> None:
        row = [conv(32, kernel=(5, 5)), overlapping(), conv(64, kernel=(7, 7)), overlapping(), conv(64), conv(64)]
        found = of(*row, conv(64), overlapping(), FLATTEN, OUT)
        assert (found.name, found.nearest, found.missing) == ("plain", "alexnet", "a first kernel of 7 × 7 or more")

    def test_two_convolutions_are_too_few_for_alexnet(self) -> None:
        found = of(conv(32, kernel=(7, 7)), overlapping(), conv(64), overlapping(), FLATTEN, OUT)
        assert (found.name, found.nearest, found.missing) == ("plain", "alexnet", "3 convolutions or more")

    def test_a_window_that_moves_by_one_pixel_is_not_alexnets_overlap(self) -> None:
        slow = layer("MaxPooling2D", "p", {"pool_size": [2, 2], "strides": [1, 1]})
        assert of(conv(32, kernel=(7, 7)), slow, conv(64), conv(64), FLATTEN, OUT).name == "plain"

    def test_without_a_convolution_it_is_a_perceptron(self) -> None:
        found = recognise(perceptron())
        assert (found.name, found.title) == ("mlp", "multi-layer perceptron")
        assert found.reason == "2 dense layers (`dense` and `dense_1`) and no convolution"

    def test_a_recurrent_network_is_no_perceptron(self) -> None:
        recurrent = Layer(name="lstm", kind="LSTM", parameters=100)
        assert of(recurrent, OUT).name == "custom"
        assert of(layer("Flatten")).name == "custom"


def overlapping(name: str = "max_pooling2d") -> Layer:
    return layer("MaxPooling2D", name, {"pool_size": [3, 3], "strides": [2, 2], "padding": "valid"})


def convolve(filters: int, kernel: int = 3) -> Any:
    return layers.Conv2D(filters, kernel, padding="same", activation="relu")


def head(maps: Any) -> Any:
    return layers.Dense(1)(layers.Flatten()(maps))


def halved(image: Any, *filters: int) -> Any:
    for count in filters:
        image = layers.MaxPooling2D()(convolve(count)(image))
    return image


def with_metadata(image: Any) -> Any:
    maps = layers.GlobalAveragePooling2D()(halved(image, 8, 16))
    return layers.Dense(1)(layers.Concatenate()([maps, layers.Dense(4)(layers.Flatten()(image))]))


def with_dense_branches(image: Any) -> Any:
    flat = layers.Flatten()(halved(image, 8, 16))
    return layers.Dense(1)(layers.Add()([layers.Dense(8)(flat), layers.Dense(8)(flat)]))


def doubled(image: Any) -> Any:
    maps = halved(image, 8, 16)
    return head(layers.Add()([maps, maps]))


def with_flat_detour(image: Any) -> Any:
    maps = layers.Dense(4)(layers.Flatten()(halved(image, 8, 16)))
    return layers.Dense(1)(layers.Add()([maps, layers.Dense(4)(layers.Flatten()(image))]))


def gated(image: Any) -> Any:
    maps = halved(convolve(8)(image), 8)
    gate = layers.Conv2D(8, 1, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(maps))
    maps = layers.Multiply()([layers.Conv2D(8, 1)(maps), gate])
    return head(halved(convolve(16)(maps), 16))


def skipping(image: Any) -> Any:
    maps = convolve(8)(image)
    return head(layers.Add(name="sum")([maps, convolve(8)(convolve(8)(maps))]))


def skipping_twice_as_strongly(image: Any) -> Any:
    maps = convolve(8)(image)
    onward = convolve(8)(maps)
    return head(layers.Add()([maps, onward, onward]))


def skipping_with_plus(image: Any) -> Any:
    maps = convolve(8)(image / 255.0)
    return head(layers.ReLU()(keras.ops.relu(convolve(8)(maps)) + maps))


def projecting(image: Any) -> Any:
    maps = convolve(8)(image)
    return head(layers.Add()([convolve(16, 1)(maps), convolve(16)(maps)]))


def skipping_an_inner_model(image: Any) -> Any:
    inside = keras.Input((16, 16, 8))
    block = keras.Model(inside, convolve(8)(convolve(8)(inside)), name="block")
    maps = halved(image, 8)
    return head(layers.Add()([maps, block(maps)]))


def with_inner_branches(image: Any) -> Any:
    branches = [keras.Sequential([convolve(8, 1), layers.ReLU()]), keras.Sequential([convolve(8), convolve(8)])]
    maps = convolve(8)(image)
    return head(layers.Concatenate()([branch(maps) for branch in branches]))


def fire(image: Any) -> Any:
    maps = convolve(8, 1)(image)
    return head(layers.Concatenate()([convolve(8, 1)(maps), convolve(8)(maps)]))


def dense_block(image: Any) -> Any:
    maps = layers.MaxPooling2D(3, strides=2)(layers.Conv2D(8, 7, strides=2)(image))
    maps = layers.Concatenate()([maps, convolve(8)(convolve(8)(maps))])
    return head(layers.Concatenate()([maps, convolve(8)(convolve(8)(maps))]))


def unet(image: Any) -> Any:
    maps = convolve(8)(image)
    return head(convolve(8)(layers.Concatenate()([maps, layers.UpSampling2D()(halved(maps, 16))])))


def unet_with_convolved_skip(image: Any) -> Any:
    maps = convolve(8)(image)
    back = layers.Conv2DTranspose(8, 2, strides=2)(halved(maps, 16))
    return head(convolve(8)(layers.Concatenate()([convolve(8, 1)(maps), back])))


def stacked_in_space(image: Any) -> Any:
    return head(layers.Concatenate(axis=1)([convolve(8, 1)(image), convolve(8)(image)]))


def towers(image: Any) -> Any:
    return layers.Dense(1)(layers.Concatenate()([layers.Flatten()(halved(image, 8, 16)) for _ in range(2)]))


def summed_kernels(image: Any) -> Any:
    return head(layers.Add()([convolve(8)(image), convolve(8, 5)(image)]))


def summed_towers(image: Any) -> Any:
    return head(layers.Add()([halved(image, 8, 16) for _ in range(2)]))


class TestBranches:
    @pytest.mark.parametrize(
        ("build", "family"),
        [
            (with_metadata, "lenet"),
            (with_dense_branches, "lenet"),
            (with_flat_detour, "lenet"),
            (doubled, "lenet"),
            (gated, "vgg"),
            (skipping, "resnet"),
            (skipping_twice_as_strongly, "resnet"),
            (skipping_with_plus, "resnet"),
            (projecting, "resnet"),
            (skipping_an_inner_model, "resnet"),
            (with_inner_branches, "inception"),
            (fire, "inception"),
            (dense_block, "custom"),
            (unet, "custom"),
            (unet_with_convolved_skip, "custom"),
            (stacked_in_space, "custom"),
            (towers, "custom"),
            (summed_kernels, "custom"),
            (summed_towers, "custom"),
        ],
    )
    def test_what_meets_where_decides(self, build: Callable[[Any], Any], family: str) -> None:
        assert self.recognised(build).name == family

    @staticmethod
    def recognised(build: Callable[[Any], Any]) -> Family:
        image = keras.Input((32, 32, 3))
        return recognise(described(keras.Model(image, build(image))))

    def test_a_skip_is_told_with_what_it_adds(self) -> None:
        assert self.recognised(skipping).reason.startswith("1 skip around convolutions; the first, `sum`, adds `conv2d")
        assert self.recognised(skipping).reason.endswith(", 2 convolutions further on")
        assert "`, a projection, to `" in self.recognised(projecting).reason

    def test_the_plus_between_layers_is_told_by_the_judge_with_what_it_adds(self) -> None:
        image = keras.Input((32, 32, 3))
        found = {item.kind: item for item in described(keras.Model(image, skipping_with_plus(image))).layers}
        convolutions = [item.name for item in found.values() if item.kind == "Conv2D"]
        assert found["Add"].inputs[0] in convolutions
        assert len(set(found["Add"].inputs)) == 2
        assert found["ReLU"].inputs == (found["Add"].name,)
        assert found["Add"].parameters == 0

    def test_what_enters_an_inner_model_is_told_by_the_judge(self) -> None:
        image = keras.Input((32, 32, 3))
        found = described(keras.Model(image, skipping_an_inner_model(image))).layers
        pooled = next(item.name for item in found if item.kind == "MaxPooling2D")
        assert next(item.inputs for item in found if item.name.startswith("block/")) == (pooled,)

    def test_evidence_that_does_not_say_what_enters_an_inner_model_is_read_in_order(self) -> None:
        inner = layer("InputLayer", "block/input")
        block = Layer(name="block/b", kind="Conv2D", config=conv(8).config, inputs=("block/input",))
        added = Layer(name="sum", kind="Add", inputs=("a", "block"), output_shape=(8, 8, 8))
        assert of(layer("InputLayer", "image"), conv(8, "a"), inner, block, added, FLATTEN, OUT).name == "resnet"

    @pytest.mark.parametrize(
        ("skips", "family", "beside"),
        [(1, "inception", "(and 1 additive skip)"), (2, "resnet", "(and 1 concatenation of parallel convolutions)")],
    )
    def test_the_more_frequent_of_skips_and_modules_names_the_family(
        self, skips: int, family: str, beside: str
    ) -> None:
        def mixed(image: Any) -> Any:
            maps = layers.Concatenate()([convolve(4, 1)(image), convolve(4)(image)])
            for _ in range(skips):
                maps = layers.Add()([maps, convolve(8)(maps)])
            return head(maps)

        found = self.recognised(mixed)
        assert found.name == family
        assert found.reason.endswith(beside)


NAMES = st.sampled_from(["", "a", "b", "c", "inner", "inner/a", "inner/b", "inner/deep/a", "a/" * 12, "nowhere"])
BRANCHING = ["Add", "Concatenate", "Multiply", "Conv2D", "Conv2DTranspose", "UpSampling2D", "MaxPooling2D", "Dense"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
SHAPES = st.none() | st.lists(st.none() | st.integers(-1, 9), max_size=4).map(tuple)
HOSTILE = st.builds(
    Layer,
    name=NAMES,
    kind=st.sampled_from([*BRANCHING * 8, *KINDS, "", "Mine"]),
    config=st.dictionaries(
        st.sampled_from(["filters", "kernel_size", "strides", "pool_size", "axis", "units"]),
        st.integers(1, 11) | st.lists(st.integers(1, 11), max_size=3) | JSON,
    ),
    output_shape=SHAPES,
    parameters=st.integers(0, 9),
    inputs=st.lists(NAMES, max_size=4).map(tuple),
    influence=st.none() | st.sampled_from([0.0, 0.04, 1.0, -1.0]),
)


class TestHostileDescriptions:
    @given(st.lists(HOSTILE, max_size=24))
    def test_whatever_the_judge_says_there_is_a_family_with_a_reason(self, row: list[Layer]) -> None:
        found = of(*row)
        assert found.name in FAMILIES
        assert found.title in {item.title for item in KNOWN.values()}
        assert found.reason
        assert bool(found.nearest) == bool(found.missing)

    @given(st.lists(HOSTILE, max_size=24))
    def test_a_network_without_convolutions_is_of_no_known_architecture(self, row: list[Layer]) -> None:
        rest = [item for item in row if "Conv" not in item.kind]
        assert of(*rest).name in ("mlp", "custom")

    def test_circles_and_layers_that_read_from_themselves_are_read_in_order(self) -> None:
        first = Layer(name="a", kind="Conv2D", inputs=("a", "b"))
        second = Layer(name="b", kind="Add", inputs=("b", "a", "nowhere"), output_shape=(8, 8, 8))
        assert of(first, second).name == "plain"

    def test_numbers_that_no_network_has_are_not_repeated(self) -> None:
        monstrous = conv(10**5000, kernel=(10**5000, 10**5000), strides=(-1, 0))
        assert of(monstrous, overlapping(), conv(8), conv(8), FLATTEN, OUT).name == "plain"

    def test_a_network_of_too_many_layers_is_not_looked_at(self) -> None:
        found = of(*[conv(8)] * (MOST_LAYERS + 1))
        assert (found.name, found.reason) == ("custom", "its 2,001 layers are too many to look at")

    def test_as_many_layers_as_are_looked_at_take_no_long_time(self) -> None:
        row = [conv(8, "0")]
        for place in range(1, MOST_LAYERS):
            kind, inputs = ("Conv2D", (str(place - 1),)) if place % 2 else ("Add", ("0", str(place - 1)))
            row.append(Layer(name=str(place), kind=kind, inputs=inputs, output_shape=(8, 8, 8)))
        assert of(*row).reason.startswith("999 skips around convolutions")


class TestInspiredBy:
    def test_a_network_of_an_accepted_family_passes_with_the_reason(self) -> None:
        about = built(model(conv(8, "a"), pool(), conv(16, "b"), pool(), FLATTEN, OUT))
        result = look("inspired_by", about, {"families": ["vgg", "lenet"]})
        assert (result.outcome, result.points, result.rests_on) == (Outcome.PASSED, 10, "facts")
        assert result.reason.startswith("LeNet-like: 2 pairs of convolution and pooling (`a` and `b`)")

    def test_a_plain_network_is_told_what_it_lacks_for_the_nearest_family(self) -> None:
        result = look("inspired_by", built(model(conv(8), pool(), FLATTEN, OUT)), {"families": SCHOOLS})
        assert (result.outcome, result.points) == (Outcome.FAILED, 0)
        assert result.reason.startswith("plain convolutional network: 1 convolution (`conv2d`) without branches")
        assert result.hint == (
            "The nearest is LeNet-like. What it would need: two or three pairs of convolution and pooling (there is 1)."
        )

    def test_a_network_of_another_family_is_told_what_the_accepted_ones_are(self) -> None:
        about = built(model(conv(8), pool(), conv(16), pool(), FLATTEN, OUT))
        result = look("inspired_by", about, {"families": ["resnet"]})
        assert result.reason.startswith("LeNet-like: ")
        assert result.hint == (
            "Accepted is ResNet-like (skips that add what convolutions were given to what they made of it)."
        )

    @pytest.mark.parametrize(
        ("families", "words"),
        [(["vvg"], "did you mean `vgg`?"), ([], "must not be empty"), (["inseption"], "did you mean `inception`?")],
    )
    def test_families_that_do_not_exist_are_refused_with_the_nearest(self, families: Sequence[str], words: str) -> None:
        with pytest.raises(RubricError) as caught:
            planned("inspired_by", {"families": families})
        assert words in str(caught.value)

    def test_pets_accepts_every_known_architecture_and_adds_up_to_100(self) -> None:
        assignment = Course.at().assignment("pets")
        asked = next(item for item in assignment.check if item.use == "inspired_by")
        assert asked.parameters["families"] == SCHOOLS
        assert assignment.out_of == 100
