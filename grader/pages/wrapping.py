"""Lines broken where a terminal ends, each continued below the words it began with. Pure."""

import re
import textwrap
from collections.abc import Iterable, Iterator

NARROWEST = 20  # columns; what is narrower is left to the terminal
STEP = 2  # columns by which a sentence goes on to the right of its beginning
INDENTED = 6  # columns from which on a sentence stands below another line, and goes on where it began
_MARK = re.compile(r"(?:[✓✗◐–…!~?→•] +|\w{1,11}: )")
_GAP = re.compile(r" {2,}")


def wrap_lines(lines: Iterable[str], width: int | None) -> Iterator[str]:
    """The lines, none wider than `width` columns if its words allow that; as they are for None."""
    for line in lines:
        yield from (line,) if width is None else wrap_line(line, width)


def wrap_line(line: str, width: int) -> list[str]:
    """One line, broken between words; no word, path or command is broken in itself.

    It goes on below the last column of a row, behind a mark or a label, or a little to the right of where it began. Where
    that would leave it less than half the width, the gaps between columns are given up.
    """
    if len(line) <= width or width < NARROWEST:
        return [line]
    text = line.lstrip(" ")
    lead = len(line) - len(text)
    hang = lead + (_continued(text) or (STEP if lead < INDENTED else 0))
    if 2 * hang > width:
        text, lead = _GAP.sub("  ", text), min(lead, STEP)
        hang = lead + STEP
    return textwrap.wrap(
        " " * lead + text, width, subsequent_indent=" " * hang, break_long_words=False, break_on_hyphens=False
    )


def _continued(text: str) -> int:
    """The place of the words in `text` below which its further lines begin; 0 where it has no columns and no mark."""
    last = list(_GAP.finditer(text))
    if last:
        return last[-1].end()
    mark = _MARK.match(text)
    return mark.end() if mark else 0
