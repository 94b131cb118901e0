"""The notebook in a report, and text and pictures that strangers wrote."""

import base64
import struct
import time
import zlib
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.evidence import Cell, CellError, Output
from grader.core.text import cleaned, cleaned_evidence, one_line, settled, visible
from grader.pages import cells
from grader.pages.cells import notebook_view, read_png
from tests.pages.builders import a_result, photograph, png, some_cells, some_evidence


def _png_of(width: int, height: int, damage: int = 0) -> str:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header) ^ damage)
    end = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk + b"\0" * 12 + end).decode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ab\u202ecd", "ab⟨U+202E⟩cd"),
        ("\x1b[31mred", "⟨U+001B⟩[31mred"),
        ("a\u200bb\ufeff", "a⟨U+200B⟩b⟨U+FEFF⟩"),
        ("tag \U000e0041", "tag ⟨U+E0041⟩"),
        ("line\r\nline\tend", "line\nline\tend"),
        ("می\u200cخواهم 👩\u200d🔬 Łukasz", "می\u200cخواهم 👩\u200d🔬 Łukasz"),
    ],
)
def test_unseen_characters_are_written_out_and_languages_left_alone(text: str, shown: str) -> None:
    assert visible(text) == shown == visible(shown)


@given(st.text())
def test_no_text_keeps_a_control_or_an_override(text: str) -> None:
    unseen = {
        chr(code) for code in (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), 0x2066, 0x2069)
    }
    assert not unseen & set(visible(text))
    assert "\n" not in one_line(text)


def test_progress_bars_are_shown_as_they_ended() -> None:
    assert settled("1/9 [>..]\r9/9 [====]\ndone") == "9/9 [====]\ndone"
    assert settled("\x1b[1m10%\x1b[0m\b\b\b20%") == "20%"
    assert settled("\b\b\rx\r") == "x"


def test_cleaning_reaches_every_text_and_leaves_pictures_alone() -> None:
    evidence = some_evidence(student="a\u202eb")
    clean = cleaned_evidence(evidence)
    assert clean.student == "a⟨U+202E⟩b"
    assert clean.claims.cells[3].outputs[0].png == png(320, 160)
    assert cleaned(a_result(versions={"k\x07": "1\u2066"})).versions == {"k⟨U+0007⟩": "1⟨U+2066⟩"}


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "not base64!",
        base64.b64encode(b"<svg onload=alert(1)>" * 9).decode(),
        base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"x" * 80).decode(),
        png()[:-8],
        "!" + png(),
        _png_of(10, 10, damage=1),
        'iVBORw0KGgo=" onerror="alert(1)',
        _png_of(60_000, 60_000),
        _png_of(0, 10),
        "é" * 80,
    ],
)
def test_what_is_no_whole_bounded_png_is_no_picture(encoded: str) -> None:
    assert read_png(encoded, "") is None


def test_a_real_png_tells_its_size() -> None:
    assert read_png(_png_of(10, 10), "") is not None
    picture = read_png(f"\n{png(30, 20)}\n", "words")
    assert picture is not None and (picture.width, picture.height, picture.alt) == (30, 20, "words")


def test_pictures_beyond_the_cap_are_counted_not_shown() -> None:
    drawn = tuple(Output(kind="display", png=png()) for _ in range(20))
    view = notebook_view(tuple(Cell(number=n, source="", executed=True, outputs=drawn) for n in (1, 2)))
    shown = [output for cell in view.cells for output in cell.outputs if output.picture]
    assert len(shown) == cells.FIGURES
    assert "10 figures are left out" in str(view.notes[0])


def test_figures_stay_as_they_were_drawn_while_there_is_room_for_all_of_them() -> None:
    outputs = tuple(Output(kind="display", png=encoded) for encoded in (png(300, 300), png(10, 10)))
    view = notebook_view((Cell(number=1, source="", executed=True, outputs=outputs),))
    assert [output.picture and output.picture.base64 for output in view.cells[0].outputs] == [
        png(300, 300),
        png(10, 10),
    ]
    assert not view.notes


def test_figures_that_are_too_heavy_together_are_made_lighter_and_the_page_says_so() -> None:
    heavy = tuple(Output(kind="display", png=photograph(seed)) for seed in range(5))
    view = notebook_view(
        (Cell(number=1, source="", executed=True, outputs=(*heavy, Output(kind="display", png=png()))),)
    )
    pictures = [output.picture for output in view.cells[0].outputs]
    assert sum(len(output.png or "") for output in heavy) > cells.FIGURE_BYTES
    assert [picture.kind for picture in pictures if picture] == ["webp"] * 5 + ["png"]
    assert sum(len(picture.base64) for picture in pictures if picture) < cells.FIGURE_BYTES
    assert "5 figures are shown smaller or less sharp" in str(view.notes[0])


