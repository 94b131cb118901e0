"""Podman: the command line as a pure function, and all that crosses the border, with bubblewrap in the place of podman."""

import io
import json
import os
import socket
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.errors import Failure, Infrastructure, SandboxUnavailable, UsageError
from grader.core.evidence import Cause
from grader.core.limits import Limits
from grader.core.notebook import read_submission
from grader.core.progress import Silent
from grader.kernel.run_notebook import Job, run_notebook
from grader.sandbox import open_sandbox
from grader.sandbox.artefacts import read_artefact
from grader.sandbox.bubblewrap import runtime_trees
from grader.sandbox.channel import FRAME_BYTES, FrameLink, ProtocolError, read_frame
from grader.sandbox.interface import Input, Program, Scratch
from grader.sandbox.podman import Podman, podman_arguments, skeleton
from tests.notebooks import notebook
from tests.sandbox.test_contract import LIMITS, run, running

PLACES = {"trees": (Path("/opt/env"),), "hidden": (Path("/opt/env/grader"),)}
ROOTLESS = Podman(Path("/usr/bin/podman"), user=None, **PLACES)
ROOTS = Podman(Path("/usr/bin/podman"), user=64_999, **PLACES)
PROGRAM = Program(
    root=Path("/"),
    argv=("python",),
    environment={},
    folder="submission",
    limits=Limits(memory=3 << 30),
    inputs=(Input(Path("/srv/mnist.npz"), "data/mnist.npz"),),
    scratch=(Scratch("submission", 1234), Scratch("dev/shm", 99, shared=True)),
)


def words(podman: Podman = ROOTLESS, program: Program = PROGRAM) -> list[str]:
    return podman_arguments(podman, program, name="grader-1", image="skeleton")


@pytest.mark.parametrize("podman", [ROOTLESS, ROOTS])
@pytest.mark.parametrize(
    "flag",
    [
        "--network none", "--read-only", "--cap-drop all", "--security-opt no-new-privileges", "--pull never",
        f"--memory {3 << 30}b", f"--memory-swap {3 << 30}b", "--ipc private", "--log-driver none", "--rm",
        "--shm-size 99b", "--ulimit core=0:0",
    ],
)  # fmt: skip
def test_no_flag_of_the_design_is_missing(podman: Podman, flag: str) -> None:
    assert f" {flag} " in " ".join(words(podman))


@pytest.mark.parametrize("podman", [ROOTLESS, ROOTS])
def test_every_mount_is_read_only_and_every_writable_folder_has_a_size(podman: Podman) -> None:
    line = words(podman)
    mounts = [line[place + 1] for place, word in enumerate(line) if word == "--mount"]
    assert mounts
    assert all(mount.startswith("type=bind,") and mount.endswith(",readonly") for mount in mounts)
    assert "type=bind,source=/srv/mnist.npz,target=/data/mnist.npz,readonly" in mounts
    temporary = [line[place + 1] for place, word in enumerate(line) if word == "--tmpfs"]
    assert all("size=" in folder for folder in temporary)
    assert any(folder.startswith("/submission:rw,") and "size=1234" in folder for folder in temporary)
    assert any(folder.startswith("/opt/env/grader:ro,") for folder in temporary)
    assert not {"--volume", "-v", "--privileged", "--device", "--cap-add", "--publish"} & set(line)


def test_what_covers_solutions_is_not_filled_with_them() -> None:
    for place, word in enumerate(words()):
        if word == "--tmpfs":
            assert words()[place + 1].endswith(",notmpcopyup")


def test_a_program_without_shared_memory_gets_next_to_none() -> None:
    line = words(program=replace(PROGRAM, scratch=(Scratch("submission", 1234),)))
    assert line[line.index("--shm-size") + 1] == "65536b"


def test_the_program_never_runs_as_root_of_this_machine() -> None:
    line = words(ROOTS)
    assert line[line.index("--user") + 1] == "64999:64999"


