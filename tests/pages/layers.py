"""Layers for tests of reports, as the judge describes them."""

from typing import Any

from grader.core.evidence import Architecture, Layer

Shape = tuple[int | None, ...]


def a_layer(kind: str, name: str, incoming: Shape, outgoing: Shape, parameters: int = 0, **config: object) -> Layer:
    """A layer as the judge describes it."""
    return Layer(
        name=name,
        kind=kind,
        config=config,
        input_shapes=(incoming,),
        output_shape=outgoing,
        parameters=parameters,
        trainable=parameters,
    )


def a_convolution(filters: int, **changes: object) -> dict[str, Any]:
    """The config of a 3 × 3 convolution as Keras writes it."""
    window = {"kernel_size": [3, 3], "strides": [1, 1], "dilation_rate": [1, 1], "padding": "valid"}
    more = {"groups": 1, "use_bias": True, "data_format": "channels_last", "activation": "relu"}
    return {"filters": filters, **window, **more, **changes}


def a_pooling(**changes: object) -> dict[str, Any]:
    """The config of a 2 × 2 pooling as Keras writes it."""
    window = {"pool_size": [2, 2], "strides": [2, 2], "padding": "valid", "data_format": "channels_last"}
    return {**window, **changes}


def an_architecture() -> Architecture:
    """A small convolutional network's layers."""
    layers = (
        a_layer("Conv2D", "conv2d", (28, 28, 1), (26, 26, 24), 240, **a_convolution(24)),
        a_layer("MaxPooling2D", "max_pooling2d", (26, 26, 24), (13, 13, 24), **a_pooling()),
        a_layer("Conv2D", "conv2d_1", (13, 13, 24), (11, 11, 48), 10_416, **a_convolution(48)),
        a_layer("MaxPooling2D", "max_pooling2d_1", (11, 11, 48), (5, 5, 48), **a_pooling()),
        a_layer("Flatten", "flatten", (5, 5, 48), (1200,)),
        a_layer("Dropout", "dropout", (1200,), (1200,), rate=0.3),
        a_layer("Dense", "dense", (1200,), (128,), 153_728, units=128, use_bias=True, activation="relu"),
        a_layer("Dense", "dense_1", (128,), (10,), 1_290, units=10, use_bias=True, activation="softmax"),
    )
    return Architecture(
        kind="Sequential", input_shape=(28, 28, 1), output_shape=(10,), parameters=165_674, layers=layers
    )
