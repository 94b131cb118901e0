"""Networks of a notebook: where they stand, what they are called, and the files in which some of them leave the kernel."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from grader.kernel.guest.describing import layer_kinds, shorten
from grader.kernel.guest.notes import Notes
from grader.kernel.guest.portable import foreign_parts, portable

FILES = ("model.keras", "model-2.keras", "model-3.keras", "model-4.keras")
ROWS = ("rows.npy", "rows-2.npy", "rows-3.npy", "rows-4.npy")
SEEN = ("seen.npy", "seen-2.npy", "seen-3.npy", "seen-4.npy")
MOST_SEEN = 8192  # small copies of rows that one network was trained on
MOST_ALTERNATIVE = 128 << 20  # bytes of a network's file beside the one that was chosen
MOST_VALUES = 200  # of one list or dictionary that are looked at
MOST_FILES, MOST_FILE = 20, 256 << 20  # saved networks that are tried, bytes of one of them
PATTERNS = ("*.keras", "*.h5", "*.hdf5", "*/*.keras", "*/*.h5", "*/*.hdf5")


def user_namespace() -> dict[str, Any]:
    """The notebook's global names, without IPython's own; empty outside a kernel."""
    from IPython import get_ipython

    shell = get_ipython()
    return {} if shell is None else {name: value for name, value in shell.user_ns.items() if not name.startswith("_")}


def networks(kind: type) -> Iterator[tuple[str, Any]]:
    """Networks with their names: global ones, then those one level below (an object's attribute, a list's element)."""
    below: list[tuple[str, Any]] = []
    for name, value in user_namespace().items():
        if issubclass(type(value), kind):
            yield name, value
        else:
            below += [(f"{name}{place}", part) for place, part in _parts(value) if issubclass(type(part), kind)]
    yield from below


def _parts(value: Any) -> list[tuple[str, Any]]:
    if type(value) in (list, tuple):
        return [(f"[{index}]", part) for index, part in enumerate(value[:MOST_VALUES])]
    if type(value) is dict:
        return [(f"[{key!r}]", part) for key, part in list(value.items())[:MOST_VALUES]]
    attributes = {} if isinstance(value, (type, type(os))) else getattr(value, "__dict__", None)
    if type(attributes) is not dict:
        return []
    return [(f".{key}", part) for key, part in list(attributes.items())[:MOST_VALUES] if not str(key).startswith("_")]


def name_of(model: Any, kind: type) -> str | None:
    """The first name that leads to `model` from the notebook's globals."""
    return next((shorten(name) for name, value in networks(kind) if value is model), None)


def saved_networks(keras: Any) -> Iterator[tuple[str, Any]]:
    """Networks in files of the working folder, the newest first; what can't be loaded is passed over."""
    found = {path for pattern in PATTERNS for path in Path().glob(pattern)}
    usable = [path for path in found if path.is_file() and path.stat().st_size <= MOST_FILE]
    for path in sorted(usable, key=lambda path: path.stat().st_mtime, reverse=True)[:MOST_FILES]:
        try:
            yield shorten(path), keras.saving.load_model(str(path), compile=False)
        except Exception:
            continue


class Shelf:
    """The artefacts' folder: at most as many networks as there are names in `FILES`, each with rows of its training."""

    def __init__(self, folder: Path, notes: Notes) -> None:
        self._folder, self._notes = folder, notes
        self._held: list[Any] = [None] * len(FILES)  # strong references
        self._rows: list[Any] = [None] * len(FILES)

    def file_of(self, model: Any) -> str | None:
        """Where `model` was saved."""
        return next((file for file, held in zip(FILES, self._held, strict=True) if held is model), None)

    def held(self) -> list[Any]:
        """The networks that are saved."""
        return [model for model in self._held if model is not None]

    def save(self, keras: Any, model: Any, rows: Any, seen: Sequence[Any], order: Sequence[Any]) -> None:
        """Save a network, in another one's place where all are taken; `order`: the oldest first. Raises what it will.

        `rows` are the first ones that it was trained on, `seen` small copies of more.
        """
        place = self._place(model, order)
        self._rows[place] = rows
        try:
            self._write(keras, model, place)
        except OSError:  # no room: better this one alone than none
            for index in range(len(FILES)):
                self._clear(index)
            place = 0
            self._rows[place] = rows
            self._write(keras, model, place)
        self._held[place] = model
        if rows is not None:
            self._write_rows(rows, ROWS[place])
        if seen:
            import numpy

            self._write_rows(numpy.concatenate(seen)[:MOST_SEEN], SEEN[place])

    def save_again(self, keras: Any, model: Any) -> None:
        """Save an alternative as it is now, unless that takes long; what fails is as it was."""
        file = self.file_of(model)
        if file is not None and (self._folder / file).stat().st_size <= MOST_ALTERNATIVE:
            try:
                self._write(keras, model, FILES.index(file))
            except Exception:
                return

    def _place(self, model: Any, order: Sequence[Any]) -> int:
        for wanted in (model, None):
            for place, held in enumerate(self._held):
                if held is wanted:
                    return place
        ages = {id(other): age for age, other in enumerate(order)}
        same = layer_kinds(model)
        return min(  # the oldest of those that look like it, else the oldest
            range(len(FILES)),
            key=lambda place: (layer_kinds(self._held[place]) != same, ages.get(id(self._held[place]), -1)),
        )

    def _write(self, keras: Any, model: Any, place: int) -> None:
        parts = foreign_parts(model)
        plain = portable(keras, model, self._rows[place]) if parts else None
        if plain is not None:
            try:
                self._save_as(keras, plain, place)
            except OSError:
                raise
            except Exception:  # what was followed holds something that no file can
                plain = None
        if plain is None:
            self._save_as(keras, model, place)
            return
        is_class = parts == (f"`{type(model).__name__}`",)
        what = (
            "a class that no other process knows: its layers were"
            if is_class
            else "code that no other process knows: all was"
        )
        self._notes.note(f"{' and '.join(parts)} is {what} saved as a plain network, which gives the same outputs")

    def _save_as(self, keras: Any, model: Any, place: int) -> None:
        partial = self._folder / "partial.keras"
        try:
            keras.saving.save_model(model, str(partial))
            os.replace(partial, self._folder / FILES[place])  # noqa: PTH105 - on a descriptor-backed folder
        finally:
            partial.unlink(missing_ok=True)

    def _write_rows(self, rows: Any, name: str) -> None:
        import numpy

        partial = self._folder / "rows.partial"
        with partial.open("wb") as file:
            numpy.save(file, rows, allow_pickle=False)
        os.replace(partial, self._folder / name)  # noqa: PTH105

    def _clear(self, place: int) -> None:
        self._held[place] = self._rows[place] = None
        for name in (FILES[place], ROWS[place], SEEN[place]):
            (self._folder / name).unlink(missing_ok=True)
