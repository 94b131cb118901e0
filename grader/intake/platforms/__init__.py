"""The forms in which a class comes from a learning platform: one module each; and which of them a source has."""

import re
from collections.abc import Mapping
from typing import Literal, Protocol, get_args

from grader.core.errors import UsageError
from grader.intake.class_folder_or_zip import LONGEST_NAME, Found, Tree, find_plain, is_stray, visible
from grader.intake.platforms import canvas, github_classroom, gradescope, moodle, nbgrader

Form = Literal["plain", "moodle", "canvas", "nbgrader", "classroom", "gradescope"]
FORMS: tuple[Form, ...] = get_args(Form)
# Downloads whose names are known, and whose form is not read; each by what most of the names at the top look like.
UNREAD = {
    "Blackboard": re.compile(r".+_attempt_\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d(?:_.+|\.\w+)", re.DOTALL),
    "Brightspace": re.compile(r"\d+-\d+ ?- ?.+ ?- ?.*\d{4}.*", re.DOTALL),
}
CLONES = "clones"  # what `--format` calls the form "classroom", whose name was a service's
DEEPEST = 4  # folders around a download, each alone in the other


class Platform(Protocol):
    """A form of download: a module of this package that knows how a platform names what was handed in."""

    TITLE: str

    def count_names(self, tree: Tree, assignment: str, /) -> int:
        """How many of the names at the top of the tree the platform wrote."""

    def is_possible(self, tree: Tree, /) -> bool:
        """Whether anything at the top could be of this form, where a person says so."""

    def find(self, tree: Tree, assignment: str, /) -> list[Found]:
        """The hand-ins, and whatever else lies there. Raises UsageError."""


PLATFORMS: Mapping[Form, Platform] = {
    "moodle": moodle, "gradescope": gradescope, "canvas": canvas, "nbgrader": nbgrader, "classroom": github_classroom,
}  # fmt: skip


def title_of(form: Form) -> str:
    """What a class of this form is, in words."""
    return "one file or folder for each student" if form == "plain" else PLATFORMS[form].TITLE


def find(form: Form, tree: Tree, assignment: str) -> list[Found]:
    """The hand-ins of a class of this form. Raises UsageError."""
    if form == "plain":
        return find_plain([node for node in visible(tree.nodes()) if not is_stray(node)])
    return PLATFORMS[form].find(tree, assignment)


def read_form(text: str) -> tuple[Form, str]:
    """The form that `--format` names, and nbgrader's name of the assignment in "nbgrader:NAME". Raises UsageError."""
    word, _, name = text.partition(":")
    wanted = word.strip().lower()
    form = next((form for form in FORMS if form == ("classroom" if wanted == CLONES else wanted)), None)
    if form is None or (name and form != "nbgrader"):
        known = ", ".join(CLONES if form == "classroom" else form for form in FORMS)
        raise UsageError(f"--format {text[:60]!r} is not known.", f"Available: {known}, nbgrader:NAME.")
    return form, name.strip()


def recognise_form(tree: Tree, assignment: str, wanted: Form | None = None) -> tuple[Form, Tree]:
    """The form of a source, by its names, and the folder in it that has that form.

    `wanted` alone is looked for if it is given.
    A platform's form is found in a folder that is alone in the source, too. A zip of a plain class is mostly one folder: it
    is looked into. Raises UsageError where the wanted form is nowhere.
    """
    place = tree
    for _ in range(DEEPEST):
        place = nbgrader.downloaded_in(place, assignment) or place
        students = nbgrader.submitted_in(place, wanted=wanted == "nbgrader")
        if students is not None and wanted in (None, "nbgrader"):
            return "nbgrader", students
        form = _form_of(place, assignment, wanted)
        if form is not None:
            return form, place
        nodes = visible(place.nodes())
        if len(nodes) != 1 or not nodes[0].folder:
            break
        place = place.inside(nodes[0].name)
    if wanted not in (None, "plain"):
        raise UsageError(f"{tree.where}: holds nothing that is named as in {title_of(wanted)}.", "Leave out --format.")
    nodes = visible(tree.nodes())
    around = tree.path is None and len(nodes) == 1 and nodes[0].folder
    return "plain", tree.inside(nodes[0].name) if around else tree


def _form_of(tree: Tree, assignment: str, wanted: Form | None) -> Form | None:
    """The platform's form that most of the names at the top have; one name of a wanted form is enough."""
    nodes = visible(tree.nodes())
    if wanted in ("plain", None) and not nodes:
        return None
    if wanted is not None:
        return wanted if wanted != "plain" and PLATFORMS[wanted].is_possible(tree) else None
    counts = ((form, platform.count_names(tree, assignment)) for form, platform in PLATFORMS.items())
    return next((form for form, count in counts if count * 2 >= len(nodes) and count), None)


def unread_form(tree: Tree) -> str:
    """The platform whose download this looks like although its form can't be read here; "" where there is none."""
    names = [node.name for node in visible(tree.nodes()) if len(node.name) <= LONGEST_NAME]
    found = {title: sum(form.fullmatch(name) is not None for name in names) for title, form in UNREAD.items()}
    return next((title for title, count in found.items() if count and count * 2 >= len(names)), "")
