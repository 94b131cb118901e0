"""What people read in a terminal of any width, with colours or without, and what a log gets."""

import io
import os
import shutil

import pytest

from grader.cli.terminal import print_lines, print_table

LINES = [
    "✗ 45 points of 100 would be lost as it is.",
    "  ✓   10/10  The code runs from top to bottom",
    "no ✓ mark here",
]
HEADING, ROWS = (
    ("student", "points", "why"),
    [("Ada", "100 of 100", "as marked"), ("Zoë de Vries", "-", "late by a day")],
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def terminal_of(width: int, patch: pytest.MonkeyPatch) -> Terminal:
    """Standard output as a terminal that shows colours."""
    stream = Terminal()
    for name, value in (("TERM", "xterm"), ("COLUMNS", str(width))):
        patch.setenv(name, value)
    patch.delenv("NO_COLOR", raising=False)
    patch.setattr("sys.stdout", stream)
    patch.setattr(shutil, "get_terminal_size", lambda *_: os.terminal_size((width, 24)))
    return stream


def test_in_a_terminal_lines_are_wrapped_and_marks_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(30, monkeypatch)
    print_lines(LINES)
    assert terminal.getvalue().splitlines() == [
        "\x1b[31m✗\x1b[0m 45 points of 100 would be", "  lost as it is.",
        "  \x1b[32m✓\x1b[0m   10/10  The code runs", "             from top to", "             bottom", "no ✓ mark here",
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_where_colours_are_not_wanted_there_are_none(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    terminal = terminal_of(30, monkeypatch)
    monkeypatch.setenv(name, value)
    print_lines(LINES)
    assert terminal.getvalue().startswith("✗ 45 points of 100 would be\n  lost as it is.\n")
    assert "\x1b" not in terminal.getvalue()


def test_a_log_gets_each_finding_on_one_line_without_colours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    print_lines(LINES)
    assert capsys.readouterr().out.splitlines() == LINES


def test_a_table_is_aligned_where_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = terminal_of(60, monkeypatch)
    print_table(HEADING, ROWS)
    assert wide.getvalue().splitlines() == [
        "student       points      why",
        "Ada           100 of 100  as marked",
        "Zoë de Vries  -           late by a day",
    ]


def test_a_table_wraps_its_cells_where_it_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    middle = terminal_of(36, monkeypatch)
    print_table(HEADING, ROWS)
    said = middle.getvalue().splitlines()
    assert "student" in said[0] and len(said) > 3


def test_a_table_is_told_row_by_row_where_its_columns_would_be_too_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = terminal_of(30, monkeypatch)
    print_table(HEADING, ROWS)
    assert terminal.getvalue().splitlines() == [
        "Ada", "  points: 100 of 100", "  why: as marked", "Zoë de Vries", "  why: late by a day"
    ]  # fmt: skip


def test_a_table_in_a_log_is_as_wide_as_need_be(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    print_table(HEADING, [("Ada" * 40, "1", "2")])
    assert [len(line.split("  ")[0]) for line in capsys.readouterr().out.splitlines()][1] == 120
