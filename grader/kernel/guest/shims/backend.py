"""What `keras.backend` and other modules had, and today even `tf.keras.backend` has no more."""

import functools
from collections.abc import Mapping
from typing import Any

PREDICTING = 0


def backend_functions(keras: Any) -> Mapping[str, Mapping[str, tuple[Any, str]]]:
    """What `keras.backend` had and even `tf.keras.backend` has no more: name -> what stands for it, today's way."""

    def image_dim_ordering() -> str:
        """Keras 1's: th or tf."""
        return "th" if keras.config.image_data_format() == "channels_first" else "tf"

    def set_image_dim_ordering(ordering: str) -> None:
        """Keras 1's."""
        keras.config.set_image_data_format("channels_first" if ordering == "th" else "channels_last")

    def learning_phase() -> int:
        """Keras 2's: 0 while a network predicts."""
        return PREDICTING

    def set_learning_phase(value: object) -> None:
        """Keras 2's: a network is told at each call today."""

    def set_session(session: object) -> None:
        """There is no session any more: it only held settings for a GPU."""

    def set_value(variable: Any, value: Any) -> None:
        """Keras 2's."""
        variable.assign(value)

    return {
        "layers": {"SyncBatchNormalization": (keras.layers.BatchNormalization, "keras.layers.BatchNormalization")},
        "backend": {
            "set_value": (set_value, "variable.assign"),
            "image_dim_ordering": (image_dim_ordering, "keras.backend.image_data_format"),
            "set_image_dim_ordering": (set_image_dim_ordering, "keras.backend.set_image_data_format"),
            "function": (functools.partial(_function, keras), "keras.Model(inputs, outputs)"),
            "learning_phase": (learning_phase, "model(x, training=...)"),
            "set_learning_phase": (set_learning_phase, "model(x, training=...)"),
            "set_session": (set_session, "tf.config.experimental.set_memory_growth"),
        },
    }


def _function(keras: Any, inputs: Any, outputs: Any, **options: Any) -> Any:
    """Keras 2's `function`: arrays to arrays, through what lies between two tensors of a network."""
    network = keras.Model([item for item in inputs if item is not PREDICTING], keras.tree.flatten(outputs))

    def compute(values: Any) -> Any:
        """What comes out, as arrays; a phase that was given too is left out."""
        found = network([keras.ops.convert_to_tensor(value) for value in values[: len(network.inputs)]])
        arrays = [keras.ops.convert_to_numpy(array) for array in keras.tree.flatten(found)]
        return arrays if isinstance(outputs, (list, tuple)) else arrays[0]

    return compute
