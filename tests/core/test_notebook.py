"""Bytes become code cells, a kernel's outputs become plain text and PNG; strangers wrote both."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.errors import SubmissionError
from grader.core.evidence import Cell
from grader.core.notebook import (
    MOST_ATTACHED,
    MOST_MARKDOWN,
    MOST_MARKDOWN_CELLS,
    MOST_TEXT,
    picture_of,
    plain_outputs,
    read_submission,
    split_module,
    strip_ansi,
)

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"pixels").decode()
BOOT = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1751871234.123456   12345 cpu_feature_guard.cc:210] This TensorFlow binary is optimized\n"
    "W0000 00:00:1751871234.123456   12345 gpu_device.cc:2341] Cannot dlopen some GPU libraries.\n"
    "E0000 00:00:1751871234.123456   12345 cuda_executor.cc:1228] INTERNAL: CUDA Runtime error\n"
)
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
CONFLICT = b'<<<<<<< HEAD\n"a": 1\n=======\n"a": 2\n>>>>>>> other\n}'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.just(PNG),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


def notebook(*cells: object, **more: object) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells, **more}).encode()


def code(source: object) -> dict[str, object]:
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None}


def test_code_cells_come_in_order_without_markdown_and_empty_ones() -> None:
    data = notebook(code("a = 1"), {"cell_type": "markdown", "source": "# b"}, code(["c = 1\n", "d = 2"]), code("  \n"))
    assert read_submission("x.ipynb", data).cells == ("a = 1", "c = 1\nd = 2")


def test_a_module_is_one_cell() -> None:
    assert read_submission("x.py", b"a = 1\r\nb = 2\r\n").cells == ("a = 1\nb = 2\n",)
    assert read_submission("X.PY", b"a = 1").cells == ("a = 1",)


def test_lines_end_as_on_unix_whatever_system_wrote_them() -> None:
    data = notebook(code("!wget a \\\r\n -O b\r\nc = 1\rd = 2"))
    assert read_submission("x.ipynb", data).cells == ("!wget a \\\n -O b\nc = 1\nd = 2",)
    assert read_submission("x.py", b"a = 1\rb = 2\r\n").cells == ("a = 1\nb = 2\n",)


@pytest.mark.parametrize("mark", ["# In[1]:", "# In[ ]:", "#In [12]:", "# %%", "#%% training", "# %% [markdown]"])
def test_a_module_that_was_a_notebook_has_its_cells(mark: str) -> None:
    text = f"# coding: utf-8\n{mark}\na = 1\n{mark}\n# only words\n{mark}\n\nb = 2\n{mark}\n# the end\n"
    first, second = read_submission("x.py", text.encode()).cells
    assert "a = 1" in first and "b = 2" not in first
    assert first + second == text


def test_a_mark_inside_a_text_is_no_cell() -> None:
    text = "a = '''\n# In[1]:\n'''\n  # %% not at the edge\nb = 2\n"
    assert read_submission("x.py", text.encode()).cells == (text,)


@given(st.lists(st.sampled_from(["# In[3]:\n", "# %%\n", "a = 1\n", '"""\n', "# b\n", "\n"]), min_size=1))
def test_no_line_of_a_module_is_lost_or_moved(lines: list[str]) -> None:
    text = "".join(lines)
    assert "".join(split_module(text)) == text


def test_a_notebook_may_begin_with_a_byte_order_mark() -> None:
    assert read_submission("x.ipynb", b"\xef\xbb\xbf" + notebook(code("a"))).cells == ("a",)
    assert read_submission("x.py", b"\xef\xbb\xbfa = 1").cells == ("a = 1",)


