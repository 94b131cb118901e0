"""Notebooks written as text."""

import json

from hypothesis import given
from hypothesis import strategies as st

from grader.authoring.scaffold import notebook_of
from grader.core.notebook import read_submission


def test_cells_are_set_apart_and_prose_loses_its_hashes() -> None:
    made = json.loads(notebook_of("left out\n# %% [markdown]\n# # Title\n#\n# words\n\n# %%\nx = 1\n\ny = 2\n"))
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in made["cells"]] == [
        ("markdown", "# Title\n\nwords"), ("code", "x = 1\n\ny = 2"),
    ]  # fmt: skip


LINES = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20), max_size=4)


@given(st.lists(LINES.filter(lambda lines: not any(line.startswith("# %%") for line in lines)), min_size=1, max_size=5))
def test_code_comes_out_as_it_was_written_and_the_grader_reads_it(cells: list[list[str]]) -> None:
    sources = ["\n".join(lines).strip("\n") for lines in cells]
    made = notebook_of("".join(f"# %%\n{source}\n" for source in sources))
    assert ["".join(cell["source"]) for cell in json.loads(made)["cells"]] == sources
    if any(source.strip() for source in sources):
        assert read_submission("made.ipynb", made.encode()).name == "made.ipynb"
