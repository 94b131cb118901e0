"""TOML as people's editors save it, and what is said of a file that can't be read; every reader of one goes this way."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from grader.ci.check_repository import read_settings
from grader.core.assignment import read_assignment
from grader.core.errors import GraderError, UsageError
from grader.core.limits import Limits
from grader.core.toml import read_toml, validate
from grader.course.dataset import read_dataset, with_own_digests
from grader.course.find_dataset import with_private_split
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


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid")

    number: float = Field(default=1, gt=0, le=10)
    whole: int = 1
    name: str = Field(default="x", min_length=1, max_length=3, pattern="^[a-z]+$")
    flag: bool = False
    several: tuple[int, ...] = Field(default=(1,), min_length=1, max_length=2)
    pair: tuple[int, int] = (1, 2)
    choice: Literal["best", "last"] = "best"
    table: dict[str, int] = Field(default_factory=dict)


class Rare(BaseModel):
    when: datetime


class Needing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    wanted: int
    more: int = 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"number": "many"}, "key `number`: must be a number (found 'many')."),
        ({"number": 0}, "key `number`: must be above 0 (found 0)."),
        ({"number": 10.5}, "key `number`: must be at most 10 (found 10.5)."),
        ({"whole": 1.5}, "key `whole`: must be a whole number (found 1.5)."),
        ({"whole": []}, "key `whole`: must be a whole number (found [])."),
        ({"name": 3}, "key `name`: must be text in quotation marks (found 3)."),
        ({"name": ""}, "key `name`: must not be empty."),
        ({"name": "abcd"}, "key `name`: must have at most 3 characters (found 'abcd')."),
        ({"name": "A"}, "key `name`: does not have the form that it must have, `^[a-z]+$` (found 'A')."),
        ({"flag": "perhaps"}, "key `flag`: must be true or false (found 'perhaps')."),
        ({"several": 3}, "key `several`: must be a list, as in [1, 2] (found 3)."),
        ({"several": []}, "key `several`: must not be empty."),
        ({"several": [1, 2, 3]}, "key `several`: must have at most 2 entries (found [1, 2, 3])."),
        ({"choice": "bets"}, "key `choice`: 'bets' is not known (did you mean `best`?)."),
        ({"choice": 3}, "key `choice`: 3 is not known; available: `best`, `last`."),
        ({"table": 3}, "key `table`: must be a table (found 3)."),
        ({"nmae": "x"}, "key `nmae` is not known (did you mean `name`?)."),
        ({"nmae": "x", "whole": "a", "flag": 7},
         "key `nmae` is not known (did you mean `name`?). Further, key `whole`: must be a whole number (found 'a'). "
         "Further, key `flag`: must be true or false (found 7)."),
        ({"number": "a", "whole": "a", "name": 1, "flag": 7, "several": 1, "choice": 1},
         "There are 2 more faults."),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_said_in_our_words(tmp_path: Path, value: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        validate(value, Table, tmp_path / "some.toml", UsageError)
    assert caught.value.message.endswith(said)
    assert not re.search(r"Input should|Value error|type=|should have|should match", caught.value.message)


def test_a_kind_of_fault_that_nobody_thought_of_has_words_too(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"key `when`: is not of the right kind \(found 'noon'\)\."):
        validate({"when": "noon"}, Rare, tmp_path / "some.toml", UsageError)


def test_a_bound_is_written_in_the_unit_that_the_value_has(tmp_path: Path) -> None:
    for value, said in (
        ({"wall": "50h"}, "at most 48 h"),
        ({"wall": 1e9}, "at most 172800 "),
        ({"memory": "1B"}, "at least 1 MiB"),
    ):
        with pytest.raises(UsageError, match=said):
            validate(value, Limits, tmp_path / "some.toml", UsageError)


def test_a_misspelt_key_is_told_and_not_that_it_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        validate({"wnated": 3}, Needing, tmp_path / "some.toml", UsageError)
    assert caught.value.message.endswith("some.toml: key `wnated` is not known (did you mean `wanted`?).")
    with pytest.raises(UsageError, match="key `wanted` is missing"):
        validate({"more": 3}, Needing, tmp_path / "some.toml", UsageError)
