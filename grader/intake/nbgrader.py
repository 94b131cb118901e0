"""nbgrader's folders: `submitted/<student>/<assignment>/`, with `timestamp.txt`, in the course or by themselves.

The time in `timestamp.txt` is when it was handed in; nbgrader reads one without a zone as UTC, and so does this. Of a
course without `submitted/`, `downloaded/<assignment>/extracted/` is what was downloaded, in whatever form that has.
"""

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from grader.errors import UsageError
from grader.intake.listing import find_plain, visible
from grader.intake.names import listed
from grader.intake.trees import Found, Part, Tree
from grader.notebook import without_surrogates

SUBMITTED, DOWNLOADED, TIMESTAMP = "submitted", "downloaded", "timestamp.txt"
COURSE = {"source", "release", "autograded", "feedback", "gradebook.db", "nbgrader_config.py"}
YEARS = range(2000, 2200)


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


def submitted_in(tree: Tree) -> Tree | None:
    """The folder of the students, if this is a course or `submitted/` lies alone; else None."""
    names = {node.name for node in tree.nodes() if node.folder or node.name in COURSE}
    if SUBMITTED in names and (names & COURSE or len(visible(tree.nodes())) == 1):
        return tree.inside(SUBMITTED)
    return None


def downloaded_in(tree: Tree, assignment: str) -> Tree | None:
    """What was downloaded for the assignment, of a course in which nothing was collected; else None."""
    names = {node.name for node in tree.nodes() if node.folder}
    if SUBMITTED in names or DOWNLOADED not in names or not tree.nodes(DOWNLOADED, assignment, "extracted"):
        return None
    return tree.inside(DOWNLOADED).inside(assignment).inside("extracted")


def counts(tree: Tree, assignment: str) -> int:
    """How many students there are, if each folder holds folders and a time stands in one, or one is the assignment's."""
    students = [node.name for node in visible(tree.nodes()) if node.folder]
    inner = {name: visible(tree.nodes(name)) for name in students}
    if any(not node.folder for nodes in inner.values() for node in nodes):
        return 0
    told = any(
        node.name == assignment or tree.small_text(name, node.name, TIMESTAMP) is not None
        for name, nodes in inner.items()
        for node in nodes
    )
    return len(students) if told else 0


def find(tree: Tree, assignment: str) -> list[Found]:
    """A hand-in for every student. Raises UsageError where it is open which of several assignments is meant."""
    nodes = visible(tree.nodes())
    students = {node.name: [inner.name for inner in visible(tree.nodes(node.name)) if inner.folder]
                for node in nodes if node.folder}  # fmt: skip
    often = Counter(name for names in students.values() for name in names)
    if assignment not in often and len(often) != 1:
        raise UsageError(
            f"{tree.where}: holds no {assignment!r} of any student; there is {listed(often) or 'nothing'}.",
            "Say which of nbgrader's assignments it is: --format nbgrader:NAME.",
        )
    name = assignment if assignment in often else next(iter(often))
    found = [_hand_in(tree, student, name if name in names else "") for student, names in students.items()]
    return [*found, *find_plain([node for node in nodes if not node.folder], "no folder of a student")]


def _hand_in(tree: Tree, student: str, assignment: str) -> Found:
    name = without_surrogates(student)
    if not assignment:
        return Found(
            name=name, key=name, label=student, handed_in=False, problem="Nothing was handed in.",
            remedy="Other assignments were: see whether it was collected under another name.",
        )  # fmt: skip
    text = tree.small_text(student, assignment, TIMESTAMP)
    when = None if text is None else read_timestamp(text)
    return Found(
        name=name,
        key=name,
        label=student,
        parts=(Part(source=(student, assignment), target=""),),
        submitted=when,
        remark="" if text is None or when else f"with a {TIMESTAMP} that can't be read",
    )
