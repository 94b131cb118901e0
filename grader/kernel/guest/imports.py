"""What happens at an import: modules that something stands in for, and modules that are changed once they are imported.

Two finders, each with a table: `StandIns` makes modules that are gone or not installed, `AfterImport` runs patches behind
a module's own loader, so that nobody pays for what is not used.

A fork server imports TensorFlow and its like before there is a notebook (`prepare`). A kernel that is forked from it must
be what a cold one is, so these modules are taken out of `sys.modules` and given out at the notebook's own `import`.
"""

import copy
import importlib
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from itertools import accumulate
from pathlib import Path
from types import ModuleType
from typing import Any

OURS = str(Path(__file__).parent)
LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})
Patch = Callable[[ModuleType], None]
Make = Callable[[str], ModuleType]


def asked_by_a_library() -> bool:
    """Whether our code was called by an installed package (imports aside), which must see things as they are."""
    frame: Any = sys._getframe(1)
    while frame is not None and (frame.f_code.co_filename.startswith(OURS) or "importlib" in frame.f_code.co_filename):
        frame = frame.f_back
    name = frame.f_code.co_filename if frame is not None else ""
    return name.startswith(LIBRARIES) or "site-packages" in name


class MadeModule(Loader):
    """Gives out what `make` makes of a module's name, then calls `execute` with it.

    A module that has a spec already, because it was imported under another name or earlier, keeps it.
    """

    def __init__(self, make: Make, execute: Patch = lambda module: None) -> None:
        self._make, self._execute = make, execute
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module. What `make` raises is what the import raises."""
        module = self._make(spec.name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own spec again, which the import has replaced."""
        module.__spec__ = self._spec or module.__spec__
        self._execute(module)


class StandIns(MetaPathFinder):
    """A table: the name of a module -> what makes it and, by their names, the modules below it.

    `only_missing`: a package that is installed stays what it is, and a library that tries an import sees it fail.
    `otherwise` is asked for a name that is not in the table.
    """

    def __init__(self, *, only_missing: bool = False) -> None:
        self.table: dict[str, Make] = {}
        self.otherwise: Callable[[str], MadeModule | None] = lambda name: None
        self._only_missing = only_missing

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a module that is made here; None for any other name."""
        root, _, _ = fullname.partition(".")
        names = reversed([*accumulate(fullname.split("."), "{}.{}".format)])
        make = next((self.table[name] for name in names if name in self.table), None)
        if make is not None and self._only_missing and (PathFinder.find_spec(root) or asked_by_a_library()):
            return None
        loader = self.otherwise(fullname) if make is None else MadeModule(make)
        return None if loader is None else ModuleSpec(fullname, loader, is_package=True)


def stand_in(name: str, known: Mapping[str, Any], answer: Callable[[str], Any] | None = None) -> ModuleType:
    """A module with the names of `known`; `answer` says what every other public name is."""
    module = ModuleType(name, f"Stands in for {name}, which is not here.")

    def look_up(asked: str) -> Any:
        if answer is None or asked.startswith("_"):  # IPython and others ask every module for such names
            raise AttributeError(f"module {name!r} has no attribute {asked!r}")
        return answer(asked)

    vars(module).update(known, __getattr__=look_up)
    return module


def is_stand_in(module: ModuleType) -> bool:
    """Whether it was made here: the package itself is not installed."""
    return getattr(module, "__file__", None) is None


class AfterImport(MetaPathFinder):
    """Runs patches on modules after their own import, in the order in which they were added.

    It stands before all other finders and asks them for the module's spec. `before`: what is run before the import.
    """

    def __init__(self, patches: Mapping[str, Patch], before: Mapping[str, Patch] | None = None) -> None:
        self._patches = {name: [patch] for name, patch in patches.items()}
        self._before = before or {}
        self._asking: set[str] = set()
        self.otherwise: Callable[[str], Patch | None] = lambda name: None  # for modules that are in no table

    def add(self, patches: Mapping[str, Patch]) -> None:
        """More patches, by the names of their modules."""
        for name, patch in patches.items():
            self._patches.setdefault(name, []).append(patch)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec that the other finders give, with the patches behind its loader; None for every other module."""
        if fullname in self._asking:
            return None
        other = None if fullname in self._patches else self.otherwise(fullname)
        patches = self._patches.get(fullname, []) if other is None else [other]
        if not patches and fullname not in self._before:
            return None
        self._asking.add(fullname)
        try:
            found = (finder.find_spec(fullname, path, target) for finder in sys.meta_path)
            spec = next((item for item in found if item is not None), None)
        finally:
            self._asking.discard(fullname)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_patch(module: ModuleType) -> None:
            if fullname in self._before:
                self._before[fullname](module)
            execute(module)
            for patch in patches:
                patch(module)

        spec.loader.exec_module = execute_and_patch  # type: ignore[method-assign]
        return spec


@dataclass(frozen=True, kw_only=True)
class Imports:
    """The finders of a kernel: what is changed after its import, what is gone for good, and what is not installed."""

    after: AfterImport
    gone: StandIns = field(default_factory=StandIns)
    missing: StandIns = field(default_factory=lambda: StandIns(only_missing=True))

    def install(self) -> None:
        """Put the finders in place; `missing` is asked only when nobody else knows a module."""
        sys.meta_path[:] = [self.after, self.gone, *sys.meta_path, self.missing]


class ImportedEarlier(MetaPathFinder):
    """Modules that a warm start has imported already, given out as if they were imported now.

    Whoever waits for an import sees it, and in the same order: `companions` are those that come along with a module.
    """

    def __init__(self, modules: Mapping[str, ModuleType], companions: Mapping[str, Sequence[str]]) -> None:
        self._modules, self._companions = dict(modules), companions

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's own spec, whose loader executes nothing; None for what was not imported."""
        module = self._modules.get(fullname)
        if module is None or module.__spec__ is None:
            return None

        def import_companions(_: ModuleType) -> None:
            for name in self._companions.get(fullname, ()):
                if name in self._modules:
                    importlib.import_module(name)

        spec = copy.copy(module.__spec__)
        spec.loader = MadeModule(lambda name: module, import_companions)
        return spec


AT_THE_START = ("numpy", "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "IPython.display")
LATER = ("tensorflow", "keras", "matplotlib.pyplot")
# Modules that `AfterImport` waits for, and those that bring them along.
WAITED_FOR = (
    "tensorflow", "keras", "h5py", "cv2", "urllib.request", "matplotlib", "matplotlib.cm", "matplotlib.style",
    "matplotlib.pyplot", "pandas", "joblib.parallel", "sklearn.base", "sklearn.datasets", "PIL", "PIL.Image",
)  # fmt: skip
COMPANIONS: Mapping[str, tuple[str, ...]] = {
    "tensorflow": WAITED_FOR, "keras": WAITED_FOR, "matplotlib": ("matplotlib.cm",),
    "matplotlib.pyplot": ("matplotlib", "matplotlib.cm", "matplotlib.style"), "PIL": ("PIL.Image",),
}  # fmt: skip


def _is_hidden(name: str) -> bool:
    """Also Keras' public modules: `from keras.datasets import mnist` would come in without passing `keras` itself."""
    return name in WAITED_FOR or (name.startswith("keras.") and not name.startswith("keras.src"))


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
    sys.meta_path.insert(0, ImportedEarlier(modules, {**COMPANIONS, "keras": (*WAITED_FOR, *below)}))
