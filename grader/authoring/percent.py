"""Notebooks written as text: cells are set apart by `# %%`, those of prose by `# %% [markdown]`. Pure."""

import json
import re

_MARK = re.compile(r"^# %%(?P<prose> \[markdown\])?[ \t]*$", re.MULTILINE)


def notebook_of(text: str) -> str:
    """The notebook (nbformat 4.5, as JSON) that `text` describes; what stands before the first mark is left out."""
    marks = list(_MARK.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    cells = [
        _cell(number, text[mark.end() : end].strip("\n"), prose=mark["prose"] is not None)
        for number, (mark, end) in enumerate(zip(marks, ends, strict=True), 1)
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    plain = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"


def _cell(number: int, source: str, *, prose: bool) -> dict[str, object]:
    shared = {"id": f"cell-{number}", "metadata": {}}
    if prose:
        plain = "\n".join(line.removeprefix("#").removeprefix(" ") for line in source.splitlines())
        return {**shared, "cell_type": "markdown", "source": plain.splitlines(keepends=True)}
    code = source.splitlines(keepends=True)
    return {**shared, "cell_type": "code", "execution_count": None, "outputs": [], "source": code}
