"""`gradebook.csv`: a row for each student, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Sequence

from grader.results import Result

COLUMNS = (
    "student", "submission", "status", "points", "out_of", "passed", "accuracy", "verdict", "flags", "ending", "isolation",
    "dataset",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # the wide ones count in East Asian versions


def guard_formula(text: str) -> str:
    """`text` so that no spreadsheet takes it for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(FORMULA) else text


def write_gradebook(results: Sequence[Result]) -> str:
    """The CSV's text, UTF-8 to be, one line a result."""
    buffer = io.StringIO()
    # All is quoted: a name may hold a lone carriage return, or the semicolon at which other languages' Excel splits.
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for result in results:
        accuracy = result.accuracy
        writer.writerow(
            [
                guard_formula(result.student),
                guard_formula(result.submission),
                result.status.value,
                f"{result.points:g}",
                f"{result.out_of:g}",
                "yes" if result.passed else "no",
                f"{accuracy.value:.4f}" if accuracy else "",
                (accuracy.verdict or "") if accuracy else "",
                " ".join(flag.kind for flag in result.flags),
                result.ending.cause.value,
                result.isolation,
                result.dataset,
            ]
        )
    return buffer.getvalue()
