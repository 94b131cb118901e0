"""`acc` and `accuracy`: what Keras called the same figure before and after version 2.3, wherever only one is there."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from grader.kernel.guest.notes import Notes

SHORT, LONG = "acc", "accuracy"


class Curves(dict[str, Any]):
    """Figures by name, where `acc` and `accuracy` are one name if only one of them is there; pickled as a plain dict."""

    def __init__(self, values: Mapping[str, Any], notes: Notes) -> None:
        super().__init__(values)
        self._notes = notes

    def __missing__(self, key: str) -> Any:
        other = self._other(key)
        if other is None:
            raise KeyError(key)
        return self[other]

    def get(self, key: str, default: Any = None) -> Any:
        """As a dict's, with the other name."""
        other = key if key in self else self._other(key)
        return default if other is None else self[other]

    def _other(self, key: object) -> str | None:
        other = other_name(key)
        if other is None or other not in self:
            return None
        self._notes.shim(f"history['{key}']", f"history['{other}']")
        return other

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


def alias_accuracy(keras: Any, notes: Notes) -> None:
    """`acc` and `accuracy` in histories, and in the logs that callbacks of the submission's own are given."""
    start = keras.callbacks.History.__init__

    @functools.wraps(start)
    def begin(self: Any) -> None:
        start(self)
        self.history = Curves(self.history, notes)

    keras.callbacks.History.__init__ = begin
    set_model = keras.callbacks.Callback.set_model

    @functools.wraps(set_model)
    def adopt(self: Any, model: Any) -> None:
        set_model(self, model)
        own = not type(self).__module__.startswith("keras.") or type(self).__name__ == "LambdaCallback"
        if own and not hasattr(self, "monitor") and not hasattr(self, "callbacks"):
            _alias_logs(self, notes)

    keras.callbacks.Callback.set_model = adopt
    monitoring = keras.callbacks.EarlyStopping.__mro__[1]  # of all that monitor; it has no public name
    monitoring._set_monitor_op = _monitoring(monitoring._set_monitor_op, notes)
    keras.callbacks.ModelCheckpoint._get_file_path = _naming(keras.callbacks.ModelCheckpoint._get_file_path)


def other_name(name: object) -> str | None:
    """`val_accuracy` of "val_acc" and the other way round; None for all other names."""
    if not isinstance(name, str):
        return None
    head, plain = ("val_", name[4:]) if name.startswith("val_") else ("", name)
    other = {SHORT: LONG, LONG: SHORT}.get(plain)
    return None if other is None else head + other


def _monitoring(original: Callable[[Any], None], notes: Notes) -> Callable[[Any], None]:
    """What a callback does before it compares for the first time, when the metrics are known."""

    @functools.wraps(original)
    def set_monitor(callback: Any) -> None:
        known = {part.name for metric in callback.model.metrics for part in (metric, *getattr(metric, "metrics", ()))}
        monitor, other = callback.monitor, other_name(callback.monitor)
        if other is not None and monitor.removeprefix("val_") not in known and other.removeprefix("val_") in known:
            notes.shim(f"{type(callback).__name__}(monitor='{monitor}')", f"monitor='{other}'")
            callback.monitor = other
        original(callback)

    return set_monitor


def _naming(original: Callable[..., Any]) -> Callable[..., Any]:
    """The name of a checkpoint's file, in which `{val_acc}` may stand for `{val_accuracy}`."""

    @functools.wraps(original)
    def name_file(callback: Any, epoch: Any, batch: Any, logs: Any) -> Any:
        told = {other: value for name, value in (logs or {}).items() if (other := other_name(name)) is not None}
        return original(callback, epoch, batch, {**told, **(logs or {})})

    return name_file


def _alias_logs(callback: Any, notes: Notes) -> None:
    original = callback.on_epoch_end
    if hasattr(original, "aliased"):
        return

    def on_epoch_end(epoch: int, logs: dict[str, Any] | None = None) -> None:
        told = Curves(logs or {}, notes)
        original(epoch, told)
        if logs is not None:
            logs.update(told)  # what it adds is meant for the others

    on_epoch_end.aliased = True  # type: ignore[attr-defined]
    callback.on_epoch_end = on_epoch_end
