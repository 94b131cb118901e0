"""What stands in for a path that is not there: the same place under another name, the served digits or photographs."""

import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from grader.kernel.guest.data_paths.layouts import Digits, Layouts, WantedData, components, is_foreign, read_path
from grader.kernel.guest.notes import Notes

Purpose = Literal["look", "read", "list", "tree"]  # tree: whoever asks wants a folder a class
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/sys", "/dev", "/run")
# Where other people's computers keep their files: what is written there has to go somewhere.
ELSEWHERE = {
    "users", "home", "mnt", "media", "volumes", "drive", "gdrive", "mydrive", "data", "datasets", "input", "workspace",
    "content", "kaggle",
}  # fmt: skip
# Code that reads the class of a photograph off its file's name.
FLAT = re.compile(
    r"""\.split\(\s*['"][._]['"]\s*\)\s*\[(?:0|:1|-3|-2)\]|startswith\(\s*['"](?:cat|dog)|['"/](?:cat|dog)\.[{%*\d]"""
    r"""|flow_from_dataframe|\[:\s*3\]\s*==\s*['"](?:cat|dog)['"]"""
    r"""|['"](?:cat|dog)s?['"]\s+in\s+(?![\w.]*(?:basename|dirname)?\(?\s*(?:root|dirpath|dirname|subdir|folder)\b)"""
)
TREE = re.compile(  # and code that knows folders of classes
    r"""flow_from_directory|image_dataset_from_directory|/\*/|os\.walk|(?<!==)(?<!== )['"/](?:cats?|dogs?)['"/](?!\s+in\s)"""
)
lstat, stat_ = os.lstat, os.stat  # as they are before anything is wrapped


