"""Changes a module right after it was imported, by whatever road, so that nobody pays for what is not used."""

import copy
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

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
