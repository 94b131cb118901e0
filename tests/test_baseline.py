"""The reference solution is measured through the grader itself, seed by seed."""

from pathlib import Path

import pytest

from grader.baseline import measure_baseline, write_baseline
from grader.baseline_file import Baseline, read_baseline
from grader.course import Course
from grader.errors import DataError, GraderError
from grader.progress import Silent
from grader.publish import Order
from tests.fakes import Act, Stage, a_bench, data_of, run_cli, write_class, write_course


@pytest.fixture
def course(tmp_path: Path) -> Course:
    course = write_course(tmp_path / "course")
    folder = course.root / "reference" / "tiny"
    folder.mkdir(parents=True)
    (folder / "solution.ipynb").write_text('{"nbformat": 4, "cells": [{"cell_type": "code", "source": "fit()"}]}')
    return course


def measure(course: Course, tmp_path: Path, seeds: int) -> Baseline:
    with a_bench(course) as bench:
        order = Order(out=tmp_path / "out", course=course)
        return measure_baseline(bench, order, course.reference("tiny"), seeds=seeds, progress=Silent())


def test_each_seed_is_a_run_and_the_mean_is_over_all(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage({"seed-1": Act(correct=8), "seed-2": Act(correct=9)}).install(monkeypatch)
    found = measure(course, tmp_path, 3)
    assert stage.runs == ["seed-0", "seed-1", "seed-2"]
    assert [(run.seed, run.accuracy, run.points) for run in found.runs] == [(0, 1.0, 100), (1, 0.8, 100), (2, 0.9, 100)]
    assert found.mean == pytest.approx(0.9)
    assert (found.assignment, found.solution, found.judged_on) == (
        "tiny",
        "solution.ipynb",
        "the 10 judged photographs",
    )
    assert found.parameters == 1234
    assert len({run.evidence for run in found.runs}) == 3


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
    assert (said.code, said.out) == (0, "tiny: mean accuracy 100.00% over 1 seed(s)\n")
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
