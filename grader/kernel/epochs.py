"""Which epoch a training is in, from what Keras prints: shown while it goes on, and never more than shown. Pure."""

import re

EPOCH = re.compile(r"(?<![^\s\x08])Epoch (\d{1,6})/(\d{1,6})(?=\s)")
TAIL = 40  # characters that may begin a line which the next message ends
EVERY_S = 0.5  # a notebook may print a thousand of them a second


class EpochReader:
    """Follows the printed text of one cell. What it finds is the notebook's own word."""

    def __init__(self) -> None:
        self._tail = ""
        self._told: float | None = None

    def feed(self, text: str, now: float) -> str | None:
        """The words to show after some more text, at `now` seconds; None where there is nothing new, or too soon."""
        text = self._tail + text
        found = next(reversed([*EPOCH.finditer(text)]), None)
        self._tail = text[found.end() if found else 0 :][-TAIL:]
        if found is None or (self._told is not None and now - self._told < EVERY_S):
            return None
        self._told = now
        return f"epoch {int(found[1])} of {int(found[2])}"
