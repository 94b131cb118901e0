"""A class in which some rows are attacks on the grader's own work: everybody else gets what they get without them.

    .venv/bin/python benchmarks/attacked_class.py [--honest 173] [--jobs 2] [--batches 60] [--keep DIR]

Two classes go through `grader batch exercise1-5k --warm`: honest notebooks alone, and the same ones with the attacks among
them (`ATTACKS`: names that take another's place, files that cost the host time or memory, records and pictures that break
who reads them, convolutions out of sight). Then the second class is marked again (`grader regrade`). Compared are status,
points and accuracy of every honest row; printed is what became of each attack, and the ratio of the wall times.
Each `fit` is cut to `--batches`, so that honest notebooks take seconds and what the host does weighs most.

Exit status: 0 where no honest row differs and the class with the attacks took at most 1.3 times as long, else 1.
"""

import argparse
import csv
import io
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import nbformat
import numpy as np

from grader.course.course import Course

MOST = 1.3
START = """\
import keras
import numpy as np
from keras import layers, ops
(x_train, y_train), (x_test, y_test) = keras.datasets.mnist.load_data()
x_train, x_test = x_train / 255.0, x_test / 255.0
"""
NETWORK = """\
model = keras.Sequential([
    keras.Input((28, 28)), layers.Flatten(), layers.Dense({units}, activation="{activation}"),
    layers.Dense(10, activation="softmax"),
])
"""
FIT = """\
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train, y_train, epochs=1, batch_size=64, verbose=2)
"""
HONEST = (START, NETWORK.format(units=64, activation="relu"), FIT)
CONVOLUTION = "layers.Conv2D(4, 3, strides=2, activation='relu')"
HIDDEN = """\
model = keras.Sequential([
    keras.Input((28, 28)), layers.Reshape((28, 28, 1)), {hidden}, layers.Flatten(), layers.Dense(10, activation="softmax"),
])
"""
OPERATIONS = """\
images = keras.Input((28, 28))
h = layers.Reshape((28, 28, 1))(images)
h = ops.relu(ops.conv(h, np.random.rand(3, 3, 1, 4).astype("float32"), strides=2))
model = keras.Model(images, layers.Dense(10, activation="softmax")(layers.Flatten()(h)))
"""
FORGED = """\
import json
recorder = get_ipython().grader_recorder
original = type(recorder)._write
def forged(self, candidates):
    original(self, candidates)
    path = self._folder / "record.json"
    record = json.loads(path.read_text())
    {change}
    path.write_text(json.dumps(record))
type(recorder)._write = forged
"""
BIG = 'for fit in record["fits"]: fit["batch_size"] = 10 ** 400; fit["epochs"] = 10 ** 400'
NOTES = 'record["notes"] = [f"a note {n}" for n in range(100_000)]'
UPDATES = """\
from IPython.display import display
shown = [display(n, display_id="one") for n in range(4000)]
for n in range(4000): shown[0].update(n)
"""
SHOW = (
    "from IPython.display import Image, display\nfor _ in range(4): display(Image(data=open('odd.png', 'rb').read()))"
)
HOLES = """\
for n in range(3):
    zeros = keras.Sequential([
        keras.Input((28, 28)), layers.Flatten(), layers.Dense(40_000, kernel_initializer="zeros"), layers.Dense(10),
    ])
    zeros.compile(loss="mse")
    zeros.fit(x_train[:8], np.zeros((8, 10)), verbose=0)
    globals()[f"zeros_{n}"] = zeros
"""
NAMED = """\
h = images = keras.Input((784,))
for n in range(400): h = layers.Dropout(0.1, name=f"{n}" + "x" * 1700)(h)
model = keras.Model(images, layers.Dense(10, activation="softmax")(h))
x_train = x_train.reshape(-1, 784)
"""

EXERCISE = "exercise1-5k"
Files = Mapping[str, bytes]
Row = tuple[str, str, str]


def notebook(*cells: str, outputs: Sequence[str] = ()) -> bytes:
    """A notebook of these code cells; the last one has `outputs` as saved text."""
    made = [nbformat.v4.new_code_cell(source) for source in cells]
    made[-1].outputs = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in outputs]
    return str(nbformat.writes(nbformat.v4.new_notebook(cells=made))).encode()


def handed_in(*cells: str, outputs: Sequence[str] = ()) -> Files:
    """One notebook."""
    return {"work.ipynb": notebook(*cells, outputs=outputs)}


