"""The reference solution is measured through the grader itself, seed by seed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.authoring.baseline import measure_baseline, read_architecture, recall_of, write_baseline
from grader.core.errors import DataError, GraderError, UsageError
from grader.core.progress import Silent
from grader.core.results import Result
from grader.course.baselines import Baseline, baseline_table, read_baseline, summarise
from grader.course.course import Course
from grader.intake import read_path
from grader.marking.publish import OutputOptions
from tests.fakes import Act, Stage, a_baseline, a_context, data_of, run_cli, write_class, write_course, write_rubric


@pytest.fixture
def course(tmp_path: Path) -> Course:
    course = write_course(tmp_path / "course")
    folder = course.root / "reference" / "tiny"
    folder.mkdir(parents=True)
    (folder / "solution.ipynb").write_text('{"nbformat": 4, "cells": [{"cell_type": "code", "source": "fit()"}]}')
    return course


def measure(course: Course, tmp_path: Path, seeds: int) -> Baseline:
    with a_context(course) as bench:
        order = OutputOptions(out=tmp_path / "out", course=course)
        solution = read_path(course.reference("tiny"))
        return measure_baseline(bench, order, solution, title="reference solution", seeds=seeds, progress=Silent())


def test_each_seed_is_a_run_and_the_summary_is_over_all(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage({"seed-1": Act(correct=8), "seed-2": Act(correct=9)}).install(monkeypatch)
    found = measure(course, tmp_path, 3)
    assert stage.runs == ["seed-0", "seed-1", "seed-2"]
    assert [(run.seed, run.accuracy, run.points) for run in found.runs] == [(0, 1.0, 100), (1, 0.8, 100), (2, 0.9, 100)]
    assert [(run.epochs, run.training_s) for run in found.runs] == [(5, 0.0)] * 3
    assert (found.summary.seeds, found.summary.lowest, found.summary.highest) == (3, 0.8, 1.0)
    assert found.summary.mean == pytest.approx(0.9)
    assert found.summary.standard_deviation == pytest.approx(0.1)
    assert found.summary.interval == pytest.approx((0.9 - 0.24841, 0.9 + 0.24841), abs=1e-5), (
        "t is 4.30265 for 2 degrees"
    )
    assert (found.assignment, found.solution, found.judged_on) == (
        "tiny",
        "solution.ipynb",
        "the 10 judged photographs",
    )
    assert found.parameters == 1234
    assert len({run.evidence for run in found.runs}) == 3


def test_the_recall_of_each_class_is_its_share_that_was_recognised() -> None:
    assert recall_of(((3, 1), (2, 8)), ("cat", "dog")) == {"cat": 0.75, "dog": 0.8}
    assert recall_of(((0, 0), (2, 8)), ("cat", "dog")) == {"dog": 0.8}


def test_a_single_run_has_no_deviation_and_no_interval() -> None:
    only = summarise("exercise1", [0.98])
    assert (only.mean, only.lowest, only.highest, only.standard_deviation, only.interval) == (
        0.98,
        0.98,
        0.98,
        None,
        None,
    )


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_the_interval_holds_the_mean_and_the_range_the_interval_of_equal_runs(accuracies: list[float]) -> None:
    found = summarise("exercise1", accuracies)
    assert found.interval is not None
    assert found.interval[0] <= found.mean <= found.interval[1]
    assert found.lowest - 1e-12 <= found.mean <= found.highest + 1e-12


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"mean":0.985', '"mean":0.999'),
        ('"lowest":0.98', '"lowest":0.5'),
        ('"recall":{"left":0.985', '"recall":{"left":0.9'),
    ],
)
def test_a_number_typed_by_hand_is_noticed(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "baseline.json"
    text = a_baseline(0.98, 0.99).model_dump_json(by_alias=True)
    path.write_text(text)
    assert read_baseline(path) is not None
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match="summary does not follow from its runs"):
        read_baseline(path)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"seed":0', '"seed":"nought"', "runs 1: key `seed`: must be a whole number (found 'nought')"),
        ('"seed":0,', "", "runs 1: key `seed` is missing"),
        ("{", "", "the file is not JSON"),
        ('"recall":{"left":0.99,"right":0.99}', '"recall":{"left":0.99}', "a run lacks a class"),
    ],
)
def test_a_file_of_another_form_is_refused_in_our_own_words(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(a_baseline(0.98, 0.99).model_dump_json(by_alias=True).replace(old, new, 1))
    with pytest.raises(DataError) as caught:
        read_baseline(path)
    assert told in caught.value.message


def test_the_table_has_a_row_for_each_baseline_with_what_it_took() -> None:
    *_, row = baseline_table([a_baseline(0.98, 0.99)])
    assert row == ("| exercise1 | reference solution | 2 | 98.50 % ± 0.71 | 98.00 to 99.00 % | 1,234 | 3 | 50 s |")
    assert "± " not in baseline_table([a_baseline(0.98)])[-1]


def test_an_interrupted_measurement_goes_on(course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage().install(monkeypatch)
    measure(course, tmp_path, 1)
    measure(course, tmp_path, 2)
    assert stage.runs == ["seed-0", "seed-1"]


def test_a_solution_that_can_not_be_judged_is_no_baseline(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"seed-1": Act(refused="a Lambda layer")}).install(monkeypatch)
    with pytest.raises(GraderError, match=r"solution\.ipynb: could not be judged with seed 1"):
        measure(course, tmp_path, 2)


def test_what_was_measured_is_written_and_read_back(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    found = measure(course, tmp_path, 1)
    path = course.baseline_file("tiny")
    assert read_baseline(path) is None
    write_baseline(path, found)
    assert read_baseline(path) == found


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 1}', "\ufeff{}"])
def test_a_baseline_that_can_not_be_read_is_a_data_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "baseline.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="Measure it again"):
        read_baseline(tmp_path / "baseline.json")


def test_the_command_records_the_baseline_unless_told_not_to(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    words = (
        "baseline", "tiny", "--course", course.root, "--data", data_of(course.root), "--out", tmp_path / "out",
        "--sandbox", "none",
    )  # fmt: skip
    said = run_cli(*words, "--no-write")
    assert (said.code, said.out) == (0, "tiny, reference solution: 100.00 % (1 run) of the 10 judged photographs\n")
    assert not course.baseline_file("tiny").exists()
    said = run_cli(*words, "--json")
    assert Baseline.model_validate_json(said.out) == read_baseline(course.baseline_file("tiny"))


def test_an_assignment_without_a_solution_is_refused(tmp_path: Path) -> None:
    course = write_course(tmp_path / "course")
    write_class(course.root / "reference", "x")
    said = run_cli(
        "baseline", "tiny", "--course", course.root, "--data", data_of(course.root), "--out", tmp_path / "out",
        "--sandbox", "none",
    )  # fmt: skip
    assert said.code == 2
    assert "has no reference solution" in said.err


ARCHITECTURE = (
    'import keras\n\nTITLE = "TinyNet (nobody, 1999)"\nSMALLEST: int = 20\n\n\ndef build_small(image_size): ...\n'
)


@pytest.fixture
def with_architectures(course: Course) -> Course:
    folder = course.root / "reference" / "architectures"
    folder.mkdir()
    (folder / "tinynet.py").write_text(ARCHITECTURE)
    (course.root / "reference" / "tiny" / "train_architecture.py").write_text("from architecture import build_small\n")
    return course


def words_for(course: Course, tmp_path: Path, *more: str) -> tuple[str | Path, ...]:
    return (
        "baseline", *more, "--course", course.root, "--data", data_of(course.root), "--out", tmp_path / "out",
        "--sandbox", "none",
    )  # fmt: skip


def test_an_architecture_is_trained_by_the_assignments_own_module_and_recorded_under_its_name(
    with_architectures: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = with_architectures
    Stage({"seed-1": Act(correct=9)}).install(monkeypatch)
    said = run_cli(
        *words_for(course, tmp_path, "tiny", "--architecture", "tinynet", "--image-size", "32", "--seeds", "2")
    )
    assert said.code == 0
    assert said.out.startswith("tiny, TinyNet (nobody, 1999), small, 32 pixels: 95.00 % ± 7.07 (2 runs)")
    recorded = read_baseline(course.baseline_file("tiny", "tinynet"))
    assert recorded is not None
    assert recorded.solution == "train_architecture.py"
    assert not course.baseline_file("tiny").exists()
    submission = read_architecture(course, "tiny", course.architecture("tinynet"), 32)
    assert submission.files["architecture.py"].decode() == ARCHITECTURE
    assert submission.files["settings.json"] == b'{"image_size": 32}'
    other = read_architecture(course, "tiny", course.architecture("tinynet"), 33)
    assert other.sha256 != submission.sha256 == recorded.solution_sha256


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("tiny", "--architecture", "tinynet", "--image-size", "19"), "19 x 19 pixels: the smallest that works is 20"),
        (("tiny", "--architecture", "tinynet", "--image-size", "999"), "the largest 256"),
        (("tiny", "--architecture", "tiny-net"), "Did you mean `tinynet`?"),
        (("tiny", "--image-size", "64"), "--image-size is for --architecture"),
        (("--architecture", "tinynet"), "needs an ASSIGNMENT"),
        (("tinny",), "Did you mean `tiny`?"),
    ],
)
def test_what_can_not_be_measured_is_refused_before_anything_runs(
    with_architectures: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], words: str
) -> None:
    stage = Stage().install(monkeypatch)
    said = run_cli(*words_for(with_architectures, tmp_path, *more))
    assert said.code == 2
    assert words in said.err
    assert stage.runs == []


def test_an_assignment_that_trains_no_architectures_says_which_do(with_architectures: Course, tmp_path: Path) -> None:
    (with_architectures.root / "reference" / "tiny" / "train_architecture.py").rename(
        with_architectures.root / "reference" / "architectures" / "train_architecture.py"
    )
    with pytest.raises(UsageError, match="`tiny` trains no architectures"):
        with_architectures.architecture_training("tiny")


def test_an_architectures_file_without_its_smallest_image_is_named(with_architectures: Course) -> None:
    (with_architectures.root / "reference" / "architectures" / "b.py").write_text("TITLE = 'B'\n")
    with pytest.raises(DataError, match=r"b\.py: does not say TITLE and SMALLEST"):
        with_architectures.architectures()


def test_without_an_assignment_the_recorded_baselines_are_listed(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = run_cli(*words_for(course, tmp_path))
    assert (said.code, said.out) == (
        0,
        "No baseline was measured yet. Measure one: `grader baseline ASSIGNMENT --seeds 5`.\n",
    )
    Stage().install(monkeypatch)
    run_cli(*words_for(course, tmp_path, "tiny"))
    assert "| tiny | reference solution | 1 | 100.00 % |" in run_cli(*words_for(course, tmp_path)).out


BETTER = """\
schema = 1
title = "Better"
dataset = "tiny"
pass_mark = 1

