"""`google.colab`, which exists on Google's machines only."""

import importlib
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from grader.kernel.guest.notes import Notes
from grader.kernel.guest.shims.watchers import Nothing


class Colab(MetaPathFinder, Loader):
    """`google.colab`: nothing is mounted or uploaded, pictures are shown, and whatever else is called does nothing."""

    def __init__(self, notes: Notes, show: Callable[[Any], None]) -> None:
        self._notes, self._show = notes, show

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The package and its modules; `google` too where nothing else brings it."""
        if fullname == "google.colab" or fullname.startswith("google.colab."):
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """A module with the functions that notebooks call."""
        module = ModuleType(spec.name, "Stands for a module of Google Colab.")
        module.__path__ = []
        if spec.name == "google.colab":
            self._notes.note("`google.colab` is not here: nothing is mounted, uploaded or downloaded")

            def submodule(name: str) -> Any:
                if name.startswith("__"):
                    raise AttributeError(name)
                return importlib.import_module(f"google.colab.{name}")

            vars(module)["__getattr__"] = submodule
        else:
            vars(module)["__getattr__"] = self._unknown
        vars(module).update(self._functions(spec.name.rpartition(".")[2]))
        return module

    def _unknown(self, name: str) -> Any:
        """A function that nobody here knows: it does nothing."""
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to be done."""

    def _functions(self, name: str) -> dict[str, Any]:
        def nothing(*arguments: object, **options: object) -> None:
            """Does nothing."""

        def upload(*arguments: object, **options: object) -> dict[str, bytes]:
            """Nobody is there to choose a file."""
            self._notes.note("`files.upload()` returned no file: nobody is there to choose one")
            return {}

        def get(key: str = "") -> str:
            """No secret is kept here."""
            return ""

        known: dict[str, dict[str, Any]] = {
            "drive": {"mount": nothing, "flush_and_unmount": nothing},
            "files": {"upload": upload, "download": nothing, "view": nothing},
            "patches": {"cv2_imshow": self._show_picture},
            "output": {"clear": nothing, "eval_js": nothing, "enable_custom_widget_manager": nothing},
            "auth": {"authenticate_user": nothing},
            "userdata": {"get": get},
        }
        return known.get(name, {})

    def _show_picture(self, picture: Any) -> None:
        """`cv2_imshow`: blue, green, red, or grey."""
        image = importlib.import_module("PIL.Image")
        pixels = picture.clip(0, 255).astype("uint8")
        self._show(image.fromarray(pixels[..., ::-1] if pixels.ndim == 3 else pixels))
