"""The server of `grader check`: the same findings as without it, nothing from check to check, and never a result lost."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import nbformat
import pytest

from grader.core.progress import Silent
from grader.core.workspace import socket_folder
from grader.course.course import Course
from grader.sandbox.channel import Channel
from grader.selfcheck import client
from grader.selfcheck.client import (
    Checker,
    CheckOptions,
    ServerSettings,
    ask_server,
    end_servers,
    is_served,
    open_checker,
    start_server,
)
from grader.selfcheck.estimate import Answer, Checked
from tests.fakes import Stage, data_of, run_cli, write_class, write_course

LOAD = (
    "import numpy as np\nfrom tensorflow import keras\n(x, y), test = keras.datasets.mnist.load_data()\nx = x / 255.0"
)
BUILD = """\
model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=2, batch_size=128)
print(sorted(name for name in globals() if name.startswith("left")), __import__("os").path.exists("/tmp/left"))
"""
SPOIL = (
    "left_here = 1\nkeras.layers.Dense.call = None\nkeras.utils.set_random_seed(9)\nopen('/tmp/left', 'w').write('x')"
)
VARY = {"took_s": 0.0, "estimate": None}


@pytest.fixture(autouse=True)
def own_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test meets the server of whoever runs it."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    folder = socket_folder()
    assert folder is not None
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return write_notebook(tmp_path / "mine.ipynb", LOAD, BUILD)


def write_notebook(path: Path, *cells: str) -> Path:
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)
    return path


def the_settings(file: Path, course: Course | None = None, idle_s: float = 600.0) -> ServerSettings:
    root = (course or Course.at()).root.absolute()
    data = os.environ["GRADER_DATA"] if course is None else str(data_of(course.root))
    assignment = "exercise1" if course is None else "tiny"
    return ServerSettings(course=str(root), assignment=assignment, data=data, seed=0, file=str(file), idle_s=idle_s)


@contextmanager
def served(settings: ServerSettings) -> Iterator[None]:
    """A server of its own process, which takes connections."""
    assert start_server(settings)
    wait_until(lambda: is_served(settings))
    try:
        yield
    finally:
        end_servers()
        wait_until(lambda: not is_served(settings))


def wait_until(true: Callable[[], bool], seconds: float = 90.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)


@contextmanager
def a_checker(file: Path, *, server: bool, data: Path | None = None) -> Iterator[Checker]:
    options = CheckOptions(data=data or Path(os.environ["GRADER_DATA"]), server=server)
    with open_checker(Course.at(), "exercise1", file, options) as checker:
        yield checker


def lasting(checked: Checked) -> dict[str, object]:
    """What a check found, without what the clock says."""
    found = checked.model_copy(update=VARY).model_dump(mode="json", by_alias=True)
    result = found["result"]
    for name in ("ending", "smoke", "evidence", "started"):
        result.pop(name, None)
    return dict(found)


def test_it_finds_what_a_check_without_it_finds_and_nothing_stays_from_one_to_the_next(
    work: Path, tmp_path: Path
) -> None:
    spoiling = write_notebook(tmp_path / "spoiling.ipynb", LOAD, SPOIL, "raise KeyError('mine')")
    with a_checker(work, server=False) as checker:
        ordinary = checker.check(work, None, Silent()).checked
    settings = the_settings(work)
    with served(settings):
        first, spoilt = (ask_server(settings, path, None, Silent()) for path in (work, spoiling))
        second = ask_server(settings, work, tmp_path / "out", Silent())
        assert first is not None
        assert spoilt is not None
        assert second is not None
    assert not ordinary.failures
    assert [failure.error for failure in spoilt.checked.failures] == ["KeyError: 'mine'"]
    assert lasting(first.checked) == lasting(second.checked) == lasting(ordinary)
    assert (first.report, second.report) == (None, str(tmp_path / "out/mine/report.html"))
    assert (tmp_path / "out/mine/report.html").is_file(), "it is written where it was asked for"


def test_a_check_that_nobody_waits_for_is_ended_and_the_next_one_is_made(tmp_path: Path) -> None:
    endless = write_notebook(tmp_path / "endless.ipynb", "while True: pass")
    quick = write_notebook(tmp_path / "quick.ipynb", "print(1)")
    settings = the_settings(quick)
    with served(settings):
        first = ask_server(settings, quick, None, Silent())
        assert first is not None  # by now TensorFlow is imported
        smoke = first.checked.result.smoke
        assert smoke is not None
        with client._connected(settings.name) as (connection, channel):
            connection.settimeout(60)
            channel.send({"do": "check", "file": str(endless), "out": None})
            while "step" not in channel.receive(at_most=0)[0]:
                pass
        # the endless one would have gone on for as long as a smoke run may, which is longer on a busy machine
        wait_until(lambda: ask_server(settings, quick, None, Silent()) is not None, smoke.seconds)


def test_it_ends_once_what_it_read_has_changed_and_the_check_is_made_without_it(tmp_path: Path) -> None:
    course = write_course(tmp_path / "course")
    file = write_class(tmp_path / "class", "ada") / "ada.py"
    settings = the_settings(file, course)
    with served(settings):
        rubric = course.assignment_file("tiny")
        rubric.write_text(rubric.read_text().replace("points = 20", "points = 25"))
        assert ask_server(settings, file, None, Silent()) is None
        wait_until(lambda: not is_served(settings))


def test_it_ends_when_nobody_asks(work: Path) -> None:
    settings = the_settings(work, idle_s=0.5)
    assert start_server(settings)
    folder = socket_folder()
    assert folder is not None
    wait_until(lambda: (folder / f"{settings.name}.lock").exists())
    wait_until(lambda: not list(folder.glob("*.socket")) and is_free(folder / f"{settings.name}.lock"))


def is_free(lock: Path) -> bool:
    with client.the_only_one(lock.parent, lock.stem) as alone:
        return alone


def test_work_that_can_not_be_read_is_told_by_the_check_itself(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ipynb"
    broken.write_text("{")
    settings = the_settings(broken)
    with served(settings):
        assert ask_server(settings, broken, None, Silent()) is None
        assert is_served(settings), "which is no reason to end"


@contextmanager
def a_server_that(folder: Path, settings: ServerSettings, *said: bytes, stays: bool = False) -> Iterator[list[str]]:
    """A socket in the place of the server's; it answers with `said`, and leaves or stays silent. What it was asked."""
    asked: list[str] = []
    done = threading.Event()
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(folder / f"{settings.name}.socket"))
        listening.listen()

        def answer() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError):  # whoever asked may have gone already
                asked.append(str(Channel(connection).receive()[0].get("do")))
                for part in said:
                    connection.sendall(part)
                if stays and not done.wait(60):
                    asked.append("somebody waited")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield asked
        done.set()


