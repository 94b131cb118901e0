"""The executed notebook as a report shows it: cells, outputs and pictures, each bounded. Pure.

A notebook may print ten megabytes and draw a thousand figures; a page that opens on a phone may not hold them.
What is left out is counted, and the page says so.
"""

import base64
import binascii
import struct
import zlib
from dataclasses import dataclass, field

from grader.evidence import Cell, CellError, Output
from grader.limits import write_duration
from grader.report.visible import one_line, shorten
from grader.report.words import count, plural

TEXT = 20_000  # characters of one output or one cell's source
PAGE_TEXT = 2_000_000  # characters of all of them
FIGURES = 30
FIGURE_BYTES = 4 << 20  # of all data URLs together
CELLS = 400
OUTPUTS = 100  # of one cell
FOLDED = 18  # lines of output beyond which it is folded
PIXELS = 25_000_000  # of one figure: a small file can unpack to more memory than a browser has

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """A figure that was looked at byte by byte before it goes into a data URL."""

    base64: str
    width: int
    height: int
    alt: str


@dataclass(frozen=True, kw_only=True)
class OutputView:
    """One output as shown: text or a picture, else a note why there is neither."""

    kind: str
    text: str = ""
    picture: Picture | None = None
    note: str = ""
    folded: str = ""  # what the fold is called; empty where nothing is folded


@dataclass(frozen=True, kw_only=True)
class CellView:
    """One code cell as shown."""

    number: int
    source: str
    source_note: str
    state: str  # "run", "failed" or "not run"
    seconds: str
    outputs: tuple[OutputView, ...]
    note: str


@dataclass(frozen=True)
class NotebookView:
    """The executed notebook, with notes of what was left out."""

    cells: tuple[CellView, ...]
    notes: tuple[str, ...]


@dataclass
class _Budget:
    """What is left for the page; `left_out` counts figures that were good but too many."""

    text: int = PAGE_TEXT
    figures: int = FIGURES
    figure_bytes: int = FIGURE_BYTES
    left_out: int = 0
    muted: bool = field(default=False)


def notebook_view(cells: tuple[Cell, ...]) -> NotebookView:
    """The cells of a run; give it cells whose text is visible already."""
    budget = _Budget()
    shown = tuple(_cell(cell, budget) for cell in cells[:CELLS])
    notes = []
    if budget.left_out:
        notes.append(f"{plural(budget.left_out, 'figure')} left out: a page holds at most {FIGURES} figures and 4 MB.")
    if budget.muted:
        notes.append(f"Text after the first {count(PAGE_TEXT)} characters of the notebook is left out.")
    if len(cells) > CELLS:
        notes.append(f"The notebook has {count(len(cells))} code cells; the first {CELLS} are shown.")
    return NotebookView(shown, tuple(notes))


def read_png(encoded: str, alt: str) -> Picture | None:
    """The picture if `encoded` is base64 of a whole, bounded PNG, else None."""
    try:
        data = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(data) < 57 or not data.startswith(_SIGNATURE) or data[12:16] != b"IHDR" or data[-8:-4] != b"IEND":
        return None
    length, width, height = struct.unpack(">I4xII", data[8:24])
    if length != 13 or zlib.crc32(data[12:29]) != int.from_bytes(data[29:33], "big"):
        return None
    if not (0 < width <= 20_000 and 0 < height <= 20_000 and width * height <= PIXELS):
        return None
    return Picture(base64.b64encode(data).decode("ascii"), width, height, alt)


def _cell(cell: Cell, budget: _Budget) -> CellView:
    source, source_note = _cut(cell.source, budget)
    outputs = [_output(item, cell.number, budget) for item in cell.outputs[:OUTPUTS] if item.kind != "error"]
    if cell.error is not None:
        outputs.append(_error(cell.error, budget))
    surplus = len(cell.outputs) - OUTPUTS
    return CellView(
        number=cell.number,
        source=source.strip("\n"),
        source_note=source_note,
        state="failed" if cell.error is not None else "run" if cell.executed else "not run",
        seconds=write_duration(cell.seconds),
        outputs=tuple(item for item in outputs if item.text or item.picture or item.note),
        note=f"{plural(surplus, 'more output')} of this cell left out." if surplus > 0 else "",
    )


def _output(output: Output, cell: int, budget: _Budget) -> OutputView:
    if output.png is None:
        text, note = _cut(output.text.rstrip(), budget)
        return OutputView(kind=output.kind, text=text, note=note, folded=_fold(text))
    picture = read_png(output.png, shorten(f"Figure drawn by cell {cell}. {one_line(output.text)}".strip(), 160))
    if picture is None:
        text, _ = _cut(output.text.rstrip(), budget)
        return OutputView(kind=output.kind, text=text, note="A picture that is not a readable PNG is not shown.")
    if budget.figures <= 0 or budget.figure_bytes < len(picture.base64):
        budget.left_out += 1
        return OutputView(kind=output.kind, note="A figure is left out here, so that the page stays light.")
    budget.figures -= 1
    budget.figure_bytes -= len(picture.base64)
    return OutputView(kind=output.kind, picture=picture)


def _error(error: CellError, budget: _Budget) -> OutputView:
    said = f"{error.name}: {error.message}" if error.message else error.name
    text, note = _cut(error.traceback.strip() or said, budget)
    folded = shorten(one_line(said), 200) if len(text.splitlines()) > 1 else ""
    return OutputView(kind="error", text=text, note=note, folded=folded)


def _fold(text: str) -> str:
    lines = text.count("\n") + 1
    return f"{count(lines)} lines of output" if lines > FOLDED else "a long output" if len(text) > 4_000 else ""


def _cut(text: str, budget: _Budget) -> tuple[str, str]:
    room = min(TEXT, budget.text)
    shown = text[:room]
    budget.text -= len(shown)
    if len(shown) == len(text):
        return shown, ""
    budget.muted |= room < TEXT
    return shown, f"{count(len(text) - len(shown))} more characters are left out here."