def test_a_module_is_decoded_as_it_says() -> None:
    assert read_submission("x.py", b"# coding: latin-1\nname = '\xfc'").cells[0].endswith("'ü'")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("x.ipynb", b"", "is empty"),
        ("x.ipynb", b"  \n", "is empty"),
        ("x.ipynb", b"print('a module in disguise')", "is not a notebook (its content is not JSON)"),
        ("x.ipynb", b"PK\x03\x04\xff\xfe", "is not UTF-8 text, but a zip archive"),
        ("x.py", b"PK\x03\x04", "is a zip archive"),
        ("x.ipynb", '{"a": "ü"}'.encode("utf-16"), "is not UTF-8 text, but UTF-16 text"),
        ("x.ipynb", '{"a": "ü"}'.encode("utf-16-be"), "UTF-16 text"),
        ("x.py", 'name = "ü"'.encode("utf-16"), "is not UTF-8 text, but UTF-16 text"),
        ("x.ipynb", '{\n"a": "ü"}'.encode("cp1252"), "another encoding, by its line 2 (Windows-1252"),
        ("x.py", '\n\nname = "ü"'.encode("cp1252"), "another encoding, by its line 3 (Windows-1252"),
        ("x.ipynb", LFS, "is a pointer of Git LFS"),
        ("x.py", LFS, "is a pointer of Git LFS"),
        ("x.ipynb", b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", "is a web page (HTML)"),
        ("x.py", b"<html lang='en'>", "is a web page (HTML)"),
        ("x.ipynb", notebook(code("a = 1"))[:-30], "is half a notebook: it ends in the middle"),
        ("x.ipynb", b'{"cells": [{"a": {}}', "is half a notebook: it ends in the middle"),
        ("x.ipynb", b"{\n" + CONFLICT, "holds conflict markers of Git (line 2)"),
        ("x.py", b"a = 1\n" + CONFLICT, "holds conflict markers of Git (line 2)"),
        ("x.ipynb", b"\0" * 4000, "nothing but zero bytes"),
        ("x.ipynb", b"\0\5\x16\7\0\2\0\0Mac OS X", "what macOS keeps beside a file"),
        ("x.ipynb", b"%PDF-1.7\n", "is a PDF"),
        ("x.py", b"import marimo\napp = marimo.App()\n", "is a notebook of marimo"),
        ("x.ipynb", b"\xff\xfe{\x00}\x00", "is not UTF-8 text"),
        ("x.ipynb", b"[" * 100_000, "is not a notebook"),
        ("x.ipynb", b'{"a": ' + b"9" * 5000 + b"}", "is not a notebook"),
        ("x.ipynb", b"{}", "it has no `nbformat`"),
        ("x.ipynb", b"[4]", "it has no `nbformat`"),
        ("x.ipynb", b'{"nbformat": 3, "worksheets": []}', "is a notebook of format 3; this grader reads format 4"),
        ("x.ipynb", b'{"nbformat": "4"}', "is a notebook of format 4"),
        ("x.ipynb", b'{"nbformat": 4}', "it has no list of cells"),
        ("x.ipynb", b'{"nbformat": 4, "cells": {"a": 1}}', "it has no list of cells"),
        ("x.ipynb", notebook(), "has no code"),
        ("x.ipynb", notebook({"cell_type": "markdown", "source": "words"}), "has no code"),
        ("x.ipynb", notebook(code(""), code([]), code(5), "cell", None), "has no code"),
        ("x.py", b"", "is empty"),
        ("x.py", b"\n \n", "is empty"),
        ("x.py", b"a = '\xff'", "is not UTF-8 text"),
        ("x.py", b"\x89PNG\r\n", "is not UTF-8 text, but a picture"),
        ("x.py", b"a\0b", "binary data"),
        ("x.py", b"# coding: klingon\na = 1", "is not UTF-8 text"),
        ("x.py", b"# coding: rot13\na = 1", "is not UTF-8 text"),
        ("x.py", b"# coding: undefined\na = 1", "is not UTF-8 text"),
        ("x.py", b"# coding: hex\na = 1", "is not UTF-8 text"),
    ],
)
def test_what_can_not_be_read_is_refused_in_words_with_its_name_and_a_next_step(
    name: str, data: bytes, words: str
) -> None:
    with pytest.raises(SubmissionError) as caught:
        read_submission(name, data)
    assert caught.value.message.startswith(f"{name}: ")
    assert words in caught.value.message
    assert caught.value.remedy


@settings(max_examples=300, deadline=None)
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()), st.sampled_from(["x.py", "x.ipynb", "x"]))
def test_any_bytes_are_a_submission_or_a_refusal(data: bytes, name: str) -> None:
    try:
        script = read_submission(name, data)
    except SubmissionError as error:
        assert name in str(error)
        return
    assert all(cell.strip() for cell in script.cells)


