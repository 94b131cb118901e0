"""Is an answer right, and if not, why? Every form that an answer can have, against every form that an oracle has."""

import base64
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, scalar_dtypes
from numpy.typing import NDArray

from grader.core.errors import RubricError
from grader.core.evidence import Array, Call
from grader.functions.agreement import counterexample_of, disagreement, expected_of, write_call, write_value
from grader.functions.cases import Function, pack_arguments, pack_array, unpack_arguments, unpack_array
from tests.functions.answers import ended, function, other, returned

TABLE = np.array([[1.0, 2.0], [3.0, 4.0]])
NUMBERS = [f"{order}{kind}" for kind in ("b1", "i1", "u1", "i2", "i4", "i8", "u8", "f2", "f4", "f8") for order in "<>"]


def fault(right: Any, found: Any, form: str | None = None) -> str | None:
    """What is said about the answer `found` where `right` is right."""
    return disagreement(
        function(lambda number: right), found if isinstance(found, Call) else returned(found, form=form)
    )


@pytest.mark.parametrize(
    ("right", "found"),
    [
        (TABLE, TABLE),
        (TABLE, TABLE.astype(int)),
        (TABLE, TABLE.astype(np.float16)),
        (TABLE, np.asfortranarray(TABLE)),
        (TABLE.astype(np.uint8), TABLE),
        (TABLE, TABLE * (1 + 9e-6)),
        (TABLE / 3, (TABLE / 3).astype(np.float32)),
        (np.array([1e6, 0.0]), np.array([1e6, 1.0])),  # to five digits of the largest number
        (np.array([0.0]), np.array([5e-17])),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (np.array(2.0), np.array(2)),
        (np.array([np.inf, 1.0]), np.array([np.inf, 1.0])),
        ((4, 4, 8), (4, 4, 8)),
        ((4, 4, 8), (4.0, 4.0, np.int64(8))),
        ((), ()),
        (3, 3),
        (3, 3.0),
        (0.1 + 0.2, np.float32(0.3)),
        (np.inf, np.inf),
    ],
)
def test_an_answer_of_the_right_values_is_right_in_any_kind_of_number(right: Any, found: Any) -> None:
    assert fault(right, found) is None


@pytest.mark.parametrize(
    ("right", "found", "words"),
    [
        (TABLE, TABLE.tolist(), "returned a list, where a NumPy array is asked for"),
        (TABLE, (1, 2), "returned a tuple, where a NumPy array is asked for"),
        (TABLE, 1.0, "returned a number, where a NumPy array is asked for"),
        (TABLE, TABLE[:1], "returned an array of shape (1, 2) where (2, 2) is right"),
        (TABLE, TABLE.ravel(), "returned an array of shape (4,) where (2, 2) is right"),
        (TABLE, TABLE[None], "returned an array of shape (1, 2, 2) where (2, 2) is right"),
        (TABLE, np.array(1.0), "returned an array of shape () where (2, 2) is right"),
        (TABLE, np.zeros((2, 0)), "returned an array of shape (2, 0) where (2, 2) is right"),
        (TABLE, TABLE > 0, "returned truth values, where numbers are asked for"),
        (
            TABLE,
            np.where(TABLE > 2, 9, TABLE),
            "returned 9 at [1, 0] where 3 is right, and 1 more of 4 numbers are wrong",
        ),
        (TABLE, np.where(TABLE > 3, 9, TABLE), "returned 9 at [1, 1] where 4 is right"),
        (TABLE, TABLE * np.nan, "returned nan at [0, 0] where 1 is right, and 3 more of 4 numbers are wrong"),
        (TABLE, TABLE * np.inf, "returned inf at [0, 0] where 1 is right, and 3 more of 4 numbers are wrong"),
        (TABLE, TABLE * (1 + 3e-5), "returned 3.00009 at [1, 0] where 3 is right, and 1 more of 4 numbers are wrong"),
        (TABLE[1] / 3, (TABLE[1] / 3).astype(np.float16), "returned 1.33301 at [1] where 1.33333 is right"),
        (np.array([200.0, 400.0]), np.array([200, 144], np.uint8), "returned 144 at [1] where 400 is right"),
        (np.array([np.inf, 2.0]), np.array([np.inf, 7.0]), "returned 7 at [1] where 2 is right"),
        (np.array([np.inf, 2.0]), np.array([-np.inf, 2.0]), "returned -inf at [0] where inf is right"),
        (np.array([0.0]), np.array([1e-6]), "returned 1e-06 at [0] where 0 is right"),
        (np.array([1.7e308]), np.array([-1.7e308]), "returned -1.7e+308 at [0] where 1.7e+308 is right"),
        (np.array(2.0), 2.0, "returned a number, where a NumPy array is asked for"),
        ((4, 4, 8), [4, 4, 8], "returned a list, where a tuple is asked for"),
        ((4, 4, 8), np.array([4, 4, 8]), "returned an array of shape (3,), where a tuple is asked for"),
        ((4, 4, 8), 4, "returned a number, where a tuple is asked for"),
        ((4, 4, 8), (4, 4), "returned a tuple of 2 numbers where a tuple of 3 numbers is right"),
        ((4, 4, 8), ((4, 4), (8, 8)), "returned a tuple of shape (2, 2) where a tuple of 3 numbers is right"),
        ((4, 4, 8), ((4,), (4,), (8,)), "returned a tuple of shape (3, 1) where a tuple of 3 numbers is right"),
        ((4, 4, 8), (4, 4.5, 8), "returned 4.5 at [1] where 4 is right"),
        ((4, 4, 8), (True, True, True), "returned truth values, where numbers are asked for"),
        (3, 4, "returned 4 where 3 is right"),
        (3, float("nan"), "returned nan where 3 is right"),
        (3, True, "returned truth values, where numbers are asked for"),
        (3, (3,), "returned a tuple, where a number is asked for"),
        (3, [3], "returned a list, where a number is asked for"),
        (3, np.array(3), "returned an array of shape (), where a number is asked for"),
    ],
)
def test_a_wrong_answer_is_told_by_the_first_thing_that_is_wrong_with_it(right: Any, found: Any, words: str) -> None:
    assert fault(right, found) == words


