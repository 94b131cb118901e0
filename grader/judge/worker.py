"""Inside the judge's sandbox: loads the model, describes its layers, scales images and predicts. No label exists here.

Usage: worker.py GUEST MODEL SOCKET [handed-in [BUILT]]. With that word MODEL may be in any form in which Keras saves a
network, and weights alone are put into the network BUILT. Requests: {"do": "opened"}, {"do": "describe"}, {"do": "predict",
"shape", "dtype", "scale", "offset"} followed by images of uint8 or float32 (with "cut", a list of names, these layers tell
nothing of an image). Replies: {"opened": ...}, {"architecture": ...}, {"shape"} followed by float32
outputs, or {"refused": reason}.
"""

import math
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

CHUNK = 256
LONGEST_CONFIG = 2000  # characters of one config value, as JSON
MOST_CONSTANTS = 20  # of one operation, whose shapes are told
# Keras looks for these at its own import, for wrappers, plots and tables that no judging needs: a third of all it takes.
NEEDLESS = ("IPython", "matplotlib", "pandas", "sklearn")
MERGES = frozenset({"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"})


def prepare() -> None:
    """Import what judging needs, and nothing else: a fork server does this before there is a network to judge."""
    for name in NEEDLESS:
        sys.modules[name] = None  # type: ignore[assignment]  # as if it were not installed
    import keras
    import numpy
    import tensorflow

    assert keras and numpy and tensorflow


def main() -> None:
    """Say ready, then answer until the host ends it. What fails before that word is the grader's fault."""
    sys.path.insert(0, sys.argv[1])
    from grader.sandbox.channel import Channel

    channel = Channel(socket.socket(fileno=int(sys.argv[3])))
    prepare()
    import keras
    import numpy
    import tensorflow

    channel.send({"ready": {"keras": keras.__version__, "tensorflow": tensorflow.__version__}})
    model: Any = None
    opened: dict[str, Any] = {}
    while True:
        request, payload = channel.receive()
        try:
            if model is None and sys.argv[4:]:
                model, opened = open_handed_in(sys.argv[2], *sys.argv[5:])
            elif model is None:
                model = keras.saving.load_model(sys.argv[2], compile=False, safe_mode=True)
            if request["do"] == "opened":
                channel.send({"opened": opened})
            elif request["do"] == "describe":
                channel.send({"architecture": describe_model(model)})
            else:
                outputs = predict(model, request, payload, numpy)
                channel.send({"shape": list(outputs.shape)}, outputs.tobytes())
        except Exception as error:
            channel.send({"refused": words_of(error)})


def open_handed_in(path: str, built: str | None = None) -> tuple[Any, dict[str, Any]]:
    """A network that was handed in, and what is told of its file and weights."""
    from grader.judge.open_handed_in import open_network, tell_weights

    found = open_network(path, built)
    return found.model, {"form": found.form, "saved_by": found.saved_by[:40], **tell_weights(found.model)}


def words_of(error: Exception) -> str:
    """What an error says, at most 64 KiB: Keras puts whole configurations between the first words and the reason."""
    words = f"{type(error).__name__}: {error}"
    return words if len(words) <= 1 << 16 else f"{words[: 1 << 13]}\n{words[-(7 << 13) :]}"


def predict(model: Any, request: dict[str, Any], payload: bytes, numpy: Any) -> Any:
    """Outputs (n, units), float32, of images sent as uint8 or float32: `(pixel - offset) / scale`, chunk by chunk.

    `cut`: names of layers whose outputs are exchanged among the images, so that they tell nothing of an image any more.
    """
    images = numpy.frombuffer(payload, request["dtype"]).reshape(request["shape"])
    outputs = []
    for start in range(0, len(images), CHUNK):
        values = images[start : start + CHUNK].astype("float32")
        values = (values - numpy.float32(request["offset"])) / numpy.float32(request["scale"])
        made = model.predict_on_batch(values) if "cut" not in request else predict_cut(model, values, request["cut"])
        outputs.append(numpy.asarray(made, dtype="float32"))
    return numpy.concatenate(outputs)


def predict_cut(model: Any, values: Any, names: list[str]) -> Any:
    """What a network says where the layers of these names give each image what they made of another one."""
    cut = [part.operation for part in closure(model) if part.name in names]
    for number, operation in enumerate(cut):
        vars(operation)["call"] = exchanging(operation.call, number)
    try:
        return model(values, training=False)
    finally:
        for operation in cut:
            del vars(operation)["call"]


