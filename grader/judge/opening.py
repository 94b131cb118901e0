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
        import keras

        with named(path, "network.h5") as link:
            return OpenedNetwork(keras.saving.load_model(link, compile=False, safe_mode=True), "hdf5", saved_by)
    if built is None:
        raise ValueError("weights alone, and no network to put them into")
    return OpenedNetwork(_fill(built, path, weights_of_old), "weights", saved_by)


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
        inner = dict(inner)
        if isinstance(inner.get("layers"), list):
            inner["layers"] = [_as_in_hdf5(layer) if isinstance(layer, dict) else layer for layer in inner["layers"]]
        if isinstance(inner.get("layer"), dict):
            inner["layer"] = _as_in_hdf5(inner["layer"])
        plain["config"] = inner
    return plain


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
