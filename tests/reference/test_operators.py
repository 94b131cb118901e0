"""The exercise on operators: its oracles against loops and TensorFlow, its text against the arithmetic."""

import ast
import re
import tomllib
from typing import Any

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from grader.course.course import Course
from grader.functions.cases import Arguments, load_functions

FOLDER = Course.at().assignment_file("operators").parent
FUNCTIONS = load_functions(FOLDER / "cases.py").by_name
README = (FOLDER / "README.md").read_text(encoding="utf-8")
RUBRIC = tomllib.loads((FOLDER / "assignment.toml").read_text(encoding="utf-8"))
Array = NDArray[Any]

SIX = np.array([[3, 0, 1, 2, 7, 4], [1, 5, 8, 9, 3, 1], [2, 7, 2, 5, 1, 3],
                [0, 1, 3, 1, 7, 8], [4, 2, 1, 6, 2, 8], [2, 4, 5, 2, 3, 9]])  # fmt: skip
EDGES = np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]])
SIX_BY_EDGES = np.array([[-5, -4, 0, 8], [-10, -2, 2, 3], [0, -2, -4, -7], [-3, -2, -3, -16]])
SEVEN = np.array([[2, 3, 7, 4, 6, 2, 9], [6, 6, 9, 8, 7, 4, 3], [3, 4, 8, 3, 8, 9, 7], [7, 8, 3, 6, 6, 3, 4],
                  [4, 2, 1, 8, 3, 4, 6], [3, 2, 4, 1, 9, 8, 3], [0, 1, 3, 9, 2, 1, 4]])  # fmt: skip
KERNEL = np.array([[3, 4, 4], [1, 0, 2], [-1, 0, 3]])
SEVEN_BY_KERNEL = np.array([[91, 100, 88], [69, 91, 117], [44, 72, 74]])
SLIDE = np.array([[91, 100, 83], [69, 91, 127], [44, 72, 74]])  # as printed
FOUR = np.array([[2, 3, 1, 9], [4, 7, 3, 5], [8, 2, 2, 2], [1, 3, 4, 5]])


def oracle(name: str, *arguments: Any) -> Any:
    return FUNCTIONS[name].answer(arguments)


def by_loops(volume: Array, kernels: Array, padding: int, stride: int) -> Array:
    """Convolution by nothing but additions and multiplications, and a border that is looked up instead of laid on."""
    rows, columns, channels = volume.shape
    height, width, _, filters = kernels.shape
    result = []
    for top in range(-padding, rows + padding - height + 1, stride):
        line = []
        for left in range(-padding, columns + padding - width + 1, stride):
            sums = [0.0] * filters
            for i in range(height):
                for j in range(width):
                    if 0 <= top + i < rows and 0 <= left + j < columns:
                        for c in range(channels):
                            for f in range(filters):
                                sums[f] += float(volume[top + i, left + j, c]) * float(kernels[i, j, c, f])
            line.append(sums)
        result.append(line)
    return np.array(result)


def pooled_by_loops(image: Array, size: int, stride: int, summary: Any) -> Array:
    rows, columns = image.shape
    return np.array(
        [
            [
                summary([float(image[i, j]) for i in range(top, top + size) for j in range(left, left + size)])
                for left in range(0, columns - size + 1, stride)
            ]
            for top in range(0, rows - size + 1, stride)
        ]
    )


def numbers(*shape: int) -> st.SearchStrategy[Array]:
    return arrays(float, shape, elements=st.floats(-100, 100, width=32))


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Array, Array, int, int]:
    """A volume, kernels, padding and stride, drawn in another way than the exercise draws them."""
    padding, stride, channels, filters = (draw(st.integers(low, 3)) for low in (0, 1, 1, 1))
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    rows = draw(st.integers(max(1, height - 2 * padding), 9))
    columns = draw(st.integers(max(1, width - 2 * padding), 9))
    return draw(numbers(rows, columns, channels)), draw(numbers(height, width, channels, filters)), padding, stride


