"""The doctor's lines about bwrap: its version, the faults that it has, and why the grader is not touched."""

from pathlib import Path

import pytest

from grader.attacks.machine import ADVISORIES, Installed, read_version
from grader.sandbox.bubblewrap import find_bwrap, version_words

BWRAP = Path("/usr/bin/bwrap")
BOTH, NEW = ["CVE-2026-87766", "CVE-2026-41163"], ["CVE-2026-87766"]


@pytest.mark.parametrize(
    ("said", "version", "known"),
    [
        ("bubblewrap 0.8.0", (0, 8, 0), NEW), ("bubblewrap 0.11.0\n", (0, 11, 0), BOTH),
        ("bubblewrap 0.11.1", (0, 11, 1), BOTH),
        ("bubblewrap 0.11.2", (0, 11, 2), NEW), ("bubblewrap 0.12.0", (0, 12, 0), []), ("bubblewrap 0.12", (0, 12, 0), []),
        ("bubblewrap 1.0.0", (1, 0, 0), []), ("", (), []), ("bubblewrap", (), []),
    ],
)  # fmt: skip
def test_a_version_has_the_faults_that_were_mended_after_it(
    said: str, version: tuple[int, ...], known: list[str]
) -> None:
    assert read_version(said) == version
    assert [item.name for item in Installed(path=BWRAP, version=version).known] == known


def test_the_lines_say_what_the_fault_is_and_why_the_grader_is_not_touched() -> None:
    lines = Installed(path=BWRAP, version=(0, 11, 0)).lines()
    assert (
        lines[0] == "bubblewrap 0.11.0 (/usr/bin/bwrap) has, unless its distribution mended it under the same number:"
    )
    assert "CVE-2026-87766, mended in 0.12.0" in lines[1] and "nothing below a folder that holds a student" in lines[2]
    assert len(lines) == 1 + 2 * len(ADVISORIES)
    (line,) = Installed(path=BWRAP, version=(0, 12, 0)).lines()
    assert "has none of the faults that were published" in line
    (line,) = Installed(path=BWRAP, version=()).lines()
    assert "does not say its version" in line


def test_this_machines_bwrap_says_its_version_and_what_is_none_says_nothing(tmp_path: Path) -> None:
    assert read_version(version_words(find_bwrap())) >= (0, 8, 0)
    other = tmp_path / "bwrap"
    assert version_words(other) == ""
    other.write_text("no program")
    other.chmod(0o755)
    assert version_words(other) == ""
