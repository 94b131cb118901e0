"""TOML as people's editors save it, and what is said of a file that can't be read; every reader of one goes this way."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.ci.run import read_settings
from grader.core.assignment import read_assignment
from grader.core.errors import GraderError, UsageError
from grader.core.toml import read_toml
from grader.course.dataset import read_dataset, with_own_digests
from grader.course.find import with_private_split
from tests.fakes import a_rubric, write_course

SETTINGS = 'schema = 1\r\n[[submission]]\r\nassignment = "a"\r\npath = "Übung.py"\r\n'


def written(folder: Path, data: bytes) -> Path:
    path = folder / "some.toml"
    path.write_bytes(data)
    return path


def test_a_byte_order_mark_and_the_line_ends_of_windows_are_let_pass(tmp_path: Path) -> None:
    (tmp_path / "grader.toml").write_text(SETTINGS, encoding="utf-8-sig", newline="")
    assert read_settings(tmp_path / "grader.toml").submission[0].path == "Übung.py"


@pytest.mark.parametrize(
    ("data", "said", "remedy"),
    [
        (SETTINGS.encode("utf-16"), "it is UTF-16 text", "encoding UTF-8"),
        (SETTINGS.encode("utf-16-be"), "it is UTF-16 text", "encoding UTF-8"),
        (SETTINGS.encode("cp1252"), "line 4 is not UTF-8 text", "encoding UTF-8"),
        (b"a = 1\nb = \n", "line 2", "Correct the line it names"),
        (b"a = " + b"9" * 5000, "not a TOML file", "Correct the file"),
        (b"a = " + b"[" * 100_000, "brackets are nested too deeply", "Correct the file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_words(tmp_path: Path, data: bytes, said: str, remedy: str) -> None:
    with pytest.raises(UsageError, match=f"{said}.*{remedy}") as caught:
        read_toml(written(tmp_path, data), UsageError)
    assert "codec" not in str(caught.value)


def test_rubrics_manifests_and_imported_data_are_read_with_a_mark_too(tmp_path: Path) -> None:
    """Whatever TOML a person may have saved again, all of it goes through the same reader."""
    course = write_course(tmp_path)
    dataset = a_rubric(course).dataset
    assert dataset is not None
    manifest = course.manifest_file(dataset.id)
    own = tmp_path / "own" / "digests.toml"
    private = tmp_path / "roots" / f"{dataset.id}-private" / "digests.toml"
    split = '[split.{0}]\ncount = 1\nimages = "i"\nlabels = "l"\n'
    for path, text in (
        (own, 'origin = "Übung"\n' + split.format("train") + split.format("judged")),
        (private, 'origin = "Übung"\n' + split.format("private")),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")

    class Roots:
        def roots(self) -> list[Path]:
            return [private.parent.parent]

    readers: dict[Path, Callable[[], object]] = {
        course.assignment_file("tiny"): lambda: read_assignment(course.assignment_file("tiny")).title,
        manifest: lambda: read_dataset(manifest).title,
        own: lambda: with_own_digests(dataset, own.parent).judged_title,
        private: lambda: with_private_split(dataset, Roots()).judged_title,  # type: ignore[arg-type]
    }
    for path, reading in readers.items():
        plain, text = reading(), path.read_text(encoding="utf-8")
        path.write_text(text, encoding="utf-8-sig")
        assert reading() == plain
        path.write_text(text, encoding="utf-16")
        with pytest.raises(GraderError, match=f"{re.escape(str(path))}: not a TOML file: it is UTF-16 text"):
            reading()
