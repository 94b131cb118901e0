"""Judged images stand on a page only where the rubric says so, and never private ones; a page needs no images."""

from pathlib import Path

import pytest

from grader.core.errors import RubricError
from grader.core.progress import Silent
from grader.course.dataset import Naming
from grader.course.find_dataset import import_private
from grader.marking.publish import REPORT, OutputOptions, student_folder
from grader.marking.regrade import regrade, render_again
from grader.marking.repeated_runs import load_attempts, load_outputs
from grader.run.batch import grade_class
from tests.fakes import (
    CLASSES,
    RUBRIC,
    Act,
    Stage,
    a_context,
    a_rubric,
    data_of,
    list_class,
    photographs,
    write_class,
    write_course,
    write_photographs,
    write_rubric,
)

OPEN = RUBRIC + "\n[report]\njudged_images = true\n"


@pytest.fixture
def order(tmp_path: Path) -> OutputOptions:
    return OutputOptions(out=tmp_path / "out", course=write_course(tmp_path / "course", OPEN))


def graded(order: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The page of a student whose network was wrong about three images."""
    Stage({"ada": Act(correct=7)}).install(monkeypatch)
    with a_context(order.course) as bench:
        grade_class(list_class(write_class(tmp_path / "class", "ada")), bench, order, jobs=1, progress=Silent())
    return page_of(order)


def page_of(order: OutputOptions) -> str:
    return (student_folder(order.out, "ada") / REPORT).read_text(encoding="utf-8")


def shown(page: str) -> int:
    return page.count('<img class="pixelated"')


def test_the_most_certain_mistakes_are_shown_where_the_rubric_says_so(
    order: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = graded(order, tmp_path, monkeypatch)
    assert shown(page) == 3 and "an image of right that the network took for left" in page


def test_nothing_is_shown_where_the_rubric_says_nothing(
    order: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rubric(order.course.root, RUBRIC)
    page = graded(order, tmp_path, monkeypatch)
    assert shown(page) == 0 and "most sure" not in page


def test_a_regrade_shows_them_again_and_does_without_where_the_images_are_gone(
    order: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graded(order, tmp_path, monkeypatch)
    rubric = a_rubric(order.course)
    regrade(rubric, order, dry_run=False)
    assert shown(page_of(order)) == 3
    for path in (data_of(order.course.root) / "tiny" / "judged").rglob("*.png"):
        path.write_bytes(b"no longer a picture")
    again = a_rubric(order.course)
    assert again.images is None and again.labels is not None
    render_again(again, order)
    assert shown(page_of(order)) == 0 and "<h1" in page_of(order)


def test_predictions_are_found_by_their_digest_or_not_at_all(
    order: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graded(order, tmp_path, monkeypatch)
    folder = student_folder(order.out, "ada")
    digest = load_attempts(folder)[0].evidence.facts.judgement.predictions
    assert digest is not None
    found = load_outputs(folder, digest)
    assert found is not None and found.shape == (10, 2)
    assert load_outputs(folder, "0" * 64) is None
    (folder / "evidence" / "predictions.npy").unlink()
    assert load_outputs(folder, digest) is None


def test_private_photographs_are_never_shown(order: OutputOptions, tmp_path: Path) -> None:
    made = photographs(9, 10)
    write_photographs(tmp_path / "mine", {CLASSES[0]: made[:5], CLASSES[1]: made[5:]})
    data = data_of(order.course.root)
    import_private(order.course.dataset("tiny"), data / "tiny", tmp_path / "mine", data / "tiny-private", Naming())
    rubric = a_rubric(order.course)
    assert rubric.judged_on.startswith("10 private photographs") and rubric.images is None


def test_the_rubric_says_in_which_language_its_pages_are(
    order: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rubric(order.course.root, OPEN + 'language = "it"\n')
    page = graded(order, tmp_path, monkeypatch)
    assert '<html lang="it">' in page and "<h2>Verifiche</h2>" in page and "che la rete ha scambiato per" in page
    assert '<html lang="it">' in (order.out / "index.html").read_text(encoding="utf-8")


def test_a_misspelt_key_of_the_pages_is_refused(order: OutputOptions) -> None:
    write_rubric(order.course.root, RUBRIC + "\n[report]\njudged_image = true\n")
    with pytest.raises(RubricError, match="did you mean `judged_images`"):
        a_rubric(order.course)
