"""Submissions as zips, from any program or none: unpacked in memory and read, or refused in words."""

import os
from pathlib import PurePosixPath

from hypothesis import example, given
from hypothesis import strategies as st

from grader.core.errors import SubmissionError
from grader.core.notebook import read_submission
from grader.intake import MOST_BYTES, MOST_FILES
from grader.intake.submission_zip import unpack_zip
from tests.fuzz.cases import TEXT, cases, only, relabelled, spoilt
from tests.fuzz.test_archive import METHODS, storable
from tests.judge import hostile
from tests.judge.hostile import archive
from tests.notebooks import notebook

FOLDERS = st.sampled_from(["", "", "ada/", "a/b/", "../", "/", "C:\\", "__MACOSX/", "ada/../", "ä/", "./", "a//"])
NAMES = (
    st.sampled_from(["solution.ipynb", "work.py", "a.txt", "..", "x" * 300, "con", "a\\b.py", "é.py", ".DS_Store", ""])
    | TEXT
)
MEMBERS = st.dictionaries(
    st.builds("{}{}".format, FOLDERS, NAMES).map(storable),
    st.binary(max_size=60)
    | st.sampled_from([notebook("a = 1"), b"a = 1\n", bytes(2 << 20), archive({"a.py": b"a = 1"})]),
    max_size=4,
)
ZIPS = st.builds(archive, MEMBERS, METHODS)
BUILT = st.sampled_from(
    [hostile.linked(), hostile.encrypted(), hostile.twice(), hostile.overlapping(), hostile.with_second_directory(),
     hostile.zip64_size(1 << 40), hostile.many_entries(70), archive({"a": b"1", "a/b.py": b"2"})]
)  # fmt: skip


@cases
@given(ZIPS | relabelled(ZIPS) | spoilt(ZIPS) | spoilt(BUILT))
@example(archive({"ada/work.py": b"a = 1", "__MACOSX/._work.py": b"x"}))
def test_any_zip_is_unpacked_into_files_of_its_folder_or_refused_in_words(data: bytes) -> None:
    with only(SubmissionError):
        files = unpack_zip("ada.zip", data)
        assert len(files) <= MOST_FILES
        assert sum(map(len, files.values())) <= MOST_BYTES
        for name, content in files.items():
            parts = PurePosixPath(name).parts
            assert parts
            assert not PurePosixPath(name).is_absolute()
            assert all(part not in ("", ".", "..") and len(os.fsencode(part)) <= 255 for part in parts)
            with only(SubmissionError):
                read_submission(name, content)
