"""Text from strangers made safe for the eye: what would act unseen is shown by its code point. Pure.

Escaping keeps markup out of a page; this keeps out what escaping lets through: a name whose letters run
backwards, a terminal that obeys an escape sequence, words hidden in characters without a shape.
"""

import re
from typing import TypeVar

from grader.evidence import Claims, Evidence, Value

# The joiners U+200C and U+200D stay: Persian names and many emoji are spelt with them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")

V = TypeVar("V", bound=Value)


def visible(text: str) -> str:
    """The text with control, bidi and shapeless characters written out, as in ⟨U+202E⟩; new lines and tabs stay."""
    if _UNSEEN.search(text) is None:
        return text
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Visible text with all white space folded, so that it can't start a line of its own."""
    return " ".join(visible(text).split())


def defused(line: str) -> str:
    """A line of a log that no CI system takes for an order.

    GitHub Actions obeys a line that begins with `::` and, like Azure Pipelines and TeamCity, `##[...]` or `##word[...]`
    anywhere in it (actions/runner, ActionCommand.cs).
    """
    spaced = line.replace("##", "# #")
    start = len(spaced) - len(spaced.lstrip())
    return f"{spaced[:start]}: :{spaced[start + 2 :]}" if spaced.startswith("::", start) else spaced


def shorten(text: str, most: int) -> str:
    """The text itself, or its beginning with an ellipsis, at most `most` characters."""
    return text if len(text) <= most else text[: max(most - 1, 0)].rstrip() + "…"


def settled(text: str) -> str:
    """What a terminal would show in the end: colours gone, progress bars in their last state."""
    text = _ANSI.sub("", text).replace("\r\n", "\n")
    if "\r" not in text and "\b" not in text:
        return text
    return "\n".join(_last_writing(line) for line in text.split("\n"))


def _last_writing(line: str) -> str:
    parts = [_rubbed_out(part) for part in line.split("\r")]
    return next((part for part in reversed(parts) if part.strip()), parts[-1])


def _rubbed_out(part: str) -> str:
    if "\b" not in part:
        return part
    kept: list[str] = []
    for char in part:
        if char != "\b":
            kept.append(char)
        elif kept:
            kept.pop()
    return "".join(kept)


def cleaned(value: V) -> V:
    """The same value with every text in it visible: the one door through which results enter a report."""
    return type(value).model_validate(_tree(value.model_dump(by_alias=True)))


def cleaned_evidence(evidence: Evidence) -> Evidence:
    """Evidence with every text visible, and what the notebook printed as a terminal would have left it."""
    cells = tuple(
        cell.model_copy(
            update={
                "outputs": tuple(item.model_copy(update={"text": settled(item.text)}) for item in cell.outputs),
                "error": cell.error and cell.error.model_copy(update={"traceback": settled(cell.error.traceback)}),
            }
        )
        for cell in evidence.claims.cells
    )
    claims: Claims = evidence.claims.model_copy(update={"cells": cells})
    return cleaned(evidence.model_copy(update={"claims": claims}))


def _tree(value: object) -> object:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {_tree(key): _tree(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_tree(item) for item in value)
    return value
