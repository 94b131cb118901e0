"""What a computer leaves beside somebody's work, and nobody handed in: one rule for folders, zips and `check`. Pure.

Hidden files and folders (resource forks of macOS, trash, history, repositories, editors' copies), caches, installed
packages and environments never count. What only looks as if it led elsewhere ("..") is kept, to be refused by its name.
"""

from collections.abc import Collection, Iterable

from grader.errors import SubmissionError
from grader.intake.names import listed

NAMES = {
    "__pycache__", "__macosx", "node_modules", "site-packages", "dist-packages", "thumbs.db", "ehthumbs.db", "desktop.ini",
    "$recycle.bin", "system volume information", "lost+found", "icon\r",
}  # fmt: skip
ENDINGS = (".egg-info", ".dist-info")
LOCK = "~$"  # begins what an office program lays beside a document that is open
# Of an environment only its own folders are left out: somebody may have made it in the folder of their work.
ENVIRONMENT = {"pyvenv.cfg", "conda-meta"}
OF_ENVIRONMENT = ENVIRONMENT | {
    "bin", "scripts", "lib", "lib64", "include", "share", "etc", "man", "ssl", "sbin", "libexec", "library", "dlls", "tcl",
    "x86_64-conda-linux-gnu", "compiler_compat",
}  # fmt: skip
PACKAGES = {"site-packages", "dist-packages"}


def is_leftover(name: str) -> bool:
    """Whether a file or folder of this name is none of anybody's work, wherever it lies."""
    hidden = name.startswith(".") and name not in (".", "..")
    folded = name.casefold()
    return hidden or folded in NAMES or folded.endswith(ENDINGS) or name.startswith(LOCK)


def without_leftovers(paths: Iterable[str]) -> list[str]:
    """Those of these paths (with slashes; a folder's may end in one) that are somebody's work, in their order."""
    named = [(path, tuple(path.split("/"))) for path in paths]
    environments = {place for _, parts in named for place in _environments(parts)}
    return [path for path, parts in named if not any(map(is_leftover, parts)) and not _is_inside(parts, environments)]


def _environments(parts: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    """The folders that a path shows to be environments: what holds `pyvenv.cfg`, or packages in its `lib`."""
    for place, part in enumerate(parts):
        if part.casefold() in ENVIRONMENT:
            yield parts[:place]
        elif part.casefold() in PACKAGES:
            inside = next((at for at, name in enumerate(parts[:place]) if name.casefold() in ("lib", "lib64")), None)
            yield from () if inside is None else (parts[:inside],)


def _is_inside(parts: tuple[str, ...], environments: Collection[tuple[str, ...]]) -> bool:
    return any(parts[:place] in environments and part.casefold() in OF_ENVIRONMENT for place, part in enumerate(parts))


def nothing_but_leftovers(where: str, paths: Iterable[str]) -> SubmissionError:
    """The error about a hand-in in which nothing else lies, with what there is."""
    names = {path.partition("/")[0] for path in paths}
    return SubmissionError(
        f"{where}: holds nothing but hidden files and what programs leave behind ({listed(names)}).",
        "Hand in the notebook (.ipynb) or the module (.py) under a name that does not begin with a dot.",
    )
