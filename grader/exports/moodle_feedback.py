"""The zip of feedback files that Moodle takes back: each student's report, under the name that Moodle knows it by.

Moodle splits a name at its underscores into at most five parts: anything, the participant's number, two for the plugin,
and the file's name; what begins with `.` or `~` it ignores (mod/assign/feedback/file/importziplib.php).
"""

import io
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence

from grader.exports.handing import Filled
from grader.grades import Grade

PLUGIN = "assignsubmission_file"
LONGEST_NAME = 80  # characters of a student's name
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same reports give the same zip


def pack_reports(
    grades: Sequence[Grade], read: Callable[[Grade], bytes | None], *, file: str = "report.html"
) -> Filled:
    """A zip with the report of each grade whose student has a number in Moodle.

    `read` gives a report's bytes, or None where there is none; it is called for one grade after the other, so that a
    class need not fit into memory.
    """
    buffer = io.BytesIO()
    unplaced, filled = [], 0
    often = Counter(grade.student.participant for grade in grades)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for grade in grades:
            participant = grade.student.participant.strip()
            report = (
                read(grade) if re.fullmatch("[0-9]+", participant) and often[grade.student.participant] == 1 else None
            )
            if report is not None:
                entry = zipfile.ZipInfo(feedback_name(grade.student.name, participant, file), EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED
                target.writestr(entry, report)
                filled += 1
            elif grade.status is not None:
                unplaced.append(f"{grade.student.name}: {_reason(participant, often[grade.student.participant])}")
    return Filled(content=buffer.getvalue(), filled=filled, unplaced=tuple(unplaced))


def _reason(participant: str, often: int) -> str:
    if not re.fullmatch("[0-9]+", participant):
        return "Moodle's number for this student is not known (grade the zip that Moodle's download gives)"
    if often > 1:
        return f"{often} students have the number {participant}"
    return "has no report"


def feedback_name(name: str, participant: str, file: str) -> str:
    """The name in the zip: `<name>_<participant>_assignsubmission_file_<file>`, safe on every system."""
    plain = unicodedata.normalize("NFC", name).encode("utf-8", "replace").decode("utf-8")
    plain = "".join(
        char if char.isalnum() or char in "-.' ()," or unicodedata.combining(char) else " " for char in plain
    )
    plain = " ".join(plain.split())[:LONGEST_NAME].lstrip(".~ ").rstrip()
    return f"{plain or 'Student'}_{participant}_{PLUGIN}_{file}"
