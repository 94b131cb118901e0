"""Writes results for people and machines: a student's folder, the class page, the gradebook."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from grader.attempts import EVIDENCE_FOLDER as EVIDENCE_FOLDER
from grader.course import Course
from grader.evidence import Evidence
from grader.exports.plain_csv import write_gradebook
from grader.intake import safe_name
from grader.report.html import class_page, student_page
from grader.results import Result
from grader.rubric import Rubric
from grader.store import save_result
from grader.workspace import write_json, write_whole

REPORT, INDEX, GRADEBOOK, BATCH = "report.html", "index.html", "gradebook.csv", "batch.json"
LONG_PARTS = {"checks", "versions", "compared", "functions"}


@dataclass(frozen=True, kw_only=True)
class Order:
    """Where results go, and how: `earlier` holds results of another exercise to be better than."""

    out: Path
    course: Course
    earlier: Path | None = None
    rerun: bool = False


def student_folder(out: Path, student: str) -> Path:
    """The folder of one student below `out`."""
    return out / safe_name(student)


def publish_student(out: Path, result: Result, evidence: Evidence | None, rubric: Rubric, course: Course) -> Path:
    """Write `result.json` and `report.html`; the report's path. Raises Infrastructure."""
    folder = student_folder(out, result.student)
    page = student_page(
        result, evidence, templates=course.report_templates() / "templates", classes=rubric.classes,
        limits=rubric.assignment.run,
    )  # fmt: skip
    write_whole(folder / REPORT, page)
    save_result(folder, result)
    return folder / REPORT


def publish_class(out: Path, results: Sequence[Result], rubric: Rubric, course: Course) -> Path:
    """Write `index.html`, `gradebook.csv` and `batch.json`; the index' path. Raises Infrastructure."""
    ordered = sorted(results, key=lambda result: result.student.casefold())
    links = {result.student: f"{quote(safe_name(result.student))}/{REPORT}" for result in ordered}
    templates = course.report_templates() / "templates"
    write_whole(out / GRADEBOOK, write_gradebook(ordered))
    write_json(out / BATCH, [result.model_dump(mode="json", by_alias=True, exclude=LONG_PARTS) for result in ordered])
    write_whole(out / INDEX, class_page(ordered, title=rubric.assignment.title, links=links, templates=templates))
    return out / INDEX
