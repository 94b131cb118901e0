"""Python's own doors to files, opened a second time where a path is not there: `open`, `os`, `glob`, `shutil`."""

import builtins
import errno
import functools
import glob
import io
import os
import pathlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grader.kernel.guest.data_paths.layouts import PICTURES, is_foreign
from grader.kernel.guest.data_paths.paths import Purpose, World, as_text, isdir, lexists

MISSING = (FileNotFoundError, NotADirectoryError)
WRITING = set("wax")
UNWRITABLE = {errno.ENOENT, errno.ENOTDIR, errno.EROFS, errno.EACCES, errno.EPERM}
unlink, symlink = os.unlink, os.symlink


def install(world: World) -> None:
    """Wrap them all, once."""
    opened = open_file(world, io.open)
    builtins.open = io.open = opened
    shell = sys.modules.get("IPython.core.interactiveshell")  # its cells have an `open` of their own
    if hasattr(shell, "io_open"):
        shell.io_open = opened  # type: ignore[union-attr]
    wrappers = {
        "stat": reading(world, os.stat, "look"), "lstat": reading(world, os.lstat, "look"),
        "listdir": reading(world, os.listdir, "list"), "scandir": reading(world, os.scandir, "list"),
        "access": asking(world, os.access), "open": open_descriptor(world, os.open), "mkdir": making(world, os.mkdir),
        "chdir": changing(world, os.chdir), "remove": removing(world, os.remove), "unlink": removing(world, os.unlink),
        "rename": renaming(world, os.rename), "replace": renaming(world, os.replace),
    }  # fmt: skip
    for name, wrapper in wrappers.items():
        for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
            if getattr(os, name) in able:
                able.add(wrapper)
        setattr(os, name, wrapper)
    for name in ("copyfile", "copy", "copy2", "move"):
        setattr(shutil, name, copying(world, getattr(shutil, name)))
    shutil.rmtree = removing_tree(world, shutil.rmtree)
    glob.glob = globbing(world, glob.glob)
    glob.iglob = globbing(world, glob.iglob)
    pathlib.Path.glob = globbing_below(world, pathlib.Path.glob)  # type: ignore[method-assign]
    pathlib.Path.rglob = globbing_below(world, pathlib.Path.rglob)  # type: ignore[method-assign]
    # Python 3.13's pathlib walks by functions that it took from os before.
    walker: Any = getattr(glob, "_StringGlobber", None)
    for name in ("scandir", "lstat", "lexists"):
        if hasattr(walker, name):
            setattr(walker, name, staticmethod(getattr(os.path if name == "lexists" else os, name)))


def reading(world: World, original: Callable[..., Any], purpose: Purpose) -> Callable[..., Any]:
    """`original(path, ...)`, asked again for what stands for a path that is not there."""

    @functools.wraps(original)
    def ask(path: Any = ".", *arguments: Any, **options: Any) -> Any:
        try:
            return original(path, *arguments, **options)
        except MISSING:
            found = world.find(path, purpose) if not options.get("dir_fd") else None
            if found is None:
                raise
            return original(found, *arguments, **options)

    return ask


def asking(world: World, original: Callable[..., bool]) -> Callable[..., bool]:
    """`os.access`, which says no instead of failing."""

    @functools.wraps(original)
    def access(path: Any, mode: int, **options: Any) -> bool:
        if original(path, mode, **options):
            return True
        found = world.find(path, "look") if not mode & os.W_OK else None
        return found is not None and original(found, mode, **options)

    return access


def writing(world: World, original: Callable[..., Any], path: Any, *arguments: Any, **options: Any) -> Any:
    """`original(path, ...)`, with missing folders made, or at the place that stands for another computer's."""
    text = as_text(path)
    if text is not None and is_foreign(text) and (place := world.place(path)) is not None:
        return original(place, *arguments, **options)
    try:
        return original(path, *arguments, **options)
    except OSError as error:
        place = world.place(path) if error.errno in UNWRITABLE else None
        if place is None:
            raise
        return original(place, *arguments, **options)


