"""A batch on a Dask cluster: the same rows as here, whatever becomes of its workers; nothing but bytes crosses."""

import importlib.util
import os
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from grader.cli.grade import collect_order
from grader.core.errors import Infrastructure, UsageError
from grader.core.progress import Silent
from grader.core.results import Result, Status
from grader.course.course import Course
from grader.intake import Submission, read_path
from grader.marking.publish import OutputOptions
from grader.run.batch import grade_class
from grader.run.cluster import (
    COURSE,
    DATA,
    PLAIN,
    WorkerContexts,
    answer_request,
    open_cluster,
    pass_on,
    received,
    unpack_or_raise,
)
from grader.run.collect import Collected, CollectorGone, WorkerLost, WorkerUnfit
from grader.run.context import RunContext
from grader.run.worker_messages import (
    NoEvidence,
    differences,
    pack,
    pack_answer,
    pack_request,
    pack_trouble,
    setting_of,
    unpack,
    unpack_request,
)
from tests.fakes import Act, Stage, a_context, a_stored, data_of, list_class, write_class, write_course
from tests.run.hostile_workers import answer_with_a_trap

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "scripted.py"
TIMES = {"started", "evidence", "ending", "attempts"}


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course")


@pytest.fixture
def submission(tmp_path: Path) -> Submission:
    folder = write_class(tmp_path / "class", "ada")
    (folder / "more").mkdir()
    (folder / "more" / "solution.py").write_text("import dati\n")
    (folder / "more" / "dati.py").write_bytes(b"x = 1\n")
    (folder / "more" / os.fsdecode(b"caff\xe8.txt")).write_bytes(bytes(range(256)))
    return read_path(folder / "more", student="Zoë 😀")


def room(course: Course) -> WorkerContexts:
    return WorkerContexts("here", {COURSE: str(course.root), DATA: str(data_of(course.root))})


# -- what crosses


def test_a_submission_arrives_as_it_was_sent(course: Course, submission: Submission) -> None:
    submission = replace(submission, script=replace(submission.script, tags=(("plot",),)))
    with a_context(course) as context:
        output, found = unpack_request(pack_request(submission, context, 7, {}))
    assert found == submission
    assert (output.seed, output.assignment, output.isolation) == (7, "tiny", "none")


def test_no_label_and_no_mark_is_sent(course: Course, submission: Submission) -> None:
    with a_context(course) as context:
        parts = unpack(pack_request(submission, context, 0, {}))
        assert context.rubric.labels is not None
        assert not any(context.rubric.labels.tobytes() in data for data in parts.values())
    assert b"at_least" not in parts["request.json"]
    assert set(parts) == {"request.json", "file-0", "file-1", "file-2"} or len(parts) == 1 + len(submission.files)


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"[]", b"{}\n", b'[["a",1]]\n', b'[["a",1]]\nxy', b'[["a",-1],["b",1]]\n', b'[["a",1],["a",1]]\nxy',
     b'[["a",true]]\nx', b'[["a","1"]]\nx', b'["a"]\n', b"[" * 100_000 + b"\n", b'[["a",1e999]]\n', b"\xff\n"],
)  # fmt: skip
def test_what_is_no_parcel_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="message"):
        unpack(data)


def test_parts_of_any_name_and_content_survive() -> None:
    parts = {"": b"", "a\nb": b"\n[]\n", "ü": bytes(range(256))}
    assert unpack(pack(parts)) == parts


def forged(context: RunContext, submission: Submission, *, what: str) -> object:
    """What a worker might send instead of this submission's evidence."""
    stored = a_stored(context.rubric, student=submission.student)
    good = pack_answer(stored, None)
    match what:
        case "nothing":
            return None
        case "text":
            return "evidence"
        case "garbage":
            return b"\x80\x04\x95"
        case "evidence of another run":
            return good
        case "no evidence":
            return pack({"predictions.npy": b""})
        case "changed predictions":
            return pack({**unpack(good), "predictions.npy": b"\x93NUMPY"})
        case "trouble of another kind":
            return pack({"trouble.json": b'{"kind": "points", "message": "100"}'})
        case _:
            return pack({**unpack(good), "evidence.json": b"[" * 50_000})


