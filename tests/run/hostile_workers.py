"""A worker that answers with something that acts when it is unpickled."""

import os
from pathlib import Path


class Trap:
    """Makes a file where it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


def answer_with_a_trap(message: bytes, topic: str) -> object:
    """What a worker must not be able to do: the folder is named by its environment."""
    marks = Path(os.environ["SCRIPT_MARKS"])
    (marks / "answered").touch()
    return Trap(str(marks / "trapped"))
