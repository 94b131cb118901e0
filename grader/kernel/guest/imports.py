"""Changes a module right after it was imported, by whatever road, so that nobody pays for what is not used."""

from collections.abc import Callable, Mapping, Sequence
from importlib.abc import MetaPathFinder
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
        spec = PathFinder.find_spec(fullname, path, target) if patch is not None else None
        return None if spec is None or patch is None else patched(spec, patch)


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
