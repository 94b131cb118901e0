"""`collect` freezes what one run was, and a key names all that it depends on."""

import dataclasses
from pathlib import Path

import pytest

from grader.core.errors import Infrastructure
from grader.core.progress import Silent
from grader.course.course import Course
from grader.intake import read_path
from grader.kernel.run_notebook import PHOTOGRAPHS
from grader.marking.mark import mark
from grader.run import context as context_module
from grader.run.collect import collect, set_aside_served
from grader.run.context import digest_code, evidence_key, output_sizes
from grader.sandbox.interface import Input
from tests.fakes import (
    Act,
    Stage,
    a_context,
    write_class,
    write_course,
)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course")


def test_collected_evidence_says_what_went_in_and_what_came_out(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"ada": Act(correct=6)}).install(monkeypatch)
    submission = read_path(write_class(tmp_path / "class", "ada") / "ada.py")
    with a_context(course, seed=5) as context:
        stored, model = collect(submission, context, Silent())
        key = evidence_key(submission, context)
    evidence = stored.evidence
    assert model == b"ada"
    assert (evidence.key, evidence.student, evidence.seed, evidence.isolation) == (key, "ada", 5, "none")
    assert evidence.submission.sha256 == submission.sha256
    assert (evidence.data_digest, evidence.serve) == (context.rubric.data_digest, "sealed")
    assert evidence.facts.model is not None
    assert evidence.facts.model.size == 3
    assert evidence.claims.cells[0].source == "print('ada')\n"
    assert evidence.facts.judgement.predictions is not None
    assert mark(stored, context.rubric, {}).points == 30


def test_an_infrastructure_fault_is_tried_again_once(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Infrastructure("the sandbox did not start")
    acts = {"ada": Act(faults=(fault,), judge_faults=(fault,)), "bob": Act(faults=(fault, fault)),
            "cy": Act(judge_faults=(fault, fault)), "dee": Act(faults=(RuntimeError("a bug"),))}  # fmt: skip
    stage = Stage(acts).install(monkeypatch)
    folder = write_class(tmp_path / "class", *acts)
    with a_context(course) as context:
        stored, _ = collect(read_path(folder / "ada.py"), context, Silent())
        assert stored.outputs is not None
        for student in ("bob", "cy"):
            with pytest.raises(Infrastructure, match="did not start"):
                collect(read_path(folder / f"{student}.py"), context, Silent())
        with pytest.raises(RuntimeError):
            collect(read_path(folder / "dee.py"), context, Silent())
    assert [stage.runs.count(student) for student in acts] == [2, 2, 1, 1]
    assert [stage.judged.count(student) for student in acts] == [2, 0, 2, 0]


def test_a_run_that_left_no_network_is_not_judged(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage({"ada": Act(model=False)}).install(monkeypatch)
    with a_context(course) as context:
        stored, model = collect(read_path(write_class(tmp_path / "class", "ada") / "ada.py"), context, Silent())
    assert (model, stored.outputs, stage.judged) == (None, None, [])
    assert stored.evidence.facts.judgement.outcome == "no-model"
    assert "left no Keras network" in stored.evidence.facts.judgement.reason


def test_the_key_changes_with_all_that_a_run_depends_on(course: Course, tmp_path: Path) -> None:
    folder = write_class(tmp_path / "class", "ada", "bob")
    ada, bob = read_path(folder / "ada.py"), read_path(folder / "bob.py")
    renamed = dataclasses.replace(ada, script=dataclasses.replace(ada.script, name="other.py"))
    with a_context(course) as context:
        known = evidence_key(ada, context)
        assert evidence_key(ada, context) == known
        assert context.images is not None
        served = dataclasses.replace(context.images.served, digest="other")
        images = dataclasses.replace(context.images, served=served)
        limits = context.rubric.assignment.model_copy(
            update={"run": context.rubric.assignment.run.model_copy(update={"wall": 5.0})}
        )
        keys = {
            known, evidence_key(bob, context), evidence_key(renamed, context),
            evidence_key(ada, dataclasses.replace(context, seed=1)),
            evidence_key(ada, dataclasses.replace(context, images=images)),
            evidence_key(ada, dataclasses.replace(context, rubric=dataclasses.replace(context.rubric, assignment=limits))),
        }  # fmt: skip
        assert len(keys) == 6
        titled = context.rubric.assignment.model_copy(update={"title": "x", "pass_mark": 1.0})
        same = dataclasses.replace(context, rubric=dataclasses.replace(context.rubric, assignment=titled))
        assert evidence_key(ada, same) == known


def test_a_run_of_another_state_of_our_code_is_not_known(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = read_path(write_class(tmp_path / "class", "ada") / "ada.py")
    with a_context(course) as context:
        known = evidence_key(ada, context)
        monkeypatch.setattr("grader.run.context.code_digest", lambda: "that of an upgrade with the same version")
        assert evidence_key(ada, context) != known


@pytest.mark.parametrize(
    "file",
    [
        "kernel/guest/recorder.py",
        "kernel/guest/old_names/old_names.toml",
        "judge/worker.py",
        "functions/guest.py",
        "sandbox/process.py",
        "core/thumbnails.py",
    ],
)
def test_the_code_of_guest_judge_functions_and_sandbox_is_told_apart_and_no_other(tmp_path: Path, file: str) -> None:
    assert (Path(context_module.__file__).parents[1] / file).is_file()
    for name in (file, "pages/html.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("x = 1\n")
    before = digest_code(tmp_path)
    (tmp_path / "pages/html.py").write_text("x = 2\n")
    assert digest_code(tmp_path) == before
    (tmp_path / file).write_text("x = 2\n")
    changed = digest_code(tmp_path)
    (tmp_path / file).rename((tmp_path / file).with_stem("renamed"))
    assert len({before, changed, digest_code(tmp_path)}) == 3


def test_a_network_may_have_one_output_a_class_or_one_for_two(course: Course) -> None:
    assert output_sizes(course.dataset("tiny")) == (1, 2)
    assert output_sizes(Course.at().dataset("mnist")) == (10,)


@pytest.mark.parametrize("own", ["dataset", "dataset/train/mine.txt", "dataset/a.csv"])
def test_a_students_file_where_data_is_served_is_set_aside_with_a_note(tmp_path: Path, own: str) -> None:
    folder = tmp_path / "ada"
    (folder / own).parent.mkdir(parents=True)
    (folder / own).write_text("mine")
    (folder / "solution.py").write_text("a = 1")
    (folder / "dataset-of-mine.csv").write_text("1")
    submission = read_path(folder)
    served = (Input(tmp_path, PHOTOGRAPHS), Input(tmp_path, "data/mnist.npz"))
    found = set_aside_served(submission, served)
    assert sorted(found.files) == ["dataset-of-mine.csv", "solution.py"]
    assert found.sha256 == submission.sha256
    assert found.notes == (
        *submission.notes, "your own dataset was set aside (1 files): the course's data is served there",
    )  # fmt: skip
    assert set_aside_served(submission, served[1:]) is submission
    deep = (Input(tmp_path, f"{PHOTOGRAPHS}/train"),)
    assert ("dataset" in own and own in set_aside_served(submission, deep).files) == (own == "dataset/a.csv")
