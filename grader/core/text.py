"""Text from strangers made safe for the eye: what would act unseen is shown by its code point. Pure.

Escaping keeps markup out of a page; this keeps out what escaping lets through: a name whose letters run
backwards, a terminal that obeys an escape sequence, words hidden in characters without a shape.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeVar

from grader.core.evidence import Claims, Evidence, Value

# The joiners U+200C and U+200D stay: Persian names and many emoji are spelt with them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")

# Megabytes of base64, which `read_png` looks at byte by byte, and numbers by the hundred.
_NO_TEXT = frozenset({"png", "confusion"})

V = TypeVar("V", bound=Value)


def visible(text: str) -> str:
    """The text with control, bidi and shapeless characters written out, as in ⟨U+202E⟩; new lines and tabs stay."""
    if _UNSEEN.search(text) is None:
        return text
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text.replace("\r\n", "\n"))


def one_line(text: str, most: int | None = None) -> str:
    """Visible text with all white space folded, so that it can't start a line of its own; at most `most` characters."""
    line = " ".join(visible(text).split())
    return line if most is None else shorten(line, most)


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


def joined(parts: Iterable[str], glue: str = " ") -> str:
    """The texts that are not empty, one after the other."""
    return glue.join(filter(None, parts))


def rounded(value: float, digits: int = 2) -> float:
    """The nearest number of so many digits after the point; a half goes up, as people round and floats do not."""
    exact = Decimal(repr(round(value, digits + 7)))  # sums and products of floats are a hair off
    return float(exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)) if exact.is_finite() else value


def number(value: float) -> str:
    """A number of points: 50, 7.5, 33.33."""
    return f"{rounded(value) + 0.0:.2f}".rstrip("0").rstrip(".")  # and zero has no sign


def read_number(text: str) -> float | None:
    """A number as people type it: 61.5, 61,5 or -2. None for anything else, also where a comma may part thousands."""
    plain = text.strip().replace("\u2212", "-")
    if not re.fullmatch(r"[+-]?[0-9]{1,15}([.][0-9]{1,15}|,[0-9]{1,2})?", plain):
        return None
    return float(plain.replace(",", "."))


def count(value: int) -> str:
    """An integer with commas: 10,000."""
    return f"{value:,}"


def percent(fraction: float, digits: int = 4) -> str:
    """A fraction as a percentage without idle zeros: 97 %, 97.5 %."""
    return f"{rounded(100 * fraction, digits):.8g}\u00a0%"


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """What follows "is not known": the nearest of the known words, or all of them."""
    listed = f"; available: {', '.join(f'`{name}`' for name in known)}" if known else ""
    return nearest(word, known) or listed


def nearest(word: str, known: Sequence[str]) -> str:
    """The nearest of the known words whatever its case, as a question in brackets; "" where none is near.

    Of words that differ in case alone it is the one that is written most like `word`.
    """
    near = difflib.get_close_matches(word.casefold(), [name.casefold() for name in known], n=1)
    alike = [name for name in known if near and name.casefold() == near[0]]
    best = max(alike, key=lambda name: difflib.SequenceMatcher(None, word, name).ratio(), default="")
    return f" (did you mean `{best}`?)" if best else ""


def available(known: Iterable[str]) -> str:
    """All the words there are, as a sentence."""
    return f"Available: {', '.join(known) or 'none'}."


def settled(text: str) -> str:
    """What a terminal would show in the end: colours gone, progress bars in their last state."""
    text = ANSI.sub("", text).replace("\r\n", "\n")
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
    changed = {}
    for name in type(value).model_fields:
        if name in _NO_TEXT:
            continue
        old = getattr(value, name)
        if old is None or isinstance(old, int | float):
            continue
        new = _tree(old)
        if new is not old:
            changed[name] = new
    return value.model_copy(update=changed) if changed else value


def cleaned_evidence(evidence: Evidence) -> Evidence:
    """Evidence with every text visible, but for the cells': megabytes, of which `cells` cleans what it shows."""
    claims: Claims = evidence.claims.model_copy(update={"cells": ()})
    clean = cleaned(evidence.model_copy(update={"claims": claims}))
    return clean.model_copy(update={"claims": clean.claims.model_copy(update={"cells": evidence.claims.cells})})


def _tree(value: Any) -> Any:
    """The value itself where nothing in it had to be changed."""
    if isinstance(value, str):
        return value if type(value) is not str else visible(value)
    if isinstance(value, Value):
        return cleaned(value)
    if isinstance(value, dict):
        pairs = {_tree(key): _tree(item) for key, item in value.items()}
        same = len(pairs) == len(value) and all(value.get(key, pairs) is item for key, item in pairs.items())
        return value if same else pairs
    if isinstance(value, list | tuple):
        items = tuple(_tree(item) for item in value)
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value
