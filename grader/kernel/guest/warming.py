"""What the fork server imports before there is a notebook, and how a kernel that is forked from it sees nothing of that.

A cold kernel changes some modules as they are imported, and seeds when Keras is. So those are taken away again here, and
given out at the notebook's own `import`, from which on a warm kernel is what a cold one would be.
"""

import importlib
import sys
from collections.abc import Mapping

from grader.kernel.guest.imports import Kept

AT_THE_START = ("numpy", "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "IPython.display")
LATER = ("tensorflow", "keras", "matplotlib.pyplot")
# Modules that somebody waits for (`AfterImport`, `AfterOthers`, `PatchOnImport`), and those that bring them along.
DOORS = (
    "tensorflow", "keras", "h5py", "cv2", "urllib.request", "matplotlib", "matplotlib.cm", "matplotlib.style",
    "matplotlib.pyplot", "sklearn.datasets", "PIL", "PIL.Image",
)  # fmt: skip
COMPANIONS: Mapping[str, tuple[str, ...]] = {
    "tensorflow": DOORS, "keras": DOORS, "matplotlib": ("matplotlib.cm",),
    "matplotlib.pyplot": ("matplotlib", "matplotlib.cm", "matplotlib.style"), "PIL": ("PIL.Image",),
}  # fmt: skip


def _is_hidden(name: str) -> bool:
    """Also what stands below Keras' own door: `from keras.datasets import mnist` would come in without passing it."""
    return name in DOORS or (name.startswith("keras.") and not name.startswith("keras.src"))


def prepare() -> None:
    """Import everything; hide what a notebook is to import itself."""
    for name in AT_THE_START:
        importlib.import_module(name)
    early = set(sys.modules)
    for name in LATER:
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # the notebook will meet that, if it needs it
    modules = {name: sys.modules.pop(name) for name in list(sys.modules) if _is_hidden(name) and name not in early}
    below = [name for name in modules if name.startswith("keras.")]
    sys.meta_path.insert(0, Kept(modules, {**COMPANIONS, "keras": (*DOORS, *below)}))