def open_file(world: World, original: Callable[..., Any]) -> Callable[..., Any]:
    """`open`, for reading and for writing."""
    read = reading(world, original, "read")

    @functools.wraps(original)
    def open_(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if isinstance(mode, str) and WRITING & set(mode):
            return writing(world, original, file, mode, *arguments, **options)
        return read(file, mode, *arguments, **options)

    return open_


def open_descriptor(world: World, original: Callable[..., int]) -> Callable[..., int]:
    """`os.open`."""
    read = reading(world, original, "read")

    @functools.wraps(original)
    def open_(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if options.get("dir_fd") is not None:
            return original(path, flags, *arguments, **options)
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            found: int = writing(world, original, path, flags, *arguments, **options)
            return found
        given: int = read(path, flags, *arguments, **options)
        return given

    return open_


def making(world: World, original: Callable[..., None]) -> Callable[..., None]:
    """`os.mkdir`, whose parent was there on the author's computer."""

    @functools.wraps(original)
    def mkdir(path: Any, *arguments: Any, **options: Any) -> None:
        if options.get("dir_fd") is not None:
            return original(path, *arguments, **options)
        writing(world, original, path, *arguments, **options)
        return None

    return mkdir


def changing(world: World, original: Callable[..., None]) -> Callable[..., None]:
    """`os.chdir`: into the photographs that were meant; from another computer's folder one stays where one is."""

    @functools.wraps(original)
    def chdir(path: Any) -> None:
        try:
            original(path)
        except MISSING:
            found = world.find(path, "look")
            text = as_text(path) or ""
            if found is not None:
                original(found)
            elif is_foreign(text) or text.startswith(("/", "..")):
                world.tell(f"`{text}` was not there: the notebook stayed in its own folder")
            else:
                raise

    return chdir


def removing(world: World, original: Callable[..., None]) -> Callable[..., None]:
    """`os.remove`: takes the link that stands for a file away, and leaves what is served alone."""

    @functools.wraps(original)
    def remove(path: Any, **options: Any) -> None:
        try:
            original(path, **options)
        except MISSING:
            found = world.find(path, "look") if options.get("dir_fd") is None else None
            if found is None:
                raise
            text = as_text(path) or ""
            folder = world.find(os.path.dirname(text), "look") or ""  # noqa: PTH120
            link = os.path.join(folder, os.path.basename(text))  # noqa: PTH118, PTH119
            if world.owns(link) and lexists(link):
                original(link)

    return remove


def removing_tree(world: World, original: Any) -> Any:
    """`shutil.rmtree`: a folder that others stand for is left alone."""

    @functools.wraps(original)
    def rmtree(path: Any, *arguments: Any, **options: Any) -> None:
        if as_text(path) is not None and not lexists(path) and world.find(path, "look") is not None:
            return
        original(path, *arguments, **options)

    rmtree.avoids_symlink_attacks = getattr(original, "avoids_symlink_attacks", False)  # type: ignore[attr-defined]
    return rmtree


def renaming(world: World, original: Callable[..., None]) -> Callable[..., None]:
    """`os.rename`: a photograph that was not there is moved by its link."""

    @functools.wraps(original)
    def rename(src: Any, dst: Any, **options: Any) -> None:
        try:
            original(src, dst, **options)
        except MISSING:
            found = world.find(src, "read") if not options else None
            if found is None:
                raise
            _place_link(world, os.fsdecode(found), dst)

    return rename


def _place_link(world: World, found: str, target: Any) -> None:
    """Make `target` lead to what is served, and take the link that stood for it away: moving, for a symbolic link."""
    wanted = _prepared(world, target)
    symlink(os.path.realpath(found), wanted)
    if world.owns(found):
        unlink(found)


def _prepared(world: World, target: Any) -> Any:
    """`target`, or the place that stands for it, with its folder made."""
    text = as_text(target)
    if text is None:
        return target
    if is_foreign(text) or not isdir(os.path.dirname(text) or "."):  # noqa: PTH120 - also of descriptors
        return world.place(target) or target
    return target


def copying(world: World, original: Callable[..., Any]) -> Callable[..., Any]:
    """`shutil.copy` and its like: the source may be found elsewhere; the target is never taken for one that is there."""

    @functools.wraps(original)
    def copy(src: Any, dst: Any, *arguments: Any, **options: Any) -> Any:
        source, target = world.existing(src), _prepared(world, dst)
        moved = original.__name__ == "move" and source != src
        first, last = as_text(source), as_text(target)
        if first is not None and last is not None:
            if Path(first).suffix.lower() in PICTURES and not Path(last).suffix and not lexists(last):
                os.makedirs(last)  # noqa: PTH103 - through our own door
                target = world.existing(target, "look")
            if moved and isdir(target):
                target = Path(as_text(target) or "", Path(as_text(src) or first).name)
        with world.off():
            if moved:
                _place_link(world, str(first), target)
                return target
            return original(source, target, *arguments, **options)

    return copy


def globbing(world: World, original: Callable[..., Any]) -> Callable[..., Any]:
    """`glob.glob`, whose pattern tells folders from photographs side by side."""

    @functools.wraps(original)
    def find(pathname: Any, **options: Any) -> Any:
        text = as_text(pathname) or ""
        with world.expecting(expected(text)):
            found = list(original(pathname, **options))
            if not found and "\\" in text:
                found = list(original(text.replace("\\", "/"), **options))
        return found if original.__name__ == "glob" else iter(found)

    return find


def globbing_below(world: World, original: Callable[..., Any]) -> Callable[..., Any]:
    """`Path.glob`."""

    @functools.wraps(original)
    def find(self: Path, pattern: Any, *arguments: Any, **options: Any) -> Any:
        below = f"**/{pattern}" if original.__name__ == "rglob" else str(pattern)
        with world.expecting(expected(below)):
            return iter(list(original(self, pattern, *arguments, **options)))

    return find


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
