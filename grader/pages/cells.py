"""The executed notebook as a report shows it: code, prose, outputs and pictures, each bounded. Pure.

A notebook may print ten megabytes and draw a thousand figures; a page that opens on a phone stays below 1.5 MB. What is
left out is counted, and the page says so. Students' figures are PNG from the sandbox. Each is looked at byte by byte;
where all of them together are too heavy, heavy ones are decoded, by Pillow's PNG reader alone and within bounds that
are checked before, and written again as WebP.
"""

import base64
import binascii
import io
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grader.checks.cell_and_line import Places
from grader.core.evidence import Cell, CellError, MarkdownCell, Output
from grader.core.text import joined, one_line, settled, visible
from grader.pages.language import many, say, translated, write_duration
from grader.pages.markup import Markup, as_written, code_lines, markdown, plain_lines

PIXELS = 25_000_000  # of one figure: a small file can unpack to more memory than a browser has
WIDEST = 1_000  # pixels of a figure that was made lighter; a page shows it no wider
QUALITY = 72
THUMBNAIL = 96  # longest side of a photograph's
CHUNKS = 20_000  # of one figure: matplotlib writes one for every 64 kB
LARGEST_DECODED = 12_000_000  # pixels of a figure that is decoded here

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """A picture for a data URL; sizes in pixels."""

    base64: str
    width: int
    height: int
    kind: str = "png"
    alt: str = ""

    @property
    def url(self) -> str:
        """The picture as a data URL."""
        return f"data:image/{self.kind};base64,{self.base64}"

    @property
    def drawn(self) -> Markup:
        """The picture as an element of a page."""
        size = f'width="{self.width}" height="{self.height}"'
        return Markup(f'<img src="{self.url}" {size} alt="{escape(visible(self.alt))}">')


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
    plain = _without_extras(data)
    return None if plain is None else Picture(base64.b64encode(plain).decode("ascii"), width, height, alt=alt)


def _without_extras(data: bytes) -> bytes | None:
    """The PNG with only the chunks that its pixels need, in their order; None where it is not a valid PNG.

    Whatever else a PNG may hold (profiles, texts, animations) makes readers raise all kinds of errors.
    """
    kept, place, count, pixels = [_SIGNATURE], len(_SIGNATURE), 0, False
    while place + 12 <= len(data) and count < CHUNKS:
        size, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        end = place + 12 + size
        if end > len(data) or (kind == b"IHDR") != (count == 0):
            return None
        if kind in (b"IHDR", b"IDAT", b"IEND") or (kind in (b"PLTE", b"tRNS") and not pixels):
            kept.append(data[place:end])
        if kind == b"IEND":
            return b"".join(kept)
        pixels, place, count = pixels or kind == b"IDAT", end, count + 1
    return None


def lighter(picture: Picture) -> Picture | None:
    """The picture scaled to the width of a page, as WebP; None where it can't be decoded or would not get smaller."""
    if picture.width * picture.height > LARGEST_DECODED:
        return None
    try:
        with Image.open(io.BytesIO(base64.b64decode(picture.base64)), formats=["PNG"]) as opened:
            if opened.size != (picture.width, picture.height):
                return None
            image = _on_white(opened)
            image.thumbnail((WIDEST, 4 * WIDEST), Image.Resampling.BILINEAR, reducing_gap=1.5)
            written = io.BytesIO()
            image.save(written, "WEBP", quality=QUALITY, method=1)
    except Exception:  # Pillow has no complete list of what a damaged picture makes it raise
        return None
    encoded = base64.b64encode(written.getvalue()).decode("ascii")
    if len(encoded) >= len(picture.base64):
        return None
    return Picture(encoded, image.width, image.height, "webp", picture.alt)


def thumbnail(pixels: NDArray[np.uint8]) -> Picture:
    """A small picture of one image of a dataset, uint8 (height, width, 1 or 3)."""
    kind, encoded, width, height = _thumbnail(pixels.tobytes(), pixels.shape)
    return Picture(encoded, width, height, kind)


@lru_cache(maxsize=2048)
def _thumbnail(data: bytes, shape: tuple[int, ...]) -> tuple[str, str, int, int]:
    """Cached, because the same few images are hard for a whole class."""
    pixels = np.frombuffer(data, dtype=np.uint8).reshape(shape)
    image = Image.fromarray(pixels[..., 0] if shape[-1] == 1 else pixels)
    written = io.BytesIO()
    if max(image.size) <= 64:
        image.save(written, "PNG", optimize=True)
        return "png", base64.b64encode(written.getvalue()).decode("ascii"), *image.size
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    image.save(written, "WEBP", quality=QUALITY, method=1)
    return "webp", base64.b64encode(written.getvalue()).decode("ascii"), *image.size


