"""Who asks: a notebook, or an installed package that has ways of its own and must see things as they are."""

import sys
import sysconfig
from pathlib import Path
from typing import Any

OURS = str(Path(__file__).parent)
LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


def asked_by_a_library() -> bool:
    """Whether what called our code last, imports aside, is an installed package."""
    frame: Any = sys._getframe(1)
    while frame is not None and (frame.f_code.co_filename.startswith(OURS) or "importlib" in frame.f_code.co_filename):
        frame = frame.f_back
    name = frame.f_code.co_filename if frame is not None else ""
    return name.startswith(LIBRARIES) or "site-packages" in name
