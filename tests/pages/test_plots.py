"""Plots: well-formed, in words, inside their frame, harmless whatever they are given."""

import dataclasses
import itertools
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.pages.plots import (
    GLYPH,
    AccuracyStrip,
    Chart,
    NumberLine,
    SeedSpread,
    Segment,
    Series,
    accuracy_strip,
    apart,
    curves,
    histogram,
    lanes,
    nice,
    number_line,
    points_strip,
    share_bar,
    ticks,
)

BAND = SeedSpread(label="reference: 98.61 % ± 0.05 (5 seeds)", lowest=0.9855, mean=0.98614, highest=0.9868)
LINE = NumberLine(
    value=0.9842,
    label="98.42 %",
    low=0.9816,
    high=0.9866,
    threshold=0.97,
    reference=BAND,
    others=(("exercise1", 0.9811),),
)
CHART = Chart(
    "Accuracy", (Series("training", (0.9, 0.95, 0.97)), Series("validation", (0.92, None, 0.96))), percent=True
)
PLOTS = {
    "number line": number_line(LINE),
    "narrow number line": number_line(LINE, width=340),
    "curves": curves(CHART),
    "histogram": histogram((0, 0, 1, 0, 0, 4, 0, 9, 0, 2), pass_share=0.6),
    "strip": points_strip(
        (Segment("a", 0.5, "good", True), Segment("b", 0.5, "bad", False)), pass_share=0.6, words="w"
    ),
    "accuracies": accuracy_strip(
        AccuracyStrip(accuracies=(("Ada", 0.9842), ("Bo", 0.96)), threshold=0.97, reference=BAND)
    ),
    "share": share_bar(0.4, "two fifths"),
}
fractions = st.floats(0, 1)
numbers = st.floats(allow_nan=True, allow_infinity=True) | st.none()


def _text_of(svg: str) -> str:
    return " ".join(ET.fromstring(svg).itertext())


def _places(svg: str, names: tuple[str, ...]) -> list[float]:
    return [float(item.get(name, "0")) for item in ET.fromstring(svg).iter() for name in names if item.get(name)]


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS.keys())
def test_every_plot_is_well_formed_and_says_in_words_what_it_shows(plot: str) -> None:
    svg = ET.fromstring(plot)
    assert svg.get("role") == "img"
    words = svg.get("aria-label")
    assert words and svg.findtext("title") == words


@pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS.keys())
def test_no_plot_brings_styles_colours_or_addresses_of_its_own(plot: str) -> None:
    assert not re.search(r"style=|fill=|stroke=|href|url\(|#[0-9a-f]{3}", plot)


def test_the_number_line_tells_value_interval_threshold_and_others() -> None:
    words = ET.fromstring(number_line(LINE)).get("aria-label") or ""
    for part in ("98.42", "98.16", "98.66", "needed 97", "exercise1 98.11", str(BAND.label), "98.55", "highest 98.68"):
        assert part in words
    assert "needed 97\u00a0%" in _text_of(number_line(LINE))


def _marked(svg: str, kind: str) -> list[ET.Element]:
    return [item for item in ET.fromstring(svg).iter() if item.get("class") == kind]


@pytest.mark.parametrize("width", [340, 720])
def test_the_reference_is_a_box_from_its_lowest_to_its_highest_run_with_a_tick_at_the_mean(width: int) -> None:
    svg = number_line(LINE, width=width)
    (box,), (tick,), (interval,) = (_marked(svg, kind) for kind in ("band", "mean", "interval"))
    left, middle = float(box.get("x", "")), float(tick.get("x1", ""))
    share = (middle - left) / float(box.get("width", ""))
    assert share == pytest.approx((0.98614 - 0.9855) / (0.9868 - 0.9855), abs=1e-3)
    below = float(interval.get("y", "")) + float(interval.get("height", ""))
    assert float(box.get("y", "")) >= below, "the box would hide the interval"
    assert str(BAND.label) in _text_of(svg)


def test_a_reference_of_one_run_is_a_tick_and_no_box() -> None:
    one = dataclasses.replace(LINE, reference=SeedSpread(label="one", lowest=0.986, mean=0.986, highest=0.986))
    assert not _marked(number_line(one), "band") and len(_marked(number_line(one), "mean")) == 1
    none = number_line(dataclasses.replace(LINE, reference=None))
    assert not _marked(none, "band") and not _marked(none, "mean")


bands = st.none() | st.builds(
    SeedSpread, label=st.text(max_size=40), lowest=st.floats(-1, 2), mean=st.floats(-1, 2), highest=st.floats(-1, 2)
)


