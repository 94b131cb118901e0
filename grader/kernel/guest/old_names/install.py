"""Puts old names in place: before the first cell, and once Keras is imported."""

from collections.abc import Callable
from typing import Any

from grader.kernel.guest.imports import Imports
from grader.kernel.guest.notes import Notes
from grader.kernel.guest.old_names.import_paths import OldPaths, TensorFlowPythonKeras
from grader.kernel.guest.old_names.other_packages import MOVED, after_import, moved_module, restore_python
from grader.kernel.guest.old_names.stand_ins import DeferredImports, watchers


class Shims:
    """Everything that makes old names work: `prepare` before the first cell, `attach` last once Keras is imported."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def prepare(self, imports: Imports, numpy: Any, shell: Any, nest: Callable[[], None]) -> None:
        """Put in place what needs no Keras: NumPy, `time`, later imports, the code of cells. `nest`: for `nest_asyncio`."""
        restore_python(numpy, self._notes)
        imports.after.add(after_import(self._notes))
        imports.gone.table |= dict.fromkeys(MOVED, lambda name: moved_module(name, self._notes))
        self._paths = OldPaths(imports.gone, imports.after, self._notes)
        shell.ast_transformers.append(TensorFlowPythonKeras(self._notes))
        shell.ast_transformers.append(DeferredImports(shell, self._notes))
        imports.missing.table |= watchers(shell, self._notes, nest, imports.missing)

    def rewrite(self, name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        """Give a call of `fit` or its like today's arguments."""
        from grader.kernel.guest.old_names.arguments import rewrite_arguments

        rewrite_arguments(name, arguments, options, self._notes)

    def attach(self, keras: Any) -> None:
        """Change Keras' own classes and modules. The code for it is read only now: a kernel without Keras starts sooner."""
        from grader.kernel.guest.old_names.arguments import metrics_in_third_place, rename_arguments
        from grader.kernel.guest.old_names.import_paths import backend_functions
        from grader.kernel.guest.old_names.models import (
            accept_file_names,
            alias_accuracy,
            restore_attributes,
            restore_methods,
        )
        from grader.kernel.guest.old_names.stand_ins import leave_pictures_out

        rename_arguments(keras, self._notes)
        restore_methods(keras.Model, self._notes)
        metrics_in_third_place(keras, self._notes)
        restore_attributes(keras, self._notes)
        alias_accuracy(keras, self._notes)
        accept_file_names(keras, self._notes)
        leave_pictures_out(self._notes)
        self._paths.install(backend_functions(keras))