[[check]]
use = "better_than"
points = 1
exercise = "tiny"
otherwise = "baseline"
"""


def test_a_stale_baseline_that_may_decide_a_mark_is_refused_before_anything_runs(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage().install(monkeypatch)
    write_baseline(
        course.baseline_file("tiny"),
        a_baseline(0.9, assignment="tiny", dataset="tiny", summary=summarise("tiny", [0.9])),
    )
    write_rubric(course.root, BETTER)
    handed_in = write_class(tmp_path / "class", "ada") / "ada.py"
    said = run_cli("grade", "tiny", handed_in, *words_for(course, tmp_path)[1:])
    assert said.code == 2
    assert "was measured on other data than today's `tiny`" in said.err
    assert "grader baseline tiny --seeds 1" in said.err
    assert stage.runs == []


def test_a_stale_baseline_that_is_only_shown_is_left_out_with_a_note(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    handed_in = write_class(tmp_path / "class", "ada") / "ada.py"
    grade = ("grade", "tiny", handed_in, *words_for(course, tmp_path)[1:], "--json")
    write_baseline(course.baseline_file("tiny"), measure(course, tmp_path, 2))
    fresh = Result.model_validate_json(run_cli(*grade).out)
    assert fresh.baseline is not None
    assert (fresh.baseline.seeds, fresh.baseline.mean) == (2, 1.0)
    write_baseline(course.baseline_file("tiny"), a_baseline(0.9, assignment="tiny", summary=summarise("tiny", [0.9])))
    stale = Result.model_validate_json(run_cli(*grade).out)
    assert stale.baseline is None
    assert any("measured on other data" in note for note in stale.notes)
    course.baseline_file("tiny").write_text("{}", encoding="utf-8")
    damaged = Result.model_validate_json(run_cli(*grade).out)
    assert any("is not a baseline" in note for note in damaged.notes)
    for result in (stale, damaged):  # a student reads them, and has nothing of the folders of whoever grades
        assert str(tmp_path) not in "\n".join(result.notes)


def test_every_recorded_baseline_of_this_course_was_measured_on_todays_data_and_code() -> None:
    course = Course.at()
    paths = course.baseline_files()
    assert paths
    for path in paths:
        baseline = read_baseline(path)
        assert baseline is not None
        assert baseline.assignment == path.parent.name
        assert baseline.data_digest == course.dataset(baseline.dataset).digest
        assert {name for run in baseline.runs for name in run.recall} == set(course.dataset(baseline.dataset).classes)
        if path.name == "baseline.json":
            assert baseline.solution_sha256 == read_path(course.reference(baseline.assignment)).sha256
            assert baseline.summary.seeds >= (3 if baseline.assignment == "pets" else 5)
