"""A module in a real sandbox: how it is loaded, and what becomes of its answers and errors."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from grader.core.errors import Infrastructure
from grader.functions import module_process
from grader.functions.cases import unpack_array
from grader.functions.module_process import LostError, ModuleProcess, start_module
from grader.sandbox import open_sandbox
from grader.sandbox.interface import Sandbox
from tests.functions.processes import ask, job, loaded, told

ANSWERS = """\
import collections, decimal, fractions
import numpy as np
Size = collections.namedtuple("Size", "rows columns")
class Table(np.ndarray):
    def __array_finalize__(self, other): raise KeyboardInterrupt
class Sly(np.ndarray):
    def __reduce__(self): raise SystemExit
    def tobytes(self, *args): return b"forged" * 1000
    def astype(self, *args, **kwargs): raise SystemExit
    @property
    def dtype(self): return np.dtype(object)
    @property
    def shape(self): return (10**9,)
    nbytes = -5
class Liar:
    __class__ = np.ndarray
    def __array__(self, *args, **kwargs): return np.ones(2)
class Quiet:
    __class__ = property(lambda self: 1 / 0)
class Number(int):
    def __index__(self): raise ValueError("no index")
    __int__ = __float__ = __index__
def cycle():
    values = []
    values.append(values)
    return values
def generated():
    yield 1
answers = {
    "float64": lambda x: x * 2, "big endian": lambda x: x.astype(">f4"),
    "column order": lambda x: np.asfortranarray(x), "view": lambda x: x[:, ::-2], "zero-d": lambda x: np.array(3),
    "empty": lambda x: x[:, :0], "half": lambda x: np.float16(0.1),
    "long double": lambda x: np.array([1], np.longdouble), "unsigned": lambda x: np.array([2**64 - 1], np.uint64),
    "matrix": lambda x: np.matrix([[1, 2]]), "masked": lambda x: np.ma.array([1, 2], mask=[0, 1]),
    "int": lambda x: 3, "bool": lambda x: True, "float": lambda x: 0.5, "nan": lambda x: float("nan"),
    "tuple": lambda x: (1, 2.5), "named tuple": lambda x: Size(1, 2), "tuple of arrays": lambda x: (x, x),
    "list": lambda x: [[1], [2]], "ragged": lambda x: [[1], [2, 3]], "ragged tuple": lambda x: (1, (2, 3)),
    "none": lambda x: None, "tuple of none": lambda x: (None, 1), "list of text": lambda x: ["a"],
    "text": lambda x: "3", "set": lambda x: {1}, "generator": lambda x: generated(), "complex": lambda x: 1j,
    "complex array": lambda x: x * 1j, "objects": lambda x: x.astype(object), "texts": lambda x: x.astype(str),
    "dates": lambda x: np.array(["2026-01-01"], "M8[D]"), "records": lambda x: np.zeros(2, "i4,f8"),
    "decimal": lambda x: decimal.Decimal(1), "fraction": lambda x: fractions.Fraction(1, 3),
    "huge int": lambda x: 10**400, "wide": lambda x: np.broadcast_to(0.0, (10**9, 10**9)),
    "1 GB": lambda x: np.zeros(10**9, np.uint8), "cycle": lambda x: cycle(), "deep": lambda x: np.zeros((1,) * 64),
    "finalize": lambda x: x.view(Table), "sly": lambda x: np.ones(2).view(Sly), "liar": lambda x: Liar(),
    "quiet": lambda x: Quiet(), "number": lambda x: Number(7), "module": lambda x: np,
}
def f(x, name):
    return answers[name](x)
