"""Inside the judge's sandbox: opens a trained network that was handed in, in whatever form Keras 2 or 3 saved it.

What it holds beside Keras' own layers is refused before anything of it is built: HDF5 files of old have no safe mode.
"""

import contextlib
import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from typing import Any, NamedTuple

HDF5 = b"\x89HDF\r\n\x1a\n"
FORBIDDEN = (
    "Lambda", "TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "TFSMLayer", "TorchModuleWrapper", "JaxLayer",
    "FlaxLayer",
)  # fmt: skip
SKETCH = 256  # weights that are told of a network
LONGEST_CONFIG = 16 << 20


class OpenedNetwork(NamedTuple):
    """The network, the form of its file, and the version of Keras that the file names."""

    model: Any
    form: str
    saved_by: str


def open_network(path: str, built: str | None) -> OpenedNetwork:
    """Open a file; weights alone are put into the network at `built`, which the notebook made. Raises what Keras raises."""
    import h5py

    with open(path, "rb") as file:  # noqa: PTH123 - a path of the sandbox
        beginning = file.read(len(HDF5))
    if not beginning.startswith(HDF5):
        return _open_archive(path)
    with h5py.File(path, "r") as opened:
        saved_by, config = _text(opened.attrs.get("keras_version")), _text(opened.attrs.get("model_config"))
        weights_of_old = "layer_names" in opened.attrs or "model_weights" in opened
    if config:
        require_own_layers(config)
        with named(path, "network.h5") as link:
            return OpenedNetwork(_load_hdf5(link, config, saved_by), "hdf5", saved_by)
    if built is None:
        raise ValueError("weights alone, and no network to put them into")
    return OpenedNetwork(_fill(built, path, weights_of_old), "weights", saved_by)


def _load_hdf5(path: str, config: str, saved_by: str) -> Any:
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception:
        if not saved_by.startswith("2."):
            raise
    model = _model_of_old(json.loads(config))
    model.load_weights(path)
    return model


def _open_archive(path: str) -> OpenedNetwork:
    """A `.keras` file. One of Keras 2 names its layers as Keras 3 does, and connects them as Keras 2 did."""
    import keras

    with zipfile.ZipFile(path) as archive:
        saved_by = str(json.loads(archive.read("metadata.json")).get("keras_version", ""))
        config = archive.read("config.json").decode("utf-8")
    try:
        return OpenedNetwork(keras.saving.load_model(path, compile=False, safe_mode=True), "keras", saved_by)
    except Exception:
        if not saved_by.startswith("2."):
            raise
    require_own_layers(config)
    model = _model_of_old(json.loads(config))
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
        inner = archive.extract("model.weights.h5", folder)
        model.load_weights(inner)
    return OpenedNetwork(model, "keras", saved_by)


def _model_of_old(config: dict[str, Any]) -> Any:
    """A network from a configuration in the words of Keras 2."""
    from keras.src.legacy.saving import saving_options, saving_utils
    from keras.src.saving import serialization_lib

    with saving_options.keras_option_scope(use_legacy_config=True), serialization_lib.SafeModeScope(True):
        return saving_utils.model_from_config(_as_in_hdf5(config))


