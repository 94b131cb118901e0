"""How a Python program is started in a sandbox, and all of its environment: nothing of the grader's own is passed on.

`font_list` is a part of it: in a fresh home each import of matplotlib would look for the machine's fonts again.
"""

import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from grader.core.errors import Failure, GraderError, Infrastructure
from grader.core.limits import Limits
from grader.core.workspace import user_cache, write_whole
from grader.sandbox.artefacts import read_artefact
from grader.sandbox.interface import Program, Sandbox, Scratch

# Without the user's own packages, the folder of the script, and compiled files. A fork server is started the same way.
PYTHON = (sys.executable, "-s", "-P", "-B")
PACKAGES = "run/course/site-packages"  # what a course adds, behind everything that is installed
FONTS = "tmp/.matplotlib"  # matplotlib's settings and its list of fonts
NAME = re.compile(r"fontlist-[\w.-]{1,40}\.json")
LIST = "tmp/list.json"
MOST_BYTES = 8 << 20
LIMITS = Limits(wall=120.0, memory=2 << 30)
BUILD = """\
import os, shutil, sys, matplotlib.font_manager
name, = (name for name in os.listdir(matplotlib.get_cachedir()) if name.startswith("fontlist-"))
shutil.copy(os.path.join(matplotlib.get_cachedir(), name), sys.argv[1])
print(name)
"""


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
        "NPROC": str(threads),  # the processors that JAX sees: the weights that it comes to depend on their number
        "JAX_PLATFORMS": "cpu",
    }


def font_list(sandbox: Sandbox, cache: Path | None = None) -> Mapping[str, bytes]:
    """The list as a file for `Program.files`: its place inside, its bytes. Empty where there is none: that costs time only.

    It is built by nothing but matplotlib, in a sandbox, and kept in the user's cache folder, or in `cache`.
    """
    try:
        folder = (cache or user_cache()) / "fonts" / version("matplotlib")
    except PackageNotFoundError:
        return {}
    found = _kept(folder) or _build(sandbox)
    for name, data in found.items():
        if not (folder / name).exists():
            with suppress(Infrastructure):  # a home that can't be written to is no reason to stop
                write_whole(folder / name, data)
    return {f"{FONTS}/{name}": data for name, data in found.items()}


def _kept(folder: Path) -> dict[str, bytes]:
    with suppress(OSError):
        return {path.name: path.read_bytes() for path in folder.iterdir() if NAME.fullmatch(path.name)}
    return {}


def _build(sandbox: Sandbox) -> dict[str, bytes]:
    with suppress(GraderError, Failure, OSError), sandbox.root() as root:
        confined = sandbox.start(
            Program(
                root=root,
                argv=(*PYTHON, "-c", BUILD, str(root / LIST)),
                environment=environment(root, 1, 0),
                folder="tmp",
                limits=LIMITS,
                scratch=(Scratch("tmp", 64 << 20, shared=True),),
                results={LIST: MOST_BYTES},
            )
        )
        try:
            lines = confined.wait(LIMITS.wall).log.splitlines()
            name = next((line for line in reversed(lines) if NAME.fullmatch(line)), None)
            if name is not None:
                return {name: read_artefact(confined.folders["tmp"], Path(LIST).name, at_most=MOST_BYTES)}
        finally:
            confined.close()
    return {}
