"""Two networks are one up to names and what only training has; what differs is told layer by layer."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from grader.core.evidence import Architecture, Layer
from grader.judge.compare_networks import digest_graph, is_same_network, tell_differences


def network(*layers: Layer, inputs: tuple[int | None, ...] = (28, 28, 1)) -> Architecture:
    return Architecture(kind="Functional", input_shape=inputs, output_shape=(10,), parameters=1, layers=layers)


def chain(*kinds: tuple[str, dict[str, object]], names: Sequence[str] = ()) -> Architecture:
    named = names or [f"{kind.lower()}_{number}" for number, (kind, _) in enumerate(kinds)]
    return network(*(
        Layer(name=name, kind=kind, config=config, output_shape=(8,), inputs=tuple(named[number - 1 : number]))
        for number, (name, (kind, config)) in enumerate(zip(named, kinds, strict=True))
    ))  # fmt: skip


CONV: tuple[str, dict[str, object]] = ("Conv2D", {"filters": 32, "kernel_size": [3, 3], "activation": "relu"})
FLAT: tuple[str, dict[str, object]] = ("Flatten", {})
DENSE: tuple[str, dict[str, object]] = ("Dense", {"units": 10, "activation": "softmax"})


def branches(*order: str, merge: str = "Add", second: str = "image") -> Architecture:
    """Two convolutions of the image, merged in this order; `second`: what the second one reads."""
    return network(
        Layer(name="image", kind="InputLayer", output_shape=(8,)),
        Layer(name="a", kind="Conv2D", config={"filters": 4}, inputs=("image",), output_shape=(8,)),
        Layer(name="b", kind="Conv2D", config={"filters": 8}, inputs=(second,), output_shape=(8,)),
        Layer(name="sum", kind=merge, inputs=order, output_shape=(8,)),
    )


@given(st.lists(st.sampled_from(["Dropout", "GaussianNoise", "RandomFlip", "SpatialDropout2D"]), max_size=4), st.data())
def test_layers_that_only_training_has_change_nothing_wherever_they_stand(
    added: list[str], data: st.DataObject
) -> None:
    kinds = [CONV, FLAT, DENSE]
    for kind in added:
        kinds.insert(data.draw(st.integers(0, len(kinds))), (kind, {"rate": 0.5}))
    assert is_same_network(chain(CONV, FLAT, DENSE), chain(*kinds))
    assert tell_differences(chain(CONV, FLAT, DENSE), chain(*kinds)) == ()


@given(st.lists(st.text(min_size=1, max_size=5), min_size=3, max_size=3, unique=True))
def test_names_change_nothing(names: list[str]) -> None:
    assert is_same_network(chain(CONV, FLAT, DENSE), chain(CONV, FLAT, DENSE, names=names))


@given(
    st.sampled_from(
        ["kernel_initializer", "bias_regularizer", "seed", "trainable", "dtype", "name", "kernel_constraint"]
    )
)
def test_how_weights_began_and_were_held_changes_nothing(key: str) -> None:
    other = ("Dense", {**DENSE[1], key: "anything"})
    assert is_same_network(chain(CONV, FLAT, DENSE), chain(CONV, FLAT, other))


def test_units_activations_kinds_and_order_make_another_network_and_are_told() -> None:
    built = chain(CONV, FLAT, DENSE)
    wide = chain(("Conv2D", {**CONV[1], "filters": 64, "activation": "elu"}), FLAT, DENSE)
    assert tell_differences(built, wide) == (
        "layer 1: Conv2D with activation = \"elu\" instead of \"relu\", filters = 64 instead of 32",
    )  # fmt: skip
    longer = chain(CONV, CONV, FLAT, DENSE)
    (told,) = tell_differences(built, longer)
    assert told.startswith("the file has one more layer: Conv2D(filters = 32")
    (told,) = tell_differences(longer, built)
    assert told.startswith("the notebook builds one more layer: Conv2D")
    other = chain(CONV, ("GlobalAveragePooling2D", {}), DENSE)
    assert tell_differences(built, other) == ("layer 2: GlobalAveragePooling2D in the file, Flatten in the notebook",)


def test_the_shape_of_the_input_counts() -> None:
    small = chain(CONV, FLAT, DENSE).model_copy(update={"input_shape": (14, 14, 1)})
    assert "(14, 14, 1)" in tell_differences(chain(CONV, FLAT, DENSE), small)[0]


def test_branches_may_be_added_in_any_order_but_not_concatenated() -> None:
    assert is_same_network(branches("a", "b"), branches("b", "a"))
    assert not is_same_network(branches("a", "b", merge="Concatenate"), branches("b", "a", merge="Concatenate"))


def test_another_connection_of_the_same_layers_is_told() -> None:
    (told,) = tell_differences(branches("a", "b"), branches("a", "b", second="a"))
    assert told == "layer 2: Conv2D reads from layer 1, in the notebook from the image"


def test_an_axis_is_the_same_counted_from_either_end() -> None:
    one, other, of_old = (chain(("BatchNormalization", {"axis": axis})) for axis in (-1, 1, [1]))
    assert digest_graph(one) == digest_graph(other) == digest_graph(of_old)


def test_a_thousand_differences_are_told_shortly() -> None:
    many = chain(*[("Dense", {"units": n, "activation": "x" * 5000}) for n in range(500)])
    told = tell_differences(chain(DENSE), many)
    assert len(told) == 12
    assert max(map(len, told)) <= 300
