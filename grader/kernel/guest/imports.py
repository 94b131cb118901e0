"""Who asks: a notebook, or an installed package that has ways of its own and must see things as they are.

Changes a module right after it was imported, by whatever road, so that nobody pays for what is not used.

What the fork server imports before there is a notebook, and how a kernel that is forked from it sees nothing of that.

A cold kernel changes some modules as they are imported, and seeds when Keras is. So those are taken away again here, and
given out at the notebook's own `import`, from which on a warm kernel is what a cold one would be.
"""

import copy
import importlib
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
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


Patch = Callable[[ModuleType], None]


class AfterImport(MetaPathFinder):
    """Finds the modules of `patches` where they are, and runs the patch behind their loader."""

    def __init__(self, patches: Mapping[str, Patch]) -> None:
        self._patches = dict(patches)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's own spec with our patch behind its loader; None for every other module."""
        patch = self._patches.get(fullname)
        spec = find_module(fullname, path, target) if patch is not None else None
        return None if spec is None or patch is None else patched(spec, patch)


class Kept(MetaPathFinder):
    """Modules that a warm start has imported already, given out as if they were imported now.

    Whoever waits for an import sees it, and in the same order: `companions` are those that come along with a module.
    """

    def __init__(self, modules: Mapping[str, ModuleType], companions: Mapping[str, Sequence[str]]) -> None:
        self._modules, self._companions = dict(modules), companions

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's own spec, whose loader executes nothing; None for what was not kept."""
        module = self._modules.get(fullname)
        if module is None or module.__spec__ is None:
            return None
        spec = copy.copy(module.__spec__)
        spec.loader = KeptLoader(module, [name for name in self._companions.get(fullname, ()) if name in self._modules])
        return spec


class KeptLoader(Loader):
    """Gives out one module, after its companions."""

    def __init__(self, module: ModuleType, companions: Sequence[str]) -> None:
        self._module, self._spec, self._companions = module, module.__spec__, companions

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module, which is complete."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """What it imports in its turn, when it is imported for the first time."""
        module.__spec__ = self._spec
        for name in self._companions:
            importlib.import_module(name)


def find_module(fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    """The spec of a module that was kept, or of one where Python looks for them."""
    kept = (finder.find_spec(fullname, path, target) for finder in sys.meta_path if isinstance(finder, Kept))
    return next((spec for spec in kept if spec is not None), None) or PathFinder.find_spec(fullname, path, target)


def patched(spec: ModuleSpec, patch: Patch) -> ModuleSpec:
    """`spec`, whose loader runs `patch` on the module that it has executed."""
    loader = spec.loader
    if loader is None:
        return spec
    execute = loader.exec_module

    def execute_and_patch(module: ModuleType) -> None:
        execute(module)
        patch(module)

    loader.exec_module = execute_and_patch  # type: ignore[method-assign]
    return spec


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