@st.composite
def poolings(draw: st.DrawFn) -> tuple[Array, int, int]:
    size = draw(st.integers(1, 4))
    return draw(numbers(draw(st.integers(size, 9)), draw(st.integers(size, 9)))), size, draw(st.integers(1, 5))


@pytest.fixture(scope="module")
def tf() -> Any:
    import tensorflow

    return tensorflow


def close(found: Any, right: Any) -> None:
    assert np.shape(found) == np.shape(right)
    np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-8)


@given(convolutions())
def test_convolution_is_what_loops_compute(drawn: tuple[Array, Array, int, int]) -> None:
    volume, kernels, padding, stride = drawn
    right = by_loops(*drawn)
    close(oracle("convolve_volume", *drawn), right)
    close(oracle("convolve2d", volume[:, :, 0], kernels[:, :, 0, 0], padding, stride),
          by_loops(volume[:, :, :1], kernels[:, :, :1, :1], padding, stride)[:, :, 0])  # fmt: skip
    close(
        oracle("output_shape", *volume.shape[:2], kernels.shape[0], padding, stride, kernels.shape[3])[0],
        right.shape[0],
    )


@settings(max_examples=50)
@given(drawn=convolutions())
def test_convolution_is_what_tensorflow_calls_so(tf: Any, drawn: tuple[Array, Array, int, int]) -> None:
    volume, kernels, padding, stride = drawn
    border = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    right = tf.nn.conv2d(tf.pad(volume[None], border), kernels, strides=stride, padding="VALID")[0].numpy()
    close(oracle("convolve_volume", *drawn), right)
    first = tf.nn.conv2d(tf.pad(volume[None, :, :, :1], border), kernels[:, :, :1, :1], strides=stride, padding="VALID")
    close(oracle("convolve2d", volume[:, :, 0], kernels[:, :, 0, 0], padding, stride), first[0, :, :, 0].numpy())


@given(poolings())
def test_pooling_is_what_loops_compute(drawn: tuple[Array, int, int]) -> None:
    close(oracle("max_pool", *drawn), pooled_by_loops(*drawn, max))
    close(oracle("average_pool", *drawn), pooled_by_loops(*drawn, lambda window: sum(window) / len(window)))


@settings(max_examples=50)
@given(drawn=poolings())
def test_pooling_is_what_tensorflow_calls_so(tf: Any, drawn: tuple[Array, int, int]) -> None:
    image, size, stride = drawn
    for name, pool in (("max_pool", tf.nn.max_pool2d), ("average_pool", tf.nn.avg_pool2d)):
        right = pool(image[None, :, :, None], ksize=size, strides=stride, padding="VALID")
        close(oracle(name, *drawn), right[0, :, :, 0].numpy())


@settings(max_examples=25)
@given(
    sides=st.tuples(st.integers(3, 40), st.integers(3, 40)), f=st.integers(1, 3), p=st.integers(0, 3),
    s=st.integers(1, 5), filters=st.integers(1, 4),
)  # fmt: skip
def test_the_size_rule_is_what_keras_infers(
    tf: Any, sides: tuple[int, int], f: int, p: int, s: int, filters: int
) -> None:
    layers = tf.keras.layers
    padded = layers.ZeroPadding2D(p).compute_output_shape((None, *sides, 2))
    right = layers.Conv2D(filters, f, strides=s).compute_output_shape(padded)
    assert oracle("output_shape", *sides, f, p, s, filters) == right[1:]


@given(st.integers(1, 400), st.integers(1, 30), st.integers(0, 9), st.integers(1, 9))
def test_the_size_rule_counts_the_places_of_a_window(m: int, f: int, p: int, s: int) -> None:
    if f <= m + 2 * p:
        places = len(range(-p, m + p - f + 1, s))
        assert oracle("output_shape", m, m, f, p, s, 7) == (places, places, 7)


