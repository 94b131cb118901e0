"""A module that does not come back, that forges messages, or that breaks what it runs in."""

import json
import time
from textwrap import indent
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.evidence import Call, Cause
from grader.core.limits import Limits
from grader.functions.cases import unpack_array
from grader.functions.module_process import LostError, start_module
from grader.sandbox.interface import Sandbox
from tests.functions.processes import LIMITS, SHORT, Puppet, ask, job, loaded, told

HEAD = """\
import json, os, socket, threading, time
def sockets():
    found = []
    for n in range(3, 64):
        try:
            if os.readlink(f"/proc/self/fd/{n}").startswith("socket:"): found.append(socket.socket(fileno=os.dup(n)))
        except OSError: pass
    return found
def message(**header): return json.dumps(header).encode() + b"\\n"
def send(data):
    for s in sockets():
        s.sendall(data)
"""
TIMEOUT, EXIT = "did not return within 1 s", "ended the process itself, as os._exit() does"
LOSSES: dict[str, tuple[str, str, Cause | None]] = {
    "loop": ("while True: pass", TIMEOUT, Cause.CELL_TIMEOUT),
    "sleep": ("time.sleep(300)", TIMEOUT, Cause.CELL_TIMEOUT),
    "deaf": ("import signal; signal.pthread_sigmask(0, range(1, 32))\nwhile True: pass", TIMEOUT, Cause.CELL_TIMEOUT),
    "catches": ("while True:\n  try: pass\n  except BaseException: pass", TIMEOUT, Cause.CELL_TIMEOUT),
    "os._exit": ("os._exit(0)", EXIT, Cause.KERNEL_EXITED),
    "fork and exit": ("os.fork() and os._exit(0); time.sleep(9)", EXIT, Cause.KERNEL_EXITED),
    "kill": ("os.kill(os.getpid(), 9)", "crashed Python (signal 9)", Cause.CRASH),
    "segfault": ("import ctypes; ctypes.string_at(0)", "crashed Python (signal 11)", Cause.CRASH),
    "stack": (
        "import faulthandler; faulthandler._stack_overflow()",  # from 3.13 on no Python code overflows it
        "crashed Python (signal 11)",
        Cause.CRASH,
    ),
    "memory": (
        "kept = []\nwhile True: kept.append(bytearray(b'x' * (8 << 20)))",
        "used more than 256 MiB of memory and was stopped",
        Cause.MEMORY_LIMIT,
    ),
    "processes": (
        "for _ in range(40): os.fork() or time.sleep(60)\ntime.sleep(60)",
        "started more than 20 processes and was stopped",
        Cause.PROCESS_LIMIT,
    ),
    "closes": ("os.closerange(3, 64)", "", None),
    "says nothing": ("sockets()[0].shutdown(1)", "", None),
}


def limits(kind: str) -> Limits:
    """Short where it is time that runs out."""
    changes = {"memory": 256 << 20} if kind == "memory" else {}
    return (SHORT if LOSSES[kind][2] is Cause.CELL_TIMEOUT else LIMITS).model_copy(update=changes)


def function(body: str) -> str:
    """A module whose function does that, and then answers with 1."""
    return f"{HEAD}def f(x):\n{indent(body, '    ')}\n    return 1"


@pytest.mark.parametrize("kind", LOSSES)
def test_a_call_that_does_not_come_back_is_lost_with_its_reason_and_in_time(sandbox: Sandbox, kind: str) -> None:
    body, words, cause = LOSSES[kind]
    with loaded(sandbox, function(body), limits=limits(kind)) as process:
        started = time.monotonic()
        with pytest.raises(LostError) as lost:
            ask(process)
        assert time.monotonic() - started < 120
    assert words in lost.value.words
    assert cause in (None, lost.value.cause)
    assert process.stopped is not None


@pytest.mark.parametrize("kind", ["loop", "os._exit", "segfault", "memory", "closes"])
def test_a_module_that_does_not_come_to_its_end_is_lost_in_the_same_way(sandbox: Sandbox, kind: str) -> None:
    body, words, _ = LOSSES[kind]
    made = job(f"{HEAD}{body}", limits=limits(kind))
    with start_module(made, sandbox) as process, pytest.raises(LostError) as lost:
        process.load()
    assert words in lost.value.words


def message(payload: bytes = b"", **header: object) -> bytes:
    """What the guest's end of the conversation sends; `bytes` is right where nothing else is said."""
    return json.dumps({"outcome": "returned", "bytes": len(payload), **header}).encode() + b"\n" + payload


def numbers(shape: object = (1,), dtype: object = "<f8", payload: bytes = bytes(8), **header: object) -> bytes:
    """An array in the form of an answer."""
    return message(payload, form="array", shape=shape, dtype=dtype, **header)


