"""Waits until a file was saved again. Standard library only: it looks twice a second, which costs nothing."""

import time
from collections.abc import Callable
from pathlib import Path

EVERY_S = 0.5
Stamp = tuple[tuple[str, int, int], ...]


def stamp(path: Path) -> Stamp:
    """What a save changes, of a file or of the code in a folder; empty while it is not there."""
    found = sorted(item for item in path.rglob("*") if item.suffix in {".ipynb", ".py"}) if path.is_dir() else [path]
    seen = []
    for item in found:
        try:
            state = item.stat()
        except OSError:  # an editor that writes anew takes the old one away first
            continue
        seen.append((str(item), state.st_mtime_ns, state.st_size))
    return tuple(seen)


def wait_for_save(path: Path, before: Stamp, sleep: Callable[[float], None] = time.sleep) -> Stamp:
    """Return once `path` differs from `before` and has been the same for one more look."""
    last = before
    while True:
        sleep(EVERY_S)
        now = stamp(path)
        if now and now != before and now == last:
            return now
        last = now
