"""What stands in for what is not here: imports that find nothing, packages that only show or watch, pictures, Colab.

Nothing that a notebook computes depends on them. An import that finds nothing fails where its name is used, because one
line for a package that nobody needs would cost the rest of its cell. What would have been drawn is a blank picture, and
the cell is noted, so that it is held against nobody.
"""

import ast
import importlib
import json
import os
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from grader.kernel.guest.imports import MadeModule, Make, StandIns, stand_in
from grader.kernel.guest.notes import Notes
from grader.kernel.guest.old_names import TABLE
from grader.kernel.guest.wrapping import replaces_everywhere

KEEPER = "grader_absent"  # the name of a `DeferredImports.keep` at the shell


class MissingImport:
    """Stands in for what an import did not find: whatever is done with it raises the error of that import."""

    def __init__(self, error: ImportError) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") and name != "__version__":  # IPython, copy and others ask every object for such names
            raise AttributeError(name)
        self._fail()

    def _fail(self, *arguments: object, **options: object) -> NoReturn:
        __tracebackhide__ = True
        error = self._error
        raise type(error)(*error.args, name=error.name, path=error.path) from None

    __call__ = __getitem__ = __iter__ = __len__ = __bool__ = __enter__ = __contains__ = _fail
    __mro_entries__ = __instancecheck__ = __subclasscheck__ = _fail
    __add__ = __radd__ = __mul__ = __rmul__ = __truediv__ = __or__ = _fail

    def __repr__(self) -> str:
        return f"<not imported: {self._error}>"


class DeferredImports(ast.NodeTransformer):
    """Lets the imports at the top of a cell go on without what they do not find; those in a `try` have their own way."""

    def __init__(self, shell: Any, notes: Notes) -> None:
        self._notes = notes
        setattr(shell, KEEPER, self.keep)

    def keep(self, error: ImportError, written: str, package: str) -> Any:
        """What stands in for the name of an import that failed; `package`: what `import package.module` would bind."""
        self._notes.note(f"`{written}` was skipped ({error}): code that uses it fails")
        return sys.modules.get(package) or MissingImport(error)

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Each import of a cell, name by name."""
        node.body = [made for statement in node.body for made in _each(statement)]
        return node


def _each(statement: ast.stmt) -> list[ast.stmt]:
    if isinstance(statement, ast.Import):
        return [_attempt(ast.Import(names=[alias]), alias, statement) for alias in statement.names]
    if isinstance(statement, ast.ImportFrom) and statement.module != "__future__":
        if any(alias.name == "*" for alias in statement.names):
            return [statement]
        return [
            _attempt(ast.ImportFrom(module=statement.module, names=[alias], level=statement.level), alias, statement)
            for alias in statement.names
        ]
    return [statement]


def _attempt(single: ast.Import | ast.ImportFrom, alias: ast.alias, place: ast.stmt) -> ast.stmt:
    """The import of one name in a `try`, all of it in the place of the original."""
    name = alias.asname or alias.name.partition(".")[0]
    written, package = ast.unparse(single), "" if alias.asname or name == alias.name else name
    (attempt,) = ast.parse(
        f"try:\n    {written}\n"
        "except ImportError as __import_error__:\n"
        f"    {name} = __import__('IPython').get_ipython().{KEEPER}(__import_error__, {written!r}, {package!r})\n"
    ).body
    for node in ast.walk(attempt):
        if "lineno" in node._attributes:
            ast.copy_location(node, place)
    return attempt


def notebook(shell: Any) -> Callable[[str], MadeModule | None]:
    """Finds a notebook beside the one that runs, in whose name blanks stand for underscores too: all of its code cells."""

    def find(fullname: str) -> MadeModule | None:
        paths = [Path(f"{name}.ipynb") for name in (fullname, fullname.replace("_", " ")) if "." not in name]
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            return None

        def execute(module: ModuleType) -> None:
            """Run its code cells, magics and all, with the module's names."""
            for cell in json.loads(path.read_text(encoding="utf-8-sig")).get("cells", []):
                if cell.get("cell_type") == "code":
                    code = shell.transform_cell("".join(cell["source"]))
                    exec(compile(code, str(path), "exec"), vars(module))

        return MadeModule(ModuleType, execute)

    return find


SIDES = (320, 80)
VECTOR = b'<svg xmlns="http://www.w3.org/2000/svg" width="320" height="80"/>'
TEXTS = (".html", ".htm", ".json", ".dot", ".txt", ".tex", ".md")


