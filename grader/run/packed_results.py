"""The rows of a class in memory: ten thousand results in a few megabytes."""

import zlib
from collections.abc import Sequence
from typing import overload

from grader.core.results import Result


class Rows(Sequence[Result]):
    """Results in the order of a class' entries, packed: as values each takes 25 kB, as text a tenth of it.

    What was not set is not there: the rows of a batch that was interrupted are those that there are.
    """

    def __init__(self) -> None:
        self._packed: dict[int, bytes] = {}
        self._sorted: list[int] | None = None

    def put(self, place: int, result: Result) -> None:
        """Set the row of the entry number `place`, from 0; the last one set counts."""
        text = result.model_dump_json(by_alias=True).encode("utf-8", "surrogatepass")
        self._packed[place] = zlib.compress(text, 1)
        self._sorted = None

    def at(self, place: int) -> Result:
        """The row of the entry number `place`. Raises KeyError."""
        return Result.model_validate_json(zlib.decompress(self._packed[place]))

    def has(self, place: int) -> bool:
        """Whether the entry number `place` has its row."""
        return place in self._packed

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> list[Result]: ...
    def __getitem__(self, index: int | slice) -> Result | list[Result]:
        if self._sorted is None:
            self._sorted = sorted(self._packed)
        if isinstance(index, slice):
            return [self.at(place) for place in self._sorted[index]]
        return self.at(self._sorted[index])
