"""Plays a student's first session by the tutorial, and records it: real commands, real output, real times.

    make student-session

packs the wheel for students, makes a home that holds nothing, and types what docs/tutorial/for-students.md says, from the
installation to a right solution of exercise 1. What was typed and answered goes to docs/tutorial/student-session.txt.
MNIST is downloaded, unless GRADER_DATA names a folder that has it: the first lines say which.
"""

import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from grader.authoring.student_wheel import pack_wheel, students_course
from grader.course.course import Course

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "docs" / "tutorial" / "student-session.txt"
WIDTH = 118

PREPARED = "x_train = x_train.reshape(60000, 784) / 255\nx_test = x_test.reshape(10000, 784) / 255"
NETWORK = """\
model = keras.Sequential([
    keras.Input(shape=(784,)),
    layers.Dense(400, activation="relu"),
    layers.Dense(100, activation="relu"),
    layers.Dense(10{last}),
])
model.summary()"""
TRAINING = """\
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit({images}, y_train, epochs=10, batch_size=128, validation_data=(x_test, y_test))"""
PLOT = """\
plt.plot(history.history["accuracy"], label="training")
plt.plot(history.history["val_accuracy"], label="test")
plt.legend()
plt.show()
print(model.evaluate(x_test, y_test))"""
FORGOTTEN, SOFTMAX = "", ', activation="softmax"'


@dataclass(frozen=True)
class Typed:
    """A line in the terminal."""

    command: str


@dataclass(frozen=True)
class Written:
    """What the student writes into cells of the notebook, by the cell's id, and a word about it."""

    about: str
    cells: dict[str, str]


def steps(wheel: str) -> list[Typed | Written]:
    """The session, from nothing to a right solution."""
    return [
        Typed("python3 -m venv ~/grader-env"),
        Typed(f"~/grader-env/bin/pip install --quiet {wheel}"),
        Typed(". ~/grader-env/bin/activate"),
        Typed("cd my-exercise"),
        Typed("grader check exercise1"),
        Written(
            "The notebook is filled in; a name is misspelt, and the activation of the last layer is forgotten.",
            {
                "cell-07": PREPARED,
                "cell-09": NETWORK.format(last=FORGOTTEN),
                "cell-11": TRAINING.format(images="x_trian"),
                "cell-13": PLOT,
            },
        ),
        Typed("grader check exercise1"),
        Written("The name is corrected.", {"cell-11": TRAINING.format(images="x_train")}),
        Typed("grader check exercise1"),
        Written("So is the last layer.", {"cell-09": NETWORK.format(last=SOFTMAX)}),
        Typed("grader check exercise1"),
        Typed("grader check exercise1 --full"),
    ]


class Terminal:
    """A shell in a fresh home; `cd` and `activate` last from one line to the next, as they do for a student."""

    def __init__(self, home: Path) -> None:
        self._home, self._before = home, "cd ~"
        kept = ("PATH", "GRADER_DATA", "PIP_CERT", "SSL_CERT_FILE", "HTTPS_PROXY", "https_proxy", "TZ")
        self._environment = {name: os.environ[name] for name in kept if name in os.environ} | {
            "HOME": str(home), "LANG": "C.UTF-8", "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_CACHE_DIR": "1", "COLUMNS": str(WIDTH),
        }  # fmt: skip
        own = Path(sys.prefix, "bin")
        found = self._environment.get("PATH", os.defpath).split(os.pathsep)
        self._environment["PATH"] = os.pathsep.join(folder for folder in found if Path(folder) != own)

    def type(self, command: str) -> list[str]:
        """Type a line; what the terminal shows for it, and how long it took."""
        started = time.monotonic()
        done = subprocess.run(
            ["bash", "-c", f"{self._before}; {command}"], env=self._environment, capture_output=True, text=True
        )
        took = time.monotonic() - started
        if command.startswith(("cd ", ". ")):
            self._before += f"; {command}"
        if done.returncode not in (0, 1):  # 1: something in the work is to be mended, as the session shows
            raise SystemExit(f"{command}: ended with {done.returncode}; the record stays as it was.\n{done.stderr}")
        said = f"{done.stdout}{done.stderr}".replace(str(self._home), "/home/student")
        sys.stderr.write(f"{took:6.1f} s  {command}\n")
        return [f"$ {command}", *said.splitlines(), f"[{took:.1f} s, exit code {done.returncode}]", ""]


def write_into(notebook: Path, written: Written) -> list[str]:
    """Write code into cells of the notebook; what was written, for the record."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    by_id = {cell["id"]: cell for cell in content["cells"]}
    lines = [f"--- {written.about}"]
    for name, source in written.cells.items():
        by_id[name]["source"] = source
        number = [cell["id"] for cell in content["cells"] if cell["cell_type"] == "code"].index(name) + 1
        lines += [f"    code cell {number}:", *(f"    | {line}" for line in source.splitlines())]
    notebook.write_text(json.dumps(content), encoding="utf-8")
    return [*lines, ""]


def head(wheel: str, size: int) -> list[str]:
    """What the record is, and of which machine."""
    data = "was there before (GRADER_DATA)" if "GRADER_DATA" in os.environ else "is downloaded on the way"
    return [
        "A student's first session, typed by `make student-session` after docs/tutorial/for-students.md: nothing is cut.",
        f"{datetime.now(UTC):%d %B %Y}; {platform.system()} on {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}; MNIST {data}.",
        f"The home folder holds nothing but {wheel} ({size >> 10} KiB), as the instructor gave it, and",
        "my-exercise/ with starter.ipynb of exercise 1.",
        "",
    ]  # fmt: skip


def main() -> None:
    """Play the session in a home that is thrown away, and write the record."""
    with tempfile.TemporaryDirectory(prefix="student-") as folder:
        home = Path(folder)
        wheel = pack_wheel(students_course(Course.at()), datetime.now(UTC))
        (home / wheel.name).write_bytes(wheel.data)
        notebook = home / "my-exercise" / "starter.ipynb"
        notebook.parent.mkdir()
        notebook.write_bytes((Course.at().root / "assignments" / "exercise1" / "starter.ipynb").read_bytes())
        terminal, lines = Terminal(home), head(wheel.name, len(wheel.data))
        for step in steps(shlex.quote(wheel.name)):
            lines += terminal.type(step.command) if isinstance(step, Typed) else write_into(notebook, step)
        size = sum(path.lstat().st_size for path in (home / "grader-env").rglob("*"))
        lines.append(f"~/grader-env takes {size / 1e9:.1f} GB of disk.")
    RECORD.write_text("\n".join([*(line.rstrip() for line in lines), ""]), encoding="utf-8")
    sys.stderr.write(f"{RECORD}\n")


if __name__ == "__main__":
    main()
