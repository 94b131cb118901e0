"""Kernels that forge and flood: each ends as what it is, and the grader's own process stays small.

The attacks run in a process of their own, because the most memory that this one ever had would hide any growth.
"""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from grader.core.evidence import Cause

# More than an honest run takes: a text of 8 MiB, the most of one message, has four bytes a character once one of them needs
# four, and lies there twice while JSON is read, beside the bytes themselves.
MOST_MEGABYTES = 85
# What is forged is sent by the thread that the socket belongs to: two at once on one socket garble each other's messages.
FORGE = """\
import json, time
from ipykernel.kernelapp import IPKernelApp
app = IPKernelApp.instance()
session, iopub, send = app.kernel.session, app.iopub_thread.socket, app.iopub_thread.schedule
def forge(body, kind="stream", times=1, parent=None):
    parent = parent or app.kernel.get_parent()
    def send_all():
        for number in range(times):
            if number % 500 == 499: time.sleep(0.2)  # what nobody has taken yet, a full socket drops
            message = session.msg(kind, {}, parent=parent)
            parts = [*(json.dumps(message[part], default=str).encode() for part in ("header", "parent_header")), b"{}", body]
            iopub.send_multipart([b"topic", b"<IDS|MSG>", session.sign(parts), *parts])
    send(send_all)
def say(text):
    return b'{"name": "stdout", "text": "' + text + b'"}'
"""
WIDE = "say('\\U0001F600'.encode() + b'x' * (7 << 20))"
# Shut down, not closed: libzmq takes the one for the other side's leave, and may end the process over the other.
CLOSE = """\
import os, socket, time
for descriptor in range(3, 300):
    try:
        found = socket.socket(fileno=os.dup(descriptor))
        if "kernel-" in str(found.getsockname()) and not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            found.shutdown(socket.SHUT_RDWR)
    except OSError: continue
time.sleep(60)
"""
RAW = """\
import os, socket, time
for descriptor in range(3, 300):
    try:
        found = socket.socket(fileno=os.dup(descriptor))
        if "kernel-2" in str(found.getsockname()) and not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            os.write(descriptor, bytes([255]) * 100_000)
    except OSError: continue
time.sleep(60)
"""
WAIT = "; time.sleep(90)"  # a busy machine takes a minute for twenty thousand messages
# What a cell does, the cause that it ends with, and a part of the words.
ATTACKS: dict[str, tuple[str, Cause, str]] = {
    "prints a gigabyte": ("for _ in range(1 << 10): print('x' * (1 << 20))", Cause.OUTPUT_LIMIT, "more than"),
    "one frame of a gigabyte": (
        f"{FORGE}send(lambda: iopub.send(b'x' * (1 << 30))){WAIT}", Cause.OUTPUT_LIMIT, "8 MiB at once",
    ),
    "one message of many frames": (
        f"{FORGE}send(lambda: iopub.send_multipart([b'x' * (4 << 20)] * 300, copy=False)){WAIT}",
        Cause.OUTPUT_LIMIT, "8 MiB at once",
    ),
    "thousands of a megabyte": (f"{FORGE}forge(say(b'x' * (1 << 20)), times=3000){WAIT}", Cause.OUTPUT_LIMIT, "10 MiB"),
    "thousands for nobody": (
        f"{FORGE}forge(say(b'x' * (1 << 20)), times=3000, parent={{'header': session.msg_header('x')}}){WAIT}",
        Cause.OUTPUT_LIMIT, "10 MiB",
    ),
    "text that swells as text": (f"{FORGE}forge({WIDE}, times=2){WAIT}", Cause.OUTPUT_LIMIT, "10 MiB"),
    "JSON that swells as values": (
        f"{FORGE}forge(b'[' + b'[],' * (2 << 20) + b'0]'){WAIT}", Cause.PROTOCOL_VIOLATION, "too many values",
    ),
    "a flood of nothing": (
        f"{FORGE}forge(b'{{\"execution_state\": \"busy\"}}', 'status', 100_000){WAIT}", Cause.OUTPUT_LIMIT, "20,000 times",
    ),
    "deep JSON": (f"{FORGE}forge(b'[' * 200_000){WAIT}", Cause.PROTOCOL_VIOLATION, "RecursionError"),
    "a number without end": (f"{FORGE}forge(b'9' * 5000){WAIT}", Cause.PROTOCOL_VIOLATION, "ValueError"),
    "no JSON": (f"{FORGE}forge(b'nonsense'){WAIT}", Cause.PROTOCOL_VIOLATION, "JSONDecodeError"),
    "no message": (
        f"{FORGE}send(lambda: iopub.send_multipart([b'a', b'b'])){WAIT}", Cause.PROTOCOL_VIOLATION, "ValueError",
    ),
    "a message without signature": (
        f"{FORGE}send(lambda: iopub.send_multipart([b'a', b'<IDS|MSG>', b'', *[b'{{}}'] * 4])){WAIT}",
        Cause.PROTOCOL_VIOLATION, "ValueError",
    ),
    "another type": (f"{FORGE}forge(b'[]'){WAIT}", Cause.PROTOCOL_VIOLATION, "TypeError"),
    "types within types": (
        f"{FORGE}forge(b'{{\"name\": 1, \"text\": {{}}}}'){WAIT}", Cause.PROTOCOL_VIOLATION, "TypeError",
    ),
    "bytes past libzmq": (RAW, Cause.PROTOCOL_VIOLATION, "not ZMTP"),
    "hanging up": (CLOSE, Cause.PROTOCOL_VIOLATION, "closed while the kernel runs"),
}  # fmt: skip
HONEST = "print(1 + 1)"
CHILD = """\
import json, sys
from pathlib import Path
from grader.kernel.run_notebook import Job, run_notebook
from grader.core.limits import Limits
from grader.core.notebook import Script
from grader.core.progress import Silent
from grader.sandbox import open_sandbox
sandbox = open_sandbox("bubblewrap")
limits = Limits(wall=120.0, cell=100.0, memory=4 << 30)
for code in json.load(sys.stdin):
    job = Job(script=Script("work.ipynb", (code,)), files={}, inputs=(), limits=limits, seed=5, units=(10,))
    ending = run_notebook(job, sandbox, who="student", progress=Silent()).ending
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps([ending.cause.value, ending.message, int(peak.split()[1]) / 1024]), flush=True)
"""


@cache
def outcomes() -> dict[str, tuple[str, str, float]]:
    """Of each attack, one after the other in one process after an honest run: cause, words, and by how much the process has
    grown since that one (MB)."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD], input=json.dumps([HONEST, *(code for code, _, _ in ATTACKS.values())]),
        capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (_, _, usual), *found = (json.loads(line) for line in done.stdout.splitlines())
    return {name: (cause, words, peak - usual) for name, (cause, words, peak) in zip(ATTACKS, found, strict=True)}


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_ends_as_what_it_is_and_the_grader_stays_small(attack: str) -> None:
    _, cause, words = ATTACKS[attack]
    found, message, megabytes = outcomes()[attack]
    assert found == cause.value
    assert words in message
    assert megabytes < MOST_MEGABYTES
