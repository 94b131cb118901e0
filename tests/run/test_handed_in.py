"""Classes whose networks are judged as they were handed in: what is run, what is trained after all, and what counts."""

import csv
import io
import json
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from grader.core.progress import Silent
from grader.core.results import Result, Status
from grader.core.store import evidence_digest, load_evidence
from grader.course.course import Course
from grader.intake import read_path
from grader.intake.open_class import open_class
from grader.marking.handed_in import Lot, draw_again
from grader.marking.publish import OutputOptions, student_folder
from grader.marking.regrade import regrade
from grader.run.audits import KEY_FILE, LOT
from grader.run.batch import grade_class
from grader.run.context import evidence_key
from grader.run.train_or_judge import to_judge, to_train, to_train_unseen
from grader.run.worker_messages import pack_request, unpack_request
from tests.fakes import RUBRIC, Act, Stage, a_context, a_network, a_rubric, run_cli, write_course, write_rubric

HANDED_IN = RUBRIC.replace("\n[[check]]", '\n[run]\ntrain = "handed-in"\n\n[[check]]', 1)
NO_AUDIT = HANDED_IN.replace("\n[[check]]", "\n[audit]\nshare = 0.0\nleast = 0\nflagged = false\n\n[[check]]", 1)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course", NO_AUDIT)


@pytest.fixture
def output(course: Course, tmp_path: Path) -> OutputOptions:
    return OutputOptions(out=tmp_path / "out", course=course)


def write(folder: Path, networks: Mapping[str, bytes | None]) -> Path:
    """A class in which each student handed in a module, and a network where one is given."""
    for student, network in networks.items():
        (folder / student).mkdir(parents=True)
        (folder / student / "solution.py").write_text(f"print({student!r})\n", encoding="utf-8")
        if network is not None:
            (folder / student / "model.keras").write_bytes(network)
    return folder


def grade(output: OutputOptions, source: Path) -> dict[str, Result]:
    with a_context(output.course) as context:
        entries = open_class(source, assignment="", workspace=source, as_="plain").entries
        results, _ = grade_class(entries, context, output, jobs=1, progress=Silent())
    return {result.student: result for result in results}


