"""Writes results for people and machines: a student's folder, and the class page with the gradebook as a table."""

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from grader.core.errors import UsageError
from grader.core.evidence import Evidence
from grader.core.grades import with_grade, with_members
from grader.core.results import Grade, Result
from grader.core.store import EVIDENCE, owner_of, save_result
from grader.core.workspace import write_json, write_whole
from grader.course.course import Course
from grader.course.rubric import Rubric
from grader.exports.csv_files import write_gradebook
from grader.exports.what_may_leave import MARK
from grader.intake import digest_name, former_names, safe_name
from grader.marking.repeated_runs import EVIDENCE_FOLDER as EVIDENCE_FOLDER
from grader.marking.repeated_runs import counted_run, load_attempts, load_outputs
from grader.marking.similarity import load_compared
from grader.pages.accuracy import JudgedImages, Mistake, find_mistakes
from grader.pages.class_page import SimilarPair
from grader.pages.html import class_page, has_key, page_key, student_page

REPORT, INDEX, GRADEBOOK, BATCH = "report.html", "index.html", "gradebook.csv", "batch.json"
ORIGIN = ".origin.json"  # hidden: no student's folder is called so
MEMBERS = "members"  # the folder of the pages of a group's members
LONG_PARTS = {"checks", "versions", "environment", "compared", "functions"}


@dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """Where results go, and how: `earlier` holds results of another exercise to be better than."""

    out: Path
    course: Course
    earlier: Path | None = None
    rerun: bool = False
    data: Path | None = None  # as it was named, for who writes pages again


def remember_origin(output: OutputOptions) -> None:
    """Keep beside the results which course they are of, and which data was named, so that pages can be written again."""
    course, data = recall_origin(output.out)
    if output.data is not None or course != output.course.root:
        data = output.data
    origin = {"course": str(output.course.root), "data": str(data.absolute()) if data else None}
    write_json(output.out / ORIGIN, origin)


def recall_origin(out: Path) -> tuple[Path | None, Path | None]:
    """The course and the data of the results in `out`, as far as they were kept and are still there."""
    try:
        origin = json.loads((out / ORIGIN).read_bytes())
        course, data = (Path(origin[key]) if origin[key] else None for key in ("course", "data"))
    except (OSError, ValueError, KeyError, TypeError):
        return None, None
    return course if course and (course / "assignments").is_dir() else None, data


def student_folder(out: Path, student: str) -> Path:
    """The folder of one student below `out`; one that an older grader called otherwise, where what lies in it is theirs.

    A folder that bears another's results is none of theirs, and neither is a file of that name.
    """
    own = [out / safe_name(student), out / digest_name(student)]
    if not os.path.lexists(own[0]):
        own[1:] = []
        former = (out / name for name in former_names(student))
        own[:0] = [folder for folder in former if folder.is_dir() and owner_of(folder) == student][:1]
    return next((folder for folder in own if _may_hold(folder, student)), own[-1])


def _may_hold(folder: Path, student: str) -> bool:
    """Whether nothing lies in the place of this folder, or nothing of anybody else."""
    if not folder.is_dir():
        return not os.path.lexists(folder)
    return owner_of(folder) in (None, student)


def publish_student(
    out: Path, result: Result, evidence: Evidence | None, rubric: Rubric, course: Course, *, folder: Path | None = None
) -> Path:
    """Write `result.json` and `report.html`, and a page for each member of a group; the report's path.

    What the student gets is the grade that stands beside the result. `folder`: where the student's results lie, if the name
    was another one then. Raises Infrastructure.
    """
    folder = folder or student_folder(out, result.student)
    pages = {folder / REPORT: result}
    for grade in result.members:
        own = {"student": grade.student.name, "grade": grade, "members": ()}
        pages[member_page(folder, grade.student.name)] = result.model_copy(update=own)
    templates, limits = course.report_templates() / "templates", rubric.assignment.run
    language, classes = rubric.assignment.report.language, rubric.classes
    mistakes: tuple[Mistake, ...] | None = None
    for path, shown in pages.items():
        key = page_key(
            shown, evidence, templates=templates, classes=classes, limits=limits, language=language,
            mistakes=rubric.images is not None,
        )  # fmt: skip
        if not has_key(path, key):
            mistakes = _mistakes(folder, evidence, rubric) if mistakes is None else mistakes
            page = student_page(
                shown, evidence, templates=templates, classes=classes, limits=limits, language=language,
                mistakes=mistakes, key=key,
            )  # fmt: skip
            write_whole(path, page)
    save_result(folder, result)
    return folder / REPORT