@pytest.mark.parametrize(
    "said",
    [
        (), (b"nonsense\n",), (b'{"taken": true, "bytes": 0}\n',), (b'{"ended": true, "bytes": 0}\n',), (b"[]\n",),
        (b'{"taken": true, "bytes": 0}\n', b'{"step": 3, "bytes": 0}\n'),
        (b'{"taken": true, "bytes": 0}\n', b'{"answer": true, "bytes": 2}\n{}'),
        (b'{"answer": true, "bytes": 99999999999}\n',),
    ],
)  # fmt: skip
def test_a_server_that_answers_anything_else_is_as_none(own_folder: Path, work: Path, said: tuple[bytes, ...]) -> None:
    settings = the_settings(work)
    with a_server_that(own_folder, settings, *said) as asked:
        assert ask_server(settings, work, None, Silent()) is None
    assert asked == ["check"]


def test_a_server_that_does_not_answer_is_not_waited_for(
    own_folder: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TAKEN_S", 0.2)
    settings = the_settings(work)
    with a_server_that(own_folder, settings, stays=True) as asked:
        assert ask_server(settings, work, None, Silent()) is None
    assert asked == ["check"]


def test_a_socket_that_a_dead_server_left_is_as_none_and_is_taken_away(own_folder: Path, work: Path) -> None:
    settings = the_settings(work)
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(own_folder / f"{settings.name}.socket"))
    assert ask_server(settings, work, None, Silent()) is None
    assert not is_served(settings)
    assert end_servers() == 0
    assert list(own_folder.glob("*.socket")) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_a_server_of_another_user_is_as_none(own_folder: Path, work: Path) -> None:
    settings = the_settings(work)
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(own_folder / f"{settings.name}.socket"))
            os.setuid(65534)
            listening.listen()  # by now, which is what the other end is told
            os.write(told, b"x")
            connection, _ = listening.accept()
            connection.recv(100)
        os._exit(0)
    os.read(ready, 1)
    assert ask_server(settings, work, None, Silent()) is None
    assert os.waitpid(child, 0)[1] == 0


