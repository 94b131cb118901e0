"""Clones of GitHub Classroom: `<assignment>-<login>/`, each with its `.git`. Pure but for the tree.

The assignment's part of the names is taken from the folder around them (`<assignment>-submissions`, as GitHub's command
line calls it), else it is the assignment's id, else what all names begin with. The time of the last commit is taken for
that of the hand-in: it is what the student's computer wrote, not when it was pushed.
"""

from collections.abc import Sequence
from itertools import takewhile
from pathlib import PurePath

from grader.intake.commits import last_commit
from grader.intake.listing import find_plain, visible
from grader.intake.trees import Found, Part, Tree
from grader.notebook import without_surrogates

AROUND = "-submissions"


def counts(tree: Tree) -> int:
    """How many clones there are."""
    return sum(
        any(inner.name == ".git" for inner in tree.nodes(node.name)) for node in visible(tree.nodes()) if node.folder
    )


def find(tree: Tree, assignment: str) -> list[Found]:
    """A hand-in for every clone, and for whatever else lies there."""
    nodes = visible(tree.nodes())
    clones = [node.name for node in nodes if node.folder]
    prefix = common_prefix(clones, around=PurePath(tree.where).name, assignment=assignment)
    found = []
    for name in clones:
        login = without_surrogates(name.removeprefix(prefix))
        found.append(
            Found(
                name=login,
                key=login,
                kind="login",
                label=name,
                parts=(Part(source=(name,), target=""),),
                submitted=None if tree.path is None else last_commit(tree.path / name),
            )
        )
    return [*found, *find_plain([node for node in nodes if not node.folder], "no clone")]


def common_prefix(names: Sequence[str], *, around: str, assignment: str) -> str:
    """What stands before the login in each of `names`; "" where that is open."""
    for known in (around.removesuffix(AROUND) if around.endswith(AROUND) else "", assignment):
        if known and all(name.startswith(f"{known}-") and name != f"{known}-" for name in names):
            return f"{known}-"
    if len(names) < 2:
        return ""
    alike = takewhile(lambda signs: signs[0] == signs[1], zip(min(names), max(names), strict=False))
    common = "".join(sign for sign, _ in alike)
    return common[: common.rfind("-") + 1]
