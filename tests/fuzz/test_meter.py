"""The meter finds what it is there for: a leak, and a case that takes too much."""

from collections.abc import Callable

import numpy as np

from tests.fuzz.meter import MOST_GROWTH, MOST_PEAK, THOUSAND, Meter


def measured(body: Callable[[int], None], cases: int = 2 * THOUSAND) -> Meter:
    meter = Meter("anything", body)
    kept = meter.around()
    for number in range(cases):
        kept(number)
    meter.replay()
    return meter


def test_what_is_given_back_is_no_growth() -> None:
    meter = measured(lambda number: np.zeros(1000 + number).fill(1))
    assert meter.cases == 2 * THOUSAND
    assert meter.growth < MOST_GROWTH


def test_a_hundred_bytes_a_case_are_growth_and_its_line_is_named() -> None:
    held: list[bytes] = []
    meter = measured(lambda number: held.append(bytes(100 + number % 3)))
    assert meter.growth > MOST_GROWTH
    assert "test_meter.py" in meter.grown_at


def test_a_cache_that_is_full_after_the_first_thousand_is_no_growth() -> None:
    cache: dict[int, bytes] = {}
    meter = measured(lambda number: cache.update({number % 50: bytes(1000)}))
    assert meter.growth < MOST_GROWTH


def test_arrays_count_and_the_largest_case_is_the_peak() -> None:
    meter = measured(lambda number: np.zeros(MOST_PEAK if number == 7 else 10, np.uint8).fill(1), cases=20)
    assert MOST_PEAK <= meter.peak < MOST_PEAK + (1 << 20)


def test_the_line_has_a_place_for_every_column() -> None:
    meter = measured(lambda number: None)
    assert len(meter.line()) == len(Meter.heading())
