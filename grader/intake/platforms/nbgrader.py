"""nbgrader's folders: `submitted/<student>/<assignment>/`, with `timestamp.txt`, in the course or by themselves.

The time in `timestamp.txt` is when it was handed in; nbgrader reads one without a zone as UTC, and so does this. Of a
course without `submitted/`, `downloaded/<assignment>/extracted/` is what was downloaded, in whatever form that has.
"""

from collections import Counter
from datetime import UTC, datetime
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

from grader.core.errors import UsageError
from grader.core.notebook import without_surrogates
from grader.intake.class_folder_or_zip import ClassFile, Found, Node, Tree, find_plain, visible
from grader.intake.names import name_some
from grader.intake.roster import YEARS
from grader.intake.submissions import CODE

TITLE = "nbgrader's folders of students"
SUBMITTED, DOWNLOADED, TIMESTAMP = "submitted", "downloaded", "timestamp.txt"
COURSE = {"source", "release", "autograded", "feedback", "gradebook.db", "nbgrader_config.py"}
AROUND = COURSE | {SUBMITTED, DOWNLOADED, "exchange", "feedback_generated", "solution_removed"}  # not a student's


def read_timestamp(text: str) -> datetime | None:
    """The time that nbgrader wrote ("2015-02-02 14:58:23.948203 America/Los_Angeles"); None for anything else."""
    words = text.split()
    try:
        written = datetime.fromisoformat(" ".join(words[:2]))
        if written.tzinfo is None:
            written = written.replace(tzinfo=ZoneInfo(words[2]) if len(words) > 2 else UTC)
        return written.astimezone(UTC) if written.year in YEARS and len(words) <= 3 else None
    except (ValueError, OverflowError, OSError, KeyError):  # KeyError: a zone that this computer does not know
        return None


def submitted_in(tree: Tree, *, wanted: bool) -> Tree | None:
    """The folder of the students, if this is a course or `submitted/` lies alone; else None.

    Not where others handed something in beside it, as one of a plain class may be called so; unless a person says that it is
    nbgrader's (`wanted`).
    """
    names = {node.name for node in tree.nodes() if node.folder or node.name in COURSE}
    if SUBMITTED not in names or not (names & COURSE or len(visible(tree.nodes())) == 1):
        return None
    students = tree.inside(SUBMITTED)
    if not wanted and (beside_submitted(tree) or not _holds_students(students)):
        return None
    return students


def beside_submitted(tree: Tree) -> list[str]:
    """What lies beside `submitted/` and is somebody's hand-in; nothing where there is no such folder in a course."""
    nodes = visible(tree.nodes())
    names = {node.name for node in nodes if node.folder or node.name in COURSE}
    if SUBMITTED not in names or not names & COURSE:
        return []
    return [node.name for node in nodes if node.name not in AROUND and _is_hand_in(tree, (node,))]


def _is_hand_in(tree: Tree, path: tuple[Node, ...]) -> bool:
    """Whether a file is code or a zip, or a folder holds some, or a folder in it."""
    if not path[-1].folder:
        return PurePosixPath(path[-1].name).suffix.lower() in {*CODE, ".zip"}
    inner = visible(tree.nodes(*(node.name for node in path))) if len(path) < 3 else []
    return any(_is_hand_in(tree, (*path, node)) for node in inner)


def _holds_students(tree: Tree) -> bool:
    """Whether most of what lies there are folders that hold folders alone."""
    nodes = visible(tree.nodes())
    return bool(nodes) and sum(node.folder and _folders_alone(tree, node.name) for node in nodes) * 2 >= len(nodes)


def _folders_alone(tree: Tree, name: str) -> bool:
    inner = visible(tree.nodes(name))
    return bool(inner) and all(node.folder for node in inner)


def downloaded_in(tree: Tree, assignment: str) -> Tree | None:
    """What was downloaded for the assignment, of a course in which nothing was collected; else None."""
    names = {node.name for node in tree.nodes() if node.folder}
    if SUBMITTED in names or DOWNLOADED not in names or not tree.nodes(DOWNLOADED, assignment, "extracted"):
        return None
    return tree.inside(DOWNLOADED).inside(assignment).inside("extracted")


def count_names(tree: Tree, assignment: str) -> int:
    """How many students there are: folders that hold folders alone, and in one a time, or one that is the assignment's."""
    return sum(
        node.folder
        and _folders_alone(tree, node.name)
        and any(
            inner.name == assignment or tree.small_text(node.name, inner.name, TIMESTAMP) is not None
            for inner in visible(tree.nodes(node.name))
        )
        for node in visible(tree.nodes())
    )


def is_possible(tree: Tree) -> bool:
    """Whether a person may call it nbgrader's: there is a folder that holds something."""
    return any(node.folder and tree.nodes(node.name) for node in visible(tree.nodes()))


def find(tree: Tree, assignment: str) -> list[Found]:
    """A hand-in for every student. Raises UsageError where it is open which of several assignments is meant."""
    nodes = visible(tree.nodes())
    students = {node.name: [inner.name for inner in visible(tree.nodes(node.name)) if inner.folder]
                for node in nodes if node.folder}  # fmt: skip
    often = Counter(name for names in students.values() for name in names)
    if assignment not in often and len(often) != 1:
        raise UsageError(
            f"{tree.where}: holds no {assignment!r} of any student; available: {name_some(often) or 'nothing'}.",
            "Say which of nbgrader's assignments it is: --format nbgrader:NAME.",
        )
    name = assignment if assignment in often else next(iter(often))
    found = [_hand_in(tree, student, name if name in names else "") for student, names in students.items()]
    return [*found, *find_plain([node for node in nodes if not node.folder], "not a folder of a student")]


def _hand_in(tree: Tree, student: str, assignment: str) -> Found:
    name = without_surrogates(student)
    if not assignment:
        return Found(
            name=name, key=name, kind="folder", label=student, handed_in=False, problem="Nothing was handed in.",
            remedy="Other assignments were: see whether it was collected under another name.",
        )  # fmt: skip
    text = tree.small_text(student, assignment, TIMESTAMP)
    when = None if text is None else read_timestamp(text)
    return Found(
        name=name,
        key=name,
        kind="folder",
        label=student,
        parts=(ClassFile(source=(student, assignment), target=""),),
        submitted=when,
        remark="" if text is None or when else f"with a {TIMESTAMP} that can't be read",
    )