@pytest.mark.parametrize("right", [TABLE, (1, 2), 3.0])
@pytest.mark.parametrize("said", ["nothing (None)", "an object of type set", "an array of dtype complex128"])
def test_what_holds_no_numbers_is_told_in_the_words_of_who_saw_it(right: Any, said: str) -> None:
    found = fault(right, other(said))
    assert found is not None
    assert found.startswith(f"returned {said}, where ")


@pytest.mark.parametrize("right", [TABLE, (1, 2), 3.0])
@pytest.mark.parametrize("outcome", ["raised", "lost"])
def test_a_call_that_did_not_return_is_wrong_whatever_is_right(right: Any, outcome: str) -> None:
    assert fault(right, ended(outcome, "raised ValueError: no")) == "raised ValueError: no"


def test_a_big_answer_that_was_not_kept_is_told_by_its_size() -> None:
    assert fault(TABLE, other("an array of shape (9000, 9000)", form="array")) == (
        "returned an array of shape (9000, 9000) where (2, 2) is right"
    )


def test_numbers_that_signal_are_nan_and_warn_nobody() -> None:
    signalling = np.array([0x7F800001, 0], np.uint32).view(np.float32)
    assert fault(np.zeros(2), signalling) == "returned nan at [0] where 0 is right"


def test_an_oracle_that_fails_on_a_stored_call_is_the_course_s_fault() -> None:
    with pytest.raises(RubricError, match="fails with ZeroDivisionError"):
        disagreement(function(lambda number: 1 / (number - 1)), returned(1.0))
    with pytest.raises(RubricError, match="answers with NaN"):
        fault(np.array([np.nan]), np.array([np.nan]))


def test_a_stored_call_with_other_parameters_than_today_s_is_told_as_that() -> None:
    with pytest.raises(RubricError, match=r"a stored call: has 1 arguments. `<lambda>\(a, b\)` takes 2"):
        disagreement(function(lambda a, b: 1), returned(1))


def test_an_oracle_that_writes_into_its_arguments_finds_them_as_they_were_the_next_time() -> None:
    def emptied(values: NDArray[Any]) -> float:
        total = float(values.sum())
        values[:] = 0
        return total

    call = returned(6, arguments=pack_arguments((np.array([1, 2, 3]),)))
    assert [expected_of(function(emptied), call) for _ in range(2)] == [6, 6]


shapes = st.one_of(st.just(()), array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4))


