"""The environment of a TensorFlow program in a sandbox: all of it, nothing of the grader's own is passed on."""

import sys
from pathlib import Path

FONTS = "tmp/.matplotlib"  # matplotlib's settings and its list of fonts


def environment(root: Path, threads: int, seed: int) -> dict[str, str]:
    """The variables, for a sandbox whose `/` is `root`."""
    return {
        "HOME": str(root / "tmp"),
        "TMPDIR": str(root / "tmp"),
        "PATH": f"{Path(sys.prefix) / 'bin'}:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": str(seed % (1 << 32)),
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "IPYTHONDIR": str(root / "tmp" / ".ipython"),
        "KERAS_HOME": str(root / "tmp" / ".keras"),
        "MPLCONFIGDIR": str(root / FONTS),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "OMP_NUM_THREADS": str(threads),
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": str(threads),
    }
