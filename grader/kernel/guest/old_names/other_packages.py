"""Old names outside of Keras (NumPy, `time`, TensorFlow 1, matplotlib, Pillow, scikit-learn, pandas), and a GPU.

Notebooks of Colab and Kaggle stop where they find no GPU: all ways of asking for one are answered alike, and nothing uses
it. Operations go to the processor, whatever device they name.
"""

import builtins
import importlib
import operator
import time
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from grader.kernel.guest.imports import Patch, asked_by_a_library
from grader.kernel.guest.notes import Notes
from grader.kernel.guest.old_names import TABLE
from grader.kernel.guest.old_names.stand_ins import plain_progress
from grader.kernel.guest.wrapping import replaces

MOVED: Mapping[str, str] = TABLE["moved"]  # modules -> their names today
MODULES_SHORT = {"np": "numpy", "tf": "tensorflow", "Image": "PIL.Image", "plt": "matplotlib.pyplot"}


def moved_module(name: str, notes: Notes) -> ModuleType:
    """The module that has the old name `name` today. ImportError where that is not installed either."""
    old = next(old for old in MOVED if f"{name}.".startswith(f"{old}."))
    module = importlib.import_module(MOVED[old] + name.removeprefix(old))
    notes.shim(old, MOVED[old])
    return module


def restore_python(numpy: Any, notes: Notes) -> None:
    """`time.clock`, and what NumPy took out. Both modules are there before the first cell."""

    def clock() -> float:
        """Seconds, as Python 2 counted them."""
        notes.shim("time.clock", "time.perf_counter")
        return time.perf_counter()

    def asscalar(array: Any) -> Any:
        """NumPy's before 1.23."""
        notes.shim("np.asscalar", "array.item()")
        return array.item()

    if not hasattr(time, "clock"):
        time.clock = clock  # type: ignore[attr-defined]
    if not hasattr(numpy, "asscalar"):
        numpy.asscalar = asscalar
    restore_names("np", numpy, notes)


def restore_names(short: str, module: Any, notes: Notes) -> None:
    """Let `module`, which people call `short`, answer for its old names, before its own `__getattr__` refuses them."""
    names, refuse = TABLE["names"][short], vars(module).get("__getattr__")

    def answer(name: str) -> Any:
        try:
            found = _found(names[name])
        except (KeyError, AttributeError):
            if refuse is not None:
                return refuse(name)
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}") from None
        notes.shim(f"{short}.{name}", names[name])
        return found

    vars(module)["__getattr__"] = answer


def _found(name: str) -> Any:
    """The object that a name of today means: `int`, `np.float64`."""
    first, _, rest = name.partition(".")
    return operator.attrgetter(rest)(importlib.import_module(MODULES_SHORT[first])) if rest else getattr(builtins, name)


def after_import(notes: Notes) -> Mapping[str, Patch]:
    """The patches for modules, which are run after their import."""
    return {
        "tensorflow": lambda module: _restore_tensorflow(module, notes),
        "matplotlib.style": lambda module: _restore_styles(module, notes),
        "matplotlib.cm": lambda module: restore_names("plt.cm", module, notes),
        "sklearn.preprocessing": lambda module: _restore_encoder(module, notes),
        "pandas": lambda module: _restore_tables(module, notes),
        "tqdm.notebook": plain_progress,
        "PIL.Image": lambda module: restore_names("Image", module, notes),
    }


def _restore_tensorflow(tensorflow: Any, notes: Notes) -> None:
    for short, module in (("tf", tensorflow), ("tf.train", tensorflow.train), ("tf.random", tensorflow.random)):
        restore_names(short, module, notes)
    name_a_gpu(tensorflow, notes)


def _restore_styles(style: Any, notes: Notes) -> None:
    def newest(name: Any) -> Any:
        if isinstance(name, (list, tuple)):
            return [newest(item) for item in name]
        if not isinstance(name, str) or not name.startswith("seaborn") or name in style.available:
            return name
        new = f"seaborn-v0_8{name.removeprefix('seaborn')}"
        notes.shim(f"plt.style.use('{name}')", f"plt.style.use('{new}')")
        return new

    @replaces(style, "use")
    def use(original: Any, style: Any) -> Any:
        return original(newest(style))