def member_page(folder: Path, member: str) -> Path:
    """The page of one member of the group whose results lie in `folder`."""
    return folder / MEMBERS / f"{safe_name(member)}.html"


def publish_again(out: Path, result: Result, rubric: Rubric, course: Course, *, folder: Path | None = None) -> Path:
    """As `publish_student`, with the evidence that is stored; a page without the notebook where none can be read."""
    folder = folder or student_folder(out, result.student)
    evidence = None
    if not result.unread and (folder / EVIDENCE_FOLDER / EVIDENCE).is_file():
        with suppress(UsageError):
            evidence = counted_run(load_attempts(folder), result).evidence
    return publish_student(out, result, evidence, rubric, course, folder=folder)


def _mistakes(folder: Path, evidence: Evidence | None, rubric: Rubric) -> tuple[Mistake, ...]:
    """What the page may show of the judged images, by the predictions that are stored."""
    judgement = evidence.facts.judgement if evidence else None
    if judgement is None or judgement.predictions is None or rubric.images is None or rubric.labels is None:
        return ()
    outputs = load_outputs(folder, judgement.predictions)
    if outputs is None:
        return ()
    judged = JudgedImages(outputs=outputs, labels=rubric.labels, images=rubric.images)
    return find_mistakes(judged, judgement.architecture, rubric.classes)


def publish_class(
    out: Path, results: Sequence[Result], rubric: Rubric, course: Course, *, folders: Mapping[str, Path] | None = None
) -> Path:
    """Write `index.html`, `gradebook.csv` and `batch.json`; the index' path. Raises Infrastructure.

    All three show the grades that stand beside the results, and each member of a group. `folders`: where the results of a
    student lie, by name, of whom it is known.
    """
    known = folders or {}
    names = [result.student for result in results]
    ordered = [results[place] for place in sorted(range(len(names)), key=lambda place: names[place].casefold())]
    places = {name: known.get(name) or student_folder(out, name) for name in names}
    links = {name: quote(f"{place.name}/{REPORT}") for name, place in places.items()}
    for result in ordered:
        for grade in result.members:
            own = member_page(places[result.student], grade.student.name)
            links.setdefault(grade.student.name, quote(own.relative_to(out).as_posix()))
    write_whole(out / GRADEBOOK, MARK + write_gradebook(ordered))
    write_json(out / BATCH, [result.model_dump(mode="json", by_alias=True, exclude=LONG_PARTS) for result in ordered])
    page = class_page(
        ordered, title=rubric.assignment.title, links=links, templates=course.report_templates() / "templates",
        language=rubric.assignment.report.language, pairs=_similar_pairs(out, set(names)),
    )  # fmt: skip
    write_whole(out / INDEX, page)
    return out / INDEX


def _similar_pairs(out: Path, students: set[str]) -> list[SimilarPair]:
    """The pairs that are kept beside the results, of who is in the class."""
    compared = load_compared(out)
    return [
        SimilarPair(
            first=pair.first, second=pair.second, folder=pair.against, of_first=pair.of_first, of_second=pair.of_second,
            longest=pair.longest,
        )
        for pair in (compared.pairs if compared is not None else ())
        if pair.first in students and (pair.against or pair.second in students)
    ]  # fmt: skip


def names_of(result: Result) -> tuple[str, ...]:
    """What the student of a result may be called in a gradebook: a row of a roster may have another name."""
    return (result.student, *([result.grade.student.name] if result.grade is not None else []))


class Grades:
    """What a gradebook gives for one assignment, by the folder that the hand-in lies in, or else by name."""

    def __init__(self, grades: Iterable[Grade] = ()) -> None:
        self._by_folder: dict[str, list[Grade]] = defaultdict(list)
        self._by_name: dict[str, Grade] = {}
        for grade in grades:
            self._by_name[grade.student.name] = grade
            if grade.folder:
                self._by_folder[grade.folder].append(grade)

    def beside(self, result: Result, folder: Path) -> Result:
        """The result with the grades of its student, or of its group's members; without any where none is known.

        `folder`: where the result lies.
        """
        own = next((self._by_name[name] for name in names_of(result) if name in self._by_name), None)
        found = self._by_folder.get(folder.name, [])
        if own is not None or not found:
            return with_grade(result, own)
        if len(found) == 1 and not found[0].student.group:  # nobody's group: the student has another name today
            return with_grade(result.model_copy(update={"student": found[0].student.name}), found[0])
        return with_members(result, found)
