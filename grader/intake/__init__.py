"""Intake: a path becomes one `Submission`, a whole class becomes one `Entry` for every student, readable or not.

The way of a class, `open_class`: the source is a folder or one zip (`class_folder_or_zip`), whose names say in which form
of download it comes (`platforms`: Moodle, Canvas, Gradescope, nbgrader, clones from GitHub, or a file or folder for each
student). A form finds the hand-ins by their names alone; each is then checked, and only then put on disk, so that a bomb or
a name that leads elsewhere costs its own row and no other. The `roster` says who they are (`match`), and whoever handed in
nothing gets a row too.

The way of a row, `read_entry`: the path becomes a `Submission` in memory (`submissions`), through a zip if it is one
(`submission_zip`); of several candidates the one that counts is chosen.
"""

from grader.intake.names import RESERVED, digest_name, former_names, safe_name, student_name
from grader.intake.open_class import OpenedClass, open_class
from grader.intake.platforms import FORMS
from grader.intake.submission_zip import MOST_BYTES, MOST_FILES, is_leftover
from grader.intake.submissions import Entry, Submission, like_it, read_entry, read_path, submission_of

__all__ = [
    "FORMS", "MOST_BYTES", "MOST_FILES", "RESERVED", "Entry", "OpenedClass", "Submission", "digest_name", "former_names",
    "is_leftover", "like_it", "open_class", "read_entry", "read_path", "safe_name", "student_name",
    "submission_of",
]  # fmt: skip
