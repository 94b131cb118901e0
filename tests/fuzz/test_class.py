"""A class from a learning platform: any zip of any names and bytes, any roster. Nobody is lost, nothing lies elsewhere."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader.core.errors import SubmissionError, UsageError
from grader.intake import FORMS, open_class, read_entry, safe_name
from grader.intake.roster import parse_roster
from tests.fuzz.cases import TEXT, cases, only, relabelled, spoilt
from tests.fuzz.test_archive import METHODS, storable
from tests.fuzz.test_intake import look_at
from tests.judge import hostile
from tests.judge.hostile import archive
from tests.notebooks import notebook

pytestmark = pytest.mark.filterwarnings("ignore:.*invalid escape sequence:DeprecationWarning")
PEOPLE = st.sampled_from(
    ["Ada Lovelace", "ada lovelace", "Participant", "lovelaceada", "../../x", "..", "Zoë", "a_b", ""]
)
NUMBERS = st.sampled_from(["1", "12", "5001", "0", "9" * 40, "x", ""])
FILES = st.sampled_from(
    ["work.ipynb", "work-1.ipynb", "work.zip", "text.html", "../x.py", "a.py", "timestamp.txt", "é", ""]
)
MOODLE = st.builds(
    "{}_{}_assignsubmission_{}{}{}".format,
    PEOPLE, NUMBERS, st.sampled_from(["file", "onlinetext"]), st.sampled_from(["/", "_/", "_", ""]), FILES,
)  # fmt: skip
CANVAS = st.builds("{}_{}{}_{}_{}".format, PEOPLE, st.sampled_from(["", "LATE_", "anon_"]), NUMBERS, NUMBERS, FILES)
NBGRADER = st.builds(
    "{}{}/{}/{}".format, st.sampled_from(["", "submitted/"]), PEOPLE, st.sampled_from(["e", "f"]), FILES
)
CLONES = st.builds("e-{}/{}".format, PEOPLE, st.sampled_from([".git/HEAD", "work.py", ".git"]))
NAMES = st.one_of(MOODLE, CANVAS, NBGRADER, CLONES, FILES, TEXT)
AROUND = st.sampled_from(["", "", "", "class/", "downloaded/e/extracted/"])
MEMBERS = st.builds(
    lambda around, members: {storable(f"{around}{name}"): data for name, data in members.items()},
    AROUND,
    st.dictionaries(
        NAMES,
        st.sampled_from([notebook("a = 1"), b"a = 1\n", b"2024-05-01 12:00:00 UTC", bytes(2 << 20), b""])
        | st.just(archive({"work.py": b"a = 1"})),
        max_size=6,
    ),
)  # fmt: skip
ZIPS = st.builds(archive, MEMBERS, METHODS)
HOSTILE = st.sampled_from(
    [hostile.linked(), hostile.encrypted(), hostile.twice(), hostile.overlapping(), hostile.with_second_directory(),
     hostile.zip64_size(1 << 40), hostile.many_entries(70)]
)  # fmt: skip
HEADER = [
    "Name",
    "First name",
    "Last name",
    "Id",
    "Email",
    "Login",
    "Github",
    "Identifier",
    "Group",
    "Extension",
    "SIS Login ID",
    "x",
]
CELLS = TEXT | st.sampled_from(
    ["Ada Lovelace", "1", "12", "Participant 12", "2d", "2026-05-01", '"', "Points Possible", "a@x"]
)
ROWS = st.lists(st.lists(CELLS, max_size=5), max_size=4)
ROSTERS = st.builds(
    lambda header, rows, sign, encoding: "\n".join(sign.join(row) for row in [header, *rows]).encode(encoding, "replace"),
    st.lists(st.sampled_from(HEADER), min_size=1, max_size=5, unique=True), ROWS, st.sampled_from(",;\t"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("classes")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@cases
@given(
    ZIPS | relabelled(ZIPS) | spoilt(ZIPS) | spoilt(HOSTILE),
    st.none() | ROSTERS,
    st.sampled_from([None, None, *FORMS, "nbgrader:f"]),
)
@example(hostile.linked().replace(b"config.json", b"\0onfig.json"), None, None)
@example(archive({"a\1b/": b"", "ada.py": b"a = 1"}).replace(b"a\1b/", b"a\0b/"), None, "plain")
@example(archive({"submitted/ada/e/work.py": b"a", "submitted/": b""}), b"login\nada\nbob", None)
def test_any_class_zip_and_roster_are_rows_of_their_own_or_refused_in_words(
    place: Path, data: bytes, roster: bytes | None, as_: str | None
) -> None:
    folder = place / "case"
    (folder / "workspace").mkdir(parents=True)
    try:
        (folder / "class.zip").write_bytes(data)
        if roster is not None:
            (folder / "roster.csv").write_bytes(roster)
        listed = folder / "roster.csv" if roster is not None else None
        with only(UsageError):
            found = open_class(
                folder / "class.zip", assignment="e", workspace=folder / "workspace", roster=listed, as_=as_
            )
            assert len({safe_name(entry.student) for entry in found.entries}) == len(found.entries)
            for note in found.notes:
                note.encode("utf-8")
                assert note.isprintable()
            for entry in found.entries:
                assert os.path.realpath(entry.path).startswith(os.path.realpath(folder / "workspace"))
                entry.file.encode("utf-8")
                entry.who.model_dump_json()
                assert entry.enrolment.student == entry.who
                with only(SubmissionError, UsageError):
                    look_at(read_entry(entry, assignment="e"))
        assert {path.name for path in place.iterdir()} == {"case"}
        assert {path.name for path in folder.iterdir()} <= {"class.zip", "roster.csv", "workspace"}
    finally:
        shutil.rmtree(folder)


@cases
@given(ROSTERS | spoilt(ROSTERS) | st.binary(max_size=300))
@example(b'name\n"' + b"x" * 200_000)
@example("name\nAda\u2028\x85\nBob\n".encode())
def test_any_roster_is_read_or_refused_with_its_line(data: bytes) -> None:
    with only(UsageError):
        try:
            found = parse_roster("class.csv", data)
        except UsageError as error:
            assert error.message.startswith("class.csv, line ")
            raise
        assert found.students
        assert len({student.line for student in found.students}) == len(found.students)