def test_a_path_that_podman_would_read_as_options_is_refused() -> None:
    program = replace(PROGRAM, inputs=(Input(Path("/srv/a,readonly=false"), "data/a"),))
    with pytest.raises(Infrastructure, match="comma"):
        words(program=program)


def test_the_image_holds_empty_folders_and_links_and_is_the_same_every_time() -> None:
    data = skeleton({"content": "submission", "kaggle/working": "submission"})
    assert data == skeleton({"kaggle/working": "submission", "content": "submission"})
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = {member.name: member for member in archive.getmembers()}
    assert members["content"].linkname == "/submission"
    assert members["kaggle"].isdir()
    assert members["tmp"].mode == 0o1777
    assert [name for name, member in members.items() if member.isfile()] == ["etc/passwd"]


def test_podman_that_is_not_there_or_does_not_work_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match="podman is not installed"):
        Podman.on_this_host()
    broken = tmp_path / "podman"
    broken.write_text("#!/bin/sh\necho 'cannot set up namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(SandboxUnavailable, match=r"podman .* cannot set up .* --sandbox bubblewrap"):
        Podman.on_this_host()


def test_docker_is_refused_in_a_sentence_that_names_podman() -> None:
    with pytest.raises(UsageError, match=r"docker no longer .* --sandbox podman"):
        open_sandbox("docker")


@given(st.lists(st.tuples(st.integers(0, 2**16 - 1), st.binary(max_size=300))))
def test_frames_come_out_as_they_went_in(sent: list[tuple[int, bytes]]) -> None:
    pipe = io.BytesIO()
    link = FrameLink(pipe)
    for channel, data in sent:
        link.send(channel, data)
    pipe.seek(0)
    received = []
    while frame := read_frame(pipe):
        received.append(frame)
    assert received == sent


@given(st.binary(max_size=40))
def test_what_is_no_frame_ends_or_is_an_error_of_ours(data: bytes) -> None:
    pipe = io.BytesIO(data)
    try:
        while frame := read_frame(pipe):
            assert len(frame[1]) <= FRAME_BYTES
    except ProtocolError:
        pass


def at(path: Path) -> Podman:
    return Podman(path, user=64_999, trees=runtime_trees(), hidden=())


@pytest.fixture
def contained(tmp_path: Path) -> Iterator[Podman]:
    """Podman, played by bubblewrap."""
    engine = tmp_path / "podman"
    places = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    command = f"PYTHONPATH='{places}' exec {sys.executable} -m tests.sandbox.engine"
    engine.write_text(f'#!/bin/sh\n{command} "$@"\n')
    engine.chmod(0o755)
    yield at(engine)


def test_how_it_ended_and_what_it_said_crosses(contained: Podman) -> None:
    stopped = run(contained, "print('hello'); raise SystemExit(3)")
    assert (stopped.code, stopped.signal, stopped.cause) == (3, None, None)
    assert "hello" in stopped.log
    assert stopped.cpu_s is not None


def test_a_signal_that_ended_it_crosses(contained: Podman) -> None:
    assert run(contained, "import os; os.kill(os.getpid(), 11)").signal == 11


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (Cause.MEMORY_LIMIT, "kept = []\nwhile True: kept.append(bytearray(b'x' * (20 << 20))); time.sleep(0.05)"),
        (Cause.PROCESS_LIMIT, "for _ in range(40):\n    if os.fork() == 0: time.sleep(60)\ntime.sleep(60)"),
        (Cause.DISK_LIMIT, "for number in range(2500): open(f'file-{number}', 'w').close()\ntime.sleep(2)"),
        (Cause.WALL_LIMIT, "time.sleep(60)"),
    ],
)
def test_limits_are_watched_inside(contained: Podman, cause: Cause, code: str) -> None:
    # What is to be stopped by another limit has time for it, also on a machine that does much else.
    limits = LIMITS.model_copy(update={"wall": 4.0 if cause is Cause.WALL_LIMIT else 40.0})
    assert run(contained, f"import os, time\n{code}", limits=limits).cause is cause


