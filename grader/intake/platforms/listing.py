"""A plain class: a folder (or what is in a zip) with one file or folder for each student, called after them."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from grader.core.errors import UsageError
from grader.core.notebook import without_surrogates
from grader.intake.names import student_name, tell_apart
from grader.intake.sources import ClassFile, Found, Node, Tree
from grader.intake.submissions import Entry
from grader.intake.zips import is_leftover

ABOUT = {"readme.md", "roster.csv", "expected.toml"}  # what a teacher lays beside the submissions


def list_class(source: Path) -> list[Entry]:
    """One entry for each file or folder in `source`, sorted by name. Raises UsageError.

    Loose files that are no code become entries too: nobody is lost because of a wrong file type.
    """
    if not source.is_dir():
        raise UsageError(f"{source} is no folder.", "Name the folder that holds one file or folder for each student.")
    try:
        found = sorted(source.iterdir())
    except OSError as error:
        raise UsageError(f"{source}: can't be read ({error.strerror}).", "Check the folder.") from None
    paths = [path for path in found if is_handed_in(path.name)]
    if not paths:
        raise nothing_in(str(source))
    names = tell_apart(list(map(student_name, paths)), [without_surrogates(path.name) for path in paths])
    return [Entry(student=name, path=path) for name, path in zip(names, paths, strict=True)]


def nothing_in(where: str) -> UsageError:
    """The error about a source without any submission."""
    return UsageError(f"{where} holds no submission.", "Name the folder that holds one file or folder per student.")


def is_handed_in(name: str) -> bool:
    """Whether a file or folder of this name at the top of a class is somebody's."""
    leads_elsewhere = name in (".", "..") or "/" in name  # in a zip: its row says what is wrong with it
    return leads_elsewhere or (not is_leftover(name) and name.lower() not in ABOUT)


def visible(nodes: Iterable[Node]) -> list[Node]:
    """Those of `nodes` that are somebody's, sorted by name."""
    return sorted((node for node in nodes if is_handed_in(node.name)), key=lambda node: node.name)


def find_plain(nodes: Sequence[Node], remark: str = "") -> list[Found]:
    """A hand-in for each file and folder, called after it."""
    return [
        Found(
            name=without_surrogates(node.name if node.folder or "/" in node.name else PurePosixPath(node.name).stem),
            label=node.name,
            parts=(ClassFile(source=(node.name,), target="" if node.folder else node.name),),
            remark=remark,
        )
        for node in nodes
    ]


def find_in_plain(tree: Tree, assignment: str) -> list[Found]:
    """The hand-ins of a class that no platform wrote."""
    del assignment  # forms are called alike
    return find_plain(visible(tree.nodes()))
