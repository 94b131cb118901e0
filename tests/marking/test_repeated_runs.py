"""Which of several runs counts: a pure function of all that is stored and of today's policy."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.assignment import Retry
from grader.core.errors import UsageError
from grader.core.results import Result, Status
from grader.core.store import Stored, evidence_digest, save_evidence
from grader.course.course import Course
from grader.course.rubric import Rubric
from grader.marking.mark import another_is_due, mark, mark_attempts
from grader.marking.repeated_runs import (
    ChosenRuns,
    RunOutcome,
    attempt_folder,
    choose,
    count_asked_for,
    load_attempts,
    seed_of,
    wants_another,
)
from tests.fakes import RUBRIC, a_rubric, a_stored, write_course

COUNTS = ("best", "last", "mean", "first")


def outcome(correct: int | None, *, bar: int = 8, border: int = 5, predictions: str | None = None) -> RunOutcome:
    """A run of ten images with a bar at eight, where five to seven are borderline; 70 points for the bar."""
    reached = correct is not None and correct >= bar
    borderline = correct is not None and border <= correct < bar
    return RunOutcome(
        correct=correct, points=100 if reached else 30, reached=reached, borderline=borderline, predictions=predictions
    )


def outcomes(*corrects: int | None) -> list[RunOutcome]:
    return [outcome(correct) for correct in corrects]


@pytest.mark.parametrize(
    ("corrects", "times", "counts", "another"),
    [
        ((8,), 2, "best", False), ((4,), 2, "best", False), ((None,), 2, "best", False), ((7,), 2, "best", True),
        ((7,), 0, "best", False), ((7, 6), 1, "best", False), ((7, 6), 2, "best", True), ((7, 4), 2, "best", True),
        ((7, 8), 2, "best", False), ((7, 8), 2, "last", False), ((7, 8), 2, "mean", True), ((7, 8, 6), 2, "mean", False),
        ((7, None), 2, "best", True),
    ],
)  # fmt: skip
def test_only_a_borderline_run_that_fails_is_repeated_until_it_suffices(
    corrects: tuple[int | None, ...], times: int, counts: str, another: bool
) -> None:
    assert wants_another(outcomes(*corrects), Retry.model_validate({"times": times, "counts": counts})) is another


def test_a_seed_that_changes_nothing_is_not_changed_again() -> None:
    retry = Retry(times=3)
    same, other = (outcome(7, predictions=digest) for digest in ("a", "b"))
    assert wants_another([same], retry)
    assert not wants_another([same, same], retry)
    assert wants_another([same, other], retry)


@pytest.mark.parametrize(
    ("counts", "index", "counted", "correct"),
    [("best", 1, {1}, None), ("last", 2, {2}, None), ("first", 0, {0}, None), ("mean", 0, {0, 1, 2}, 7)],
)
def test_which_run_counts_is_the_rubrics_choice(
    counts: str, index: int, counted: set[int], correct: int | None
) -> None:
    found = choose(outcomes(7, 8, 5), Retry.model_validate({"times": 2, "counts": counts}))
    assert found == ChosenRuns(index=index, counted=frozenset(counted), correct=correct)


@pytest.mark.parametrize("counts", ["best", "last", "mean"])
def test_a_run_that_could_not_be_judged_counts_only_where_there_is_no_other(counts: str) -> None:
    retry = Retry.model_validate({"times": 2, "counts": counts})
    assert choose(outcomes(7, None), retry) == ChosenRuns(index=0, counted=frozenset({0}))
    assert choose(outcomes(None), retry).index == 0


def test_a_mean_that_lies_between_two_images_is_rounded_upwards() -> None:
    retry = Retry(times=1, counts="mean")
    assert choose(outcomes(7, 8), retry).correct == 8
    assert choose(outcomes(5, 6), retry).correct == 6


any_trials = st.lists(st.none() | st.integers(0, 10), min_size=1, max_size=5).map(lambda found: outcomes(*found))
any_retry = st.builds(Retry, times=st.integers(0, 4), counts=st.sampled_from(COUNTS))


@given(any_trials, any_retry)
def test_a_clear_result_stands_whatever_the_policy_and_whatever_is_stored(
    found: list[RunOutcome], retry: Retry
) -> None:
    made = count_asked_for(found, retry)
    assert 1 <= made <= min(len(found), retry.times + 1)
    if not found[0].borderline:
        assert choose(found[:made], retry).index == 0
        assert not wants_another(found[:1], retry)


@given(any_trials, st.integers(0, 4))
def test_the_best_of_several_runs_never_has_fewer_points_than_the_first(found: list[RunOutcome], times: int) -> None:
    retry = Retry(times=times, counts="best")
    made = found[: count_asked_for(found, retry)]
    assert made[choose(made, retry).index].points >= (found[0].points if found[0].correct is not None else 0)


@given(any_trials, any_retry, any_trials)
def test_runs_beyond_the_policy_change_nothing(found: list[RunOutcome], retry: Retry, more: list[RunOutcome]) -> None:
    made = found[: count_asked_for(found, retry)]
    if not wants_another(made, retry):
        longer = [*made, *more]
        assert longer[: count_asked_for(longer, retry)] == made


@given(any_trials, any_retry, st.data())
def test_a_run_with_more_images_never_makes_the_choice_worse(
    found: list[RunOutcome], retry: Retry, data: st.DataObject
) -> None:
    """With the same number of runs; a first run that passes is not repeated, and passes by its own."""
    made = found[: count_asked_for(found, retry)]
    number = data.draw(st.integers(0, len(made) - 1))
    if made[number].correct is None:
        return
    better = list(made)
    better[number] = outcome(data.draw(st.integers(made[number].correct or 0, 10)))
    assert _recognised(better, retry) >= _recognised(made, retry)


def _recognised(found: Sequence[RunOutcome], retry: Retry) -> int:
    choice = choose(found, retry)
    return choice.correct if choice.correct is not None else found[choice.index].correct or 0


# -- marks of stored runs

TWICE = RUBRIC.replace("\n[[check]]", '\n[retry]\ntimes = 1\ncounts = "best"\n\n[[check]]', 1)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course", TWICE)


@pytest.fixture
def rubric(course: Course) -> Rubric:
    return a_rubric(course)


def with_policy(rubric: Rubric, times: int, counts: str = "best") -> Rubric:
    retry = Retry.model_validate({"times": times, "counts": counts})
    return dataclasses.replace(rubric, assignment=rubric.assignment.model_copy(update={"retry": retry}))


def some_runs(rubric: Rubric, *corrects: int) -> list[Stored]:
    """Runs of one submission with as many images right as told."""
    return [a_stored(rubric, correct, seed=seed_of(1, number)) for number, correct in enumerate(corrects, 1)]


def told(result: Result) -> list[tuple[int, int | None, bool]]:
    return [(item.seed, item.correct, item.counted) for item in result.attempts]


def test_a_single_run_is_marked_as_ever_and_listed(rubric: Rubric) -> None:
    (run,) = some_runs(rubric, 9)
    found = mark_attempts([run], rubric, {})
    assert found.model_copy(update={"attempts": ()}) == mark(run, rubric, {})
    assert told(found) == [(1, 9, True)]
    assert not another_is_due([run], rubric, {})


def test_the_run_that_counts_gives_the_mark_and_the_flag_stays(rubric: Rubric) -> None:
    runs = some_runs(rubric, 7, 9)
    found = mark_attempts(runs, rubric, {})
    assert (found.points, found.passed, found.status, found.seed) == (100, True, Status.GRADED, 1001)
    assert found.evidence == evidence_digest(runs[1].evidence)
    assert told(found) == [(1, 7, False), (1001, 9, True)]
    assert [(flag.kind, flag.reason) for flag in found.flags] == [
        ("borderline", "The first run was borderline: 70.00% with seed 1, 90.00% with seed 1001. The best counts.")
    ]


def test_a_borderline_run_that_was_not_repeated_says_that_it_is_due(rubric: Rubric) -> None:
    runs = some_runs(rubric, 7)
    assert another_is_due(runs, rubric, {})
    (flag,) = mark_attempts(runs, rubric, {}).flags
    assert flag.kind == "borderline"
    assert "grade the submission again" in flag.reason


def test_a_run_that_does_not_rise_above_the_beginning_of_a_line_is_repeated(tmp_path: Path) -> None:
    lined = TWICE.replace("at_least = 0.8", "linear = { from = 0.7, to = 0.9 }")
    rubric = a_rubric(write_course(tmp_path / "lined", lined))
    runs = some_runs(rubric, 7, 8)
    assert another_is_due(runs[:1], rubric, {})
    found = mark_attempts(runs, rubric, {})
    assert told(found) == [(1, 7, False), (1001, 8, True)]
    accuracy = next(check for check in found.checks if check.name == "accuracy")
    assert accuracy.points == accuracy.out_of / 2
    alone = mark_attempts(runs[:1], with_policy(rubric, 0), {})
    assert "70.00% of 10 images is not above 70.00%, but chance" in alone.flags[0].reason


def test_a_mean_takes_the_place_of_one_runs_accuracy(rubric: Rubric) -> None:
    found = mark_attempts(some_runs(rubric, 7, 10, 8), with_policy(rubric, 2, "mean"), {})
    assert found.accuracy is not None
    assert (found.accuracy.correct, found.accuracy.verdict, found.points) == (8, "pass", 100)
    assert told(found) == [(1, 7, True), (1001, 10, True), (2001, 8, True)]
    assert found.seed == 2001, "the run nearest the mean shows its network"


def test_a_policy_that_allows_fewer_runs_forgets_the_later_ones_and_says_so(rubric: Rubric) -> None:
    runs = some_runs(rubric, 7, 9)
    never = with_policy(rubric, 0)
    found, alone = mark_attempts(runs, never, {}), mark_attempts(runs[:1], never, {})
    assert (found.points, found.evidence, found.flags) == (alone.points, alone.evidence, alone.flags)
    assert told(found) == [(1, 7, True), (1001, 9, False)]
    assert found.notes == ("1 more stored runs are not looked at: today's rubric does not ask for them.",)


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("correct", [4, 8, 10])
def test_a_clear_pass_or_fail_is_the_same_under_every_policy(rubric: Rubric, counts: str, correct: int) -> None:
    (run,) = some_runs(rubric, correct)
    alone = mark(run, rubric, {})
    for stored in ([run], [run, *some_runs(rubric, 5, 9)[1:]]):
        found = mark_attempts(stored, with_policy(rubric, 3, counts), {})
        assert (found.points, found.accuracy, found.flags) == (alone.points, alone.accuracy, alone.flags)


def save(folder: Path, *runs: Stored) -> Path:
    for number, run in enumerate(runs, 1):
        save_evidence(attempt_folder(folder, number), run, None)
    return folder


def test_stored_runs_come_back_in_order(rubric: Rubric, tmp_path: Path) -> None:
    runs = some_runs(rubric, 7, 6, 9)
    found = load_attempts(save(tmp_path / "ada", *runs))
    assert [run.evidence for run in found] == [run.evidence for run in runs]
    assert {path.name for path in (tmp_path / "ada").iterdir()} == {"evidence", "evidence-2", "evidence-3"}


@pytest.mark.parametrize("changes", [{"seed": 7}, {"data_digest": "other"}, {"assignment": "other"}])
def test_a_run_of_something_else_is_none_of_this_submission(
    rubric: Rubric, tmp_path: Path, changes: dict[str, object]
) -> None:
    first, second = some_runs(rubric, 7, 9)
    stranger = dataclasses.replace(second, evidence=second.evidence.model_copy(update=changes))
    assert len(load_attempts(save(tmp_path / "ada", first, stranger))) == 1


def test_a_run_of_an_older_hand_in_is_none_of_this_submission(rubric: Rubric, tmp_path: Path) -> None:
    first, second = some_runs(rubric, 7, 9)
    source = second.evidence.submission.model_copy(update={"sha256": "1" * 64})
    older = dataclasses.replace(second, evidence=second.evidence.model_copy(update={"submission": source}))
    assert len(load_attempts(save(tmp_path / "ada", first, older))) == 1


def test_a_damaged_later_run_is_refused_like_a_damaged_first_one(rubric: Rubric, tmp_path: Path) -> None:
    folder = save(tmp_path / "ada", *some_runs(rubric, 7, 9))
    (folder / "evidence-2" / "predictions.npy").write_bytes(b"better")
    with pytest.raises(UsageError, match=r"evidence-2.*Grade the submission again"):
        load_attempts(folder)
