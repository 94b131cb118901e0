"""The served MNIST in other containers: IDX, CSV and NPY files, made when one is first opened."""

import gzip
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grader.kernel.guest.world.roles import components

IDX = re.compile(r"(train|t10k|test)[-_. ]?(images|labels)[-_. ]?idx\d[-_. ]?ubyte(\.gz)?")
ARRAY = re.compile(r"(?:mnist_)?(?:([xy])_?(train|test)|(train|test)_?(x|y|images|labels))\.npy")
TABLES = {  # name -> split, with labels, the header of a pixel's column
    "mnist_train.csv": ("train", True, "rows"),
    "mnist_test.csv": ("test", True, "rows"),
    "train.csv": ("train", True, "pixels"),
    "test.csv": ("test", False, "pixels"),
}
OTHER = ("fashion", "kmnist", "emnist")
ROWS = 5_000  # of a table made at a time


def is_other(*names: str) -> bool:
    """Whether a path or an address is of another collection in the same containers."""
    return any(word in name.lower() for name in names for word in OTHER)


class Digits:
    """Finds the digits that a path asks for; what must be made is made once, below `folder`."""

    def __init__(self, npz: str, folder: Path) -> None:
        self._npz, self._folder = npz, folder

    def find(self, path: str) -> str | None:
        """The file that stands for `path`; None where it asks for no digits. Fashion and the like are other data."""
        parts = components(path.partition("?")[0])
        name = parts[-1].lower() if parts else ""
        if not name or is_other(path):
            return None
        if name == "mnist.npz":
            return self._npz
        if found := IDX.fullmatch(name):
            split, what, packed = "train" if found[1] == "train" else "test", found[2], bool(found[3])
            return self._made(name, lambda: self._idx(split, what, packed=packed))
        if found := ARRAY.fullmatch(name):
            axis = found[1] or {"images": "x", "labels": "y"}.get(found[4], found[4])
            key = f"{axis}_{found[2] or found[3]}"
            return self._made(name, lambda: self._npy(key))
        if name in TABLES:
            return self._made(name, lambda: self._table(*TABLES[name]))
        return None

    def arrays(self) -> dict[str, Any]:
        """x_train (60000, 28, 28), y_train, x_test (10000, 28, 28), y_test, all uint8."""
        import numpy as np

        with np.load(self._npz) as file:
            return {name: file[name] for name in ("x_train", "y_train", "x_test", "y_test")}

    def _made(self, name: str, make: Callable[[], bytes]) -> str:
        path = self._folder / name
        if not path.is_file():
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(make())
        return str(path)

    def _idx(self, split: str, what: str, *, packed: bool) -> bytes:
        array = self.arrays()[f"{'x' if what == 'images' else 'y'}_{split}"]
        data: bytes = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
        return gzip.compress(data, 1) if packed else data

    def _npy(self, key: str) -> bytes:
        import io

        import numpy as np

        buffer = io.BytesIO()
        np.save(buffer, self.arrays()[key])
        return buffer.getvalue()

    def _table(self, split: str, labelled: bool, header: str) -> bytes:
        """A header, then a row an image: its label, if asked for, and its 784 pixels."""
        import numpy as np

        arrays = self.arrays()
        if header == "rows":
            names = [f"{row}x{column}" for row in range(1, 29) for column in range(1, 29)]
        else:
            names = [f"pixel{number}" for number in range(784)]
        lines = [",".join([*(["label"] if labelled else []), *names]).encode() + b"\n"]
        values = arrays[f"x_{split}"].reshape(-1, 784)
        if labelled:
            values = np.concatenate([arrays[f"y_{split}"][:, None], values], axis=1)
        written = np.array([f"{value},".encode() for value in range(256)], "S4").view(np.uint8).reshape(256, 4)
        for first in range(0, len(values), ROWS):
            text = written[values[first : first + ROWS]]
            text[:, -1][text[:, -1] == ord(",")] = ord("\n")
            lines.append(text[text != 0].tobytes())
        return b"".join(lines)