def write_blank(path: Any) -> None:
    """A blank file of the kind that its name says, unless there is one. Never raises."""
    try:
        name = os.fspath(path)
        if isinstance(name, str) and os.path.splitext(name)[1] and not os.path.lexists(name):  # noqa: PTH122
            data = blank(os.path.splitext(name)[1])  # noqa: PTH122
            with open(name, "wb") as file:  # noqa: PTH123
                file.write(data)
    except Exception:
        return


def blank(extension: str) -> bytes:
    """A blank picture, or an empty text, as files with this extension hold it."""
    import io

    kind = f".{extension.lower().lstrip('.')}"
    if kind == ".svg":
        return VECTOR
    if kind in TEXTS:
        return b""
    image = importlib.import_module("PIL.Image")
    buffer = io.BytesIO()
    known = image.registered_extensions()
    image.new("RGB", SIDES, "white").save(buffer, known.get(kind, "PNG"))
    return buffer.getvalue()


class Drawing:
    """What `model_to_dot` gives: it writes blank pictures, and has no content."""

    def write(self, path: Any, prog: Any = None, format: Any = "raw", **options: object) -> bool:
        """As pydot's."""
        write_blank(path)
        return True

    def create(self, prog: Any = None, format: Any = "ps", **options: object) -> bytes:
        """As pydot's."""
        return blank(str(format))

    def to_string(self, **options: object) -> str:
        """As pydot's."""
        return ""

    def __getattr__(self, name: str) -> Any:
        head, _, kind = name.partition("_")
        if head == "create" and kind:
            return lambda *arguments, **options: blank(kind)
        if head == "write" and kind:
            return lambda path, *arguments, **options: self.write(path)
        raise AttributeError(name)


def leave_pictures_out(notes: Notes) -> None:
    """`plot_model` and `model_to_dot` without graphviz: a note, and blank pictures where files are asked for."""
    drawing: Any = sys.modules["keras.src.utils.model_visualization"]

    def there() -> bool:
        """Whether networks can be drawn."""
        found = bool(drawing.check_graphviz())
        if not found:
            notes.note("`plot_model` drew nothing: graphviz is not installed where notebooks are graded")
            notes.leave_undrawn()
        return found

    @replaces_everywhere(drawing.plot_model)
    def plot_model(original: Any, model: Any, to_file: Any = "model.png", *arguments: Any, **options: Any) -> Any:
        if there():
            return original(model, to_file, *arguments, **options)
        if not model.built:
            raise ValueError("This model has not yet been built: call `build()`, or the model on some data, first.")
        return write_blank(to_file)

    @replaces_everywhere(drawing.model_to_dot)
    def model_to_dot(original: Any, model: Any, *arguments: Any, **options: Any) -> Any:
        return original(model, *arguments, **options) if there() else Drawing()


PACKAGES: dict[str, set[str]] = {kind: set(names) for kind, names in TABLE["packages"].items()}
SAVERS = ("file", "filename", "filepath", "fname", "fp", "outfile", "path", "to_file")  # arguments with a file's name
SAVING = ("write_image", "write_html", "write_json", "savefig", "save", "export", "render", "to_file", "layered_view",
          "graph_view", "ann_viz", "html", "output_file", "view")  # fmt: skip


