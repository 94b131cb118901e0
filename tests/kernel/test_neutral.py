"""Our code inside the kernel runs under no setting of the notebook's, and leaves each as it was."""

import sys
import threading
import warnings

import numpy as np
import pytest

from grader.kernel.guest.wrapping import neutral


def test_filters_error_states_and_hooks_are_put_aside_and_come_back() -> None:
    def tracer(*_: object) -> None:
        """Traces nothing."""

    before = sys.gettrace()
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        sys.settrace(tracer)
        try:
            with neutral():
                warnings.warn("nobody hears that", stacklevel=1)
                assert np.isinf(np.float32(1) / np.float32(0))
                assert sys.gettrace() is None
            assert sys.gettrace() is tracer
        finally:
            sys.settrace(before)
        with pytest.raises(UserWarning):
            warnings.warn("the notebook's own", stacklevel=1)
        with pytest.raises(FloatingPointError):
            np.float32(1) / np.float32(0)


def test_what_is_printed_goes_nowhere_even_where_the_output_was_closed(capsys: pytest.CaptureFixture[str]) -> None:
    neutral()(print)("ours")
    assert capsys.readouterr().out == ""


def test_a_thread_changes_nothing_of_the_whole_process() -> None:
    seen: list[bool] = []

    def look() -> None:
        filters = warnings.filters
        with neutral():
            seen.append(warnings.filters is filters)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [True]


def test_what_goes_wrong_leaves_the_settings_as_they_were() -> None:
    filters = list(warnings.filters)
    with pytest.raises(ZeroDivisionError), neutral():
        1 / 0  # noqa: B018
    assert list(warnings.filters) == filters
