"""The diagram of a network: every wire leads from the layer that is read to the one that reads."""

import re
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from grader.core.evidence import Layer
from grader.pages.network import MOST_LANES, draw_volume, draw_wires, largest_picture, wire
from tests.pages.layers import an_architecture


def a_graph(*reads: tuple[int, ...]) -> list[Layer]:
    return [
        Layer(name=f"l{i}", kind="Conv2D", inputs=tuple(f"l{j}" for j in read), output_shape=(8, 8, 4))
        for i, read in enumerate(reads)
    ]


def test_a_chain_needs_one_lane() -> None:
    wiring = wire(a_graph((), (0,), (1,)))
    assert wiring.lanes == 1
    assert [(row.lane, row.reads, row.past, row.goes_on) for row in wiring.rows] == [
        (0, (), (), True),
        (0, (0,), (), True),
        (0, (0,), (), False),
    ]


def test_a_skip_runs_beside_the_layers_that_it_skips() -> None:
    wiring = wire(a_graph((), (0,), (1,), (0, 2), (3,)))
    assert wiring.lanes == 2
    assert [row.lane for row in wiring.rows] == [0, 1, 1, 0, 0]
    assert wiring.rows[1].past == wiring.rows[2].past == (0,)
    assert wiring.rows[3].reads == (0, 1) and wiring.rows[3].past == ()


def test_branches_that_meet_have_a_lane_each() -> None:
    wiring = wire(a_graph((), (0,), (0,), (0,), (1, 2, 3)))
    assert wiring.lanes == 3 + 1 - (wiring.rows[3].lane == 0)  # the last branch may take over the stem's lane
    assert len(set(wiring.rows[4].reads)) == 3


def test_layers_that_do_not_say_what_they_read_are_a_chain() -> None:
    silent = [layer.model_copy(update={"inputs": ()}) for layer in a_graph((), (0,), (1,))]
    assert wire(silent) == wire(a_graph((), (0,), (1,)))


graphs = st.integers(1, 14).flatmap(
    lambda n: st.tuples(*(st.sets(st.integers(0, max(i - 1, 0)), max_size=3 if i else 0) for i in range(n)))
)


@given(graphs)
def test_a_lane_is_never_taken_while_its_tensor_is_still_needed(reads: tuple[set[int], ...]) -> None:
    wiring = wire(a_graph(*(tuple(read) for read in reads)))
    holder: dict[int, int] = {}
    silent = not any(reads)
    for i, row in enumerate(wiring.rows):
        read = {i - 1} & set(range(i)) if silent else reads[i]
        assert {holder[lane] for lane in row.reads} == read
        assert row.lane not in row.past
        holder[row.lane] = i
        assert 0 <= row.lane < wiring.lanes


@given(graphs)
def test_every_row_is_well_formed_and_inside_its_frame(reads: tuple[set[int], ...]) -> None:
    wiring = wire(a_graph(*(tuple(read) for read in reads)))
    for i in range(len(wiring.rows)):
        drawn = draw_wires(wiring, i)
        assert bool(drawn) == (wiring.lanes <= MOST_LANES)
        if drawn:
            svg = ET.fromstring(drawn)
            across = [float(x) for x in re.findall(r"M(\d+)", svg[0].get("d") or "")]
            assert all(0 < x < float(svg.get("width") or 0) for x in across)


def test_blocks_shrink_with_the_picture_and_rows_are_no_blocks() -> None:
    layers = an_architecture().layers
    largest = largest_picture(layers)
    assert largest == 28
    sides = [
        float(match[1])
        for layer in layers
        if layer.output_shape and len(layer.output_shape) == 3
        if (match := re.search(r'<rect [^>]*width="([\d.]+)"', draw_volume(layer, largest)))
    ]
    assert sides == sorted(sides, reverse=True) and len(set(sides)) == len(sides)
    dense = draw_volume(layers[-1], largest)
    assert 'class="block row"' in dense and "<path" not in dense
    assert draw_volume(Layer(name="x", kind="Any"), 1) == ""