def test_who_handed_in_a_network_is_judged_by_it_after_a_short_run_and_who_did_not_is_trained(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage({"ada": Act(correct=5)}).install(monkeypatch)
    found = grade(output, write(tmp_path / "class", {"ada": a_network(10), "bob": None}))
    assert (stage.short, stage.runs) == (["ada"], ["bob"])
    ada, bob = found["ada"], found["bob"]
    assert (ada.points, ada.status, ada.model.source, ada.model.file, ada.model.maker) == (
        100, Status.GRADED, "handed-in", "model.keras", "same",
    )  # fmt: skip
    assert (bob.points, bob.model.source, bob.model.maker, bob.audit) == (100, "trained", None, None)
    assert ada.smoke is None
    stored = load_evidence(student_folder(output.out, "ada") / "evidence")
    assert ada.evidence == evidence_digest(stored.evidence)
    assert not (student_folder(output.out, "ada") / "evidence" / "model.keras").exists()


def test_the_same_command_runs_nothing_again_and_regrade_says_the_same(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage().install(monkeypatch)
    source = write(tmp_path / "class", {"ada": a_network(10), "bob": a_network(7)})
    first = grade(output, source)
    assert grade(output, source) == first
    assert sorted(stage.short) == ["ada", "bob"]
    assert stage.runs == []
    moves = regrade(a_rubric(output.course), output, dry_run=True)
    assert not any(move.moved for move in moves)
    assert {move.new.student: move.new for move in moves} == first


def test_a_network_that_the_code_does_not_build_earns_nothing_until_a_person_decides(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    found = grade(output, write(tmp_path / "class", {"other": a_network(10)}))["other"]
    assert (found.status, found.points, found.accuracy) == (Status.NEEDS_REVIEW, 30, None)
    assert found.model.maker == "different"
    assert found.model.differences == ("layer 1: Dense with units = 2 instead of 3",)
    (flag,) = [flag for flag in found.flags if flag.kind == "network_differs"]
    assert "100" in flag.reason
    assert "earns nothing" in flag.reason


def test_a_file_that_can_not_be_opened_has_a_row_that_says_so(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    found = grade(output, write(tmp_path / "class", {"ada": a_network(refused="the file is damaged")}))["ada"]
    assert (found.status, found.points) == (Status.EXPLAINED, 30)
    assert "model.keras: the file is damaged" in found.checks[-1].reason


def test_an_exercise_that_never_trains_says_what_to_hand_in(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage().install(monkeypatch)
    write_rubric(output.course.root, NO_AUDIT.replace('"handed-in"', '"never"'))
    found = grade(output, write(tmp_path / "class", {"ada": None}))["ada"]
    assert stage.runs == []
    assert found.points == 30
    assert "model.save" in found.checks[-1].reason


def test_a_network_alone_is_judged_where_none_must_be_trained_and_waits_for_a_person(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage().install(monkeypatch)
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "ada.keras").write_bytes(a_network(10))
    found = grade(output, tmp_path / "class")["ada"]
    assert (found.status, found.model.maker, found.accuracy and found.accuracy.correct) == (
        Status.NEEDS_REVIEW, "no code", 10,
    )  # fmt: skip
    write_rubric(output.course.root, RUBRIC)
    found = grade(output, tmp_path / "class")["ada"]
    assert (found.status, found.points) == (Status.EXPLAINED, 0)
    assert "neither a notebook" in found.checks[0].reason
    assert stage.short == stage.runs == []


def test_from_handed_in_to_always_only_what_is_missing_is_trained_and_back_nothing_is(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage({"ada": Act(correct=9), "bob": Act(correct=8)}).install(monkeypatch)
    audited = HANDED_IN.replace("\n[[check]]", "\n[audit]\nshare = 0.5\nleast = 1\n\n[[check]]", 1)
    write_rubric(output.course.root, audited)
    source = write(tmp_path / "class", {"ada": a_network(10), "bob": a_network(9)})
    first = grade(output, source)
    (drawn,) = [name for name, result in first.items() if result.audit is not None]
    assert stage.runs == [drawn]
    write_rubric(output.course.root, RUBRIC)
    always = grade(output, source)
    assert sorted(stage.runs) == ["ada", "bob"]
    assert {name: result.points for name, result in always.items()} == {"ada": 100, "bob": 100}
    assert {result.model.source for result in always.values()} == {"trained"}
    write_rubric(output.course.root, audited)
    stage.short.clear()
    again = grade(output, source)
    assert sorted(stage.runs) == ["ada", "bob"]
    assert {name: result.audit for name, result in again.items()} == {
        name: result.audit for name, result in first.items()
    }  # fmt: skip


def test_an_audit_confirms_or_puts_up_for_review_with_both_numbers(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({"ada": Act(correct=9), "bob": Act(correct=1)}).install(monkeypatch)
    write_rubric(output.course.root, HANDED_IN.replace("\n[[check]]", "\n[audit]\nshare = 1.0\n\n[[check]]", 1))
    found = grade(output, write(tmp_path / "class", {"ada": a_network(10), "bob": a_network(10, weights="b")}))
    ada, bob = found["ada"], found["bob"]
    assert ada.audit is not None
    assert (ada.audit.outcome, ada.audit.trained, ada.audit.handed_in, ada.status) == (
        "confirmed",
        0.9,
        1.0,
        Status.GRADED,
    )
    assert bob.audit is not None
    assert (bob.audit.outcome, bob.audit.only_handed_in, bob.audit.only_trained) == ("not confirmed", 9, 0)
    assert bob.status is Status.NEEDS_REVIEW
    (flag,) = [flag for flag in bob.flags if flag.kind == "audit_not_confirmed"]
    assert "10\u00a0%" in flag.reason
    assert "100\u00a0%" in flag.reason
    moves = regrade(a_rubric(output.course), output, dry_run=True)
    assert {move.new.student: move.new for move in moves} == found


def test_an_audit_trains_without_the_network_that_was_handed_in(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[bool, list[str]] = {}
    stage = Stage()

    def run_notebook(job, sandbox, *, who, progress):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        seen[job.smoke is not None] = sorted(job.files)
        return stage.run_notebook(job, sandbox, who=who, progress=progress)

    stage.install(monkeypatch)
    monkeypatch.setattr("grader.run.collect.run_notebook", run_notebook)
    write_rubric(output.course.root, HANDED_IN.replace("\n[[check]]", "\n[audit]\nshare = 1.0\n\n[[check]]", 1))
    grade(output, write(tmp_path / "class", {"ada": a_network(10)}))
    assert seen == {True: ["solution.py"], False: ["solution.py"]}
    write_rubric(output.course.root, RUBRIC)
    grade(output, write(tmp_path / "always", {"bob": a_network(10)}))
    assert seen[False] == ["model.keras", "solution.py"], "as always: what is handed in lies beside the code"


def test_the_lot_is_kept_can_be_repeated_and_its_secret_is_nobody_elses(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage().install(monkeypatch)
    audited = HANDED_IN.replace("\n[[check]]", "\n[audit]\nshare = 0.2\nleast = 2\nflagged = false\n\n[[check]]", 1)
    write_rubric(output.course.root, audited)
    source = write(tmp_path / "class", {f"s{n:02}": a_network(10, weights=str(n)) for n in range(15)})
    found = grade(output, source)
    drawn = {name for name, result in found.items() if result.audit is not None}
    assert len(drawn) == 3
    assert set(stage.runs) == drawn
    assert stat.S_IMODE((output.out / KEY_FILE).stat().st_mode) == 0o600
    kept = Lot.model_validate_json((output.out / LOT).read_bytes())
    policy = output.course.assignment("tiny").audit
    again = draw_again(
        Lot(secret=kept.secret), kept.rounds[0].submissions, policy, (output.out / KEY_FILE).read_bytes()
    )
    assert set(again.rounds[0].drawn) == drawn
    assert grade(output, source) == found
    assert len(stage.runs) == 3


def test_a_classmates_network_is_told_to_the_instructor_alone(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    mine, theirs = a_network(10, weights="w"), a_network(10, weights="w")
    found = grade(output, write(tmp_path / "class", {"ada": mine, "bob": theirs, "cy": a_network(10, weights="c")}))
    flags = {name: [flag for flag in result.flags if flag.kind == "similar_weights"] for name, result in found.items()}
    assert flags["cy"] == []
    assert flags["ada"][0].audience == "instructor"
    assert "the same as bob" in flags["ada"][0].reason
    assert "bob" not in (student_folder(output.out, "ada") / "report.html").read_text(encoding="utf-8")


def test_a_network_that_is_too_large_has_a_row_that_says_so_and_is_never_read(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    source = write(tmp_path / "class", {"ada": b"", "bob": a_network(10)})
    with (source / "ada" / "model.keras").open("wb") as file:
        file.truncate(3 << 30)
    found = grade(output, source)
    assert (found["ada"].status, found["ada"].points) == (Status.EXPLAINED, 0)
    assert "3 GiB; at most 200 MiB" in found["ada"].checks[0].reason
    assert found["bob"].points == 100


def test_results_and_batch_json_say_which_way_a_mark_was_reached(
    output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage().install(monkeypatch)
    grade(output, write(tmp_path / "class", {"ada": a_network(10)}))
    plain = json.loads((student_folder(output.out, "ada") / "result.json").read_text(encoding="utf-8"))
    assert plain["model"]["source"] == "handed-in"
    assert json.loads((output.out / "batch.json").read_text(encoding="utf-8"))[0]["model"]["source"] == "handed-in"


def test_the_command_line_overrides_the_rubric(course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage().install(monkeypatch)
    write_rubric(course.root, RUBRIC)
    source = write(tmp_path / "class", {"ada": a_network(10), "bob": a_network(9)})
    where = ("--course", course.root, "--data", course.root / "data", "--sandbox", "none", "--out", tmp_path / "out")
    said = run_cli("batch", "tiny", source, *where, "--train", "handed-in")
    assert said.code == 0, said.err
    assert sorted(stage.short) == ["ada", "bob"]
    shown = run_cli("gradebook", "show", tmp_path / "out").out
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "gradebook.csv").read_text(encoding="utf-8-sig"))))
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert [(row["source"], row["audit"]) for row in rows] == [("handed-in", "confirmed")] * 2
    assert shown.count("network handed in; audit: confirmed") == 2
    assert page.count("handed in; audit: confirmed") == 2
    exported = run_cli("export", "csv", tmp_path / "out", "--into", tmp_path / "grades.csv")
    assert exported.code == 0, exported.err
    rows = list(csv.DictReader(io.StringIO((tmp_path / "grades.csv").read_text(encoding="utf-8-sig"))))
    assert [(row["source"], row["audit"]) for row in rows] == [("handed-in", "confirmed")] * 2
    alone = tmp_path / "model.keras"
    alone.write_bytes(a_network(10))
    said = run_cli("grade", "tiny", alone, *where)
    assert "came without code" in said.out
    assert run_cli("grade", "tiny", alone, *where, "--train", "always").code == 2


def test_networks_come_in_zips_as_well(output: OutputOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Stage().install(monkeypatch)
    (tmp_path / "class").mkdir()
    with zipfile.ZipFile(tmp_path / "class" / "ada.zip", "w") as packed:
        packed.writestr("work/solution.py", "print('ada')\nmodel.save('best.keras')\n")
        packed.writestr("work/model.keras", a_network(1))
        packed.writestr("work/best.keras", a_network(10))
    found = grade(output, tmp_path / "class")["ada"]
    assert (found.model.file, found.points) == ("best.keras", 100)


def test_a_handed_in_network_travels_to_a_worker_and_nothing_of_it_where_its_code_is_trained(
    course: Course, tmp_path: Path
) -> None:
    whole = read_path(write(tmp_path / "class", {"ada": a_network(10)}) / "ada")
    with a_context(course) as context:
        for sent in (to_judge(whole), to_train_unseen(whole), to_train(whole)):
            _, came = unpack_request(pack_request(sent, context, 0, {}))
            assert evidence_key(came, context) == evidence_key(sent, context)
            assert (came.way, dict(came.files)) == (sent.way, dict(sent.files))
            assert dict(came.networks) == (dict(whole.networks) if sent.way == "handed-in" else {})
        keys = {evidence_key(sent, context) for sent in (to_judge(whole), to_train_unseen(whole), to_train(whole))}
    assert len(keys) == 3


def test_what_a_run_is_known_by_does_not_hang_on_who_is_trained_at_all(course: Course, tmp_path: Path) -> None:
    submission = to_train(read_path(write(tmp_path / "class", {"ada": None}) / "ada"))
    keys = set()
    for rubric in (RUBRIC, HANDED_IN, NO_AUDIT.replace('train = "handed-in"', 'train = "never"\nmodel_size = "1MiB"')):
        write_rubric(course.root, rubric)
        with a_context(course) as context:
            keys.add(evidence_key(submission, context))
    assert len(keys) == 1
