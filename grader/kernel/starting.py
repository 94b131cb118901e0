"""Which notebooks need a cold start: what TensorFlow reads as it is imported would come too late in a warm kernel. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping

from grader.notebook import Script

# Names by which NumPy's, TensorFlow's and Keras' libraries are told things from outside.
VARIABLE = re.compile(r"\b(?:KERAS|TF|TF2|XLA|OMP|KMP|MKL|OPENBLAS|CUDA|ONEDNN|DNNL|GOTO|NUMPY|NPY)_[A-Z0-9_]+\b")
SETTINGS = re.compile(r"keras\.json\b")
HARMLESS = frozenset({"TF_CPP_MIN_LOG_LEVEL", "TF_CPP_MIN_VLOG_LEVEL", "TF_CPP_VMODULE"})  # what goes to the log
MODULES = (".py", ".ipy")


def cold_reason(script: Script, files: Mapping[str, bytes]) -> str:
    """Why this submission is started cold, to follow "a cold start:"; "" where it may be started warm.

    Any mention counts, wherever it stands: a cold start that was not needed costs seconds, a warm one other weights.
    """
    modules = (data.decode("utf-8", "replace") for name, data in files.items() if name.endswith(MODULES))
    found = next(_mentions([*script.cells, *modules]), None)
    return f"it mentions `{found}`, which is read when TensorFlow or Keras is imported" if found else ""


def _mentions(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from (name for name in VARIABLE.findall(text) if name not in HARMLESS)
        yield from SETTINGS.findall(text)