@given(st.lists(JSON | JSON.map(code)), st.sampled_from([4, 4.0, 3, "4", None, True]))
def test_any_json_with_a_format_is_a_notebook_or_a_refusal_and_its_cells_can_be_stored(
    cells: list[object], nbformat: object
) -> None:
    try:
        script = read_submission("x.ipynb", notebook(*cells, nbformat=nbformat))
    except SubmissionError:
        return
    for number, source in enumerate(script.cells, 1):
        cell = Cell(number=number, source=source, executed=False)
        assert Cell.model_validate_json(cell.model_dump_json()) == cell


def test_half_a_character_in_a_notebook_or_module_does_not_break_what_comes_later() -> None:
    assert read_submission("x.ipynb", notebook(code("a = '\ud83d'"))).cells == ("a = '?'",)
    assert read_submission("x.py", b"# coding: unicode_escape\na = '\\ud83d'").cells[0].endswith("'?'")


@pytest.mark.parametrize("encoding", ["punycode", "idna", "PunyCode"])
def test_an_encoding_that_takes_hours_to_decode_is_refused_at_once(encoding: str) -> None:
    data = f"# coding: {encoding}\nabc-".encode() + b"9" * 5_000_000
    with pytest.raises(SubmissionError, match=r"x\.py: is not UTF-8 text"):
        read_submission("x.py", data)


@settings(deadline=None)
@given(st.text(st.characters()) | st.text(st.sampled_from("\x1b[]0123;?mKhl\x07\\(B a")))
def test_stripping_escapes_twice_changes_nothing_and_leaves_none(text: str) -> None:
    once = strip_ansi(text)
    assert strip_ansi(once) == once
    assert "\x1b" not in once
    once.encode("utf-8")


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2K\rdone", "\rdone"),
        ("\x1b\x1b[0m[0mx", "[0mx"),
        ("as it is", "as it is"),
    ],
)
def test_terminal_escapes_are_taken_out_and_the_words_stay(raw: str, plain: str) -> None:
    assert strip_ansi(raw) == plain


def test_a_long_text_is_cut_and_says_so() -> None:
    cut = strip_ansi("x" * (10 * MOST_TEXT))
    assert cut == "x" * MOST_TEXT + "\n... (shortened)"
    assert strip_ansi(cut) == cut


def test_tensorflows_boot_lines_are_taken_out_and_the_students_lines_stay() -> None:
    output = {"output_type": "stream", "name": "stderr", "text": f"before\n{BOOT}after I0000 00:00:1\n"}
    assert plain_outputs([output])[0][0].text == "before\nafter I0000 00:00:1\n"


def test_a_stream_of_boot_lines_alone_leaves_no_output() -> None:
    assert plain_outputs([{"output_type": "stream", "text": BOOT}]) == ((), None)


def test_pieces_of_a_stream_become_one_output() -> None:
    pieces = [{"output_type": "stream", "text": part} for part in ("Epoch 1", "/5\n", ["done", "\n"])]
    outputs, _ = plain_outputs(pieces)
    assert [output.text for output in outputs] == ["Epoch 1/5\ndone\n"]


def test_a_stream_in_many_pieces_is_cut_like_one() -> None:
    outputs, _ = plain_outputs([{"output_type": "stream", "text": "x" * MOST_TEXT}] * 5)
    assert len(outputs) == 1
    assert len(outputs[0].text) < MOST_TEXT + 100


def test_of_a_rich_output_only_text_and_png_are_kept() -> None:
    data = {"text/plain": "<Figure>", "image/png": PNG, "text/html": "<b>x</b>", "image/svg+xml": "<svg/>",
            "application/javascript": "alert(1)"}  # fmt: skip
    outputs, error = plain_outputs([{"output_type": "display_data", "data": data}])
    assert error is None
    assert (outputs[0].kind, outputs[0].text, outputs[0].png) == ("display", "<Figure>", PNG)


def test_an_error_is_kept_with_its_name_and_traceback() -> None:
    raw = {
        "output_type": "error",
        "ename": "NameError",
        "evalue": "\x1b[1mname\x1b[0m",
        "traceback": ["\x1b[0;31ma", 5, "b"],
    }
    outputs, error = plain_outputs([raw])
    assert error is not None
    assert (error.name, error.message, error.traceback) == ("NameError", "name", "a\nb")
    assert (outputs[0].kind, outputs[0].text) == ("error", "a\nb")