FORGED = {
    "no JSON": b"hello\n",
    "no dictionary": b"[]\n",
    "no size": b'{"outcome": "returned"}\n',
    "too big": numbers(bytes=10**12),
    "more than is taken": numbers(bytes=(16 << 20) + 1),
    "a negative size": numbers(bytes=-1),
    "a size of text": numbers(bytes="8"),
    "no end": b"{" * (5 << 20),
    "deep": b"[" * 100_000 + b"\n",
    "stored infinity": b'{"outcome": "returned", "form": "other", "said": 1e999, "bytes": 0}\n',
    "half a character": b'{"outcome": "returned", "form": "other", "said": "\\ud800", "bytes": 0}\n',
    "a verdict": message(verdict="right", points=100),
    "a form that there is not": message(form="mark"),
    "a form of a list": message(form=["array"]),
    "objects": numbers(dtype="|O"),
    "a dtype of a list": numbers(dtype=[]),
    "a dtype of a table": numbers(dtype={"f8": 1}),
    "a dtype of records": numbers(dtype="f8,f8", payload=bytes(16)),
    "a shape of nothing": numbers(shape=None),
    "a shape of text": numbers(shape=["1"]),
    "a shape of truth": numbers(shape=[True]),
    "a shape of fractions": numbers(shape=[1.0]),
    "a negative shape": numbers(shape=[-1]),
    "too many sizes": numbers(shape=[1] * 33),
    "too few bytes": numbers(shape=[2]),
    "half a number": numbers(payload=bytes(7)),
    "sizes that overflow": numbers(shape=[1 << 24] * 32),
    "nothing of everything": numbers(shape=[0] + [1 << 24] * 31, payload=b""),
    "an error of text": message(outcome="raised", error="ValueError"),
    "an outcome of a list": message(outcome=["returned"]),
}


@pytest.mark.parametrize("kind", FORGED)
def test_what_no_guest_would_send_ends_the_process(kind: str) -> None:
    with start_module(job(""), Puppet(answer=FORGED[kind])) as process:
        process.load()
        with pytest.raises(LostError, match="messages that no module sends") as lost:
            ask(process)
    assert lost.value.cause is Cause.PROTOCOL_VIOLATION


@given(st.binary(max_size=60).map(lambda data: data + b"\n") | st.binary(max_size=60))
def test_no_bytes_whatever_break_the_host(data: bytes) -> None:
    made = job("", limits=SHORT.model_copy(update={"call": 0.02}))
    with start_module(made, Puppet(answer=data)) as process, pytest.raises(LostError):
        process.load()
        ask(process)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(
    header=st.fixed_dictionaries(
        {},
        optional={
            "outcome": st.sampled_from(["returned", "raised"]) | plain,
            "form": st.sampled_from(["array", "number", "tuple", "list", "other"]) | plain,
            "dtype": st.sampled_from(["<f8", "<i8", "|b1", "|O", "<U4"]) | plain,
            "shape": st.lists(st.integers(-1, 1 << 60), max_size=40) | plain,
            "said": plain,
            "error": st.dictionaries(st.sampled_from(["name", "message", "traceback"]), plain) | plain,
        },
    ),
    payload=st.binary(max_size=40),
)
def test_a_message_of_any_content_is_an_answer_of_bounded_size_or_none(header: dict[str, Any], payload: bytes) -> None:
    with start_module(job(""), Puppet(answer=message(payload, **header))) as process:
        process.load()
        try:
            call = ask(process)
        except LostError:
            return
    assert Call.model_validate_json(call.model_dump_json()) == call
    assert call.value is None or unpack_array(call.value).size <= len(payload)
    assert len(call.said) < 2500


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"form": "other", "said": {"a": [1]}}, "returned: {'a': [1]}"),
        ({"form": "other", "said": "x" * 10**6}, f"returned: {'x' * 2000}"),
        ({"form": "other", "said": "\x1b[31mred\x1b]0;title\x07"}, "returned: red"),
        ({"outcome": "raised", "error": {}}, "raised: raised Error"),
        ({"outcome": "raised", "error": {"name": ["a"], "message": {"b": 1}}}, "raised: raised ['a']: {'b': 1}"),
        ({"form": "tuple", "dtype": "<f8", "shape": [0]}, "tuple <f8 (0,) []"),
    ],
)
def test_a_forged_message_in_the_form_of_an_answer_is_that_answer_and_no_more(
    header: dict[str, Any], words: str
) -> None:
    """Whatever a module could send it could also return: no message holds a mark."""
    with start_module(job(""), Puppet(answer=message(**header))) as process:
        process.load()
        assert told(ask(process)) == words


@pytest.mark.parametrize(
    "header",
    [
        {"problems": {}},
        {"errors": [], "problems": {}},
        {"errors": [None] * 3, "problems": {}},
        {"errors": ["no"], "problems": {}},
        {"errors": [1], "problems": {}},
        {"errors": {"0": None}, "problems": {}},
        {"errors": [None], "problems": "none"},
    ],
)
def test_what_no_guest_would_send_is_no_loading(header: dict[str, Any]) -> None:
    puppet = Puppet(loading=message(**header))
    with start_module(job(""), puppet) as process, pytest.raises(LostError, match="messages that no module sends"):
        process.load()


