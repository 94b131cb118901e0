"""What is shown of a notebook: all of it, or for one check across a class its figures, or one of its cells."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from grader.checks.cell_and_line import Places
from grader.checks.manual import Manual
from grader.core.evidence import Attachment, Cell, Evidence, MarkdownCell, Output, Value
from grader.pages.cells import NotebookView, notebook_view
from grader.review.names import Names

MOST_FIGURES, MOST_CELLS, MOST_PROSE = 6, 3, 10  # of one notebook
HIGHEST = 9_999  # number of a cell or a figure
# Of a whole notebook, which no network carries: making figures lighter takes longer than it saves.
FIGURE_BYTES, FIGURE_BYTES_OF_MANY = 4_000_000, 420_000  # the latter where a page shows figures of twenty notebooks
TEXT = 100_000  # characters of an output in which names are looked for: a page shows fewer


@dataclass(frozen=True, kw_only=True)
class NotebookPart:
    """A part of a notebook: nothing, its figures (`number` from 1, or 0: all), a code cell by number or by tag."""

    kind: Literal["nothing", "figure", "cell", "tag"] = "nothing"
    number: int = 0
    tag: str = ""

    @property
    def written(self) -> str:
        """As it stands in addresses."""
        if self.kind == "tag":
            return f"tag:{self.tag}"
        return f"{self.kind}:{self.number}" if self.number else self.kind

    @property
    def title(self) -> str:
        """In words."""
        if self.kind == "tag":
            return f"the cell with the tag {self.tag}"
        if self.kind == "cell":
            return f"cell {self.number}"
        if self.kind == "figure":
            return f"figure {self.number}" if self.number else "every figure"
        return "no part of the notebook"


def part_of_check(parameters: Value) -> NotebookPart:
    """What a check of which a person gives the points asks to be looked at; nothing for every other check."""
    if not isinstance(parameters, Manual) or not parameters.shows:
        return NotebookPart()
    return NotebookPart(kind="tag", tag=parameters.tag) if parameters.tag else NotebookPart(kind="figure")


def part_of_address(query: Mapping[str, str], otherwise: NotebookPart) -> NotebookPart:
    """What an address asks for: `shows`, or short `cell=4` and `figure=1`; where it says nothing, `otherwise`."""
    for kind in ("cell", "figure"):
        if query.get(kind):
            return _numbered(f"{kind}:{query[kind]}") or otherwise
    given = query.get("shows", "")
    if given.startswith("tag:") and len(given) > 4:
        return NotebookPart(kind="tag", tag=given[4:])
    return _numbered(given) or otherwise


def _numbered(given: str) -> NotebookPart | None:
    kind, _, text = given.partition(":")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    if kind == "nothing":
        return NotebookPart()
    if kind == "figure":
        return NotebookPart(kind="figure", number=min(number, HIGHEST))
    return NotebookPart(kind="cell", number=min(number, HIGHEST)) if kind == "cell" and number else None


def shown_part(evidence: Evidence | None, part: NotebookPart, names: Names) -> NotebookView | str:
    """That part of a run, bounded and made visible; or a sentence why there is nothing to see.

    With a cell goes the Markdown beside it; a tag may be that of a Markdown cell alone.
    """
    if evidence is None:
        return "No run of it is stored: there is nothing to show."
    cells, markdown = evidence.claims.cells, evidence.submission.markdown
    if part.kind == "figure":
        return _figures(cells, part.number, names)
    if part.kind == "cell":
        found = [cell for cell in cells if cell.number == part.number]
        prose = [cell for cell in markdown if cell.after in (part.number - 1, part.number)] if found else []
        missing = f"The notebook has no code cell {part.number}."
    else:
        found = [cell for cell in cells if part.tag in cell.tags]
        prose = [cell for cell in markdown if part.tag in cell.tags]
        missing = f"No cell of the notebook has the tag {part.tag}."
    return _view(found[:MOST_CELLS], prose[:MOST_PROSE], names) if found or prose else missing


def shown_notebook(evidence: Evidence | None, names: Names) -> NotebookView | None:
    """The notebook of a run, bounded and made visible; None where there is none."""
    if evidence is None or not evidence.claims.cells:
        return None
    cells = [hidden_cell(cell, names) for cell in evidence.claims.cells]
    prose = [hidden_markdown(cell, names) for cell in evidence.submission.markdown]
    return notebook_view(
        cells, prose, evidence.submission.counts, file=Places.of(evidence).file, figure_bytes=FIGURE_BYTES
    )


def _figures(cells: Iterable[Cell], number: int, names: Names) -> NotebookView | str:
    """One figure of a notebook, or the first of them all, without code and text."""
    drawn = [(cell, output) for cell in cells for output in cell.outputs if output.png]
    chosen = drawn[number - 1 : number] if number else drawn[:MOST_FIGURES]
    if not chosen:
        return "The notebook drew no figure." if not drawn else f"The notebook drew {len(drawn)}, not {number}."
    by_cell: dict[int, tuple[Cell, list[Output]]] = {}
    for cell, output in chosen:
        by_cell.setdefault(cell.number, (cell, []))[1].append(output)
    bare = {"source": "", "error": None}
    kept = [cell.model_copy(update={**bare, "outputs": tuple(outputs)}) for cell, outputs in by_cell.values()]
    surplus = 0 if number else max(0, len(drawn) - MOST_FIGURES)
    return _view(kept, (), names, [f"{surplus} more of its figures can be seen one by one."] if surplus else [])


def _view(
    cells: Iterable[Cell], prose: Iterable[MarkdownCell], names: Names, notes: Sequence[str] = ()
) -> NotebookView:
    """The cells as they are shown. A page holds those of many students: figures that would have to be made lighter are left
    out and counted.
    """
    room, left, light = FIGURE_BYTES_OF_MANY, 0, []
    for cell in cells:
        outputs = []
        for output in cell.outputs:
            heavy = len(output.png or "") > room
            room -= 0 if heavy else len(output.png or "")
            left += heavy
            outputs += [] if heavy else [output]
        light.append(hidden_cell(cell.model_copy(update={"outputs": tuple(outputs)}), names))
    view = notebook_view(light, [hidden_markdown(cell, names) for cell in prose], figure_bytes=FIGURE_BYTES_OF_MANY)
    too_heavy = [f"{left} too heavy to be shown here: look at the submission."] if left else []
    return replace(view, notes=(*view.notes, *notes, *too_heavy))


def hidden_cell(cell: Cell, names: Names) -> Cell:
    """The cell without the names that are hidden from who looks."""
    if not names.hidden:
        return cell
    outputs = tuple(item.model_copy(update={"text": names.hide(item.text[:TEXT])}) for item in cell.outputs)
    error = cell.error and cell.error.model_copy(
        update={"message": names.hide(cell.error.message), "traceback": names.hide(cell.error.traceback)}
    )
    return cell.model_copy(update={"source": names.hide(cell.source[:TEXT]), "outputs": outputs, "error": error})


def hidden_markdown(cell: MarkdownCell, names: Names) -> MarkdownCell:
    """The Markdown cell without the names that are hidden from who looks, its pictures called as it calls them."""
    if not names.hidden:
        return cell
    pictures = tuple(Attachment(name=names.hide(picture.name), png=picture.png) for picture in cell.attachments)
    return cell.model_copy(update={"source": names.hide(cell.source[:TEXT]), "attachments": pictures})


def count_drawing_cells(runs: Iterable[Evidence | None]) -> dict[int, int]:
    """The numbers of cells that drew figures, and in how many of these runs each did."""
    drawn = Counter(
        cell.number
        for run in runs
        if run is not None
        for cell in run.claims.cells
        if any(output.png for output in cell.outputs)
    )
    return dict(sorted(drawn.items()))