def test_an_error_without_a_name_is_an_error() -> None:
    assert plain_outputs([{"output_type": "error"}])[1] is not None


OUTPUT = st.fixed_dictionaries(
    {},
    optional={
        "output_type": st.sampled_from(["stream", "error", "display_data", "execute_result", "update_display_data"]) | JSON,
        "text": JSON, "data": JSON | st.fixed_dictionaries({"text/html": st.just("<script>html</script>")}, optional={
            "text/plain": JSON, "image/png": JSON}),
        "ename": JSON, "evalue": JSON, "traceback": JSON,
    },
)  # fmt: skip


@given(st.lists(OUTPUT | JSON, max_size=5))
def test_whatever_a_kernel_sends_becomes_plain_outputs_that_can_be_stored(sent: list[Any]) -> None:
    outputs, error = plain_outputs(sent)
    cell = Cell(number=1, source="", executed=True, outputs=outputs, error=error)
    assert Cell.model_validate_json(cell.model_dump_json()) == cell
    for output in outputs:
        assert "<script>html" not in output.text
        assert output.png is None or base64.b64decode(output.png).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "data",
    [None, 5, "", "not base64!", "ü", base64.b64encode(b"GIF89a").decode(), base64.b64encode(b"<svg/>").decode(), [PNG],
     "A" * (8 << 20)],
)  # fmt: skip
def test_what_is_no_png_of_reasonable_size_is_no_picture(data: object) -> None:
    assert picture_of(data) is None


def test_a_png_in_lines_is_a_picture_in_one() -> None:
    assert picture_of(f"{PNG[:8]}\n{PNG[8:]}\n") == PNG


def test_what_only_speaks_of_such_things_is_read() -> None:
    page = 'page = """\n<html>\n"""\n'
    merge = 'help = """\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> other\n"""\n'
    for text in (page, merge, "# <html>\n", "import marimo\n", "name = 'Übung'\n"):
        assert read_submission("x.py", text.encode()).cells == (text,)
    assert (
        len(read_submission("x.py", f"# %%\na = 1\n# %%\n{CONFLICT.decode()}".encode()).cells) == 2
    )  # one of them runs


def test_a_notebook_of_another_language_is_called_one() -> None:
    metadata = {"kernelspec": {"name": "ir", "language": "R"}, "language_info": {"name": "R"}}
    cells = [{"cell_type": "code", "source": "library(keras)"}]
    data = json.dumps({"nbformat": 4, "metadata": metadata, "cells": cells}).encode()
    with pytest.raises(SubmissionError, match="is a notebook in R"):
        read_submission("work.ipynb", data)


def test_an_error_in_a_graph_is_told_without_the_places_that_the_graph_was_made_in() -> None:
    message = (
        "Graph execution error:\n\nDetected at node loss defined at (most recent call last):\n"
        '  File "/run/guest/grader/kernel/guest/patch_keras.py", line 3, in fit\n\n'
        "Received a label value of 1\n\t [[{{node loss}}]]"
    )
    output = {"output_type": "error", "ename": "InvalidArgumentError", "evalue": message, "traceback": []}
    _, error = plain_outputs([output])
    assert error is not None
    assert error.message == "Received a label value of 1"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("x.py", b"#%%\n1\n" * 2_001, "has more than 2,000 code cells"),
        ("x.ipynb", notebook(*[code("1")] * 2_001), "has more than 2,000 code cells"),
        ("x.py", b"a=1\n" * 500_001, "holds more than 2,000,000 characters of code"),
        ("x.ipynb", notebook(*[code("a=1\n" * 50_000)] * 11), "holds more than 2,000,000 characters of code"),
        ("x.py", b"a=1\n" * 50_001, "holds more than 50,000 statements"),
        ("x.ipynb", notebook(*[code("x = 1; " * 2_000)] * 26), "holds more than 50,000 statements"),
        ("x.ipynb", b'{"nbformat": 4, "cells": [' + b"{}," * 500_001 + b"{}]}", "holds more than 500,000 values"),
    ],
)
def test_more_than_anybody_reads_is_refused_in_words(name: str, data: bytes, words: str) -> None:
    with pytest.raises(SubmissionError, match=words) as refused:
        read_submission(name, data)
    assert refused.value.remedy


