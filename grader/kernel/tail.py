"""Which cells come after the last training, by their words: they get less time. Pure, and rather too late than too early."""

import re
from collections import defaultdict
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
    mentioning: dict[str, list[int]] = defaultdict(list)
    for index, cell in enumerate(cells):
        for word in set(WORD.findall(cell)):
            mentioning[word].append(index)
    training = {index for index, cell in enumerate(cells) if TRAINS.search(cell)}
    waiting = list(training)
    while waiting:  # each cell comes once, and of each word those that mention it
        for one, other in DEFINED.findall(cells[waiting.pop()]):
            more = [index for index in mentioning.pop(one or other, ()) if index not in training]
            training.update(more)
            waiting += more
    return max(training) + 1 if training else len(cells)
