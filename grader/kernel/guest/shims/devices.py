"""A GPU for code that was written where there is one: all ways of asking for it are answered alike, and nothing uses it.

Notebooks of Colab and Kaggle stop where they find none. Operations go to the processor, whatever device they name.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from grader.kernel.guest.callers import asked_by_a_library
from grader.kernel.guest.notes import Notes

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
        notes.note("there is no GPU here; one was named all the same, so that the cell goes on as where there is one")

    for place in (tensorflow.config, tensorflow.config.experimental):
        for name in [name for name in LISTED if hasattr(place, name)]:
            kind = tensorflow.config.LogicalDevice if name in NAMES else tensorflow.config.PhysicalDevice
            device = kind(NAMES.get(name, "/physical_device:GPU:0"), "GPU")
            setattr(place, name, _listing(getattr(place, name), device, tell))
        for name, answer in SETTINGS.items():
            if hasattr(place, name):
                setattr(place, name, _setting(getattr(place, name), answer))
    find = tensorflow.test.gpu_device_name

    def gpu_device_name() -> str:
        """The name of a GPU."""
        found: str = find()
        if found or asked_by_a_library():
            return found
        tell()
        return "/device:GPU:0"

    tensorflow.test.gpu_device_name = gpu_device_name
    for name in ASKED:
        setattr(tensorflow.test, name, _asking(getattr(tensorflow.test, name), tell))


def _listing(original: Callable[..., Any], device: Any, tell: Callable[[], None]) -> Callable[..., Any]:
    """`list_physical_devices` and the like: with a GPU where none was found and one was asked for."""

    @functools.wraps(original)
    def listed(device_type: Any = None) -> Any:
        found = original(device_type)
        if asked_by_a_library():  # Keras compiles in another way where it sees a GPU
            return found
        if device_type not in (None, "GPU") or any(item.device_type == "GPU" for item in found):
            return found
        if device_type == "GPU":
            tell()
        return [*found, device]

    return listed


def _setting(original: Callable[..., Any], answer: Any) -> Callable[..., Any]:
    """What changes or describes a device: nothing is done for one that is not there."""

    @functools.wraps(original)
    def call(device: Any = None, *arguments: Any, **options: Any) -> Any:
        if device is None:
            return original(*arguments, **options)
        return answer if _is_gpu(device) else original(device, *arguments, **options)

    return call


def _asking(original: Callable[..., Any], tell: Callable[[], None]) -> Callable[..., bool]:
    @functools.wraps(original)
    def ask(*arguments: Any, **options: Any) -> bool:
        found = bool(original(*arguments, **options))
        if found or asked_by_a_library():
            return found
        tell()
        return True

    return ask


def _is_gpu(device: Any) -> bool:
    """Whether this is a GPU, the word for one, or a list of them."""
    if isinstance(device, Sequence) and not isinstance(device, (str, tuple)):
        return bool(device) and all(_is_gpu(item) for item in device)
    return "GPU" in str(getattr(device, "device_type", device))