@given(st.sampled_from(NUMBERS).flatmap(lambda dtype: arrays(np.dtype(dtype), shapes)))
def test_an_array_comes_back_as_it_was_packed(values: NDArray[Any]) -> None:
    packed = Array.model_validate_json(pack_array(values).model_dump_json())
    again = unpack_array(packed)
    assert again.dtype == values.dtype.newbyteorder("<")
    assert again.shape == values.shape
    assert again.tobytes() == values.astype(values.dtype.newbyteorder("<")).tobytes()


@given(scalar_dtypes().filter(lambda dtype: dtype.kind in "iuf").flatmap(lambda dtype: arrays(dtype, (4, 6))))
def test_an_array_that_is_a_view_of_another_is_packed_in_its_own_order(values: NDArray[Any]) -> None:
    for view in (values.T, values[::2, ::-3], np.broadcast_to(values[:1], (3, 6)), np.asfortranarray(values)):
        np.testing.assert_array_equal(unpack_array(pack_array(view)), view)


@pytest.mark.parametrize(
    "packed",
    [Array(dtype="<f8", shape=(2,), data=base64.b64encode(bytes(8)).decode()), Array(dtype="<f8", shape=(1,), data="")],
)
def test_bytes_that_do_not_fit_the_shape_are_refused(packed: Array) -> None:
    with pytest.raises(ValueError, match="reshape"):
        unpack_array(packed)


def test_unpacked_arguments_can_be_written_to_and_are_fresh_each_time() -> None:
    packed = pack_arguments((np.zeros(2), 3, 0.5, "same"))
    first = unpack_arguments(packed)
    first[0][:] = 9
    second = unpack_arguments(packed)
    assert second[0].tolist() == [0, 0]
    assert second[1:] == (3, 0.5, "same")


def written(asked: Function, call: Call) -> str:
    return write_call(asked.signature, counterexample_of(asked, call))


def test_a_call_is_written_with_its_arguments_the_right_answer_and_the_one_that_came() -> None:
    def halved(image: NDArray[Any], factor: int, mode: str) -> NDArray[Any]:
        return image / factor

    call = returned(np.array([[0.0, 1.0]]), arguments=pack_arguments((np.array([[1, 2]]), 2, "floor")))
    assert written(function(halved), call).splitlines() == [
        "halved(image, factor, mode)",
        "image = 1 x 2, int64",
        "    [[1, 2]]",
        "factor = 2",
        "mode = floor",
        "right: 1 x 2, float64",
        "    [[0.5, 1. ]]",
        "returned: 1 x 2, float64",
        "    [[0., 1.]]",
    ]


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (ended("lost", "did not return within 5 s"), "it did not return within 5 s"),
        (ended("raised", "raised KeyError: 1"), "it raised KeyError: 1"),
        (other("nothing (None)"), "returned: nothing (None)"),
        (returned((1, 2.5)), "returned: (1, 2.5)"),
        (returned((1,)), "returned: (1,)"),
        (returned(()), "returned: ()"),
        (returned(2.5), "returned: 2.5"),
        (returned(np.array(2.5)), "returned: a single number, float64"),
        (returned(((1, 2), (3, 4))), "returned: 2 x 2, int64"),
        (returned(1.0, form="tuple"), "returned: a single number, float64"),
        (returned(np.ones((9, 9, 9))), "returned: an array of shape (9, 9, 9) (float64)"),
    ],
)
def test_an_answer_of_any_form_can_be_written(call: Call, line: str) -> None:
    assert line in written(function(lambda number: 3.0), call).splitlines()


@given(
    st.one_of(
        arrays(st.sampled_from(["<f8", "<f2", "<i8", "|b1"]), array_shapes(max_dims=8, max_side=6)),
        st.integers(0, 3000).map(lambda size: tuple(range(size))),
        st.text(max_size=20_000),
        st.integers(-(10**400), 10**400),
        st.floats(),
    )
)
def test_a_value_is_written_in_bounded_space(value: Any) -> None:
    assert 0 <= len(write_value(value)) <= 6000


@pytest.mark.parametrize("form", ["array", "number", "tuple", "list"])
@given(values=arrays(st.sampled_from(["<f8", "<f4", "<u8", "|b1"]), shapes))
def test_no_answer_however_odd_can_break_the_comparison(form: str, values: NDArray[Any]) -> None:
    call = returned(values, form=form)
    for asked in (function(lambda number: TABLE), function(lambda number: (1, 2)), function(lambda number: 3.0)):
        found = disagreement(asked, call)
        assert found is None or found.startswith("returned ")
        assert "returned: " in written(asked, call)
