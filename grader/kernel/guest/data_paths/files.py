"""Ways to files, asked a second time where a path is not there: Python's own, Keras', `tf.io`, OpenCV's and HDF5's.

Each of Python's has a function here, which stands in the place of the one that it is given as `original`. Libraries that
ask for whole folders, or open files behind Python's back, are changed once they are imported.
"""

import builtins
import errno
import functools
import glob
import inspect
import io
import os
import pathlib
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from grader.kernel.guest.data_paths.layouts import PICTURES, is_foreign, read_path
from grader.kernel.guest.data_paths.paths import Purpose, Redirects, as_text, isdir, lexists
from grader.kernel.guest.imports import Patch
from grader.kernel.guest.wrapping import replaces, replaces_everywhere, wrapped

MISSING = (FileNotFoundError, NotADirectoryError)
WRITING = set("wax")
UNWRITABLE = {errno.ENOENT, errno.ENOTDIR, errno.EROFS, errno.EACCES, errno.EPERM}
Original = Callable[..., Any]
unlink, symlink = os.unlink, os.symlink


def install(redirects: Redirects) -> None:
    """Wrap all of them, once."""
    opened = wrapped(io.open, open_file, redirects)
    builtins.open = io.open = opened
    shell = sys.modules.get("IPython.core.interactiveshell")  # its cells have an `open` of their own
    if hasattr(shell, "io_open"):
        shell.io_open = opened  # type: ignore[union-attr]
    doors: dict[str, tuple[Any, ...]] = {
        "stat": (read, "look"), "lstat": (read, "look"), "listdir": (read, "list"), "scandir": (read, "list"),
        "access": (access,), "open": (open_descriptor,), "mkdir": (make_folder,), "chdir": (change_folder,),
        "remove": (remove,), "unlink": (remove,), "rename": (rename,), "replace": (rename,),
    }  # fmt: skip
    for name, (function, *given) in doors.items():
        wrapper = wrapped(getattr(os, name), function, redirects, *given)
        for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
            if getattr(os, name) in able:
                able.add(wrapper)
        setattr(os, name, wrapper)
    safe = getattr(shutil.rmtree, "avoids_symlink_attacks", False)
    others: dict[Any, dict[str, Any]] = {
        shutil: {"copyfile": copy, "copy": copy, "copy2": copy, "move": copy, "rmtree": remove_tree},
        glob: {"glob": find_all, "iglob": find_all},
        pathlib.Path: {"glob": find_all_below, "rglob": find_all_below},
    }
    for module, functions in others.items():
        for name, function in functions.items():
            setattr(module, name, wrapped(getattr(module, name), function, redirects))
    shutil.rmtree.avoids_symlink_attacks = safe
    # Python 3.13's pathlib walks by functions that it took from os before.
    walker: Any = getattr(glob, "_StringGlobber", None)
    for name in ("scandir", "lstat", "lexists"):
        if hasattr(walker, name):
            setattr(walker, name, staticmethod(getattr(os.path if name == "lexists" else os, name)))


def read(
    redirects: Redirects, purpose: Purpose, original: Original, path: Any = ".", *arguments: Any, **options: Any
) -> Any:
    """`os.stat` and its like: asked again for what stands in for a path that is not there."""
    try:
        return original(path, *arguments, **options)
    except MISSING:
        found = redirects.find(path, purpose) if not options.get("dir_fd") else None
        if found is None:
            raise
        return original(found, *arguments, **options)


def access(redirects: Redirects, original: Original, path: Any, mode: int, **options: Any) -> bool:
    """`os.access`, which says no instead of failing."""
    if original(path, mode, **options):
        return True
    found = redirects.find(path, "look") if not mode & os.W_OK else None
    return found is not None and bool(original(found, mode, **options))


