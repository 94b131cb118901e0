"""Runs our own code under none of the notebook's settings: filters of warnings, hooks, types, which are its own affair.

What is saved and compared must also be what another process makes of it, which starts with Keras' defaults.
"""

import contextlib
import io
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

FLOATS = "float32"


@contextmanager
def neutral() -> Iterator[None]:
    """While it lasts, or in what it decorates: no warnings, no errors of numbers, no tracing, no output, default types."""
    import numpy

    with contextlib.ExitStack() as stack:
        stack.enter_context(numpy.errstate(all="ignore"))
        if threading.current_thread() is threading.main_thread():  # the others are of the whole process
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
            stack.enter_context(_untraced())
            stack.enter_context(_default_types(sys.modules.get("keras")))
        yield


@contextmanager
def _untraced() -> Iterator[None]:
    tracing, profiling = sys.gettrace(), sys.getprofile()
    sys.settrace(None)
    sys.setprofile(None)
    try:
        yield
    finally:
        sys.settrace(tracing)
        sys.setprofile(profiling)


@contextmanager
def _default_types(keras: Any) -> Iterator[None]:
    config = getattr(keras, "config", None)
    if config is None:
        yield
        return
    floats, policy, layout = config.floatx(), config.dtype_policy(), config.image_data_format()
    plain = (floats, policy.name, layout) == (FLOATS, FLOATS, "channels_last")
    if not plain:
        config.set_floatx(FLOATS)
        config.set_dtype_policy(FLOATS)
        config.set_image_data_format("channels_last")
    try:
        yield
    finally:
        if not plain:
            config.set_floatx(floats)
            config.set_dtype_policy(policy)
            config.set_image_data_format(layout)