"""


@pytest.fixture(scope="module")
def answering(sandbox: Sandbox) -> Iterator[ModuleProcess]:
    with loaded(sandbox, ANSWERS) as process:
        yield process


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("float64", "array <f8 (2, 3) [0.0, 2.0, 4.0]"),
        ("big endian", "array <f4 (2, 3) [0.0, 1.0, 2.0]"),
        ("column order", "array <f8 (2, 3) [0.0, 1.0, 2.0]"),
        ("view", "array <f8 (2, 2) [2.0, 0.0, 5.0]"),
        ("zero-d", "array <i8 () [3]"),
        ("empty", "array <f8 (2, 0) []"),
        ("half", "number <f2 () [0.0999755859375]"),
        ("long double", "array <f8 (1,) [1.0]"),
        ("unsigned", "array <u8 (1,) [18446744073709551615]"),
        ("matrix", "array <i8 (1, 2) [1, 2]"),
        ("masked", "array <i8 (2,) [1, 2]"),
        ("int", "number <i8 () [3]"),
        ("bool", "number |b1 () [True]"),
        ("float", "number <f8 () [0.5]"),
        ("nan", "number <f8 () [nan]"),
        ("tuple", "tuple <f8 (2,) [1.0, 2.5]"),
        ("named tuple", "tuple <i8 (2,) [1, 2]"),
        ("tuple of arrays", "tuple <f8 (2, 2, 3) [0.0, 1.0, 2.0]"),
        ("list", "list <i8 (2, 1) [1, 2]"),
        ("ragged", "returned: a list that is not a table of numbers"),
        ("ragged tuple", "returned: a tuple that is not a table of numbers"),
        ("none", "returned: nothing (None)"),
        ("tuple of none", "returned: a tuple that holds more than numbers"),
        ("list of text", "returned: a list that holds more than numbers"),
        ("text", "returned: an object of type str"),
        ("set", "returned: an object of type set"),
        ("generator", "returned: an object of type generator"),
        ("complex", "returned: an object of type complex"),
        ("complex array", "returned: an array of dtype complex128"),
        ("objects", "returned: an array of dtype object"),
        ("texts", "returned: an array of dtype <U32"),
        ("dates", "returned: an array of dtype datetime64[D]"),
        ("records", "returned: an array of dtype [('f0', '<i4'), ('f1', '<f8')]"),
        ("decimal", "returned: an object of type Decimal"),
        ("fraction", "returned: an object of type Fraction"),
        ("huge int", "returned: a number that NumPy can't hold"),
        ("deep", "returned: numbers in 64 dimensions"),
        ("wide", "returned: numbers of 7,629,394,531,250 MiB in all"),
        ("1 GB", "returned: numbers of 954 MiB in all"),
        ("sly", "array <f8 (2,) [1.0, 1.0]"),
        ("liar", "array <f8 (2,) [1.0, 1.0]"),
        ("module", "returned: an object of type module"),
    ],
)
def test_an_answer_leaves_as_numbers_or_as_what_it_is(answering: ModuleProcess, name: str, words: str) -> None:
    assert told(ask(answering, "f", np.arange(6.0).reshape(2, 3), name)) == words


@pytest.mark.parametrize("name", ["finalize", "quiet", "number", "cycle"])
def test_an_answer_that_fails_while_it_is_looked_at_is_told_as_an_error_or_as_what_it_is(
    answering: ModuleProcess, name: str
) -> None:
    assert ask(answering, "f", np.ones((1, 1)), name).value is None
    assert told(ask(answering, "f", np.ones(1), "int")) == "number <i8 () [3]"


ERRORS = """\
import numpy as np
class Nameless(Exception):
    def __str__(self): raise RuntimeError("no words")
class Deep(Exception):
    pass
def chain(depth):
    error = None
    for _ in range(depth):
        new = Deep("x" * 10)
        new.__cause__ = error
        error = new
    return error
def f(x, name):
    if name == "plain": raise ValueError("the second\\nline \\x1b[31mred")
    if name == "exit": raise SystemExit("bye")
    if name == "interrupt": raise KeyboardInterrupt
    if name == "nameless": raise Nameless
    if name == "long": raise ValueError("x" * 10**6)
    if name == "surrogate": raise ValueError("\\ud800")
    if name == "recursion": return f(x, name)
    if name == "memory": return np.zeros(1 << 43)
    if name == "chain": raise chain(500)
    if name == "group": raise ExceptionGroup("many", [ValueError(n) for n in range(1000)])
    if name == "input": return input("verdict?")
    if name == "missing": return undefined
    if name == "assert": assert x is None, "no None"
    return 1
