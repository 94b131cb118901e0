"""What no sandbox stops is looked for where it would do harm: in the mark, the pages, the log, the gradebook."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from grader.attacks.corpus import Attack, Finding, decide
from grader.attacks.try_attacks import SHAPE_POINTS, Classroom, Graded, open_classroom
from grader.core.results import Accuracy, Result
from grader.exports import what_may_leave
from grader.marking import publish
from grader.pages import terminal
from tests.attacks.pages_and_marks import (
    CLAIMS,
    CONTROL,
    LIE,
    MARKUP,
    NAMES,
    REPORTS,
    SHARE,
    as_marked,
    found_in,
    student_name,
    try_claims,
    try_reports,
)
from tests.pages.builders import a_result


@pytest.fixture(scope="module")
def room() -> Iterator[Classroom]:
    with open_classroom("bubblewrap") as room:
        yield room


@pytest.fixture(scope="module")
def found(room: Classroom) -> Mapping[str, Finding]:
    trials = (*try_reports(REPORTS, room), *try_claims(CLAIMS, room))
    return {trial.attack.name: decide(trial) for trial in trials}


@pytest.mark.parametrize("attack", [*REPORTS, *CLAIMS], ids=lambda attack: attack.name)
def test_no_mark_moves_and_nothing_acts_where_it_is_shown(found: Mapping[str, Finding], attack: Attack) -> None:
    finding = found[attack.name]
    assert finding.held and finding.ran, finding.detail
    assert not finding.control.startswith("failed")
    assert finding.control == "open" or attack.control != "open", "the attack is real"


def test_reports_that_trust_what_a_submission_says_are_found_out(
    monkeypatch: pytest.MonkeyPatch, room: Classroom
) -> None:
    monkeypatch.setattr(what_may_leave, "guard_formula", lambda words: words)
    monkeypatch.setattr(terminal, "defused", lambda line: line)
    monkeypatch.setattr(publish, "safe_name", lambda student: student)
    trials = {trial.attack.name: decide(trial) for trial in try_reports(REPORTS, room)}
    assert not any(trials[name].held for name in ("formula", "workflow-command", "path-name"))


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


def test_each_report_is_handed_in_under_a_name_that_acts() -> None:
    class Decoys:
        name = "decoy123"

    names = {attack.name: student_name(attack, Decoys()) for attack in REPORTS}  # type: ignore[arg-type]
    assert names.keys() == NAMES.keys()
    assert names["path-name"] == "../../decoy123"
    assert len(set(names.values())) == len(names)