@given(
    fractions,
    fractions,
    fractions,
    fractions | st.none(),
    bands,
    st.lists(st.tuples(st.text(), fractions), max_size=5),
)
def test_the_number_line_stays_inside_its_frame(
    value: float,
    low: float,
    high: float,
    threshold: float | None,
    band: SeedSpread | None,
    others: list[tuple[str, float]],
) -> None:
    line = NumberLine(
        value=value, label="x", low=low, high=high, threshold=threshold, reference=band, others=tuple(others)
    )
    for width in (340, 720):
        svg = number_line(line, width=width)
        assert all(0 <= place <= width for place in _places(svg, ("x", "x1", "x2", "cx")))


@given(st.lists(st.lists(numbers, max_size=8), max_size=2), st.booleans())
def test_curves_bear_any_history(histories: list[list[float | None]], percent: bool) -> None:
    series = tuple(Series(f"s{i}", tuple(values)) for i, values in enumerate(histories))
    svg = curves(Chart("Loss", series, percent))
    assert all(-50 <= place <= 400 for place in _places(svg, ("x", "y", "cx", "cy", "x1", "y1")))
    assert "nan" not in svg and "inf" not in svg


def test_a_gap_in_a_history_is_a_gap_in_the_curve() -> None:
    broken = curves(Chart("Loss", (Series("training", (1.0, None, 0.5, float("nan"), 0.2)),)))
    path = next(item for item in ET.fromstring(broken).iter("path"))
    assert (path.get("d") or "").count("M") == 3


def test_a_long_training_is_thinned_and_keeps_its_last_epoch() -> None:
    svg = curves(Chart("Loss", (Series("training", tuple(1 / (n + 1) for n in range(10_000))),)))
    assert len(svg) < 10_000
    assert "epoch 10000" in svg


def test_a_single_epoch_is_a_dot_and_no_epoch_is_said_in_words() -> None:
    assert "<circle" in curves(Chart("Loss", (Series("training", (0.5,)),)))
    assert "no values were recorded" in curves(Chart("Loss", (Series("training", (None,)),)))


def test_two_curves_differ_by_more_than_colour() -> None:
    svg = curves(CHART)
    assert "<circle" in svg and 'class="dot series-2"' in svg and "<rect" in svg
    assert "training" in _text_of(svg) and "validation" in _text_of(svg)


@given(st.lists(st.integers(0, 500), min_size=10, max_size=10), st.none() | st.floats(-1, 2))
def test_a_histogram_counts_everybody(bins: list[int], pass_share: float | None) -> None:
    svg = ET.fromstring(histogram(bins, pass_share=pass_share))
    counted = [int(item.text or "0") for item in svg.iter("text") if "count" in (item.get("class") or "")]
    assert counted == [n for n in bins if n]


def _students(svg: str) -> list[str]:
    return [item.get("class") or "" for item in ET.fromstring(svg).iter() if "student" in (item.get("class") or "")]


def test_every_student_is_a_dot_and_a_square_below_what_is_needed() -> None:
    svg = accuracy_strip(AccuracyStrip(accuracies=(("Ada", 0.98), ("Bo", 0.98), ("Cy", 0.96)), threshold=0.97))
    assert sorted(_students(svg)) == ["student", "student", "student below"]
    assert svg.count("<circle") == 2 and "Cy: 96\u00a0%" in svg
    words = ET.fromstring(svg).get("aria-label") or ""
    assert words == "The accuracies of 3 students, 96\u00a0% to 98\u00a0%; needed 97\u00a0%; reached by 2 students"


def test_a_large_class_is_drawn_as_bars_that_count_everybody() -> None:
    shown = AccuracyStrip(accuracies=tuple((f"s{n}", 0.9 + n % 100 / 1_000) for n in range(10_000)), threshold=0.95)
    svg = accuracy_strip(shown)
    assert len(svg) < 30_000 and "<circle" not in svg
    counted = [int(told.split()[0].replace(",", "")) for told in re.findall(r"<title>([\d,]+ students?)</title>", svg)]
    assert sum(counted) == 10_000


@given(st.lists(st.tuples(st.text(max_size=5), fractions), max_size=60), st.none() | fractions, bands)
def test_the_strip_of_accuracies_stays_inside_its_frame(
    accuracies: list[tuple[str, float]], threshold: float | None, band: SeedSpread | None
) -> None:
    for width in (340, 720):
        shown = AccuracyStrip(accuracies=tuple(accuracies), threshold=threshold, reference=band)
        svg = accuracy_strip(shown, width=width)
        assert all(-1 <= place <= width for place in _places(svg, ("x", "x1", "x2", "cx")))
        assert all(place >= 0 for place in _places(svg, ("y", "y1", "y2", "cy")))