def write(redirects: Redirects, original: Original, path: Any, *arguments: Any, **options: Any) -> Any:
    """`original(path, ...)`, with missing folders made, or at the place that stands in for another computer's."""
    text = as_text(path)
    if text is not None and is_foreign(text) and (place := redirects.place(path)) is not None:
        return original(place, *arguments, **options)
    try:
        return original(path, *arguments, **options)
    except OSError as error:
        place = redirects.place(path) if error.errno in UNWRITABLE else None
        if place is None:
            raise
        return original(place, *arguments, **options)


def open_file(
    redirects: Redirects, original: Original, file: Any, mode: str = "r", *arguments: Any, **options: Any
) -> Any:
    """`open`, for reading and for writing."""
    if isinstance(mode, str) and WRITING & set(mode):
        return write(redirects, original, file, mode, *arguments, **options)
    return read(redirects, "read", original, file, mode, *arguments, **options)


def open_descriptor(
    redirects: Redirects, original: Original, path: Any, flags: int, *arguments: Any, **options: Any
) -> Any:
    """`os.open`."""
    if options.get("dir_fd") is not None:
        return original(path, flags, *arguments, **options)
    if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        return write(redirects, original, path, flags, *arguments, **options)
    return read(redirects, "read", original, path, flags, *arguments, **options)


def make_folder(redirects: Redirects, original: Original, path: Any, *arguments: Any, **options: Any) -> None:
    """`os.mkdir`, whose parent was there on the author's computer."""
    if options.get("dir_fd") is not None:
        original(path, *arguments, **options)
    else:
        write(redirects, original, path, *arguments, **options)


def change_folder(redirects: Redirects, original: Original, path: Any) -> None:
    """`os.chdir`: into the photographs that were meant; for another computer's folder the notebook stays where it is."""
    try:
        original(path)
    except MISSING:
        found = redirects.find(path, "look")
        text = as_text(path) or ""
        if found is not None:
            original(found)
        elif is_foreign(text) or text.startswith(("/", "..")):
            redirects.notes.note(f"`{text}` was not there: the notebook stayed in its own folder")
        else:
            raise


def remove(redirects: Redirects, original: Original, path: Any, **options: Any) -> None:
    """`os.remove`: takes the link that stands in for a file away, and leaves what is served alone."""
    try:
        original(path, **options)
    except MISSING:
        found = redirects.find(path, "look") if options.get("dir_fd") is None else None
        if found is None:
            raise
        text = as_text(path) or ""
        folder = redirects.find(os.path.dirname(text), "look") or ""  # noqa: PTH120
        link = os.path.join(folder, os.path.basename(text))  # noqa: PTH118, PTH119
        if redirects.owns(link) and lexists(link):
            original(link)


def remove_tree(redirects: Redirects, original: Original, path: Any, *arguments: Any, **options: Any) -> None:
    """`shutil.rmtree`: a folder that others stand in for is left alone."""
    if as_text(path) is None or lexists(path) or redirects.find(path, "look") is None:
        original(path, *arguments, **options)


def rename(redirects: Redirects, original: Original, src: Any, dst: Any, **options: Any) -> None:
    """`os.rename`: a photograph that was not there is moved by its link."""
    try:
        original(src, dst, **options)
    except MISSING:
        found = redirects.find(src, "read") if not options else None
        if found is None:
            raise
        _place_link(redirects, os.fsdecode(found), dst)


def _place_link(redirects: Redirects, found: str, target: Any) -> None:
    """Make `target` lead to what is served, and take the link that stood for it away: moving, for a symbolic link."""
    wanted = _prepared(redirects, target)
    symlink(os.path.realpath(found), wanted)
    if redirects.owns(found):
        unlink(found)


def _prepared(redirects: Redirects, target: Any) -> Any:
    """`target`, or the place that stands in for it, with its folder made."""
    text = as_text(target)
    if text is None:
        return target
    if is_foreign(text) or not isdir(os.path.dirname(text) or "."):  # noqa: PTH120 - also of descriptors
        return redirects.place(target) or target
    return target


