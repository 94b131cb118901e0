"""Activations given as TensorFlow's functions: taken for Keras' own of the same meaning, so that a network can be saved.

`activation=tf.nn.softmax` trains, but Keras would save it as `softmax_v2`, a name that no other process knows. Nothing is
told of it: it is code of today, and what is computed is the same, default arguments included.
"""

import sys
from collections.abc import Mapping
from typing import Any

# What TensorFlow calls a function below `tf.nn` -> what Keras calls it.
NAMES: Mapping[str, str] = {
    **{name: name for name in ("elu", "gelu", "leaky_relu", "log_softmax", "relu", "relu6", "selu", "sigmoid", "silu",
                               "softmax", "softplus", "softsign", "tanh")},
    "swish": "silu",
}  # fmt: skip


PUBLIC = ("keras.activations", "keras._tf_keras.keras.activations")  # they hold the function itself


def name_activations() -> None:
    """`keras.activations.get`, which every layer asks, takes TensorFlow's functions for Keras' own. Once Keras is there."""
    source: Any = sys.modules["keras.src.activations"]
    original = source.get

    def get(identifier: Any) -> Any:
        """The function that `identifier` names or is."""
        return original(_own(identifier, source) or identifier)

    for module in (source, *(sys.modules[name] for name in PUBLIC if name in sys.modules)):
        module.get = get


def _own(identifier: Any, source: Any) -> Any:
    """Keras' function for one of TensorFlow's, which is looked for late: TensorFlow may be half imported before."""
    nn = getattr(sys.modules.get("tensorflow"), "nn", None)
    known = callable(identifier) and nn is not None
    new = next((new for old, new in NAMES.items() if getattr(nn, old) is identifier), None) if known else None
    return getattr(source, new) if new is not None else None
