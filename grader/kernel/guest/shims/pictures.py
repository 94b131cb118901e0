"""Pictures that can't be drawn here: a blank one is written in the place of each, so that what opens it later goes on."""

import importlib
import os
import sys
from typing import Any

from grader.kernel.guest.notes import Notes

SIDES = (320, 80)
VECTOR = b'<svg xmlns="http://www.w3.org/2000/svg" width="320" height="80"/>'
TEXTS = (".html", ".htm", ".json", ".dot", ".txt", ".tex", ".md")


def write_blank(path: Any) -> None:
    """A blank file of the kind that its name says, unless there is one. Never raises."""
    try:
        name = os.fspath(path)
        if isinstance(name, str) and os.path.splitext(name)[1] and not os.path.lexists(name):  # noqa: PTH122
            data = blank(os.path.splitext(name)[1])  # noqa: PTH122
            with open(name, "wb") as file:  # noqa: PTH123
                file.write(data)
    except Exception:
        return


def blank(extension: str) -> bytes:
    """A blank picture, or an empty text, as files with this extension hold it."""
    import io

    kind = f".{extension.lower().lstrip('.')}"
    if kind == ".svg":
        return VECTOR
    if kind in TEXTS:
        return b""
    image = importlib.import_module("PIL.Image")
    buffer = io.BytesIO()
    known = image.registered_extensions()
    image.new("RGB", SIDES, "white").save(buffer, known.get(kind, "PNG"))
    return buffer.getvalue()


class Drawing:
    """What `model_to_dot` gives: it writes blank pictures, and has no content."""

    def write(self, path: Any, prog: Any = None, format: Any = "raw", **options: object) -> bool:
        """As pydot's."""
        write_blank(path)
        return True

    def create(self, prog: Any = None, format: Any = "ps", **options: object) -> bytes:
        """As pydot's."""
        return blank(str(format))

    def to_string(self, **options: object) -> str:
        """As pydot's."""
        return ""

    def __getattr__(self, name: str) -> Any:
        head, _, kind = name.partition("_")
        if head == "create" and kind:
            return lambda *arguments, **options: blank(kind)
        if head == "write" and kind:
            return lambda path, *arguments, **options: self.write(path)
        raise AttributeError(name)


def leave_pictures_out(notes: Notes) -> None:
    """`plot_model` and `model_to_dot` without graphviz: a note, and blank pictures where files are asked for."""
    drawing: Any = sys.modules["keras.src.utils.model_visualization"]
    utils: Any = [sys.modules[name] for name in ("keras.utils", "keras._tf_keras.keras.utils") if name in sys.modules]
    original = {name: getattr(drawing, name) for name in ("plot_model", "model_to_dot")}

    def there() -> bool:
        """Whether networks can be drawn."""
        found = bool(drawing.check_graphviz())
        if not found:
            notes.note("`plot_model` drew nothing: graphviz is not installed where notebooks are graded")
            notes.leave_undrawn()
        return found

    def plot_model(model: Any, to_file: Any = "model.png", *arguments: Any, **options: Any) -> Any:
        """Keras' own, where networks can be drawn."""
        if there():
            return original["plot_model"](model, to_file, *arguments, **options)
        if not model.built:
            raise ValueError("This model has not yet been built: call `build()`, or the model on some data, first.")
        write_blank(to_file)
        return None

    def model_to_dot(model: Any, *arguments: Any, **options: Any) -> Any:
        """Keras' own, where networks can be drawn."""
        return original["model_to_dot"](model, *arguments, **options) if there() else Drawing()

    for module in (drawing, *utils):
        module.plot_model, module.model_to_dot = plot_model, model_to_dot