@pytest.mark.parametrize(
    ("make", "word"),
    [
        ("os.symlink('/etc/passwd', 'out')", "refused"),
        ("os.mkfifo('out')", "regular"),
        ("os.mkdir('out')", "regular"),
        ("open('out', 'wb').truncate(5 << 20)", "bytes"),
        ("open('out', 'wb').close(); os.chmod('out', 0)", "regular"),
    ],
)
def test_what_is_no_plain_small_file_is_refused(contained: Podman, make: str, word: str) -> None:
    with running(contained, f"import os; {make}") as confined:
        confined.wait(120)
        with pytest.raises(Failure, match=word):
            read_artefact(confined.folders["submission"], "out", at_most=1 << 20)


def test_only_results_that_were_asked_for_cross(contained: Podman) -> None:
    with running(contained, "open('out', 'w').write('x' * 100_000); open('other', 'w').write('y')") as confined:
        confined.wait(120)
        assert read_artefact(confined.folders["submission"], "out", at_most=1 << 20) == b"x" * 100_000
        assert os.listdir(confined.folders["submission"]) == ["out"]  # noqa: PTH208 - a descriptor


def test_results_cross_from_a_program_that_was_killed(contained: Podman) -> None:
    ours, theirs = socket.socketpair()
    code = (
        "import socket, time\nopen('out', 'w').write('kept')\n"
        f"socket.socket(fileno={theirs.fileno()}).send(b'done')\ntime.sleep(60)"
    )
    with ours, theirs, running(contained, code, descriptors=(theirs.fileno(),)) as confined:
        assert ours.recv(10) == b"done"
        confined.kill()
        confined.wait(30)
        assert read_artefact(confined.folders["submission"], "out", at_most=100) == b"kept"


def test_a_descriptor_carries_megabytes_in_both_directions_and_its_end(contained: Podman) -> None:
    ours, theirs = socket.socketpair()
    code = (
        f"import socket\nline = socket.socket(fileno={theirs.fileno()})\ngot = b''\n"
        "while data := line.recv(1 << 16): got += data\nline.sendall(got[::-1]); line.close()"
    )
    data = os.urandom(3 << 20)
    with ours, running(contained, code, descriptors=(theirs.fileno(),)) as confined:
        theirs.close()
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
        received = b""
        while block := ours.recv(1 << 16):
            received += block
        assert received == data[::-1]
        assert confined.wait(30).code == 0


def test_podman_s_own_words_come_with_a_start_that_failed(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\n[ $1 = run ] || exit 0\necho 'no space left on device' >&2\nexit 125\n")
    broken.chmod(0o755)
    with pytest.raises(Infrastructure, match="no space left"):
        run(at(broken), "pass")


def test_podman_that_talks_nonsense_is_ended(tmp_path: Path) -> None:
    liar = tmp_path / "liar"
    words = json.dumps({"ready": True})
    frame = f"\\000\\000\\000\\000\\000\\{len(words):03o}{words}"
    nonsense = "\\377" * 6
    liar.write_text(
        f"#!/bin/sh\n[ $1 = run ] || exit 0\nprintf '{frame}'\nsleep 1\nprintf '{nonsense}'\nexec sleep 60\n"
    )
    liar.chmod(0o755)
    stopped = run(at(liar), "pass")
    assert (stopped.code, stopped.signal, stopped.cause) == (None, None, None)


def test_a_notebook_runs_in_a_container(contained: Podman) -> None:
    cells = ("print(open('given').read())", "1 / 0", "open('/run/artefacts/model.keras', 'wb').write(b'opaque')")
    job = Job(
        script=read_submission("work.ipynb", notebook(*cells)),
        files={"given": b"a file"}, inputs=(), limits=Limits(wall=60.0, cell=20.0, memory=1 << 30), seed=5, units=(10,),
    )  # fmt: skip
    execution = run_notebook(job, contained, who="student", progress=Silent())
    assert execution.ending.cause is Cause.FINISHED
    assert execution.claims.cells[0].outputs[0].text == "a file\n"
    assert execution.claims.cells[1].error is not None
    assert execution.model == b"opaque"