@given(arrays(np.uint8, (3, 4), elements=st.integers(0, 255)), arrays(np.int8, (2, 2), elements=st.integers(-128, 127)))
def test_bytes_are_added_up_as_numbers_and_not_as_bytes(image: Array, kernel: Array) -> None:
    right = by_loops(image[:, :, None].astype(object), kernel[:, :, None, None].astype(object), 0, 1)
    close(oracle("convolve2d", image, kernel, 0, 1), right[:, :, 0])
    close(oracle("average_pool", image, 2, 1), pooled_by_loops(image, 2, 1, lambda window: sum(window) / 4))


def test_the_vertical_edges_digit_by_digit() -> None:
    assert oracle("convolve2d", SIX, EDGES, 0, 1).tolist() == SIX_BY_EDGES.tolist()
    assert by_loops(SIX[:, :, None], EDGES[:, :, None, None], 0, 1)[:, :, 0].tolist() == SIX_BY_EDGES.tolist()
    assert SIX_BY_EDGES[0, 0] == 3 + 1 + 2 - 1 - 8 - 2


def test_the_slide_misprints_two_entries_and_the_arithmetic_gives_others() -> None:
    assert oracle("convolve2d", SEVEN, KERNEL, 0, 2).tolist() == SEVEN_BY_KERNEL.tolist()
    assert by_loops(SEVEN[:, :, None], KERNEL[:, :, None, None], 0, 2)[:, :, 0].tolist() == SEVEN_BY_KERNEL.tolist()
    assert np.argwhere(SLIDE != SEVEN_BY_KERNEL).tolist() == [[0, 2], [1, 2]]
    assert 3 * 6 + 4 * 2 + 4 * 9 + 1 * 7 + 0 * 4 + 2 * 3 + -1 * 8 + 0 * 9 + 3 * 7 == SEVEN_BY_KERNEL[0, 2] == 88
    assert 3 * 8 + 4 * 9 + 4 * 7 + 1 * 6 + 0 * 3 + 2 * 4 + -1 * 3 + 0 * 4 + 3 * 6 == SEVEN_BY_KERNEL[1, 2] == 117


def test_the_pooling_example_digit_by_digit() -> None:
    assert oracle("max_pool", FOUR, 2, 2).tolist() == [[7, 9], [8, 5]]
    assert oracle("average_pool", FOUR, 2, 2).tolist() == [[4.0, 4.5], [3.5, 3.25]]


def test_the_worked_examples_are_among_the_cases() -> None:
    def tried(name: str, *arguments: Any) -> bool:
        groups = FUNCTIONS[name].groups
        return any(same(example, arguments) for group in groups for example in group.examples)

    def same(first: Arguments, second: Arguments) -> bool:
        return len(first) == len(second) and all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))

    assert tried("convolve2d", SIX, EDGES, 0, 1)
    assert tried("convolve2d", SEVEN, KERNEL, 0, 2)
    assert tried("max_pool", FOUR, 2, 2)
    assert tried("average_pool", FOUR, 2, 2)
    assert tried("output_shape", 6, 6, 3, 0, 1, 1)


def tables(title: str) -> list[Array]:
    """The tables side by side below `title` in README.md, from left to right, told apart by the columns they stand in."""
    block = README.split(f"**{title}")[1].split("\n\n", 1)[1].split("\n\n", 1)[0].splitlines()
    found = [(match.start(), row, match[0]) for row, line in enumerate(block)
             for match in re.finditer(r"-?\d+(?:\.\d+)?", line)]  # fmt: skip
    made: list[Array] = []
    for place in _split([start for start, _, _ in found]):
        rows = sorted({row for start, row, _ in found if start in place})
        made.append(
            np.array([[float(word) for start, r, word in found if r == row and start in place] for row in rows])
        )
    return made


def _split(starts: list[int]) -> list[range]:
    """The ranges of columns that are used, where at least six columns lie between two of them."""
    ranges: list[range] = []
    for start in sorted(set(starts)):
        near = bool(ranges) and start - ranges[-1].stop < 6
        ranges[-1:] = [range(ranges[-1].start, start + 1)] if near else [*ranges[-1:], range(start, start + 1)]
    return ranges