def exchanging(call: Callable[..., Any], number: int) -> Callable[..., Any]:
    """A layer's `call` whose outputs are moved on by one image, or put in an order of its own if it is not the first.

    As many layers in a row as there are images would else bring each image its own again.
    """
    import keras
    import numpy

    def moved(value: Any) -> Any:
        count = (*getattr(value, "shape", ()), None)[0]
        if number and count is not None:
            return keras.ops.take(value, numpy.random.default_rng(number).permutation(count), axis=0)
        return keras.ops.roll(value, 1, axis=0) if len(getattr(value, "shape", ())) else value

    return lambda *values, **options: keras.tree.map_structure(moved, call(*values, **options))


def describe_model(model: Any) -> dict[str, Any]:
    """All that a network computes, in order, as plain JSON values."""
    return {
        "kind": type(model).__name__,
        "input_shape": plain_shape(only_shape(model.input_shape)),
        "output_shape": plain_shape(only_shape(model.output_shape)),
        "parameters": int(model.count_params()),
        "layers": [describe_part(part) for part in closure(model)],
    }


def only_shape(shapes: Any) -> Any:
    """The one shape of a model's inputs or outputs, which Keras may wrap in a list. Raises ValueError for several."""
    if isinstance(shapes, list) and len(shapes) == 1:
        return shapes[0]
    if isinstance(shapes, (list, dict)):
        raise ValueError("the network has several inputs or outputs")
    return shapes


class DescribedPart(NamedTuple):
    """A layer, or an operation that is not one; `held` are the parts inside it, which have rows of their own."""

    name: str
    operation: Any
    inputs: list[str]
    held: list[Any]


def closure(network: Any) -> list[DescribedPart]:
    """All that a network computes, in order: its operations, and what they hold in any attribute. Shared parts come once.

    A network inside is replaced by its parts, under `inner/`; its first ones read from what it is given.
    """
    return list(parts_of(network, "", set()))


def parts_of(network: Any, prefix: str, seen: set[int]) -> Iterator[DescribedPart]:
    """The parts of one network that were not seen before."""
    for operation in getattr(network, "operations", network.layers):
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        name, inputs = f"{prefix}{operation.name}", inbound_names(operation, prefix)
        if not is_network(operation):
            yield from with_held(DescribedPart(name, operation, inputs, list(held_in(operation))), seen)
            continue
        for number, part in enumerate(parts_of(operation, f"{name}/", seen)):
            yield part if number and part.inputs else part._replace(inputs=inputs)


def with_held(part: DescribedPart, seen: set[int]) -> Iterator[DescribedPart]:
    """A part and those inside it, one after another, under its name."""
    yield part
    before = part.name
    for operation in part.held:
        if id(operation) in seen:
            continue
        seen.add(id(operation))
        name = f"{part.name}/{operation.name}"
        if is_network(operation):
            inside = parts_of(operation, f"{name}/", seen)
        else:
            inside = with_held(DescribedPart(name, operation, [], list(held_in(operation))), seen)
        for number, inner in enumerate(inside):
            yield inner if number and inner.inputs else inner._replace(inputs=[before])
            before = inner.name


def is_network(operation: Any) -> bool:
    """Whether it is a model of its own, Sequential or Functional."""
    return hasattr(operation, "predict_on_batch") and hasattr(operation, "layers")


def held_in(operation: Any, given: frozenset[str] = frozenset()) -> Iterator[Any]:
    """The layers and operations inside one, by whatever attribute or argument it holds them.

    What no configuration names was made by the class itself, as the cell of an LSTM is: it belongs to its layer, and only
    what it holds in turn is told.
    """
    given = given | class_names(config_of(operation))
    for inner in operations_in([vars(operation), *arguments_of(operation)]):
        if inner is operation:
            continue
        if not is_layer(operation) or type(inner).__name__ in given:
            yield inner
        else:
            yield from held_in(inner, given)


def operations_in(values: Any) -> Iterator[Any]:
    """The layers and operations in nested lists and dictionaries, each once."""
    waiting, found = [values], set()
    while waiting:
        value = waiting.pop()
        if hasattr(value, "_inbound_nodes"):
            if id(value) not in found:
                yield value
            found.add(id(value))
        elif isinstance(value, dict):
            waiting.extend(reversed(value.values()))
        elif isinstance(value, (list, tuple)):
            waiting.extend(reversed(value))
        elif isinstance(value, (set, frozenset)):
            waiting.extend(value)


def arguments_of(operation: Any) -> list[Any]:
    """What an operation is called with, beside tensors of the network."""
    return [part for node in operation._inbound_nodes for part in (node.arguments.args, node.arguments.kwargs)]


