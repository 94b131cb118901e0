"""A page that would come out the same is not made again; anything that shows on it makes it new."""

from pathlib import Path
from typing import Any

import pytest

from grader.core.limits import Limits
from grader.core.results import Flag
from grader.marking.publish import REPORT, publish_student, student_folder
from grader.pages.html import has_key, page_key, student_page
from tests.fakes import a_rubric, write_course
from tests.pages.builders import CLASSES, TEMPLATES, a_result, some_evidence


def key_of(**changes: Any) -> str:
    given: dict[str, Any] = {
        "templates": TEMPLATES, "classes": CLASSES, "limits": Limits(), "mistakes": False, "language": "en",
    }  # fmt: skip
    result, evidence = changes.pop("result", a_result()), changes.pop("evidence", some_evidence())
    return page_key(result, evidence, **{**given, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"result": a_result(points=64.0)},
        {"result": a_result(flags=(Flag(kind="late", reason="r"),))},
        {"evidence": None},
        {"classes": ()},
        {"limits": None},
        {"mistakes": True},
        {"language": "it"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whatever_shows_on_a_page_changes_its_key(changes: dict[str, Any]) -> None:
    assert key_of() == key_of() != key_of(**changes)


def test_another_look_changes_every_key(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "report.css").write_text("body { color: red }", encoding="utf-8")
    assert key_of(templates=tmp_path / "templates") != key_of()


def test_a_page_carries_its_key_and_no_other_is_found_in_it(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert not has_key(path, key_of())
    path.write_text(student_page(a_result(), None, templates=TEMPLATES, key=key_of()), encoding="utf-8")
    assert has_key(path, key_of()) and not has_key(path, key_of(language="it"))
    path.write_text(f'{"x" * 400} content="{key_of()}"', encoding="utf-8")  # what a student wrote stands further down
    assert not has_key(path, key_of())


def test_publishing_the_same_again_leaves_the_page_and_another_result_renews_it(tmp_path: Path) -> None:
    course = write_course(tmp_path / "course")
    rubric, result = a_rubric(course), a_result(student="ada")
    publish_student(tmp_path, result, None, rubric, course)
    page = student_folder(tmp_path, "ada") / REPORT
    page.write_text(page.read_text(encoding="utf-8").replace("<h1", "<h1 kept"), encoding="utf-8")
    publish_student(tmp_path, result, None, rubric, course)
    assert "<h1 kept" in page.read_text(encoding="utf-8")
    publish_student(tmp_path, result.model_copy(update={"points": 1.0}), None, rubric, course)
    assert "<h1 kept" not in page.read_text(encoding="utf-8")
