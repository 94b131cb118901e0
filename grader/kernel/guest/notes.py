"""What was made to work and what was left out, told once each with the cells it happened in."""

from typing import Any

MOST = 150  # entries of a kind
MOST_CELLS = 5  # named in one entry
LONGEST = 240  # characters of an entry without its cells


class Notes:
    """Collects `shims` (an old name that works here), and `notes` (anything else that a person should know)."""

    def __init__(self) -> None:
        self.cell = 0
        self.changed = False
        self._shims: dict[str, list[int]] = {}
        self._notes: dict[str, list[int]] = {}
        self._undrawn: list[int] = []

    def count_cell(self, *_: object) -> None:
        """Called before each cell: IPython's own counter differs between versions."""
        self.cell += 1

    def shim(self, old: str, new: str) -> None:
        """Note that `old` was used and works as `new`, which means the same."""
        self._add(self._shims, f"works here, deprecated: `{old}` -> `{new}`")

    def note(self, text: str, cell: int | None = None) -> None:
        """Note something that is not the student's doing; a whole sentence without its full stop. `cell`: not this one."""
        self._add(self._notes, text, cell)

    def leave_undrawn(self) -> None:
        """Note that this cell was to draw something with a package that is not installed here."""
        if self.cell and self.cell not in self._undrawn and len(self._undrawn) < MOST:
            self._undrawn.append(self.cell)
            self.changed = True

    def told(self) -> dict[str, Any]:
        """All notes, as they go into the record."""
        self.changed = False
        shims, notes = ([_with_cells(*entry) for entry in kind.items()] for kind in (self._shims, self._notes))
        return {"shims": shims, "notes": notes, "undrawn": self._undrawn}

    def _add(self, kind: dict[str, list[int]], text: str, cell: int | None = None) -> None:
        text = " ".join(text.split())
        text = text if len(text) <= LONGEST else text[:LONGEST] + "…"
        if text not in kind and len(kind) >= MOST:
            return
        cells = kind.setdefault(text, [])
        cell = self.cell if cell is None else cell
        if cell not in cells:
            cells.append(cell)
            self.changed = True


def _with_cells(text: str, cells: list[int]) -> str:
    """An entry with the cells that it happened in, if it was in any."""
    known = [cell for cell in cells if cell]
    if not known:
        return text
    named = ", ".join(str(cell) for cell in known[:MOST_CELLS]) + (", …" if len(known) > MOST_CELLS else "")
    return f"{text} (cell {named})" if len(known) == 1 else f"{text} (cells {named})"