class Redirects:
    """Answers what stands in for a path that is not there."""

    def __init__(
        self,
        *,
        layouts: Layouts | None,
        digits: Digits | None,
        folder: Path,
        notes: Notes,
        source: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self.layouts, self.digits = layouts, digits
        self.notes, self._folder, self._source = notes, folder, source
        self._off: ContextVar[bool] = ContextVar("off", default=False)
        self._flat: ContextVar[bool | None] = ContextVar("flat", default=None)
        self._told: set[str] = set()
        self._system = real_and_given((*SYSTEM, sys.prefix, sys.base_prefix))
        self._own = real_and_given((folder,))
        self._away = False  # whether anything was ever written to a place of another computer
        self.redirected = False

    def find(self, path: Any, purpose: Purpose) -> Any:
        """What stands in for `path`, of the same type (str or bytes), or None. Only asked where `path` is not there."""
        text = as_text(path)
        if text is None or self._off.get():
            return None
        with self.off():
            found = self._stand_in(text, purpose)
        if found is None:
            return None
        self.redirected = True
        return os.fsencode(found) if isinstance(path, bytes) else found

    def existing(self, path: Any, purpose: Purpose = "read") -> Any:
        """`path`, or what stands in for it."""
        text = as_text(path)
        return path if text is None or lexists(text) else self.find(path, purpose) or path

    @contextmanager
    def off(self) -> Iterator[None]:
        """While it lasts, nothing is redirected."""
        token = self._off.set(True)
        try:
            yield
        finally:
            self._off.reset(token)

    @contextmanager
    def expecting(self, flat: bool | None) -> Iterator[None]:
        """While it lasts, a listing is known to be of photographs side by side, or of folders; None: nothing is known."""
        token = self._flat.set(flat)
        try:
            yield
        finally:
            self._flat.reset(token)

    def place(self, path: Any) -> Any:
        """Where a write to `path` goes that failed: its missing folders are made; None where nothing can be done."""
        text = as_text(path)
        if text is None or self._off.get():
            return None
        with self.off():
            there = nearest(Path(text).absolute())
            if (
                not is_foreign(text)
                and within(there, (Path.cwd(), tempfile.gettempdir()))
                and os.access(there, os.W_OK)
            ):
                parent = Path(text).parent
                if parent.is_dir():
                    return None
                made = next(folder for folder in (*reversed(parent.parents), parent) if not folder.is_dir())
                parent.mkdir(parents=True)
                self._tell_once(str(made), f"`{made}/` was not there: it was made")
                return path
            place = self._elsewhere(text)
            if place is None or not (is_foreign(text) or self._stands_elsewhere(text)):
                return None
            place.parent.mkdir(parents=True, exist_ok=True)
            self._away = True
        shown = text if len(Path(text).parts) < 3 else str(Path(*Path(text).parts[:3]))
        self.notes.note(f"`{shown}` can't be written to here: a folder of the sandbox stands in for it")
        return os.fsencode(place) if isinstance(path, bytes) else str(place)

    def _tell_once(self, place: str, text: str) -> None:
        """A note about a folder, unless one above it was told of."""
        parts = components(place)
        if not any("/".join(parts[:count]) in self._told for count in range(1, len(parts))):
            self._told.add("/".join(parts))
            self.notes.note(text)

    def owns(self, path: str) -> bool:
        """Whether a path is one of the links that were made to stand for something."""
        return below(os.path.abspath(path), self._own)  # noqa: PTH100 - at every missing path: Path costs ten times as much

    def _stand_in(self, text: str, purpose: Purpose) -> str | None:
        try:
            if self._is_system(text) or lexists(text):
                return None
            return self._beside(text, purpose) or self._digits(text, purpose) or self._photographs(text, purpose)
        except (OSError, ValueError):  # a full disk, a working folder that is gone: the path is as missing as it was
            return None

    def _stands_elsewhere(self, text: str) -> bool:
        """Whether this is another computer's place, or one below the served data, which is read-only."""
        parts = components(str(Path(text).absolute()))
        return bool(parts) and (parts[0].lower() in ELSEWHERE or within(Path(text).absolute(), (Path.cwd(),)))

    def _elsewhere(self, text: str) -> Path | None:
        parts = components(text if is_foreign(text) else str(Path(text).absolute()))
        return self._folder.joinpath("elsewhere", *parts) if parts else None

    def _beside(self, text: str, purpose: Purpose) -> str | None:
        """The same place under another name: with slashes, elsewhere, or its last parts beside the notebook."""
        parts = components(text)
        if not parts:
            return None
        if "\\" in text and not is_foreign(text) and Path(*parts).exists():
            return str(Path(*parts))
        away = self._elsewhere(text) if self._away else None
        if away is not None and away.exists():
            return str(away)
        if not (is_foreign(text) or text.startswith(("/", "~", ".."))) or self.owns(text):
            return None
        for first in range(len(parts)):
            here = "/".join(parts[first:])
            if lexists(here) and (len(parts) - first > 1 or not isdir(here)):
                if purpose != "look":
                    self.notes.note(f"`{text}` was not there: `{here}` beside the notebook was taken instead")
                return here
        return None

    def _digits(self, text: str, purpose: Purpose) -> str | None:
        found = self.digits.find(text) if self.digits is not None else None
        if found is not None and purpose != "look":
            self.notes.note(f"`{text}` was not there: the MNIST that the course serves was read instead")
        return found

    def _photographs(self, text: str, purpose: Purpose) -> str | None:
        if self.layouts is None:
            return None
        wanted = read_path(text, self.layouts.classes)
        if wanted.kind == "other":
            return None
        if (not wanted.known and purpose == "look") or (wanted.kind == "folder" and purpose == "read"):
            return None
        if wanted.kind == "photograph":
            found = self.layouts.photograph(wanted) if wanted.known else None
        elif wanted.kind == "archive":
            found = self.layouts.archive(wanted)
        else:
            if purpose == "tree":  # the folder above those of the classes: `cats/train` is a collection of that name
                last = read_path(components(text)[-1], self.layouts.classes)
                wanted = replace(wanted, split=wanted.split or "train", label=last.label)
            found = self.layouts.directory(wanted, flat=self._is_flat(wanted, purpose))
        if found is not None and purpose != "look" and not self.owns(text):
            shown = re.split(r"[\\/][^\\/]*$", text)[0] if wanted.kind == "photograph" else text
            self._tell_once(shown, f"`{shown}` was not there: {describe(wanted, self.layouts.classes)} instead")
        return found

    def _is_flat(self, wanted: WantedData, purpose: Purpose) -> bool:
        """Whether photographs are to lie side by side: as the pattern says, the collection, or the code so far."""
        if wanted.label is not None or purpose in ("look", "tree"):
            return False
        expected = self._flat.get()
        if expected is not None:
            return expected and (wanted.split is not None or wanted.layout in ("kaggle", "plain", "sets"))
        if wanted.split is None:
            return False
        if wanted.layout == "kaggle":
            return True
        return wanted.layout in ("plain", "sets") and speaks_of_names(self._source())

    def _is_system(self, text: str) -> bool:
        if not text or "\0" in text or "://" in text:
            return True
        return text.startswith("/") and below(os.path.normpath(text), self._system)


def speaks_of_names(cells: Sequence[str]) -> bool:
    """Whether code reads classes off the names of photographs: the latest cell that says anything of it decides."""
    for cell in reversed(cells):
        if FLAT.search(cell):
            return True
        if TREE.search(cell):
            return False
    return False


def describe(wanted: WantedData, classes: tuple[str, ...]) -> str:
    """What stands in for a path, in words that follow "was not there: "."""
    if wanted.split in ("validation", "test"):
        kind = "the test photographs that the course serves"
    elif wanted.split == "train" or wanted.kind == "photograph" or wanted.label is not None:
        kind = "the course's training photographs"
    else:
        kind = "the photographs that the course serves"
    of = f" ({classes[wanted.label]})" if wanted.label is not None else ""
    return f"{kind}{of} were read"


def lexists(path: Any) -> bool:
    """Whether something is really there, be it a link that leads nowhere."""
    try:
        lstat(path)
    except (OSError, ValueError):
        return False
    return True


def isdir(path: Any) -> bool:
    """Whether a folder is really there."""
    try:
        return stat.S_ISDIR(stat_(path).st_mode)
    except (OSError, ValueError):
        return False


def as_text(path: Any) -> str | None:
    """A path as text; None for a descriptor and whatever else is none."""
    try:
        text = os.fspath(path)
    except TypeError:
        return None
    return os.fsdecode(text) if isinstance(text, bytes) else text if isinstance(text, str) else None


def nearest(path: Path) -> Path:
    """The nearest folder above `path` that exists."""
    return next((folder for folder in path.parents if isdir(folder)), Path("/"))


def within(path: Path, folders: tuple[str | Path, ...]) -> bool:
    """Whether `path` lies in one of `folders`, links followed or not."""
    roots = real_and_given(folders)
    return below(os.path.normpath(path), roots) or below(os.path.realpath(path), roots)


def real_and_given(folders: tuple[str | Path, ...]) -> tuple[str, ...]:
    """The folders as they are written and as they are behind links."""
    return tuple({str(folder) for folder in folders} | {os.path.realpath(folder) for folder in folders})


def below(path: str, roots: tuple[str, ...]) -> bool:
    """Whether a path without `..` is one of `roots` or lies below one, as text."""
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)