def arrays(rows: np.ndarray) -> bytes:
    """Zeros take no room in a compressed file."""
    made = io.BytesIO()
    np.savez_compressed(made, x=rows)
    return made.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def odd_picture() -> bytes:
    """A PNG whose colour profile stands behind its pixels and has a broken header."""
    side = 400
    pixels = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"iCCP", b"a\0")
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def attacks() -> Iterator[tuple[str, str, Files]]:
    """What is tried, the student's folder, and what lies in it."""
    solution = "\n".join(HONEST)
    yield (
        "a convolution in a Pipeline",
        "pipeline",
        handed_in(START, HIDDEN.format(hidden=f"layers.Pipeline([{CONVOLUTION}])"), FIT),
    )
    yield "a convolution behind Activation", "activation", handed_in(
        START, f"inner = keras.Sequential([keras.Input((28, 28, 1)), {CONVOLUTION}])",
        HIDDEN.format(hidden="layers.Activation(inner)"), FIT,
    )  # fmt: skip
    yield "a convolution as an operation", "operations", handed_in(START, OPERATIONS, FIT)
    yield "a name of ours: evidence", "evidence", handed_in(*HONEST)
    yield "a name of ours: the gradebook's journal", "gradebook.sqlite-journal", handed_in(*HONEST)
    yield "a name of ours: the class page", "index.html", handed_in(*HONEST)
    yield "a name that is a formula and a title", "=1+1\x1b]0;x\x07", handed_in(*HONEST)
    yield "an inner folder called as the exercise", "inner", {"exercise1-5k/work.ipynb": notebook(*HONEST)}
    yield "a time stamp of one's own", "stamped", {
        "timestamp.txt": b"2020-01-01 00:00:00 UTC", "work.ipynb": notebook(*HONEST),
    }  # fmt: skip
    yield "folders 1,500 deep", "deep", {"/".join(["d"] * 1500) + "/work.ipynb": notebook(*HONEST)}
    yield "a folder where data is served", "served", {"dataset/x.txt": b"mine", "work.ipynb": notebook(*HONEST)}
    yield "resource forks of another system", "forks", {"._work.ipynb": b"\0\5\26\7", "work.ipynb": notebook(*HONEST)}
    yield (
        "6,000 cells, each names the one before",
        "chain",
        handed_in(*(f"a{n} = a{n - 1} if {n} else 0" if n else "a0 = 0" for n in range(6000))),
    )
    yield "200,000 cells of a module", "percent", {"work.py": b"#%%\n1\n" * 200_000}
    yield "cells of 199 kB of one-letter statements", "letters", handed_in(*["a=1\n" * 49_000] * 10)
    yield (
        "700 functions that call fit",
        "functions",
        handed_in("".join(f"def f{n}(m): m.fit()\n" for n in range(700)) + "".join(f"f{n}\n" for n in range(700))),
    )
    yield "60 long cells that fail", "failing", handed_in(*(f"{'x = 1; ' * 2000}unknown_{n}" for n in range(60)))
    yield "200,000 lines of blanks", "blanks", handed_in(*HONEST, " \n" * 100_000)
    yield "a picture one pixel high", "wide", {
        "rows.npz": arrays(np.zeros((1, 1, 16_777_216), np.uint8)), "work.ipynb": notebook(*HONEST),
    }  # fmt: skip
    yield "20 MB of empty objects", "objects", {"work.ipynb": b'{"cells": [' + b"{}," * 7_000_000 + b"{}]}"}
    yield "100,000 notes in the record", "notes", handed_in(*HONEST, FORGED.format(change=NOTES))
    yield "numbers of 400 digits in the record", "numbers", handed_in(*HONEST, FORGED.format(change=BIG))
    yield "a picture with a chunk behind its pixels", "picture", {
        "odd.png": odd_picture(), "work.ipynb": notebook(*HONEST, SHOW),
    }  # fmt: skip
    yield "8,000 updates of one display", "updates", handed_in(*HONEST, UPDATES)
    yield "layers with names of 1,700 characters", "named", handed_in(START, NAMED, FIT)
    yield "networks of zeros", "holes", handed_in(START, HOLES, NETWORK.format(units=16, activation="relu"), FIT)
    yield "saved outputs of one word over and over", "outputs", handed_in(*HONEST, outputs=["acc" * 350_000])
    yield "a solution behind 200,000 characters", "comment", handed_in(f"# {'x' * 200_000}\n{solution}")


