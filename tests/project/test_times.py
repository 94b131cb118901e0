"""The table of where the suite's time goes."""

from tests.times import room_of, table


def test_tests_are_counted_by_their_room_and_single_files_by_their_name() -> None:
    assert room_of("tests.kernel.test_run_notebook") == "kernel/"
    assert room_of("tests.project.test_zoo") == "project/test_zoo.py"
    assert room_of("tests.checks.test_family.TestKnownArchitectures") == "checks/"


def test_the_table_holds_every_second_and_names_the_slowest() -> None:
    cases = [
        ("tests.kernel.test_run_notebook", "a", 60.0),
        ("tests.project.test_zoo", "b", 39.5),
        ("tests.core.test_limits", "c", 0.5),
    ]
    lines = table(cases)
    assert lines[2:5] == [
        "| `kernel/` | 1 | 60 | 60% |",
        "| `project/test_zoo.py` | 1 | 40 | 40% |",
        "| all others | 1 | 0 | 0% |",
    ]
    assert lines[6] == "  60.0 s  tests.kernel.test_run_notebook: a"