@pytest.mark.parametrize(
    "what",
    ["nothing", "text", "garbage", "evidence of another run", "no evidence", "changed predictions",
     "trouble of another kind", "deep"],
)  # fmt: skip
def test_an_answer_is_checked_as_any_foreign_bytes_are(course: Course, submission: Submission, what: str) -> None:
    with a_context(course) as context, pytest.raises(Infrastructure, match="not evidence"):
        unpack_or_raise(forged(context, submission, what=what), submission, context)


# -- a worker, without a cluster


def test_a_worker_gives_the_evidence_that_this_machine_would(
    course: Course, submission: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    Stage({submission.student: Act(correct=8)}).install(monkeypatch)
    with a_context(course) as context:
        answer = unpack_or_raise(
            room(course).answer(pack_request(submission, context, 0, {}), Silent()), submission, context
        )
    assert isinstance(answer, Collected)
    assert answer.model == submission.student.encode()
    assert answer.stored.evidence.student == submission.student


@pytest.mark.parametrize(
    ("fault", "kind", "word"),
    [(Infrastructure("no sandbox"), "fault", "no sandbox"), (KeyError("layers"), "bug", "KeyError: 'layers'")],
)
def test_what_goes_wrong_at_a_worker_is_told_as_bytes(
    course: Course, submission: Submission, monkeypatch: pytest.MonkeyPatch, fault: Exception, kind: str, word: str
) -> None:
    Stage({submission.student: Act(faults=(fault, fault))}).install(monkeypatch)
    with a_context(course) as context:
        answer = unpack_or_raise(
            room(course).answer(pack_request(submission, context, 0, {}), Silent()), submission, context
        )
    assert isinstance(answer, NoEvidence)
    assert (answer.kind, answer.where) == (kind, "here")
    assert word in answer.message


def test_a_worker_without_the_data_or_with_other_data_says_so_and_runs_nothing(
    course: Course, submission: Submission, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage().install(monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    other = write_course(tmp_path / "other", judged_seed=3)
    (tmp_path / "some" / "mnist").mkdir(parents=True)
    places = {
        "no data": {COURSE: str(course.root), DATA: str(tmp_path)},
        "not all data": {COURSE: str(course.root), DATA: str(tmp_path / "some")},
        "no folder": {COURSE: str(course.root), DATA: str(tmp_path / "nowhere")},
        "no course": {COURSE: str(tmp_path), DATA: str(data_of(course.root))},
        "other data": {COURSE: str(other.root), DATA: str(data_of(other.root))},
    }
    said = {}
    with a_context(course) as context:
        for name, place in places.items():
            message = WorkerContexts("w", place).answer(pack_request(submission, context, 0, {}), Silent())
            answer = unpack_or_raise(message, submission, context)
            assert isinstance(answer, NoEvidence)
            assert answer.kind == "unfit"
            said[name] = answer.message
    assert "holds no dataset" in said["no data"]
    assert "is not on this machine" in said["not all data"]
    assert "is not a folder" in said["no folder"]
    assert "is not a course" in said["no course"]
    assert "it differs from the batch" in said["other data"]
    assert "the data (" in said["other data"]
    assert stage.runs == []


def test_another_version_is_told_by_name(course: Course) -> None:
    with a_context(course) as context:
        there = setting_of(context)
    assert differences(there, there) == []
    assert differences({**there, "keras": "3.0"}, there) == [f"keras (3.0 here, {there['keras']} there)"]


def test_bytes_that_are_no_order_are_told_as_another_grader(course: Course) -> None:
    found = NoEvidence.model_validate_json(unpack(room(course).answer(b"\x80\x04", Silent()))["trouble.json"])
    assert found.kind == "unfit"


# -- the batch's side, without a cluster


class KilledWorker(Exception):
    """As Dask's."""


@pytest.mark.parametrize(
    ("raised", "expected"),
    [(KilledWorker("x"), WorkerLost), (RuntimeError("deserialization"), Infrastructure), (None, CollectorGone)],
)
def test_what_dask_raises_is_told_in_words(raised: Exception | None, expected: type[Exception]) -> None:
    future: Future[Any] = Future()
    if raised is None:
        future.cancel()
    else:
        future.set_exception(raised)
    with pytest.raises(expected):
        received(future)


def test_a_worker_opens_one_room_and_closes_it_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    worker, at_the_end = SimpleNamespace(address="tcp://10.0.0.7:4"), list[Any]()
    monkeypatch.setattr("distributed.get_worker", lambda: worker)
    monkeypatch.setattr("atexit.register", at_the_end.append)
    for _ in range(2):
        assert "unfit" in unpack(answer_request(b"no order", "topic", {}))["trouble.json"].decode()
    (room,) = [value for value in vars(worker).values() if isinstance(value, WorkerContexts)]
    assert at_the_end == [room.close]
    closed: list[str] = []
    room._open.callback(closed.append, "the context and its served data")
    at_the_end[0]()
    assert closed == ["the context and its served data"]


def test_dask_unpickles_messages_of_its_own_whatever_is_allowed_as_the_model_of_trust_says() -> None:
    """Should this fail one day, Dask has become safer, and its row of `trust.md` may go."""
    from distributed.protocol import core
    from distributed.protocol.serialize import ToPickle

    dumps: Any = core.dumps
    loads: Any = core.loads
    told = loads(dumps({"op": "event", "msg": ToPickle(Path("made/by/unpickling"))}), deserializers=PLAIN)
    assert told["msg"] == Path("made/by/unpickling")
    trust = (ROOT / "docs/explanation/trust.md").read_text(encoding="utf-8")
    assert "unpickles messages of its own" in trust.partition("## What is not defended")[2]


@pytest.mark.parametrize("event", [None, (), (1, 2, 3), (1, {"who": 1, "what": 2}), (1, {"who": "ada"}), (1, ["who"])])
def test_what_a_worker_says_on_the_way_is_two_words_or_nothing(event: object) -> None:
    class Told(Silent):
        def step(self, who: str, what: str) -> None:
            pytest.fail(f"{who} {what}")

    pass_on(event, Told())


def test_what_a_worker_says_on_the_way_is_cut() -> None:
    said = []

    class Told(Silent):
        def step(self, who: str, what: str) -> None:
            said.append((len(who), what))

    pass_on((0.0, {"who": "a" * 10_000, "what": "cell 1 of 2"}), Told())
    assert said == [(200, "cell 1 of 2")]


def test_a_scheduler_that_does_not_answer_is_told_with_a_remedy(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grader.run.cluster.CONNECT_S", 1)
    with (
        a_context(course) as context,
        quiet(),
        pytest.raises(UsageError, match="no Dask scheduler answers"),
        open_cluster("dask://127.0.0.1:9", context, collect_order, {}, Silent()),
    ):
        pass


def test_without_dask_the_remedy_is_named(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        a_context(course) as context,
        pytest.raises(UsageError, match="not installed"),
        open_cluster("dask://127.0.0.1:9", context, collect_order, {}, Silent()),
    ):
        pass


# -- a real cluster of processes


@contextmanager
def quiet() -> Iterator[None]:
    """Dask's own deprecations and late sockets are its affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@dataclass(frozen=True)
class Cluster:
    """A scheduler with two workers that follow the script and have data and course of `folder`."""

    address: str
    folder: Path
    course: Course
    scripted: ModuleType


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The scheduler itself starts nothing again, so that what a batch does about a lost worker shows."""
    import dask
    from distributed import LocalCluster

    start: Any = LocalCluster
    folder = tmp_path_factory.mktemp("cluster")
    scripted = loaded_script()
    course, _ = scripted.write(folder, 14)
    (folder / "marks").mkdir()
    known = {
        "SCRIPT_MARKS": str(folder / "marks"), "GRADER_DATA": str(data_of(course.root)),
        "GRADER_COURSE": str(course.root), "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    settings = {"distributed.scheduler.allowed-failures": 0, "distributed.deploy.lost-worker-timeout": "10 minutes"}
    with (
        quiet(),
        dask.config.set(settings),
        start(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, preload=[str(SCRIPT)], env=known,
            silence_logs="CRITICAL",
        ) as started,
    ):  # fmt: skip
        address = started.scheduler_address.replace("tcp://", "dask://")
        yield Cluster(address=address, folder=folder, course=course, scripted=scripted)


def loaded_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scripted", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def graded(course: Course, source: Path, out: Path, address: str | None, told: Silent) -> dict[str, Result]:
    with a_context(course) as context:
        output, entries = OutputOptions(out=out, course=course), list_class(source)
        if address is None:
            rows, _ = grade_class(entries, context, output, jobs=2, progress=told)
        else:
            with open_cluster(address, context, collect_order, {}, told) as collector:
                rows, _ = grade_class(entries, context, output, jobs=2, progress=told, collector=collector)
    return {result.student: result for result in rows}


def test_a_cluster_gives_the_same_rows_and_a_worker_that_is_killed_costs_none(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []

    class Told(Silent):
        def step(self, who: str, what: str) -> None:
            steps.append((who, what))

    monkeypatch.setattr("grader.run.collect.run_notebook", cluster.scripted.run_notebook)
    monkeypatch.setattr("grader.run.collect.judge_model", cluster.scripted.judge_model)
    source = cluster.folder / "class"
    here = graded(cluster.course, source, tmp_path / "here", None, Silent())
    write_class(source, "kills-once-00")
    there = graded(cluster.course, source, tmp_path / "there", cluster.address, Told())
    assert there.pop("kills-once-00").passed
    assert {name: plain(result) for name, result in there.items()} == {
        name: plain(result) for name, result in here.items()
    }
    assert ("kills-once-00", "its worker went away: run again") in steps
    assert ("s00000", "cell 1 of 1, epoch 1 of 1") in steps
    assert len(list((tmp_path / "there").glob("*/result.json"))) == 15


def test_what_kills_every_worker_becomes_a_row(cluster: Cluster, tmp_path: Path) -> None:
    source = write_class(tmp_path / "class", "kills-always-00")
    found = graded(cluster.course, source, tmp_path / "out", cluster.address, Silent())["kills-always-00"]
    assert found.status is Status.BROKEN
    assert "went away" in found.checks[0].reason


def test_what_a_worker_sends_is_not_unpickled(cluster: Cluster, submission: Submission) -> None:
    """Such an answer is refused, or never comes: Dask may ask for it again and again. It acts on nobody in any case."""
    marks = cluster.folder / "marks"
    with (
        a_context(cluster.course) as context,
        open_cluster(cluster.address, context, answer_with_a_trap, {}, Silent()) as collector,  # type: ignore[arg-type]
    ):
        future = collector.submit(submission, 0)
        until = time.monotonic() + 60
        while not (marks / "answered").exists() and time.monotonic() < until:
            time.sleep(0.1)
        assert (marks / "answered").exists()
        if wait([future], 3.0).done:
            with pytest.raises(Infrastructure, match="could not run it"):
                received(future)
    assert not (marks / "trapped").exists()


def test_a_cluster_whose_workers_have_other_data_ends_the_batch_and_marks_nobody(
    cluster: Cluster, tmp_path: Path
) -> None:
    other = write_course(tmp_path / "other", judged_seed=3)
    source = write_class(tmp_path / "class", "ada", "bob")
    with pytest.raises(CollectorGone, match=r"No worker can run this batch.*differs from the batch: .*the data \("):
        graded(other, source, tmp_path / "out", cluster.address, Silent())
    assert not (tmp_path / "out" / "ada" / "result.json").exists()


def plain(result: Result) -> dict[str, Any]:
    return result.model_dump(exclude=TIMES)


def test_a_worker_is_told_of_its_folders_by_its_environment(
    course: Course, submission: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def answer(message: bytes, topic: str, places: dict[str, str]) -> bytes:
        told.append(places)
        return pack_trouble(NoEvidence(kind="fault", message="x"))

    monkeypatch.setattr("grader.run.cluster.answer_request", answer)
    monkeypatch.setenv("GRADER_DATA", "/somewhere")
    monkeypatch.delenv("GRADER_COURSE", raising=False)
    collect_order(b"", "topic")
    assert told == [{"course": "", "data": "/somewhere"}]
    assert callable(answer_request)


class Refusing:
    """A collector whose workers, each under an address of its own, can run nothing of this batch."""

    slots = 1

    def __init__(self) -> None:
        self.asked = 0

    def collect(self, submission: Submission, seed: int) -> Collected:
        self.asked += 1
        raise WorkerUnfit(f"The worker {self.asked} can't run this batch: no data", "Give it some.")


def test_a_worker_that_refuses_under_ever_new_addresses_ends_in_a_row(course: Course, tmp_path: Path) -> None:
    collector = Refusing()
    with a_context(course) as context:
        output, entries = (
            OutputOptions(out=tmp_path / "out", course=course),
            list_class(write_class(tmp_path / "c", "ada")),
        )
        rows, _ = grade_class(entries, context, output, jobs=1, progress=Silent(), collector=collector)
    assert (rows[0].status, collector.asked) == (Status.BROKEN, 21)
    assert "can't run this batch: no data" in rows[0].checks[0].reason