def honest(count: int) -> Iterator[tuple[str, Files]]:
    """As many students, each with a network of another size."""
    for number in range(count):
        activation = ("relu", "tanh", "elu")[number % 3]
        yield f"student-{number:03}", handed_in(START, NETWORK.format(units=16 + number, activation=activation), FIT)


def write(folder: Path, rows: Sequence[tuple[str, Files]]) -> Path:
    """A folder for each student; made step by step, because pathlib descends by recursion."""
    for student, files in rows:
        for name, content in files.items():
            place = folder
            for part in ("", student, *name.split("/")[:-1]):
                place = place / part
                place.mkdir(exist_ok=True)
            (place / name.split("/")[-1]).write_bytes(content)
    return folder


def write_course(folder: Path, batches: int) -> Path:
    """The course with its demonstration on 5,000 digits, each `fit` cut to so many batches."""
    for room in ("assignments", "datasets", "reference"):
        shutil.copytree(Course.at().root / room, folder / room)
    rubric = folder / "assignments" / EXERCISE / "assignment.toml"
    text = rubric.read_text(encoding="utf-8")
    rubric.write_text(text.replace("[run]", f"[run]\nbatches = {batches}", 1), encoding="utf-8")
    return folder


def grade(command: str, course: Path, *words: str) -> tuple[float, int, str]:
    """Seconds that `grader COMMAND` took, its exit status and what it said."""
    started = time.monotonic()
    line = [sys.executable, "-m", "grader", command, EXERCISE, *words, "--course", str(course)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    return time.monotonic() - started, done.returncode, done.stdout + done.stderr


def rows_of(out: Path) -> dict[str, Row]:
    """Of every student in `gradebook.csv`: status, points and accuracy."""
    with (out / "gradebook.csv").open(encoding="utf-8-sig", newline="") as file:
        return {row["student"]: (row["status"], row["points"], row["accuracy"]) for row in csv.DictReader(file)}


def compare(alone: Mapping[str, Row], among: Mapping[str, Row], when: str) -> int:
    """Print every honest row that is different; how many are."""
    different = [student for student, row in alone.items() if among.get(student) != row]
    for student in different:
        print(f"  {student}: {alone[student]} alone, {among.get(student, 'no row')} {when}")
    print(f"{len(alone) - len(different)} of {len(alone)} honest rows are the same {when}")
    return len(different)


def main() -> None:
    """Run both classes, mark the second one again, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--honest", type=int, default=173)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--batches", type=int, default=60)
    parser.add_argument("--keep", type=Path, help="a folder that does not exist yet, to look at everything afterwards")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = options.keep or Path(temporary) / "benchmark"
        root.mkdir(parents=True)
        course = write_course(root / "course", options.batches)
        good, bad = list(honest(options.honest)), list(attacks())
        more = ("--jobs", str(options.jobs), "--warm")
        alone, status, said = grade(
            "batch", course, str(write(root / "alone", good)), "--out", str(root / "out-alone"), *more
        )
        if status:
            sys.exit(f"the honest class ended with {status}:\n{said[-3000:]}")
        mixed = write(root / "among", [*good, *((student, files) for _, student, files in bad)])
        among, status, said = grade("batch", course, str(mixed), "--out", str(root / "out-among"), *more)
        expected = rows_of(root / "out-alone")
        found = rows_of(root / "out-among")
        wrong = compare(expected, found, f"in the class with the attacks (exit status {status})")
        again, status, said = grade("regrade", course, str(root / "out-among"))
        wrong += compare(
            expected, rows_of(root / "out-among"), f"after `regrade` (exit status {status}, {again:.1f} s)"
        )
        for title, student, _ in bad:
            told = next((row for name, row in found.items() if student[:4] in name), None)  # a formula is guarded
            print(f"  {title:45} {' '.join(told) if told else 'no row of this name'}")
        print(f"{len(found)} rows of {len(good) + len(bad)}; {alone:.0f} s alone, {among:.0f} s with the attacks: "
              f"{among / alone:.2f} times (at most {MOST})")  # fmt: skip
        sys.exit(1 if wrong or len(found) < len(good) + len(bad) or among > MOST * alone else 0)


if __name__ == "__main__":
    main()
