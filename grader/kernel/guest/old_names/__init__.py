"""Old names of Keras, NumPy, TensorFlow and others that only got another name: made to work, and each use told.

`TABLE` is `old_names.toml`: what is old, and what it is today. The modules beside it apply it: `import_paths` to import
paths and attributes of modules, `arguments` to constructors, `fit` and its like, `models` to methods, results and files of
networks, `other_packages` to what is not Keras, `stand_ins` to packages that are not installed. Whatever would change what a
student's code computes is not here: it fails, and the check `executes` explains it.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grader.kernel.guest.imports import Imports
from grader.kernel.guest.notes import Notes

TABLE = tomllib.loads(Path(__file__).with_name("old_names.toml").read_text(encoding="utf-8"))


class Shims:
    """Everything that makes old names work: `prepare` before the first cell, `attach` last once Keras is imported.

    The modules beside this one are imported by its methods: they need `TABLE`, and a kernel without Keras starts sooner.
    """

    def __init__(self, notes: Notes) -> None:
        self._notes = notes

    def prepare(self, imports: Imports, numpy: Any, shell: Any, nest: Callable[[], None]) -> None:
        """Put in place what needs no Keras: NumPy, `time`, later imports, the code of cells. `nest`: for `nest_asyncio`."""
        from grader.kernel.guest.old_names.import_paths import OldPaths, TensorFlowPythonKeras
        from grader.kernel.guest.old_names.other_packages import MOVED, after_import, moved_module, restore_python
        from grader.kernel.guest.old_names.stand_ins import DeferredImports, watchers

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
        """Change Keras' own classes and modules."""
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
