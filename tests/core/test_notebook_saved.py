"""Accuracies in the outputs that a notebook was handed in with: found where they stand, whatever stands there."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.evidence import Reported
from grader.core.notebook import read_submission, reported_accuracies
from tests.core.test_notebook import JSON, code, notebook


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("469/469 - 5s - accuracy: 0.9918 - loss: 0.02 - val_accuracy: 0.9866 - val_loss: 0.04\n", (0.9918, 0.9866)),
        ("4s 66us/sample - loss: 0.2 - acc: 0.9300", (0.93,)),
        ("test loss 0.0473, test accuracy 98.62%", (0.9862,)),
        ("Test accuracy: 0.9862000226974487", (0.9862000226974487,)),
        ("accuracy: 0.5\naccuracy: 0.75\n", (0.75,)),
        ("Accuracy = 98 %", (0.98,)),
        ("Accuracy of the network on the 10000 test images", ()),
        ("accuracy: 9.8e-01, accuracy after 5 epochs, accuracy 1.2.3, loss: 0.98, accuracy: 250%", ()),
    ],
)
def test_the_last_accuracy_of_each_wording_is_read(text: str, found: tuple[float, ...]) -> None:
    assert tuple(reported_accuracies(text).values()) == pytest.approx(found)


def test_saved_accuracies_are_kept_with_the_cell_that_gave_them() -> None:
    output = {"output_type": "stream", "name": "stdout", "text": ["\x1b[1maccuracy: 0.5\n", "accuracy: 0.97\n"]}
    shown = {"output_type": "execute_result", "data": {"text/plain": "'test accuracy 96.5%'"}}
    data = notebook(code("a = 1"), code("   "), {**code("fit()"), "outputs": [output, shown]})
    script = read_submission("a.ipynb", data)
    assert script.cells == ("a = 1", "fit()")
    assert script.saved == (
        Reported(cell=2, words="accuracy", value=0.97), Reported(cell=2, words="test accuracy", value=0.965),
    )  # fmt: skip


def test_a_module_has_no_outputs() -> None:
    assert read_submission("a.py", b"print('accuracy: 0.99')").saved == ()


def test_the_tags_of_cells_are_kept_within_bounds() -> None:
    many = ["loss", "", 7, "x" * 61, *(f"tag {number}" for number in range(20))]
    cells = [{**code("a = 1"), "metadata": {"tags": many}}, code("  "), {**code("b = 1"), "metadata": {"tags": "loss"}}]
    script = read_submission("a.ipynb", notebook(*cells))
    assert script.tags == (("loss", *(f"tag {number}" for number in range(9))), ())
    assert (script.tags_of(1)[0], script.tags_of(2), script.tags_of(3)) == ("loss", (), ())
    assert read_submission("a.ipynb", notebook(code("a = 1"))).tags == ()
    assert read_submission("a.py", b"a = 1").tags_of(1) == ()


@given(outputs=JSON)
def test_whatever_is_saved_as_metadata_the_code_is_read(outputs: object) -> None:
    for metadata in (outputs, {"tags": outputs}, {"tags": [outputs]}):
        raw = json.loads(notebook(code("a = 1")))
        raw["cells"][0]["metadata"] = metadata
        assert read_submission("a.ipynb", json.dumps(raw).encode()).cells == ("a = 1",)


@given(outputs=JSON)
def test_whatever_is_saved_as_outputs_the_code_is_read(outputs: object) -> None:
    raw = json.loads(notebook(code("a = 1")))
    raw["cells"][0]["outputs"] = [outputs] if not isinstance(outputs, list) else outputs
    assert read_submission("a.ipynb", json.dumps(raw).encode()).cells == ("a = 1",)


@given(text=st.text(alphabet="ac curacy_.:=%0123456789\n", max_size=2000))
def test_every_number_that_is_read_is_a_fraction(text: str) -> None:
    assert all(0 <= value <= 1 for value in reported_accuracies(text).values())