def test_a_folder_that_others_may_enter_is_not_taken(own_folder: Path) -> None:
    own_folder.chmod(0o755)
    assert socket_folder() is None
    own_folder.rmdir()
    own_folder.symlink_to("/tmp")
    assert socket_folder() is None
    own_folder.unlink()
    assert socket_folder() == own_folder
    assert own_folder.stat().st_mode & 0o777 == 0o700


def test_each_exercise_seed_and_place_has_a_server_of_its_own_and_every_file_the_same(work: Path) -> None:
    plain = the_settings(work)
    others: list[dict[str, object]] = [
        {"assignment": "exercise2"},
        {"seed": 1},
        {"data": None},
        {"course": "/elsewhere"},
    ]
    assert len({plain.name, *(plain.model_copy(update=other).name for other in others)}) == 5
    assert plain.model_copy(update={"file": "/other.ipynb", "idle_s": 3.0}).name == plain.name


def test_the_command_asks_a_server_unless_it_is_told_not_to(
    own_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A course in which no kernel is started: the server is the one that is asked for it."""
    course = write_course(tmp_path / "course")
    stage = Stage().install(monkeypatch)
    file = write_class(tmp_path / "class", "ada") / "ada.py"
    words = ("check", "tiny", file, "--course", course.root, "--data", data_of(course.root))
    settings = the_settings(file, course)
    ordinary = run_cli(*words, "--json", "--no-server")
    checked = Checked.model_validate_json(ordinary.out).model_copy(update={"took_s": 77.0})
    answer = Answer(checked=checked).model_dump_json(by_alias=True).encode()
    taken = b'{"taken": true, "bytes": 0}\n', b'{"answer": true, "bytes": %d}\n' % len(answer) + answer
    assert stage.runs == ["ada"]
    with a_server_that(own_folder, settings, *taken) as asked:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("grader.selfcheck.client.is_served", lambda _: True)
            said = run_cli(*words)
        assert "Checked in 1 min 17 s." in said.out
        assert asked == ["check"]
        assert stage.runs == ["ada"], "nothing was run here"
    (own_folder / f"{settings.name}.socket").unlink()
    with a_server_that(own_folder, settings, *taken) as asked:
        monkeypatch.setenv("GRADER_NO_SERVER", "1")
        assert run_cli(*words).code == ordinary.code
        assert stage.runs == ["ada", "ada"]


def test_no_server_is_left_where_nobody_sits_at_a_terminal(
    own_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = write_course(tmp_path / "course")
    Stage().install(monkeypatch)
    file = write_class(tmp_path / "class", "ada") / "ada.py"
    said = run_cli("check", "tiny", file, "--course", course.root, "--data", data_of(course.root))
    assert "server" not in said.out
    assert list(own_folder.iterdir()) == []
    shutil.rmtree(own_folder)


def test_no_server_without_an_assignment_ends_the_one_there_is(own_folder: Path, work: Path) -> None:
    with a_server_that(own_folder, the_settings(work), b'{"ended": true, "bytes": 0}\n') as asked:
        said = run_cli("check", "--no-server")
    assert (said.code, said.out, asked) == (0, "The server of earlier checks was ended.\n", ["end"])
    again = run_cli("check", "--no-server")
    assert (again.code, again.out) == (0, "There was no server to end.\n")
