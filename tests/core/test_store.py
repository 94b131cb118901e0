"""Evidence on disk comes back as it was, or is refused in words."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.core.decision_log import Adjustment, CheckPoints, Comment, Review
from grader.core.errors import Infrastructure, UsageError
from grader.core.evidence import Cell, Claims, Evidence, Fit, Judgement, Layer, ModelFile, Output
from grader.core.grades import plain_grade
from grader.core.results import Override
from grader.core.store import (
    EVIDENCE,
    MODEL,
    PREDICTIONS,
    RESULT,
    Stored,
    discard_evidence,
    evidence_digest,
    holds_model,
    load_evidence,
    load_result,
    pack_outputs,
    save_evidence,
    save_result,
)
from grader.run.grade_one import reusable
from tests.checks import builders as built
from tests.core.test_workspace import a_full_disk
from tests.fakes import a_result, a_rubric, a_stored, write_course


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return a_stored(a_rubric(write_course(tmp_path / "course")), correct=7)


@pytest.fixture
def folder(tmp_path: Path, stored: Stored) -> Path:
    save_evidence(tmp_path / "evidence", stored, b"opaque bytes")
    return tmp_path / "evidence"


def test_what_is_stored_comes_back(folder: Path, stored: Stored) -> None:
    found = load_evidence(folder)
    assert found.evidence == stored.evidence
    assert found.outputs is not None
    assert stored.outputs is not None
    assert found.outputs.dtype == np.float32
    np.testing.assert_array_equal(found.outputs, stored.outputs)
    assert evidence_digest(found.evidence) == evidence_digest(stored.evidence)
    assert sorted(path.name for path in folder.iterdir()) == sorted([EVIDENCE, PREDICTIONS, MODEL])
    assert (folder / MODEL).read_bytes() == b"opaque bytes"


def test_new_evidence_has_nothing_of_an_older_run_beside_it(folder: Path, tmp_path: Path) -> None:
    plain = Stored(evidence=built.evidence(built.TRAINED, built.judged(built.perceptron())), outputs=None)
    save_evidence(folder, plain, None)
    assert [path.name for path in folder.iterdir()] == [EVIDENCE]
    save_evidence(folder, plain, b"a network")
    discard_evidence(folder)
    assert list(folder.iterdir()) == []


def test_a_network_that_is_not_the_described_one_is_found_out(folder: Path, stored: Stored) -> None:
    described = ModelFile(sha256=hashlib.sha256(b"opaque bytes").hexdigest(), size=12)
    facts = stored.evidence.facts.model_copy(update={"model": described})
    evidence = stored.evidence.model_copy(update={"facts": facts})
    save_evidence(folder, Stored(evidence=evidence, outputs=stored.outputs), b"opaque bytes")
    assert holds_model(folder, evidence) and reusable(folder, evidence.key) is not None
    assert not holds_model(folder, stored.evidence)  # which describes none
    (folder / MODEL).write_bytes(b"opaque byte\0")  # as after a power cut
    assert not holds_model(folder, evidence) and reusable(folder, evidence.key) is None
    (folder / MODEL).unlink()
    assert not holds_model(folder, evidence) and holds_model(folder, stored.evidence)
    refused = facts.model_copy(update={"judgement": Judgement(outcome="refused", reason="is no .keras file")})
    assert holds_model(folder, evidence.model_copy(update={"facts": refused}))  # which is known by its digest alone


def test_evidence_without_a_network_has_no_predictions(tmp_path: Path) -> None:
    plain = Stored(evidence=built.evidence(built.TRAINED, built.judged(built.perceptron())), outputs=None)
    save_evidence(tmp_path, plain, None)
    assert load_evidence(tmp_path) == plain
    assert [path.name for path in tmp_path.iterdir()] == [EVIDENCE]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=100, deadline=None)
@given(st.text(), st.text(), JSON, st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=3))
def test_any_evidence_has_the_same_digest_after_a_round_trip(
    tmp_path_factory: pytest.TempPathFactory, source: str, text: str, config: object, history: list[float | None]
) -> None:
    cell = Cell(number=1, source=source, executed=True, outputs=(Output(kind="stream", text=text),))
    fit = Fit.model_validate({**built.fit().model_dump(), "history": {text: history}})
    architecture = built.model(Layer(name=text, kind="Dense", config={"x": config}))
    evidence = built.evidence(Claims(cells=(cell,), fits=(fit,)), built.judged(architecture))
    folder = tmp_path_factory.mktemp("evidence")
    save_evidence(folder, Stored(evidence=evidence, outputs=None), None)
    found = load_evidence(folder).evidence
    assert found == evidence
    assert evidence_digest(found) == evidence_digest(evidence)


def test_evidence_that_json_can_not_hold_is_never_made() -> None:
    with pytest.raises(ValueError, match="finite"):
        Fit.model_validate({**built.fit().model_dump(), "history": {"loss": [float("nan")]}})
    with pytest.raises(ValueError, match="finite"):
        Claims.model_validate_json(json.dumps({"fits": [built.fit().model_dump() | {"seconds": float("inf")}]}))


def test_another_field_changes_the_digest(stored: Stored) -> None:
    known = evidence_digest(stored.evidence)
    assert known == evidence_digest(Evidence.model_validate_json(stored.evidence.model_dump_json(by_alias=True)))
    assert known != evidence_digest(stored.evidence.model_copy(update={"seed": 7}))


@pytest.mark.parametrize("tamper", ["better", "cut", "longer", "empty", "gone", "other file"])
def test_tampered_predictions_are_refused(folder: Path, stored: Stored, tamper: str) -> None:
    path = folder / PREDICTIONS
    data = path.read_bytes()
    assert stored.outputs is not None
    changed = {
        "better": pack_outputs(stored.outputs[::-1].copy()), "cut": data[:-1], "longer": data + b"\0", "empty": b"",
        "other file": b"\x80\x04pickle",
    }  # fmt: skip
    if tamper == "gone":
        path.unlink()
    else:
        path.write_bytes(changed[tamper])
    with pytest.raises(UsageError, match=r"predictions\.npy") as caught:
        load_evidence(folder)
    assert "Grade the submission again" in str(caught.value)


def test_predictions_that_are_no_array_are_refused_though_their_digest_fits(tmp_path: Path, stored: Stored) -> None:
    import hashlib

    for data in (b"no array", b"", pack_outputs(np.zeros((3, 2), np.float32))[:-4]):
        facts = stored.evidence.facts
        judgement = facts.judgement.model_copy(update={"predictions": hashlib.sha256(data).hexdigest()})
        evidence = stored.evidence.model_copy(update={"facts": facts.model_copy(update={"judgement": judgement})})
        save_evidence(tmp_path, Stored(evidence=evidence, outputs=None), None)
        (tmp_path / PREDICTIONS).write_bytes(data)
        with pytest.raises(UsageError, match="does not hold predictions"):
            load_evidence(tmp_path)


def test_a_cut_off_evidence_file_is_refused_wherever_it_ends(folder: Path) -> None:
    whole = (folder / EVIDENCE).read_bytes()
    for size in range(0, len(whole), 97):
        (folder / EVIDENCE).write_bytes(whole[:size])
        with pytest.raises(UsageError, match="is not evidence that this grader can read"):
            load_evidence(folder)


def test_evidence_of_a_later_schema_is_refused(folder: Path) -> None:
    plain = json.loads((folder / EVIDENCE).read_text())
    (folder / EVIDENCE).write_text(json.dumps(plain | {"schema": 2}))
    with pytest.raises(UsageError, match="schema is 2; this grader reads 1"):
        load_evidence(folder)
    (folder / EVIDENCE).write_text(json.dumps(plain | {"schema": 2, "attention": []}))
    with pytest.raises(UsageError, match="is not evidence that this grader can read"):
        load_evidence(folder)


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff\xfe", b'{"schema": 1}', b"[" * 10_000])
def test_another_file_is_no_evidence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / EVIDENCE).write_bytes(data)
    with pytest.raises(UsageError, match=str(tmp_path)):
        load_evidence(tmp_path)


def test_missing_evidence_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"evidence\.json: can't be read"):
        load_evidence(tmp_path)


def test_on_a_full_disk_no_folder_looks_complete(tmp_path: Path, stored: Stored) -> None:
    with a_full_disk(500), pytest.raises(Infrastructure):
        save_evidence(tmp_path / "evidence", stored, None)
    assert [path.name for path in (tmp_path / "evidence").iterdir()] == [PREDICTIONS]


def test_discarded_evidence_is_gone_and_may_be_gone_already(folder: Path) -> None:
    discard_evidence(folder)
    discard_evidence(folder)
    discard_evidence(folder / "nowhere")
    assert not (folder / EVIDENCE).exists()


def test_a_result_comes_back_as_it_was(tmp_path: Path) -> None:
    result = a_result()
    save_result(tmp_path, result)
    assert load_result(tmp_path) == result
    promised = {
        "schema", "assignment", "student", "submission", "status", "points", "out_of", "passed", "isolation", "dataset",
        "serve", "judged_on", "accuracy", "model", "checks", "flags", "shims", "ending", "evidence", "versions", "seed",
        "started",
    }  # fmt: skip
    assert promised <= set(json.loads((tmp_path / RESULT).read_text()))


def test_a_result_that_says_the_same_is_left_as_it_is_and_another_is_written(tmp_path: Path) -> None:
    save_result(tmp_path, a_result())
    before = (tmp_path / RESULT).stat()
    save_result(tmp_path, a_result())
    assert (tmp_path / RESULT).stat().st_ino == before.st_ino, "not even written anew"
    other = a_result().model_copy(update={"title": "Another"})
    save_result(tmp_path, other)
    assert (tmp_path / RESULT).stat().st_ino != before.st_ino
    assert load_result(tmp_path) == other


def test_the_promised_parts_of_a_result_have_their_promised_names(tmp_path: Path) -> None:
    save_result(tmp_path, a_result())
    plain = json.loads((tmp_path / RESULT).read_text())
    assert {"value", "correct", "judged", "interval", "verdict"} <= set(plain["accuracy"])
    assert {"chosen", "candidates", "parameters", "input_shape", "preprocessing", "family"} <= set(plain["model"])
    assert {"name", "title", "outcome", "points", "out_of", "reason", "hint"} <= set(plain["checks"][0])
    assert {"cause", "message", "wall_s", "cpu_s", "peak_mb"} <= set(plain["ending"])


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff"])
def test_a_result_that_can_not_be_read_is_none(tmp_path: Path, data: bytes) -> None:
    assert load_result(tmp_path) is None
    (tmp_path / RESULT).write_bytes(data)
    assert load_result(tmp_path) is None


def test_evidence_without_tags_has_the_digest_that_it_had_before_there_were_any() -> None:
    def digest(*tags: str) -> str:
        cells = (Cell(number=1, source="x = 1", executed=True, tags=tags),)
        return evidence_digest(built.evidence(Claims(cells=cells), built.judged(built.perceptron())))

    assert digest() == "4ae3e640065571f7f052ea3a72634482a760ccb3a8bb95b4c2b9401a04b2a431"
    assert len({digest(), digest("loss"), digest("loss", "plot")}) == 3


def test_neither_reasons_of_decisions_nor_who_decided_are_in_a_students_folder(tmp_path: Path) -> None:
    review = Review(
        checks=(CheckPoints(check="accuracy", points=7, author="kim", reason="secret"),),
        adjustment=Adjustment(points=1, author="kim", reason="secret"),
        comments=(Comment(id="1", text="well done", author="kim"),), looked_at="kim",
    )  # fmt: skip
    override = Override(points=7, excused=False, author="kim", reason="secret", time="2026-11-22T10:00:00+00:00")
    result = a_result()
    grade = plain_grade(result).model_copy(update={"review": review, "override": override})
    for decided in (result.model_copy(update={"grade": grade}), result.model_copy(update={"members": (grade, grade)})):
        save_result(tmp_path, decided)
        text = (tmp_path / RESULT).read_text(encoding="utf-8")
        assert "kim" not in text and "secret" not in text and "well done" in text
        found = load_result(tmp_path)
        assert found is not None
        for one in (found.grade, *found.members):
            assert one is None or (one.points, one.provisional, one.review and one.review.checks[0].points) == (
                grade.points, grade.provisional, 7,
            )  # fmt: skip