def copy(redirects: Redirects, original: Original, src: Any, dst: Any, *arguments: Any, **options: Any) -> Any:
    """`shutil.copy` and its like: the source may be found elsewhere; the target is never taken for one that is there."""
    source, target = redirects.existing(src), _prepared(redirects, dst)
    moved = original.__name__ == "move" and source != src
    first, last = as_text(source), as_text(target)
    if first is not None and last is not None:
        if Path(first).suffix.lower() in PICTURES and not Path(last).suffix and not lexists(last):
            os.makedirs(last)  # noqa: PTH103 - through our own door
            target = redirects.existing(target, "look")
        if moved and isdir(target):
            target = Path(as_text(target) or "", Path(as_text(src) or first).name)
    with redirects.off():
        if moved:
            _place_link(redirects, str(first), target)
            return target
        return original(source, target, *arguments, **options)


def find_all(redirects: Redirects, original: Original, pathname: Any, **options: Any) -> Any:
    """`glob.glob`, whose pattern tells folders from photographs side by side."""
    text = as_text(pathname) or ""
    with redirects.expecting(expected(text)):
        found = list(original(pathname, **options))
        if not found and "\\" in text:
            found = list(original(text.replace("\\", "/"), **options))
    return found if original.__name__ == "glob" else iter(found)


def find_all_below(
    redirects: Redirects, original: Original, folder: Path, pattern: Any, *arguments: Any, **options: Any
) -> Any:
    """`Path.glob`."""
    below = f"**/{pattern}" if original.__name__ == "rglob" else str(pattern)
    with redirects.expecting(expected(below)):
        return iter(list(original(folder, pattern, *arguments, **options)))


def expected(pattern: str) -> bool | None:
    """Whether a pattern is of photographs side by side: True for `train/*.jpg`, False for `train/*/*.jpg`."""
    parts = pattern.replace("\\", "/").split("/")
    magic = [part for part in parts if glob.has_magic(part)]
    if not magic:
        return None
    if len(magic) > 1 or "**" in magic:
        return False
    last = parts[-1].lower()
    return True if last.endswith(tuple(PICTURES)) or last.startswith(("cat", "dog")) else None


def patches(redirects: Redirects) -> Mapping[str, Patch]:
    """The patches for modules, which are run after their import."""
    return {
        "keras": lambda module: patch_keras(module, redirects),
        "tensorflow": lambda module: patch_tensorflow(module, redirects),
        "cv2": lambda module: patch_opencv(module, redirects),
        "h5py": lambda module: patch_hdf5(module, redirects),
    }


def patch_keras(keras: Any, redirects: Redirects) -> None:
    """The readers of folders."""
    replaces_everywhere(keras.utils.image_dataset_from_directory)(functools.partial(image_dataset, redirects))

    @replaces(sys.modules["keras.src.legacy.preprocessing.image"].ImageDataGenerator, "flow_from_directory")
    def flow_from_directory(original: Any, self: Any, directory: Any, *arguments: Any, **options: Any) -> Any:
        return original(self, redirects.existing(directory, "tree"), *arguments, **options)