def _restore_encoder(preprocessing: Any, notes: Notes) -> None:
    @replaces(preprocessing.OneHotEncoder, "__init__")  # scikit-learn reads the arguments off the signature
    def begin(original: Any, self: Any, **options: Any) -> None:
        if "sparse" in options:
            options["sparse_output"] = options.pop("sparse")
            notes.shim("OneHotEncoder(sparse=...)", "OneHotEncoder(sparse_output=...)")
        original(self, **options)


def _restore_tables(pandas: Any, notes: Notes) -> None:
    def as_matrix(table: Any) -> Any:
        """pandas' before 1.0."""
        notes.shim("as_matrix()", "to_numpy()")
        return table.to_numpy()

    def append(table: Any, other: Any, ignore_index: bool = False, **options: Any) -> Any:
        """pandas' before 2.0."""
        notes.shim("append(other)", "pd.concat([table, other])")
        rows = pandas.DataFrame([other]) if isinstance(other, Mapping) else other
        return pandas.concat([table, *(rows if isinstance(rows, list) else [rows])], ignore_index=ignore_index)

    for kind in (pandas.DataFrame, pandas.Series):
        kind.as_matrix, kind.append = as_matrix, append


LISTED = ("list_physical_devices", "list_logical_devices", "get_visible_devices")
NAMES = {"list_logical_devices": "/device:GPU:0"}  # the others say /physical_device:GPU:0
# What is set or asked of one device, and what is answered for the one that is not there.
SETTINGS: dict[str, Any] = {
    "set_memory_growth": None, "set_visible_devices": None, "set_logical_device_configuration": None,
    "set_virtual_device_configuration": None, "get_memory_growth": True, "get_logical_device_configuration": None,
    "get_virtual_device_configuration": None, "get_device_details": {}, "get_memory_info": {"current": 0, "peak": 0},
    "get_memory_usage": 0, "reset_memory_stats": None,
}  # fmt: skip
ASKED = ("is_gpu_available", "is_built_with_cuda", "is_built_with_gpu_support")


def name_a_gpu(tensorflow: Any, notes: Notes) -> None:
    """Let every function that looks for a GPU find one. Once TensorFlow is imported."""

    def tell() -> None:
        notes.note("there is no GPU here; code that asks for one is told that there is one, so that the cell goes on")

    for place in (tensorflow.config, tensorflow.config.experimental):
        for name in [name for name in LISTED if hasattr(place, name)]:
            kind = tensorflow.config.LogicalDevice if name in NAMES else tensorflow.config.PhysicalDevice
            _list_gpu(place, name, kind(NAMES.get(name, "/physical_device:GPU:0"), "GPU"), tell)
        for name in [name for name in SETTINGS if hasattr(place, name)]:
            _set_gpu(place, name)
    for name, answer in {"gpu_device_name": "/device:GPU:0", **dict.fromkeys(ASKED, True)}.items():
        _say_gpu(tensorflow.test, name, answer, tell)


def _list_gpu(place: Any, name: str, device: Any, tell: Callable[[], None]) -> None:
    """`list_physical_devices` and the like: with a GPU where none was found and one was asked for."""

    @replaces(place, name)
    def listed(original: Any, device_type: Any = None) -> Any:
        found = original(device_type)
        if asked_by_a_library():  # Keras compiles in another way where it sees a GPU
            return found
        if device_type not in (None, "GPU") or any(item.device_type == "GPU" for item in found):
            return found
        if device_type == "GPU":
            tell()
        return [*found, device]


def _set_gpu(place: Any, name: str) -> None:
    """A function that changes or describes a device: it does nothing for a GPU that is not there."""

    @replaces(place, name)
    def call(original: Any, device: Any = None, *arguments: Any, **options: Any) -> Any:
        if device is None:
            return original(*arguments, **options)
        return SETTINGS[name] if _is_gpu(device) else original(device, *arguments, **options)


def _say_gpu(place: Any, name: str, answer: Any, tell: Callable[[], None]) -> None:
    """A function that asks for a GPU, or for its name."""

    @replaces(place, name)
    def ask(original: Any, *arguments: Any, **options: Any) -> Any:
        found = original(*arguments, **options)
        if found or asked_by_a_library():
            return found
        tell()
        return answer


def _is_gpu(device: Any) -> bool:
    """Whether this is a GPU, the word for one, or a list of them."""
    if isinstance(device, Sequence) and not isinstance(device, (str, tuple)):
        return bool(device) and all(_is_gpu(item) for item in device)
    return "GPU" in str(getattr(device, "device_type", device))