def _letters(svg: str) -> list[tuple[float, float, float, str]]:
    """Every label as left, right, height of its line, and text."""
    found = []
    for item in ET.fromstring(svg).iter("text"):
        text, x, y = item.text or "", float(item.get("x", "0")), float(item.get("y", "0"))
        size = len(text) * GLYPH
        left = x - {"start": 0.0, "middle": size / 2, "end": size}[item.get("text-anchor", "start")]
        found.append((left, left + size, y, text))
    return found


def _assert_no_label_on_another(svg: str) -> None:
    for one, other in itertools.combinations(_letters(svg), 2):
        beside = one[1] <= other[0] + 0.5 or other[1] <= one[0] + 0.5
        assert beside or abs(one[2] - other[2]) >= 12, (one, other)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.none() | fractions, bands, st.sampled_from([340, 720]))
def test_no_label_of_the_accuracies_lies_on_another(
    values: list[float], threshold: float | None, band: SeedSpread | None, width: int
) -> None:
    named = tuple((f"s{n}", value) for n, value in enumerate(values))
    known = None if band is None else dataclasses.replace(band, label="reference: 98.61 % ± 0.05 (5 seeds)")
    _assert_no_label_on_another(
        accuracy_strip(AccuracyStrip(accuracies=named, threshold=threshold, reference=known), width=width)
    )


@pytest.mark.parametrize("step", [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("width", [340, 720])
def test_no_label_of_an_axis_lies_on_another_at_any_zoom(step: float, width: int) -> None:
    for start in (0.0, 0.35, 0.9, 0.97, 0.995):
        end = min(start + step, 1.0)
        named = (("a", start), ("b", end))
        _assert_no_label_on_another(accuracy_strip(AccuracyStrip(accuracies=named), width=width))
        line = NumberLine(
            value=(start + end) / 2, label="98.42 %", low=start, high=end, threshold=start, reference=BAND
        )
        _assert_no_label_on_another(number_line(line, width=width))


@given(st.lists(st.integers(0, 20_000), min_size=10, max_size=10), st.none() | fractions)
def test_no_label_of_a_histogram_lies_on_another(bins: list[int], pass_share: float | None) -> None:
    _assert_no_label_on_another(histogram(bins, pass_share=pass_share))


def test_a_dot_leads_to_the_report_of_its_student() -> None:
    shown = AccuracyStrip(accuracies=(("Ada", 0.98), ("Bo", 0.96)), links=("ada.html", None), threshold=0.97)
    svg = ET.fromstring(accuracy_strip(shown))
    (link,) = svg.iter("a")
    assert (link.get("href"), link.get("aria-label")) == ("ada.html", "Ada: 98\u00a0%")
    assert svg.get("role") == "group", "a picture as one whole would hide its links"
    many = AccuracyStrip(accuracies=(("Ada", 0.98),) * 100, links=("ada.html",) * 100)
    assert ET.fromstring(accuracy_strip(many)).get("role") == "img"


@given(st.text())
def test_no_name_becomes_markup(name: str) -> None:
    label = f'{name}"><script>alert(1)</script><g onload="x">'
    drawn = (
        number_line(NumberLine(value=0.5, label=label, low=0.4, high=0.6, others=((label, 0.5),))),
        curves(Chart(label, (Series(label, (1.0, 2.0)),))),
        points_strip((Segment(label, 1.0, "good", True),), pass_share=None, words=label),
    )
    for svg in drawn:
        assert "<script" not in svg
        tags = {item.tag for item in ET.fromstring(svg).iter()}
        assert tags <= {"svg", "title", "line", "rect", "circle", "path", "text"}


@given(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12))
def test_axes_have_round_ends_that_hold_everything(first: float, second: float) -> None:
    low, high = min(first, second), max(first, second)
    start, end, step = nice(low, high)
    slack = step * 1e-6
    assert start - slack <= low and high <= end + slack and start < end
    assert 2 <= len(ticks(start, end, step)) <= 12


@given(st.lists(st.tuples(st.floats(0, 700), st.text(max_size=30)), max_size=6))
def test_labels_in_one_lane_never_overlap(labels: list[tuple[float, str]]) -> None:
    assert len(lanes(labels, 720)) == len(labels)
    same = lanes([(100.0, "same place"), (100.0, "same place")], 720)
    assert same == [0, 1]


@given(st.lists(st.floats(0, 200), max_size=4))
def test_labels_at_the_ends_of_curves_are_pushed_apart(heights: list[float]) -> None:
    placed = sorted(apart(heights))
    assert all(below - above >= 15.99 for above, below in itertools.pairwise(placed))


def test_the_name_of_a_curve_has_room_beside_it_in_any_language() -> None:
    drawn = curves(Chart("Perdita", (Series("validazione", (0.5, 0.4)),)))
    found = re.search(r'class="name series-1" x="([\d.]+)"', drawn)
    assert found is not None and float(found[1]) + 11 * 7.0 <= 360
