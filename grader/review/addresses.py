"""What stands for a submission in addresses: a digest with a secret. Who has the class list can name nobody by it."""

import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path

SECRET = ".review-key"
SIZE = 32  # bytes of it
# Who may read the results may read it too, for it hides nothing from them: a colleague of the same group, nobody else.
MODE = 0o640
PATIENCE = 2.0  # seconds that another desk may take to write it


def read_secret(out: Path) -> bytes:
    """The random secret beside the results, which all desks over them share; the first desk makes it.

    Where it can neither be read nor made, this desk has one of its own: its addresses hold for this desk alone.
    """
    new, path = secrets.token_bytes(SIZE), out / SECRET
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    except FileExistsError:
        return _written(path) or new
    except OSError:
        return new
    with os.fdopen(file, "wb") as opened:
        opened.write(new)
    return new


def _written(path: Path) -> bytes:
    """What is in the file, once all of it is; empty where it can't be read."""
    until = time.monotonic() + PATIENCE
    try:
        while len(found := path.read_bytes()) != SIZE and time.monotonic() < until:
            time.sleep(0.02)
    except OSError:
        return b""
    return found if len(found) == SIZE else b""


def key_of(secret: bytes, folder: Path) -> str:
    """The key of a submission by the name of its folder."""
    return hmac.new(secret, folder.name.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:16]