def test_what_is_still_too_heavy_is_left_out_with_a_note() -> None:
    noise = tuple(Output(kind="display", png=png(500, 400, seed)) for seed in range(8))
    view = notebook_view((Cell(number=1, source="", executed=True, outputs=noise),))
    shown = [output for output in view.cells[0].outputs if output.picture]
    assert 0 < len(shown) < 8
    assert sum(len(output.picture.base64) for output in shown if output.picture) <= cells.FIGURE_BYTES
    assert f"{8 - len(shown)} figure" in str(view.notes[1]) and "left out" in str(view.notes[1])


def test_text_is_cut_by_the_bytes_that_it_takes_in_a_page() -> None:
    outputs = tuple(Output(kind="stream", text=text * 50_000) for text in ("a", "<", "☃", "'☃<"))
    view = notebook_view((Cell(number=1, source="", executed=True, outputs=outputs),))
    for output in view.cells[0].outputs:
        assert 0.9 * cells.TEXT < len(escape(output.text).encode()) <= cells.TEXT
        assert output.note


def test_long_output_is_folded_and_longer_output_is_cut() -> None:
    short, long, endless = "a\n", "a\n" * 40, "a" * 50_000
    outputs = tuple(Output(kind="stream", text=text) for text in (short, long, endless))
    view = notebook_view((Cell(number=1, source="x" * 30_000, executed=True, outputs=outputs),))
    cell = view.cells[0]
    assert [str(output.folded) for output in cell.outputs] == ["", "40 lines of output", "a long output"]
    assert [len(output.text) for output in cell.outputs] == [1, 79, cells.TEXT]
    assert str(cell.outputs[2].note) == "30,000 more characters are left out here."
    assert len(cell.source) == cells.TEXT and cell.source_note


def test_what_a_notebook_wrote_is_made_visible_and_shown_as_a_terminal_would_have_left_it() -> None:
    outputs = (
        Output(kind="stream", text="1/9\r9/9\n\x1b[31mred\u202e"),
        Output(kind="display", text="\u202e", png=png()),
    )
    error = CellError(name="E\u2066", message="m", traceback="\x1b[1mE\u2066: m\nline")
    view = notebook_view((Cell(number=1, source="x = '\u202e'", executed=True, outputs=outputs, error=error),))
    cell = view.cells[0]
    assert cell.source == "x = '⟨U+202E⟩'"
    assert [output.text for output in cell.outputs] == ["9/9\nred⟨U+202E⟩", "", "E⟨U+2066⟩: m\nline"]
    assert cell.outputs[1].picture is not None and str(cell.outputs[1].picture.alt).endswith("⟨U+202E⟩")
    assert str(cell.outputs[2].folded) == "E⟨U+2066⟩: m"


def test_text_beyond_the_room_of_a_page_costs_no_time() -> None:
    loud = Output(kind="stream", text="\u202e<" * 1_000_000)
    started = time.process_time()
    view = notebook_view(tuple(Cell(number=n, source="", executed=True, outputs=(loud,) * 10) for n in range(20)))
    assert time.process_time() - started < 5  # 400 million characters
    assert "is left out" in str(view.notes[-1])


def test_a_page_holds_only_so_much_text_and_so_many_cells() -> None:
    many = tuple(Cell(number=n, source="x" * 10_000, executed=True) for n in range(1, 1_001))
    view = notebook_view(many)
    assert sum(len(cell.source) for cell in view.cells) <= cells.PAGE_TEXT
    assert len(view.cells) == cells.CELLS and len(view.notes) == 2


def test_an_error_is_shown_once_with_its_traceback() -> None:
    error = CellError(name="NameError", message="no x", traceback="Traceback\nNameError: no x")
    cell = Cell(number=1, source="x", executed=True, outputs=(Output(kind="error", text="NameError"),), error=error)
    view = notebook_view((cell, *some_cells()[5:]))
    assert [(output.kind, output.folded) for output in view.cells[0].outputs] == [("error", "NameError: no x")]
    assert [item.state for item in view.cells] == ["failed", "not run"]


def test_what_a_module_ran_is_called_by_its_file_or_its_lines() -> None:
    cells = tuple(Cell(number=n, source="# %%\nx = 1\n", executed=True) for n in (1, 2))
    assert [cell.title for cell in notebook_view(cells).cells] == ["Cell 1", "Cell 2"]
    assert [cell.title for cell in notebook_view(cells, file="work.py").cells] == ["Lines 1 to 2", "Lines 3 to 4"]
    assert [cell.title for cell in notebook_view(cells[:1], file="work.py").cells] == ["work.py"]
