"""Notebooks that are imported as modules, for packages that are not installed here (`import_ipynb` and the like)."""

import json
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

IMPORTERS = {"import_ipynb", "importnb", "nbimporter"}


class Notebooks(MetaPathFinder, Loader):
    """The last finder to be asked: a notebook beside the one that runs, all of its code cells."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a notebook of this name, in which blanks stand for underscores too; None where there is none."""
        names = [fullname, fullname.replace("_", " ")]
        found = next((name for name in names if "." not in name and Path(f"{name}.ipynb").is_file()), None)
        return None if found is None else ModuleSpec(fullname, self, origin=f"{found}.ipynb")

    def exec_module(self, module: ModuleType) -> None:
        """Run its code cells, magics and all, with the module's names."""
        assert module.__spec__ is not None
        path = Path(str(module.__spec__.origin))
        for cell in json.loads(path.read_text(encoding="utf-8-sig")).get("cells", []):
            if cell.get("cell_type") == "code":
                code = self._shell.transform_cell("".join(cell["source"]))
                exec(compile(code, str(path), "exec"), vars(module))