class Nothing:
    """Whatever is done with it does nothing. `used` is called at every use; files that are asked for are blank.

    `around`: what it was put around, as a bar of progress is, and goes through as if it were not there.
    """

    def __init__(
        self, *arguments: Any, used: Callable[[], None] | None = None, name: str = "", around: Any = (), **options: Any
    ) -> None:
        self._used, self._name, self._around = used, name, around

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # IPython and others ask every object for such names
            raise AttributeError(name)
        return Nothing(used=self._used, name=name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Another Nothing; a function that is decorated with it stays what it is."""
        if self._used is not None:
            self._used()
        if len(arguments) == 1 and not options and isinstance(arguments[0], types.FunctionType):
            return arguments[0]
        paths = [options[name] for name in SAVERS if name in options]
        for path in [*paths, *(arguments if self._name in SAVING else ())]:
            if isinstance(path, str):
                write_blank(path)
        inner = arguments[0] if arguments and isinstance(arguments[0], Iterable) else ()
        return Nothing(used=self._used, around=() if isinstance(inner, (str, Nothing)) else inner)

    def __mro_entries__(self, bases: object) -> tuple[type, ...]:
        return (Nothing,)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._around)

    def __len__(self) -> int:
        return len(self._around) if hasattr(self._around, "__len__") else 0

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        import numpy

        return numpy.full((SIDES[1], SIDES[0], 3), 255, dtype or "uint8")  # a blank picture

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        return ""

    def __getitem__(self, key: object) -> Any:
        return Nothing(used=self._used)

    def __setitem__(self, key: object, value: object) -> None:
        """Do nothing."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        """Let an error pass."""

    def _joined(self, other: Any) -> Any:
        return other if isinstance(other, str) else self

    __add__ = __radd__ = __or__ = __ror__ = __and__ = __mul__ = __rmul__ = _joined


class StandInSettings(dict[str, Any]):
    """The settings of a run, which code reads back: `wandb.config`."""

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def update(self, *values: Any, **named: Any) -> None:
        """As a dict's; other arguments are about changes, which nobody minds."""
        named.pop("allow_val_change", None)
        super().update(*[_plain(value) for value in values if not isinstance(value, bool)], **named)


class Run(Nothing):
    """A run that knows nothing but its settings."""

    def __init__(self, config: StandInSettings) -> None:
        super().__init__()
        self.config = config


def watchers(shell: Any, notes: Notes, nest: Callable[[], None], missing: StandIns) -> dict[str, Make]:
    """What makes those packages: modules whose every name does nothing. `nest`: what `nest_asyncio.apply()` is to do."""
    settings = StandInSettings()

    def begin(*arguments: object, config: Any = None, **options: object) -> Run:
        """`wandb.init`."""
        settings.update(_plain(config))
        return Run(settings)

    known: dict[str, dict[str, Any]] = {
        "wandb": {"config": settings, "init": begin},
        "nest_asyncio": {"apply": lambda *arguments, **options: nest()},
        "kaggle_secrets": {"UserSecretsClient": Secrets},
    }

    def make(name: str) -> ModuleType:
        root = name.partition(".")[0]
        if root in PACKAGES["notebooks"]:
            missing.otherwise = notebook(shell)
        elif name == root:
            notes.note(f"`{root}` is not installed: it recorded and drew nothing, and all else went on")
        used = notes.leave_undrawn if root in PACKAGES["draw"] else None
        return stand_in(name, known.get(name, {}), lambda asked: Nothing(used=used, name=asked))

    return dict.fromkeys(set().union(*PACKAGES.values()), make)


class Secrets(Nothing):
    """`kaggle_secrets.UserSecretsClient`: no secret is kept here."""

    def get_secret(self, label: str = "") -> str:
        """An empty text."""
        return ""


def plain_progress(module: Any) -> None:
    """`tqdm.notebook` without ipywidgets shows the bars that a terminal would. After its import."""
    if PathFinder.find_spec("ipywidgets") is not None:
        return
    bars: Any = sys.modules["tqdm.std"]
    module.tqdm = module.tqdm_notebook = bars.tqdm
    module.trange = module.tnrange = bars.trange


def _plain(config: Any) -> dict[str, Any]:
    """Settings that were given as a dict, or as an object like those of `argparse`."""
    if isinstance(config, dict):
        return config
    return dict(vars(config)) if hasattr(config, "__dict__") else {}


def without_watchers(callbacks: Any) -> Any:
    """The callbacks of a `fit` that do something."""
    if isinstance(callbacks, (list, tuple)):
        return [callback for callback in callbacks if not isinstance(callback, Nothing)]
    return None if isinstance(callbacks, Nothing) else callbacks


def colab(notes: Notes, show: Callable[[Any], None]) -> Make:
    """`google.colab`: nothing is mounted or uploaded, pictures are shown, and whatever else is called does nothing."""

    def nothing(*arguments: object, **options: object) -> None:
        """Does nothing."""

    def upload(*arguments: object, **options: object) -> dict[str, bytes]:
        """Nobody is there to choose a file."""
        notes.note("`files.upload()` returned no file: nobody is there to choose one")
        return {}

    def get(key: str = "") -> str:
        """No secret is kept here."""
        return ""

    def show_picture(picture: Any) -> None:
        """`cv2_imshow`: blue, green, red, or grey."""
        image = importlib.import_module("PIL.Image")
        pixels = picture.clip(0, 255).astype("uint8")
        show(image.fromarray(pixels[..., ::-1] if pixels.ndim == 3 else pixels))

    known: dict[str, dict[str, Any]] = {
        "drive": {"mount": nothing, "flush_and_unmount": nothing},
        "files": {"upload": upload, "download": nothing, "view": nothing},
        "patches": {"cv2_imshow": show_picture},
        "output": {"clear": nothing, "eval_js": nothing, "enable_custom_widget_manager": nothing},
        "auth": {"authenticate_user": nothing},
        "userdata": {"get": get},
    }

    def make(name: str) -> ModuleType:
        if name == "google.colab":
            notes.note("`google.colab` is not here: nothing is mounted, uploaded or downloaded")
            return stand_in(name, {}, lambda asked: importlib.import_module(f"{name}.{asked}"))
        return stand_in(name, known.get(name.rpartition(".")[2], {}), lambda asked: Nothing())

    return make