"""


@pytest.fixture(scope="module")
def raising(sandbox: Sandbox) -> Iterator[ModuleProcess]:
    with loaded(sandbox, ERRORS) as process:
        yield process


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("plain", "raised ValueError: the second\nline red"),
        ("exit", "raised SystemExit: bye"),
        ("interrupt", "raised KeyboardInterrupt"),
        ("nameless", "raised Nameless: (its message could not be read)"),
        ("surrogate", "raised ValueError: ?"),
        ("recursion", "raised RecursionError: maximum recursion depth exceeded"),
        ("memory", "raised MemoryError: Unable to allocate 64.0 TiB"),
        ("chain", "raised Deep: xxxxxxxxxx"),
        ("group", "raised ExceptionGroup: many (1000 sub-exceptions)"),
        ("input", "raised EOFError: EOF when reading a line"),
        ("missing", "raised NameError: name 'undefined' is not defined"),
        ("assert", "raised AssertionError: no None"),
    ],
)
def test_an_exception_is_told_by_name_and_message_and_the_process_lives_on(
    raising: ModuleProcess, name: str, words: str
) -> None:
    call = ask(raising, "f", np.ones(1), name)
    assert (call.outcome, call.value) == ("raised", None)
    assert call.said.startswith(words)
    assert told(ask(raising, "f", np.ones(1), "fine")) == "number <i8 () [1]"


def test_a_long_message_is_cut(raising: ModuleProcess) -> None:
    assert len(ask(raising, "f", np.ones(1), "long").said) < 2100


def test_each_call_gets_fresh_arguments_and_none_of_the_host_s_is_changed(sandbox: Sandbox) -> None:
    with loaded(
        sandbox, "kept = []\ndef f(x, y):\n    kept.append(x)\n    x += 1\n    return x + y * (kept[0] is x)"
    ) as process:
        mine = np.zeros(2, ">f4")
        for _ in range(2):
            call = ask(process, "f", mine, 0)
            assert told(call) == "array <f4 (2,) [1.0, 1.0]"
            assert unpack_array(call.arguments[0]).tolist() == [0, 0]  # type: ignore[arg-type]
        assert mine.tolist() == [0, 0]


def test_arguments_arrive_as_what_they_are(sandbox: Sandbox) -> None:
    source = (
        "import numpy as np\ndef f(*a):\n    kinds = [str(x.dtype) + str(x.shape) if isinstance(x, np.ndarray) else "
        "type(x).__name__ + str(x) for x in a]\n    raise ValueError(' '.join(kinds))"
    )
    given = (np.zeros((2, 0), np.uint8), np.array(1.5, ">f2"), np.ones((1, 2), bool), 3, -0.5, 10**30, "same ü")
    with loaded(sandbox, source) as process:
        assert ask(process, "f", *given).said == (
            "raised ValueError: uint8(2, 0) float16() bool(1, 2) int3 float-0.5 int1000000000000000000000000000000 strsame ü"
        )


LOADS = {
    "missing": ("x = 1", {"f": "missing"}),
    "none": ("f = None", {"f": "missing"}),
    "number": ("f = 3", {"f": "no function, but int"}),
    "too few": ("def f(image): return 1", {"f": "f(image)"}),
    "too many": ("def f(a, b, c): return 1", {"f": "f(a, b, c)"}),
    "keywords": ("def f(a, *, b): return 1", {"f": "f(a, *, b)"}),
    "defaults": ("def f(a, b, c=1): return 1", {}),
    "any": ("def f(*images): return 1", {}),
    "class": ("class f:\n    def __init__(self, a, b): pass", {}),
    "built in": ("f = max", {}),
    "ufunc": ("import numpy as np\nf = np.add", {}),
    "partial": ("import functools\nf = functools.partial(print, 1)", {}),
    "odd signature": ("def f(a, b): return 1\nf.__signature__ = 'none of yours'", {}),
    "raises": ("def f(a, b): return 1\nraise ValueError('after it')", {}),
    "raises first": ("raise ValueError('before it')\ndef f(a, b): return 1", {"f": "missing"}),
    "exits": ("def f(a, b): return 1\nimport sys; sys.exit(0)", {}),
    "no Python": ("def f(a, b) return 1", {"f": "missing"}),
    "below main": ("if __name__ == '__main__':\n    def f(a, b): return 1", {"f": "missing"}),
}


@pytest.mark.parametrize("kind", LOADS)
def test_what_is_wrong_with_a_function_is_known_before_it_is_called(sandbox: Sandbox, kind: str) -> None:
    source, problems = LOADS[kind]
    with start_module(job(source, wanted={"f": 2}), sandbox) as process:
        found = process.load()
    assert found.problems == problems
    error = found.errors[0]
    named = {"raises": "ValueError", "raises first": "ValueError", "exits": "SystemExit", "no Python": "SyntaxError"}
    assert (error.name if error else None) == named.get(kind)


def test_cells_share_their_names_and_one_that_fails_does_not_end_the_others(sandbox: Sandbox) -> None:
    cells = ("import numpy as np\ns = 'ü'", "%matplotlib inline", "1 / 0", "def f(x): return np.ones(len(s))")
    with start_module(job(*cells, name="mine.ipynb"), sandbox) as process:
        found = process.load()
        assert [error.name if error else None for error in found.errors] == [
            None,
            "SyntaxError",
            "ZeroDivisionError",
            None,
        ]
        assert found.errors[2] is not None
        assert "guest.py" not in found.errors[2].traceback
        assert told(ask(process)) == "array <f8 (1,) [1.0]"


def test_what_a_cell_imports_from_the_future_holds_for_the_cells_after_it(sandbox: Sandbox) -> None:
    cells = ("from __future__ import annotations", "def f(x: Undefined) -> Later: return 1", "class Later: pass")
    with start_module(job(*cells), sandbox) as process:
        assert process.load().errors == (None, None, None)


def test_modules_and_files_beside_it_can_be_used(sandbox: Sandbox) -> None:
    files = {
        "mine.py": b"",
        "windows.py": b"SIZE = 3",
        "parts/__init__.py": b"",
        "parts/sums.py": b"ONE = 1",
        "n.txt": b"5",
    }
    source = (
        "from windows import SIZE\nfrom parts.sums import ONE\ndef f(x): return SIZE + ONE + int(open('n.txt').read())"
    )
    with start_module(job(source, files=files), sandbox) as process:
        assert process.load().errors == (None,)
        assert told(ask(process)) == "number <i8 () [9]"


@pytest.mark.parametrize(
    "name", ["numpy.py", "json.py", "socket.py", "traceback.py", "__main__.py", "grader.py", "two words.py"]
)
def test_a_module_may_be_called_what_it_likes(sandbox: Sandbox, name: str) -> None:
    files = {name: b"raise SystemExit", "random.py": b"raise SystemExit"}
    with start_module(
        job("def f(x): return 3\ndef g(x): raise ValueError('no')", files=files, name=name), sandbox
    ) as process:
        assert process.load().errors == (None,)
        assert told(ask(process)) == "number <i8 () [3]"
        assert told(ask(process, "g")) == "raised: raised ValueError: no"


def test_a_module_of_megabytes_can_be_loaded(sandbox: Sandbox) -> None:
    source = f"TEXT = '{'ä' * 3_000_000}'\ndef f(x): return len(TEXT)"
    with loaded(sandbox, source) as process:
        assert told(ask(process)) == "number <i8 () [3000000]"


def test_what_a_module_prints_does_not_reach_the_host_and_stops_nothing(
    sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    source = (
        "import sys, os\ndef f(x):\n    print('::error::' * 10**6)\n    os.write(2, b'y' * 10**7)\n    return 1\nf(0)"
    )
    with loaded(sandbox, source) as process:
        assert told(ask(process)) == "number <i8 () [1]"
    assert capfd.readouterr() == ("", "")


def test_a_process_that_never_says_ready_is_our_fault(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "guest.py").write_text("print('broken guest')\nraise SystemExit(3)\n")
    tmp_path.chmod(0o755)
    monkeypatch.setattr(module_process, "FOLDER", tmp_path)
    (tmp_path.parent / "sandbox").mkdir(exist_ok=True)
    (tmp_path.parent / "sandbox" / "channel.py").write_text("")
    with pytest.raises(Infrastructure, match="broken guest"), start_module(job("f = None"), sandbox):
        pass


def test_without_a_sandbox_a_student_s_own_work_is_called_all_the_same() -> None:
    with loaded(open_sandbox("none"), "import numpy as np\ndef f(x): return np.flip(x)") as process:
        assert told(ask(process, "f", np.arange(3.0))) == "array <f8 (3,) [2.0, 1.0, 0.0]"
        with pytest.raises(LostError, match="ended the process itself"):
            process.call("f", "group", ({"no": "argument"},))  # type: ignore[arg-type]