def test_what_stands_in_texts_is_no_value_and_long_notebooks_are_read() -> None:
    printed = {**code("a = 1"), "outputs": [{"output_type": "stream", "text": "a, b: " * 200_000}]}
    assert read_submission("x.ipynb", notebook(printed)).cells == ("a = 1",)
    assert len(read_submission("x.ipynb", notebook(*[code("1")] * 2_000)).cells) == 2_000
    assert len(read_submission("x.py", b"#%%\n1\n" * 2_000).cells) == 2_000
    assert len(read_submission("x.py", b"a = 1\n" * 50_000 + b" \n" * 100_000).cells) == 1, (
        "blank lines are no statements"
    )


def test_a_long_text_without_lines_is_no_reason_to_make_millions_of_them() -> None:
    with pytest.raises(SubmissionError, match="not JSON"):
        read_submission("x.ipynb", b"\n" * 2_000_000 + b"x")
    conflict = b"\n" * 7 + CONFLICT
    with pytest.raises(SubmissionError, match=r"conflict markers of Git \(line 8\)"):
        read_submission("x.ipynb", conflict)


def prose(source: object, **more: object) -> dict[str, object]:
    return {"cell_type": "markdown", "source": source, "metadata": {}, **more}


def test_markdown_cells_are_kept_with_their_places_tags_and_pictures() -> None:
    attached = {"a.png": {"image/png": PNG}, "b.svg": {"image/svg+xml": "<svg>"}, "c.png": {"image/png": "no"}, "d": 3}
    data = notebook(
        prose("# Title"),
        code(" "),
        code("a = 1"),
        prose(["one\n", "two"], attachments=attached, metadata={"tags": ["end"]}),
    )
    first, second = read_submission("x.ipynb", data).markdown
    assert (first.after, first.source, first.attachments) == (0, "# Title", ())
    assert (second.after, second.source, second.tags) == (1, "one\ntwo", ("end",))
    assert [(item.name, item.png) for item in second.attachments] == [("a.png", PNG)]


def test_markdown_is_bounded_in_cells_letters_and_pictures() -> None:
    many = read_submission("x.ipynb", notebook(code("a"), *(prose("x") for _ in range(2_000)))).markdown
    assert len(many) == MOST_MARKDOWN_CELLS
    long = read_submission("x.ipynb", notebook(code("a"), *(prose("x" * 100_000) for _ in range(20)))).markdown
    assert sum(len(cell.source) for cell in long) == MOST_MARKDOWN
    heavy = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"p" * 900_000).decode()
    attached = {f"{n}.png": {"image/png": heavy} for n in range(30)}
    kept = read_submission("x.ipynb", notebook(code("a"), prose("x", attachments=attached))).markdown[0].attachments
    assert 0 < sum(len(item.png) for item in kept) <= MOST_ATTACHED


def test_a_picture_that_was_pasted_as_text_takes_no_room() -> None:
    data = notebook(code("a"), prose(f"![x](data:image/png;base64,{'A' * 500_000}) and words"))
    assert read_submission("x.ipynb", data).markdown[0].source == "![x](data:) and words"


def test_numbers_that_jupyter_counted_are_kept_and_other_things_are_not() -> None:
    counted = [{**code("a"), "execution_count": value} for value in (3, None, True, -1, 10**30, "4", 12)]
    assert read_submission("x.ipynb", notebook(*counted)).counts == (3, None, None, None, None, None, 12)
    assert read_submission("x.ipynb", notebook(code("a"))).counts == ()


def test_hostile_markdown_cells_are_read_or_passed_over() -> None:
    cells = [prose(value) for value in (None, 3, {"a": 1}, [1, "x\ud800"], "\0y")] + [
        {"cell_type": "markdown"},
        7,
        None,
    ]
    kept = read_submission("x.ipynb", notebook(code("a"), *cells, prose("z", attachments=[1]))).markdown
    assert [cell.source for cell in kept] == ["x?", "y", "z"]