def _on_white(image: Image.Image) -> Image.Image:
    """The picture as RGB, with white where it is transparent."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        coloured = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(coloured, mask=coloured.getchannel("A"))
        return paper
    return image.convert("RGB")


TEXT = 20_000  # bytes of one output or one cell's source, as they stand in the page
PAGE_TEXT = 300_000  # of all of them
MARKUP = 150_000  # bytes of the page by which coloured code and Markdown may be heavier than the text that they show
PROSE = 40_000  # characters of all Markdown that is read as such; what follows is shown as it was written
FIGURES = 30
FIGURE_BYTES = 420_000  # of all data URLs together
HEAVY = 24_000  # bytes of a figure that is worth making lighter
ALL_DECODED = 60_000_000  # pixels of all figures that are decoded for it
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
    note: str = ""
    folded: str = ""  # what the fold is called; empty where nothing is folded


@dataclass(frozen=True, kw_only=True)
class ProseView:
    """One Markdown cell as shown, with a note of what was left out of it."""

    markup: Markup
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class CellView:
    """One code cell as shown, and the Markdown before it; `lines` are those of its source in colours.

    `count` is the number that Jupyter had put beside it, where that is another one; else empty.
    """

    number: int
    title: str  # "Cell 3"; of a module its file, or "Lines 3 to 5"
    count: str
    before: tuple[ProseView, ...]
    source: str
    lines: tuple[Markup, ...]
    source_note: str
    state: str  # "run", "failed" or "not run"
    seconds: str
    outputs: tuple[OutputView, ...]
    note: str


@dataclass(frozen=True)
class NotebookView:
    """The executed notebook, with notes of what was left out; `after` is the Markdown below its last cell."""

    cells: tuple[CellView, ...]
    notes: tuple[str, ...]
    after: tuple[ProseView, ...] = ()


@dataclass
class _Budget:
    """What is left for the page; `left_out` counts figures that were good but too many or too heavy."""

    squeeze: bool  # all figures together are too heavy
    text: int = PAGE_TEXT
    figures: int = FIGURES
    figure_bytes: int = FIGURE_BYTES
    decoded: int = ALL_DECODED
    markup: int = MARKUP
    prose: int = PROSE
    left_out: int = 0
    squeezed: int = 0
    muted: bool = False


def notebook_view(
    cells: Sequence[Cell],
    markdown: Sequence[MarkdownCell] = (),
    counts: Sequence[int | None] = (),
    *,
    file: str = "",
    figure_bytes: int = FIGURE_BYTES,
) -> NotebookView:
    """The cells of a run as they were stored, among the notebook's Markdown: all text that is shown is made visible here.

    `counts` are the numbers that Jupyter had put beside code cells. `file`: the name of a module. `figure_bytes`: what all
    figures may weigh as they stand in the page; where they weigh more, some are made lighter.
    """
    kept = cells[:CELLS]
    prose = [cell for cell in markdown if len(kept) == len(cells) or cell.after < kept[-1].number]
    drawn = [len(output.png) for cell in kept for output in cell.outputs[:OUTPUTS] if output.png]
    drawn += [len(picture.png) for cell in prose for picture in cell.attachments]
    budget = _Budget(squeeze=sum(drawn[:FIGURES]) > figure_bytes, figure_bytes=figure_bytes)
    shown = []
    for cell in kept:
        before = [_prose(item, budget) for item in prose if item.after < cell.number]
        prose = [item for item in prose if item.after >= cell.number]
        shown.append(_cell(cell, before, counts, Places(tuple(cells), file), budget))
    after = tuple(_prose(item, budget) for item in prose)
    return NotebookView(tuple(shown), tuple(_left_out(cells, budget, figure_bytes)), after)


def _left_out(cells: Sequence[Cell], budget: _Budget, figure_bytes: int) -> Iterator[str]:
    """What the page could not hold, after all of it was shown."""
    if budget.squeezed:
        yield many(
            budget.squeezed,
            "{n} figure is shown smaller or less sharp than it was drawn, so that the page stays light.",
            "{n} figures are shown smaller or less sharp than they were drawn, so that the page stays light.",
        )
    if budget.left_out:
        yield many(
            budget.left_out,
            "{n} figure is left out: a page holds at most {most} figures and {size} kB of them.",
            "{n} figures are left out: a page holds at most {most} figures and {size} kB of them.",
            most=FIGURES,
            size=figure_bytes // 1000,
        )
    if budget.muted:
        yield say("Text after the first {n} kB of the notebook is left out.", n=PAGE_TEXT // 1000)
    if len(cells) > CELLS:
        yield say("The notebook has {n} code cells; the first {most} are shown.", n=len(cells), most=CELLS)


def _prose(cell: MarkdownCell, budget: _Budget) -> ProseView:
    """A Markdown cell: as it was written, where it would be too long to read or too heavy to show."""
    source, note = _cut(cell.source, budget)
    if not source:
        return ProseView(markup=Markup(""), note=note)
    pictures = {picture.name: picture.png for picture in cell.attachments}

    def draw(name: str, words: str) -> Markup:
        png = pictures.get(name)
        picture = read_png(png, one_line(words[:1_000], 160) or one_line(name, 160)) if png else None
        kept = None if picture is None else _room_for(picture, budget)
        return Markup("") if kept is None else kept.drawn

    plain = as_written(source)
    if len(source) > budget.prose:
        budget.prose = 0
        return ProseView(markup=plain, note=note)
    budget.prose -= len(source)
    return ProseView(markup=_lighter_of(markdown(source, draw), plain, budget), note=note)


def _lighter_of(dressed: Markup, plain: Markup, budget: _Budget) -> Markup:
    """What is dressed up, while there is room for what it weighs more than the plain text."""
    more = max(len(dressed.encode("utf-8", "replace")) - len(plain.encode("utf-8", "replace")), 0)
    if more > budget.markup:
        return plain
    budget.markup -= more
    return dressed


def _title(number: int, places: Places) -> str:
    if not places.file:
        return say("Cell {n}", n=number)
    title = translated(places.of_cell(number))
    return title if title == places.file else f"{title[:1].upper()}{title[1:]}"


def _cell(
    cell: Cell, before: Iterable[ProseView], counts: Sequence[int | None], places: Places, budget: _Budget
) -> CellView:
    source, source_note = _cut(cell.source, budget)
    source = source.strip("\n")
    coloured = _lighter_of(_in_one(code_lines(source)), _in_one(plain_lines(source)), budget)
    drawn = say("Figure drawn by your code.") if places.file else say("Figure drawn by cell {n}.", n=cell.number)
    outputs = [_output(item, drawn, budget) for item in cell.outputs[:OUTPUTS] if item.kind != "error"]
    if cell.error is not None:
        outputs.append(_error(cell.error, budget))
    surplus = len(cell.outputs) - OUTPUTS
    more = many(surplus, "{n} more output of this cell is left out.", "{n} more outputs of this cell are left out.")
    count = counts[cell.number - 1] if 0 < cell.number <= len(counts) else None
    return CellView(
        number=cell.number,
        title=_title(cell.number, places),
        count="" if count in (None, cell.number) else str(count),
        before=tuple(item for item in before if item.markup or item.note),
        source=source,
        lines=tuple(Markup(line) for line in coloured.split("\n")),
        source_note=source_note,
        state="failed" if cell.error is not None else "run" if cell.executed else "not run",
        seconds=write_duration(cell.seconds),
        outputs=tuple(item for item in outputs if item.text or item.picture or item.note),
        note=more if surplus > 0 else "",
    )


def _in_one(lines: Iterable[Markup]) -> Markup:
    return Markup("\n".join(lines))


def _output(output: Output, drawn: str, budget: _Budget) -> OutputView:
    if output.png is None:
        text, note = _cut(output.text, budget, printed=True)
        return OutputView(kind=output.kind, text=text, note=note, folded=_fold(text))
    said = one_line(output.text[:1_000], 160)
    picture = read_png(output.png, joined((drawn, said)))
    if picture is None:
        text, _ = _cut(output.text, budget, printed=True)
        return OutputView(kind=output.kind, text=text, note=say("A picture that is not a readable PNG is not shown."))
    kept = _room_for(picture, budget)
    if kept is None:
        return OutputView(kind=output.kind, note=say("A figure is left out here, so that the page stays light."))
    return OutputView(kind=output.kind, picture=kept)


def _room_for(picture: Picture, budget: _Budget) -> Picture | None:
    """The picture, made lighter where that is due, if there is room for it; else it is counted."""
    picture = _lightened(picture, budget)
    if budget.figures <= 0 or budget.figure_bytes < len(picture.base64):
        budget.left_out += 1
        return None
    budget.figures -= 1
    budget.figure_bytes -= len(picture.base64)
    return picture


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
    folded = one_line(said[:1_000], 200) if len(text.splitlines()) > 1 else ""
    return OutputView(kind="error", text=text, note=note, folded=folded)


def _fold(text: str) -> str:
    lines = text.count("\n") + 1
    if lines > FOLDED:
        return many(lines, "{n} line of output", "{n} lines of output")
    return say("a long output") if len(text) > LONG else ""


def _cut(text: str, budget: _Budget, *, printed: bool = False) -> tuple[str, str]:
    """The beginning of a text that there is room for, in bytes as they stand in the page, and a note about the rest.

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
