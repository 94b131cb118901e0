"""Which cells come after the last training, by their words: they get less time. Pure, and rather too late than too early."""

import re
from collections.abc import Sequence

TRAINS = re.compile(
    r"\.\s*(?:fit|fit_generator|train_on_batch|search)\s*\(|GradientTape|apply_gradients|%run\b|\bexec\s*\("
)
DEFINED = re.compile(
    r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)|^[ \t]*(\w+)[ \t]*=[ \t]*(?:lambda\b|(?:\w+\.)?partial\b)",
    re.MULTILINE,
)
WORD = re.compile(r"\w+")


def first_after_training(cells: Sequence[str]) -> int:
    """The index of the first cell behind the last one that may train; as many as there are cells where none does.

    A cell may train if it writes a `fit` (of whatever), a step or a loop of its own, or if it mentions a function, method or
    class that such a cell defines.
    """
    last, known = None, set[str]()
    for index, cell in enumerate(cells):
        if TRAINS.search(cell) is None and known.isdisjoint(WORD.findall(cell)):
            continue
        last = index
        known.update(one or other for one, other in DEFINED.findall(cell))
    return len(cells) if last is None else last + 1