def _as_in_hdf5(network: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a network as Keras 2 wrote it into HDF5 files: layers without their module and their building."""
    plain = {key: value for key, value in network.items() if key not in ("module", "registered_name", "build_config")}
    inner = plain.get("config")
    if isinstance(inner, dict):
        inner = without_old_settings(str(network.get("class_name")), inner)
        if isinstance(inner.get("layers"), list):
            layers = [layer for layer in inner["layers"] if isinstance(layer, dict)]
            networks = {str(layer.get("name")) for layer in layers if _is_network(layer)}
            rows = {str(layer.get("name")) for layer in layers if layer.get("class_name") == "Sequential"}
            layers = [{**_as_in_hdf5(layer), **_counted(layer, "inbound_nodes", networks)} for layer in layers]
            inner |= {"layers": layers, **_counted(inner, "output_layers", rows)}
        for held in ("layer", "backward_layer"):  # of a wrapper, which reads it as Keras 3 writes it
            if isinstance(inner.get(held), dict) and isinstance(inner[held].get("config"), dict):
                own = without_old_settings(str(inner[held].get("class_name")), inner[held]["config"])
                inner[held] = {**inner[held], "config": own}
        plain["config"] = inner
    return plain


def _counted(config: dict[str, Any], key: str, networks: set[str]) -> dict[str, Any]:
    """A part of a configuration with the calls of networks inside (by name) counted as Keras 3 does.

    Keras 2 counted the building of such a network as its first call; Keras 3 minds that itself in one place, for some.
    """

    def counted(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: counted(part) for name, part in value.items()}
        if not isinstance(value, list):
            return value
        is_call = len(value) > 2 and isinstance(value[0], str) and type(value[1]) is int
        if is_call and value[0] in networks and value[1] > 0:
            return [value[0], value[1] - 1, *value[2:]]
        return [counted(part) for part in value]

    return {key: counted(config[key])} if key in config else {}


# What Keras 2 wrote for a layer that has no such setting, and Keras 3 does not take: with these values it changes nothing.
WITHOUT_EFFECT = {"groups": 1, "time_major": False, "noise_shape": None, "trainable": True}
OF_BUILDING = ("query_shape", "key_shape", "value_shape")
OF_LEARNING = ("_initializer", "_regularizer", "_constraint")


def without_old_settings(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """A layer's settings without those that Keras 3 does not know and that no answer depends on."""
    import inspect

    import keras

    layer = getattr(keras.layers, kind, None)
    if not isinstance(layer, type):
        return dict(config)
    makers = [
        inspect.signature(vars(each)["__init__"]).parameters for each in layer.__mro__ if "__init__" in vars(each)
    ]
    passed_on = any(item.kind is item.VAR_KEYWORD for item in makers[0].values())
    known = {name for maker in (makers if passed_on else makers[:1]) for name in maker}

    def has_no_effect(name: str, value: Any) -> bool:
        if name in known:
            return False
        if name in WITHOUT_EFFECT:
            return name != "trainable" or not passed_on if value == WITHOUT_EFFECT[name] else False
        return name in OF_BUILDING or name.endswith(OF_LEARNING)

    return {name: value for name, value in config.items() if not has_no_effect(name, value)}


def _fill(built: str, weights: str, of_old: bool) -> Any:
    import keras

    model = keras.saving.load_model(built, compile=False, safe_mode=True)
    with named(weights, "network.h5" if of_old else "network.weights.h5") as link:
        model.load_weights(link)
    return model


def require_own_layers(config: str) -> None:
    """Raise ValueError for a configuration that holds anything but Keras' own layers."""
    import keras

    if len(config) > LONGEST_CONFIG:
        raise ValueError("the configuration of the network is too long")
    known = {name for name in dir(keras.layers) if isinstance(getattr(keras.layers, name), type)}
    for kind in layer_classes(json.loads(config)):
        if kind in FORBIDDEN:
            raise ValueError(f"a Lambda layer, which is arbitrary code ({kind})")
        if kind not in known:
            raise ValueError(f"Could not locate class '{kind}'")


def layer_classes(config: Any) -> Iterator[str]:
    """The class names of the layers in a network's configuration, and of networks and layers inside it."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            inner = value.get("config")
            waiting.extend(part for part in value.values() if isinstance(part, (dict, list)))
            if isinstance(inner, dict) and isinstance(inner.get("layers"), list):
                for layer in inner["layers"]:
                    if isinstance(layer, dict) and not _is_network(layer):
                        yield str(layer.get("class_name"))
            if isinstance(inner, dict) and isinstance(inner.get("layer"), dict):
                yield str(inner["layer"].get("class_name"))


def _is_network(layer: dict[str, Any]) -> bool:
    return layer.get("class_name") in ("Sequential", "Functional", "Model")


@contextlib.contextmanager
def named(path: str, name: str) -> Iterator[str]:
    """The same file under a name by which Keras knows its form."""
    with tempfile.TemporaryDirectory() as folder:
        link = os.path.join(folder, name)  # noqa: PTH118 - a path of the sandbox
        os.symlink(path, link)  # noqa: PTH211
        yield link


def _text(value: Any) -> str:
    value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return value if isinstance(value, str) else ""


def tell_weights(model: Any) -> dict[str, Any]:
    """A digest of all weights, and a sketch: some weights, evenly spread over those of kernels."""
    import numpy

    digest, kernels = hashlib.sha256(), []
    for weight in model.weights:
        values = numpy.ascontiguousarray(weight.numpy().astype("float32"))
        digest.update(repr(values.shape).encode() + values.tobytes())
        if values.ndim > 1:
            kernels.append(values.ravel())
    every = numpy.concatenate(kernels) if kernels else numpy.zeros(0, "float32")
    places = numpy.linspace(0, max(len(every) - 1, 0), min(SKETCH, len(every))).astype("int64")
    sketch = [float(f"{value:.5g}") if numpy.isfinite(value) else 0.0 for value in every[places]]
    return {"digest": digest.hexdigest(), "sketch": sketch}
