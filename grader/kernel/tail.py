"""Which cells come after the last training, by their words: they get less time. Pure, and rather too late than too early."""

import re
from collections.abc import Sequence

TRAINS = re.compile(
    r"\.\s*(?:fit|fit_generator|train_on_batch)\b|\.\s*search\s*\(|['\"]fit['\"]|GradientTape|apply_gradients"
    r"|\bcross_val|%run\b|\bexec\s*\(|\bpython[\d.]*\s|subprocess"
)
DEFINED = re.compile(
    r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)|^[ \t]*(\w+)[ \t]*=[ \t]*(?:lambda\b|(?:\w+\.)?partial\b)",
    re.MULTILINE,
)
WORD = re.compile(r"\w+")


def first_after_training(cells: Sequence[str]) -> int:
    """The index of the first cell behind the last one that may train; as many as there are cells where none does.

    A cell may train if it writes a `fit` (of whatever), a step or a loop of its own, or if it mentions a function, method or
    class that such a cell defines, be it an earlier one or a later.
    """
    words = [set(WORD.findall(cell)) for cell in cells]
    training = {index for index, cell in enumerate(cells) if TRAINS.search(cell)}
    while True:
        known = {one or other for index in training for one, other in DEFINED.findall(cells[index])}
        more = {index for index, mentioned in enumerate(words) if not known.isdisjoint(mentioned)} - training
        if not more:
            return max(training) + 1 if training else len(cells)
        training |= more
