"""What no sandbox stops is looked for where it would do harm: in the mark, the pages, the log, the gradebook."""

from pathlib import Path

import pytest

from grader.core.results import Accuracy, Result
from grader.doctor.attacks import CONTROL, LIE, MARKUP, SHAPE_POINTS, SHARE, Graded, as_marked, found_in, student_name
from grader.doctor.corpus import load_corpus
from tests.pages.builders import a_result


def marked(points: float, share: float | None) -> Graded:
    accuracy = share is not None and Accuracy(value=share, correct=int(20 * share), judged=20, interval=(0.0, 1.0))
    result: Result = a_result().model_copy(update={"points": points, "accuracy": accuracy or None})
    return Graded(result=result, evidence=None, out=Path(), grown=0)


def test_the_mark_that_the_network_deserves_is_held() -> None:
    seen = as_marked(marked(SHAPE_POINTS, SHARE), f"Test accuracy: {LIE}")
    assert (seen.word, seen.host, seen.fault) == ("HELD", (), "")


@pytest.mark.parametrize(("points", "share"), [(100, 0.999), (100, SHARE), (SHAPE_POINTS, 0.999), (0, SHARE)])
def test_a_mark_that_moved_is_found_out(points: float, share: float) -> None:
    seen = as_marked(marked(points, share), f"Test accuracy: {LIE}")
    assert "the mark moved" in seen.host[0]


def test_a_network_that_was_not_judged_and_a_lie_that_was_not_told_prove_nothing() -> None:
    assert "not judged" in as_marked(marked(0, None), f"Test accuracy: {LIE}").fault
    assert "not told" in as_marked(marked(SHAPE_POINTS, SHARE), "NameError: keras").fault


def test_what_acts_is_found() -> None:
    assert found_in("<b><script>document.title=1</script>", *MARKUP) == ["<script>document"]
    assert found_in("a\x1b[2Jb\u202e", *CONTROL) == ["\x1b", "\u202e"]
    assert found_in("&lt;script&gt;", *MARKUP, *CONTROL) == []


def test_a_students_name_may_hold_what_no_header_can_spell() -> None:
    class Bait:
        name = "bait123"

    names = {attack.name: student_name(attack, Bait()) for attack in load_corpus() if attack.how == "report"}  # type: ignore[arg-type]
    assert names["path-name"] == "../../bait123"
    assert "\x1b[2J" in names["terminal-codes"]
    assert names["formula"].startswith("=HYPERLINK")
    assert len(set(names.values())) == len(names)
