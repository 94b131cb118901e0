"""Inside the judge's sandbox: loads the model, describes its layers, predicts what it is sent. No label exists here.

Usage: worker.py GUEST MODEL SOCKET. One of the two files of the grader that import Keras.
"""

import math
import socket
import sys
from typing import Any

CHUNK = 256
LONGEST_CONFIG = 2000  # characters of one config value, as JSON


def prepare() -> None:
    """What a fork server has done before there is a network to judge."""
    import keras
    import numpy
    import tensorflow

    assert keras and numpy and tensorflow


def main() -> None:
    """Say ready, then answer until told to stop. What fails before that word is the grader's fault."""
    sys.path.insert(0, sys.argv[1])
    from grader.judge.protocol import Channel

    channel = Channel(socket.socket(fileno=int(sys.argv[3])))
    import keras
    import numpy
    import tensorflow

    channel.send({"ready": {"keras": keras.__version__, "tensorflow": tensorflow.__version__}})
    model: Any = None
    while True:
        request, payload = channel.receive()
        if request["do"] == "stop":
            return
        try:
            if model is None:
                model = keras.saving.load_model(sys.argv[2], compile=False, safe_mode=True)
            if request["do"] == "describe":
                channel.send({"architecture": describe_model(model)})
            else:
                outputs = predict(model, request, payload, numpy)
                channel.send({"shape": list(outputs.shape)}, outputs.tobytes())
        except Exception as error:
            channel.send({"refused": words_of(error)})


def words_of(error: Exception) -> str:
    """What an error says, at most 64 KiB: Keras puts whole configurations between the first words and the reason."""
    words = f"{type(error).__name__}: {error}"
    return words if len(words) <= 1 << 16 else f"{words[: 1 << 13]}\n{words[-(7 << 13) :]}"


def predict(model: Any, request: dict[str, Any], payload: bytes, numpy: Any) -> Any:
    """Outputs (n, units), float32, of images sent as uint8 or float32: `(pixel - offset) / scale`, chunk by chunk."""
    images = numpy.frombuffer(payload, request["dtype"]).reshape(request["shape"])
    outputs = []
    for start in range(0, len(images), CHUNK):
        values = images[start : start + CHUNK].astype("float32")
        values = (values - numpy.float32(request["offset"])) / numpy.float32(request["scale"])
        outputs.append(numpy.asarray(model.predict_on_batch(values), dtype="float32"))
    return numpy.concatenate(outputs)


def describe_model(model: Any) -> dict[str, Any]:
    """The model's layers and merging operations in order, inner models flattened, as plain JSON values."""
    return {
        "kind": type(model).__name__,
        "input_shape": plain_shape(only_shape(model.input_shape)),
        "output_shape": plain_shape(only_shape(model.output_shape)),
        "parameters": int(model.count_params()),
        "layers": [described for layer in parts_of(model) for described in describe_layer(layer, "")],
    }


def only_shape(shapes: Any) -> Any:
    """The one shape of a model's inputs or outputs, which Keras may wrap in a list. Raises ValueError for several."""
    if isinstance(shapes, list) and len(shapes) == 1:
        return shapes[0]
    if isinstance(shapes, (list, dict)):
        raise ValueError("the network has several inputs or outputs")
    return shapes


def parts_of(model: Any) -> list[Any]:
    """A model's layers and, though they are no layers, the operations that merge: the addition in `x + y`."""
    layers = {id(layer) for layer in model.layers}
    return [part for part in getattr(model, "operations", model.layers) if id(part) in layers or merges(part)]


def merges(operation: Any) -> bool:
    """Whether an operation reads from several others."""
    return any(len(node.parent_nodes) > 1 for node in operation._inbound_nodes[:1])


def describe_layer(layer: Any, prefix: str) -> list[dict[str, Any]]:
    """One layer, or the layers of an inner model under `inner/`; its first ones read from what it is given."""
    name = f"{prefix}{layer.name}"
    if hasattr(layer, "layers") and hasattr(layer, "input_shape"):
        inside = [described for inner in parts_of(layer) for described in describe_layer(inner, f"{name}/")]
        for number, described in enumerate(inside):
            if number == 0 or not described["inputs"]:
                described["inputs"] = inbound_names(layer, prefix)
        return inside
    return [
        {
            "name": name,
            "kind": type(layer).__name__,
            "config": plain_config(layer),
            "input_shapes": shapes_of(layer, "input"),
            "output_shape": next(iter(shapes_of(layer, "output")), None),
            "parameters": int(layer.count_params()) if getattr(layer, "built", False) else 0,
            "trainable": sum(math.prod(weight.shape) for weight in getattr(layer, "trainable_weights", ())),
            "inputs": inbound_names(layer, prefix),
        }
    ]


def shapes_of(layer: Any, side: str) -> list[list[int | None]]:
    """The shapes of a layer's inputs or outputs without the batch axis; empty where Keras does not know."""
    try:
        tensors = getattr(layer, side)
    except (AttributeError, ValueError):
        return []
    tensors = tensors if isinstance(tensors, (list, tuple)) else [tensors]
    return [plain_shape(tensor.shape) for tensor in tensors if hasattr(tensor, "shape")]


def inbound_names(layer: Any, prefix: str) -> list[str]:
    """The layers and merging operations that this one reads from, in its first use; other operations are seen through."""
    return [f"{prefix}{source(parent).name}" for node in layer._inbound_nodes[:1] for parent in node.parent_nodes]


def source(node: Any) -> Any:
    """The layer or merging operation whose output arrives at `node`: `x / 255` is no layer, and comes from `x`."""
    operation = node.operation
    while not hasattr(operation, "trainable_weights") and not merges(operation):
        parents = operation._inbound_nodes[0].parent_nodes
        if not parents:
            break
        operation = parents[0].operation
    return operation


def plain_shape(shape: Any) -> list[int | None]:
    """A shape without its batch axis."""
    return [None if size is None else int(size) for size in tuple(shape)[1:]]


def plain_config(layer: Any) -> dict[str, Any]:
    """The layer's config as JSON values; what is none, or too long, becomes text."""
    import json

    plain = {}
    for key, value in layer.get_config().items():
        try:
            text = json.dumps(value)
        except (TypeError, ValueError):
            text, value = str(value), str(value)
        plain[str(key)] = value if len(text) <= LONGEST_CONFIG else text[:LONGEST_CONFIG]
    return plain


if __name__ == "__main__":
    main()