@pytest.mark.parametrize(
    ("title", "numbers"),
    [
        ("Vertical edges.", [SIX, EDGES, SIX_BY_EDGES]),
        ("Stride 2.", [SEVEN, KERNEL, SEVEN_BY_KERNEL]),
        ("Pooling.", [FOUR, np.array([[7, 9], [8, 5]]), np.array([[4.0, 4.5], [3.5, 3.25]])]),
    ],
)
def test_the_text_shows_the_same_numbers(title: str, numbers: list[Array]) -> None:
    assert [table.tolist() for table in tables(title)] == [table.tolist() for table in numbers]


def test_the_text_names_the_misprints() -> None:
    misprinted = {int(number) for number in SLIDE[SLIDE != SEVEN_BY_KERNEL]}
    assert misprinted == {83, 127}
    assert "83 and 127, are misprints" in README


def test_the_text_s_points_are_the_rubric_s() -> None:
    rows = re.findall(r"^\| (.+?) \| \**(\d+)\** \|$", README, re.MULTILINE)
    told = [int(points) for _, points in rows]
    assert told[:-1] == [check["points"] for check in RUBRIC["check"]]
    assert told[-1] == sum(told[:-1]) == 100
    named = [what.strip("`") for what, _ in rows[2:-1]]
    assert named == [check["function"] for check in RUBRIC["check"] if check["use"] == "computes"] == list(FUNCTIONS)
    assert f"{RUBRIC['pass_mark']} points are needed to pass" in README


def test_the_text_s_signatures_are_those_of_the_oracles_the_starter_and_the_solution() -> None:
    told = re.findall(r"^\| `(\w+\(.+?\))` \|", README, re.MULTILINE)
    assert told == [function.signature for function in FUNCTIONS.values()]
    for path in (FOLDER / "starter.py", Course.at().root / "reference/operators/solution.py"):
        written = {
            node.name: f"{node.name}({', '.join(item.arg for item in node.args.args)})"
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.FunctionDef)
        }
        assert [written[name] for name in FUNCTIONS] == told


def test_the_text_s_limits_and_modules_are_the_rubric_s() -> None:
    assert (RUBRIC["run"]["call"], "Each call has ten seconds" in README) == ("10s", True)
    allowed = next(check["modules"] for check in RUBRIC["check"] if check["use"] == "allowed_imports")
    assert allowed == ["numpy", "math", "itertools"]
    assert "nothing but NumPy (and Python's `math`, `itertools` and `typing`)" in README


def test_every_kind_of_cases_that_is_drawn_says_something_about_what_it_is_called() -> None:
    """A group of paddings pads, one of strides strides, and a kernel always fits."""

    def never(name: str, title: str, holds: Any) -> None:
        (group,) = [item for item in FUNCTIONS[name].groups if item.title == title]
        assert group.draws is not None
        quiet = settings(max_examples=150, database=None, deadline=None)
        with pytest.raises(NoSuchExample):
            find(group.draws, lambda drawn: not holds(*drawn), settings=quiet)

    never("convolve2d", "padding", lambda image, kernel, padding, stride: padding >= 1 and stride == 1)
    never("convolve2d", "strides", lambda image, kernel, padding, stride: padding == 0 and stride >= 2)
    never("convolve2d", "no padding, stride 1", lambda image, kernel, padding, stride: (padding, stride) == (0, 1))
    never("convolve2d", "images and kernels that are not square", lambda image, *_: image.shape[0] != image.shape[1])
    never("convolve_volume", "several filters", lambda volume, kernels, *_: kernels.shape[2:] == (2, 3))
    never("convolve_volume", "channels are added up", lambda volume, *_: volume.shape[2] == 3)
    never("max_pool", "negative numbers", lambda image, *_: bool((image < 0).all()))
    never("max_pool", "overlapping windows", lambda image, size, stride: stride < size)
    never("output_shape", "padding and strides", lambda m, n, f, p, s, filters: f <= min(m, n) + 2 * p)