def class_names(config: Any) -> frozenset[str]:
    """The names of all classes in a configuration, written out or not."""
    waiting, found = [config], {type(operation).__name__ for operation in operations_in(config)}
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            found.add(str(value.get("class_name")))
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)
    return frozenset(found)


def is_layer(operation: Any) -> bool:
    """Whether an operation is one of Keras' layers."""
    return hasattr(operation, "trainable_weights")


def describe_part(part: DescribedPart) -> dict[str, Any]:
    """One layer or operation, with the parameters that no part inside it has."""
    operation = part.operation
    return {
        "name": part.name,
        "kind": kind_of(operation),
        "config": plain_config(operation),
        "input_shapes": shapes_of(operation, "input"),
        "output_shape": next(iter(shapes_of(operation, "output")), None),
        "parameters": own_size(part, "weights"),
        "trainable": own_size(part, "trainable_weights"),
        "inputs": part.inputs,
    }


def kind_of(operation: Any) -> str:
    """The class name of a layer; `ops.Conv` for an operation, or `Add` for one that merges as that layer does."""
    kind = type(operation).__name__
    return kind if is_layer(operation) or (kind in MERGES and merges(operation)) else f"ops.{kind}"


def own_size(part: DescribedPart, weights: str) -> int:
    """How many numbers are in the weights of a part that belong to none of those inside it."""
    inside = {id(weight) for inner in part.held for weight in getattr(inner, weights, ())}
    return sum(math.prod(each.shape) for each in getattr(part.operation, weights, ()) if id(each) not in inside)


def shapes_of(layer: Any, side: str) -> list[list[int | None]]:
    """The shapes of a layer's inputs or outputs without the batch axis; empty where Keras does not know."""
    try:
        tensors = getattr(layer, side)
    except (AttributeError, ValueError):
        return []
    tensors = tensors if isinstance(tensors, (list, tuple)) else [tensors]
    return [plain_shape(tensor.shape) for tensor in tensors if hasattr(tensor, "shape")]


def inbound_names(operation: Any, prefix: str) -> list[str]:
    """The layers and merging operations that this one reads from, in its first use; other operations are seen through."""
    return [f"{prefix}{source(parent).name}" for node in operation._inbound_nodes[:1] for parent in node.parent_nodes]


def source(node: Any) -> Any:
    """The layer or merging operation whose output arrives at `node`: `x / 255` is not a layer, and comes from `x`."""
    operation = node.operation
    while not is_layer(operation) and not merges(operation):
        parents = operation._inbound_nodes[0].parent_nodes
        if not parents:
            break
        operation = parents[0].operation
    return operation


def merges(operation: Any) -> bool:
    """Whether an operation reads from several others."""
    return any(len(node.parent_nodes) > 1 for node in operation._inbound_nodes[:1])


def plain_shape(shape: Any) -> list[int | None]:
    """A shape without its batch axis."""
    return [None if size is None else int(size) for size in tuple(shape)[1:]]


def plain_config(operation: Any) -> dict[str, Any]:
    """A part's configuration as JSON values; anything else, or what is too long, becomes text.

    `constants`: the shapes of tensors that an operation has among its arguments.
    """
    import json

    plain = {}
    for key, value in config_of(operation).items():
        try:
            text = json.dumps(value)
        except (TypeError, ValueError):
            text, value = str(value), str(value)
        plain[str(key)] = value if len(text) <= LONGEST_CONFIG else text[:LONGEST_CONFIG]
    constants = [] if is_layer(operation) else constants_of(operation)
    return {**plain, "constants": constants[:MOST_CONSTANTS]} if constants else plain


def config_of(operation: Any) -> dict[str, Any]:
    """What Keras would save of a part; an operation that can't be saved has nothing."""
    try:
        return dict(operation.get_config())
    except NotImplementedError:
        return {}


def constants_of(operation: Any) -> list[list[int]]:
    """The shapes of an operation's arguments that are tensors of more than one number, and no tensors of the network."""
    import numpy

    arrays = [value for value in vars(operation).values() if hasattr(value, "shape")]
    for argument in arguments_of(operation):
        arrays += argument.values() if isinstance(argument, dict) else argument
    own = [value for value in arrays if not hasattr(value, "_keras_history") and is_numbers(value)]
    return [list(shape) for shape in map(numpy.shape, own) if math.prod(shape) != 1]


def is_numbers(value: Any) -> bool:
    """Whether it is an array, or a list that an operation takes for one."""
    numbers = value
    while isinstance(numbers, (list, tuple)) and numbers:
        numbers = numbers[0]
    return hasattr(value, "shape") or (isinstance(value, (list, tuple)) and isinstance(numbers, (int, float)))


if __name__ == "__main__":
    main()
