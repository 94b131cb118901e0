"""The executed notebook as a report shows it: cells, outputs and pictures, each bounded. Pure.

A notebook may print ten megabytes and draw a thousand figures; a page that opens on a phone may not hold them, and stays
below 1.5 MB. Figures are made lighter where all of them together are too heavy. What is left out is counted, and the page
says so.
"""

from dataclasses import dataclass
from html import escape

from grader.evidence import Cell, CellError, Output
from grader.limits import write_duration
from grader.report.phrases import Text, joined, many, say
from grader.report.pictures import Picture, lighter, read_png
from grader.report.visible import one_line, settled, shorten, visible

TEXT = 20_000  # bytes of one output or one cell's source, as they stand in the page
PAGE_TEXT = 300_000  # of all of them
FIGURES = 30
FIGURE_BYTES = 420_000  # of all data URLs together
HEAVY = 24_000  # bytes of a figure that is worth making lighter
DECODED = 60_000_000  # pixels of all figures that are decoded for it
CELLS = 300
OUTPUTS = 100  # of one cell
FOLDED = 18  # lines of output beyond which it is folded
LONG = 4_000  # characters of a short output with long lines


@dataclass(frozen=True, kw_only=True)
class OutputView:
    """One output as shown: text or a picture, else a note why there is neither."""

    kind: str
    text: str = ""
    picture: Picture | None = None
    note: Text = ""
    folded: Text = ""  # what the fold is called; empty where nothing is folded


@dataclass(frozen=True, kw_only=True)
class CellView:
    """One code cell as shown."""

    number: int
    source: str
    source_note: Text
    state: str  # "run", "failed" or "not run"
    seconds: str
    outputs: tuple[OutputView, ...]
    note: Text


@dataclass(frozen=True)
class NotebookView:
    """The executed notebook, with notes of what was left out."""

    cells: tuple[CellView, ...]
    notes: tuple[Text, ...]


@dataclass
class _Budget:
    """What is left for the page; `left_out` counts figures that were good but too many or too heavy."""

    squeeze: bool  # all figures together are too heavy
    text: int = PAGE_TEXT
    figures: int = FIGURES
    figure_bytes: int = FIGURE_BYTES
    decoded: int = DECODED
    left_out: int = 0
    squeezed: int = 0
    muted: bool = False


def notebook_view(cells: tuple[Cell, ...]) -> NotebookView:
    """The cells of a run as they were stored: all text that is shown is made visible here."""
    drawn = [len(output.png) for cell in cells[:CELLS] for output in cell.outputs[:OUTPUTS] if output.png]
    budget = _Budget(squeeze=sum(drawn[:FIGURES]) > FIGURE_BYTES)
    shown = tuple(_cell(cell, budget) for cell in cells[:CELLS])
    notes: list[Text] = []
    if budget.squeezed:
        notes.append(
            many(
                budget.squeezed,
                "{n} figure is shown smaller or less sharp than it was drawn, so that the page stays light.",
                "{n} figures are shown smaller or less sharp than they were drawn, so that the page stays light.",
            )
        )
    if budget.left_out:
        notes.append(
            many(
                budget.left_out,
                "{n} figure is left out: a page holds at most {most} figures and {size} kB of them.",
                "{n} figures are left out: a page holds at most {most} figures and {size} kB of them.",
                most=FIGURES,
                size=FIGURE_BYTES // 1000,
            )
        )
    if budget.muted:
        notes.append(say("Text after the first {n} kB of the notebook is left out.", n=PAGE_TEXT // 1000))
    if len(cells) > CELLS:
        notes.append(say("The notebook has {n} code cells; the first {most} are shown.", n=len(cells), most=CELLS))
    return NotebookView(shown, tuple(notes))


def _cell(cell: Cell, budget: _Budget) -> CellView:
    source, source_note = _cut(cell.source, budget)
    outputs = [_output(item, cell.number, budget) for item in cell.outputs[:OUTPUTS] if item.kind != "error"]
    if cell.error is not None:
        outputs.append(_error(cell.error, budget))
    surplus = len(cell.outputs) - OUTPUTS
    more = many(surplus, "{n} more output of this cell is left out.", "{n} more outputs of this cell are left out.")
    return CellView(
        number=cell.number,
        source=source.strip("\n"),
        source_note=source_note,
        state="failed" if cell.error is not None else "run" if cell.executed else "not run",
        seconds=write_duration(cell.seconds),
        outputs=tuple(item for item in outputs if item.text or item.picture or item.note),
        note=more if surplus > 0 else "",
    )


def _output(output: Output, cell: int, budget: _Budget) -> OutputView:
    if output.png is None:
        text, note = _cut(output.text, budget, printed=True)
        return OutputView(kind=output.kind, text=text, note=note, folded=_fold(text))
    said = shorten(one_line(output.text[:1_000]), 160)
    picture = read_png(output.png, joined((say("Figure drawn by cell {n}.", n=cell), said)))
    if picture is None:
        text, _ = _cut(output.text, budget, printed=True)
        return OutputView(kind=output.kind, text=text, note=say("A picture that is not a readable PNG is not shown."))
    picture = _lightened(picture, budget)
    if budget.figures <= 0 or budget.figure_bytes < len(picture.base64):
        budget.left_out += 1
        return OutputView(kind=output.kind, note=say("A figure is left out here, so that the page stays light."))
    budget.figures -= 1
    budget.figure_bytes -= len(picture.base64)
    return OutputView(kind=output.kind, picture=picture)


def _lightened(picture: Picture, budget: _Budget) -> Picture:
    pixels = picture.width * picture.height
    if not budget.squeeze or len(picture.base64) < HEAVY or budget.figures <= 0 or pixels > budget.decoded:
        return picture
    budget.decoded -= pixels
    light = lighter(picture)
    budget.squeezed += light is not None
    return light or picture


def _error(error: CellError, budget: _Budget) -> OutputView:
    said = f"{error.name}: {error.message}" if error.message else error.name
    text, note = _cut(error.traceback.strip() or said, budget, printed=True)
    folded = shorten(one_line(said[:1_000]), 200) if len(text.splitlines()) > 1 else ""
    return OutputView(kind="error", text=text, note=note, folded=folded)


def _fold(text: str) -> Text:
    lines = text.count("\n") + 1
    if lines > FOLDED:
        return many(lines, "{n} line of output", "{n} lines of output")
    return say("a long output") if len(text) > LONG else ""


def _cut(text: str, budget: _Budget, *, printed: bool = False) -> tuple[str, Text]:
    """The beginning of a text that there is room for: what counts are the bytes that it takes in a page.

    `printed` text is shown as a terminal would have left it.
    """
    room = min(TEXT, budget.text)
    if printed and room:
        text = settled(text).rstrip()
    kept = text[:room]
    shown = visible(kept)
    while (used := _weight(shown)) > room:  # few rounds: each takes away the share that is too much
        kept = kept[: len(kept) * room // used]
        shown = visible(kept)
    budget.text -= used
    if len(kept) == len(text):
        return shown, ""
    budget.muted |= room < TEXT
    left = len(text) - len(kept)
    return shown, many(left, "{n} more character is left out here.", "{n} more characters are left out here.")


def _weight(text: str) -> int:
    return len(escape(text).encode("utf-8", "replace"))
