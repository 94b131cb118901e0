"""Notebooks and modules as bytes, and the outputs of a kernel that says what it likes."""

import base64
import codecs
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader.core.errors import SubmissionError
from grader.core.evidence import Cell
from grader.core.notebook import MOST_TEXT, plain_outputs, read_submission
from tests.fuzz.cases import JSON, TEXT, cases, dumped, mutated, only, spoilt

# Python only mentions these, where it does not take them for errors as pytest does here.
pytestmark = pytest.mark.filterwarnings("ignore:.*invalid escape sequence:DeprecationWarning")
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"pixels").decode()
SOURCE = (
    TEXT | st.lists(TEXT, max_size=3) | st.sampled_from(["import keras\nmodel.fit(x, y)", "!ls", "%%bash\nid", "\0"])
)
OUTPUTS = st.sampled_from(
    [
        {"output_type": "stream", "name": "stdout", "text": ["a\n", "\x1b[31mb"]},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[0;31mE", "v"]},
        {"output_type": "display_data", "data": {"image/png": PNG, "text/plain": "<Figure>"}, "metadata": {}},
        {
            "output_type": "execute_result",
            "data": {"text/html": "<script>", "text/plain": ["4", "2"]},
            "execution_count": 1,
        },
        {"output_type": "stream", "name": "stderr", "text": "I0000 00:00:1 x\n\x1b]0;title\x07" + "\x1b" * 5},
    ]
)
CELL: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"cell_type": st.sampled_from(["code", "code", "markdown", "raw"]), "source": SOURCE, "metadata": st.just({})},
    optional={"outputs": st.lists(OUTPUTS, max_size=2), "execution_count": st.none() | st.integers(), "id": TEXT},
)
NOTEBOOK = st.fixed_dictionaries(
    {
        "nbformat": st.sampled_from([4, 4, 4, 3, "4", 4.0]), "nbformat_minor": st.integers(0, 5),
        "metadata": st.sampled_from([{}, {"kernelspec": {"name": "python3", "language": "python"}}]),
        "cells": st.lists(CELL, max_size=4),
    }
)  # fmt: skip
CODECS = sorted({name for name in ("idna", "punycode", "rot13", "hex", "zlib", "bz2", "undefined", "unicode_escape", "utf-7",
                                   "utf-16", "utf-32", "cp1252", "shift_jis", "iso2022_jp", "hz", "raw_unicode_escape")
                 if codecs.lookup(name)})  # fmt: skip
MODULE = st.builds(
    lambda first, name, rest: first + f"# -*- coding: {name} -*-\n".encode("utf-8", "replace") + rest,
    st.sampled_from([b"", b"#!/usr/bin/python\n", b"\xef\xbb\xbf", b"\xff\xfe"]),
    st.sampled_from(CODECS) | TEXT, st.binary(max_size=80) | TEXT.map(lambda text: text.encode("utf-8", "replace")),
)  # fmt: skip


def read(name: str, data: bytes) -> None:
    with only(SubmissionError):
        script = read_submission(name, data)
        assert script.cells
        for number, source in enumerate(script.cells, 1):
            cell = Cell(number=number, source=source, executed=False)
            assert Cell.model_validate_json(cell.model_dump_json()) == cell


@cases
@given(dumped(mutated(NOTEBOOK)))
@example(b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "\\ud800"}]}')
@example(b'{"nbformat": ' + b"9" * 5000 + b', "cells": []}')
@example(b'{"cells": ' + b"[" * 100_000)
def test_any_notebook_is_read_or_refused_in_words(data: bytes) -> None:
    read("work.ipynb", data)


@cases
@given(spoilt(dumped(NOTEBOOK)))
def test_any_damaged_notebook_is_read_or_refused_in_words(data: bytes) -> None:
    read("work.ipynb", data)


@cases
@given(MODULE)
@example(b"# coding: unicode_escape\na = '\\ud83d'")
@example(b"# coding: punycode\na-" + b"9" * 1_000_000)
def test_any_module_is_read_or_refused_in_words(data: bytes) -> None:
    read("work.py", data)


@cases
@given(mutated(st.lists(OUTPUTS, max_size=4)) | st.lists(JSON, max_size=3))
def test_any_outputs_become_plain_ones_that_can_be_stored(sent: Any) -> None:
    outputs, error = plain_outputs(sent if isinstance(sent, list) else [sent])
    cell = Cell(number=1, source="", executed=True, outputs=outputs, error=error)
    assert Cell.model_validate_json(cell.model_dump_json()) == cell
    for output in outputs:
        assert "\x1b" not in output.text
        assert len(output.text) < MOST_TEXT + 100
    json.dumps(cell.model_dump(mode="json"), ensure_ascii=False).encode("utf-8")
