"""What a self-check says: in lines, and as a card."""

import pytest

from grader.core.evidence import Smoke
from grader.core.results import CheckResult, Outcome
from grader.selfcheck.estimate import Checked, Estimate, LayerShape, Training, Unchecked, left_open, stand
from grader.selfcheck.text import Card, describe, headline
from tests.pages.builders import a_check, a_result, an_accuracy

SHAPE = LayerShape(name="dense", kind="Dense", inputs=((784,),), output=(10,), parameters=7850)
OPEN = a_check(Outcome.SKIPPED, name="accuracy", title="Accurate", points=0, out_of=45, reason="not checked: smoke")


def smoked(*checks: CheckResult, estimate: Estimate | None = None) -> Checked:
    result = a_result(checks=checks, smoke=Smoke(), accuracy=None, assignment="exercise1")
    return Checked(
        mode="smoke", result=result, standing=stand(result, ("accuracy",)), open=left_open(result, ("accuracy",)),
        layers=(SHAPE,), estimate=estimate,
    )  # fmt: skip


def an_estimate(**changes: object) -> Estimate:
    training = Training(cell=4, model="model", epochs=10, steps=469, step_s=0.0025, seconds=13.0)
    plain = Estimate(
        seconds=75.0, allowed_s=1200, cell_allowed_s=900, memory_mb=904.0, memory_allowed_mb=4096.0, trainings=(training,)
    )  # fmt: skip
    return plain.model_copy(update=changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": None, "step_s": 0.0, "seconds": 0.0, "failed": True}, "10 epochs: failed"),
        ({"steps": None, "step_s": 0.0, "seconds": None}, "10 epochs of unknown length"),
        ({"steps": None, "step_s": 0.0025, "seconds": None}, "10 epochs of unknown length, 2.5 ms a step"),
        ({"step_s": 0.0}, "10 epochs: 13 s"),
    ],
)
def test_a_pace_that_was_not_measured_is_not_written_as_nothing(changes: dict[str, object], words: str) -> None:
    training = an_estimate().trainings[0].model_copy(update=changes)
    said = describe(smoked(a_check()).model_copy(update={"estimate": an_estimate(trainings=(training,))}))
    assert f"    cell 4: `model.fit`, {words}" in said


def test_a_smoke_run_says_so_and_promises_no_points_that_it_can_not_know() -> None:
    said = "\n".join(describe(smoked(a_check(name="input_shape"), OPEN)))
    assert "Smoke run: your code ran on the real data, but each `fit` saw 640 images and 1 epoch" in said
    assert "–/45  Accurate" in said
    assert "Points: 10 of 55 are certain" in said
    assert "45 were not checked." in said
    assert "A self-check, not a mark." in said
    assert "(784,) -> (10,)" in said


def test_what_would_be_lost_comes_first() -> None:
    assert headline(smoked(a_check(Outcome.FAILED), OPEN)) == "✗ 10 points of 55 would be lost as it is."
    assert headline(smoked(a_check(), OPEN)).startswith("✓ Everything that a smoke run can check")
    assert "not your fault" in headline(smoked(a_check(Outcome.BROKEN), OPEN))


def test_the_estimate_is_called_one_and_names_limits_that_are_passed() -> None:
    said = "\n".join(describe(smoked(a_check(), estimate=an_estimate())))
    assert "an estimate for this machine\n  about 1 min 15 s; 20 min are allowed" in said
    assert "cell 4: `model.fit`, 10 epochs x 469 steps x 2.5 ms" in said
    assert "!" not in said
    late = "\n".join(describe(smoked(a_check(), estimate=an_estimate(seconds=3000.0, memory_mb=4000.0, at_least=True))))
    assert "at least 50 min" in late
    assert "! That is too long" in late
    assert "! That is close to the limit of memory" in late
    cells = "\n".join(describe(smoked(a_check(), estimate=an_estimate(cells=(4,)))))
    assert "! Cell 4 may come too close to the 15 min" in cells


def test_words_of_a_notebook_reach_no_terminal_unseen() -> None:
    said = describe(smoked(a_check(Outcome.FAILED, reason="\x1b[31mred\n::error::no"), OPEN))
    assert not any("\x1b" in line or line.startswith("::") for line in said)


def live(**changes: object) -> Checked:
    result = a_result(checks=(a_check(title="<b>Shape</b>"), a_check(Outcome.FAILED, name="f")), accuracy=an_accuracy())
    left = Unchecked(name="executes", title="It runs", out_of=10, reason="not checked: only a run shows it")
    plain = Checked(mode="live", result=result, standing=stand(result, (), (left,)), unchecked=(left,), took_s=4.2)
    return plain.model_copy(update=changes)


def test_a_card_shows_every_finding_and_says_that_it_is_no_mark() -> None:
    page = Card(live())._repr_html_()
    assert "<b>Shape</b>" not in page
    assert "&lt;b&gt;Shape&lt;/b&gt;" in page
    assert "98.42 %" in page
    assert "10 points of 30 would be lost" in page
    assert "Not checked here: It runs" in page
    assert "A self-check, not a mark." in page


def test_where_no_page_can_be_shown_the_card_is_text() -> None:
    said = repr(Card(live()))
    assert "–/10  It runs" in said
    assert "A self-check, not a mark." in said
    assert "Took 4.2 s." in said


def test_a_smoke_run_that_was_not_seen_to_its_end_says_where_it_ended_and_loses_nothing() -> None:
    unseen = a_check(Outcome.SKIPPED, name="executes", points=0, out_of=10, reason="not checked: the smoke run ended")
    cut = smoked(a_check(name="input_shape"), unseen)
    ended = cut.result.ending.model_copy(update={"cut": 7})
    cut = cut.model_copy(update={"result": cut.result.model_copy(update={"ending": ended})})
    said = "\n".join(describe(cut))
    assert "Nothing is wrong up to cell 7, where the smoke run ended." in said
    assert "It ended in cell 7, after 28 seconds" in said
    assert (cut.open, cut.standing.lost) == (("executes",), 0)