def image_dataset(redirects: Redirects, original: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """`image_dataset_from_directory`; names of classes in another language become those of the folders that are there."""
    bound = inspect.signature(original).bind(*arguments, **options)
    given = bound.arguments.get("directory")
    found = redirects.existing(given, "tree")
    if found is not given:
        bound.arguments["directory"] = found
        if (names := bound.arguments.get("class_names")) and redirects.layouts is not None:
            bound.arguments["class_names"] = folders_of(redirects, str(found), names)
    return original(*bound.args, **bound.kwargs)


def folders_of(redirects: Redirects, directory: str, names: Any) -> list[str]:
    """For each class that is named in whatever language, the name of its folder in `directory`."""
    assert redirects.layouts is not None
    classes = redirects.layouts.classes
    there = {read_path(folder, classes).label: folder for folder in sorted(os.listdir(directory))}  # noqa: PTH208 - names alone
    return [there.get(read_path(str(name), classes).label, str(name)) for name in names]


def patch_tensorflow(tensorflow: Any, redirects: Redirects) -> None:
    """`tf.io` and `Dataset.list_files`, which open files without Python."""
    files = tensorflow.io.gfile
    for name in ("exists", "isdir", "listdir", "stat", "walk"):
        read_existing(files, name, redirects, "look" if name in ("exists", "isdir") else "list")

    @replaces(files, "glob")
    def find_matching(original: Any, pattern: Any) -> Any:
        return original(pattern) or (
            [found] if isinstance(found := _matching(redirects, pattern), str) else list(found)
        )

    def list_files(original: Any, file_pattern: Any, *arguments: Any, **options: Any) -> Any:
        return original(_matching(redirects, file_pattern), *arguments, **options)

    dataset = tensorflow.data.Dataset
    dataset.list_files = staticmethod(wrapped(dataset.list_files, list_files))

    def resolve(path: Any) -> Any:
        return os.fsencode(redirects.existing(os.fsdecode(path)))

    @replaces(tensorflow.io, "read_file")
    def read_file(original: Any, filename: Any, name: str | None = None) -> Any:
        """Also inside a graph, where the path is known only as it runs."""
        if as_text(filename) is not None:
            filename = redirects.existing(filename)
        elif tensorflow.is_tensor(filename) and redirects.redirected:
            shape = filename.shape
            if tensorflow.executing_eagerly():
                filename = tensorflow.constant(resolve(filename.numpy())) if shape.rank == 0 else filename
            elif shape.rank == 0:
                filename = tensorflow.numpy_function(resolve, [filename], tensorflow.string)
                filename.set_shape(shape)
        return original(filename, name=name)


def read_existing(owner: Any, name: str, redirects: Redirects, purpose: Purpose) -> None:
    """Let `owner.name(path, ...)` read what stands in for a path that is not there."""

    @replaces(owner, name)
    def read(original: Any, path: Any, *arguments: Any, **options: Any) -> Any:
        return original(redirects.existing(path, purpose), *arguments, **options)


def _matching(redirects: Redirects, pattern: Any) -> Any:
    """The files that a pattern stands in for where it matches nothing; else the pattern as it is."""
    patterns = [pattern] if as_text(pattern) is not None else pattern
    if not isinstance(patterns, (list, tuple)) or any(as_text(item) is None for item in patterns):
        return pattern
    found = [path for item in patterns for path in glob.glob(as_text(item) or "")]  # noqa: PTH207 - ours
    folders = {folder: str(redirects.existing(folder, "list")) for folder in {os.path.dirname(path) for path in found}}  # noqa: PTH120
    return [_real(redirects, path, folders) for path in sorted(found)] or pattern


def _real(redirects: Redirects, path: str, folders: Mapping[str, str]) -> str:
    """Where a photograph lies: in the folder that stands in for its own, whose name code may read the class off."""
    folder, name = os.path.split(path)
    inside = os.path.join(folders[folder], name)  # noqa: PTH118 - two thousand at a time
    return inside if lexists(inside) else str(redirects.existing(path))


def patch_opencv(cv2: Any, redirects: Redirects) -> None:
    """`cv2.imread`, which says None where there is no file. OpenCV imports itself twice: it is not there the first time."""
    if hasattr(cv2, "imread"):
        read_existing(cv2, "imread", redirects, "read")


def patch_hdf5(h5py: Any, redirects: Redirects) -> None:
    """`h5py.File`: the folder that a network is saved to was there on its author's computer."""

    @replaces(h5py.File, "__init__")
    def start(original: Any, self: Any, name: Any, mode: str = "r", *arguments: Any, **options: Any) -> None:
        text = as_text(name)
        if text is not None and mode not in ("r", "r+") and not Path(text).absolute().parent.is_dir():
            name = redirects.place(name) or name
        original(self, name, mode, *arguments, **options)