def test_problems_of_functions_that_nobody_asked_for_are_left_out_and_the_others_are_bounded() -> None:
    problems = {"f": "x" * 10**6, "g": "missing", "__class__": "odd"}
    with start_module(job(""), Puppet(loading=message(errors=[None], problems=problems))) as process:
        assert process.load().problems == {"f": "x" * 2000}


@pytest.mark.parametrize(
    "data", ["b'hello\\n'", "message(outcome='returned', form='mark', bytes=0)", "b'{' * (5 << 20)"]
)
def test_a_real_module_that_takes_the_socket_ends_its_process_and_nothing_else(sandbox: Sandbox, data: str) -> None:
    with loaded(sandbox, function(f"send({data})\ntime.sleep(300)")) as process:
        started = time.monotonic()
        with pytest.raises(LostError, match="messages that no module sends"):
            ask(process)
        assert time.monotonic() - started < 120


def test_answers_sent_ahead_are_answers_to_what_is_asked_next_and_no_verdict(sandbox: Sandbox) -> None:
    one = "message(outcome='returned', form='number', dtype='|u1', shape=[], bytes=1) + bytes([n])"
    with loaded(sandbox, function(f"for n in range(3): send({one})")) as process:
        assert [told(ask(process)) for _ in range(2)] == ["number |u1 () [0]", "number |u1 () [1]"]


def test_an_answer_in_drops_does_not_get_more_time_than_any_other(sandbox: Sandbox) -> None:
    drops = "for n in range(2000):\n    send(b' ')\n    time.sleep(0.2)"
    with loaded(sandbox, function(drops), limits=SHORT) as process:
        started = time.monotonic()
        with pytest.raises(LostError, match="did not return within 1 s"):
            ask(process)
        assert time.monotonic() - started < 120


VANDALS = [
    "import builtins; builtins.isinstance = lambda *a: True",
    "import builtins; builtins.len = builtins.str = builtins.type = None",
    "import numpy; numpy.asarray = numpy.frombuffer = lambda *a, **k: None",
    "import numpy; numpy.ndarray.tobytes = None",
    "import json; json.dumps = json.loads = lambda *a, **k: '{}'",
    "import sys\nfor name in list(sys.modules): sys.modules[name] = None",
    "import sys; sys.stdout = sys.stderr = sys.path = sys.modules = None",
    "import sys\nframe = sys._getframe()\nwhile frame.f_back: frame = frame.f_back\nframe.f_globals.clear()",
    "import gc\nfor x in gc.get_objects():\nif type(x) is dict and 'f' not in x: x.clear()",
    "import os, shutil; shutil.rmtree('.', ignore_errors=True); os.chdir('/')",
    "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))",
    "import signal; signal.alarm(1)",
    "import sys; sys.settrace(lambda *a: 1 / 0); sys.setprofile(lambda *a: 1 / 0)",
    "import threading; threading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()",
    "import atexit, os; atexit.register(os._exit, 0)",
    "import os; os.fork()",
    "del globals()['f']",
    "globals()['f'] = None",
]


@pytest.mark.parametrize("deed", VANDALS)
def test_a_module_that_breaks_its_own_process_harms_only_its_own_answers(sandbox: Sandbox, deed: str) -> None:
    with loaded(sandbox, function(deed), limits=SHORT) as process:
        for _ in range(3):
            try:
                call = ask(process, "f", np.zeros(2))
            except LostError:
                break
            assert call.outcome in ("returned", "raised")
    assert process.stopped is not None


SPY = """\
import gc, os, sys, types
SYSTEM = ("/proc", "/sys", "/dev", "/usr", "/etc", "/lib", sys.prefix, sys.base_prefix)
def f(x, words):
    files, found = set(), set()
    for top, folders, names in os.walk("/"):
        if top.startswith(SYSTEM):
            folders[:] = []
        else:
            files |= {os.path.join(top, name) for name in names}
    for top, folders, names in os.walk(sys.prefix):
        found |= {os.path.join(top, name) for name in names if name in words.split()}
    for thing in gc.get_objects():
        if isinstance(thing, types.ModuleType) and thing.__name__.startswith(("grader.", "hypothesis", "scipy")):
            found.add(thing.__name__)
        if isinstance(thing, types.FunctionType) and thing.__name__ in words.split():
            found.add(repr(thing))
        if isinstance(thing, dict):
            found |= {key for key in thing if isinstance(key, str) and key in words.split()}
    raise ValueError(*sorted(files), *sorted(found), len(gc.get_objects()) > 1000)
"""


def test_inside_there_is_no_oracle_no_file_of_cases_and_no_expected_value(sandbox: Sandbox) -> None:
    words = (
        "cases.py assignment.toml calls.json evidence.json agreement.py oracle expected_of disagreement groups_of_cases"
    )
    with loaded(sandbox, SPY) as process:
        said = ask(process, "f", np.ones(1), words).said
    assert said == (
        "raised ValueError: ('/run/guest/grader/functions/guest.py', '/run/guest/grader/sandbox/channel.py', "
        "'/run/launcher.py', 'grader.sandbox', 'grader.sandbox.channel', True)"
    )
